// SPDX-License-Identifier: BSD-3-Clause
// Routes at work: several next hops, MTUs and fragments, a new configuration under way, several lanes.
#include "rig.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

#define HOPS 4u

static const uint8_t zero[6];

// A neighbour on the right makes itself known.
static void meet(struct rig *rig, const char *addr, const uint8_t mac[6])
{
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t n = test_packet_make_arp(rig_broadcast, mac, 1, addr, zero, "192.0.2.1", frame);
	rig_send_frame(rig, CAT_RIGHT, frame, n);
	assert_true(rig_receive(rig, CAT_RIGHT));
}

static void meet_hops(struct rig *rig)
{
	for (uint8_t i = 0; i < HOPS; i++) {
		char addr[46];
		const uint8_t mac[6] = {0x02, 9, 9, 9, 9, i};
		snprintf(addr, sizeof(addr), "192.0.2.%u", 10u + i);
		meet(rig, addr, mac);
	}
}

static void spreads_flows(void **state)
{
	(void)state;
	struct rig rig;
	rig_start(&rig,
		  "{" RIG_SIDES ",\"routes\":[{\"prefix\":\"0.0.0.0/0\",\"via\":"
		  "[\"192.0.2.10\",\"192.0.2.11\",\"192.0.2.12\",\"192.0.2.13\"]}]}",
		  NULL);
	meet_hops(&rig);
	uint32_t count[HOPS] = {0};
	uint8_t chosen[2000];
	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 2000; i++) {
			struct test_packet p = {
				.src = "10.0.0.2", .protocol = 17, .sport = (uint16_t)(1024 + i), .dport = 53};
			snprintf(p.dst, sizeof(p.dst), "8.8.%u.%u", i % 7, i % 250);
			rig_send(&rig, CAT_LEFT, &p);
			rig_expect(&rig, CAT_RIGHT);
			uint8_t hop = rig.packet.to_mac[5];
			assert_true(hop < HOPS);
			// A flow stays where it is.
			assert_true(round == 0 || chosen[i] == hop);
			chosen[i] = hop;
			count[hop] += round == 0;
		}
	}
	// A quarter each; 400 to 600 of 2000 is five standard deviations.
	for (unsigned i = 0; i < HOPS; i++)
		assert_in_range(count[i], 400, 600);
	rig_stop(&rig);
}

#define FLOWS 1000u

// Which next hop each flow takes.
static void read_choices(struct rig *rig, uint8_t *ret_hop)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct test_packet p = {.src = "10.0.0.2", .protocol = 17, .sport = (uint16_t)(1024 + i), .dport = 53};
		snprintf(p.dst, sizeof(p.dst), "8.8.%u.%u", i % 7, i % 250);
		rig_send(rig, CAT_LEFT, &p);
		rig_expect(rig, CAT_RIGHT);
		ret_hop[i] = rig->packet.to_mac[5];
	}
}

// A next hop that goes takes along nobody's flows but its own, and gets the same ones back; the order of the list and
// a restart change nothing.
static void rehashes_resiliently(void **state)
{
	(void)state;
#define VIA(list) "{" RIG_SIDES ",\"routes\":[{\"prefix\":\"0.0.0.0/0\",\"via\":[" list "]}]}"
	static const char all[] = VIA("\"192.0.2.10\",\"192.0.2.11\",\"192.0.2.12\",\"192.0.2.13\"");
	static const char less[] = VIA("\"192.0.2.13\",\"192.0.2.10\",\"192.0.2.11\"");
	uint8_t first[FLOWS], then[FLOWS];
	struct cat_err err = {0};
	struct rig rig;
	rig_start(&rig, all, NULL);
	meet_hops(&rig);
	read_choices(&rig, first);
	assert_int_equal(cat_lane_local_configure(rig.local, less, &err), 0);
	read_choices(&rig, then);
	uint32_t moved[HOPS] = {0};
	for (uint32_t i = 0; i < FLOWS; i++) {
		assert_true(first[i] == 2 || then[i] == first[i]);
		moved[then[i]] += first[i] == 2;
	}
	// About 83 to each of the others; four standard deviations.
	assert_int_equal(moved[2], 0);
	assert_in_range(moved[0], 50, 120);
	assert_in_range(moved[1], 50, 120);
	assert_in_range(moved[3], 50, 120);
	rig_stop(&rig);
	rig_start(&rig, VIA("\"192.0.2.12\",\"192.0.2.11\",\"192.0.2.13\",\"192.0.2.10\""), NULL);
	meet_hops(&rig);
	read_choices(&rig, then);
	assert_memory_equal(first, then, sizeof(first));
	rig_stop(&rig);
}

static void tells_the_mtu(void **state)
{
	(void)state;
	struct rig rig;
	rig_start(&rig,
		  "{\"left\":{\"mac\":\"02:00:00:00:00:0a\",\"addresses\":[\"10.0.0.1/24\",\"2001:db8:1::1/64\"]},"
		  "\"right\":{\"mac\":\"02:00:00:00:00:0b\",\"mtu\":1280,\"addresses\":[\"192.0.2.1/"
		  "24\",\"2001:db8:2::1/64\"]}}",
		  NULL);
	rig_meet(&rig);
	const struct test_packet fits[] = {
		{.src = "10.0.0.2", .dst = "192.0.2.2", .protocol = 17, .fragment = 0x4000, .payload_size = 1252},
		{.src = "2001:db8:1::2", .dst = "2001:db8:2::2", .protocol = 17, .payload_size = 1232},
	};
	for (unsigned i = 0; i < 2; i++) {
		struct test_packet p = fits[i];
		rig_send(&rig, CAT_LEFT, &p);
		rig_expect(&rig, CAT_RIGHT);
		p.payload_size++;
		rig_send(&rig, CAT_LEFT, &p);
		rig_expect(&rig, CAT_LEFT);
		assert_int_equal(rig.packet.type, i ? 2 : 3);
		assert_int_equal(rig.packet.code, i ? 0 : 4);
		assert_int_equal(rig.packet.id, 0);
		assert_int_equal(rig.packet.sequence, 1280);
		rig_expect_count(&rig, "drop.mtu", i + 1);
		rig_expect_nothing(&rig);
	}
	rig_stop(&rig);
}

// Puts together what left on the right, and compares it with the packet that went in.
static void expect_fragments(struct rig *rig, const uint8_t *frame, uint32_t length, uint32_t mtu, unsigned pieces)
{
	uint8_t whole[TEST_PACKET_MAX] = {0};
	uint32_t header = (frame[14] & 15u) * 4u, data = length - 14 - header, next = 0;
	uint32_t base = ((uint32_t)(frame[20] & 0x1f) << 8 | frame[21]) * 8;
	for (unsigned i = 0; i < pieces; i++) {
		assert_true(rig_receive(rig, CAT_RIGHT));
		const uint8_t *ip = rig->frame + 14;
		assert_true(test_packet_csums_ok(rig->frame, rig->length));
		assert_true(rig->length - 14 <= mtu);
		assert_int_equal((uint32_t)ip[2] << 8 | ip[3], rig->length - 14);
		uint32_t field = (uint32_t)ip[6] << 8 | ip[7], size = rig->length - 14 - (ip[0] & 15u) * 4u;
		assert_int_equal((field & 0x1fff) * 8 - base, next);
		assert_int_equal(!!(field & 0x2000), i + 1 < pieces || (frame[20] & 0x20));
		assert_memory_equal(ip + 4, frame + 18, 2);
		assert_int_equal(ip[8], frame[22] - 1);
		memcpy(whole + next, ip + (ip[0] & 15u) * 4u, size);
		next += size;
	}
	assert_int_equal(next, data);
	assert_memory_equal(whole, frame + 14 + header, data);
	rig_expect_nothing(rig);
}

static void fragments(void **state)
{
	(void)state;
	struct rig rig;
	rig_start(&rig,
		  "{\"left\":{\"mac\":\"02:00:00:00:00:0a\",\"addresses\":[\"10.0.0.1/24\",\"2001:db8:1::1/64\"]},"
		  "\"right\":{\"mac\":\"02:00:00:00:00:0b\",\"mtu\":1280,\"addresses\":[\"192.0.2.1/"
		  "24\",\"2001:db8:2::1/64\"]}}",
		  NULL);
	rig_meet(&rig);
	static const struct {
		uint16_t payload, fragment;
		uint8_t options;
		unsigned pieces;
	} cases[] = {
		{1253, 0, 0, 2},      {1472, 0, 0, 2},      {1700, 0, 0, 2},
		{1400, 0x2000, 0, 2}, {1400, 0x20b9, 0, 2}, {1400, 0, 4, 2},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		const struct test_packet p = {.src = "10.0.0.2",
					      .dst = "192.0.2.2",
					      .protocol = 17,
					      .payload_size = cases[i].payload,
					      .fragment = cases[i].fragment,
					      .options = cases[i].options};
		uint8_t frame[TEST_PACKET_MAX];
		uint32_t length = rig_make(p, CAT_LEFT, frame);
		rig_send_frame(&rig, CAT_LEFT, frame, length);
		expect_fragments(&rig, frame, length, 1280, cases[i].pieces);
	}
	rig_expect_count(&rig, "ipv4.fragmented", CAT_ARRAY_LEN(cases));
	rig_stop(&rig);
}

static void takes_a_new_configuration(void **state)
{
	(void)state;
	struct rig rig;
	struct cat_err err = {0};
	rig_start(&rig, RIG_CONFIG, NULL);
	rig_meet(&rig);
	const struct test_packet p = {.src = "10.0.0.2", .dst = "198.51.100.1", .protocol = 17};
	rig_send(&rig, CAT_LEFT, &p);
	rig_expect(&rig, CAT_LEFT);
	assert_int_equal(rig.packet.code, 0); // no route
	assert_int_equal(cat_lane_local_configure(
				 rig.local,
				 "{" RIG_SIDES ",\"routes\":[{\"prefix\":\"198.51.100.0/24\",\"via\":\"192.0.2.2\"}]}",
				 &err),
			 0);
	rig_expect_count(&rig, "gauge.routes", 1);
	// The neighbour is known still.
	rig_send(&rig, CAT_LEFT, &p);
	rig_expect(&rig, CAT_RIGHT);
	// What is refused changes nothing.
	assert_int_equal(cat_lane_local_configure(
				 rig.local, "{\"routes\":[{\"prefix\":\"0.0.0.0/0\",\"via\":\"1.2.3.4\"}]}", &err),
			 -22);
	rig_send(&rig, CAT_LEFT, &p);
	rig_expect(&rig, CAT_RIGHT);
	// Another MAC of ours counts at once, and is announced.
	assert_int_equal(
		cat_lane_local_configure(rig.local,
					 "{\"left\":{\"mac\":\"02:00:00:00:00:0a\",\"addresses\":[\"10.0.0.1/24\"]},"
					 "\"right\":{\"mac\":\"02:00:00:00:00:0c\",\"addresses\":[\"192.0.2.1/24\"]},"
					 "\"routes\":[{\"prefix\":\"198.51.100.0/24\",\"via\":\"192.0.2.2\"}]}",
					 &err),
		0);
	rig_send(&rig, CAT_LEFT, &p);
	assert_true(rig_receive(&rig, CAT_RIGHT));
	assert_int_equal(rig.packet.from_mac[5], 0x0c);
	cat_lane_local_advance(rig.local, 10000);
	uint16_t operation;
	char spa[46], tpa[46];
	assert_true(rig_receive(&rig, CAT_RIGHT));
	assert_true(test_packet_read_arp(rig.frame, rig.length, &operation, spa, tpa));
	assert_string_equal(spa, "192.0.2.1");
	assert_string_equal(tpa, "192.0.2.1");
	rig_stop(&rig);
}

static void asks_off_its_prefixes_by_dev(void **state)
{
	(void)state;
	struct rig rig;
	rig_start(&rig, "{" RIG_SIDES ",\"routes\":[{\"prefix\":\"198.51.100.0/24\",\"dev\":\"right\"}]}", NULL);
	const struct test_packet p = {.src = "10.0.0.2", .dst = "198.51.100.7", .protocol = 17, .sport = 9};
	rig_send(&rig, CAT_LEFT, &p);
	assert_true(rig_receive(&rig, CAT_RIGHT));
	rig_answer_arp(&rig, CAT_RIGHT, rig_host[CAT_RIGHT]);
	rig_expect(&rig, CAT_RIGHT);
	assert_int_equal(rig.packet.sport, 9);
	rig_stop(&rig);
}

// Two lanes of one process share a configuration; the reply to lane 1's request comes to lane 0.
static void lanes_learn_from_each_other(void **state)
{
	(void)state;
	const struct cat_lane_local_options options[2] = {{.id = 0, .lanes = 2}, {.id = 1, .lanes = 2}};
	struct rig rig[2];
	rig_start(&rig[0], RIG_CONFIG, &options[0]);
	rig_start(&rig[1], RIG_CONFIG, &options[1]);
	// As in one process: both lanes have the first one's configuration.
	struct cat_lane *second = cat_lane_local_lane(rig[1].local);
	const void *own = second->config;
	second->config = cat_lane_local_lane(rig[0].local)->config;
	cat_router_ops.lane_reconfigured(second, own);

	const struct test_packet p = {.src = "10.0.0.2", .dst = "192.0.2.9", .protocol = 17, .sport = 5};
	rig_send(&rig[1], CAT_LEFT, &p);
	assert_true(rig_receive(&rig[1], CAT_RIGHT)); // the request
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t n = test_packet_make_arp(rig_mac[CAT_RIGHT], rig_host[CAT_RIGHT], 2, "192.0.2.9", rig_mac[CAT_RIGHT],
					  "192.0.2.1", frame);
	rig_send_frame(&rig[0], CAT_RIGHT, frame, n);
	rig_expect_nothing(&rig[1]);
	cat_lane_local_advance(rig[1].local, 10000);
	rig_expect(&rig[1], CAT_RIGHT);
	assert_int_equal(rig[1].packet.sport, 5);
	assert_memory_equal(rig[1].packet.to_mac, rig_host[CAT_RIGHT], 6);
	// The other way about nothing needs to be asked.
	rig_send(&rig[0], CAT_LEFT, &p);
	rig_expect(&rig[0], CAT_RIGHT);
	// Nor for whom only lane 0 knows, by being asked.
	meet(&rig[0], "192.0.2.7", rig_host[CAT_RIGHT]);
	const struct test_packet to_known = {.src = "10.0.0.2", .dst = "192.0.2.7", .protocol = 17, .sport = 6};
	rig_send(&rig[1], CAT_LEFT, &to_known);
	rig_expect(&rig[1], CAT_RIGHT);
	assert_int_equal(rig[1].packet.sport, 6);
	// What nobody asked for is not learnt by either.
	n = test_packet_make_arp(rig_mac[CAT_RIGHT], rig_host[CAT_RIGHT], 2, "192.0.2.8", rig_mac[CAT_RIGHT],
				 "192.0.2.1", frame);
	rig_send_frame(&rig[0], CAT_RIGHT, frame, n);
	cat_lane_local_advance(rig[0].local, 10000);
	rig_expect_count(&rig[0], "gauge.neighbours", 2);

	second->config = own;
	cat_router_ops.lane_reconfigured(second, own);
	rig_stop(&rig[1]);
	rig_stop(&rig[0]);
}

#define URPF_ROUTES                                                                                                    \
	"\"routes\":[{\"prefix\":\"0.0.0.0/0\",\"via\":\"192.0.2.2\"},{\"prefix\":\"20.0.0.0/"                         \
	"8\",\"via\":\"10.0.0.2\"},"                                                                                   \
	"{\"prefix\":\"30.0.0.0/8\",\"via\":[\"10.0.0.2\",\"192.0.2.2\"]},{\"prefix\":\"40.0.0.0/"                     \
	"8\",\"blackhole\":true},"                                                                                     \
	"{\"prefix\":\"2001:db8:20::/48\",\"via\":\"2001:db8:1::2\"},{\"prefix\":\"::/0\",\"via\":\"2001:db8:2::2\"}]"

// RFC 3704, sections 2.2 and 2.5.
static void checks_the_way_back(void **state)
{
	(void)state;
	static const struct {
		const char *src, *dst;
		enum cat_side from;
		bool strict, loose;
	} cases[] = {
		{"10.0.0.2", "8.8.8.8", CAT_LEFT, true, true},
		{"20.1.1.1", "8.8.8.8", CAT_LEFT, true, true},
		{"30.1.1.1", "8.8.8.8", CAT_LEFT, true, true},
		{"30.1.1.1", "10.0.0.2", CAT_RIGHT, true, true},
		{"20.1.1.1", "10.0.0.2", CAT_RIGHT, false, true}, // the route back is on the left
		{"192.0.2.2", "8.8.8.8", CAT_LEFT, false, true},
		{"50.1.1.1", "8.8.8.8", CAT_LEFT, false, false}, // only the default route leads there
		{"50.1.1.1", "10.0.0.2", CAT_RIGHT, true, false},
		{"40.1.1.1", "10.0.0.2", CAT_RIGHT, false, false},  // nothing goes there
		{"192.0.2.1", "10.0.0.2", CAT_RIGHT, false, false}, // ourselves
		{"192.0.2.255", "10.0.0.2", CAT_RIGHT, false, false},
		{"2001:db8:20::1", "2001:db8:2::2", CAT_LEFT, true, true},
		{"2001:db8:20::1", "2001:db8:1::2", CAT_RIGHT, false, true},
		{"2001:db8:50::1", "2001:db8:2::2", CAT_LEFT, false, false},
	};
	static const char *const modes[] = {"strict", "loose", "off"};
	for (unsigned mode = 0; mode < 3; mode++) {
		char config[2048];
		struct rig rig;
		snprintf(config, sizeof(config),
			 "{" RIG_SIDES "," URPF_ROUTES ",\"urpf\":{\"left\":\"%s\",\"right\":\"%s\"}}", modes[mode],
			 modes[mode]);
		rig_start(&rig, config, NULL);
		rig_meet(&rig);
		uint64_t dropped = 0;
		for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
			struct test_packet p = {.protocol = 17, .sport = 1, .dport = 2};
			strcpy(p.src, cases[i].src);
			strcpy(p.dst, cases[i].dst);
			bool passes = mode == 2 || (mode ? cases[i].loose : cases[i].strict);
			rig_send(&rig, cases[i].from, &p);
			dropped += !passes;
			if (rig_count(&rig, "drop.urpf") != dropped)
				fail_msg("%s from %s, case %u", modes[mode], cases[i].src, i);
			bool left = rig_receive(&rig, cases[i].from == CAT_LEFT ? CAT_RIGHT : CAT_LEFT);
			assert_int_equal(left, passes);
		}
		// Neighbours still reach the router.
		struct test_packet echo = {.src = "fe80::99", .dst = "fe80::a", .protocol = 58, .type = 128};
		echo.payload_size = 8;
		rig_send(&rig, CAT_LEFT, &echo);
		rig_expect_count(&rig, "icmp.echo", 1);
		rig_stop(&rig);
	}
}

// RFC 1027: requests for what is behind the router, from that side alone.
static void answers_for_others(void **state)
{
	(void)state;
	static const struct {
		const char *target;
		enum cat_side from;
		bool answered;
	} cases[] = {
		{"8.8.8.8", CAT_LEFT, true},    {"192.0.2.77", CAT_LEFT, true}, {"10.0.0.77", CAT_LEFT, false},
		{"20.1.1.1", CAT_LEFT, false},  {"30.1.1.1", CAT_LEFT, false},  {"40.1.1.1", CAT_LEFT, false},
		{"10.0.0.77", CAT_RIGHT, true}, {"40.1.1.1", CAT_RIGHT, false}, {"8.8.8.8", CAT_RIGHT, false},
	};
	struct rig rig;
	rig_start(&rig, "{" RIG_SIDES "," URPF_ROUTES ",\"proxy_arp\":[\"left\",\"right\"]}", NULL);
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		uint8_t frame[TEST_PACKET_MAX];
		enum cat_side from = cases[i].from;
		uint32_t n = test_packet_make_arp(rig_broadcast, rig_host[from], 1, from ? "192.0.2.2" : "10.0.0.2",
						  zero, cases[i].target, frame);
		rig_send_frame(&rig, from, frame, n);
		if (rig_receive(&rig, from) != cases[i].answered)
			fail_msg("%s", cases[i].target);
		if (cases[i].answered)
			assert_memory_equal(rig.frame + 22, rig_mac[from], 6);
	}
	rig_stop(&rig);
	// Nobody is answered for who did not ask for it.
	rig_start(&rig, "{" RIG_SIDES "," URPF_ROUTES ",\"proxy_arp\":[\"right\"]}", NULL);
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t n = test_packet_make_arp(rig_broadcast, rig_host[CAT_LEFT], 1, "10.0.0.2", zero, "8.8.8.8", frame);
	rig_send_frame(&rig, CAT_LEFT, frame, n);
	rig_expect_nothing(&rig);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spreads_flows),
		cmocka_unit_test(rehashes_resiliently),
		cmocka_unit_test(checks_the_way_back),
		cmocka_unit_test(answers_for_others),
		cmocka_unit_test(tells_the_mtu),
		cmocka_unit_test(fragments),
		cmocka_unit_test(takes_a_new_configuration),
		cmocka_unit_test(asks_off_its_prefixes_by_dev),
		cmocka_unit_test(lanes_learn_from_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
