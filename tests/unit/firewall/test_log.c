// SPDX-License-Identifier: BSD-3-Clause
// What rules log: which packets, in which words, and how many of them in a flood.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "firewall.h"
#include "fixture.h"

#define CONFIG                                                                                                         \
	"{\"log_default\": true, \"log_rate\": 4, \"anti_spoofing\": {\"left\": [\"10.0.0.0/8\"]}, \"rules\": ["       \
	"{\"name\": \"quiet\", \"protocol\": \"udp\", \"destination_ports\": 1, \"action\": \"drop\"}, "               \
	"{\"name\": \"web\", \"from\": \"left\", \"protocol\": \"tcp\", \"destination_ports\": 80, \"action\": "       \
	"\"accept\", "                                                                                                 \
	"\"log\": true}, "                                                                                             \
	"{\"name\": \"six\", \"protocol\": \"icmpv6\", \"action\": \"reject\", \"log\": true}, "                       \
	"{\"name\": \"few\", \"protocol\": \"udp\", \"destination_ports\": 2, \"limit\": 1, \"action\": \"accept\", "  \
	"\"log\": true}]}"

static struct fw_log *log_of(struct cat_lane_local *fw)
{
	return &((struct fw_lane *)cat_lane_local_lane(fw)->priv)->log;
}

static void nothing_logged(struct cat_lane_local *fw)
{
	struct fw_log_record record;
	assert_false(fw_log_take(log_of(fw), &record));
}

// The next record's line, read back as JSON; the caller frees.
static struct cat_node *logged(struct cat_lane_local *fw)
{
	struct fw_log_record record;
	struct cat_node *node = NULL;
	struct cat_err err = {0};
	char line[FW_LOG_LINE_MAX];
	assert_true(fw_log_take(log_of(fw), &record));
	uint32_t length = fw_log_format(&record, UINT64_C(1700000000123456), line);
	assert_true(length > 1 && length < sizeof(line) && line[length - 1] == '\n');
	if (cat_tree_parse_json("line", line, length, &node, &err) < 0)
		fail_msg("%s: %s", line, err.message);
	assert_string_equal(cat_node_get(node, "time")->string, "2023-11-14T22:13:20.123456Z");
	return node;
}

static void says(const struct cat_node *node, const char *key, const char *text)
{
	const struct cat_node *value = cat_node_get(node, key);
	if (!text)
		assert_null(value);
	else
		assert_string_equal(value ? value->string : "", text);
}

static void says_what_became_of_a_packet(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(CONFIG);
	static const struct {
		enum cat_side from;
		struct test_packet packet;
		const char *outcome, *action, *rule;
		int64_t port; // destination port or ICMP code
	} cases[] = {
		{LEFT, {.protocol = 17, .src = HOST, .dst = PEER, .sport = 5, .dport = 1}, "drop.rule", NULL, NULL, 0},
		{LEFT,
		 {.protocol = 6, .src = HOST, .dst = PEER, .sport = 5, .dport = 80, .tcp_flags = TEST_PACKET_SYN},
		 "pass",
		 "accepted",
		 "web",
		 80},
		{LEFT,
		 {.protocol = 58, .src = HOST6, .dst = PEER6, .type = 128, .code = 3, .id = 5},
		 "drop.reject",
		 "rejected",
		 "six",
		 3},
		{LEFT,
		 {.protocol = 17, .src = HOST, .dst = PEER, .sport = 5, .dport = 2},
		 "pass",
		 "accepted",
		 "few",
		 2},
		{LEFT,
		 {.protocol = 17, .src = HOST, .dst = PEER, .sport = 6, .dport = 2},
		 "drop.rule_limit",
		 "limited",
		 "few",
		 2},
		{RIGHT,
		 {.protocol = 17, .src = HOST, .dst = PEER, .sport = 5, .dport = 2},
		 "drop.spoofed",
		 "spoofed",
		 NULL,
		 2},
		{RIGHT,
		 {.protocol = 47, .src = PEER, .dst = HOST, .payload_size = 20},
		 "drop.default",
		 "dropped",
		 NULL,
		 -1},
	};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		const struct test_packet *p = &cases[i].packet;
		expect(fw, cases[i].from, p, cases[i].outcome);
		if (!cases[i].action) {
			nothing_logged(fw);
			continue;
		}
		cat_autonode struct cat_node *node = logged(fw);
		says(node, "event", "packet");
		says(node, "action", cases[i].action);
		says(node, "rule", cases[i].rule);
		says(node, "from", cases[i].from == LEFT ? "left" : "right");
		says(node, "source", p->src);
		says(node, "destination", p->dst);
		assert_int_equal(cat_node_get(node, "protocol")->integer, p->protocol);
		const char *key = p->protocol == 58 ? "icmp_code" : "destination_port";
		if (cases[i].port < 0)
			assert_null(cat_node_get(node, key));
		else
			assert_int_equal(cat_node_get(node, key)->integer, cases[i].port);
		nothing_logged(fw);
		cat_lane_local_advance(fw, 600000);
		// What a rejected sender is told.
		uint8_t answer[TEST_PACKET_MAX];
		cat_lane_local_pop(fw, cases[i].from, answer, sizeof(answer), NULL);
	}
	finish(fw);
}

static void floods_are_counted(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall(CONFIG);
	for (uint16_t i = 0; i < 100; i++) {
		struct test_packet p = {.protocol = 17, .src = HOST, .dst = PEER, .sport = i, .dport = 9};
		expect(fw, LEFT, &p, "drop.default");
	}
	assert_int_equal(cat_lane_local_counter(fw, "log.lines"), 4);
	assert_int_equal(cat_lane_local_counter(fw, "log.suppressed"), 96);
	finish(fw);
}

// A control thread that takes nothing stops no packet.
static void a_full_ring_is_counted(void **state)
{
	(void)state;
	struct cat_lane_local *fw = firewall("{\"log_default\": true, \"log_rate\": 10000}");
	for (uint32_t i = 0; i < FW_LOG_RECORDS + 10; i++) {
		struct test_packet p = {.protocol = 17, .src = HOST, .dst = PEER, .sport = (uint16_t)i, .dport = 9};
		expect(fw, LEFT, &p, "drop.default");
	}
	assert_int_equal(cat_lane_local_counter(fw, "log.lines"), FW_LOG_RECORDS);
	assert_int_equal(cat_lane_local_counter(fw, "log.suppressed"), 10);
	for (uint32_t i = 0; i < FW_LOG_RECORDS; i++) {
		cat_autonode struct cat_node *node = logged(fw);
		assert_int_equal(cat_node_get(node, "source_port")->integer, i);
	}
	nothing_logged(fw);
	finish(fw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_became_of_a_packet),
		cmocka_unit_test(floods_are_counted),
		cmocka_unit_test(a_full_ring_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
