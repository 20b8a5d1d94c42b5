// SPDX-License-Identifier: BSD-3-Clause
// ARP and neighbour discovery: what is asked, answered, learnt and forgotten, and what becomes of packets meanwhile.
#include "rig.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

static const uint8_t other[6] = {0x02, 7, 7, 7, 7, 7};
static const uint8_t zero[6];
static struct rig rig;

static int start(void **state)
{
	(void)state;
	rig_start(&rig, RIG_CONFIG, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

static void send_to(const char *dst, uint16_t sport)
{
	struct test_packet p = {.protocol = 17, .sport = sport, .payload_size = 10};
	strcpy(p.src, strchr(dst, ':') ? "2001:db8:1::2" : "10.0.0.2");
	strcpy(p.dst, dst);
	rig_send(&rig, CAT_LEFT, &p);
}

static void expect_request(enum cat_side side, const char *target, const uint8_t to[6])
{
	uint16_t operation;
	char spa[46], tpa[46];
	assert_true(rig_receive(&rig, side));
	assert_true(test_packet_read_arp(rig.frame, rig.length, &operation, spa, tpa));
	assert_int_equal(operation, 1);
	assert_string_equal(tpa, target);
	assert_string_equal(spa, side == CAT_LEFT ? "10.0.0.1" : "192.0.2.1");
	assert_memory_equal(rig.frame, to, 6);
	assert_memory_equal(rig.frame + 6, rig_mac[side], 6);
	assert_memory_equal(rig.frame + 22, rig_mac[side], 6);
}

static void advance_ms(uint32_t ms)
{
	for (; ms > 100; ms -= 100)
		cat_lane_local_advance(rig.local, 100000);
	cat_lane_local_advance(rig.local, ms * 1000);
}

static void announces_its_addresses(void **state)
{
	(void)state;
	struct cat_err err = {0};
	struct rig r = {.local = cat_lane_local_create(&cat_router_ops, RIG_CONFIG, NULL, &err)};
	assert_non_null(r.local);
	cat_lane_local_advance(r.local, 10000);
	uint16_t operation;
	char spa[46], tpa[46];
	assert_true(rig_receive(&r, CAT_LEFT));
	assert_true(test_packet_read_arp(r.frame, r.length, &operation, spa, tpa));
	assert_string_equal(spa, "10.0.0.1");
	assert_string_equal(tpa, "10.0.0.1");
	// Duplicate address detection, then the advertisement, for each IPv6 address.
	static const char *const own[] = {"2001:db8:1::1", "fe80::a"}, *const group[] = {"ff02::1:ff00:1",
											 "ff02::1:ff00:a"};
	for (unsigned i = 0; i < 2; i++) {
		rig_expect(&r, CAT_LEFT);
		assert_int_equal(r.packet.type, 135);
		assert_string_equal(r.packet.src, "::");
		assert_string_equal(r.packet.dst, group[i]);
		assert_int_equal(r.packet.ttl, 255);
		rig_expect(&r, CAT_LEFT);
		assert_int_equal(r.packet.type, 136);
		assert_string_equal(r.packet.src, own[i]);
		assert_string_equal(r.packet.dst, "ff02::1");
		assert_int_equal(r.packet.id >> 8, 0xa0); // router, override
	}
	assert_false(rig_receive(&r, CAT_LEFT));
	rig_stop(&r);
}

static void keeps_the_first_packets(void **state)
{
	(void)state;
	send_to("192.0.2.9", 1);
	expect_request(CAT_RIGHT, "192.0.2.9", rig_broadcast);
	send_to("192.0.2.9", 2);
	send_to("192.0.2.9", 3);
	rig_expect_nothing(&rig);
	rig_expect_count(&rig, "consumed", 3);
	// The request's answer lets them go, in order.
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t n =
		test_packet_make_arp(rig_mac[CAT_RIGHT], other, 2, "192.0.2.9", rig_mac[CAT_RIGHT], "192.0.2.1", frame);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	for (uint16_t i = 1; i <= 3; i++) {
		rig_expect(&rig, CAT_RIGHT);
		assert_int_equal(rig.packet.sport, i);
		assert_int_equal(rig.packet.ttl, 63);
		assert_memory_equal(rig.packet.to_mac, other, 6);
	}
	send_to("192.0.2.9", 4);
	rig_expect(&rig, CAT_RIGHT);
	assert_int_equal(rig.packet.sport, 4);
	rig_expect_count(&rig, "neighbour.waited", 3);
	rig_expect_count(&rig, "neighbour.wait_lost", 0);
}

static void keeps_the_newest_of_many(void **state)
{
	(void)state;
	for (uint16_t i = 1; i <= 20; i++)
		send_to("192.0.2.9", i);
	expect_request(CAT_RIGHT, "192.0.2.9", rig_broadcast);
	rig_answer_arp(&rig, CAT_RIGHT, other);
	for (uint16_t i = 13; i <= 20; i++) {
		rig_expect(&rig, CAT_RIGHT);
		assert_int_equal(rig.packet.sport, i);
	}
	rig_expect_nothing(&rig);
	rig_expect_count(&rig, "neighbour.wait_lost", 12);
}

static void waits_for_many_neighbours(void **state)
{
	(void)state;
	// 8 for each of 40: more than there is room for.
	for (unsigned n = 0; n < 40; n++) {
		char dst[46];
		snprintf(dst, sizeof(dst), "192.0.2.%u", 100 + n);
		for (uint16_t i = 0; i < 8; i++)
			send_to(dst, i);
	}
	rig_expect_count(&rig, "neighbour.waited", 256);
	rig_expect_count(&rig, "drop.no_neighbour", 64);
}

static void gives_up(void **state)
{
	(void)state;
	rig_meet(&rig);
	send_to("192.0.2.9", 1);
	expect_request(CAT_RIGHT, "192.0.2.9", rig_broadcast);
	for (unsigned i = 0; i < 2; i++) {
		advance_ms(1050);
		expect_request(CAT_RIGHT, "192.0.2.9", rig_broadcast);
		rig_expect_nothing(&rig);
	}
	advance_ms(1050);
	// The sender of the packet that waited is told: host unreachable.
	rig_expect(&rig, CAT_LEFT);
	assert_int_equal(rig.packet.type, 3);
	assert_int_equal(rig.packet.code, 1);
	assert_string_equal(rig.packet.src, "10.0.0.1");
	assert_int_equal(rig.packet.payload_size, 38);
	rig_expect_nothing(&rig);
	rig_expect_count(&rig, "neighbour.wait_lost", 1);
	// Not asked again at once.
	send_to("192.0.2.9", 2);
	rig_expect(&rig, CAT_LEFT);
	assert_int_equal(rig.packet.code, 1);
	rig_expect_nothing(&rig);
	rig_expect_count(&rig, "drop.no_neighbour", 1);
	advance_ms(1100);
	send_to("192.0.2.9", 3);
	expect_request(CAT_RIGHT, "192.0.2.9", rig_broadcast);
	// The same for IPv6: address unreachable.
	send_to("2001:db8:2::9", 1);
	rig_expect(&rig, CAT_RIGHT);
	advance_ms(3500);
	while (rig_receive(&rig, CAT_RIGHT))
		;
	bool told = false;
	while (rig_receive(&rig, CAT_LEFT))
		told |= rig.packet.protocol == 58 && rig.packet.type == 1 && rig.packet.code == 3;
	assert_true(told);
}

static void answers_arp(void **state)
{
	(void)state;
	static const struct {
		const char *sender, *target;
		bool answered;
	} cases[] = {
		{"10.0.0.2", "10.0.0.1", true},  {"0.0.0.0", "10.0.0.1", true},    // a probe (RFC 5227)
		{"10.0.0.2", "10.0.0.3", false}, {"10.0.0.2", "192.0.2.1", false}, // the other side's
		{"10.0.0.2", "10.0.0.2", false},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		uint8_t frame[TEST_PACKET_MAX];
		uint16_t operation;
		char spa[46], tpa[46];
		uint32_t n =
			test_packet_make_arp(rig_broadcast, other, 1, cases[i].sender, zero, cases[i].target, frame);
		rig_send_frame(&rig, CAT_LEFT, frame, n);
		assert_int_equal(rig_receive(&rig, CAT_LEFT), cases[i].answered);
		if (cases[i].answered) {
			assert_true(test_packet_read_arp(rig.frame, rig.length, &operation, spa, tpa));
			assert_int_equal(operation, 2);
			assert_string_equal(spa, cases[i].target);
			assert_string_equal(tpa, cases[i].sender);
			assert_memory_equal(rig.frame, other, 6);
			assert_memory_equal(rig.frame + 6, rig_mac[CAT_LEFT], 6);
			assert_memory_equal(rig.frame + 22, rig_mac[CAT_LEFT], 6);
			assert_memory_equal(rig.frame + 32, other, 6);
		}
		rig_expect_nothing(&rig);
	}
	// Who asked is known now.
	cat_lane_local_advance(rig.local, 1000);
	rig_expect_count(&rig, "gauge.neighbours", 1);
}

static void ignores_bad_arp(void **state)
{
	(void)state;
	static const struct {
		const char *why;
		uint32_t at; // in the ARP packet
		uint8_t value;
	} cases[] = {
		{"hardware type", 1, 6},        {"protocol", 2, 0x86}, {"hardware size", 4, 8},
		{"protocol size", 5, 16},       {"operation 0", 7, 0}, {"operation 3", 7, 3},
		{"sender is a group", 8, 0x03},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		uint8_t frame[TEST_PACKET_MAX];
		uint32_t n = test_packet_make_arp(rig_broadcast, other, 1, "10.0.0.2", zero, "10.0.0.1", frame);
		frame[14 + cases[i].at] = cases[i].value;
		rig_send_frame(&rig, CAT_LEFT, frame, n);
		print_message("%s\n", cases[i].why);
		rig_expect_count(&rig, "drop.bad_neighbour", i + 1);
		rig_expect_nothing(&rig);
	}
	uint8_t frame[TEST_PACKET_MAX];
	test_packet_make_arp(rig_broadcast, other, 1, "10.0.0.2", zero, "10.0.0.1", frame);
	rig_send_frame(&rig, CAT_LEFT, frame, 41);
	rig_expect_count(&rig, "drop.malformed", 1);
	cat_lane_local_advance(rig.local, 1000);
	rig_expect_count(&rig, "gauge.neighbours", 0);
}

static void learns_only_what_it_may(void **state)
{
	(void)state;
	uint8_t frame[TEST_PACKET_MAX];
	// A reply that nobody asked for.
	uint32_t n =
		test_packet_make_arp(rig_mac[CAT_RIGHT], other, 2, "192.0.2.9", rig_mac[CAT_RIGHT], "192.0.2.1", frame);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	// An announcement of somebody unknown, and a question from beyond the link.
	n = test_packet_make_arp(rig_broadcast, other, 1, "192.0.2.9", zero, "192.0.2.9", frame);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	n = test_packet_make_arp(rig_broadcast, other, 1, "10.0.0.9", zero, "192.0.2.1", frame);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	assert_true(rig_receive(&rig, CAT_RIGHT)); // it is answered all the same
	n = rig_make_nd(frame, rig_mac[CAT_RIGHT], other, "2001:db8:2::9", "2001:db8:2::1", 136, 0x60, "2001:db8:2::9",
			2);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	rig_expect_nothing(&rig);
	cat_lane_local_advance(rig.local, 1000);
	rig_expect_count(&rig, "gauge.neighbours", 0);
}

static void follows_a_mac_that_changes(void **state)
{
	(void)state;
	rig_meet(&rig);
	send_to("192.0.2.2", 1);
	rig_expect(&rig, CAT_RIGHT);
	assert_memory_equal(rig.packet.to_mac, rig_host[CAT_RIGHT], 6);
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t n = test_packet_make_arp(rig_broadcast, other, 1, "192.0.2.2", zero, "192.0.2.2", frame);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	send_to("192.0.2.2", 2);
	rig_expect(&rig, CAT_RIGHT);
	assert_memory_equal(rig.packet.to_mac, other, 6);
}

static void does_not_follow_just_after_an_answer(void **state)
{
	(void)state;
	send_to("192.0.2.9", 1);
	expect_request(CAT_RIGHT, "192.0.2.9", rig_broadcast);
	rig_answer_arp(&rig, CAT_RIGHT, rig_host[CAT_RIGHT]);
	rig_expect(&rig, CAT_RIGHT);
	cat_lane_local_advance(rig.local, 900000);
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t n =
		test_packet_make_arp(rig_mac[CAT_RIGHT], other, 2, "192.0.2.9", rig_mac[CAT_RIGHT], "192.0.2.1", frame);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	send_to("192.0.2.9", 2);
	rig_expect(&rig, CAT_RIGHT);
	assert_memory_equal(rig.packet.to_mac, rig_host[CAT_RIGHT], 6);
	cat_lane_local_advance(rig.local, 200000);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	send_to("192.0.2.9", 3);
	rig_expect(&rig, CAT_RIGHT);
	assert_memory_equal(rig.packet.to_mac, other, 6);
}

static void confirms_and_forgets(void **state)
{
	(void)state;
	send_to("192.0.2.9", 1);
	expect_request(CAT_RIGHT, "192.0.2.9", rig_broadcast);
	rig_answer_arp(&rig, CAT_RIGHT, other);
	rig_expect(&rig, CAT_RIGHT);
	// REACHABLE, then STALE; the next packet starts DELAY and, 5 s later, PROBE by unicast.
	advance_ms(46000);
	rig_expect_nothing(&rig);
	send_to("192.0.2.9", 2);
	rig_expect(&rig, CAT_RIGHT);
	advance_ms(4800);
	rig_expect_nothing(&rig);
	advance_ms(300);
	expect_request(CAT_RIGHT, "192.0.2.9", other);
	rig_answer_arp(&rig, CAT_RIGHT, other);
	advance_ms(14000);
	rig_expect_nothing(&rig);
	send_to("192.0.2.9", 3);
	rig_expect(&rig, CAT_RIGHT);
	// Unused, it is forgotten after 20 minutes.
	advance_ms(46000 + 5000 + 4000);
	while (rig_receive(&rig, CAT_RIGHT))
		;
	rig_expect_count(&rig, "gauge.neighbours", 1);
	for (unsigned minutes = 0; minutes < 20; minutes++)
		advance_ms(60000);
	rig_expect_count(&rig, "gauge.neighbours", 0);
}

static void forgets_who_does_not_answer(void **state)
{
	(void)state;
	rig_meet(&rig);
	send_to("192.0.2.2", 1);
	rig_expect(&rig, CAT_RIGHT);
	advance_ms(5100);
	for (unsigned i = 0; i < 3; i++) {
		expect_request(CAT_RIGHT, "192.0.2.2", rig_host[CAT_RIGHT]);
		send_to("192.0.2.2", 2);
		rig_expect(&rig, CAT_RIGHT);
		advance_ms(1050);
	}
	send_to("192.0.2.2", 3);
	expect_request(CAT_RIGHT, "192.0.2.2", rig_broadcast);
	rig_expect_nothing(&rig);
}

static void answers_solicitations(void **state)
{
	(void)state;
	static const struct {
		const char *src, *dst, *target;
		uint8_t option;
		const char *answer_to; // NULL: none
		uint8_t flags;
	} cases[] = {
		{"2001:db8:1::2", "ff02::1:ff00:1", "2001:db8:1::1", 1, "2001:db8:1::2", 0xe0},
		{"2001:db8:1::2", "2001:db8:1::1", "2001:db8:1::1", 0, "2001:db8:1::2", 0xe0},
		{"fe80::5", "ff02::1:ff00:a", "fe80::a", 1, "fe80::5", 0xe0},
		{"::", "ff02::1:ff00:1", "2001:db8:1::1", 0, "ff02::1", 0xa0}, // duplicate address detection
		{"2001:db8:1::2", "ff02::1:ff00:9", "2001:db8:1::9", 1, NULL, 0},
		{"::", "ff02::1:ff00:1", "2001:db8:1::1", 1, NULL, 0}, // must have no option
		{"::", "2001:db8:1::1", "2001:db8:1::1", 0, NULL, 0},  // must be for the group
		{"2001:db8:1::2", "ff02::1:ff00:1", "ff02::1", 1, NULL, 0},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		static const uint8_t group_mac[6] = {0x33, 0x33, 0xff, 0, 0, 1};
		const uint8_t *to = cases[i].dst[0] == 'f' ? group_mac : rig_mac[CAT_LEFT];
		uint8_t frame[TEST_PACKET_MAX];
		uint32_t n = rig_make_nd(frame, to, other, cases[i].src, cases[i].dst, 135, 0, cases[i].target,
					 cases[i].option);
		rig_send_frame(&rig, CAT_LEFT, frame, n);
		print_message("%s asks %s\n", cases[i].src, cases[i].dst);
		if (!cases[i].answer_to) {
			rig_expect_nothing(&rig);
			continue;
		}
		rig_expect(&rig, CAT_LEFT);
		assert_int_equal(rig.packet.type, 136);
		assert_int_equal(rig.packet.ttl, 255);
		assert_int_equal(rig.packet.id >> 8, cases[i].flags);
		assert_string_equal(rig.packet.src, cases[i].target);
		assert_string_equal(rig.packet.dst, cases[i].answer_to);
		const uint8_t *body = rig.packet.payload;
		assert_int_equal(rig.packet.payload_size, 24);
		assert_int_equal(body[16], 2);
		assert_memory_equal(body + 18, rig_mac[CAT_LEFT], 6);
		static const uint8_t all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};
		assert_memory_equal(rig.packet.to_mac, cases[i].flags == 0xa0 ? all_nodes : other, 6);
	}
	rig_expect_count(&rig, "drop.bad_neighbour", 2);
	rig_expect_count(&rig, "drop.martian", 1);
}

static void ignores_bad_solicitations(void **state)
{
	(void)state;
	static const struct {
		const char *why;
		uint32_t at; // in the frame
		uint8_t value;
	} cases[] = {
		{"hop limit", 14 + 7, 254},
		{"code", 54 + 1, 1},
		{"checksum", 54 + 2, 0x99},
		{"option of length 0", 54 + 25, 0},
		{"option beyond the end", 54 + 25, 2},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		uint8_t frame[TEST_PACKET_MAX];
		uint32_t n = rig_make_nd(frame, rig_mac[CAT_LEFT], other, "2001:db8:1::2", "2001:db8:1::1", 135, 0,
					 "2001:db8:1::1", 1);
		uint8_t *changed = &frame[cases[i].at], *csum = &frame[56];
		uint32_t shift = cases[i].at & 1 ? 0 : 8, sum = (uint32_t)csum[0] << 8 | csum[1];
		sum += ((uint32_t)*changed << shift) + 0xffff - ((uint32_t)cases[i].value << shift);
		*changed = cases[i].value;
		if (cases[i].at > 54 && changed != csum) {
			sum = (sum & 0xffff) + (sum >> 16);
			csum[0] = (uint8_t)(sum >> 8);
			csum[1] = (uint8_t)sum;
		}
		rig_send_frame(&rig, CAT_LEFT, frame, n);
		print_message("%s\n", cases[i].why);
		rig_expect_count(&rig, "drop.bad_neighbour", i + 1);
		rig_expect_nothing(&rig);
	}
}

static void resolves_by_discovery(void **state)
{
	(void)state;
	send_to("2001:db8:2::9", 5);
	rig_expect(&rig, CAT_RIGHT);
	assert_int_equal(rig.packet.type, 135);
	assert_string_equal(rig.packet.src, "2001:db8:2::1");
	assert_string_equal(rig.packet.dst, "ff02::1:ff00:9");
	static const uint8_t group[6] = {0x33, 0x33, 0xff, 0, 0, 9};
	assert_memory_equal(rig.packet.to_mac, group, 6);
	const uint8_t *body = rig.packet.payload;
	assert_int_equal(body[16], 1);
	assert_memory_equal(body + 18, rig_mac[CAT_RIGHT], 6);
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t n = rig_make_nd(frame, rig_mac[CAT_RIGHT], other, "2001:db8:2::9", "2001:db8:2::1", 136, 0x60,
				 "2001:db8:2::9", 2);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	rig_expect(&rig, CAT_RIGHT);
	assert_int_equal(rig.packet.sport, 5);
	assert_int_equal(rig.packet.ttl, 63);
	assert_memory_equal(rig.packet.to_mac, other, 6);
	// Not to be overridden: the old MAC stays.
	n = rig_make_nd(frame, rig_mac[CAT_RIGHT], rig_host[CAT_RIGHT], "2001:db8:2::9", "ff02::1", 136, 0,
			"2001:db8:2::9", 2);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	send_to("2001:db8:2::9", 6);
	rig_expect(&rig, CAT_RIGHT);
	assert_memory_equal(rig.packet.to_mac, other, 6);
}

static void notices_conflicts(void **state)
{
	(void)state;
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t n = test_packet_make_arp(rig_broadcast, other, 1, "10.0.0.1", zero, "10.0.0.1", frame);
	rig_send_frame(&rig, CAT_LEFT, frame, n);
	rig_expect_count(&rig, "neighbour.conflicts", 1);
	while (rig_receive(&rig, CAT_LEFT))
		;
	cat_lane_local_advance(rig.local, 10000);
	expect_request(CAT_LEFT, "10.0.0.1", rig_broadcast); // defended
	while (rig_receive(&rig, CAT_LEFT))
		;
	n = rig_make_nd(frame, rig_mac[CAT_LEFT], other, "2001:db8:1::1", "ff02::1", 136, 0x20, "2001:db8:1::1", 2);
	rig_send_frame(&rig, CAT_LEFT, frame, n);
	rig_expect_count(&rig, "neighbour.conflicts", 2);
	cat_lane_local_advance(rig.local, 10000);
	rig_expect_nothing(&rig); // not defended again within 10 s
}

static void survives_a_restart(void **state)
{
	(void)state;
	size_t bytes = 4u << 20;
	void *memory = aligned_alloc(64, bytes);
	assert_non_null(memory);
	memset(memory, 0, bytes);
	const struct cat_lane_local_options options = {.state = memory, .state_bytes = bytes};
	struct rig first;
	rig_start(&first, RIG_CONFIG, &options);
	rig_meet(&first);
	rig_stop(&first);
	// A successor sends at once.
	rig_start(&first, RIG_CONFIG, &options);
	rig_expect_count(&first, "gauge.neighbours", 4);
	const struct test_packet p = {.src = "10.0.0.2", .dst = "192.0.2.2", .protocol = 17};
	rig_send(&first, CAT_LEFT, &p);
	rig_expect(&first, CAT_RIGHT);
	assert_memory_equal(first.packet.to_mac, rig_host[CAT_RIGHT], 6);
	rig_stop(&first);
	// With other addresses the old neighbours are no one's.
	rig_start(&first, "{\"left\":{\"addresses\":[\"10.0.0.1/24\"]},\"right\":{\"addresses\":[\"172.16.0.1/24\"]}}",
		  &options);
	rig_expect_count(&first, "gauge.neighbours", 1);
	rig_stop(&first);
	free(memory);
}

static void does_not_drown_in_a_scan(void **state)
{
	(void)state;
	struct rig r;
	rig_start(&r,
		  "{\"left\":{\"mac\":\"02:00:00:00:00:0a\",\"addresses\":[\"10.0.0.1/24\"]},"
		  "\"right\":{\"mac\":\"02:00:00:00:00:0b\",\"addresses\":[\"172.16.0.1/16\"]}}",
		  NULL);
	for (uint32_t i = 0; i < 5000; i++) {
		struct test_packet p = {.src = "10.0.0.2", .protocol = 17};
		snprintf(p.dst, sizeof(p.dst), "172.16.%u.%u", 1 + i / 250, 1 + i % 250);
		rig_send(&r, CAT_LEFT, &p);
		while (rig_receive(&r, CAT_RIGHT) || rig_receive(&r, CAT_LEFT))
			;
	}
	cat_lane_local_advance(r.local, 1000);
	assert_int_equal(rig_count(&r, "gauge.neighbours"), 2048);
	// A real one still gets in by asking.
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t n = test_packet_make_arp(rig_broadcast, other, 1, "172.16.200.1", zero, "172.16.0.1", frame);
	rig_send_frame(&r, CAT_RIGHT, frame, n);
	assert_true(rig_receive(&r, CAT_RIGHT));
	const struct test_packet p = {.src = "10.0.0.2", .dst = "172.16.200.1", .protocol = 17};
	rig_send(&r, CAT_LEFT, &p);
	rig_expect(&r, CAT_RIGHT);
	rig_stop(&r);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(announces_its_addresses),
		CASE(ignores_bad_arp),
		CASE(ignores_bad_solicitations),
		CASE(learns_only_what_it_may),
		CASE(answers_arp),
		CASE(answers_solicitations),
		CASE(keeps_the_first_packets),
		CASE(keeps_the_newest_of_many),
		CASE(waits_for_many_neighbours),
		CASE(gives_up),
		CASE(follows_a_mac_that_changes),
		CASE(does_not_follow_just_after_an_answer),
		CASE(confirms_and_forgets),
		CASE(forgets_who_does_not_answer),
		CASE(resolves_by_discovery),
		CASE(notices_conflicts),
		cmocka_unit_test(survives_a_restart),
		cmocka_unit_test(does_not_drown_in_a_scan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
