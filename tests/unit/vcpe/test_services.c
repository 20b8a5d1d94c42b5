// SPDX-License-Identifier: BSD-3-Clause
// Between the LAN and the daemons in the container: what is punted, and what the container's kernel sends.
#include <string.h>

#include "site.h"

#define SERVICES                                                                                                       \
	"\"dhcp\": {\"range\": [\"192.168.1.100\", \"192.168.1.199\"]}, \"dns\": {\"servers\": [\"" SERVER             \
	"\", \"" SERVER6 "\"]}"

static bool punted(struct site *site, struct test_packet *ret)
{
	static uint8_t frame[4096];
	unsigned channel;
	int length = cat_lane_local_pop_punt(site->local, &channel, frame, sizeof(frame));
	if (length < 0)
		return false;
	assert_int_equal(channel, 0);
	assert_true(test_packet_read(frame, (uint32_t)length, ret));
	assert_true(test_packet_csums_ok(frame, (uint32_t)length));
	return true;
}

static void inject(struct site *site, struct test_packet packet, const uint8_t to_mac[6])
{
	uint8_t frame[TEST_PACKET_MAX];
	memcpy(packet.to_mac, to_mac, 6);
	memcpy(packet.from_mac, site_lan_mac, 6);
	cat_lane_local_inject(site->local, 0, frame, test_packet_make(&packet, frame));
}

static void only_services_are_punted(void **unused)
{
	(void)unused;
	static const struct {
		const char *name;
		struct test_packet packet;
		bool with, without; // punted with the services configured, and without
	} cases[] = {
		{"DHCP discover",
		 {.src = "0.0.0.0", .dst = "255.255.255.255", .protocol = 17, .sport = 68, .dport = 67},
		 true,
		 false},
		{"DHCP renewal", {.src = HOST_A, .dst = LAN, .protocol = 17, .sport = 68, .dport = 67}, true, false},
		{"DNS query", {.src = HOST_A, .dst = LAN, .protocol = 17, .sport = 4000, .dport = 53}, true, false},
		{"DNS by TCP",
		 {.src = HOST_A, .dst = LAN, .protocol = 6, .sport = 4000, .dport = 53, .tcp_flags = 2},
		 true,
		 false},
		{"DNS to the public address",
		 {.src = HOST_A, .dst = WAN, .protocol = 17, .sport = 4000, .dport = 53},
		 false,
		 false},
		{"HTTP",
		 {.src = HOST_A, .dst = LAN, .protocol = 6, .sport = 4000, .dport = 80, .tcp_flags = 2},
		 false,
		 false},
		{"DHCP of a client",
		 {.src = "0.0.0.0", .dst = "255.255.255.255", .protocol = 17, .sport = 67, .dport = 68},
		 false,
		 false},
		{"DNS by IPv6", {.src = HOST6, .dst = LAN6, .protocol = 17, .sport = 4000, .dport = 53}, true, false},
		{"DHCPv6",
		 {.src = "fe80::10", .dst = "ff02::1:2", .protocol = 17, .sport = 546, .dport = 547},
		 true,
		 false},
		{"router solicitation",
		 {.src = "fe80::10", .dst = "ff02::2", .protocol = 58, .type = 133, .ttl = 255},
		 true,
		 true},
		{"mDNS",
		 {.src = "fe80::10", .dst = "ff02::fb", .protocol = 17, .sport = 5353, .dport = 5353},
		 false,
		 false},
		{"HTTP by IPv6",
		 {.src = HOST6, .dst = LAN6, .protocol = 6, .sport = 4000, .dport = 80, .tcp_flags = 2},
		 false,
		 false},
	};
	for (unsigned services = 0; services < 2; services++) {
		struct site site;
		struct test_packet p;
		site_open(&site, NULL, services ? SERVICES : NULL);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct test_packet packet = cases[i].packet;
			if (strcmp(packet.dst, "255.255.255.255") == 0)
				memcpy(packet.to_mac, site_broadcast, 6);
			if (strncmp(packet.dst, "ff02", 4) == 0)
				packet.to_mac[0] = packet.to_mac[1] = 0x33;
			site_host_mac(HOST_A, packet.from_mac);
			site_send_lan(&site, packet);
			bool expected = services ? cases[i].with : cases[i].without;
			if (punted(&site, &p) != expected)
				fail_msg("%s: punted is not %d", cases[i].name, expected);
			assert_false(punted(&site, &p));
			assert_false(site_receive(&site, CAT_RIGHT, &p));
		}
		site_close(&site);
	}
}

static void kernel_is_answered_arp(void **unused)
{
	(void)unused;
	static const uint8_t zero[6];
	struct site site;
	uint8_t frame[4096];
	char sender[46], target[46];
	uint16_t operation;
	unsigned channel;
	site_open(&site, NULL, SERVICES);
	uint32_t length = test_packet_make_arp(site_broadcast, site_lan_mac, 1, LAN, zero, "169.254.0.1", frame);
	cat_lane_local_inject(site.local, 0, frame, length);
	int n = cat_lane_local_pop_punt(site.local, &channel, frame, sizeof(frame));
	assert_int_equal(n, 42);
	assert_true(test_packet_read_arp(frame, 42, &operation, sender, target));
	assert_int_equal(operation, 2);
	assert_string_equal(sender, "169.254.0.1");
	assert_string_equal(target, LAN);
	assert_memory_equal(frame + 6, site_virtual_mac, 6);
	assert_memory_equal(frame, site_lan_mac, 6);
	// Its probe for its own address finds nobody (RFC 5227), and nothing reaches the LAN.
	length = test_packet_make_arp(site_broadcast, site_lan_mac, 1, "0.0.0.0", zero, LAN, frame);
	cat_lane_local_inject(site.local, 0, frame, length);
	assert_true(cat_lane_local_pop_punt(site.local, &channel, frame, sizeof(frame)) < 0);
	site_expect_nothing(&site);
	site_close(&site);
}

static void kernel_is_answered_solicitations(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet p,
		solicitation = {.protocol = 58, .type = 135, .ttl = 255, .src = LAN6, .dst = "ff02::1:ff00:1"};
	uint8_t body[24] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xca, 0x7e, 0, 1, 1, 1, 2, 0, 0, 0, 1, 1};
	site_open(&site, NULL, SERVICES);
	solicitation.payload = body;
	solicitation.payload_size = sizeof(body);
	static const uint8_t group[6] = {0x33, 0x33, 0xff, 0, 0, 1};
	inject(&site, solicitation, group);
	assert_true(punted(&site, &p));
	assert_int_equal(p.type, 136);
	assert_string_equal(p.dst, LAN6);
	assert_string_equal(p.src, "fe80::ca7e:1");
	assert_memory_equal(p.from_mac, site_virtual_mac, 6);
	assert_memory_equal((const uint8_t *)p.payload + 18, site_virtual_mac, 6);
	site_expect_nothing(&site);
	site_close(&site);
}

static void answers_reach_the_lan(void **unused)
{
	(void)unused;
	static const uint8_t new_host[6] = {2, 7, 7, 7, 7, 7};
	struct site site;
	struct test_packet p;
	site_open(&site, NULL, SERVICES);
	// To a host that has no address yet: the frame as it is.
	struct test_packet offer = site_udp(LAN, 67, "192.168.1.150", 68);
	inject(&site, offer, new_host);
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_memory_equal(p.to_mac, new_host, 6);
	assert_int_equal(p.ttl, 64);
	inject(&site, site_udp(LAN, 67, "255.255.255.255", 68), site_broadcast);
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_memory_equal(p.to_mac, site_broadcast, 6);
	// By the made-up next hop: with the host's real MAC.
	uint8_t mac[6];
	site_host_mac(HOST_A, mac);
	inject(&site, site_udp(LAN, 53, HOST_A, 4000), site_virtual_mac);
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_memory_equal(p.to_mac, mac, 6);
	assert_string_equal(p.src, LAN);
	site_host_mac(HOST6, mac);
	inject(&site, site_udp(LAN6, 53, HOST6, 4000), site_virtual_mac);
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_memory_equal(p.to_mac, mac, 6);
	site_expect_nothing(&site);
	site_close(&site);
}

static void upstream_queries_go_through_the_nat(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet p;
	site_open(&site, NULL, SERVICES);
	for (unsigned round = 0; round < 2; round++) {
		inject(&site, site_udp(LAN, 40000, SERVER, 53), site_virtual_mac);
		assert_true(site_receive(&site, CAT_RIGHT, &p));
		assert_string_equal(p.src, PUBLIC);
		assert_string_equal(p.dst, SERVER);
		assert_memory_equal(p.to_mac, site_gateway_mac, 6);
		site_send_wan(&site, site_udp(SERVER, 53, PUBLIC, p.sport));
		assert_true(punted(&site, &p));
		assert_string_equal(p.dst, LAN);
		assert_int_equal(p.dport, 40000);
		assert_memory_equal(p.to_mac, site_lan_mac, 6);
		site_expect_nothing(&site);
	}
	// By IPv6 without one; only servers that we ask get an ear.
	inject(&site, site_udp(LAN6, 40000, SERVER6, 53), site_virtual_mac);
	assert_true(site_receive(&site, CAT_RIGHT, &p));
	assert_string_equal(p.src, LAN6);
	site_send_wan(&site, site_udp(SERVER6, 53, LAN6, 40000));
	assert_true(punted(&site, &p));
	assert_memory_equal(p.to_mac, site_lan_mac, 6);
	site_send_wan(&site, site_udp("2001:db8:ff::66", 53, LAN6, 40000));
	assert_false(punted(&site, &p));
	site_send_wan(&site, site_udp(SERVER6, 53, LAN6, 53));
	assert_false(punted(&site, &p));
	while (site_receive(&site, CAT_RIGHT, &p))
		;
	site_close(&site);
}

static void nonsense_from_the_kernel_is_ignored(void **unused)
{
	(void)unused;
	struct site site;
	uint8_t frame[3000];
	site_open(&site, NULL, SERVICES);
	memset(frame, 0x45, sizeof(frame));
	for (uint32_t length = 0; length < sizeof(frame); length += 13) {
		frame[12] = 8;
		frame[13] = length % 2 ? 0 : 6;
		cat_lane_local_inject(site.local, length % 3, frame, length);
	}
	site_expect_nothing(&site);
	site_close(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_from_the_kernel_is_ignored),
		cmocka_unit_test(only_services_are_punted),
		cmocka_unit_test(kernel_is_answered_arp),
		cmocka_unit_test(kernel_is_answered_solicitations),
		cmocka_unit_test(answers_reach_the_lan),
		cmocka_unit_test(upstream_queries_go_through_the_nat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
