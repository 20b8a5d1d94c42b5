// SPDX-License-Identifier: BSD-3-Clause
// A router in private memory with a host on either side, for the router's tests.
#ifndef RIG_H
#define RIG_H

#include "test.h"

#include "cat_lane_local.h"
#include "cat_router.h"
#include "packets.h"

#define RIG_LEFT_MAC                                                                                                   \
	{                                                                                                              \
		0x02, 0, 0, 0, 0, 0x0a                                                                                 \
	}
#define RIG_RIGHT_MAC                                                                                                  \
	{                                                                                                              \
		0x02, 0, 0, 0, 0, 0x0b                                                                                 \
	}
#define RIG_SIDES                                                                                                      \
	"\"left\":{\"mac\":\"02:00:00:00:00:0a\",\"addresses\":[\"10.0.0.1/24\",\"2001:db8:1::1/64\",\"fe80::a/"       \
	"64\"]},"                                                                                                      \
	"\"right\":{\"mac\":\"02:00:00:00:00:0b\",\"addresses\":[\"192.0.2.1/24\",\"2001:db8:2::1/64\",\"fe80::b/"     \
	"64\"]}"
// Hosts: 10.0.0.2 and 2001:db8:1::2 on the left, 192.0.2.2 and 2001:db8:2::2 on the right.
#define RIG_CONFIG "{" RIG_SIDES "}"

struct rig {
	struct cat_lane_local *local;
	uint8_t frame[TEST_PACKET_MAX]; // the last one received
	uint32_t length;
	struct test_packet packet; // the same, read
};

extern const uint8_t rig_mac[CAT_SIDES][6];  // the router's
extern const uint8_t rig_host[CAT_SIDES][6]; // the hosts'
extern const uint8_t rig_broadcast[6];

// Starts, and takes away what the router announces.
void rig_start(struct rig *rig, const char *config, const struct cat_lane_local_options *options);
// All packets are accounted for, then the end.
void rig_stop(struct rig *rig);
// The hosts on both sides are known to the router, so that packets to them leave at once.
void rig_meet(struct rig *rig);
void rig_send_frame(struct rig *rig, enum cat_side from, const void *frame, uint32_t length);
// Fills in MACs that are zero: from the side's host to the router. Returns the frame's length.
uint32_t rig_make(struct test_packet p, enum cat_side from, uint8_t *ret_frame);
void rig_send(struct rig *rig, enum cat_side from, const struct test_packet *p);
// The next frame that left on that side, into rig->frame. False: none.
bool rig_receive(struct rig *rig, enum cat_side side);
// The same; it must be IP with right checksums.
void rig_expect(struct rig *rig, enum cat_side side);
void rig_expect_nothing(struct rig *rig);
uint64_t rig_count(struct rig *rig, const char *name);
void rig_expect_count(struct rig *rig, const char *name, uint64_t value);
// Answers the router's ARP request in rig->frame as `mac`.
void rig_answer_arp(struct rig *rig, enum cat_side side, const uint8_t mac[6]);
// A neighbour solicitation or advertisement with all its checksums; option: with from_mac, 0: none. Returns its length.
uint32_t rig_make_nd(uint8_t *ret_frame, const uint8_t to_mac[6], const uint8_t from_mac[6], const char *src,
		     const char *dst, uint8_t type, uint8_t flags, const char *target, uint8_t option);

#endif
