// SPDX-License-Identifier: BSD-3-Clause
// Virtual routers (RFC 9568): the states, the clock, what is said and what is answered for.
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>

#include "cat_csum.h"

#define VRRP(more)                                                                                                     \
	"{" RIG_SIDES ",\"vrrp\":[{\"side\":\"left\",\"id\":7,\"addresses\":[\"10.0.0.254\"],\"priority\":100" more    \
	"}]}"
static const uint8_t virtual_mac[6] = {0, 0, 0x5e, 0, 1, 7}, virtual_mac6[6] = {0, 0, 0x5e, 0, 2, 7};
static const uint8_t group_mac[6] = {1, 0, 0x5e, 0, 0, 0x12};

static void start(struct rig *rig, const char *config)
{
	struct cat_err err = {0};
	*rig = (struct rig){0};
	rig->local = cat_lane_local_create(&cat_router_ops, config, NULL, &err);
	if (!rig->local)
		fail_msg("%s", err.message);
	cat_lane_local_advance(rig->local, 0);
}

static void forget_all(struct rig *rig)
{
	while (rig_receive(rig, CAT_LEFT) || rig_receive(rig, CAT_RIGHT))
		;
}

static void pass(struct rig *rig, uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i += 10) {
		cat_lane_local_advance(rig->local, 10000);
	}
}

static bool is_active(struct rig *rig)
{
	return rig_count(rig, "gauge.vrrp_active") == 1;
}

// An advertisement for 10.0.0.254 from 10.0.0.x.
static uint32_t make(uint8_t *frame, uint8_t last, uint8_t priority, bool pseudo_header)
{
	static const uint8_t addr[4] = {10, 0, 0, 254};
	uint8_t body[12] = {0x31, 7, priority, 1, 0, 100};
	memcpy(body + 8, addr, 4);
	memset(frame, 0, 46);
	memcpy(frame, group_mac, 6);
	memcpy(frame + 6, virtual_mac, 6);
	frame[12] = 8;
	uint8_t *ip = frame + 14;
	ip[0] = 0x45;
	ip[3] = 32;
	ip[8] = 255;
	ip[9] = 112;
	const uint8_t src[4] = {10, 0, 0, last}, dst[4] = {224, 0, 0, 18};
	memcpy(ip + 12, src, 4);
	memcpy(ip + 16, dst, 4);
	uint16_t csum = cat_csum(ip, 20);
	memcpy(ip + 10, &csum, 2);
	csum = pseudo_header ? cat_csum_l4_ipv4(ip, body, 12, 112) : cat_csum(body, 12);
	memcpy(body + 6, &csum, 2);
	memcpy(ip + 20, body, 12);
	return 46;
}

static void hear(struct rig *rig, uint8_t last, uint8_t priority)
{
	uint8_t frame[64];
	uint32_t n = make(frame, last, priority, false);
	rig_send_frame(rig, CAT_LEFT, frame, n);
}

static bool answers_arp(struct rig *rig)
{
	static const uint8_t zero[6];
	uint8_t frame[TEST_PACKET_MAX];
	forget_all(rig);
	uint32_t n = test_packet_make_arp(rig_broadcast, rig_host[CAT_LEFT], 1, "10.0.0.2", zero, "10.0.0.254", frame);
	rig_send_frame(rig, CAT_LEFT, frame, n);
	if (!rig_receive(rig, CAT_LEFT))
		return false;
	assert_memory_equal(rig->frame + 6, virtual_mac, 6);
	assert_memory_equal(rig->frame + 22, virtual_mac, 6);
	return true;
}

// Active_Down_Interval of priority 100 at 1 s: 3 s and 156/256 s.
static void takes_over(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig, VRRP(""));
	pass(&rig, 3500);
	assert_false(is_active(&rig));
	assert_false(answers_arp(&rig));
	forget_all(&rig);
	pass(&rig, 150);
	assert_true(is_active(&rig));
	// An advertisement and a gratuitous ARP request, both from the virtual MAC.
	assert_true(rig_receive(&rig, CAT_LEFT));
	assert_memory_equal(rig.frame, group_mac, 6);
	assert_memory_equal(rig.frame + 6, virtual_mac, 6);
	static const uint8_t said[8] = {0x31, 7, 100, 1, 0, 100};
	assert_memory_equal(rig.frame + 34, said, 6);
	assert_int_equal(rig.frame[22], 255);
	assert_int_equal(cat_csum(rig.frame + 34, 12), 0);
	assert_true(rig_receive(&rig, CAT_LEFT));
	assert_memory_equal(rig.frame + 6, virtual_mac, 6);
	assert_int_equal(rig.frame[13], 6);
	assert_true(answers_arp(&rig));
	// One a second.
	uint64_t sent = rig_count(&rig, "vrrp.sent");
	pass(&rig, 5000);
	assert_int_equal(rig_count(&rig, "vrrp.sent"), sent + 5);
	rig_expect_count(&rig, "vrrp.became_active", 1);
	rig_stop(&rig);
}

static void yields(void **state)
{
	(void)state;
	static const struct {
		uint8_t last, priority;
		bool stays;
	} cases[] = {{9, 200, false}, {9, 100, false}, {9, 99, true}, {9, 0, true}};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct rig rig;
		start(&rig, VRRP(""));
		pass(&rig, 4000);
		assert_true(is_active(&rig));
		uint64_t sent = rig_count(&rig, "vrrp.sent");
		hear(&rig, cases[i].last, cases[i].priority);
		pass(&rig, 20);
		assert_int_equal(is_active(&rig), cases[i].stays);
		// Who stays says so at once.
		assert_int_equal(rig_count(&rig, "vrrp.sent"), sent + cases[i].stays);
		assert_int_equal(answers_arp(&rig), cases[i].stays);
		rig_stop(&rig);
	}
}

static void waits_for_the_active_one(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig, VRRP(",\"preempt\":false"));
	// One of less priority counts where there is no preemption.
	for (unsigned i = 0; i < 10; i++) {
		hear(&rig, 9, 50);
		pass(&rig, 1000);
	}
	assert_false(is_active(&rig));
	// It gives up: only the skew is waited for, 610 ms.
	hear(&rig, 9, 0);
	pass(&rig, 550);
	assert_false(is_active(&rig));
	pass(&rig, 100);
	assert_true(is_active(&rig));
	rig_stop(&rig);
	// With preemption it does not.
	start(&rig, VRRP(""));
	for (unsigned i = 0; i < 4; i++) {
		hear(&rig, 9, 50);
		pass(&rig, 1000);
	}
	assert_true(is_active(&rig));
	rig_stop(&rig);
}

// RFC 9568, section 7.1.
static void discards(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig, VRRP(""));
	static const struct {
		uint8_t at, value;
	} wrong[] = {{22, 254}, {34, 0x21}, {34, 0x32}, {35, 8}, {37, 2}, {37, 0}, {40, 0}, {17, 40}};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(wrong); i++) {
		uint8_t frame[64];
		uint32_t n = make(frame, 9, 200, false);
		frame[wrong[i].at] = wrong[i].value;
		memset(frame + 24, 0, 2);
		uint16_t csum = cat_csum(frame + 14, 20);
		memcpy(frame + 24, &csum, 2);
		if (wrong[i].at >= 34 && wrong[i].at < 40) {
			memset(frame + 40, 0, 2);
			csum = cat_csum(frame + 34, 12);
			memcpy(frame + 40, &csum, 2);
		}
		rig_send_frame(&rig, CAT_LEFT, frame, n);
		if (rig_count(&rig, "vrrp.received") != 0)
			fail_msg("case %u was taken", i);
	}
	// Either reading of the checksum is right.
	uint8_t frame[64];
	uint32_t n = make(frame, 9, 200, true);
	rig_send_frame(&rig, CAT_LEFT, frame, n);
	rig_expect_count(&rig, "vrrp.received", 1);
	rig_send_frame(&rig, CAT_RIGHT, frame, n);
	rig_expect_count(&rig, "vrrp.received", 1);
	rig_stop(&rig);
}

static void forwards_for_its_mac(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig, VRRP(",\"accept\":true"));
	forget_all(&rig);
	rig_meet(&rig);
	struct test_packet p = {.src = "10.0.0.2", .dst = "192.0.2.2", .protocol = 17, .sport = 1, .dport = 2};
	memcpy(p.to_mac, virtual_mac, 6);
	struct test_packet echo = {.src = "10.0.0.2", .dst = "10.0.0.254", .protocol = 1, .type = 8, .payload_size = 8};
	memcpy(echo.to_mac, virtual_mac, 6);
	// A backup leaves it to the active one.
	rig_send(&rig, CAT_LEFT, &p);
	rig_expect_nothing(&rig);
	rig_expect_count(&rig, "drop.not_for_us", 1);
	pass(&rig, 4000);
	forget_all(&rig);
	rig_send(&rig, CAT_LEFT, &p);
	rig_expect(&rig, CAT_RIGHT);
	rig_send(&rig, CAT_LEFT, &echo);
	rig_expect(&rig, CAT_LEFT);
	assert_string_equal(rig.packet.src, "10.0.0.254");
	// A new configuration with the same virtual router goes on as it was; without `accept` nobody answers.
	struct cat_err err = {0};
	assert_int_equal(cat_lane_local_configure(rig.local, VRRP(""), &err), 0);
	pass(&rig, 20);
	assert_true(is_active(&rig));
	forget_all(&rig);
	rig_send(&rig, CAT_LEFT, &echo);
	rig_expect_nothing(&rig);
	rig_stop(&rig);
}

static void speaks_ipv6(void **state)
{
	(void)state;
	struct rig rig;
	uint8_t frame[TEST_PACKET_MAX];
	start(&rig,
	      "{" RIG_SIDES ",\"vrrp\":[{\"side\":\"left\",\"id\":7,\"addresses\":[\"fe80::7\",\"2001:db8:1::7\"]}]}");
	pass(&rig, 3500);
	forget_all(&rig);
	pass(&rig, 200);
	assert_true(rig_receive(&rig, CAT_LEFT));
	assert_memory_equal(rig.frame + 6, virtual_mac6, 6);
	assert_string_equal(rig.packet.src, "fe80::a");
	assert_string_equal(rig.packet.dst, "ff02::12");
	assert_int_equal(cat_csum_l4_ipv6(rig.frame + 14, rig.frame + 54, 40, 112), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(rig_receive(&rig, CAT_LEFT));
		assert_int_equal(rig.frame[54], 136);
		assert_int_equal(rig.frame[58], 0xa0);
		assert_true(test_packet_csums_ok(rig.frame, rig.length));
	}
	uint32_t n = rig_make_nd(frame, virtual_mac6, rig_host[CAT_LEFT], "2001:db8:1::2", "2001:db8:1::7", 135, 0,
				 "2001:db8:1::7", 1);
	rig_send_frame(&rig, CAT_LEFT, frame, n);
	assert_true(rig_receive(&rig, CAT_LEFT));
	assert_memory_equal(rig.frame + 6, virtual_mac6, 6);
	assert_int_equal(rig.frame[54], 136);
	rig_stop(&rig);
}

static void refuses(void **state)
{
	(void)state;
#define ONE(text) "{" RIG_SIDES ",\"vrrp\":[{" text "}]}"
	static const struct {
		const char *json, *message;
	} cases[] = {
		{"{\"vrrp\":1}", "/vrrp"},
		{"{" RIG_SIDES ",\"vrrp\":[1]}", "expected one like {side: left"},
		{ONE("\"side\":\"up\",\"id\":1,\"addresses\":[\"10.0.0.9\"]"), "expected left or right"},
		{ONE("\"side\":\"left\",\"id\":256,\"addresses\":[\"10.0.0.9\"]"), "/vrrp/0/id"},
		{ONE("\"side\":\"left\",\"id\":1,\"addresses\":[]"), "found 0 addresses"},
		{ONE("\"side\":\"left\",\"id\":1,\"addresses\":[\"192.0.2.9\"]"), "is on no network of the side"},
		{ONE("\"side\":\"left\",\"id\":1,\"addresses\":[\"10.0.0.1\"]"), "is an address of the router itself"},
		{ONE("\"side\":\"left\",\"id\":1,\"addresses\":[\"10.0.0.9\",\"fe80::1\"]"), "of another family"},
		{ONE("\"side\":\"left\",\"id\":1,\"addresses\":[\"2001:db8:1::9\"]"), "must be link-local"},
		{ONE("\"side\":\"left\",\"id\":1,\"addresses\":[\"10.0.0.9\"],\"priority\":255"), "/vrrp/0/priority"},
		{ONE("\"side\":\"left\",\"id\":1,\"addresses\":[\"10.0.0.9\"],\"interval_cs\":9"),
		 "/vrrp/0/interval_cs"},
		{ONE("\"side\":\"left\",\"id\":1,\"addresses\":[\"10.0.0.9\"]},{\"side\":\"left\",\"id\":1,"
		     "\"addresses\":[\"10.0."
		     "0.8\"]"),
		 "is there twice"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_err err = {0};
		struct cat_lane_local *local = cat_lane_local_create(&cat_router_ops, cases[i].json, NULL, &err);
		if (local)
			fail_msg("taken: %s", cases[i].json);
		if (!strstr(err.message, cases[i].message))
			fail_msg("%s: %s", cases[i].json, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_over),
		cmocka_unit_test(yields),
		cmocka_unit_test(discards),
		cmocka_unit_test(waits_for_the_active_one),
		cmocka_unit_test(forwards_for_its_mac),
		cmocka_unit_test(speaks_ipv6),
		cmocka_unit_test(refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
