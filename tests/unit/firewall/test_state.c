// SPDX-License-Identifier: BSD-3-Clause
// Connections other than TCP's states: UDP, ICMP queries, related errors, timeouts, the table's limit, new
// configurations, and successors.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "fixture.h"

static void answers_pass_and_nothing_else(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(OUT_ONLY);
	struct test_packet ask[] = {udp_packet(true, 1000),
				    udp6_packet(true, 1000),
				    icmp_packet(true, 8, 7),
				    icmp_packet(true, 13, 7),
				    icmp6_packet(true, 128, 7),
				    icmp_packet(true, 8, 0),
				    {.protocol = 47, .src = HOST, .dst = PEER, .payload_size = 20}};
	struct test_packet answer[] = {udp_packet(false, 1000),
				       udp6_packet(false, 1000),
				       icmp_packet(false, 0, 7),
				       icmp_packet(false, 14, 7),
				       icmp6_packet(false, 129, 7),
				       icmp_packet(false, 0, 0),
				       {.protocol = 47, .src = PEER, .dst = HOST, .payload_size = 20}};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(ask); i++) {
		bool is_icmp = ask[i].protocol == 1 || ask[i].protocol == 58;
		expect(fw, RIGHT, &answer[i], is_icmp ? "drop.icmp_no_connection" : "drop.default");
		expect(fw, LEFT, &ask[i], "pass");
		// The right answer from the wrong side.
		if (is_icmp)
			expect(fw, LEFT, &answer[i], "drop.icmp_no_connection");
		expect(fw, RIGHT, &answer[i], "pass");
	}
	assert_int_equal(cat_lane_local_counter(fw, "gauge.connections"), CAT_ARRAY_LEN(ask));
	struct test_packet other = udp_packet(false, 1001);
	expect(fw, RIGHT, &other, "drop.default");
	// A query of the peer's own does not pass for an answer, whatever its identifier.
	for (unsigned id = 0; id < 14; id += 7) {
		struct test_packet query = icmp_packet(false, 8, (uint16_t)id);
		expect(fw, RIGHT, &query, "drop.default");
	}
	struct test_packet stamp = icmp_packet(false, 14, 0);
	expect(fw, RIGHT, &stamp, "drop.icmp_no_connection");
	finish(fw);
}

static void forgets_in_time(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(OUT_ONLY);
	struct test_packet out = udp_packet(true, 1), in = udp_packet(false, 1), ping = icmp_packet(true, 8, 1),
			   pong = icmp_packet(false, 0, 1);
	expect(fw, LEFT, &out, "pass");
	advance_s(fw, 119);
	expect(fw, RIGHT, &in, "pass");
	// Answered: five minutes, from either direction.
	advance_s(fw, 299);
	expect(fw, RIGHT, &in, "pass");
	advance_s(fw, 299);
	expect(fw, LEFT, &out, "pass");
	advance_s(fw, 301);
	expect(fw, RIGHT, &in, "drop.default");
	expect(fw, LEFT, &out, "pass");
	advance_s(fw, 121);
	expect(fw, RIGHT, &in, "drop.default");
	expect(fw, LEFT, &ping, "pass");
	advance_s(fw, 59);
	expect(fw, RIGHT, &pong, "pass");
	advance_s(fw, 61);
	expect(fw, RIGHT, &pong, "drop.icmp_no_connection");
	assert_int_equal(cat_lane_local_counter(fw, "gauge.connections"), 0);
	assert_int_equal(cat_lane_local_counter(fw, "gauge.half_open"), 0);
	assert_int_equal(cat_lane_local_counter(fw, "connections.expired"), 3);
	finish(fw);
}

static void passes_related_errors(void **state)
{
	(void)state;
	static const struct {
		uint8_t type, code;
		uint32_t quoted;
		const char *outcome;
	} errors[] = {
		{3, 1, 28, "pass"},
		{3, 4, 548, "pass"},
		{11, 0, 28, "pass"},
		{12, 0, 28, "pass"},
		{3, 1, 27, "drop.icmp_unrelated"}, // ports cut off
		{3, 1, 0, "drop.icmp_unrelated"},
		{9, 0, 28, "drop.default"}, // not an error
	};
	struct cat_lane_local *fw = firewall(OUT_ONLY);
	struct test_packet out = udp_packet(true, 1000), other = udp_packet(true, 1001);
	uint8_t frame[TEST_PACKET_MAX], unknown[TEST_PACKET_MAX], error[TEST_PACKET_MAX];
	uint32_t length = test_packet_make(&out, frame), unknown_length = test_packet_make(&other, unknown);
	assert_string_equal(send_frame(fw, LEFT, frame, length), "pass");
	for (unsigned i = 0; i < CAT_ARRAY_LEN(errors); i++) {
		uint32_t n =
			make_error(frame, length, errors[i].quoted, errors[i].type, errors[i].code, "192.0.2.1", error);
		assert_string_equal(send_frame(fw, RIGHT, error, n), errors[i].outcome);
		n = make_error(unknown, unknown_length, errors[i].quoted, errors[i].type, errors[i].code, "192.0.2.1",
			       error);
		assert_string_equal(send_frame(fw, RIGHT, error, n),
				    errors[i].type == 9 ? "drop.default" : "drop.icmp_unrelated");
	}
	// From the side to which the quoted packet never went.
	uint32_t n = make_error(frame, length, 28, 3, 1, "192.0.2.1", error);
	assert_string_equal(send_frame(fw, LEFT, error, n), "drop.icmp_unrelated");
	// About a fragment that is not the first: what stands where ports would be is data.
	error[49] = 1;
	assert_string_equal(send_frame(fw, RIGHT, error, n), "drop.icmp_unrelated");
	error[49] = 0;
	assert_string_equal(send_frame(fw, RIGHT, error, n), "pass");
	// To somebody else than its sender.
	error[33] ^= 1;
	assert_string_equal(send_frame(fw, RIGHT, error, n), "drop.icmp_unrelated");
	assert_int_equal(cat_lane_local_counter(fw, "passed.related"), 5);
	finish(fw);
}

static void passes_related_errors6(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(OUT_ONLY);
	struct test_packet out[] = {udp6_packet(true, 1000), icmp6_packet(true, 128, 5)};
	uint8_t frame[TEST_PACKET_MAX], error[TEST_PACKET_MAX];
	for (unsigned i = 0; i < CAT_ARRAY_LEN(out); i++) {
		uint32_t length = test_packet_make(&out[i], frame);
		for (uint8_t type = 1; type <= 4; type++) {
			uint32_t n = make_error(frame, length, 48, type, 0, PEER6, error);
			assert_string_equal(send_frame(fw, RIGHT, error, n), "drop.icmp_unrelated");
		}
		assert_string_equal(send_frame(fw, LEFT, frame, length), "pass");
		for (uint8_t type = 1; type <= 4; type++) {
			uint32_t n = make_error(frame, length, 48, type, 0, "2001:db8::1", error);
			assert_string_equal(send_frame(fw, RIGHT, error, n), "pass");
			n = make_error(frame, length, 47, type, 0, "2001:db8::1", error);
			assert_string_equal(send_frame(fw, RIGHT, error, n), "drop.icmp_unrelated");
		}
	}
	finish(fw);
}

// An error about a TCP connection must quote what can have been sent (RFC 5927, section 4.1).
static void checks_the_quoted_sequence_number(void **state)
{
	(void)state;
	static const struct segment open[] = {{LEFT, 2, 1000, 0, 0, 8000, 0},
					      {RIGHT, 18, 5000, 1001, 0, 8000, 0},
					      {LEFT, 16, 1001, 5001, 500, 8000, 0}};
	static const struct {
		uint32_t seq;
		const char *outcome;
	} quotes[] = {
		{1001, "pass"}, {1501, "pass"}, {1502, "drop.icmp_unrelated"}, {1501 - 8001, "drop.icmp_unrelated"}};
	struct cat_lane_local *fw = firewall(OUT_ONLY);
	for (unsigned i = 0; i < CAT_ARRAY_LEN(open); i++)
		assert_string_equal(send_segment(fw, &open[i]), "pass");
	for (unsigned i = 0; i < CAT_ARRAY_LEN(quotes); i++) {
		uint8_t frame[TEST_PACKET_MAX], error[TEST_PACKET_MAX];
		struct segment s = {LEFT, 16, quotes[i].seq, 5001, 0, 8000, 0};
		uint32_t length = make_segment(&s, frame);
		length = make_error(frame, length, 28, 3, 3, "192.0.2.1", error);
		assert_string_equal(send_frame(fw, RIGHT, error, length), quotes[i].outcome);
	}
	// It changes nothing.
	assert_string_equal(send_segment(fw, &open[2]), "pass");
	finish(fw);
}

#define LIMITED "{\"max_connections\": 4, \"rules\": [{\"name\": \"out\", \"from\": \"left\", \"action\": \"accept\"}]}"

static void evicts_the_oldest_half_open(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(LIMITED);
	struct test_packet out[6], in[6];
	for (uint16_t i = 0; i < 6; i++) {
		out[i] = udp_packet(true, (uint16_t)(100 + i));
		in[i] = udp_packet(false, (uint16_t)(100 + i));
	}
	for (unsigned i = 0; i < 4; i++)
		expect(fw, LEFT, &out[i], "pass");
	expect(fw, RIGHT, &in[0], "pass"); // answered: not half open any more
	expect(fw, LEFT, &out[4], "pass");
	assert_int_equal(cat_lane_local_counter(fw, "connections.evicted"), 1);
	expect(fw, RIGHT, &in[1], "drop.default"); // the oldest of the half open
	expect(fw, RIGHT, &in[0], "pass");
	for (unsigned i = 2; i < 5; i++)
		expect(fw, RIGHT, &in[i], "pass");
	// Now all are answered.
	expect(fw, LEFT, &out[5], "drop.table_full");
	assert_int_equal(cat_lane_local_counter(fw, "gauge.connections"), 4);
	advance_s(fw, 301);
	expect(fw, LEFT, &out[5], "pass");
	finish(fw);
}

static void evicts_the_ended(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall("{\"max_connections\": 1, \"default\": \"accept\"}");
	static const struct segment segments[] = {{LEFT, 2, 1000, 0, 0, 8000, 0},
						  {RIGHT, 18, 5000, 1001, 0, 8000, 0},
						  {LEFT, 16, 1001, 5001, 0, 8000, 0},
						  {LEFT, 4, 1001, 0, 0, 0, 0}};
	struct test_packet p = udp_packet(true, 9);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(send_segment(fw, &segments[i]), "pass");
	expect(fw, LEFT, &p, "drop.table_full");
	assert_string_equal(send_segment(fw, &segments[3]), "pass");
	expect(fw, LEFT, &p, "pass");
	finish(fw);
}

// A flood of SYNs may take all the room that nobody uses, and no more.
static void established_outlive_a_flood(void **state)
{
	(void)state;
	const struct cat_lane_local_options options = {.state_bytes = 1 << 20};
	struct cat_lane_local *fw = firewall_with("{\"default\": \"accept\"}", &options);
	struct test_packet out = udp_packet(true, 9), in = udp_packet(false, 9);
	expect(fw, LEFT, &out, "pass");
	expect(fw, RIGHT, &in, "pass");
	uint64_t capacity = cat_lane_local_counter(fw, "gauge.connections_max");
	assert_in_range(capacity, 4000, 9000);
	for (uint32_t i = 0; i < 3 * capacity; i++) {
		struct test_packet syn = {
			.protocol = 6, .tcp_flags = TEST_PACKET_SYN, .sport = 1, .dport = 80, .dst = HOST};
		snprintf(syn.src, sizeof(syn.src), "198.18.%u.%u", i >> 8 & 255, i & 255);
		syn.sport = (uint16_t)(1000 + (i >> 16));
		expect(fw, RIGHT, &syn, "pass");
	}
	expect(fw, RIGHT, &in, "pass");
	expect(fw, LEFT, &out, "pass");
	assert_int_equal(cat_lane_local_counter(fw, "gauge.connections"), capacity);
	assert_int_equal(cat_lane_local_counter(fw, "connections.evicted"), 2 * capacity + 1);
	finish(fw);
}

static void takes_new_rules_without_a_break(void **state)
{
	(void)state;
	struct cat_err err = {0};
	struct cat_lane_local *fw =
		firewall("{\"rules\": [{\"name\": \"a\", \"from\": \"right\", \"action\": \"drop\"},"
			 "{\"name\": \"out\", \"from\": \"left\", \"action\": \"accept\"}]}");
	struct test_packet out = udp_packet(true, 1), in = udp_packet(false, 1), next = udp_packet(true, 2);
	expect(fw, LEFT, &out, "pass");
	expect(fw, RIGHT, &in, "pass");
	assert_int_equal(cat_lane_local_counter(fw, "rule.out"), 1);
	assert_int_equal(cat_lane_local_counter(fw, "rule.a"), 0);
	// What is wrong changes nothing.
	assert_true(cat_lane_local_configure(fw, "{\"rules\": [{\"name\": \"x\"}]}", &err) < 0);
	expect(fw, LEFT, &next, "pass");
	assert_int_equal(cat_lane_local_counter(fw, "rule.out"), 2);
	// A rule that stays keeps its count, wherever it moves to.
	reconfigure(
		fw,
		"{\"rules\": [{\"name\": \"out\", \"from\": \"left\", \"protocol\": \"tcp\", \"action\": \"accept\"},"
		"{\"name\": \"b\", \"from\": \"left\", \"protocol\": \"udp\", \"action\": \"drop\"}]}");
	assert_int_equal(cat_lane_local_counter(fw, "rule.out"), 2);
	assert_int_equal(cat_lane_local_counter(fw, "rule.a"), UINT64_MAX);
	expect(fw, LEFT, &out, "pass");
	expect(fw, RIGHT, &in, "pass");
	struct test_packet refused = udp_packet(true, 3);
	expect(fw, LEFT, &refused, "drop.rule");
	assert_int_equal(cat_lane_local_counter(fw, "rule.b"), 1);
	reconfigure(fw, NULL);
	expect(fw, RIGHT, &in, "pass");
	expect(fw, LEFT, &refused, "drop.default");
	finish(fw);
}

static void lowers_the_limit_step_by_step(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(OUT_ONLY);
	for (uint16_t i = 0; i < 20; i++) {
		struct test_packet p = udp_packet(true, i);
		expect(fw, LEFT, &p, "pass");
	}
	reconfigure(fw, LIMITED);
	for (uint16_t i = 0; i < 30; i++) {
		struct test_packet p = udp_packet(true, (uint16_t)(100 + i));
		expect(fw, LEFT, &p, "pass");
	}
	assert_int_equal(cat_lane_local_counter(fw, "gauge.connections"), 4);
	finish(fw);
}

static void successor_keeps_connections(void **state)
{
	(void)state;
	const size_t bytes = 1 << 20;
	cat_autofree void *memory = aligned_alloc(64, bytes);
	assert_non_null(memory);
	memset(memory, 0, bytes);
	const struct cat_lane_local_options options = {.state_bytes = bytes, .state = memory};
	static const struct segment open[] = {{LEFT, 2, 1000, 0, 0, 8000, 0},
					      {RIGHT, 18, 5000, 1001, 0, 8000, 0},
					      {LEFT, 16, 1001, 5001, 0, 8000, 0}};
	static const struct segment later = {RIGHT, 16, 5001, 1001, 100, 8000, 0},
				    wild = {RIGHT, 16, 99999, 1001, 0, 1, 0};
	struct cat_lane_local *first = firewall_with(OUT_ONLY, &options);
	for (unsigned i = 0; i < CAT_ARRAY_LEN(open); i++)
		assert_string_equal(send_segment(first, &open[i]), "pass");
	struct test_packet out[3] = {udp_packet(true, 1), udp_packet(true, 2), udp_packet(true, 3)}, in[3];
	for (unsigned i = 0; i < 3; i++) {
		in[i] = udp_packet(false, (uint16_t)(i + 1));
		expect(first, LEFT, &out[i], "pass");
		cat_lane_local_advance(first, 10000);
	}
	cat_lane_local_advance(first, 300000);
	expect(first, LEFT, &out[0], "pass");
	// It dies: nothing of it is tidied up. What it held is freed only after its successor has begun.
	struct cat_lane_local *second = firewall_with(LIMITED, &options);
	cat_lane_local_advance(second, 330000);
	assert_int_equal(cat_lane_local_counter(second, "gauge.connections"), 4);
	assert_int_equal(cat_lane_local_counter(second, "gauge.half_open"), 3);
	assert_string_equal(send_segment(second, &later), "pass");
	assert_string_equal(send_segment(second, &wild), "drop.tcp_window");
	// The half open are in the order of their last packets.
	struct test_packet fourth = udp_packet(true, 4);
	expect(second, LEFT, &fourth, "pass");
	expect(second, RIGHT, &in[0], "pass");
	expect(second, RIGHT, &in[1], "drop.default");
	expect(second, RIGHT, &in[2], "pass");
	finish(second);
	finish(first);
}

// Many of them, with times apart by more than 65,536 ms: the one whose last packet is the oldest goes first.
static void successor_knows_the_order(void **state)
{
	(void)state;
	enum { COUNT = 120, TOUCHES = 160 };
	const size_t bytes = 1 << 20;
	cat_autofree void *memory = aligned_alloc(64, bytes);
	assert_non_null(memory);
	memset(memory, 0, bytes);
	const struct cat_lane_local_options options = {.state_bytes = bytes, .state = memory};
	struct cat_lane_local *first =
		firewall_with("{\"default\": \"accept\", \"timeouts\": {\"udp_unreplied_s\": 900}}", &options);
	unsigned seed = 9;
	uint32_t last[COUNT];
	for (uint32_t i = 0; i < COUNT + TOUCHES; i++) {
		uint32_t n = i < COUNT ? i : (uint32_t)rand_r(&seed) % COUNT;
		struct test_packet p = udp_packet(true, (uint16_t)(n + 1));
		expect(first, LEFT, &p, "pass");
		last[n] = i;
		cat_lane_local_advance(first, 700000);
	}
	struct cat_lane_local *second = firewall_with("{\"max_connections\": 120, \"rules\": [{\"name\": \"out\", "
						      "\"from\": \"left\", \"action\": \"accept\"}]}",
						      &options);
	cat_lane_local_advance(second, (COUNT + TOUCHES) * UINT64_C(700000));
	for (uint32_t gone = 0; gone < COUNT - 1; gone++) {
		uint32_t oldest = 0;
		for (uint32_t n = 1; n < COUNT; n++) {
			if (last[n] < last[oldest])
				oldest = n;
		}
		last[oldest] = UINT32_MAX;
		struct test_packet fresh = udp_packet(true, (uint16_t)(1000 + gone)),
				   in = udp_packet(false, (uint16_t)(oldest + 1));
		expect(second, LEFT, &fresh, "pass");
		expect(second, RIGHT, &in, "drop.default");
	}
	finish(second);
	finish(first);
}

// Several packets of one new connection in one burst: the rules are asked once, the rest follows.
static void handles_a_burst_of_one_flow(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(OUT_ONLY);
	enum { COUNT = 300 };
	static uint8_t frame[COUNT][TEST_PACKET_MAX];
	const void *frames[COUNT];
	uint32_t length[COUNT];
	for (unsigned i = 0; i < COUNT; i++) {
		struct test_packet p = udp_packet(true, (uint16_t)(i / 100));
		length[i] = test_packet_make(&p, frame[i]);
		frames[i] = frame[i];
	}
	assert_int_equal(cat_lane_local_push(fw, LEFT, frames, length, COUNT), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		uint8_t out[TEST_PACKET_MAX];
		assert_int_equal(cat_lane_local_pop(fw, RIGHT, out, sizeof(out), NULL), length[i]);
		assert_memory_equal(out, frame[i], length[i]);
	}
	assert_int_equal(cat_lane_local_counter(fw, "connections.opened"), 3);
	assert_int_equal(cat_lane_local_counter(fw, "rule.out"), 3);
	finish(fw);
}

// The first packet of a burst ends the connection of the second.
static void handles_a_burst_that_evicts_its_own(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall("{\"max_connections\": 1, \"default\": \"accept\"}");
	struct test_packet p[2] = {udp_packet(true, 2), udp_packet(true, 1)};
	static uint8_t frame[2][TEST_PACKET_MAX];
	const void *frames[2] = {frame[0], frame[1]};
	uint32_t length[2];
	expect(fw, LEFT, &p[1], "pass");
	for (unsigned i = 0; i < 2; i++)
		length[i] = test_packet_make(&p[i], frame[i]);
	assert_int_equal(cat_lane_local_push(fw, LEFT, frames, length, 2), 0);
	assert_int_equal(cat_lane_local_counter(fw, "connections.opened"), 3);
	assert_int_equal(cat_lane_local_counter(fw, "connections.evicted"), 2);
	struct test_packet answer = udp_packet(false, 1);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t out[TEST_PACKET_MAX];
		assert_true(cat_lane_local_pop(fw, RIGHT, out, sizeof(out), NULL) > 0);
	}
	expect(fw, RIGHT, &answer, "pass");
	assert_int_equal(cat_lane_local_counter(fw, "connections.opened"), 3);
	finish(fw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_pass_and_nothing_else),
		cmocka_unit_test(forgets_in_time),
		cmocka_unit_test(passes_related_errors),
		cmocka_unit_test(passes_related_errors6),
		cmocka_unit_test(checks_the_quoted_sequence_number),
		cmocka_unit_test(evicts_the_oldest_half_open),
		cmocka_unit_test(evicts_the_ended),
		cmocka_unit_test(established_outlive_a_flood),
		cmocka_unit_test(takes_new_rules_without_a_break),
		cmocka_unit_test(lowers_the_limit_step_by_step),
		cmocka_unit_test(successor_keeps_connections),
		cmocka_unit_test(successor_knows_the_order),
		cmocka_unit_test(handles_a_burst_of_one_flow),
		cmocka_unit_test(handles_a_burst_that_evicts_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
