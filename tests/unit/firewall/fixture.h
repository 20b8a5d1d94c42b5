// SPDX-License-Identifier: BSD-3-Clause
// A firewall in the library form, and what it does to single packets.
#ifndef FIREWALL_FIXTURE_H
#define FIREWALL_FIXTURE_H

#include "cat_firewall.h"
#include "cat_lane_local.h"
#include "packets.h"
#include "test.h"

#define LEFT CAT_LEFT
#define RIGHT CAT_RIGHT

// Hosts on either side.
#define HOST "10.0.0.1"
#define PEER "203.0.113.9"
#define HOST6 "2001:db8:1::1"
#define PEER6 "2001:db8:2::9"

// Lets out what comes from the left, and nothing in.
#define OUT_ONLY "{\"rules\": [{\"name\": \"out\", \"from\": \"left\", \"action\": \"accept\"}]}"

// Ends the test with the message if there is no such configuration.
struct cat_lane_local *firewall(const char *config);
struct cat_lane_local *firewall_with(const char *config, const struct cat_lane_local_options *options);
void reconfigure(struct cat_lane_local *fw, const char *config);
// Every buffer is accounted for.
void finish(struct cat_lane_local *fw);

// Sends one frame and says what became of it: "pass" (it left on the other side, byte for byte), the name of the drop
// reason that was counted, or what went wrong.
const char *send_frame(struct cat_lane_local *fw, enum cat_side from, const uint8_t *frame, uint32_t length);
const char *send_packet(struct cat_lane_local *fw, enum cat_side from, const struct test_packet *p);
// Sends, and expects that.
void expect(struct cat_lane_local *fw, enum cat_side from, const struct test_packet *p, const char *outcome);

struct segment {
	enum cat_side from;
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t size, win;
	int8_t scale; // window scale option; 0: none, else the shift plus 1
};
// A TCP segment between HOST:1000 on the left and PEER:80 on the right.
uint32_t make_segment(const struct segment *s, uint8_t *ret_frame);
const char *send_segment(struct cat_lane_local *fw, const struct segment *s);

// Packets between HOST (or HOST6) and PEER: from the host (out) or to it. udp: to and from port 53.
struct test_packet udp_packet(bool out, uint16_t sport);
struct test_packet udp6_packet(bool out, uint16_t sport);
struct test_packet icmp_packet(bool out, uint8_t type, uint16_t id);
struct test_packet icmp6_packet(bool out, uint8_t type, uint16_t id);
void advance_s(struct cat_lane_local *fw, uint32_t seconds);

// An ICMP error about `frame`, quoting `quoted` bytes of its IP packet, from `router` to the frame's source.
uint32_t make_error(const uint8_t *frame, uint32_t length, uint32_t quoted, uint8_t type, uint8_t code,
		    const char *router, uint8_t *ret_frame);

// Directory of test data (CATENA_TEST_DATA, else beside the source), or NULL.
const char *data_path(const char *name, char *text, size_t size);

#endif
