// SPDX-License-Identifier: BSD-3-Clause
// Configurations: what is refused, with the message that says so; what is accepted.
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cat_cleanup.h"
#include "cat_neighbour.h"

static int create(const char *json, void **ret_config, struct cat_err *err)
{
	cat_autonode struct cat_node *tree = NULL;
	assert_int_equal(cat_tree_parse_json("config", json, strlen(json), &tree, err), 0);
	return cat_router_ops.config_create(tree, ret_config, err);
}

#define ROUTES(list) "{" RIG_SIDES ",\"routes\":[" list "]}"

static const struct {
	const char *json, *message;
} invalid[] = {
	{"[]", "/: found a list, expected a map with left, right and routes"},
	{"{\"lefd\":{}}", "/lefd: unknown key \"lefd\", expected left, right, routes, icmp, urpf, proxy_arp or vrrp"},
	{"{\"left\":7}", "/left: found 7, expected a map with addresses"},
	{"{\"left\":{\"address\":\"10.0.0.1/8\"}}",
	 "/left/address: unknown key \"address\", expected addresses, mac or mtu"},
	{"{\"left\":{\"addresses\":\"10.0.0.1/8\"}}", "/left/addresses: found \"10.0.0.1/8\", expected a list"},
	{"{\"left\":{\"addresses\":[1]}}",
	 "/left/addresses/0: found 1, expected an address with its prefix length like 192.0.2.1/24"},
	{"{\"left\":{\"addresses\":[\"10.0.0.1/33\"]}}", "/left/addresses/0: found \"10.0.0.1/33\", expected "
							 "an address with its prefix length like 192.0.2.1/24"},
	{"{\"left\":{\"addresses\":[\"10.0.0.1\"]}}",
	 "/left/addresses/0: found \"10.0.0.1\" without a prefix length, expected one like 10.0.0.1/24"},
	{"{\"left\":{\"addresses\":[\"2001:db8::1\"]}}",
	 "/left/addresses/0: found \"2001:db8::1\" without a prefix length, expected one like 2001:db8::1/64"},
	{"{\"left\":{\"addresses\":[\"10.0.0.0/24\"]}}",
	 "/left/addresses/0: 10.0.0.0/24 cannot be an interface's address: that is the network's own address"},
	{"{\"left\":{\"addresses\":[\"10.0.0.255/24\"]}}",
	 "/left/addresses/0: 10.0.0.255/24 cannot be an interface's address: that is the network's broadcast address"},
	{"{\"left\":{\"addresses\":[\"127.0.0.1/8\"]}}",
	 "/left/addresses/0: 127.0.0.1/8 cannot be an interface's address: loopback addresses are not used on a link"},
	{"{\"left\":{\"addresses\":[\"224.0.0.1/24\"]}}",
	 "/left/addresses/0: 224.0.0.1/24 cannot be an interface's address: multicast addresses name no host"},
	{"{\"left\":{\"addresses\":[\"240.0.0.1/24\"]}}",
	 "/left/addresses/0: 240.0.0.1/24 cannot be an interface's address: addresses of 240.0.0.0/4 are reserved"},
	{"{\"left\":{\"addresses\":[\"10.0.0.1/0\"]}}",
	 "/left/addresses/0: 10.0.0.1/0 cannot be an interface's address: prefix length must be 1 to 32"},
	{"{\"left\":{\"addresses\":[\"::1/128\"]}}",
	 "/left/addresses/0: ::1/128 cannot be an interface's address: the loopback address is not used on a link"},
	{"{\"left\":{\"addresses\":[\"ff02::1/64\"]}}",
	 "/left/addresses/0: ff02::1/64 cannot be an interface's address: multicast addresses name no host"},
	{"{\"left\":{\"addresses\":[\"10.0.0.1/24\",\"10.0.0.1/16\"]}}",
	 "/left/addresses/1: 10.0.0.1/16 cannot be an interface's address: it is there already"},
	{"{\"left\":{\"addresses\":[\"10.0.0.1/24\"]},\"right\":{\"addresses\":[\"10.0.0.1/25\"]}}",
	 "/right/addresses/0: 10.0.0.1 is an address of the left side already"},
	{"{\"left\":{\"addresses\":[\"10.0.0.1/24\"]},\"right\":{\"addresses\":[\"10.0.0.2/24\"]}}",
	 "/right/addresses/0: 10.0.0.0/24 is connected to the left side already"},
	{"{\"left\":{\"mac\":\"02:00\"}}", "/left/mac: found \"02:00\", expected a MAC address like 02:00:5e:10:00:01"},
	{"{\"left\":{\"mac\":\"01:00:5e:00:00:01\"}}",
	 "/left/mac: found \"01:00:5e:00:00:01\", expected the address of one station"},
	{"{\"left\":{\"mtu\":500}}", "/left/mtu: found 500, expected an integer from 576 to 9216"},
	{"{\"left\":{\"mtu\":1000,\"addresses\":[\"2001:db8::1/64\"]}}",
	 "/left: mtu 1000 is below the 1280 that IPv6 needs"},
	{"{\"icmp\":{\"rate\":1}}", "/icmp/rate: unknown key \"rate\", expected rate_pps or burst"},
	{"{\"icmp\":{\"rate_pps\":0}}", "/icmp/rate_pps: found 0, expected an integer from 1 to 1000000"},
	{"{\"routes\":{}}", "/routes: found a map, expected a list"},
	{ROUTES("7"), "/routes/0: found 7, expected a route like {prefix: 0.0.0.0/0, via: 192.0.2.1}"},
	{ROUTES("{\"via\":\"10.0.0.2\"}"), "/routes/0: \"prefix\" is missing"},
	{ROUTES("{\"prefix\":\"10\",\"via\":\"10.0.0.2\"}"),
	 "/routes/0/prefix: found \"10\", expected a prefix like 198.51.100.0/24 or 2001:db8::/32"},
	{ROUTES("{\"prefix\":\"198.51.100.1/24\",\"via\":\"10.0.0.2\"}"),
	 "/routes/0/prefix: found \"198.51.100.1/24\" with bits beyond its length, expected 198.51.100.0/24"},
	{ROUTES("{\"prefix\":\"224.0.0.0/8\",\"via\":\"10.0.0.2\"}"),
	 "/routes/0/prefix: 224.0.0.0/8: multicast and reserved addresses are not routed"},
	{ROUTES("{\"prefix\":\"fe80::/64\",\"dev\":\"left\"}"),
	 "/routes/0/prefix: fe80::/64: multicast and link-local addresses are not routed"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\"}"), "/routes/0: expected one of via (with dev for a link-local address), "
					       "dev, blackhole: true and unreachable: true"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\",\"via\":\"10.0.0.2\",\"blackhole\":true}"),
	 "/routes/0: expected one of via (with dev for a link-local address), dev, blackhole: true and unreachable: "
	 "true"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\",\"gateway\":\"10.0.0.2\"}"),
	 "/routes/0/gateway: unknown key \"gateway\", expected prefix, via, dev, blackhole or unreachable"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\",\"via\":\"10.0.0\"}"),
	 "/routes/0/via: found \"10.0.0\", expected the address of a next hop"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\",\"via\":\"2001:db8:1::2\"}"),
	 "/routes/0/via: next hop 2001:db8:1::2 is not of the prefix's family"},
	{"{\"left\":{\"addresses\":[\"10.0.0.1/24\"]},\"routes\":[{\"prefix\":\"0.0.0.0/0\",\"via\":\"10.0.1.2\"}]}",
	 "/routes/0/via: next hop 10.0.1.2 is on no connected prefix (left 10.0.0.1/24)"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\",\"via\":\"10.0.0.1\"}"),
	 "/routes/0/via: next hop 10.0.0.1 is one of the router's own addresses"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\",\"via\":\"10.0.0.2\",\"dev\":\"right\"}"),
	 "/routes/0/via: next hop 10.0.0.2 is not on the right side"},
	{ROUTES("{\"prefix\":\"::/0\",\"via\":\"fe80::9\"}"),
	 "/routes/0/via: next hop fe80::9 is link-local: dev must say left or right"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\",\"dev\":\"middle\"}"),
	 "/routes/0/dev: found \"middle\", expected left or right"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\",\"via\":[]}"), "/routes/0/via: found 0 next hops, expected 1 to 16"},
	{ROUTES("{\"prefix\":\"0.0.0.0/0\",\"via\":[\"10.0.0.2\",\"10.0.0.2\"]}"),
	 "/routes/0/via/1: next hop 10.0.0.2 is there twice"},
	{ROUTES("{\"prefix\":\"198.51.100.0/24\",\"via\":\"10.0.0.2\"},{\"prefix\":\"8.0.0.0/8\",\"blackhole\":true},"
		"{\"prefix\":\"198.51.100.0/24\",\"via\":\"10.0.0.3\"}"),
	 "/routes/2/prefix: 198.51.100.0/24 is there twice"},
	{ROUTES("{\"prefix\":\"10.0.0.0/24\",\"via\":\"10.0.0.2\"}"),
	 "/routes/0/prefix: 10.0.0.0/24 is connected already"},
	{ROUTES("{\"prefix\":\"10.0.0.1/32\",\"via\":\"10.0.0.2\"}"),
	 "/routes/0/prefix: 10.0.0.1/32 is the router's own address"},
	{"{\"left\":{\"addresses\":[\"10.0.0.1/24\"]},\"routes\":[{\"prefix\":\"2001:db8::/32\",\"dev\":\"left\"}]}",
	 "/routes/0/dev: the left side has no IPv6 address to ask for neighbours with"},
};

static void refuses(void **state)
{
	(void)state;
	unsigned wrong = 0;
	for (size_t i = 0; i < CAT_ARRAY_LEN(invalid); i++) {
		struct cat_err err = {0};
		void *config = NULL;
		int r = create(invalid[i].json, &config, &err);
		if (r == 0)
			fail_msg("accepted: %s", invalid[i].json);
		if (strcmp(err.message, invalid[i].message) != 0) {
			print_error("%s\nexpected %s\n", err.message, invalid[i].message);
			wrong++;
		}
		assert_null(config);
	}
	assert_int_equal(wrong, 0);
}

static void accepts(void **state)
{
	(void)state;
	static const char *const valid[] = {
		"{}",
		"{\"left\":{},\"right\":{}}",
		RIG_CONFIG,
		"{\"left\":{\"addresses\":[\"10.0.0.0/31\"]},\"right\":{\"addresses\":[\"10.0.0.3/31\"]}}",
		"{\"left\":{\"addresses\":[\"10.0.0.1/24\",\"10.0.0.3/24\",\"10.0.0.5/30\"]}}",
		ROUTES("{\"prefix\":\"0.0.0.0/"
		       "0\",\"via\":[\"10.0.0.2\",\"192.0.2.9\"]},{\"prefix\":\"8.8.8.8\",\"dev\":\"right\"},"
		       "{\"prefix\":\"::/0\",\"via\":\"fe80::9\",\"dev\":\"right\"}"),
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(valid); i++) {
		struct cat_err err = {0};
		void *config = NULL;
		if (create(valid[i], &config, &err) < 0)
			fail_msg("%s: %s", valid[i], err.message);
		cat_router_ops.config_destroy(config);
	}
	void *config = NULL;
	assert_int_equal(cat_router_ops.config_create(NULL, &config, NULL), 0);
	cat_router_ops.config_destroy(config);
}

static void derives_macs(void **state)
{
	(void)state;
	struct cat_l3_interface a, b, c;
	cat_l3_interface_init(&a, CAT_LEFT, NULL, "10.0.0.1/24");
	cat_l3_interface_init(&b, CAT_LEFT, NULL, "10.0.0.1/24");
	cat_l3_interface_init(&c, CAT_RIGHT, NULL, "10.0.0.1/24");
	assert_memory_equal(&a.mac, &b.mac, 6);
	assert_memory_not_equal(&a.mac, &c.mac, 6);
	// Locally administered, of one station.
	assert_int_equal(a.mac.byte[0] & 3, 2);
	// RFC 4291, appendix A.
	const struct cat_mac mac = {{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}};
	struct cat_prefix p;
	cat_l3_interface_init(&a, CAT_LEFT, &mac, "");
	assert_int_equal(cat_prefix_parse("2001:db8::1/64", &p), 0);
	assert_int_equal(cat_l3_interface_add(&a, &p, NULL), 0);
	assert_int_equal(cat_l3_interface_finish(&a, NULL), 0);
	char text[CAT_ADDR_TEXT_MAX];
	assert_string_equal(cat_prefix_format(&a.address[1], text), "fe80::3656:78ff:fe9a:bcde/64");
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// As many routes as a full table of 2010, with 250 next hops: reading them must stay far below the 2 s that a
// reconfiguration may take.
static void takes_a_full_table(void **state)
{
	(void)state;
	const uint32_t count = 323487;
	char *json = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&json, &size);
	assert_non_null(f);
	fprintf(f, "{" RIG_SIDES ",\"routes\":[");
	for (uint32_t i = 0; i < count; i++) {
		uint32_t a = (i + (11u << 14)) << 9;
		fprintf(f, "%s{\"prefix\":\"%u.%u.%u.0/23\",\"via\":\"192.0.2.%u\"}", i ? "," : "", a >> 24,
			a >> 16 & 255, a >> 8 & 255, 2 + i % 250);
	}
	fprintf(f, "]}");
	assert_int_equal(fclose(f), 0);
	struct cat_err err = {0};
	cat_autonode struct cat_node *tree = NULL;
	assert_int_equal(cat_tree_parse_json("config", json, size, &tree, &err), 0);
	free(json);
	double start = now_s();
	void *config = NULL;
	if (cat_router_ops.config_create(tree, &config, &err) < 0)
		fail_msg("%s", err.message);
	double seconds = now_s() - start;
	print_message("%u routes read and built in %.3f s\n", count, seconds);
	assert_true(seconds < 20); // sanitizers and a busy machine: ten times
	cat_router_ops.config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(accepts),
		cmocka_unit_test(derives_macs),
		cmocka_unit_test(takes_a_full_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
