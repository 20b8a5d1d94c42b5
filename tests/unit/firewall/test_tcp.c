// SPDX-License-Identifier: BSD-3-Clause
// TCP through the firewall: every case is a conversation, segment by segment, with what becomes of each.
#include <string.h>

#include "cat_cleanup.h"
#include "fixture.h"

#define FIN TEST_PACKET_FIN
#define SYN TEST_PACKET_SYN
#define RST TEST_PACKET_RST
#define PSH TEST_PACKET_PSH
#define ACK TEST_PACKET_ACK
#define URG 0x20

#define PASS "pass"
#define NONE "drop.tcp_no_connection"
#define INVALID "drop.tcp_invalid"
#define WINDOW "drop.tcp_window"
#define DEFAULT "drop.default"

struct step {
	struct segment s;
	const char *outcome;
	uint32_t wait_s; // before it
};

struct conversation {
	const char *name;
	struct step step[24];
};

// Left begins at 1000, right at 5000.
#define OPEN                                                                                                           \
	{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0}, {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0},            \
	{                                                                                                              \
		{LEFT, ACK, 1001, 5001, 0, 8000, 0}, PASS, 0                                                           \
	}

static const struct conversation conversations[] = {
	{"no SYN",
	 {{{LEFT, ACK, 1, 1, 0, 100, 0}, NONE, 0},
	  {{LEFT, SYN | ACK, 1, 1, 0, 100, 0}, NONE, 0},
	  {{LEFT, RST, 1, 0, 0, 100, 0}, NONE, 0},
	  {{LEFT, FIN | ACK, 1, 1, 0, 100, 0}, NONE, 0},
	  {{RIGHT, ACK, 1, 1, 0, 100, 0}, NONE, 0}}},
	{"flags that make no sense",
	 {{{LEFT, 0, 1, 0, 0, 100, 0}, INVALID, 0},
	  {{LEFT, SYN | FIN, 1, 0, 0, 100, 0}, INVALID, 0},
	  {{LEFT, SYN | RST, 1, 0, 0, 100, 0}, INVALID, 0},
	  {{LEFT, FIN, 1, 0, 0, 100, 0}, INVALID, 0},
	  {{LEFT, FIN | PSH | URG, 1, 0, 0, 100, 0}, INVALID, 0},
	  {{LEFT, RST | FIN | ACK, 1, 0, 0, 100, 0}, INVALID, 0},
	  {{LEFT, 0x3f, 1, 0, 0, 100, 0}, INVALID, 0},
	  {{LEFT, PSH, 1, 0, 0, 100, 0}, INVALID, 0},
	  OPEN,
	  {{LEFT, FIN | PSH | URG, 1001, 5001, 0, 100, 0}, INVALID, 0},
	  {{LEFT, SYN | FIN | ACK, 1001, 5001, 0, 100, 0}, INVALID, 0}}},
	{"a SYN that no rule accepts", {{{RIGHT, SYN, 1, 0, 0, 100, 0}, DEFAULT, 0}}},
	{"open, data, orderly end",
	 {OPEN,
	  {{LEFT, PSH | ACK, 1001, 5001, 500, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5001, 1501, 1000, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1501, 6001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, FIN | ACK, 1501, 6001, 0, 8000, 0}, PASS, 0},
	  // The other direction stays open, for longer than a transitory timeout if it is used.
	  {{RIGHT, ACK, 6001, 1502, 1000, 8000, 0}, PASS, 200},
	  {{LEFT, ACK, 1502, 7001, 0, 8000, 0}, PASS, 200},
	  {{RIGHT, FIN | ACK, 7001, 1502, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1502, 7002, 0, 8000, 0}, PASS, 0},
	  // TIME_WAIT: sent again, then over.
	  {{RIGHT, FIN | ACK, 7001, 1502, 0, 8000, 0}, PASS, 100},
	  {{LEFT, ACK, 1502, 7002, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1502, 7002, 0, 8000, 0}, NONE, 141}}},
	{"both ends close at once",
	 {OPEN,
	  {{LEFT, FIN | ACK, 1001, 5001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, FIN | ACK, 5001, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1002, 5002, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5002, 1002, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5002, 1002, 0, 8000, 0}, NONE, 241}}},
	{"data behind a FIN",
	 {OPEN,
	  {{LEFT, FIN | ACK, 1001, 5001, 10, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001, 5001, 10, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1012, 5001, 10, 8000, 0}, WINDOW, 0}}},
	{"an answer to another SYN",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1000, 0, 8000, 0}, INVALID, 0},
	  {{RIGHT, SYN | ACK, 5000, 1002, 0, 8000, 0}, INVALID, 0},
	  {{LEFT, SYN | ACK, 5000, 1001, 0, 8000, 0}, INVALID, 0},
	  {{RIGHT, ACK, 5000, 1001, 10, 8000, 0}, INVALID, 0},
	  {{LEFT, ACK, 1001, 5001, 0, 8000, 0}, INVALID, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0}}},
	{"a SYN sent again, with another number too",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 1},
	  {{LEFT, SYN, 9000, 0, 0, 8000, 0}, PASS, 1},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, INVALID, 0},
	  {{RIGHT, SYN | ACK, 5000, 9001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 9001, 5001, 0, 8000, 0}, PASS, 0}}},
	{"a server with SYN cookies",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 1},
	  {{RIGHT, SYN | ACK, 7777, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001, 7778, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 100000, 1001, 0, 8000, 0}, WINDOW, 0}}},
	{"a SYN with data (fast open)",
	 {{{LEFT, SYN, 1000, 0, 100, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1102, 0, 8000, 0}, INVALID, 0},
	  {{RIGHT, SYN | ACK, 5000, 1101, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1101, 5001, 0, 8000, 0}, PASS, 0}}},
	{"its data not accepted",
	 {{{LEFT, SYN, 1000, 0, 100, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001, 5001, 100, 8000, 0}, PASS, 0}}},
	{"simultaneous open",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN, 5000, 0, 0, 8000, 0}, PASS, 0},
	  {{LEFT, SYN | ACK, 1000, 5001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001, 5001, 100, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5001, 1101, 100, 8000, 0}, PASS, 300}}},
	{"simultaneous open, one answer lost",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN, 5000, 0, 0, 8000, 0}, PASS, 0},
	  {{LEFT, SYN | ACK, 1000, 5001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5001, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001, 5001, 100, 8000, 0}, PASS, 300}}},
	{"refused by the peer",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, RST, 0, 0, 0, 0, 0}, INVALID, 0},
	  {{RIGHT, RST | ACK, 0, 999, 0, 0, 0}, INVALID, 0},
	  {{RIGHT, RST | ACK, 0, 1001, 0, 0, 0}, PASS, 0},
	  {{LEFT, SYN, 3000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 3001, 0, 8000, 0}, PASS, 0}}},
	{"the peer holds an old connection",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 77000, 88000, 0, 8000, 0}, PASS, 0},
	  {{LEFT, RST, 88000, 0, 0, 0, 0}, PASS, 0},
	  {{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 1},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0}}},
	{"sequence numbers out of the window",
	 {OPEN,
	  {{LEFT, ACK, 9002, 5001, 10, 8000, 0}, WINDOW, 0}, // I: begins beyond 1001 + 8000
	  {{LEFT, ACK, 9001, 5001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5001, 20000, 0, 8000, 0}, WINDOW, 0},       // III: never sent
	  {{RIGHT, ACK, 5001 - 8001, 1001, 0, 8000, 0}, WINDOW, 0}, // II: older than a window
	  {{RIGHT, ACK, 5001 - 8000, 1001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5001, 1001 - 70000u, 0, 8000, 0}, WINDOW, 0}, // IV
	  {{RIGHT, ACK, 5001, 1001, 10, 8000, 0}, PASS, 0}}},
	{"a window that closes, and its probe",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 1000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001, 5001, 1000, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5001, 2001, 0, 0, 0}, PASS, 0},
	  {{LEFT, ACK, 2001, 5001, 1, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 2003, 5001, 1, 8000, 0}, WINDOW, 0},
	  {{RIGHT, ACK, 5001, 2002, 0, 0, 0}, PASS, 0},
	  {{LEFT, ACK, 2003, 5001, 1, 8000, 0}, PASS, 0}}},
	{"scaled windows",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 8}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 4}, PASS, 0},
	  // Not in a SYN's own window.
	  {{LEFT, ACK, 9002, 5001, 10, 8000, 0}, WINDOW, 0},
	  {{LEFT, ACK, 1001, 5001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5001, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001 + 64000, 5001, 10, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001 + 64001, 5001, 10, 8000, 0}, WINDOW, 0},
	  {{RIGHT, ACK, 5001 + 1024000, 1001, 10, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5001 + 1024001, 1001, 10, 8000, 0}, WINDOW, 0}}},
	{"scaling that one end does not know",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 8}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001, 5001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 13002, 1001, 10, 8000, 0}, WINDOW, 0},
	  {{RIGHT, ACK, 13001, 1001, 10, 8000, 0}, PASS, 0}}},
	{"numbers that wrap",
	 {{{LEFT, SYN, 0xfffffff0, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 0xffffffff, 0xfffffff1, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 0xfffffff1, 0, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 0xfffffff1, 0, 100, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 0, 85, 100, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 85, 100, 0, 8000, 0}, PASS, 0}}},
	{"a reset with the expected number ends it",
	 {OPEN,
	  {{RIGHT, RST, 5001, 0, 0, 0, 0}, PASS, 0},
	  {{LEFT, SYN, 70000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 70001, 0, 8000, 0}, PASS, 0}}},
	{"a reset out of the window",
	 {OPEN,
	  {{RIGHT, RST, 4000, 0, 0, 0, 0}, WINDOW, 0},
	  {{RIGHT, RST, 13002, 0, 0, 0, 0}, WINDOW, 0},
	  {{LEFT, ACK, 1001, 5001, 10, 8000, 0}, PASS, 300}}},
	{"a reset within the window is the peer's to challenge (RFC 5961)",
	 {OPEN, {{RIGHT, RST, 6000, 0, 0, 0, 0}, PASS, 0}, {{LEFT, ACK, 1001, 5001, 10, 8000, 0}, PASS, 300}}},
	{"resets for data that was under way when its receiver closed",
	 {OPEN,
	  {{RIGHT, ACK, 5001, 1001, 1000, 8000, 0}, PASS, 0},
	  {{LEFT, FIN | ACK, 1001, 6001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 6001, 1001, 1000, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 7001, 1002, 1000, 8000, 0}, PASS, 0},
	  {{LEFT, RST, 1001, 0, 0, 0, 0}, PASS, 0},
	  {{LEFT, RST, 1002 - 8001, 0, 0, 0, 0}, WINDOW, 0},
	  {{LEFT, RST, 1002, 0, 0, 0, 0}, PASS, 0},
	  {{LEFT, RST, 1001, 0, 0, 0, 0}, PASS, 0},
	  {{LEFT, RST, 1002 - 8001, 0, 0, 0, 0}, WINDOW, 0}}},
	{"a reset ends half-open connections",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, RST, 1001, 0, 0, 0, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, NONE, 11}}},
	{"a SYN within a connection is the peer's to challenge (RFC 5961)",
	 {OPEN,
	  {{RIGHT, SYN, 5050, 0, 0, 8000, 0}, PASS, 0},
	  {{LEFT, SYN, 99, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, ACK, 5001, 1001, 10, 8000, 0}, PASS, 300}}},
	{"a SYN after TIME_WAIT began",
	 {OPEN,
	  {{LEFT, FIN | ACK, 1001, 5001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, FIN | ACK, 5001, 1002, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1002, 5002, 0, 8000, 0}, PASS, 0},
	  {{LEFT, SYN, 900, 0, 0, 8000, 0}, PASS, 0}, // old: for the peer to answer
	  {{RIGHT, SYN | ACK, 9000, 901, 0, 8000, 0}, WINDOW, 0},
	  {{LEFT, SYN, 2000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 9000, 2001, 0, 8000, 0}, PASS, 0}}},
	{"opened anew from the side that may not",
	 {OPEN,
	  {{LEFT, FIN | ACK, 1001, 5001, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, FIN | ACK, 5001, 1002, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1002, 5002, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN, 9000, 0, 0, 8000, 0}, DEFAULT, 0}}},
	{"the SYN with ACK sent again",
	 {OPEN,
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001, 5001, 10, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 0},
	  {{LEFT, ACK, 1001, 5001, 10, 8000, 0}, PASS, 300}}},
	{"half open, timed out",
	 {{{LEFT, SYN, 1000, 0, 0, 8000, 0}, PASS, 0},
	  {{RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0}, PASS, 239},
	  {{LEFT, ACK, 1001, 5001, 0, 8000, 0}, NONE, 241}}},
	{"established, kept for 2 h 4 min (RFC 5382)",
	 {OPEN,
	  {{LEFT, ACK, 1001, 5001, 10, 8000, 0}, PASS, 7439},
	  {{LEFT, ACK, 1011, 5001, 10, 8000, 0}, PASS, 7439},
	  {{LEFT, ACK, 1021, 5001, 10, 8000, 0}, NONE, 7441}}},
};

static void run(const struct conversation *c)
{
	struct cat_lane_local *fw = firewall(OUT_ONLY);
	for (unsigned i = 0; i < CAT_ARRAY_LEN(c->step) && c->step[i].outcome; i++) {
		const struct step *step = &c->step[i];
		if (step->wait_s)
			cat_lane_local_advance(fw, step->wait_s * UINT64_C(1000000));
		const char *outcome = send_segment(fw, &step->s);
		if (strcmp(outcome, step->outcome) != 0)
			fail_msg("%s: segment %u: %s, expected %s", c->name, i, outcome, step->outcome);
	}
	finish(fw);
}

static void follows_conversations(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CAT_ARRAY_LEN(conversations); i++)
		run(&conversations[i]);
}

static void counts_states(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(OUT_ONLY);
	const struct step open[] = {OPEN};
	const uint64_t half_open[] = {1, 1, 0};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(open); i++) {
		assert_string_equal(send_segment(fw, &open[i].s), PASS);
		assert_int_equal(cat_lane_local_counter(fw, "gauge.half_open"), half_open[i]);
		assert_int_equal(cat_lane_local_counter(fw, "gauge.connections"), 1);
	}
	assert_int_equal(cat_lane_local_counter(fw, "connections.opened"), 1);
	const struct segment rst = {LEFT, RST, 1001, 0, 0, 0, 0};
	assert_string_equal(send_segment(fw, &rst), PASS);
	assert_int_equal(cat_lane_local_counter(fw, "connections.reset"), 1);
	cat_lane_local_advance(fw, 11000000);
	assert_int_equal(cat_lane_local_counter(fw, "connections.expired"), 1);
	assert_int_equal(cat_lane_local_counter(fw, "gauge.connections"), 0);
	finish(fw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_conversations),
		cmocka_unit_test(counts_states),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
