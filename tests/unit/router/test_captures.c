// SPDX-License-Identifier: BSD-3-Clause
// Every packet of the captures through the router: as it is, and addressed to the router's MAC, from both sides. No
// crash, and every packet is forwarded, answered or counted under a reason.
#include "rig.h"

#include <stdio.h>
#include <string.h>

#include "captures.h"

#define FRAME_MAX 1900u

static uint64_t accounted(struct rig *rig)
{
	static const char *const common[] = {"consumed", "drop.torn", "drop.bad_descriptor", "drop.malformed",
					     "drop.fragment"};
	uint64_t sum =
		rig_count(rig, "left.tx_packets") + rig_count(rig, "right.tx_packets") - rig_count(rig, "supply_used");
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		sum += rig_count(rig, common[i]);
	for (const char *const *name = cat_router_ops.counters; *name; name++)
		if (strncmp(*name, "drop.", 5) == 0)
			sum += rig_count(rig, *name);
	return sum;
}

static void send_frame(struct rig *rig, enum cat_side side, const uint8_t *frame, uint32_t length)
{
	rig_send_frame(rig, side, frame, length);
	while (rig_receive(rig, CAT_LEFT) || rig_receive(rig, CAT_RIGHT))
		;
}

static void through(void *user, const uint8_t *frame, uint32_t length)
{
	struct rig *rig = user;
	uint8_t copy[FRAME_MAX];
	length = length < FRAME_MAX ? length : FRAME_MAX;
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		send_frame(rig, (enum cat_side)side, frame, length);
		if (length < 14)
			continue;
		memcpy(copy, frame, length);
		memcpy(copy, rig_mac[side], 6);
		send_frame(rig, (enum cat_side)side, copy, length);
		// Captures of IP without Ethernet become frames.
		if (length + 14 > FRAME_MAX || (frame[0] >> 4 != 4 && frame[0] >> 4 != 6))
			continue;
		memcpy(copy + 6, rig_host[side], 6);
		memcpy(copy + 12, frame[0] >> 4 == 4 ? "\x08\x00" : "\x86\xdd", 2);
		memcpy(copy + 14, frame, length);
		send_frame(rig, (enum cat_side)side, copy, length + 14);
	}
	cat_lane_local_advance(rig->local, 5000);
	while (rig_receive(rig, CAT_LEFT) || rig_receive(rig, CAT_RIGHT))
		;
	assert_int_equal(cat_lane_local_missing(rig->local), 0);
	uint64_t received = rig_count(rig, "left.rx_packets") + rig_count(rig, "right.rx_packets");
	if (accounted(rig) != received)
		fail_msg("%lu packets came, %lu are accounted for", received, accounted(rig));
}

static void survives_captures(void **state)
{
	(void)state;
	struct rig rig;
	rig_start(&rig,
		  "{" RIG_SIDES ",\"routes\":[{\"prefix\":\"0.0.0.0/0\",\"via\":\"192.0.2.2\"},"
		  "{\"prefix\":\"128.0.0.0/1\",\"via\":\"10.0.0.2\"},{\"prefix\":\"::/0\",\"via\":\"2001:db8:2::2\"},"
		  "{\"prefix\":\"2001::/16\",\"via\":\"2001:db8:1::2\"},{\"prefix\":\"192.168.0.0/"
		  "16\",\"dev\":\"left\"}]}",
		  NULL);
	rig_meet(&rig);
	int count = captures_each(through, &rig);
	if (count < 0) {
		print_message("no captures here\n");
		rig_stop(&rig);
		skip();
	}
	print_message("%d packets, %lu IPv4 and %lu IPv6 routed\n", count, rig_count(&rig, "ipv4.routed"),
		      rig_count(&rig, "ipv6.routed"));
	assert_true(count > 0);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(survives_captures)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
