// SPDX-License-Identifier: BSD-3-Clause
// What single packets meet with: rules, what rules do not see, and what is told to those refused.
#include <string.h>

#include "cat_cleanup.h"
#include "fixture.h"

#define TO_WEB                                                                                                         \
	{                                                                                                              \
		.protocol = 6, .src = HOST, .dst = PEER, .sport = 1000, .dport = 80, .tcp_flags = TEST_PACKET_SYN      \
	}
#define NEIGHBOUR(t, hops)                                                                                             \
	{                                                                                                              \
		.protocol = 58, .src = "fe80::1", .dst = "ff02::1", .type = t, .ttl = hops                             \
	}

static void first_match_decides(void **state)
{
	static const char config[] =
		"{\"rules\": ["
		"{\"name\": \"no-telnet\", \"protocol\": \"tcp\", \"destination_ports\": 23, \"action\": \"drop\"},"
		"{\"name\": \"web\", \"from\": \"left\", \"protocol\": \"tcp\", \"destination_ports\": [80, "
		"\"8000-8080\"],"
		" \"source\": [\"10.0.0.0/8\", \"2001:db8:1::/48\"], \"action\": \"accept\"},"
		"{\"name\": \"all-tcp\", \"from\": \"left\", \"protocol\": \"tcp\", \"source\": \"192.168.0.0/16\","
		" \"action\": \"accept\"},"
		"{\"name\": \"ping\", \"protocol\": \"icmp\", \"icmp_type\": [8, 13], \"action\": \"accept\"},"
		"{\"name\": \"gre\", \"protocol\": 47, \"destination\": \"203.0.113.9\", \"action\": \"accept\"},"
		"{\"name\": \"six\", \"protocol\": \"udp\", \"destination\": \"2001:db8:2::/64\", \"action\": "
		"\"accept\"}]}";
	static const struct {
		enum cat_side from;
		struct test_packet packet;
		const char *outcome, *rule;
	} cases[] = {
		{LEFT, TO_WEB, "pass", "rule.web"},
		{RIGHT, TO_WEB, "drop.default", NULL},
		{LEFT,
		 {.protocol = 6, .src = HOST, .dst = PEER, .dport = 8080, .tcp_flags = TEST_PACKET_SYN},
		 "pass",
		 "rule.web"},
		{LEFT,
		 {.protocol = 6, .src = HOST, .dst = PEER, .dport = 8081, .tcp_flags = TEST_PACKET_SYN},
		 "drop.default",
		 NULL},
		{LEFT,
		 {.protocol = 6, .src = HOST6, .dst = PEER6, .dport = 8000, .tcp_flags = TEST_PACKET_SYN},
		 "pass",
		 "rule.web"},
		{LEFT,
		 {.protocol = 6, .src = "192.168.1.1", .dst = PEER, .dport = 23, .tcp_flags = TEST_PACKET_SYN},
		 "drop.rule",
		 "rule.no-telnet"},
		{LEFT,
		 {.protocol = 6, .src = "192.168.1.1", .dst = PEER, .dport = 24, .tcp_flags = TEST_PACKET_SYN},
		 "pass",
		 "rule.all-tcp"},
		{RIGHT, {.protocol = 1, .src = PEER, .dst = HOST, .type = 8, .id = 1}, "pass", "rule.ping"},
		{RIGHT, {.protocol = 1, .src = PEER, .dst = HOST, .type = 17, .id = 1}, "drop.default", NULL},
		{LEFT, {.protocol = 47, .src = HOST, .dst = PEER, .payload_size = 8}, "pass", "rule.gre"},
		{LEFT, {.protocol = 50, .src = HOST, .dst = PEER, .payload_size = 8}, "drop.default", NULL},
		{LEFT, {.protocol = 47, .src = HOST, .dst = "203.0.113.8", .payload_size = 8}, "drop.default", NULL},
		{RIGHT, {.protocol = 17, .src = HOST6, .dst = PEER6, .payload_size = 8}, "pass", "rule.six"},
		{RIGHT, {.protocol = 17, .src = PEER6, .dst = "2001:db8:3::", .payload_size = 8}, "drop.default", NULL},
		{LEFT, {.protocol = 17, .src = HOST, .dst = PEER, .vlan = 5, .payload_size = 8}, "drop.default", NULL},
		{LEFT, {.protocol = 1, .src = HOST, .dst = PEER, .vlan = 5, .type = 13, .id = 9}, "pass", "rule.ping"},
	};
	(void)state;
	struct cat_lane_local *fw = firewall(config);
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		uint64_t hits = cases[i].rule ? cat_lane_local_counter(fw, cases[i].rule) : 0;
		const char *outcome = send_packet(fw, cases[i].from, &cases[i].packet);
		if (strcmp(outcome, cases[i].outcome) != 0)
			fail_msg("case %u: %s, expected %s", i, outcome, cases[i].outcome);
		if (cases[i].rule)
			assert_int_equal(cat_lane_local_counter(fw, cases[i].rule), hits + 1);
	}
	finish(fw);
}

static void knows_what_rules_do_not_see(void **state)
{
	static const struct {
		struct test_packet packet;
		const char *outcome, *closed;
	} cases[] = {
		{NEIGHBOUR(135, 255), "pass", "drop.neighbour"},
		{NEIGHBOUR(133, 255), "pass", "drop.neighbour"},
		{NEIGHBOUR(137, 255), "pass", "drop.neighbour"},
		{NEIGHBOUR(136, 254), "drop.neighbour", "drop.neighbour"},
		{NEIGHBOUR(130, 1), "pass", "drop.neighbour"},
		{NEIGHBOUR(143, 1), "pass", "drop.neighbour"},
		{NEIGHBOUR(143, 2), "drop.neighbour", "drop.neighbour"},
		{{.protocol = 58, .src = PEER6, .dst = "ff02::1", .type = 131, .ttl = 1},
		 "drop.neighbour",
		 "drop.neighbour"},
		{{.protocol = 58, .src = PEER6, .dst = HOST6, .type = 144}, "drop.default", "drop.default"},
		{{.protocol = 17, .src = HOST, .dst = PEER, .fragment = 0x2000, .payload_size = 96},
		 "drop.default",
		 "drop.default"},
		{{.protocol = 17, .src = HOST, .dst = PEER, .fragment = 0x2014, .payload_size = 96},
		 "drop.fragment",
		 "drop.fragment"},
		{{.protocol = 17, .src = HOST, .dst = PEER, .fragment = 0x4000, .payload_size = 100},
		 "drop.default",
		 "drop.default"},
		{{.protocol = 17, .src = HOST, .dst = PEER, .options = 2, .payload_size = 100},
		 "drop.default",
		 "drop.default"},
	};
	(void)state;
	struct cat_lane_local *fw = firewall(NULL);
	struct cat_lane_local *closed = firewall("{\"neighbour_discovery\": \"drop\", \"arp\": \"drop\"}");
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		expect(fw, RIGHT, &cases[i].packet, cases[i].outcome);
		expect(closed, RIGHT, &cases[i].packet, cases[i].closed);
	}
	uint8_t frame[TEST_PACKET_MAX];
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	uint32_t length = test_packet_make_arp(mac, mac, 1, HOST, mac, PEER, frame);
	assert_string_equal(send_frame(fw, LEFT, frame, length), "pass");
	assert_string_equal(send_frame(closed, LEFT, frame, length), "drop.non_ip");
	assert_string_equal(send_frame(fw, LEFT, frame, 41), "drop.malformed");
	frame[13] = 7;
	assert_string_equal(send_frame(fw, LEFT, frame, length), "drop.non_ip");
	assert_string_equal(send_frame(fw, LEFT, frame, 13), "drop.malformed");
	reconfigure(fw, "{\"non_ip\": \"accept\"}");
	assert_string_equal(send_frame(fw, LEFT, frame, length), "pass");
	finish(fw);
	finish(closed);
}

static void drops_what_is_malformed(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall("{\"default\": \"accept\"}");
	static const struct test_packet packets[] = {
		TO_WEB,
		{.protocol = 6, .src = HOST6, .dst = PEER6, .tcp_flags = TEST_PACKET_SYN},
		{.protocol = 17, .src = HOST, .dst = PEER, .payload_size = 4},
		{.protocol = 1, .src = HOST, .dst = PEER, .type = 8},
	};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(packets); i++) {
		uint8_t frame[TEST_PACKET_MAX];
		uint32_t length = test_packet_make(&packets[i], frame);
		for (uint32_t cut = 0; cut < length; cut++)
			assert_string_equal(send_frame(fw, LEFT, frame, cut), "drop.malformed");
		assert_string_equal(send_frame(fw, LEFT, frame, length), "pass");
	}
	finish(fw);
}

static void drops_source_routes(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall("{\"default\": \"accept\"}");
	struct test_packet p = {.protocol = 17, .src = HOST, .dst = PEER, .options = 2, .payload_size = 40};
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t length = test_packet_make(&p, frame);
	assert_string_equal(send_frame(fw, LEFT, frame, length), "pass");
	for (uint8_t option = 131; option <= 137; option += 6) {
		const uint8_t route[8] = {1, option, 7, 4, 10, 0, 0, 9};
		memcpy(frame + 34, route, 8);
		assert_string_equal(send_frame(fw, LEFT, frame, length), "drop.source_route");
	}
	// Behind the end of the options nothing counts.
	frame[34] = 0;
	assert_string_equal(send_frame(fw, LEFT, frame, length), "pass");
	// A routing header: type 0 with an address to go to, then type 4.
	uint8_t payload[40] = {17, 2, 0, 1};
	payload[25] = 5;
	payload[29] = 16;
	struct test_packet p6 = {.protocol = 43, .src = HOST6, .dst = PEER6, .payload = payload, .payload_size = 40};
	expect(fw, LEFT, &p6, "drop.source_route");
	payload[2] = 4;
	expect(fw, LEFT, &p6, "pass");
	payload[2] = 0;
	payload[3] = 0;
	expect(fw, LEFT, &p6, "pass");
	finish(fw);
}

static void accepts_without_state(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(
		"{\"rules\": [{\"name\": \"free\", \"protocol\": \"tcp\", \"destination_ports\": 80, \"track\": false,"
		" \"action\": \"accept\"}, {\"name\": \"rest\", \"from\": \"left\", \"action\": \"accept\"},"
		" {\"name\": \"errors\", \"protocol\": \"icmp\", \"icmp_type\": [0, 3], \"track\": false,"
		" \"action\": \"accept\"}]}");
	struct test_packet ack = TO_WEB, other = TO_WEB, answer = {.protocol = 1, .src = PEER, .dst = HOST};
	ack.tcp_flags = other.tcp_flags = TEST_PACKET_ACK;
	other.dport = 81;
	expect(fw, LEFT, &ack, "pass");
	expect(fw, RIGHT, &ack, "pass");
	expect(fw, LEFT, &other, "drop.tcp_no_connection");
	expect(fw, RIGHT, &answer, "pass");
	uint8_t frame[TEST_PACKET_MAX], error[TEST_PACKET_MAX];
	uint32_t length = test_packet_make(&ack, frame);
	length = make_error(frame, length, 28, 3, 0, PEER, error);
	assert_string_equal(send_frame(fw, RIGHT, error, length), "pass");
	length = test_packet_make(&ack, frame);
	length = make_error(frame, length, 28, 11, 0, PEER, error);
	assert_string_equal(send_frame(fw, RIGHT, error, length), "drop.icmp_unrelated");
	assert_int_equal(cat_lane_local_counter(fw, "gauge.connections"), 0);
	assert_int_equal(cat_lane_local_counter(fw, "passed.stateless"), 4);
	assert_int_equal(cat_lane_local_counter(fw, "rule.free"), 2);
	finish(fw);
}

#define REJECT "{\"rules\": [{\"name\": \"no\", \"action\": \"reject\"}]}"

// Sends a packet that is rejected; the answer that comes back on the same side. 0: none.
static uint32_t rejected(struct cat_lane_local *fw, const struct test_packet *p, uint8_t *answer,
			 struct test_packet *ret)
{
	assert_string_equal(send_packet(fw, LEFT, p), "drop.reject");
	int length = cat_lane_local_pop(fw, LEFT, answer, TEST_PACKET_MAX, NULL);
	if (length < 0)
		return 0;
	assert_true(test_packet_read(answer, (uint32_t)length, ret));
	assert_true(test_packet_csums_ok(answer, (uint32_t)length));
	assert_memory_equal(ret->to_mac, p->from_mac, 6);
	assert_memory_equal(ret->from_mac, p->to_mac, 6);
	assert_string_equal(ret->dst, p->src);
	assert_string_equal(ret->src, p->dst);
	assert_int_equal(ret->vlan, p->vlan);
	return (uint32_t)length;
}

static void resets_tcp(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(REJECT);
	struct test_packet syns[] = {TO_WEB, TO_WEB, TO_WEB}, back;
	syns[1].vlan = 7;
	syns[1].payload_size = 5;
	strcpy(syns[2].src, HOST6);
	strcpy(syns[2].dst, PEER6);
	for (unsigned i = 0; i < CAT_ARRAY_LEN(syns); i++) {
		uint8_t answer[TEST_PACKET_MAX];
		syns[i].from_mac[5] = 4;
		uint32_t length = rejected(fw, &syns[i], answer, &back);
		assert_true(length > 0);
		const uint8_t *tcp = answer + length - 20;
		assert_int_equal(back.tcp_flags, TEST_PACKET_RST | TEST_PACKET_ACK);
		assert_int_equal(back.sport, 80);
		assert_int_equal(back.dport, 1000);
		assert_int_equal(tcp[4] | tcp[5] | tcp[6] | tcp[7], 0);
		// Made with sequence number 0x12340000.
		assert_int_equal(tcp[8] << 8 | tcp[9], 0x1234);
		assert_int_equal(tcp[10] << 8 | tcp[11], 1 + syns[i].payload_size);
	}
	assert_int_equal(cat_lane_local_counter(fw, "reject.sent"), 3);
	finish(fw);
}

static void tells_by_icmp(void **state)
{
	static const struct {
		struct test_packet packet;
		uint32_t payload; // of the answer; 0: none comes
	} cases[] = {
		{{.protocol = 17, .src = HOST, .dst = PEER, .payload_size = 10}, 38},
		{{.protocol = 17, .src = HOST, .dst = PEER, .payload_size = 1000}, 548},
		{{.protocol = 17, .src = HOST6, .dst = PEER6, .payload_size = 10}, 58},
		{{.protocol = 17, .src = HOST6, .dst = PEER6, .payload_size = 1400}, 1232},
		{{.protocol = 1, .src = HOST, .dst = PEER, .type = 8}, 28},
		{{.protocol = 58, .src = HOST6, .dst = PEER6, .type = 128}, 48},
		{{.protocol = 47, .src = HOST, .dst = PEER, .payload_size = 10, .vlan = 9}, 30},
		{{.protocol = 17, .src = "0.0.0.0", .dst = PEER}, 0},
		{{.protocol = 17, .src = "224.0.0.1", .dst = PEER}, 0},
		{{.protocol = 17, .src = "127.0.0.1", .dst = PEER}, 0},
		{{.protocol = 17, .src = HOST, .dst = "239.1.1.1"}, 0},
		{{.protocol = 17, .src = HOST, .dst = "255.255.255.255"}, 0},
		{{.protocol = 17, .src = HOST, .dst = PEER, .to_mac = {1, 0, 0x5e}}, 0},
		{{.protocol = 17, .src = "::", .dst = PEER6}, 0},
		{{.protocol = 17, .src = HOST6, .dst = "ff0e::1"}, 0},
		{{.protocol = 1, .src = HOST, .dst = PEER, .type = 10}, 0},
	};
	(void)state;
	struct cat_lane_local *fw = firewall(REJECT);
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct test_packet back;
		uint8_t answer[TEST_PACKET_MAX], frame[TEST_PACKET_MAX];
		uint32_t length = rejected(fw, &cases[i].packet, answer, &back), size;
		assert_int_equal(length > 0, cases[i].payload > 0);
		if (!length)
			continue;
		bool ipv6 = strchr(cases[i].packet.src, ':') != NULL;
		assert_int_equal(back.protocol, ipv6 ? 58 : 1);
		assert_int_equal(back.type, ipv6 ? 1 : 3);
		assert_int_equal(back.code, ipv6 ? 1 : 13);
		assert_int_equal(back.payload_size, cases[i].payload);
		test_packet_make(&cases[i].packet, frame);
		assert_memory_equal(back.payload, test_packet_ip(frame, 2000, &size), back.payload_size);
	}
	finish(fw);
}

static void limits_its_answers(void **state)
{
	(void)state;
	struct cat_lane_local *fw =
		firewall("{\"reject_rate\": 5, \"rules\": [{\"name\": \"no\", \"action\": \"reject\"}]}");
	struct test_packet p = TO_WEB, back;
	uint8_t answer[TEST_PACKET_MAX];
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(rejected(fw, &p, answer, &back) > 0, i < 5);
	assert_int_equal(cat_lane_local_counter(fw, "reject.suppressed"), 15);
	cat_lane_local_advance(fw, 200000);
	assert_true(rejected(fw, &p, answer, &back) > 0);
	assert_int_equal(rejected(fw, &p, answer, &back), 0);
	reconfigure(fw, "{\"reject_rate\": 0, \"rules\": [{\"name\": \"no\", \"action\": \"reject\"}]}");
	cat_lane_local_advance(fw, 5000000);
	assert_int_equal(rejected(fw, &p, answer, &back), 0);
	finish(fw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_match_decides),     cmocka_unit_test(knows_what_rules_do_not_see),
		cmocka_unit_test(drops_what_is_malformed), cmocka_unit_test(drops_source_routes),
		cmocka_unit_test(accepts_without_state),   cmocka_unit_test(resets_tcp),
		cmocka_unit_test(tells_by_icmp),           cmocka_unit_test(limits_its_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
