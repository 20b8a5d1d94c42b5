// SPDX-License-Identifier: BSD-3-Clause
// What reaches the daemons and what does not (RFC 6192), at what rate, and what their kernel sends.
#include "rig.h"

#include <string.h>

#include "punt.h"

static const struct cat_vnf_ops ops = {
	.abi = CAT_VNF_ABI,
	.kind = "router-frr",
	.counters = router_counters,
	.config_create = router_frr_config_create,
	.config_destroy = router_config_destroy,
	.lane_create = router_lane_create,
	.lane_destroy = router_lane_destroy,
	.lane_reconfigured = router_lane_reconfigured,
	.process = router_process,
	.tick = router_tick,
	.inject = router_inject,
};

#define CONFIG                                                                                                         \
	"{" RIG_SIDES ",\"bgp\":{\"as\":64500,\"neighbours\":["                                                        \
	"{\"address\":\"192.0.2.2\",\"as\":64501,\"bfd\":true,\"import\":\"all\",\"export\":\"all\"},"                 \
	"{\"address\":\"2001:db8:2::2\",\"as\":64501,\"import\":\"all\",\"export\":\"all\"}]},"                        \
	"\"ospf\":{\"left\":{}}}"

static void start(struct rig *rig)
{
	struct cat_err err = {0};
	*rig = (struct rig){0};
	rig->local = cat_lane_local_create(&ops, CONFIG, NULL, &err);
	if (!rig->local)
		fail_msg("%s", err.message);
	for (unsigned i = 0; i < 3; i++) {
		cat_lane_local_advance(rig->local, 2000000);
		while (rig_receive(rig, CAT_LEFT) || rig_receive(rig, CAT_RIGHT))
			;
	}
}

// The channel that the only punted frame came on; -1: none.
static int punted(struct rig *rig)
{
	unsigned channel = 99;
	int n = cat_lane_local_pop_punt(rig->local, &channel, rig->frame, sizeof(rig->frame));
	if (n < 0)
		return -1;
	rig->length = (uint32_t)n;
	unsigned none;
	assert_true(cat_lane_local_pop_punt(rig->local, &none, rig->frame + n, 0) < 0);
	return (int)channel;
}

static void punts_what_is_wanted(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig);
	static const struct {
		struct test_packet packet;
		enum cat_side from;
		bool wanted;
	} cases[] = {
		{{.src = "192.0.2.2", .dst = "192.0.2.1", .protocol = 6, .sport = 40000, .dport = 179},
		 CAT_RIGHT,
		 true},
		{{.src = "192.0.2.2", .dst = "192.0.2.1", .protocol = 6, .sport = 179, .dport = 40000},
		 CAT_RIGHT,
		 true},
		{{.src = "2001:db8:2::2", .dst = "2001:db8:2::1", .protocol = 6, .dport = 179}, CAT_RIGHT, true},
		{{.src = "192.0.2.3", .dst = "192.0.2.1", .protocol = 6, .dport = 179}, CAT_RIGHT, false},
		{{.src = "192.0.2.2", .dst = "192.0.2.1", .protocol = 6, .dport = 22}, CAT_RIGHT, false},
		{{.src = "192.0.2.2", .dst = "192.0.2.1", .protocol = 17, .dport = 3784}, CAT_RIGHT, true},
		{{.src = "198.51.100.2", .dst = "192.0.2.1", .protocol = 17, .dport = 3784}, CAT_RIGHT, false},
		{{.src = "192.0.2.2", .dst = "192.0.2.1", .protocol = 17, .dport = 161}, CAT_RIGHT, false},
		{{.src = "10.0.0.2", .dst = "224.0.0.5", .protocol = 89, .ttl = 1}, CAT_LEFT, true},
		{{.src = "10.0.0.2", .dst = "224.0.0.6", .protocol = 89, .ttl = 1}, CAT_LEFT, true},
		{{.src = "10.0.0.2", .dst = "10.0.0.1", .protocol = 89, .ttl = 1}, CAT_LEFT, true},
		{{.src = "10.0.0.2", .dst = "224.0.0.5", .protocol = 89, .ttl = 1, .fragment = 0x2000}, CAT_LEFT, true},
		{{.src = "fe80::5", .dst = "ff02::5", .protocol = 89, .ttl = 1}, CAT_LEFT, true},
		// Not where OSPF is not spoken, from whom it cannot come, and to other groups.
		{{.src = "192.0.2.2", .dst = "224.0.0.5", .protocol = 89, .ttl = 1}, CAT_RIGHT, false},
		{{.src = "10.1.0.2", .dst = "224.0.0.5", .protocol = 89, .ttl = 1}, CAT_LEFT, false},
		{{.src = "10.0.0.2", .dst = "224.0.0.9", .protocol = 89, .ttl = 1}, CAT_LEFT, false},
		{{.src = "10.0.0.2", .dst = "224.0.0.5", .protocol = 17, .ttl = 1}, CAT_LEFT, false},
		{{.src = "192.0.2.2", .dst = "192.0.2.1", .protocol = 1, .type = 3}, CAT_RIGHT, true},
	};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct test_packet p = cases[i].packet;
		p.payload_size = 16;
		if (strncmp(p.dst, "224.", 4) == 0) {
			static const uint8_t mac[6] = {1, 0, 0x5e, 0, 0, 5};
			memcpy(p.to_mac, mac, 6);
		}
		rig_send(&rig, cases[i].from, &p);
		int channel = punted(&rig);
		if ((channel >= 0) != cases[i].wanted || (channel >= 0 && channel != (int)cases[i].from))
			fail_msg("%s to %s, case %u: channel %d", p.src, p.dst, i, channel);
		while (rig_receive(&rig, CAT_LEFT) || rig_receive(&rig, CAT_RIGHT))
			;
	}
	rig_expect_count(&rig, "punt.bgp", 3);
	rig_expect_count(&rig, "punt.bfd", 1);
	rig_expect_count(&rig, "punt.ospf", 5);
	rig_expect_count(&rig, "punt.icmp", 1);
	rig_stop(&rig);
}

// A flood of one kind leaves room for the others.
static void polices_each_kind(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig);
	const struct test_packet error = {.src = "192.0.2.2", .dst = "192.0.2.1", .protocol = 1, .type = 3};
	const struct test_packet bgp = {.src = "192.0.2.2", .dst = "192.0.2.1", .protocol = 6, .dport = 179};
	for (unsigned i = 0; i < 100; i++) {
		struct test_packet p = error;
		p.payload_size = 16;
		rig_send(&rig, CAT_RIGHT, &p);
		punted(&rig);
	}
	rig_expect_count(&rig, "punt.icmp", 20);
	rig_expect_count(&rig, "drop.punt_policed", 80);
	rig_send(&rig, CAT_RIGHT, &bgp);
	assert_int_equal(punted(&rig), CAT_RIGHT);
	cat_lane_local_advance(rig.local, 1000000);
	struct test_packet p = error;
	p.payload_size = 16;
	rig_send(&rig, CAT_RIGHT, &p);
	assert_int_equal(punted(&rig), CAT_RIGHT);
	rig_stop(&rig);
}

static void shows_answers_to_the_kernel(void **state)
{
	(void)state;
	struct rig rig;
	uint8_t frame[TEST_PACKET_MAX];
	start(&rig);
	uint32_t n = test_packet_make_arp(rig_mac[CAT_RIGHT], rig_host[CAT_RIGHT], 2, "192.0.2.2", rig_mac[CAT_RIGHT],
					  "192.0.2.1", frame);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	assert_int_equal(punted(&rig), CAT_RIGHT);
	assert_memory_equal(rig.frame, frame, n);
	static const uint8_t zero[6];
	n = test_packet_make_arp(rig_broadcast, rig_host[CAT_RIGHT], 1, "192.0.2.2", zero, "192.0.2.1", frame);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	assert_int_equal(punted(&rig), -1); // the router answers
	n = rig_make_nd(frame, rig_mac[CAT_RIGHT], rig_host[CAT_RIGHT], "2001:db8:2::2", "2001:db8:2::1", 136, 0x60,
			"2001:db8:2::2", 2);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	assert_int_equal(punted(&rig), CAT_RIGHT);
	rig_stop(&rig);
}

static void sends_for_the_kernel(void **state)
{
	(void)state;
	struct rig rig;
	uint8_t frame[TEST_PACKET_MAX];
	start(&rig);
	struct test_packet p = {.src = "192.0.2.1", .dst = "192.0.2.2", .protocol = 6, .dport = 179};
	memcpy(p.from_mac, rig_mac[CAT_RIGHT], 6);
	memcpy(p.to_mac, rig_host[CAT_RIGHT], 6);
	uint32_t n = test_packet_make(&p, frame);
	cat_lane_local_inject(rig.local, CAT_RIGHT, frame, n);
	rig_expect(&rig, CAT_RIGHT);
	assert_memory_equal(rig.frame, frame, n);
	// Not from another MAC, not by another tap, not in pieces, and no question for routers.
	cat_lane_local_inject(rig.local, CAT_LEFT, frame, n);
	cat_lane_local_inject(rig.local, 7, frame, n);
	cat_lane_local_inject(rig.local, CAT_RIGHT, frame, 20);
	static const uint8_t all_routers[6] = {0x33, 0x33, 0, 0, 0, 2};
	n = rig_make_nd(frame, all_routers, rig_mac[CAT_RIGHT], "fe80::b", "ff02::2", 133, 0, "::", 0);
	cat_lane_local_inject(rig.local, CAT_RIGHT, frame, n);
	rig_expect_nothing(&rig);
	rig_expect_count(&rig, "inject.packets", 1);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(punts_what_is_wanted),
		cmocka_unit_test(polices_each_kind),
		cmocka_unit_test(shows_answers_to_the_kernel),
		cmocka_unit_test(sends_for_the_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
