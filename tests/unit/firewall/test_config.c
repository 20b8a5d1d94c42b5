// SPDX-License-Identifier: BSD-3-Clause
// What is refused, with which words, and what is taken.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_eal.h"
#include "config.h"
#include "fixture.h"

static int create(const char *json, void **ret_config, struct cat_err *err)
{
	cat_autonode struct cat_node *tree = NULL;
	if (json && cat_tree_parse_json("config", json, strlen(json), &tree, err) < 0)
		fail_msg("%s", err->message);
	return cat_firewall_ops.config_create(tree, ret_config, err);
}

#define RULE(members) "{\"rules\": [{\"name\": \"a\", \"action\": \"accept\"" members "}]}"

#define NAMED(members)                                                                                                 \
	"{\"addresses\": {\"servers\": [\"10.1.0.0/16\", \"2001:db8:1::/48\"]}, \"services\": {\"web\": "              \
	"{\"protocol\": \"tcp\", \"destination_ports\": [80, 443]}, \"ping\": {\"protocol\": \"icmp\", "               \
	"\"icmp_type\": 8}}, "                                                                                         \
	"\"zones\": {\"inside\": {\"side\": \"left\", \"prefixes\": [\"servers\", \"10.2.0.0/16\"]}}, "                \
	"\"rules\": [{\"name\": \"a\", \"action\": \"accept\"" members "}]}"

static void refuses(void **state)
{
	static const struct {
		const char *json, *message;
	} bad[] = {
		{"[]", "found a list, expected a map"},
		{"{\"defaults\": \"drop\"}", "/defaults: unknown key, expected one of: default, rules, arp, "
					     "neighbour_discovery, non_ip, timeouts, max_connections, reject_rate, "
					     "addresses, services, zones, anti_spoofing, log_default, max_per_source, "
					     "on_change, fragments, log_rate"},
		{"{\"default\": \"reject\"}", "/default: found \"reject\", expected one of: \"drop\", \"accept\""},
		{"{\"default\": true}", "/default: "},
		{"{\"arp\": \"maybe\"}", "/arp: found \"maybe\""},
		{"{\"max_connections\": 0}", "/max_connections: "},
		{"{\"max_connections\": 16777217}", "/max_connections: "},
		{"{\"reject_rate\": -1}", "/reject_rate: "},
		{"{\"timeouts\": {\"tcp\": 3}}", "/timeouts/tcp: unknown key, expected one of: tcp_half_open_s"},
		{"{\"timeouts\": {\"udp_s\": 0}}", "/timeouts/udp_s: "},
		{"{\"timeouts\": {\"udp_s\": 604801}}", "/timeouts/udp_s: "},
		{"{\"timeouts\": []}", "/timeouts: "},
		{"{\"rules\": {}}", "/rules: "},
		{"{\"rules\": [3]}", "/rules/0: found 3, expected a map"},
		{"{\"rules\": [{\"action\": \"drop\"}]}", "/rules/0"},
		{"{\"rules\": [{\"name\": \"a\"}]}", "/rules/0"},
		{"{\"rules\": [{\"name\": \"\", \"action\": \"drop\"}]}",
		 "/rules/0/name: found \"\", expected at most 40"},
		{"{\"rules\": [{\"name\": \"a b\", \"action\": \"drop\"}]}", "/rules/0/name: found \"a b\""},
		{"{\"rules\": [{\"name\": \"-a\", \"action\": \"drop\"}]}", "/rules/0/name: found \"-a\""},
		{"{\"rules\": [{\"name\": \"a\", \"action\": \"pass\"}]}",
		 "/rules/0/action: found \"pass\", expected one of: \"accept\", \"drop\", \"reject\""},
		{"{\"rules\": [{\"name\": \"a\", \"action\": \"drop\"}, {\"name\": \"b\", \"action\": \"drop\"}, "
		 "{\"name\": \"a\", \"action\": \"drop\"}]}",
		 "/name: found \"a\" a second time"},
		{"{\"rules\": [{\"name\": \"a\", \"action\": \"drop\", \"track\": false}]}",
		 "/rules/0/track: is only for"},
		{RULE(", \"logged\": true"), "/rules/0/logged: unknown key"},
		{RULE(", \"log\": 1"), "/rules/0/log: "},
		{RULE(", \"limit\": 0"), "/rules/0/limit: "},
		{"{\"rules\": [{\"name\": \"a\", \"action\": \"drop\", \"limit\": 1}]}",
		 "/rules/0/limit: is only for rules with \"action: accept\""},
		{"{\"log_rate\": 10001}", "/log_rate: "},
		{"{\"max_per_source\": 0}", "/max_per_source: "},
		{"{\"on_change\": \"drop\"}", "/on_change: found \"drop\", expected one of: \"keep\", \"judge\""},
		{"{\"addresses\": []}", "/addresses: "},
		{"{\"addresses\": {\"1a\": \"10.0.0.0/8\"}}", "/addresses/1a: is no name"},
		{"{\"addresses\": {\"fe80::1\": \"10.0.0.0/8\"}}", "/addresses/fe80::1: is no name"},
		{"{\"addresses\": {\"a\": []}}", "/addresses/a: found a list of 0"},
		{"{\"addresses\": {\"a\": [\"b\"]}}", "/addresses/a/0: found \"b\", expected a prefix"},
		{"{\"addresses\": {\"a\": \"b\", \"b\": [\"10.0.0.0/8\", \"a\"]}}", "in a circle, or more than 4 deep"},
		{"{\"services\": {\"a b\": {}}}", "/services/a b: is no name"},
		{"{\"zones\": {\"a\": 1}}", "/zones/a: found 1, expected a map"},
		{"{\"zones\": {\"a\": {\"side\": \"up\"}}}", "/zones/a/side: found \"up\""},
		{"{\"zones\": {\"a\": {\"side\": \"left\", \"prefixes\": \"x\"}}}", "/zones/a/prefixes: found \"x\""},
		{"{\"anti_spoofing\": {\"left\": \"10.0.0.1/8\"}}", "/anti_spoofing/left: found 10.0.0.1/8"},
		{"{\"anti_spoofing\": {\"up\": \"10.0.0.0/8\"}}", "/anti_spoofing/up: unknown key"},
		{RULE(", \"service\": \"web\""), "/rules/0/service: found \"web\", expected the name of a service"},
		{RULE(", \"service\": []"), "/rules/0/service: found a list of 0"},
		{RULE(", \"service\": \"web\", \"protocol\": \"tcp\""), "/rules/0/protocol: is said by \"service\""},
		{RULE(", \"from_zone\": \"a\""), "/rules/0/from_zone: found \"a\", expected the name of a zone"},
		{NAMED(", \"service\": [\"web\", 3]"), "/rules/0/service/1: found 3"},
		{"{\"services\": {\"web\": {\"destination_ports\": 80}}}",
		 "/services/web/destination_ports: ports need"},
		{"{\"services\": {\"web\": [{\"ports\": 80}]}}", "/services/web/0/ports: unknown key"},
		{NAMED(", \"service\": \"ping\", \"source\": \"2001:db8::/32\""), "/rules/0: can match nothing"},
		{NAMED(", \"from\": \"right\", \"from_zone\": \"inside\""), "/rules/0: can match nothing: \"from\""},
		{NAMED(", \"to_zone\": \"inside\", \"from_zone\": \"inside\""),
		 "/rules/0: can match nothing: \"from\""},
		{NAMED(", \"from_zone\": \"inside\", \"source\": \"192.0.2.0/24\""),
		 "/rules/0/from_zone: can match nothing: the zone holds none"},
		{RULE(", \"from\": \"lan\""),
		 "/rules/0/from: found \"lan\", expected one of: \"left\", \"right\", \"any\""},
		{RULE(", \"protocol\": \"sctp\""), "/rules/0/protocol: found \"sctp\", expected tcp, udp"},
		{RULE(", \"protocol\": 256"), "/rules/0/protocol: found 256"},
		{RULE(", \"protocol\": [\"tcp\"]"), "/rules/0/protocol: found a list"},
		{RULE(", \"source\": \"10.0.0.0/33\""), "/rules/0/source: found \"10.0.0.0/33\", expected a prefix"},
		{RULE(", \"source\": \"10.0.0.1/8\""),
		 "/rules/0/source: found 10.0.0.1/8, which has bits set behind its "
		 "length, expected 10.0.0.0/8"},
		{RULE(", \"source\": 10"), "/rules/0/source: found 10"},
		{RULE(", \"source\": []"), "/rules/0/source: found a list of 0, expected 1 to 1024"},
		{RULE(", \"destination\": [\"10.0.0.0/8\", \"x\"]"), "/rules/0/destination/1: found \"x\""},
		{RULE(", \"source\": \"10.0.0.0/8\", \"destination\": \"2001:db8::/32\""),
		 "/rules/0: can match nothing"},
		{RULE(", \"protocol\": \"icmp\", \"source\": \"2001:db8::/32\""), "/rules/0: can match nothing"},
		{RULE(", \"destination_ports\": 80"), "/rules/0/destination_ports: ports need \"protocol: tcp\""},
		{RULE(", \"protocol\": \"icmp\", \"source_ports\": 80"), "/rules/0/source_ports: ports need"},
		{RULE(", \"protocol\": \"tcp\", \"source_ports\": 65536"), "/rules/0/source_ports: found 65536"},
		{RULE(", \"protocol\": \"tcp\", \"source_ports\": \"1-\""), "/rules/0/source_ports: found \"1-\""},
		{RULE(", \"protocol\": \"tcp\", \"source_ports\": \"9-8\""), "/rules/0/source_ports: found \"9-8\""},
		{RULE(", \"protocol\": \"tcp\", \"source_ports\": \"1-70000\""), "/rules/0/source_ports: "},
		{RULE(", \"protocol\": \"tcp\", \"source_ports\": \" 1\""), "/rules/0/source_ports: "},
		{RULE(", \"protocol\": \"tcp\", \"icmp_type\": 8"), "/rules/0/icmp_type: needs \"protocol: icmp\""},
		{RULE(", \"protocol\": \"icmp\", \"icmp_type\": 256"), "/rules/0/icmp_type: found 256"},
		{RULE(", \"protocol\": \"icmp\", \"icmp_type\": \"echo\""), "/rules/0/icmp_type: found \""},
	};
	(void)state;
	for (unsigned i = 0; i < CAT_ARRAY_LEN(bad); i++) {
		void *config = NULL;
		struct cat_err err = {0};
		if (create(bad[i].json, &config, &err) == 0)
			fail_msg("taken: %s", bad[i].json);
		if (!strstr(err.message, bad[i].message))
			fail_msg("%s\n  says:     %s\n  expected: %s", bad[i].json, err.message, bad[i].message);
		assert_null(config);
	}
}

static void refuses_too_many_combinations(void **state)
{
	(void)state;
	char json[8192];
	size_t used = (size_t)snprintf(json, sizeof(json),
				       "{\"rules\": [{\"name\": \"a\", \"action\": \"drop\", \"protocol\": \"tcp\"");
	static const char *const lists[] = {"source_ports", "destination_ports"};
	for (unsigned l = 0; l < 2; l++) {
		used += (size_t)snprintf(json + used, sizeof(json) - used, ", \"%s\": [1", lists[l]);
		for (unsigned i = 2; i <= 257; i++)
			used += (size_t)snprintf(json + used, sizeof(json) - used, ", %u", i);
		used += (size_t)snprintf(json + used, sizeof(json) - used, "]");
	}
	used += (size_t)snprintf(json + used, sizeof(json) - used, "}]}");
	assert_true(used < sizeof(json));
	void *config;
	struct cat_err err = {0};
	assert_true(create(json, &config, &err) < 0);
	assert_string_equal(err.message, "/rules/0: with this rule the lists make more than 65536 combinations");
}

static void takes(void **state)
{
	static const char *const good[] = {
		NULL,
		"{}",
		"{\"rules\": []}",
		"{\"default\": \"accept\", \"max_connections\": 1, \"reject_rate\": 0, \"arp\": \"drop\"}",
		"{\"timeouts\": {\"udp_s\": 1, \"tcp_established_s\": 604800}}",
		RULE(", \"protocol\": 47, \"source\": [\"10.0.0.0/8\", \"2001:db8::/32\"]"),
		RULE(", \"protocol\": \"any\", \"from\": \"any\", \"destination\": \"::/0\""),
		RULE(", \"protocol\": \"tcp\", \"source_ports\": [\"1-1023\", 5000], \"destination_ports\": "
		     "\"0-65535\""),
		RULE(", \"protocol\": \"icmpv6\", \"icmp_type\": [128, 129], \"track\": false"),
		NAMED(", \"service\": [\"web\", \"ping\"], \"source\": [\"servers\", \"10.2.3.0/24\"], \"from_zone\": "
		      "\"inside\""),
		"{\"anti_spoofing\": {\"left\": [\"10.0.0.0/8\", \"2001:db8::/32\"], \"right\": \"192.0.2.0/24\"}}",
	};
	(void)state;
	for (unsigned i = 0; i < CAT_ARRAY_LEN(good); i++) {
		void *config;
		struct cat_err err = {0};
		if (create(good[i], &config, &err) < 0)
			fail_msg("%s: %s", good[i], err.message);
		cat_firewall_ops.config_destroy(config);
	}
}

static void has_defaults(void **state)
{
	(void)state;
	void *made;
	struct cat_err err = {0};
	assert_int_equal(create(NULL, &made, &err), 0);
	const struct fw_config *config = made;
	assert_false(config->accept);
	assert_true(config->arp && config->neighbour_discovery && !config->non_ip);
	assert_int_equal(config->reject_rate, 100);
	assert_int_equal(config->timeout_ms[FW_TIMER_TCP_ESTABLISHED], 7440000);
	assert_int_equal(config->timeout_ms[FW_TIMER_UDP], 300000);
	assert_null(config->counter[0]);
	cat_firewall_ops.config_destroy(made);
}

static int start(void **state)
{
	(void)state;
	return cat_eal_init_for_tests();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_too_many_combinations),
		cmocka_unit_test(takes),
		cmocka_unit_test(has_defaults),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
