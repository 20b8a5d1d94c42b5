// SPDX-License-Identifier: BSD-3-Clause
// NAPT44 through the whole function, by the clauses of RFC 4787, RFC 5382 and RFC 5508. Every packet that leaves has
// its checksums recomputed (site_receive).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

enum { SYN = TEST_PACKET_SYN, ACK = TEST_PACKET_ACK, FIN = TEST_PACKET_FIN, RST = TEST_PACKET_RST };

static void expect(const struct test_packet *p, const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	if (strcmp(p->src, src) != 0 || strcmp(p->dst, dst) != 0 || p->sport != sport || p->dport != dport)
		fail_msg("found %s:%u -> %s:%u, expected %s:%u -> %s:%u", p->src, p->sport, p->dst, p->dport, src,
			 sport, dst, dport);
}

static void what_cannot_be_translated_is_dropped(void **unused)
{
	(void)unused;
	static const struct {
		const char *name;
		bool wan;
		struct test_packet packet;
		const char *counter;
	} cases[] = {
		{"GRE", false, {.src = HOST_A, .dst = SERVER, .protocol = 47, .payload_size = 20}, "drop.nat_protocol"},
		{"TCP without SYN",
		 false,
		 {.src = HOST_A, .dst = SERVER, .protocol = 6, .sport = 1, .dport = 2, .tcp_flags = ACK},
		 "drop.nat_no_session"},
		{"SYN and ACK",
		 false,
		 {.src = HOST_A, .dst = SERVER, .protocol = 6, .sport = 1, .dport = 2, .tcp_flags = SYN | ACK},
		 "drop.nat_no_session"},
		{"ICMP type that nobody knows",
		 false,
		 {.src = HOST_A, .dst = SERVER, .protocol = 1, .type = 40},
		 "drop.nat_protocol"},
		{"echo reply without a request",
		 false,
		 {.src = HOST_A, .dst = SERVER, .protocol = 1, .type = 0},
		 "drop.nat_protocol"},
		{"UDP from outside to no mapping",
		 true,
		 {.src = SERVER, .dst = PUBLIC, .protocol = 17, .sport = 53, .dport = 4000},
		 "drop.nat_no_session"},
		{"SYN from outside",
		 true,
		 {.src = SERVER, .dst = PUBLIC, .protocol = 6, .sport = 53, .dport = 4000, .tcp_flags = SYN},
		 "drop.nat_no_session"},
		{"reply from outside to nothing",
		 true,
		 {.src = SERVER, .dst = PUBLIC, .protocol = 1, .type = 0, .id = 7},
		 "drop.nat_no_session"},
		{"ESP from outside",
		 true,
		 {.src = SERVER, .dst = PUBLIC, .protocol = 50, .payload_size = 40},
		 "drop.nat_protocol"},
		{"tagged",
		 false,
		 {.src = HOST_A, .dst = SERVER, .protocol = 17, .sport = 1, .dport = 2, .vlan = 7},
		 "drop.vlan"},
	};
	struct site site;
	site_open(&site, NULL, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = site_counter(&site, cases[i].counter);
		if (cases[i].wan)
			site_send_wan(&site, cases[i].packet);
		else
			site_send_lan(&site, cases[i].packet);
		if (site_counter(&site, cases[i].counter) != before + 1)
			fail_msg("%s: %s did not count", cases[i].name, cases[i].counter);
		site_expect_nothing(&site);
	}
	assert_int_equal(site_counter(&site, "nat.created"), 0);
	site_close(&site);
}

static void there_and_back(void **unused)
{
	(void)unused;
	static const struct {
		const char *name;
		struct test_packet out;
		uint8_t back_flags, back_type;
	} cases[] = {
		{"UDP", {.protocol = 17, .sport = 4001, .dport = 53, .payload_size = 33}, 0, 0},
		{"UDP without checksum",
		 {.protocol = 17, .sport = 4002, .dport = 53, .no_csum = true, .payload_size = 7},
		 0,
		 0},
		{"empty UDP", {.protocol = 17, .sport = 4003, .dport = 53}, 0, 0},
		{"TCP", {.protocol = 6, .sport = 4004, .dport = 80, .tcp_flags = SYN}, SYN | ACK, 0},
		{"TCP with IP options",
		 {.protocol = 6, .sport = 4005, .dport = 80, .tcp_flags = SYN, .options = 3},
		 SYN | ACK,
		 0},
		{"TCP with data of odd size",
		 {.protocol = 6, .sport = 4006, .dport = 80, .tcp_flags = SYN, .payload_size = 1001},
		 SYN | ACK,
		 0},
		{"echo", {.protocol = 1, .type = 8, .id = 77, .payload_size = 56}, 0, 0},
		{"timestamp", {.protocol = 1, .type = 13, .id = 78, .payload_size = 12}, 0, 14},
		{"marked", {.protocol = 17, .sport = 4007, .dport = 53, .tos = 0xb8, .ttl = 2}, 0, 0},
	};
	struct site site;
	site_open(&site, NULL, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_packet out = cases[i].out, seen, back;
		strcpy(out.src, HOST_A);
		strcpy(out.dst, SERVER);
		// Once on the slow path, once on the fast one.
		for (unsigned round = 0; round < 2; round++) {
			site_send_lan(&site, out);
			assert_true(site_receive(&site, CAT_RIGHT, &seen));
			assert_string_equal(seen.src, PUBLIC);
			assert_string_equal(seen.dst, SERVER);
			assert_memory_equal(seen.to_mac, site_gateway_mac, 6);
			assert_memory_equal(seen.from_mac, site_wan_mac, 6);
			assert_int_equal(seen.dport, out.dport);
			assert_int_equal(seen.ttl, (out.ttl ? out.ttl : 64) - 1);
			assert_int_equal(seen.tos, out.tos);
			assert_int_equal(seen.no_csum, out.no_csum);
			assert_int_equal(seen.payload_size, out.payload_size);
			back = seen;
			memset(back.to_mac, 0, 6);
			memset(back.from_mac, 0, 6);
			strcpy(back.src, SERVER);
			strcpy(back.dst, PUBLIC);
			back.sport = seen.dport;
			back.dport = seen.sport;
			back.tcp_flags = cases[i].back_flags;
			back.type = cases[i].back_type;
			back.ttl = 3;
			back.payload = NULL;
			site_send_wan(&site, back);
			assert_true(site_receive(&site, CAT_LEFT, &seen));
			expect(&seen, SERVER, out.dport, HOST_A, out.sport);
			uint8_t mac[6];
			site_host_mac(HOST_A, mac);
			assert_memory_equal(seen.to_mac, mac, 6);
			assert_memory_equal(seen.from_mac, site_lan_mac, 6);
			assert_int_equal(seen.id, out.id);
			assert_int_equal(seen.ttl, 2);
		}
	}
	assert_int_equal(site_counter(&site, "nat.created"), sizeof(cases) / sizeof(cases[0]));
	site_close(&site);
}

// Checksums of random packets in both directions, against a full computation.
static void checksums_of_random_packets(void **unused)
{
	(void)unused;
	struct site site;
	site_open(&site, "\"filtering\": \"endpoint-independent\", \"quota\": 100000", NULL);
	srandom(4711);
	uint8_t payload[600];
	for (unsigned i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof(payload); k++)
			payload[k] = (uint8_t)(random() >> (k % 8));
		struct test_packet out = {.protocol = random() % 3 ? 17 : 6, .tcp_flags = SYN}, seen;
		snprintf(out.src, sizeof(out.src), "192.168.1.%ld", 10 + random() % 2);
		snprintf(out.dst, sizeof(out.dst), "%ld.%ld.%ld.%ld", 11 + random() % 80, random() % 256,
			 random() % 256, 1 + random() % 200);
		out.sport = (uint16_t)random();
		out.dport = (uint16_t)(1 + random() % 1000);
		out.ttl = (uint8_t)(2 + random() % 200);
		out.tos = (uint8_t)random();
		out.payload = payload;
		out.payload_size = (uint16_t)(random() % sizeof(payload));
		site_send_lan(&site, out);
		assert_true(site_receive(&site, CAT_RIGHT, &seen));
		struct test_packet back = site_udp(out.dst, out.dport, PUBLIC, seen.sport);
		back.protocol = out.protocol;
		back.tcp_flags = SYN | ACK;
		back.payload = payload;
		back.payload_size = (uint16_t)(random() % sizeof(payload));
		site_send_wan(&site, back);
		assert_true(site_receive(&site, CAT_LEFT, &seen));
		expect(&seen, out.dst, out.dport, out.src, out.sport);
		if (i % 500 == 0)
			site_advance(&site, 400);
	}
	site_close(&site);
}

// UDP whose checksum comes out as zero is sent with 0xffff (RFC 768): payloads are tried until some do.
static void udp_checksum_zero(void **unused)
{
	(void)unused;
	struct site site;
	site_open(&site, NULL, NULL);
	unsigned seen_ffff = 0;
	for (uint32_t v = 0; v < 0x10000; v++) {
		uint8_t payload[2] = {(uint8_t)(v >> 8), (uint8_t)v};
		struct test_packet p = site_udp(HOST_A, 5000, SERVER, 53), out;
		p.payload = payload;
		p.payload_size = 2;
		site_send_lan(&site, p);
		assert_true(site_receive(&site, CAT_RIGHT, &out));
		assert_false(out.no_csum);
		uint32_t length;
		const uint8_t *frame = site_frame(&length);
		seen_ffff += frame[14 + 20 + 6] == 0xff && frame[14 + 20 + 7] == 0xff;
	}
	assert_true(seen_ffff >= 1);
	site_close(&site);
}

static void filtering_by_configuration(void **unused)
{
	(void)unused;
	static const struct {
		const char *nat;
		const char *from;
		uint16_t port;
		const char *counter; // NULL: passes
	} cases[] = {
		{NULL, SERVER, 54, NULL},
		{NULL, "203.0.113.10", 53, "drop.nat_filtered"},
		{"\"filtering\": \"address\"", SERVER, 54, NULL},
		{"\"filtering\": \"address-and-port\"", SERVER, 54, "drop.nat_filtered"},
		{"\"filtering\": \"address-and-port\"", SERVER, 53, NULL},
		{"\"filtering\": \"endpoint-independent\"", "203.0.113.10", 99, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned tcp = 0; tcp < 2; tcp++) {
			struct site site;
			struct test_packet in;
			site_open(&site, cases[i].nat, NULL);
			uint16_t port = site_open_session(&site, tcp ? site_tcp(HOST_A, 5000, SERVER, 53, SYN)
								     : site_udp(HOST_A, 5000, SERVER, 53));
			uint64_t before = cases[i].counter ? site_counter(&site, cases[i].counter) : 0;
			site_send_wan(&site, tcp ? site_tcp(cases[i].from, cases[i].port, PUBLIC, port, SYN)
						 : site_udp(cases[i].from, cases[i].port, PUBLIC, port));
			if (cases[i].counter) {
				site_expect_drop(&site, cases[i].counter, before);
				site_expect_nothing(&site);
			} else {
				assert_true(site_receive(&site, CAT_LEFT, &in));
				expect(&in, cases[i].from, cases[i].port, HOST_A, 5000);
				// What is answered leaves from the same port.
				site_send_lan(&site,
					      tcp ? site_tcp(HOST_A, 5000, cases[i].from, cases[i].port, SYN | ACK)
						  : site_udp(HOST_A, 5000, cases[i].from, cases[i].port));
				assert_true(site_receive(&site, CAT_RIGHT, &in));
				expect(&in, PUBLIC, port, cases[i].from, cases[i].port);
			}
			site_close(&site);
		}
	}
}

static void strangers_make_no_udp_state(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet in;
	site_open(&site, "\"filtering\": \"endpoint-independent\"", NULL);
	uint16_t port = site_open_session(&site, site_udp(HOST_A, 5000, SERVER, 53));
	for (uint16_t i = 1; i < 200; i++) {
		site_send_wan(&site, site_udp("203.0.113.200", i, PUBLIC, port));
		assert_true(site_receive(&site, CAT_LEFT, &in));
		expect(&in, "203.0.113.200", i, HOST_A, 5000);
	}
	assert_int_equal(site_counter(&site, "nat.created"), 1);
	site_close(&site);
}

// RFC 4787 REQ-9: both hosts behind the NAT, the sender seen by its public endpoint (9a).
static void hairpin(void **unused)
{
	(void)unused;
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		struct site site;
		struct test_packet p;
		site_open(&site, "\"filtering\": \"endpoint-independent\"", NULL);
		uint16_t b = site_open_session(&site, tcp ? site_tcp(HOST_B, 6000, SERVER, 53, SYN)
							  : site_udp(HOST_B, 6000, SERVER, 53));
		uint16_t a = site_open_session(&site, tcp ? site_tcp(HOST_A, 5000, SERVER, 53, SYN)
							  : site_udp(HOST_A, 5000, SERVER, 53));
		site_send_lan(&site, tcp ? site_tcp(HOST_A, 5000, PUBLIC, b, SYN) : site_udp(HOST_A, 5000, PUBLIC, b));
		assert_true(site_receive(&site, CAT_LEFT, &p));
		expect(&p, PUBLIC, a, HOST_B, 6000);
		assert_int_equal(p.ttl, 63);
		site_send_lan(&site,
			      tcp ? site_tcp(HOST_B, 6000, PUBLIC, a, SYN | ACK) : site_udp(HOST_B, 6000, PUBLIC, a));
		assert_true(site_receive(&site, CAT_LEFT, &p));
		expect(&p, PUBLIC, b, HOST_A, 5000);
		assert_int_equal(site_counter(&site, "nat.hairpinned"), 2);
		site_expect_nothing(&site);
		site_close(&site);
	}
}

static void hairpin_needs_leave(void **unused)
{
	(void)unused;
	static const struct {
		const char *nat, *counter;
	} cases[] = {
		{"\"hairpin\": false, \"filtering\": \"endpoint-independent\"", "drop.nat_hairpin"},
		{"\"filtering\": \"address\"", "drop.nat_hairpin"}, // B has sent nothing to the public address
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		site_open(&site, cases[i].nat, NULL);
		uint16_t b = site_open_session(&site, site_udp(HOST_B, 6000, SERVER, 53));
		uint64_t before = site_counter(&site, cases[i].counter);
		site_send_lan(&site, site_udp(HOST_A, 5000, PUBLIC, b));
		site_expect_drop(&site, cases[i].counter, before);
		site_expect_nothing(&site);
		site_close(&site);
	}
}

#define FORWARD                                                                                                        \
	"\"forward\": [{\"protocol\": \"tcp\", \"port\": 8080, \"to\": \"" HOST_A "\", \"to_port\": 80},"              \
	"{\"protocol\": \"udp\", \"port\": 5060, \"to\": \"" HOST_B "\"}]"

static void port_forwarding(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet p;
	site_open(&site, FORWARD, NULL);
	site_send_wan(&site, site_tcp(SERVER, 40000, PUBLIC, 8080, SYN));
	assert_true(site_receive(&site, CAT_LEFT, &p));
	expect(&p, SERVER, 40000, HOST_A, 80);
	site_send_lan(&site, site_tcp(HOST_A, 80, SERVER, 40000, SYN | ACK));
	assert_true(site_receive(&site, CAT_RIGHT, &p));
	expect(&p, PUBLIC, 8080, SERVER, 40000);
	site_send_wan(&site, site_tcp(SERVER, 40000, PUBLIC, 8080, ACK));
	assert_true(site_receive(&site, CAT_LEFT, &p));
	// UDP: the answer leaves from the rule's port.
	site_send_wan(&site, site_udp(SERVER, 5060, PUBLIC, 5060));
	assert_true(site_receive(&site, CAT_LEFT, &p));
	expect(&p, SERVER, 5060, HOST_B, 5060);
	site_send_lan(&site, site_udp(HOST_B, 5060, SERVER, 5060));
	assert_true(site_receive(&site, CAT_RIGHT, &p));
	expect(&p, PUBLIC, 5060, SERVER, 5060);
	// From the LAN by the public address.
	site_send_lan(&site, site_tcp(HOST_B, 7000, PUBLIC, 8080, SYN));
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_string_equal(p.src, PUBLIC);
	assert_string_equal(p.dst, HOST_A);
	assert_int_equal(p.dport, 80);
	// The rule's port is not given to anybody: hosts of the same port keep another.
	site_send_wan(&site, site_udp(SERVER, 1, PUBLIC, 8080));
	site_expect_nothing(&site);
	// A rule that goes takes its sessions along.
	site_reconfigure(&site, NULL, NULL);
	uint64_t before = site_counter(&site, "drop.nat_no_session");
	site_send_wan(&site, site_tcp(SERVER, 40000, PUBLIC, 8080, ACK));
	site_expect_drop(&site, "drop.nat_no_session", before);
	site_close(&site);
}

static void timers(void **unused)
{
	(void)unused;
	static const struct {
		const char *name;
		unsigned kind; // 0 UDP, 1 TCP half open, 2 TCP established, 3 echo, 4 TCP reset
		uint64_t lives_s, gone_s;
	} cases[] = {
		{"UDP (RFC 4787 REQ-5)", 0, 299, 302},
		{"TCP half open (RFC 5382 REQ-5)", 1, 239, 242},
		{"TCP established (RFC 5382 REQ-5)", 2, 7439, 7442},
		{"ICMP query (RFC 5508 REQ-1)", 3, 59, 62},
		{"TCP reset", 4, 239, 242},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		struct test_packet p;
		unsigned kind = cases[i].kind;
		site_open(&site, NULL, NULL);
		uint16_t port = site_open_session(&site, kind == 0   ? site_udp(HOST_A, 5000, SERVER, 53)
							 : kind == 3 ? site_echo(HOST_A, SERVER, 8, 9)
								     : site_tcp(HOST_A, 5000, SERVER, 80, SYN));
		if (kind == 2 || kind == 4) {
			site_send_wan(&site, site_tcp(SERVER, 80, PUBLIC, port, SYN | ACK));
			site_send_lan(&site, site_tcp(HOST_A, 5000, SERVER, 80, ACK));
		}
		if (kind == 4)
			site_send_wan(&site, site_tcp(SERVER, 80, PUBLIC, port, RST));
		while (site_receive(&site, CAT_LEFT, &p) || site_receive(&site, CAT_RIGHT, &p))
			;
		assert_int_equal(site_counter(&site, "nat.created"), 1);
		site_advance(&site, cases[i].lives_s);
		if (site_counter(&site, "gauge.sessions") != 1)
			fail_msg("%s: ended too soon", cases[i].name);
		site_advance(&site, cases[i].gone_s - cases[i].lives_s);
		if (site_counter(&site, "gauge.sessions") != 0)
			fail_msg("%s: did not end", cases[i].name);
		assert_int_equal(site_counter(&site, "gauge.mappings"), 0);
		assert_int_equal(site_counter(&site, "gauge.subscribers"), 0);
		assert_int_equal(site_counter(&site, "nat.expired"), 1);
		site_close(&site);
	}
}

// RFC 4787 REQ-6: packets from the LAN put the end off.
static void traffic_keeps_sessions(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet p;
	site_open(&site, NULL, NULL);
	for (unsigned i = 0; i < 10; i++) {
		site_send_lan(&site, site_udp(HOST_A, 5000, SERVER, 53));
		assert_true(site_receive(&site, CAT_RIGHT, &p));
		site_advance(&site, 200);
	}
	assert_int_equal(site_counter(&site, "nat.created"), 1);
	site_close(&site);
}

static void quota_and_ports_are_told(void **unused)
{
	(void)unused;
	static const struct {
		const char *nat, *counter;
	} cases[] = {
		{"\"quota\": 4", "drop.nat_quota"},
		{"\"ports\": \"5000-5003\"", "drop.nat_ports_exhausted"},
		{"\"sessions\": 4", "drop.nat_table_full"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		struct test_packet p;
		site_open(&site, cases[i].nat, NULL);
		for (uint16_t k = 0; k < 4; k++)
			site_open_session(&site, site_udp(HOST_A, (uint16_t)(4000 + k), SERVER, 53));
		uint64_t before = site_counter(&site, cases[i].counter);
		site_send_lan(&site, site_udp(HOST_A, 4444, SERVER, 53));
		site_expect_drop(&site, cases[i].counter, before);
		// RFC 5508 REQ-8: communication administratively prohibited.
		assert_true(site_receive(&site, CAT_LEFT, &p));
		assert_string_equal(p.dst, HOST_A);
		assert_int_equal(p.protocol, 1);
		assert_int_equal(p.type, 3);
		assert_int_equal(p.code, 13);
		site_expect_nothing(&site);
		// Old sessions go on.
		site_send_lan(&site, site_udp(HOST_A, 4000, SERVER, 53));
		assert_true(site_receive(&site, CAT_RIGHT, &p));
		site_close(&site);
	}
}

static void restart_keeps_sessions(void **unused)
{
	(void)unused;
	enum { STATE = 16 << 20 };
	struct site site;
	struct test_packet p;
	void *state = aligned_alloc(64, STATE);
	memset(state, 0, STATE);
	struct cat_lane_local_options options = {.state = state, .state_bytes = STATE};
	site_open_with(&site, NULL, NULL, &options);
	uint16_t port[20];
	for (uint16_t i = 0; i < 20; i++)
		port[i] = site_open_session(&site, site_udp(HOST_A, (uint16_t)(4000 + i), SERVER, 53));
	site_close(&site);
	site_open_with(&site, NULL, NULL, &options);
	for (uint16_t i = 0; i < 20; i++) {
		site_send_wan(&site, site_udp(SERVER, 53, PUBLIC, port[i]));
		assert_true(site_receive(&site, CAT_LEFT, &p));
		expect(&p, SERVER, 53, HOST_A, (uint16_t)(4000 + i));
	}
	assert_int_equal(site_counter(&site, "nat.created"), 0);
	site_close(&site);
	free(state);
}

static void reconfiguration_keeps_what_fits(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet p;
	site_open(&site, NULL, NULL);
	uint16_t port = site_open_session(&site, site_udp(HOST_A, 4000, SERVER, 53));
	site_reconfigure(&site, "\"quota\": 17, \"filtering\": \"endpoint-independent\"", NULL);
	site_send_wan(&site, site_udp("203.0.113.99", 9, PUBLIC, port));
	assert_true(site_receive(&site, CAT_LEFT, &p));
	site_reconfigure(&site, "\"filtering\": \"address\"", NULL);
	uint64_t before = site_counter(&site, "drop.nat_filtered");
	site_send_wan(&site, site_udp("203.0.113.99", 9, PUBLIC, port));
	site_expect_drop(&site, "drop.nat_filtered", before);
	site_send_wan(&site, site_udp(SERVER, 54, PUBLIC, port));
	assert_true(site_receive(&site, CAT_LEFT, &p));
	expect(&p, SERVER, 54, HOST_A, 4000);
	site_close(&site);
}

static void mss_is_clamped(void **unused)
{
	(void)unused;
	static const struct {
		uint16_t mss, expected;
	} cases[] = {{1460, 1360}, {1361, 1360}, {1360, 1360}, {536, 536}, {0, 0}};
	struct site site;
	struct test_packet p;
	struct cat_err err = {0};
	site_open(&site, NULL, NULL);
	assert_int_equal(cat_lane_local_configure(
				 site.local,
				 "{\"lan\": {\"address\": \"" LAN
				 "/24\", \"mac\": \"02:00:00:00:01:01\"}, \"wan\": {\"address\": "
				 "\"" WAN "/30\", \"gateway\": \"" GATEWAY
				 "\", \"mtu\": 1400, \"mac\": \"02:00:00:00:02:01\"}, \"nat\": {\"pool\": [\"" PUBLIC
				 "\"]}}",
				 &err),
			 0);
	for (uint16_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_packet syn = site_tcp(HOST_A, (uint16_t)(5000 + i), SERVER, 80, SYN);
		syn.mss = cases[i].mss;
		site_send_lan(&site, syn);
		assert_true(site_receive(&site, CAT_RIGHT, &p));
		assert_int_equal(p.mss, cases[i].expected);
		struct test_packet answer = site_tcp(SERVER, 80, PUBLIC, p.sport, SYN | ACK);
		answer.mss = cases[i].mss;
		site_send_wan(&site, answer);
		assert_true(site_receive(&site, CAT_LEFT, &p));
		assert_int_equal(p.mss, cases[i].expected);
	}
	// And too long packets are answered with the size that fits (RFC 1191).
	struct test_packet big = site_udp(HOST_A, 1, SERVER, 2);
	big.payload_size = 1380;
	big.fragment = 0x4000;
	site_send_lan(&site, big);
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_int_equal(p.type, 3);
	assert_int_equal(p.code, 4);
	assert_int_equal(p.sequence, 1400);
	site_close(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_translated_is_dropped),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(checksums_of_random_packets),
		cmocka_unit_test(udp_checksum_zero),
		cmocka_unit_test(filtering_by_configuration),
		cmocka_unit_test(strangers_make_no_udp_state),
		cmocka_unit_test(hairpin),
		cmocka_unit_test(hairpin_needs_leave),
		cmocka_unit_test(port_forwarding),
		cmocka_unit_test(timers),
		cmocka_unit_test(traffic_keeps_sessions),
		cmocka_unit_test(quota_and_ports_are_told),
		cmocka_unit_test(restart_keeps_sessions),
		cmocka_unit_test(reconfiguration_keeps_what_fits),
		cmocka_unit_test(mss_is_clamped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
