// SPDX-License-Identifier: BSD-3-Clause
// Fragments: in order, out of order, overlapping, malformed, too many, and what they do to a TCP window.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "firewall.h"
#include "fixture.h"

#define RULES                                                                                                          \
	"{\"rules\": [{\"name\": \"out\", \"from\": \"left\", \"protocol\": \"udp\", \"destination_ports\": 53, "      \
	"\"action\": \"accept\"}, "                                                                                    \
	"{\"name\": \"tcp\", \"from\": \"left\", \"protocol\": \"tcp\", \"action\": \"accept\"}, "                     \
	"{\"name\": \"ping\", \"from\": \"left\", \"protocol\": \"icmp\", \"action\": \"accept\"}]}"
#define HELD "lost" // neither dropped for a reason nor passed on yet
#define ETHERNET 14u

// Bytes start..end of a whole IP packet's payload as a fragment of it; end beyond the payload is its end.
struct cut {
	uint32_t start, end;
	bool last;
};

static uint32_t payload_of(const uint8_t *frame, uint32_t length)
{
	return length - ETHERNET - (frame[12] == 8 ? 20u : 40u);
}

static uint32_t cut_frame(const uint8_t *frame, uint32_t length, uint32_t id, struct cut cut, uint8_t *ret)
{
	bool ipv4 = frame[12] == 8;
	uint32_t header = ETHERNET + (ipv4 ? 20 : 40), size = cut.end - cut.start, at = header;
	memcpy(ret, frame, header);
	uint16_t word = (uint16_t)(ipv4 ? cut.start / 8 | (cut.last ? 0 : 0x2000u) : cut.start | !cut.last);
	if (ipv4) {
		uint16_t total = (uint16_t)(20 + size);
		ret[16] = (uint8_t)(total >> 8);
		ret[17] = (uint8_t)total;
		ret[18] = (uint8_t)(id >> 8);
		ret[19] = (uint8_t)id;
		ret[20] = (uint8_t)(word >> 8);
		ret[21] = (uint8_t)word;
	} else {
		uint16_t total = (uint16_t)(8 + size);
		ret[18] = (uint8_t)(total >> 8);
		ret[19] = (uint8_t)total;
		const uint8_t fragment[8] = {ret[20],
					     0,
					     (uint8_t)(word >> 8),
					     (uint8_t)word,
					     (uint8_t)(id >> 24),
					     (uint8_t)(id >> 16),
					     (uint8_t)(id >> 8),
					     (uint8_t)id};
		ret[20] = 44;
		memcpy(ret + at, fragment, 8);
		at += 8;
	}
	memset(ret + at, 0, size);
	if (header + cut.start < length) {
		uint32_t there = length - header - cut.start;
		memcpy(ret + at, frame + header + cut.start, there < size ? there : size);
	}
	return at + size;
}

static const char *send_cut(struct cat_lane_local *fw, enum cat_side from, const struct test_packet *p, uint32_t id,
			    struct cut cut)
{
	uint8_t frame[TEST_PACKET_MAX], piece[TEST_PACKET_MAX];
	uint32_t length = test_packet_make(p, frame);
	return send_frame(fw, from, piece, cut_frame(frame, length, id, cut, piece));
}

static void expect_cut(struct cat_lane_local *fw, enum cat_side from, const struct test_packet *p, uint32_t id,
		       uint32_t start, uint32_t end, bool last, const char *outcome)
{
	const char *found = send_cut(fw, from, p, id, (struct cut){start, end, last});
	if (strcmp(found, outcome) != 0)
		fail_msg("%u to %u: %s, expected %s", start, end, found, outcome);
}

static int pop(struct cat_lane_local *fw, enum cat_side side, uint8_t *frame)
{
	return cat_lane_local_pop(fw, side, frame, TEST_PACKET_MAX, NULL);
}

static struct test_packet udp(const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
	struct test_packet p = {.protocol = 17, .sport = sport, .dport = dport, .payload_size = 1000};
	snprintf(p.src, sizeof(p.src), "%s", src);
	snprintf(p.dst, sizeof(p.dst), "%s", dst);
	return p;
}

static void share_the_lot_of_the_first(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(RULES);
	const struct test_packet good[] = {
		udp(HOST, PEER, 1, 53),
		udp(HOST6, PEER6, 1, 53),
		{.protocol = 1, .src = HOST, .dst = PEER, .type = 8, .id = 3, .payload_size = 1000}};
	const struct test_packet bad = udp(HOST, PEER, 1, 54);
	for (uint32_t i = 0; i < CAT_ARRAY_LEN(good); i++) {
		expect_cut(fw, LEFT, &good[i], i, 0, 400, false, "pass");
		expect_cut(fw, LEFT, &good[i], i, 400, 800, false, "pass");
		expect_cut(fw, LEFT, &good[i], i, 800, 1008, true, "pass");
		// It was whole: this is another datagram.
		expect_cut(fw, LEFT, &good[i], i, 400, 800, false, HELD);
	}
	expect_cut(fw, LEFT, &bad, 9, 0, 400, false, "drop.default");
	expect_cut(fw, LEFT, &bad, 9, 400, 800, false, "drop.fragment");
	expect_cut(fw, LEFT, &bad, 9, 800, 1008, true, "drop.fragment");
	// Answers to what was opened in pieces come in whole and in pieces.
	const struct test_packet answer = udp(PEER, HOST, 53, 1), answer6 = udp(PEER6, HOST6, 53, 1),
				 pong = {.protocol = 1,
					 .src = PEER,
					 .dst = HOST,
					 .type = 0,
					 .id = 3,
					 .payload_size = 100};
	expect(fw, RIGHT, &answer, "pass");
	expect(fw, RIGHT, &answer6, "pass");
	expect(fw, RIGHT, &pong, "pass");
	expect_cut(fw, RIGHT, &answer, 1, 0, 512, false, "pass");
	expect_cut(fw, RIGHT, &answer, 1, 512, 1008, true, "pass");
	// What comes from the other side is no part of it.
	const struct test_packet outgoing = udp(HOST, PEER, 2, 53), forged = udp(HOST, PEER, 2, 53);
	expect_cut(fw, LEFT, &outgoing, 50, 0, 400, false, "pass");
	expect_cut(fw, RIGHT, &forged, 50, 400, 800, false, HELD);
	expect_cut(fw, LEFT, &outgoing, 51, 400, 800, false, HELD);
	finish(fw);
}

static void wait_for_the_first(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(RULES);
	const char *const ends[][2] = {{HOST, PEER}, {HOST6, PEER6}};
	for (uint32_t i = 0; i < CAT_ARRAY_LEN(ends); i++) {
		struct test_packet p = udp(ends[i][0], ends[i][1], 7, 53), refused = udp(ends[i][0], ends[i][1], 7, 9);
		uint8_t whole[TEST_PACKET_MAX], piece[3][TEST_PACKET_MAX], out[TEST_PACKET_MAX];
		static const struct cut cut[3] = {{800, 1008, true}, {400, 800, false}, {0, 400, false}};
		uint32_t length = test_packet_make(&p, whole), size[3];
		for (unsigned n = 0; n < 3; n++) {
			const void *frame = piece[n];
			size[n] = cut_frame(whole, length, 70, cut[n], piece[n]);
			assert_int_equal(cat_lane_local_push(fw, LEFT, &frame, &size[n], 1), 0);
		}
		// The first leaves first, the others in the order in which they came.
		static const unsigned order[3] = {2, 0, 1};
		for (unsigned n = 0; n < 3; n++) {
			assert_int_equal(pop(fw, RIGHT, out), size[order[n]]);
			assert_memory_equal(out, piece[order[n]], size[order[n]]);
		}
		assert_true(pop(fw, RIGHT, out) < 0);
		// And those of a datagram that is not let through do not leave at all.
		expect_cut(fw, LEFT, &refused, 71, 800, 1008, true, HELD);
		expect_cut(fw, LEFT, &refused, 71, 400, 800, false, HELD);
		expect_cut(fw, LEFT, &refused, 71, 0, 400, false, "drop.default");
		assert_true(pop(fw, RIGHT, out) < 0);
	}
	assert_int_equal(cat_lane_local_counter(fw, "fragments.held"), 8);
	cat_lane_local_advance(fw, 20000);
	assert_int_equal(cat_lane_local_counter(fw, "fragments.lost"), 4);
	finish(fw);
}

static void overlaps_end_a_datagram(void **state)
{
	(void)state;
	// After 0-400 and 800-1008, which is the last one.
	static const struct {
		uint32_t start, end;
		bool last;
		const char *outcome;
	} cases[] = {
		{392, 800, false, "drop.fragment_overlap"},
		{400, 808, false, "drop.fragment_overlap"},
		{0, 408, false, "drop.fragment_overlap"},
		{0, 8, false, "drop.fragment_overlap"},
		{392, 400, false, "drop.fragment_overlap"},
		{800, 1000, false, "drop.fragment_overlap"},
		{800, 1016, true, "drop.fragment_overlap"},
		{1008, 1016, false, "drop.fragment_overlap"},
		{1008, 1016, true, "drop.fragment_overlap"},
		{400, 480, true, "drop.fragment_overlap"},
		// Exact copies are dropped by themselves.
		{0, 400, false, "drop.fragment"},
		{800, 1008, true, "drop.fragment"},
		{400, 800, false, "pass"},
	};
	struct cat_lane_local *fw = firewall(RULES);
	for (uint32_t family = 0; family < 2; family++) {
		const struct test_packet p = udp(family ? HOST6 : HOST, family ? PEER6 : PEER, 7, 53);
		for (uint32_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
			expect_cut(fw, LEFT, &p, i, 0, 400, false, "pass");
			expect_cut(fw, LEFT, &p, i, 800, 1008, true, "pass");
			expect_cut(fw, LEFT, &p, i, cases[i].start, cases[i].end, cases[i].last, cases[i].outcome);
			if (strcmp(cases[i].outcome, "drop.fragment_overlap") == 0)
				expect_cut(fw, LEFT, &p, i, 400, 800, false, "drop.fragment_overlap");
			else if (strcmp(cases[i].outcome, "drop.fragment") == 0)
				expect_cut(fw, LEFT, &p, i, 400, 800, false, "pass");
		}
		// Before the first has come.
		expect_cut(fw, LEFT, &p, 100, 400, 800, false, HELD);
		expect_cut(fw, LEFT, &p, 100, 408, 808, false, "drop.fragment_overlap");
		expect_cut(fw, LEFT, &p, 100, 0, 400, false, "drop.fragment_overlap");
	}
	finish(fw);
}

static void malformed_ones_are_dropped(void **state)
{
	(void)state;
	static const struct {
		uint32_t start, end;
		bool last;
		const char *outcome;
	} cases[] = {
		{0, 404, false, "drop.malformed"},      // no multiple of eight
		{65512, 65536, true, "drop.malformed"}, // a whole that is longer than can be
		{65520, 65535, false, "drop.malformed"}, {0, 4, false, "drop.malformed"}, // a UDP header in pieces
		{400, 400, true, "drop.malformed"},                                       // nothing
	};
	struct cat_lane_local *fw = firewall(RULES);
	for (uint32_t family = 0; family < 2; family++) {
		const struct test_packet p = udp(family ? HOST6 : HOST, family ? PEER6 : PEER, 7, 53);
		for (uint32_t i = 0; i < CAT_ARRAY_LEN(cases); i++)
			expect_cut(fw, LEFT, &p, i, cases[i].start, cases[i].end, cases[i].last, cases[i].outcome);
	}
	// A TCP header in pieces (RFC 3128), and discovery in pieces (RFC 6980).
	const struct test_packet tcp = {.protocol = 6,
					.src = HOST,
					.dst = PEER,
					.dport = 80,
					.tcp_flags = TEST_PACKET_SYN,
					.payload_size = 400};
	expect_cut(fw, LEFT, &tcp, 1, 0, 16, false, "drop.malformed");
	const struct test_packet nd = {
		.protocol = 58, .src = "fe80::1", .dst = "ff02::1", .type = 135, .ttl = 255, .payload_size = 200};
	expect_cut(fw, LEFT, &nd, 1, 0, 104, false, "drop.neighbour");
	finish(fw);
	fw = firewall("{\"default\": \"accept\", \"fragments\": \"drop\"}");
	const struct test_packet p = udp(HOST, PEER, 7, 53);
	expect_cut(fw, LEFT, &p, 1, 0, 400, false, "drop.fragment");
	expect_cut(fw, LEFT, &p, 1, 400, 800, false, "drop.fragment");
	finish(fw);
}

static void all_is_bounded(void **state)
{
	(void)state;
	const struct cat_lane_local_options options = {.buffers = 4096};
	struct cat_lane_local *fw = firewall_with(RULES, &options);
	const struct test_packet p = udp(HOST, PEER, 7, 53);
	// Copies of one datagram.
	for (uint32_t i = 0; i < CAT_HELD_PER_DATAGRAM; i++)
		expect_cut(fw, LEFT, &p, 1, 8 + 8 * i, 16 + 8 * i, false, HELD);
	expect_cut(fw, LEFT, &p, 1, 800, 808, false, "drop.fragment");
	expect_cut(fw, LEFT, &p, 1, 0, 8, false, "drop.fragment");
	// Fragments of one datagram.
	expect_cut(fw, LEFT, &p, 2, 0, 8, false, "pass");
	for (uint32_t i = 1; i < CAT_PIECES_MAX; i++)
		expect_cut(fw, LEFT, &p, 2, 8 * i, 8 + 8 * i, false, "pass");
	expect_cut(fw, LEFT, &p, 2, 8 * CAT_PIECES_MAX, 8 + 8 * CAT_PIECES_MAX, false, "drop.fragment");
	expect_cut(fw, LEFT, &p, 2, 8 * CAT_PIECES_MAX + 8, 16 + 8 * CAT_PIECES_MAX, false, "drop.fragment");
	// Copies of all of them.
	for (uint32_t i = 0; i < CAT_HELD_MAX; i++)
		expect_cut(fw, LEFT, &p, 100 + i, 400, 800, false, HELD);
	expect_cut(fw, LEFT, &p, 99, 400, 800, false, "drop.fragment");
	// Datagrams: the oldest goes, and gives its copy back.
	expect_cut(fw, LEFT, &p, 5000, 0, 400, false, "pass");
	for (uint32_t i = 0; i < CAT_DATAGRAMS_MAX; i++)
		expect_cut(fw, LEFT, &p, 2000 + i, 0, 400, false, "pass");
	expect_cut(fw, LEFT, &p, 5000, 400, 800, false, HELD);
	// And all go in their time.
	cat_lane_local_advance(fw, UINT64_C(31000000));
	for (uint32_t i = 0; i < 40; i++)
		cat_lane_local_advance(fw, 20000);
	expect_cut(fw, LEFT, &p, 2000 + CAT_DATAGRAMS_MAX - 1, 400, 800, false, HELD);
	const struct fw_lane *lane = cat_lane_local_lane(fw)->priv;
	assert_int_equal(cat_flow_count(lane->fragments.table), 1);
	finish(fw);
}

// What comes in pieces moves the window like what comes whole.
static void tcp_windows_move(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(RULES);
	static const struct segment open[] = {{LEFT, 2, 1000, 0, 0, 8000, 0},
					      {RIGHT, 18, 5000, 1001, 0, 8000, 0},
					      {LEFT, 16, 1001, 5001, 0, 8000, 0}};
	static const struct segment data = {LEFT, 16, 1001, 5001, 1000, 8000, 0},
				    ack = {RIGHT, 16, 5001, 2001, 0, 8000, 0},
				    beyond = {RIGHT, 16, 5001, 2002, 0, 8000, 0};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(open); i++)
		assert_string_equal(send_segment(fw, &open[i]), "pass");
	uint8_t whole[TEST_PACKET_MAX], piece[TEST_PACKET_MAX];
	uint32_t length = make_segment(&data, whole);
	assert_int_equal(payload_of(whole, length), 1020);
	// The last one first: what it brings counts once the first has passed.
	static const struct cut cut[] = {{800, 1020, true}, {0, 400, false}, {400, 800, false}};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cut); i++) {
		const void *frame = piece;
		uint32_t size = cut_frame(whole, length, 3, cut[i], piece);
		assert_int_equal(cat_lane_local_push(fw, LEFT, &frame, &size, 1), 0);
	}
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cut); i++)
		assert_true(pop(fw, RIGHT, piece) > 0);
	assert_string_equal(send_segment(fw, &beyond), "drop.tcp_window");
	assert_string_equal(send_segment(fw, &ack), "pass");
	finish(fw);
}

// Random datagrams in random pieces and orders: those without a flaw come out whole, and nothing is unaccounted for.
static void random_pieces(void **state)
{
	(void)state;
	unsigned seed = 77;
	struct cat_lane_local *fw = firewall("{\"default\": \"accept\", \"max_connections\": 50}");
	for (uint32_t round = 0; round < 3000; round++) {
		struct test_packet p = udp(round % 2 ? HOST6 : HOST, round % 2 ? PEER6 : PEER, 7, (uint16_t)round);
		p.payload_size = (uint16_t)(100 + (uint32_t)rand_r(&seed) % 1200);
		uint8_t whole[TEST_PACKET_MAX], piece[TEST_PACKET_MAX], got[TEST_PACKET_MAX] = {0};
		uint32_t length = test_packet_make(&p, whole), payload = payload_of(whole, length), count = 0;
		struct cut cut[40];
		for (uint32_t at = 0; at < payload;) {
			uint32_t size = 8 + 8 * ((uint32_t)rand_r(&seed) % 20);
			uint32_t end = count == 39 || at + size >= payload ? payload : at + size;
			cut[count++] = (struct cut){at, end, end == payload};
			at = end;
		}
		for (uint32_t i = count; i > 1; i--) {
			uint32_t other = (uint32_t)rand_r(&seed) % i;
			struct cut swap = cut[i - 1];
			cut[i - 1] = cut[other];
			cut[other] = swap;
		}
		bool flawed = round % 5 == 0;
		if (flawed && count < 40) {
			uint32_t start = 8 * ((uint32_t)rand_r(&seed) % 100);
			cut[count++] = (struct cut){start, start + 8 + 8 * ((uint32_t)rand_r(&seed) % 40),
						    rand_r(&seed) % 4 == 0};
		}
		for (uint32_t i = 0; i < count; i++) {
			const void *frame = piece;
			uint32_t size = cut_frame(whole, length, round, cut[i], piece);
			assert_int_equal(cat_lane_local_push(fw, LEFT, &frame, &size, 1), 0);
		}
		uint32_t bytes = 0;
		for (int size; (size = pop(fw, RIGHT, piece)) > 0;) {
			bool ipv4 = piece[12] == 8;
			uint32_t header = ETHERNET + (ipv4 ? 20u : 48u);
			uint32_t word = ipv4 ? (fw_get16(piece + 20) & 0x1fffu) * 8 : fw_get16(piece + 56) & 0xfff8u;
			if (word + (uint32_t)size - header <= payload)
				memcpy(got + word, piece + header, (uint32_t)size - header);
			bytes += (uint32_t)size - header;
		}
		if (!flawed) {
			assert_int_equal(bytes, payload);
			assert_memory_equal(got, whole + length - payload, payload);
		}
		cat_lane_local_advance(fw, round % 50 ? 1000 : UINT64_C(31000000));
	}
	finish(fw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(share_the_lot_of_the_first),
		cmocka_unit_test(wait_for_the_first),
		cmocka_unit_test(overlaps_end_a_datagram),
		cmocka_unit_test(malformed_ones_are_dropped),
		cmocka_unit_test(all_is_bounded),
		cmocka_unit_test(tcp_windows_move),
		cmocka_unit_test(random_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
