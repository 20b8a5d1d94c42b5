// SPDX-License-Identifier: BSD-3-Clause
// Messages about routes as the kernel writes them, and as nobody should.
#include "test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "kernel.h"

static const uint32_t interface[CAT_SIDES] = {2, 3};

struct message {
	_Alignas(8) char buffer[512];
	struct nlmsghdr *header;
	struct rtmsg *body;
};

static void begin(struct message *m, uint16_t type, uint8_t family, const char *prefix)
{
	struct cat_prefix p;
	assert_int_equal(cat_prefix_parse(prefix, &p), 0);
	memset(m, 0, sizeof(*m));
	m->header = mnl_nlmsg_put_header(m->buffer);
	m->header->nlmsg_type = type;
	m->body = mnl_nlmsg_put_extra_header(m->header, sizeof(*m->body));
	*m->body = (struct rtmsg){.rtm_family = family,
				  .rtm_dst_len = p.length,
				  .rtm_table = RT_TABLE_MAIN,
				  .rtm_protocol = 186, // of bgpd
				  .rtm_type = RTN_UNICAST};
	if (p.length)
		mnl_attr_put(m->header, RTA_DST, family == AF_INET ? 4 : 16, p.addr.byte);
}

static void put_addr(struct message *m, uint16_t type, const char *text)
{
	struct cat_addr addr;
	assert_int_equal(cat_addr_parse(text, &addr), 0);
	mnl_attr_put(m->header, type, addr.family == AF_INET ? 4 : 16, addr.byte);
}

static void expect_hop(const struct kernel_route *route, unsigned n, const char *text, enum cat_side side)
{
	char got[CAT_ADDR_TEXT_MAX];
	assert_true(n < route->set.count);
	assert_string_equal(cat_addr_format(&route->set.hop[n].addr, got), text);
	assert_int_equal(route->set.hop[n].side, side);
}

static void reads_routes(void **state)
{
	(void)state;
	struct message m;
	struct kernel_route route;
	begin(&m, RTM_NEWROUTE, AF_INET, "198.51.100.0/24");
	put_addr(&m, RTA_GATEWAY, "192.0.2.2");
	mnl_attr_put_u32(m.header, RTA_OIF, 3);
	assert_true(kernel_parse(m.header, interface, &route));
	assert_false(route.gone);
	assert_int_equal(route.set.kind, ROUTER_GATEWAY);
	expect_hop(&route, 0, "192.0.2.2", CAT_RIGHT);

	begin(&m, RTM_DELROUTE, AF_INET6, "2001:db8:100::/48");
	assert_true(kernel_parse(m.header, interface, &route));
	assert_true(route.gone);

	begin(&m, RTM_NEWROUTE, AF_INET6, "::/0");
	put_addr(&m, RTA_GATEWAY, "fe80::9");
	mnl_attr_put_u32(m.header, RTA_OIF, 2);
	assert_true(kernel_parse(m.header, interface, &route));
	assert_int_equal(route.prefix.length, 0);
	expect_hop(&route, 0, "fe80::9", CAT_LEFT);

	begin(&m, RTM_NEWROUTE, AF_INET, "10.9.0.0/16");
	mnl_attr_put_u32(m.header, RTA_OIF, 2);
	assert_true(kernel_parse(m.header, interface, &route));
	assert_int_equal(route.set.kind, ROUTER_CONNECTED);
	assert_int_equal(route.set.hop[0].side, CAT_LEFT);

	begin(&m, RTM_NEWROUTE, AF_INET, "10.8.0.0/16");
	m.body->rtm_type = RTN_BLACKHOLE;
	assert_true(kernel_parse(m.header, interface, &route));
	assert_int_equal(route.set.kind, ROUTER_BLACKHOLE);

	// By an interface that is no side: it leads nowhere.
	begin(&m, RTM_NEWROUTE, AF_INET, "10.7.0.0/16");
	put_addr(&m, RTA_GATEWAY, "192.0.2.2");
	mnl_attr_put_u32(m.header, RTA_OIF, 9);
	assert_true(kernel_parse(m.header, interface, &route));
	assert_true(route.gone);
}

static void put_multipath(struct message *m, const char *const *gateway, const int *index, unsigned count)
{
	uint8_t hops[256] = {0};
	size_t size = 0;
	for (unsigned i = 0; i < count; i++) {
		struct cat_addr addr;
		assert_int_equal(cat_addr_parse(gateway[i], &addr), 0);
		struct rtnexthop hop = {.rtnh_len = sizeof(hop) + 8, .rtnh_ifindex = index[i]};
		struct nlattr attribute = {.nla_len = 8, .nla_type = RTA_GATEWAY};
		memcpy(hops + size, &hop, sizeof(hop));
		memcpy(hops + size + sizeof(hop), &attribute, 4);
		memcpy(hops + size + sizeof(hop) + 4, addr.byte, 4);
		size += hop.rtnh_len;
	}
	mnl_attr_put(m->header, RTA_MULTIPATH, size, hops);
}

static void reads_several_next_hops(void **state)
{
	(void)state;
	struct message m;
	struct kernel_route a, b;
	static const char *const one[] = {"192.0.2.3", "10.0.0.2", "192.0.2.2", "192.0.2.2"};
	static const char *const other[] = {"192.0.2.2", "192.0.2.3", "10.0.0.2"};
	begin(&m, RTM_NEWROUTE, AF_INET, "198.51.100.0/24");
	put_multipath(&m, one, (const int[]){3, 2, 3, 3}, 4);
	assert_true(kernel_parse(m.header, interface, &a));
	assert_int_equal(a.set.count, 3);
	begin(&m, RTM_NEWROUTE, AF_INET, "198.51.100.0/24");
	put_multipath(&m, other, (const int[]){3, 3, 2}, 3);
	assert_true(kernel_parse(m.header, interface, &b));
	// The order is our own.
	for (unsigned i = 0; i < 3; i++)
		assert_true(cat_addr_equal(&a.set.hop[i].addr, &b.set.hop[i].addr));
}

static void leaves_alone_what_is_not_learnt(void **state)
{
	(void)state;
	static const uint8_t protocols[] = {
		RTPROT_UNSPEC, RTPROT_REDIRECT, RTPROT_KERNEL, RTPROT_BOOT, RTPROT_STATIC, RTPROT_RA, 196};
	struct message m;
	struct kernel_route route;
	for (unsigned i = 0; i < sizeof(protocols); i++) {
		begin(&m, RTM_NEWROUTE, AF_INET, "198.51.100.0/24");
		mnl_attr_put_u32(m.header, RTA_OIF, 3);
		m.body->rtm_protocol = protocols[i];
		assert_false(kernel_parse(m.header, interface, &route));
	}
	begin(&m, RTM_NEWROUTE, AF_INET, "198.51.100.0/24");
	mnl_attr_put_u32(m.header, RTA_OIF, 3);
	mnl_attr_put_u32(m.header, RTA_TABLE, 100);
	assert_false(kernel_parse(m.header, interface, &route));
	begin(&m, RTM_NEWROUTE, AF_INET, "198.51.100.0/24");
	m.body->rtm_dst_len = 33;
	assert_false(kernel_parse(m.header, interface, &route));
	begin(&m, RTM_NEWROUTE, AF_INET, "198.51.100.0/24");
	m.body->rtm_type = RTN_MULTICAST;
	assert_false(kernel_parse(m.header, interface, &route));
	begin(&m, RTM_NEWLINK, AF_INET, "198.51.100.0/24");
	assert_false(kernel_parse(m.header, interface, &route));
}

// Bytes that are wrong lead nowhere but to another route.
static void survives_nonsense(void **state)
{
	(void)state;
	static const char *const gateways[] = {"192.0.2.3", "10.0.0.2", "192.0.2.2"};
	unsigned seed = 5;
	for (unsigned i = 0; i < 200000; i++) {
		struct message m;
		struct kernel_route route;
		begin(&m, RTM_NEWROUTE, AF_INET, "198.51.100.0/24");
		put_multipath(&m, gateways, (const int[]){3, 2, 3}, 3);
		uint32_t length = m.header->nlmsg_len;
		for (unsigned k = 0; k < 1 + i % 4; k++)
			m.buffer[16 + (unsigned)rand_r(&seed) % (length - 16)] = (char)rand_r(&seed);
		if (i % 3 == 0)
			m.header->nlmsg_len = 16 + (uint32_t)rand_r(&seed) % (length - 16);
		struct nlmsghdr *copy = malloc(m.header->nlmsg_len);
		memcpy(copy, m.header, m.header->nlmsg_len);
		if (kernel_parse(copy, interface, &route)) {
			assert_true(route.set.count <= ROUTER_ECMP_MAX);
			assert_true(route.prefix.length <= (route.prefix.addr.family == AF_INET ? 32 : 128));
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_routes),
		cmocka_unit_test(reads_several_next_hops),
		cmocka_unit_test(leaves_alone_what_is_not_learnt),
		cmocka_unit_test(survives_nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
