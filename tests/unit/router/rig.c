// SPDX-License-Identifier: BSD-3-Clause
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>

const uint8_t rig_mac[CAT_SIDES][6] = {RIG_LEFT_MAC, RIG_RIGHT_MAC};
const uint8_t rig_host[CAT_SIDES][6] = {{0x02, 1, 1, 1, 1, 1}, {0x02, 2, 2, 2, 2, 2}};
const uint8_t rig_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void rig_start(struct rig *rig, const char *config, const struct cat_lane_local_options *options)
{
	struct cat_err err = {0};
	*rig = (struct rig){0};
	rig->local = cat_lane_local_create(&cat_router_ops, config, options, &err);
	if (!rig->local)
		fail_msg("%s", err.message);
	for (unsigned i = 0; i < 3; i++) {
		cat_lane_local_advance(rig->local, 2000000);
		while (rig_receive(rig, CAT_LEFT) || rig_receive(rig, CAT_RIGHT))
			;
	}
}

void rig_stop(struct rig *rig)
{
	while (rig_receive(rig, CAT_LEFT) || rig_receive(rig, CAT_RIGHT))
		;
	assert_int_equal(cat_lane_local_missing(rig->local), 0);
	cat_lane_local_destroy(rig->local);
}

uint32_t rig_make(struct test_packet p, enum cat_side from, uint8_t *ret_frame)
{
	static const uint8_t zero[6];
	if (memcmp(p.to_mac, zero, 6) == 0)
		memcpy(p.to_mac, rig_mac[from], 6);
	if (memcmp(p.from_mac, zero, 6) == 0)
		memcpy(p.from_mac, rig_host[from], 6);
	return test_packet_make(&p, ret_frame);
}

void rig_send_frame(struct rig *rig, enum cat_side from, const void *frame, uint32_t length)
{
	assert_int_equal(cat_lane_local_push(rig->local, from, &frame, &length, 1), 0);
}

void rig_send(struct rig *rig, enum cat_side from, const struct test_packet *p)
{
	uint8_t frame[TEST_PACKET_MAX];
	rig_send_frame(rig, from, frame, rig_make(*p, from, frame));
}

bool rig_receive(struct rig *rig, enum cat_side side)
{
	int length = cat_lane_local_pop(rig->local, side, rig->frame, sizeof(rig->frame), NULL);
	if (length < 0)
		return false;
	rig->length = (uint32_t)length;
	test_packet_read(rig->frame, rig->length, &rig->packet);
	return true;
}

void rig_expect(struct rig *rig, enum cat_side side)
{
	if (!rig_receive(rig, side))
		fail_msg("nothing left on the %s side", side == CAT_LEFT ? "left" : "right");
	assert_true(test_packet_read(rig->frame, rig->length, &rig->packet));
	assert_true(test_packet_csums_ok(rig->frame, rig->length));
	assert_memory_equal(rig->packet.from_mac, rig_mac[side], 6);
}

void rig_expect_nothing(struct rig *rig)
{
	assert_false(rig_receive(rig, CAT_LEFT));
	assert_false(rig_receive(rig, CAT_RIGHT));
}

uint64_t rig_count(struct rig *rig, const char *name)
{
	uint64_t value = cat_lane_local_counter(rig->local, name);
	if (value == UINT64_MAX)
		fail_msg("there is no counter %s", name);
	return value;
}

void rig_expect_count(struct rig *rig, const char *name, uint64_t value)
{
	if (rig_count(rig, name) != value)
		fail_msg("%s is %lu, expected %lu", name, rig_count(rig, name), value);
}

void rig_answer_arp(struct rig *rig, enum cat_side side, const uint8_t mac[6])
{
	uint16_t operation;
	char sender[46], target[46];
	uint8_t frame[TEST_PACKET_MAX];
	assert_true(test_packet_read_arp(rig->frame, rig->length, &operation, sender, target));
	assert_int_equal(operation, 1);
	uint32_t n = test_packet_make_arp(rig_mac[side], mac, 2, target, rig_mac[side], sender, frame);
	rig_send_frame(rig, side, frame, n);
}

uint32_t rig_make_nd(uint8_t *ret_frame, const uint8_t to_mac[6], const uint8_t from_mac[6], const char *src,
		     const char *dst, uint8_t type, uint8_t flags, const char *target, uint8_t option)
{
	uint8_t body[24] = {0};
	inet_pton(AF_INET6, target, body);
	body[16] = option;
	body[17] = 1;
	memcpy(body + 18, from_mac, 6);
	struct test_packet p = {.protocol = 58, .type = type, .id = (uint16_t)(flags << 8), .ttl = 255};
	memcpy(p.to_mac, to_mac, 6);
	memcpy(p.from_mac, from_mac, 6);
	strcpy(p.src, src);
	strcpy(p.dst, dst);
	p.payload = body;
	p.payload_size = option ? 24 : 16;
	return test_packet_make(&p, ret_frame);
}

void rig_meet(struct rig *rig)
{
	static const char *const host4[] = {"10.0.0.2", "192.0.2.2"}, *const own4[] = {"10.0.0.1", "192.0.2.1"};
	static const char *const host6[] = {"2001:db8:1::2", "2001:db8:2::2"};
	static const char *const own6[] = {"2001:db8:1::1", "2001:db8:2::1"};
	static const uint8_t zero[6];
	uint8_t frame[TEST_PACKET_MAX];
	for (unsigned s = 0; s < CAT_SIDES; s++) {
		enum cat_side side = (enum cat_side)s;
		uint32_t n = test_packet_make_arp(rig_broadcast, rig_host[s], 1, host4[s], zero, own4[s], frame);
		rig_send_frame(rig, side, frame, n);
		assert_true(rig_receive(rig, side));
		n = rig_make_nd(frame, rig_mac[s], rig_host[s], host6[s], own6[s], 135, 0, own6[s], 1);
		rig_send_frame(rig, side, frame, n);
		rig_expect(rig, side);
	}
	rig_expect_nothing(rig);
}
