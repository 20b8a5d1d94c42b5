// SPDX-License-Identifier: BSD-3-Clause
// What the schema lets pass, the firewall takes, with the defaults that the schema names; and what it refuses is
// refused by the firewall too.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_eal.h"
#include "cat_schema.h"
#include "config.h"
#include "fixture.h"

static struct cat_node *read_schema(void)
{
	struct cat_node *schema;
	struct cat_err err = {0};
	if (cat_tree_parse_file(SOURCE_ROOT "/vnfs/firewall/schema.json", &schema, &err) < 0)
		fail_msg("%s", err.message);
	return schema;
}

static size_t problems_of(const struct cat_node *schema, const struct cat_node *config)
{
	struct cat_problems problems = {0};
	struct cat_err err = {0};
	if (cat_schema_check(schema, config, &problems, &err) < 0)
		fail_msg("the schema: %s", err.message);
	size_t count = problems.count;
	cat_problems_free(&problems);
	return count;
}

static bool is_taken(const struct cat_node *config)
{
	void *made;
	struct cat_err err = {0};
	if (cat_firewall_ops.config_create(config, &made, &err) < 0)
		return false;
	cat_firewall_ops.config_destroy(made);
	return true;
}

#define RULE(members) "{\"rules\": [{\"name\": \"a\", \"action\": \"accept\"" members "}]}"

static void agree(void **state)
{
	static const struct {
		const char *json;
		bool sound;
	} cases[] = {
		{"{}", true},
		{"{\"default\": \"accept\", \"arp\": \"drop\", \"neighbour_discovery\": \"drop\", \"non_ip\": "
		 "\"accept\"}",
		 true},
		{"{\"max_connections\": 16777216, \"reject_rate\": 0, \"timeouts\": {\"icmp_s\": 1}}", true},
		{RULE(", \"from\": \"left\", \"protocol\": \"tcp\", \"source\": \"10.0.0.0/8\","
		      " \"destination\": [\"2001:db8::/32\", \"192.0.2.0/24\"], \"source_ports\": \"1024-65535\","
		      " \"destination_ports\": [80, \"443\"], \"track\": false"),
		 true},
		{RULE(", \"protocol\": 47"), true},
		{RULE(", \"protocol\": \"icmpv6\", \"icmp_type\": [128, 129]"), true},
		{RULE(", \"protocol\": \"icmp\", \"icmp_type\": 8"), true},
		{"{\"defaults\": \"drop\"}", false},
		{"{\"default\": \"reject\"}", false},
		{"{\"max_connections\": 0}", false},
		{"{\"max_connections\": 16777217}", false},
		{"{\"reject_rate\": 100001}", false},
		{"{\"timeouts\": {\"icmp_s\": 0}}", false},
		{"{\"timeouts\": {\"tcp\": 5}}", false},
		{"{\"rules\": [{\"name\": \"a\"}]}", false},
		{"{\"rules\": [{\"action\": \"drop\"}]}", false},
		{"{\"rules\": [{\"name\": \"a b\", \"action\": \"drop\"}]}", false},
		{RULE(", \"log\": true, \"limit\": 5"), true},
		{"{\"addresses\": {\"servers\": [\"10.0.0.0/8\", \"2001:db8::/32\"], \"all\": \"servers\"}, "
		 "\"services\": {\"web\": [{\"protocol\": \"tcp\", \"destination_ports\": [80, 443]}], "
		 "\"ping\": {\"protocol\": \"icmp\", \"icmp_type\": 8}}, \"zones\": {\"inside\": {\"side\": \"left\", "
		 "\"prefixes\": \"all\"}}, \"anti_spoofing\": {\"left\": \"all\"}, \"log_default\": true, "
		 "\"log_rate\": 0, "
		 "\"rules\": [{\"name\": \"a\", \"action\": \"accept\", \"from_zone\": \"inside\", \"service\": "
		 "[\"web\", "
		 "\"ping\"], \"source\": [\"servers\", \"10.2.0.0/24\"]}]}",
		 true},
		{RULE(", \"log\": 1"), false},
		{RULE(", \"limit\": 0"), false},
		{RULE(", \"from_zone\": \"9\""), false},
		{"{\"zones\": {\"a\": {}}}", false},
		{"{\"zones\": {\"a\": {\"side\": \"any\"}}}", false},
		{"{\"services\": {\"a\": []}}", false},
		{"{\"services\": {\"a\": {\"ports\": 1}}}", false},
		{"{\"addresses\": {\"a\": [\"300.0.0.0/8\"]}}", false},
		{"{\"anti_spoofing\": {\"any\": \"10.0.0.0/8\"}}", false},
		{"{\"log_rate\": 10001}", false},
		{RULE(", \"from\": \"lan\""), false},
		{RULE(", \"protocol\": \"sctp\""), false},
		{RULE(", \"protocol\": 256"), false},
		{RULE(", \"source\": \"10.0.0.0/33\""), false},
		{RULE(", \"source\": []"), false},
		{RULE(", \"protocol\": \"udp\", \"source_ports\": 65536"), false},
		{RULE(", \"protocol\": \"udp\", \"source_ports\": \"9-8\""), false},
		{RULE(", \"protocol\": \"icmp\", \"icmp_type\": 256"), false},
	};
	(void)state;
	cat_autonode struct cat_node *schema = read_schema();
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *config = NULL;
		struct cat_err err = {0};
		assert_int_equal(cat_tree_parse_json("config", cases[i].json, strlen(cases[i].json), &config, &err), 0);
		bool passes = problems_of(schema, config) == 0, taken = is_taken(config);
		if (passes != cases[i].sound || taken != cases[i].sound)
			fail_msg("%s: the schema says %d, the firewall %d", cases[i].json, passes, taken);
	}
}

// The defaults in the schema are those of the code.
static void have_the_same_defaults(void **state)
{
	(void)state;
	cat_autonode struct cat_node *schema = read_schema();
	cat_autonode struct cat_node *written = cat_node_new_map();
	struct cat_node *timeouts = cat_node_add_map(written, "timeouts");
	const struct cat_node *properties = cat_node_get(schema, "properties");
	for (const struct cat_node *n = properties->first; n; n = n->next) {
		const struct cat_node *value = cat_node_get(n, "default");
		if (value)
			cat_node_copy(written, n->key, value);
	}
	properties = cat_node_find(schema, "properties", "timeouts", "properties", NULL);
	for (const struct cat_node *n = properties->first; n; n = n->next)
		cat_node_copy(timeouts, n->key, cat_node_get(n, "default"));
	void *plain, *full;
	struct cat_err err = {0};
	assert_int_equal(cat_firewall_ops.config_create(NULL, &plain, &err), 0);
	if (cat_firewall_ops.config_create(written, &full, &err) < 0)
		fail_msg("%s", err.message);
	const struct fw_config *a = plain, *b = full;
	assert_memory_equal(a->timeout_ms, b->timeout_ms, sizeof(a->timeout_ms));
	assert_true(a->accept == b->accept && a->arp == b->arp && a->non_ip == b->non_ip &&
		    a->neighbour_discovery == b->neighbour_discovery && a->reject_rate == b->reject_rate);
	assert_int_equal(properties->count, FW_TIMERS);
	cat_firewall_ops.config_destroy(plain);
	cat_firewall_ops.config_destroy(full);
}

static int start(void **state)
{
	(void)state;
	return cat_eal_init_for_tests();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agree),
		cmocka_unit_test(have_the_same_defaults),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
