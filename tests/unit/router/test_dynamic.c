// SPDX-License-Identifier: BSD-3-Clause
// Routing protocols: what is refused and where, and what the daemons are told.
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_schema.h"
#include "frr.h"

#define PEER(more) "{\"address\":\"192.0.2.2\",\"as\":64501,\"import\":\"all\",\"export\":\"none\"" more "}"
#define BGP(peers) "{" RIG_SIDES ",\"bgp\":{\"as\":64500,\"neighbours\":[" peers "]}}"
#define OSPF(members) "{" RIG_SIDES ",\"ospf\":{" members "}}"

static int create(const char *json, struct router_config **ret_config, struct cat_err *err)
{
	cat_autonode struct cat_node *tree = NULL;
	void *config;
	if (cat_tree_parse_json("test", json, strlen(json), &tree, err) < 0)
		fail_msg("%s", err->message);
	int r = router_frr_config_create(tree, &config, err);
	if (!r)
		*ret_config = config;
	return r;
}

static bool passes(const char *json)
{
	struct cat_node *schema, *tree;
	struct cat_problems problems = {0};
	struct cat_err err = {0};
	if (cat_tree_parse_file(FRR_SCHEMA, &schema, &err) < 0 ||
	    cat_tree_parse_json("test", json, strlen(json), &tree, &err) < 0 ||
	    cat_schema_check(schema, tree, &problems, &err) < 0)
		fail_msg("%s", err.message);
	size_t count = problems.count;
	cat_problems_free(&problems);
	cat_node_free(schema);
	cat_node_free(tree);
	return count == 0;
}

static void refuses(void **state)
{
	(void)state;
	static const struct {
		const char *json, *message;
	} cases[] = {
		{"{\"bgp\":1}", "/bgp: "},
		{"{" RIG_SIDES ",\"bgp\":{\"neighbours\":[" PEER("") "]}}", "/bgp: \"as\" is missing"},
		{"{" RIG_SIDES ",\"bgp\":{\"as\":0,\"neighbours\":[" PEER("") "]}}", "/bgp/as: "},
		{BGP(""), "found 0 neighbours, expected 1 to 64"},
		{BGP("7"), "expected a neighbour like"},
		{BGP("{\"address\":\"192.0.2.2\",\"as\":1,\"export\":\"all\"}"), "\"import\" is missing"},
		{BGP("{\"address\":\"192.0.2.2\",\"as\":1,\"import\":\"some\",\"export\":\"all\"}"),
		 "/bgp/neighbours/0/import: found \"some\", expected all, none or a list"},
		{BGP("{\"address\":\"192.0.2.2\",\"as\":1,\"import\":[\"10.0.0.1/8\"],\"export\":\"all\"}"),
		 "expected 10.0.0.0/8"},
		{BGP("{\"address\":\"192.0.2.2\",\"as\":1,\"import\":[{\"prefix\":\"10.0.0.0/8\",\"max_length\":7}],"
		     "\"export\":\"all\"}"),
		 "max_length"},
		{BGP("{\"address\":\"192.0.2.1\",\"as\":1,\"import\":\"all\",\"export\":\"all\"}"),
		 "192.0.2.1 is one of the router's own addresses"},
		{BGP("{\"address\":\"198.51.100.9\",\"as\":1,\"import\":\"all\",\"export\":\"all\"}"),
		 "is on no connected prefix: multihop must say"},
		{BGP("{\"address\":\"fe80::7\",\"as\":1,\"import\":\"all\",\"export\":\"all\"}"),
		 "dev must be given for a link-local address"},
		{BGP(PEER(",\"dev\":\"left\"")), "and for no other"},
		{BGP(PEER("") "," PEER("")), "that neighbour is there twice"},
		{BGP(PEER(",\"password\":\"two words\"")), "without spaces"},
		{BGP(PEER(",\"password\":\"a\\nrouter bgp 1\"")), "without spaces"},
		{BGP(PEER(",\"password\":\"!\"")), "neither ! nor #"},
		{BGP(PEER(",\"hold_s\":2")), "hold_s"},
		{BGP(PEER(",\"colour\":2")), "unknown key \"colour\""},
		{OSPF(""), "expected left, right or both"},
		{OSPF("\"left\":{\"area\":\"x\"}"), "expected an area like 0.0.0.0"},
		{OSPF("\"left\":{\"hello_s\":10,\"dead_s\":10}"), "expected more than hello_s"},
		{OSPF("\"left\":{},\"redistribute\":[\"ospf\"]"), "expected connected, static or bgp"},
		{"{\"ospf\":{\"left\":{}},\"router_id\":\"1.1.1.1\"}", "the side has no address"},
		{"{\"left\":{\"addresses\":[\"2001:db8::1/64\"]},\"ospf\":{\"left\":{}}}", "router_id is missing"},
		{"{" RIG_SIDES ",\"bfd\":{}}", "bfd is of use with bgp or ospf only"},
		{"{" RIG_SIDES ",\"restart_s\":5}", "restart_s is of use with bgp or ospf only"},
		{"{" RIG_SIDES ",\"ospf\":{\"left\":{}},\"router_id\":\"0.0.0.0\"}", "expected one like 192.0.2.1"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct router_config *config = NULL;
		struct cat_err err = {0};
		if (create(cases[i].json, &config, &err) == 0)
			fail_msg("taken: %s", cases[i].json);
		if (!strstr(err.message, cases[i].message))
			fail_msg("%s: %s", cases[i].json, err.message);
	}
}

// The plain router says where there is more.
static void needs_its_kind(void **state)
{
	(void)state;
	cat_autonode struct cat_node *tree = NULL;
	static const char json[] = OSPF("\"left\":{}");
	struct cat_err err = {0};
	void *config;
	assert_int_equal(cat_tree_parse_json("test", json, strlen(json), &tree, &err), 0);
	assert_true(router_config_create(tree, &config, &err) < 0);
	assert_non_null(strstr(err.message, "/ospf: ospf needs the kind router-frr"));
}

static void schema_agrees(void **state)
{
	(void)state;
	static const struct {
		const char *json;
		bool sound;
	} cases[] = {
		{BGP(PEER("")), true},
		{BGP(PEER(",\"password\":\"secret\",\"bfd\":true,\"max_prefixes\":7,\"hold_s\":3")), true},
		{"{" RIG_SIDES
		 ",\"bgp\":{\"as\":1,\"networks\":[\"10.0.0.0/8\"],\"redistribute\":[\"static\",\"ospf\"],"
		 "\"neighbours\":[" PEER("") "]},\"restart_s\":9,\"router_id\":\"1.1.1.1\",\"bfd\":{\"multiplier\":5}}",
		 true},
		{OSPF("\"left\":{\"area\":\"0.0.0.1\",\"passive\":true},\"right\":{\"cost\":7,\"bfd\":true}"), true},
		{BGP(PEER(",\"hold_s\":70000")), false},
		{BGP(PEER(",\"colour\":1")), false},
		{BGP("{\"address\":\"192.0.2.2\",\"as\":1,\"import\":5,\"export\":\"all\"}"), false},
		{OSPF("\"left\":{\"hello_s\":0}"), false},
		{"{" RIG_SIDES ",\"bgp\":{\"as\":1}}", false},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct router_config *config = NULL;
		struct cat_err err = {0};
		bool taken = create(cases[i].json, &config, &err) == 0;
		if (taken)
			router_config_destroy(config);
		if (taken != cases[i].sound)
			fail_msg("%s: %s", cases[i].json, taken ? "taken" : err.message);
		if (passes(cases[i].json) != cases[i].sound)
			fail_msg("the schema: %s", cases[i].json);
	}
}

static void expect_lines(const struct router_config *config, enum router_daemon which, const char *const *lines)
{
	cat_autofree char *text = NULL;
	struct cat_err err = {0};
	assert_int_equal(frr_config(config, which, &text, &err), 0);
	if (!text)
		fail_msg("%s has no configuration", frr_daemon_name[which]);
	for (; *lines; lines++)
		if (!strstr(text, *lines))
			fail_msg("\"%s\" is not in:\n%s", *lines, text);
}

static void tells_the_daemons(void **state)
{
	(void)state;
	static const char json[] =
		"{" RIG_SIDES ",\"routes\":[{\"prefix\":\"0.0.0.0/0\",\"via\":[\"192.0.2.9\",\"10.0.0.9\"]},"
		"{\"prefix\":\"10.9.0.0/16\",\"blackhole\":true},{\"prefix\":\"::/"
		"0\",\"via\":\"fe80::1\",\"dev\":\"right\"}],"
		"\"bgp\":{\"as\":64500,\"networks\":[\"10.9.0.0/16\"],\"redistribute\":[\"ospf\"],\"neighbours\":["
		"{\"address\":\"192.0.2.2\",\"as\":64501,\"password\":\"secret\",\"bfd\":true,\"import\":[\"10.0.0.0/"
		"8\","
		"{\"prefix\":\"20.0.0.0/8\",\"max_length\":24}],\"export\":\"all\"},"
		"{\"address\":\"2001:db8:2::2\",\"as\":64502,\"import\":[],\"export\":\"none\"}]},"
		"\"ospf\":{\"left\":{\"area\":\"0.0.0.5\",\"cost\":7,\"passive\":true},\"redistribute\":[\"bgp\"]}}";
	static const char *const zebra[] = {"no zebra nexthop kernel enable\n", NULL};
	static const char *const staticd[] = {"ip route 0.0.0.0/0 192.0.2.9 right\n",
					      "ip route 0.0.0.0/0 10.0.0.9 left\n", "ip route 10.9.0.0/16 blackhole\n",
					      "ipv6 route ::/0 fe80::1 right\n", NULL};
	static const char *const bgpd[] = {
		"router bgp 64500\n bgp router-id 192.0.2.1\n",
		" neighbor 192.0.2.2 password secret\n",
		" neighbor 192.0.2.2 bfd profile catena\n",
		"ip prefix-list in0 seq 1 permit 10.0.0.0/8\n",
		"ip prefix-list in0 seq 2 permit 20.0.0.0/8 le 24\n",
		"ipv6 prefix-list in1 seq 4097 deny any\n",
		"  neighbor 192.0.2.2 prefix-list in0 in\n  neighbor 192.0.2.2 route-map all out\n",
		"  neighbor 2001:db8:2::2 route-map none out\n",
		"  network 10.9.0.0/16\n",
		NULL};
	static const char *const ospfd[] = {"interface left\n ip ospf area 0.0.0.5\n", " ip ospf cost 7\n",
					    " ip ospf passive\n", " redistribute bgp\n", NULL};
	static const char *const ospf6d[] = {"router ospf6\n ospf6 router-id 192.0.2.1\n", NULL};
	static const char *const bfdd[] = {"receive-interval 300\n", NULL};
	struct router_config *config = NULL;
	struct cat_err err = {0};
	if (create(json, &config, &err) < 0)
		fail_msg("%s", err.message);
	expect_lines(config, FRR_ZEBRA, zebra);
	expect_lines(config, FRR_STATICD, staticd);
	expect_lines(config, FRR_BGPD, bgpd);
	expect_lines(config, FRR_OSPFD, ospfd);
	expect_lines(config, FRR_OSPF6D, ospf6d);
	expect_lines(config, FRR_BFDD, bfdd);
	router_config_destroy(config);
	// Nobody who has nothing to do is started.
	if (create(BGP(PEER("")), &config, &err) < 0)
		fail_msg("%s", err.message);
	char *text = NULL;
	assert_int_equal(frr_config(config, FRR_OSPFD, &text, &err), 0);
	assert_null(text);
	assert_int_equal(frr_config(config, FRR_BFDD, &text, &err), 0);
	assert_null(text);
	router_config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(needs_its_kind),
		cmocka_unit_test(schema_agrees),
		cmocka_unit_test(tells_the_daemons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
