// SPDX-License-Identifier: BSD-3-Clause
// What the function takes, its schema lets pass; what only needs looking at one value, the schema refuses already.
#include <string.h>

#include "cat_cleanup.h"
#include "cat_schema.h"
#include "config.h"
#include "test.h"

#define BASE                                                                                                           \
	"\"lan\": {\"address\": \"192.168.1.1/24\", \"address6\": \"2001:db8:1::1/64\"}, "                             \
	"\"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.1\", \"address6\": \"2001:db8:0:1::2/64\", "    \
	"\"gateway6\": \"fe80::1\", \"mtu\": 1492}"
#define WITH(text) "{" BASE ", " text "}"

static void agree(void **unused)
{
	(void)unused;
	static const struct {
		const char *json;
		bool passes, taken;
	} cases[] = {
		{"{}", false, false},
		{WITH("\"nta\": {}"), false, false},
		{WITH("\"nat\": {\"pool\": []}"), false, false},
		{WITH("\"nat\": {\"pool\": [\"x\"]}"), false, false},
		{WITH("\"nat\": {\"filtering\": \"none\"}"), false, false},
		{WITH("\"nat\": {\"quota\": 0}"), false, false},
		{WITH("\"nat\": {\"timeouts\": {\"udp_s\": 119}}"), false, false},
		{WITH("\"nat\": {\"forward\": [{\"protocol\": \"tcp\", \"port\": 80}]}"), false, false},
		{WITH("\"nat\": {\"forward\": [{\"protocol\": \"sctp\", \"port\": 80, \"to\": \"192.168.1.2\"}]}"),
		 false, false},
		{WITH("\"dhcp\": {\"range\": [\"192.168.1.2\"]}"), false, false},
		{WITH("\"policing\": {\"subscriber\": {\"cir_kbps\": 1}}"), false, false},
		// These need more than one value.
		{WITH("\"nat\": {\"pool\": [\"192.168.1.9\"]}"), true, false},
		{WITH("\"nat\": {\"ports\": \"5000\"}"), true, false},
		{WITH("\"dhcp\": {\"range\": [\"192.168.1.1\", \"192.168.1.9\"]}"), true, false},
		{"{" BASE "}", true, true},
		{WITH("\"nat\": {\"pool\": [\"198.51.100.1\", \"198.51.100.2\"], \"ports\": \"2000-3000\", "
		      "\"filtering\": "
		      "\"endpoint-independent\", \"hairpin\": false, \"quota\": 100, \"sessions\": 1000, \"timeouts\": "
		      "{\"tcp_established_s\": 7440, \"tcp_transitory_s\": 240, \"udp_s\": 120, \"icmp_s\": 60}, "
		      "\"forward\": "
		      "[{\"name\": \"web\", \"protocol\": \"tcp\", \"address\": \"198.51.100.2\", \"port\": 443, "
		      "\"to\": "
		      "\"192.168.1.10\", \"to_port\": 8443}]}"),
		 true, true},
		{WITH("\"dhcp\": {\"range\": [\"192.168.1.2\", \"192.168.1.9\"], \"lease_s\": 120, \"domain\": "
		      "\"a.example\", "
		      "\"hosts\": [{\"mac\": \"02:00:00:00:00:01\", \"address\": \"192.168.1.20\", \"name\": "
		      "\"nas\"}]}, "
		      "\"dns\": {\"servers\": [\"203.0.113.2\", \"2001:db8::53\"], \"records\": {\"a.example\": "
		      "\"192.168.1.3\"}}"),
		 true, true},
		{WITH("\"policing\": {\"subscriber\": {\"cir_kbps\": 1000, \"cbs_bytes\": 1500, \"pir_kbps\": 1000, "
		      "\"pbs_bytes\": 1500, \"dscp_green\": 0, \"dscp_yellow\": 63}}"),
		 true, true},
	};
	struct cat_err err = {0};
	cat_autonode struct cat_node *schema = NULL;
	if (cat_tree_parse_file(SOURCE_ROOT "/vnfs/vcpe/schema.json", &schema, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *node = NULL;
		struct cat_problems problems = {0};
		void *config = NULL;
		if (cat_tree_parse_json("test", cases[i].json, strlen(cases[i].json), &node, &err) < 0 ||
		    cat_schema_check(schema, node, &problems, &err) < 0)
			fail_msg("%s", err.message);
		bool passes = problems.count == 0, taken = vcpe_config_create(node, &config, &err) == 0;
		if (passes != cases[i].passes || taken != cases[i].taken)
			fail_msg("%s: the schema says %d (%s), the function %d (%s)", cases[i].json, passes,
				 problems.count ? problems.item[0].message : "", taken, taken ? "" : err.message);
		cat_problems_free(&problems);
		vcpe_config_destroy(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(agree)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
