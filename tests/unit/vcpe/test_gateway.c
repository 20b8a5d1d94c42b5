// SPDX-License-Identifier: BSD-3-Clause
// The gateway on both sides: neighbours, addresses that may send, IPv6 routing, policing.
#include <string.h>

#include "site.h"

static void wrong_packets_are_dropped(void **unused)
{
	(void)unused;
	enum { LANSIDE, WANSIDE };
	static const struct {
		const char *name;
		int side;
		const char *src, *dst, *counter;
		uint8_t to_mac[6];
	} cases[] = {
		{"source outside the LAN", LANSIDE, "192.168.2.5", SERVER, "drop.spoofed", {0}},
		{"the gateway's own source", LANSIDE, LAN, SERVER, "drop.spoofed", {0}},
		{"broadcast source", LANSIDE, "192.168.1.255", SERVER, "drop.spoofed", {0}},
		{"no source", LANSIDE, "0.0.0.0", SERVER, "drop.spoofed", {0}},
		{"to multicast", LANSIDE, HOST_A, "224.0.0.1", "drop.bad_address", {0}},
		{"to loopback", LANSIDE, HOST_A, "127.0.0.1", "drop.bad_address", {0}},
		{"to the LAN's broadcast", LANSIDE, HOST_A, "192.168.1.255", "drop.bad_address", {0}},
		{"to the WAN's broadcast", LANSIDE, HOST_A, "10.0.0.3", "drop.bad_address", {0}},
		{"by broadcast frame",
		 LANSIDE,
		 HOST_A,
		 SERVER,
		 "drop.bad_address",
		 {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"for another station", LANSIDE, HOST_A, SERVER, "drop.not_for_us", {2, 9, 9, 9, 9, 9}},
		{"no service at the WAN address", LANSIDE, HOST_A, WAN, "drop.no_service", {0}},
		{"LAN source from the WAN", WANSIDE, HOST_A, PUBLIC, "drop.spoofed", {0}},
		{"our source from the WAN", WANSIDE, PUBLIC, PUBLIC, "drop.spoofed", {0}},
		{"loopback from the WAN", WANSIDE, "127.0.0.1", PUBLIC, "drop.spoofed", {0}},
		{"multicast source", WANSIDE, "224.0.0.1", PUBLIC, "drop.spoofed", {0}},
		{"to a LAN address", WANSIDE, SERVER, HOST_A, "drop.not_for_us", {0}},
		{"to a foreign address", WANSIDE, SERVER, "198.51.100.2", "drop.not_for_us", {0}},
		{"to the WAN address", WANSIDE, SERVER, WAN, "drop.no_service", {0}},
		{"IPv6 source outside the LAN", LANSIDE, "2001:db8:2::5", SERVER6, "drop.spoofed", {0}},
		{"the gateway's IPv6 source", LANSIDE, LAN6, SERVER6, "drop.spoofed", {0}},
		{"link-local source beyond the link", LANSIDE, "fe80::77", SERVER6, "drop.spoofed", {0}},
		{"link-local destination", LANSIDE, HOST6, "fe80::77", "drop.bad_address", {0}},
		{"IPv6 LAN source from the WAN", WANSIDE, HOST6, HOST6, "drop.spoofed", {0}},
		{"IPv6 to a foreign prefix", WANSIDE, SERVER6, "2001:db8:9::1", "drop.not_for_us", {0}},
		{"IPv6 DNS from the WAN", WANSIDE, SERVER6, LAN6, "drop.no_service", {0}},
	};
	struct site site;
	site_open(&site, NULL, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_packet p = site_udp(cases[i].src, 5000, cases[i].dst, 53), answer;
		memcpy(p.to_mac, cases[i].to_mac, 6);
		uint64_t before = site_counter(&site, cases[i].counter);
		if (cases[i].side == LANSIDE)
			site_send_lan(&site, p);
		else
			site_send_wan(&site, p);
		if (site_counter(&site, cases[i].counter) != before + 1)
			fail_msg("%s: %s did not count", cases[i].name, cases[i].counter);
		// Errors may go back, the packet not on.
		assert_false(site_receive(&site, cases[i].side == LANSIDE ? CAT_RIGHT : CAT_LEFT, &answer));
		while (site_receive(&site, cases[i].side == LANSIDE ? CAT_LEFT : CAT_RIGHT, &answer))
			assert_true(answer.protocol == 1 || answer.protocol == 58);
	}
	site_close(&site);
}

static void bad_header_checksum(void **unused)
{
	(void)unused;
	struct site site;
	uint8_t frame[TEST_PACKET_MAX];
	site_open(&site, NULL, NULL);
	// Once unknown to the NAT, once of a session.
	for (unsigned round = 0; round < 2; round++) {
		struct test_packet p = site_udp(HOST_A, 5000, SERVER, 53);
		memcpy(p.to_mac, site_lan_mac, 6);
		uint32_t length = test_packet_make(&p, frame);
		frame[14 + 10] ^= 0x40;
		uint64_t before = site_counter(&site, "drop.bad_checksum");
		site_send_frame(&site, CAT_LEFT, frame, length);
		site_expect_drop(&site, "drop.bad_checksum", before);
		site_expect_nothing(&site);
		site_open_session(&site, site_udp(HOST_A, 5000, SERVER, 53));
	}
	site_close(&site);
}

static bool arp_answered(struct site *site, enum cat_side side, const char *sender, const char *target)
{
	static const uint8_t zero[6];
	uint8_t frame[2048];
	char from[46], to[46];
	uint16_t operation;
	uint32_t length = test_packet_make_arp(site_broadcast, site_gateway_mac, 1, sender, zero, target, frame);
	site_send_frame(site, side, frame, length);
	int n = cat_lane_local_pop(site->local, side, frame, sizeof(frame), NULL);
	if (n < 0)
		return false;
	assert_true(test_packet_read_arp(frame, (uint32_t)n, &operation, from, to));
	assert_int_equal(operation, 2);
	assert_string_equal(from, target);
	assert_memory_equal(frame + 6, side == CAT_LEFT ? site_lan_mac : site_wan_mac, 6);
	return true;
}

static void pool_in_the_wan_subnet_answers_arp(void **unused)
{
	(void)unused;
	struct site site;
	struct cat_err err = {0};
	site_open(&site, NULL, NULL);
	assert_true(arp_answered(&site, CAT_LEFT, HOST_A, LAN));
	assert_true(arp_answered(&site, CAT_RIGHT, GATEWAY, WAN));
	assert_false(arp_answered(&site, CAT_LEFT, HOST_A, "192.168.1.99"));
	assert_int_equal(
		cat_lane_local_configure(site.local,
					 "{\"lan\": {\"address\": \"" LAN
					 "/24\", \"mac\": \"02:00:00:00:01:01\"}, \"wan\": {\"address\": "
					 "\"10.0.0.2/24\", \"gateway\": \"10.0.0.1\", \"mac\": \"02:00:00:00:02:01\"}, "
					 "\"nat\": {\"pool\": [\"10.0.0.7\", \"10.0.0.8\"]}}",
					 &err),
		0);
	struct test_packet p;
	while (site_receive(&site, CAT_RIGHT, &p) || site_receive(&site, CAT_LEFT, &p))
		;
	assert_true(arp_answered(&site, CAT_RIGHT, "10.0.0.1", "10.0.0.7"));
	assert_true(arp_answered(&site, CAT_RIGHT, "10.0.0.1", "10.0.0.8"));
	assert_false(arp_answered(&site, CAT_RIGHT, "10.0.0.1", "10.0.0.9"));
	site_close(&site);
}

static void lan_hosts_reach_each_other(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet p;
	site_open(&site, NULL, NULL);
	site_send_lan(&site, site_udp(HOST_A, 5000, HOST_B, 53));
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_string_equal(p.src, HOST_A);
	assert_string_equal(p.dst, HOST_B);
	assert_int_equal(p.ttl, 63);
	site_close(&site);
}

// A host that went away: nobody outside learns its address from an error.
static void silent_hosts_are_kept_secret(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet p;
	site_open(&site, NULL, NULL);
	uint16_t port = site_open_session(&site, site_udp("192.168.1.77", 5000, SERVER, 53));
	site_send_wan(&site, site_udp(SERVER, 53, PUBLIC, port));
	for (unsigned i = 0; i < 80; i++) {
		cat_lane_local_advance(site.local, 100000);
		if (i == 34)
			site_send_wan(&site, site_udp(SERVER, 53, PUBLIC, port));
		assert_false(site_receive(&site, CAT_RIGHT, &p));
		assert_false(site_receive(&site, CAT_LEFT, &p));
	}
	assert_int_equal(site_counter(&site, "neighbour.wait_lost") + site_counter(&site, "drop.no_neighbour"), 2);
	site_close(&site);
}

static void ipv6_is_routed(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet p;
	site_open(&site, NULL, NULL);
	for (unsigned round = 0; round < 2; round++) {
		struct test_packet out = site_tcp(HOST6, 5000, SERVER6, 80, TEST_PACKET_SYN);
		site_send_lan(&site, out);
		assert_true(site_receive(&site, CAT_RIGHT, &p));
		assert_string_equal(p.src, HOST6);
		assert_string_equal(p.dst, SERVER6);
		assert_int_equal(p.ttl, 63);
		assert_memory_equal(p.to_mac, site_gateway_mac, 6);
		site_send_wan(&site, site_tcp(SERVER6, 80, HOST6, 5000, TEST_PACKET_ACK));
		assert_true(site_receive(&site, CAT_LEFT, &p));
		assert_string_equal(p.dst, HOST6);
		assert_int_equal(p.ttl, 63);
	}
	struct test_packet last = site_udp(HOST6, 1, SERVER6, 2);
	last.ttl = 1;
	site_send_lan(&site, last);
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_int_equal(p.protocol, 58);
	assert_int_equal(p.type, 3);
	assert_string_equal(p.dst, HOST6);
	site_close(&site);
}

// 8 Mbit/s committed with 10,000 bytes, 16 Mbit/s peak with 20,000 bytes: RFC 2698, section 3.
static void policing(void **unused)
{
	(void)unused;
	static const char police[] = "\"policing\": {\"subscriber\": {\"cir_kbps\": 8000, \"cbs_bytes\": 10000, "
				     "\"pir_kbps\": 16000, \"pbs_bytes\": 20000, \"dscp_yellow\": 10}}";
	struct site site;
	struct test_packet p;
	site_open(&site, NULL, police);
	struct test_packet out = site_udp(HOST_A, 5000, SERVER, 53);
	out.payload_size = 1000 - 28;
	unsigned passed = 0, marked = 0;
	for (unsigned i = 0; i < 40; i++) {
		site_send_lan(&site, out);
		if (site_receive(&site, CAT_RIGHT, &p)) {
			passed++;
			marked += p.tos == 10 << 2;
		}
	}
	assert_int_equal(passed, 20);
	assert_int_equal(marked, 10);
	assert_int_equal(site_counter(&site, "police.green"), 10);
	assert_int_equal(site_counter(&site, "police.yellow"), 10);
	assert_int_equal(site_counter(&site, "drop.policed"), 20);
	// Others, and the other direction, have buckets of their own.
	site_send_lan(&site, site_udp(HOST_B, 5000, SERVER, 53));
	assert_true(site_receive(&site, CAT_RIGHT, &p));
	assert_int_equal(p.tos, 0);
	site_send_wan(&site, site_udp(SERVER, 53, PUBLIC, p.sport));
	assert_true(site_receive(&site, CAT_LEFT, &p));
	// IPv6 as well.
	struct test_packet out6 = site_udp(HOST6, 5000, SERVER6, 53);
	out6.payload_size = 1000 - 48;
	for (unsigned i = passed = 0; i < 40; i++) {
		site_send_lan(&site, out6);
		passed += site_receive(&site, CAT_RIGHT, &p);
	}
	assert_int_equal(passed, 20);
	// In 2 ms the committed bucket gets 2,000 bytes, the peak one 4,000: two green, two yellow.
	cat_lane_local_advance(site.local, 2000);
	uint64_t green = site_counter(&site, "police.green"), yellow = site_counter(&site, "police.yellow");
	for (unsigned i = 0; i < 10; i++) {
		site_send_lan(&site, out);
		site_receive(&site, CAT_RIGHT, &p);
	}
	assert_int_equal(site_counter(&site, "police.green") - green, 2);
	assert_int_equal(site_counter(&site, "police.yellow") - yellow, 2);
	// A long time at twice the committed rate: half of it is green in the end.
	uint64_t before = site_counter(&site, "drop.policed");
	green = site_counter(&site, "police.green");
	for (unsigned i = 0; i < 2000; i++) {
		cat_lane_local_advance(site.local, 500);
		site_send_lan(&site, out);
		while (site_receive(&site, CAT_RIGHT, &p))
			;
	}
	assert_in_range(site_counter(&site, "police.green") - green, 950, 1050);
	assert_in_range(site_counter(&site, "drop.policed") - before, 0, 50);
	site_close(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_packets_are_dropped),
		cmocka_unit_test(bad_header_checksum),
		cmocka_unit_test(pool_in_the_wan_subnet_answers_arp),
		cmocka_unit_test(lan_hosts_reach_each_other),
		cmocka_unit_test(silent_hosts_are_kept_secret),
		cmocka_unit_test(ipv6_is_routed),
		cmocka_unit_test(policing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
