// SPDX-License-Identifier: BSD-3-Clause
// What the schema refuses, the router refuses too; what the router takes, the schema lets pass; and their defaults are
// the same.
#include "rig.h"

#include <string.h>

#include "cat_cleanup.h"
#include "cat_schema.h"
#include "router.h"

#define ROUTE(members) "{" RIG_SIDES ",\"routes\":[{" members "}]}"

static struct cat_node *read_schema(void)
{
	struct cat_node *schema;
	struct cat_err err = {0};
	if (cat_tree_parse_file(SOURCE_ROOT "/vnfs/router/schema.json", &schema, &err) < 0)
		fail_msg("%s", err.message);
	return schema;
}

static bool passes(const struct cat_node *schema, const struct cat_node *config)
{
	struct cat_problems problems = {0};
	struct cat_err err = {0};
	if (cat_schema_check(schema, config, &problems, &err) < 0)
		fail_msg("the schema: %s", err.message);
	size_t count = problems.count;
	cat_problems_free(&problems);
	return count == 0;
}

static bool is_taken(const struct cat_node *config)
{
	void *made;
	struct cat_err err = {0};
	if (cat_router_ops.config_create(config, &made, &err) < 0)
		return false;
	cat_router_ops.config_destroy(made);
	return true;
}

static void agree(void **state)
{
	(void)state;
	static const struct {
		const char *json;
		bool sound;
	} cases[] = {
		{"{}", true},
		{RIG_CONFIG, true},
		{"{\"left\":{\"mtu\":576},\"right\":{\"mtu\":9216},\"icmp\":{\"rate_pps\":1,\"burst\":1000000}}", true},
		{ROUTE("\"prefix\":\"0.0.0.0/0\",\"via\":\"10.0.0.2\""), true},
		{ROUTE("\"prefix\":\"8.8.8.8\",\"via\":[\"10.0.0.2\",\"192.0.2.2\"]"), true},
		{ROUTE("\"prefix\":\"::/0\",\"via\":\"fe80::1\",\"dev\":\"left\""), true},
		{ROUTE("\"prefix\":\"10.0.0.0/8\",\"blackhole\":true"), true},
		{ROUTE("\"prefix\":\"2001:db8::/32\",\"unreachable\":true"), true},
		{"{\"urpf\":{\"left\":\"strict\",\"right\":\"loose\"},\"proxy_arp\":[\"left\"]}", true},
		{"{\"urpf\":{\"left\":\"feasible\"}}", false},
		{"{\"urpf\":{\"up\":\"strict\"}}", false},
		{"{\"proxy_arp\":[\"up\"]}", false},
		{"{\"proxy_arp\":true}", false},
		{"{" RIG_SIDES
		 ",\"vrrp\":[{\"side\":\"left\",\"id\":7,\"addresses\":[\"10.0.0.254\"],\"accept\":true}]}",
		 true},
		{"{" RIG_SIDES ",\"vrrp\":[{\"side\":\"left\",\"id\":0,\"addresses\":[\"10.0.0.254\"]}]}", false},
		{"{" RIG_SIDES ",\"vrrp\":[{\"side\":\"left\",\"addresses\":[\"10.0.0.254\"]}]}", false},
		{"{\"lefd\":{}}", false},
		{"{\"left\":[]}", false},
		{"{\"left\":{\"address\":\"10.0.0.1/8\"}}", false},
		{"{\"left\":{\"addresses\":\"10.0.0.1/8\"}}", false},
		{"{\"left\":{\"addresses\":[\"10.0.0.1/33\"]}}", false},
		{"{\"left\":{\"mac\":\"02:00\"}}", false},
		{"{\"left\":{\"mtu\":575}}", false},
		{"{\"left\":{\"mtu\":9217}}", false},
		{"{\"icmp\":{\"rate_pps\":0}}", false},
		{"{\"icmp\":{\"burst\":1000001}}", false},
		{"{\"icmp\":{\"rate\":5}}", false},
		{"{\"routes\":{}}", false},
		{ROUTE("\"via\":\"10.0.0.2\""), false},
		{ROUTE("\"prefix\":\"10.0.0\",\"via\":\"10.0.0.2\""), false},
		{ROUTE("\"prefix\":\"0.0.0.0/0\",\"via\":\"10.0.0.2/24\""), false},
		{ROUTE("\"prefix\":\"0.0.0.0/0\",\"via\":[]"), false},
		{ROUTE("\"prefix\":\"0.0.0.0/0\",\"via\":7"), false},
		{ROUTE("\"prefix\":\"0.0.0.0/0\",\"dev\":\"up\""), false},
		{ROUTE("\"prefix\":\"0.0.0.0/0\",\"blackhole\":\"yes\""), false},
		{ROUTE("\"prefix\":\"0.0.0.0/0\",\"via\":\"10.0.0.2\",\"metric\":1"), false},
	};
	cat_autonode struct cat_node *schema = read_schema();
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *config = NULL;
		struct cat_err err = {0};
		assert_int_equal(cat_tree_parse_json("config", cases[i].json, strlen(cases[i].json), &config, &err), 0);
		bool passed = passes(schema, config), taken = is_taken(config);
		if (passed != cases[i].sound || taken != cases[i].sound)
			fail_msg("%s: the schema says %d, the router %d", cases[i].json, passed, taken);
	}
}

static int64_t default_of(const struct cat_node *schema, const char *map, const char *key)
{
	const struct cat_node *n = cat_node_find(schema, "properties", map, "properties", key, "default", NULL);
	if (!n)
		n = cat_node_find(schema, "$defs", map, "properties", key, "default", NULL);
	assert_non_null(n);
	return n->integer;
}

static void have_the_same_defaults(void **state)
{
	(void)state;
	cat_autonode struct cat_node *schema = read_schema();
	void *made;
	assert_int_equal(cat_router_ops.config_create(NULL, &made, NULL), 0);
	const struct router_config *config = made;
	assert_int_equal(default_of(schema, "icmp", "rate_pps"), config->icmp_rate_pps);
	assert_int_equal(default_of(schema, "icmp", "burst"), config->icmp_burst);
	assert_int_equal(default_of(schema, "side", "mtu"), config->mtu[CAT_LEFT]);
	cat_router_ops.config_destroy(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agree),
		cmocka_unit_test(have_the_same_defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
