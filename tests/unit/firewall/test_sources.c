// SPDX-License-Identifier: BSD-3-Clause
// How many connections a source may have, and what becomes of connections when the rules change.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "fixture.h"

static struct test_packet from_source(unsigned host, uint16_t sport)
{
	struct test_packet p = udp_packet(true, sport);
	snprintf(p.src, sizeof(p.src), "10.0.0.%u", host);
	return p;
}

static void limits_connections_of_a_source(void **state)
{
	(void)state;
	const size_t bytes = 1 << 20;
	cat_autofree void *memory = aligned_alloc(64, bytes);
	assert_non_null(memory);
	memset(memory, 0, bytes);
	const struct cat_lane_local_options options = {.state_bytes = bytes, .state = memory};
	static const char config[] = "{\"default\": \"accept\", \"max_per_source\": 3}";
	struct cat_lane_local *fw = firewall_with(config, &options);
	for (uint16_t i = 0; i < 6; i++) {
		struct test_packet first = from_source(1, (uint16_t)(100 + i)),
				   second = from_source(2, (uint16_t)(100 + i));
		expect(fw, LEFT, &first, i < 3 ? "pass" : "drop.source_limit");
		expect(fw, LEFT, &second, i < 3 ? "pass" : "drop.source_limit");
	}
	// What comes in to the same host is not its own.
	struct test_packet in = {.protocol = 17, .src = PEER, .dst = "10.0.0.1", .sport = 9, .dport = 9};
	expect(fw, RIGHT, &in, "pass");
	struct test_packet known = from_source(1, 100), fresh = from_source(1, 200);
	expect(fw, LEFT, &known, "pass");
	// A successor knows how many there are.
	struct cat_lane_local *second = firewall_with(config, &options);
	expect(second, LEFT, &fresh, "drop.source_limit");
	finish(fw);
	// Expired connections make room. So does an ended limit, and a new one counts what is there.
	advance_s(second, 121);
	for (uint16_t i = 0; i < 4; i++) {
		struct test_packet p = from_source(1, (uint16_t)(300 + i));
		expect(second, LEFT, &p, i < 3 ? "pass" : "drop.source_limit");
	}
	reconfigure(second, "{\"default\": \"accept\"}");
	for (uint16_t i = 0; i < 3; i++) {
		struct test_packet p = from_source(1, (uint16_t)(400 + i));
		expect(second, LEFT, &p, "pass");
	}
	reconfigure(second, "{\"default\": \"accept\", \"max_per_source\": 7}");
	expect(second, LEFT, &fresh, "pass");
	fresh.sport++;
	expect(second, LEFT, &fresh, "drop.source_limit");
	finish(second);
}

// Evictions give back what they counted, whoever's turn it is.
static void counts_sources_in_a_flood(void **state)
{
	(void)state;
	struct cat_lane_local *fw =
		firewall("{\"default\": \"accept\", \"max_per_source\": 2, \"max_connections\": 8}");
	for (uint32_t i = 0; i < 3000; i++) {
		struct test_packet p = from_source(1 + i % 5, (uint16_t)(1 + i));
		const char *outcome = send_packet(fw, LEFT, &p);
		assert_true(strcmp(outcome, "pass") == 0 || strcmp(outcome, "drop.source_limit") == 0);
	}
	advance_s(fw, 400);
	for (uint16_t i = 0; i < 3; i++) {
		struct test_packet p = from_source(1, (uint16_t)(5000 + i));
		expect(fw, LEFT, &p, i < 2 ? "pass" : "drop.source_limit");
	}
	finish(fw);
}

#define JUDGE(rules) "{\"on_change\": \"judge\", \"rules\": [" rules "]}"
#define KEEP(rules) "{\"rules\": [" rules "]}"
#define DNS "{\"name\": \"dns\", \"from\": \"left\", \"protocol\": \"udp\", \"action\": \"accept\"}"
#define PING                                                                                                           \
	"{\"name\": \"ping\", \"from\": \"left\", \"protocol\": \"icmp\", \"icmp_type\": 8, \"action\": \"accept\"}"
#define STAMP                                                                                                          \
	"{\"name\": \"stamp\", \"from\": \"left\", \"protocol\": \"icmp\", \"icmp_type\": 13, \"action\": \"accept\"}"
#define PING6                                                                                                          \
	"{\"name\": \"ping6\", \"from\": \"left\", \"protocol\": \"icmpv6\", \"icmp_type\": 128, \"action\": "         \
	"\"accept\"}"
#define WEB_IN                                                                                                         \
	"{\"name\": \"in\", \"from\": \"right\", \"protocol\": \"tcp\", \"destination_ports\": 1000, \"action\": "     \
	"\"accept\"}"

static void judges_again_when_rules_change(void **state)
{
	(void)state;
	struct test_packet out = udp_packet(true, 5), in = udp_packet(false, 5), out6 = udp6_packet(true, 5),
			   in6 = udp6_packet(false, 5);
	struct test_packet ping = icmp_packet(true, 8, 7), pong = icmp_packet(false, 0, 7),
			   stamp = icmp_packet(true, 13, 7), stamped = icmp_packet(false, 14, 7),
			   ping6 = icmp6_packet(true, 128, 7), pong6 = icmp6_packet(false, 129, 7);
	static const struct segment syn = {RIGHT, 2, 1000, 0, 0, 8000, 0}, syn_ack = {LEFT, 18, 5000, 1001, 0, 8000, 0},
				    ack = {RIGHT, 16, 1001, 5001, 0, 8000, 0};
	struct cat_lane_local *fw = firewall(JUDGE(DNS ", " PING ", " STAMP ", " PING6 ", " WEB_IN));
	struct test_packet *open[] = {&out, &out6, &ping, &stamp, &ping6};
	struct test_packet *answer[] = {&in, &in6, &pong, &stamped, &pong6};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(open); i++)
		expect(fw, LEFT, open[i], "pass");
	assert_string_equal(send_segment(fw, &syn), "pass");
	assert_string_equal(send_segment(fw, &syn_ack), "pass");
	// The same rules in another order: answers pass, though no rule would let them in.
	reconfigure(fw, JUDGE(WEB_IN ", " PING6 ", " STAMP ", " PING ", " DNS));
	for (unsigned i = 0; i < CAT_ARRAY_LEN(open); i++)
		expect(fw, RIGHT, answer[i], "pass");
	assert_string_equal(send_segment(fw, &ack), "pass");
	// Without pings: time stamps go on.
	reconfigure(fw, JUDGE(WEB_IN ", " STAMP ", " DNS));
	expect(fw, RIGHT, &pong, "drop.rejudged");
	expect(fw, RIGHT, &pong, "drop.icmp_no_connection");
	expect(fw, RIGHT, &pong6, "drop.rejudged");
	expect(fw, RIGHT, &stamped, "pass");
	expect(fw, RIGHT, &in, "pass");
	assert_string_equal(send_segment(fw, &syn_ack), "pass");
	// A change that keeps leaves all alone; the next one that judges asks about all.
	reconfigure(fw, KEEP(STAMP));
	expect(fw, RIGHT, &in, "pass");
	reconfigure(fw, JUDGE(STAMP));
	expect(fw, RIGHT, &in, "drop.rejudged");
	expect(fw, LEFT, &out6, "drop.rejudged");
	expect(fw, LEFT, &out6, "drop.default");
	assert_string_equal(send_segment(fw, &ack), "drop.rejudged");
	expect(fw, RIGHT, &stamped, "pass");
	assert_int_equal(cat_lane_local_counter(fw, "gauge.connections"), 1);
	finish(fw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_connections_of_a_source),
		cmocka_unit_test(counts_sources_in_a_flood),
		cmocka_unit_test(judges_again_when_rules_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
