// SPDX-License-Identifier: BSD-3-Clause
// The library form, with the null function and with one that uses everything a VNF may use.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cat_cleanup.h"
#include "cat_daemon.h"
#include "cat_lane_local.h"
#include "null.h"

// By the frame's first byte: what is to become of it.
enum act { ACT_PASS, ACT_BACK, ACT_DROP, ACT_PUNT, ACT_COPY_AND_PASS, ACT_ANSWER };

struct everything {
	char letter;
};

static int config_create(const struct cat_node *config, void **ret_config, struct cat_err *err)
{
	const char *letter = "a";
	int result = cat_node_read_string(config, "letter", CAT_OPTIONAL, &letter, err);
	if (result < 0)
		return result;
	struct everything *made = malloc(sizeof(*made));
	made->letter = *letter;
	*ret_config = made;
	return 0;
}

static void process(struct cat_lane *lane, struct cat_burst *burst)
{
	enum cat_side other = burst->side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT;
	for (uint32_t i = 0; i < burst->count; i++) {
		struct cat_desc *desc = &burst->desc[i], answer;
		uint8_t *data = cat_data(lane, desc);
		switch (data[0]) {
		case ACT_PASS:
			data[1] = (uint8_t)((const struct everything *)lane->config)->letter;
			cat_emit(lane, desc, other);
			break;
		case ACT_BACK:
			cat_emit(lane, desc, burst->side);
			break;
		case ACT_DROP:
			cat_drop(lane, desc, CAT_STAT_OWN);
			break;
		case ACT_PUNT:
			cat_punt(lane, desc, data[1]);
			break;
		case ACT_COPY_AND_PASS:
			cat_punt_copy(lane, desc, data[1]);
			cat_emit(lane, desc, other);
			break;
		case ACT_ANSWER:
			if (cat_supply_peek(lane, &answer)) {
				answer.len = 60;
				memset(cat_data(lane, &answer), 'A', 60);
				cat_emit_supply(lane, &answer, burst->side);
			}
			cat_emit(lane, desc, other);
			break;
		default:
			fail();
		}
	}
}

static void tick(struct cat_lane *lane)
{
	struct cat_desc desc;
	if (lane->now_us % 2 == 0 && cat_supply_peek(lane, &desc)) {
		desc.len = 61;
		cat_emit_supply(lane, &desc, CAT_RIGHT);
	}
}

static void inject(struct cat_lane *lane, unsigned channel, const uint8_t *frame, uint32_t length)
{
	struct cat_desc desc;
	if (!cat_supply_peek(lane, &desc))
		return;
	desc.len = (uint16_t)length;
	memcpy(cat_data(lane, &desc), frame, length);
	cat_emit_supply(lane, &desc, channel % 2 ? CAT_RIGHT : CAT_LEFT);
}

static const char *const counters[] = {"drop.test", NULL};
static const struct cat_vnf_ops everything_ops = {
	.abi = CAT_VNF_ABI,
	.kind = "everything",
	.counters = counters,
	.config_create = config_create,
	.config_destroy = free,
	.process = process,
	.tick = tick,
	.inject = inject,
};

static int push(struct cat_lane_local *local, enum cat_side side, const uint8_t *acts, uint32_t count)
{
	uint8_t frame[CAT_BURST_MAX][64];
	const void *frames[CAT_BURST_MAX];
	uint32_t lengths[CAT_BURST_MAX];
	memset(frame, 0, sizeof(frame));
	for (uint32_t i = 0; i < count; i++) {
		frame[i][0] = acts[i];
		frames[i] = frame[i];
		lengths[i] = 64;
	}
	return cat_lane_local_push(local, side, frames, lengths, count);
}

static uint32_t pop_all(struct cat_lane_local *local, enum cat_side side)
{
	uint8_t frame[64];
	uint32_t n = 0;
	while (cat_lane_local_pop(local, side, frame, sizeof(frame), NULL) >= 0)
		n++;
	return n;
}

static void test_bad_config(void **state)
{
	(void)state;
	static const struct {
		const char *json, *message;
	} table[] = {
		{"{", NULL},
		{"[]", "found a list, expected a map"},
		{"{\"touch\": 1}", "/touch: found 1, expected true"},
		{"{\"touhc\": true}", "/touhc: unknown key"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++) {
		struct cat_err err = {0};
		assert_null(cat_lane_local_create(&null_ops, table[i].json, NULL, &err));
		assert_int_equal(err.code, -EINVAL);
		if (table[i].message)
			assert_non_null(strstr(err.message, table[i].message));
	}
	struct cat_vnf_ops old = null_ops;
	old.abi = 99;
	struct cat_err err = {0};
	assert_null(cat_lane_local_create(&old, NULL, NULL, &err));
	assert_non_null(strstr(err.message, "99"));
	assert_null(cat_lane_local_create(&null_ops, NULL, &(struct cat_lane_local_options){.ring = 1000}, &err));
}

static void test_null(void **state)
{
	(void)state;
	static const char *const configs[] = {NULL, "{}", "null", "{\"touch\": true}", "{\"touch\": false}"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(configs); i++) {
		struct cat_lane_local *local = cat_lane_local_create(&null_ops, configs[i], NULL, NULL);
		assert_non_null(local);
		uint8_t first[100] = "first", second[60] = "second", got[100];
		const void *frames[] = {first, second};
		uint32_t lengths[] = {100, 60};
		for (enum cat_side from = CAT_LEFT; from < CAT_SIDES; from++) {
			assert_int_equal(cat_lane_local_push(local, from, frames, lengths, 2), 0);
			struct cat_desc desc;
			assert_int_equal(cat_lane_local_pop(local, from, got, sizeof(got), &desc), -EAGAIN);
			assert_int_equal(cat_lane_local_pop(local, !from, got, sizeof(got), &desc), 100);
			assert_memory_equal(got, first, 100);
			assert_int_equal(desc.off, CAT_HEADROOM);
			assert_true(desc.flags & CAT_DESC_PARSED);
			assert_int_equal(cat_lane_local_pop(local, !from, got, 3, &desc), 60);
			assert_memory_equal(got, "sec", 3);
			assert_int_equal(cat_lane_local_pop(local, !from, got, sizeof(got), &desc), -EAGAIN);
		}
		assert_int_equal(cat_lane_local_counter(local, "left.rx_packets"), 2);
		assert_int_equal(cat_lane_local_counter(local, "left.rx_bytes"), 160);
		assert_int_equal(cat_lane_local_counter(local, "right.tx_bytes"), 160);
		assert_int_equal(cat_lane_local_counter(local, "bursts"), 2);
		assert_int_equal(cat_lane_local_counter(local, "no such"), UINT64_MAX);
		assert_int_equal(cat_lane_local_missing(local), 0);
		cat_lane_local_destroy(local);
	}
}

static void test_limits(void **state)
{
	(void)state;
	struct cat_lane_local *local = cat_lane_local_create(
		&null_ops, NULL, &(struct cat_lane_local_options){.ring = 64, .buffers = 200}, NULL);
	uint8_t acts[CAT_BURST_MAX] = {0};
	// A quarter of the output is for what is sent back.
	assert_int_equal(push(local, CAT_LEFT, acts, 49), -ENOBUFS);
	assert_int_equal(push(local, CAT_LEFT, acts, 48), 0);
	// The output is full.
	assert_int_equal(push(local, CAT_LEFT, acts, 1), -ENOBUFS);
	assert_int_equal(pop_all(local, CAT_RIGHT), 48);
	assert_int_equal(push(local, CAT_RIGHT, acts, 48), 0);
	assert_int_equal(pop_all(local, CAT_LEFT), 48);
	uint8_t big[4000] = {0};
	const void *frames[] = {big};
	uint32_t lengths[] = {2112 - CAT_HEADROOM + 1};
	assert_int_equal(cat_lane_local_push(local, CAT_LEFT, frames, lengths, 1), -EMSGSIZE);
	lengths[0]--;
	assert_int_equal(cat_lane_local_push(local, CAT_LEFT, frames, lengths, 1), 0);
	assert_int_equal(pop_all(local, CAT_RIGHT), 1);
	assert_int_equal(cat_lane_local_missing(local), 0);
	cat_lane_local_destroy(local);
}

static void test_everything(void **state)
{
	(void)state;
	struct cat_lane_local *local = cat_lane_local_create(&everything_ops, NULL, NULL, NULL);
	// More than one piece of a burst.
	uint8_t acts[1000];
	uint32_t expected[ACT_ANSWER + 1] = {0};
	for (uint32_t i = 0; i < 1000; i++) {
		acts[i] = i % 50 == 0 ? ACT_ANSWER : (uint8_t)(i % ACT_ANSWER);
		expected[acts[i]]++;
	}
	assert_int_equal(push(local, CAT_LEFT, acts, 1000), 0);
	assert_int_equal(pop_all(local, CAT_RIGHT),
			 expected[ACT_PASS] + expected[ACT_COPY_AND_PASS] + expected[ACT_ANSWER]);
	assert_int_equal(pop_all(local, CAT_LEFT), expected[ACT_BACK] + expected[ACT_ANSWER]);
	assert_int_equal(cat_lane_local_counter(local, "drop.test"), expected[ACT_DROP]);
	assert_int_equal(cat_lane_local_counter(local, "supply_used"), expected[ACT_ANSWER]);
	assert_int_equal(cat_lane_local_counter(local, "punted"), 128);
	assert_int_equal(cat_lane_local_counter(local, "consumed") + cat_lane_local_counter(local, "drop.punt_full"),
			 expected[ACT_PUNT]);
	uint32_t punted = 0;
	unsigned channel;
	uint8_t frame[64];
	while (cat_lane_local_pop_punt(local, &channel, frame, sizeof(frame)) >= 0)
		punted++;
	assert_int_equal(punted, 128);
	assert_int_equal(cat_lane_local_missing(local), 0);

	cat_lane_local_advance(local, 2);
	assert_int_equal(cat_lane_local_pop(local, CAT_RIGHT, frame, sizeof(frame), NULL), 61);
	cat_lane_local_advance(local, 1);
	assert_int_equal(pop_all(local, CAT_RIGHT), 0);
	cat_lane_local_inject(local, 1, "hello", 5);
	assert_int_equal(cat_lane_local_pop(local, CAT_RIGHT, frame, sizeof(frame), NULL), 5);
	assert_memory_equal(frame, "hello", 5);
	assert_int_equal(cat_lane_local_missing(local), 0);
	cat_lane_local_destroy(local);
}

static void test_supply_runs_out(void **state)
{
	(void)state;
	struct cat_lane_local *local = cat_lane_local_create(&everything_ops, NULL, NULL, NULL);
	uint8_t acts[100];
	memset(acts, ACT_ANSWER, sizeof(acts));
	assert_int_equal(push(local, CAT_LEFT, acts, 100), 0);
	assert_int_equal(cat_lane_local_counter(local, "supply_used"), 64);
	assert_int_equal(cat_lane_local_counter(local, "drop.no_supply"), 36);
	assert_int_equal(pop_all(local, CAT_LEFT), 64);
	assert_int_equal(pop_all(local, CAT_RIGHT), 100);
	// Filled again for the next burst.
	assert_int_equal(push(local, CAT_LEFT, acts, 10), 0);
	assert_int_equal(cat_lane_local_counter(local, "supply_used"), 74);
	assert_int_equal(cat_lane_local_missing(local), 0);
	cat_lane_local_destroy(local);
}

// 10,000 frames a second and channel, 256 at once; the channels do not share.
static void test_policing(void **state)
{
	(void)state;
	struct cat_lane_local *local = cat_lane_local_create(&everything_ops, NULL, NULL, NULL);
	struct cat_lane *lane = cat_lane_local_lane(local);
	uint8_t frame[64] = {ACT_PUNT, 0}, got[64];
	const void *frames[] = {frame};
	uint32_t lengths[] = {64};
	unsigned channel;
	uint32_t passed[2] = {0};
	// Two seconds, a frame every 20 us on channel 0, the queue always emptied; channel 7 only now and then.
	for (uint32_t i = 0; i < 100000; i++) {
		frame[1] = i % 1000 == 0 ? 7 : 0;
		cat_lane_local_push(local, CAT_LEFT, frames, lengths, 1);
		while (cat_lane_local_pop_punt(local, &channel, got, sizeof(got)) >= 0)
			passed[channel == 7]++;
		lane->now_us += 20;
	}
	assert_in_range(passed[0], 20000 + 250, 20000 + 260);
	assert_int_equal(passed[1], 100);
	frame[1] = CAT_CHANNELS_MAX;
	uint64_t before = cat_lane_local_counter(local, "drop.punt_full");
	cat_lane_local_push(local, CAT_LEFT, frames, lengths, 1);
	assert_int_equal(cat_lane_local_counter(local, "drop.punt_full"), before + 1);
	cat_lane_local_destroy(local);
}

static void test_configure(void **state)
{
	(void)state;
	struct cat_lane_local *local = cat_lane_local_create(&everything_ops, "{\"letter\": \"x\"}", NULL, NULL);
	uint8_t acts[1] = {ACT_PASS}, frame[64];
	static const struct {
		const char *json;
		int result;
		char letter;
	} table[] = {{"{\"letter\": \"y\"}", 0, 'y'}, {"{\"letter\": 5}", -EINVAL, 'y'}, {NULL, 0, 'a'}};
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++) {
		assert_int_equal(cat_lane_local_configure(local, table[i].json, NULL), table[i].result);
		push(local, CAT_LEFT, acts, 1);
		assert_int_equal(cat_lane_local_pop(local, CAT_RIGHT, frame, sizeof(frame), NULL), 64);
		assert_int_equal(frame[1], table[i].letter);
	}
	cat_lane_local_destroy(local);
}

// A chain in one process: what leaves one lane enters the next, in the same buffers.
static void test_run(void **state)
{
	(void)state;
	struct cat_lane_local *first = cat_lane_local_create(&null_ops, NULL, NULL, NULL);
	struct cat_lane_local_options shared = {.region_of = first};
	struct cat_lane_local *second = cat_lane_local_create(&everything_ops, NULL, &shared, NULL);
	struct cat_desc desc[100];
	struct cat_burst out[CAT_SIDES];
	for (unsigned round = 0; round < 200; round++) {
		assert_int_equal(cat_lane_local_take(first, desc, 100), 0);
		for (uint32_t i = 0; i < 100; i++) {
			desc[i].len = 64;
			desc[i].flags = CAT_DESC_OTHER;
			cat_data(cat_lane_local_lane(first), &desc[i])[0] = i % 2 ? ACT_PASS : ACT_DROP;
		}
		struct cat_burst burst = {.side = CAT_LEFT, .count = 100, .desc = desc};
		cat_lane_local_run(first, &burst, out);
		assert_int_equal(out[CAT_LEFT].count, 0);
		burst = out[CAT_RIGHT];
		assert_int_equal(burst.side, CAT_LEFT);
		assert_int_equal(burst.count, 100);
		cat_lane_local_run(second, &burst, out);
		burst = out[CAT_RIGHT];
		assert_int_equal(burst.count, 50);
		for (uint32_t i = 0; i < 50; i++)
			assert_int_equal(burst.desc[i].buf, desc[2 * i + 1].buf);
		cat_lane_local_give(first, burst.desc, burst.count);
	}
	cat_lane_local_destroy(first);
	cat_lane_local_destroy(second);
}

// The same through rings, with all that a worker does, in both directions.
static void test_link(void **state)
{
	(void)state;
	struct cat_lane_local *lane[3];
	struct cat_lane_local_options options = {.ring = 256};
	for (int i = 0; i < 3; i++) {
		lane[i] = cat_lane_local_create(i == 1 ? &everything_ops : &null_ops, NULL, &options, NULL);
		options.region_of = lane[0];
	}
	struct cat_lane_local *stranger = cat_lane_local_create(&null_ops, NULL, NULL, NULL);
	assert_int_equal(cat_lane_local_link(lane[0], stranger), -EINVAL);
	cat_lane_local_destroy(stranger);
	assert_int_equal(cat_lane_local_link(lane[0], lane[1]), 0);
	assert_int_equal(cat_lane_local_link(lane[1], lane[2]), 0);
	assert_int_equal(cat_lane_local_link(lane[0], lane[2]), -EINVAL);
	struct cat_desc desc[100], got[300];
	for (unsigned round = 0; round < 100; round++) {
		enum cat_side from = round % 2 ? CAT_LEFT : CAT_RIGHT;
		int first = from == CAT_LEFT ? 0 : 2;
		assert_int_equal(cat_lane_local_take(lane[0], desc, 100), 0);
		for (uint32_t i = 0; i < 100; i++) {
			desc[i].len = 64;
			desc[i].flags = CAT_DESC_OTHER;
			cat_data(cat_lane_local_lane(lane[0]), &desc[i])[0] = i % 2 ? ACT_PASS : ACT_DROP;
		}
		assert_int_equal(cat_lane_local_offer(lane[first], from, desc, 100), 0);
		assert_int_equal(cat_lane_local_burst(lane[first], from), 100);
		assert_int_equal(cat_lane_local_burst(lane[1], from), 100);
		assert_int_equal(cat_lane_local_burst(lane[2 - first], from), 50);
		assert_int_equal(cat_lane_local_collect(lane[2 - first], !from, got, 300), 50);
		for (uint32_t i = 0; i < 50; i++)
			assert_int_equal(got[i].buf, desc[2 * i + 1].buf);
		cat_lane_local_give(lane[0], got, 50);
	}
	// Some lie in a ring between two lanes when the lanes end.
	assert_int_equal(cat_lane_local_take(lane[0], desc, 10), 0);
	for (uint32_t i = 0; i < 10; i++)
		desc[i].flags = CAT_DESC_OTHER;
	assert_int_equal(cat_lane_local_offer(lane[0], CAT_LEFT, desc, 10), 0);
	assert_int_equal(cat_lane_local_burst(lane[0], CAT_LEFT), 10);
	const void *frames[] = {desc};
	uint32_t lengths[] = {60};
	assert_int_equal(cat_lane_local_push(lane[1], CAT_LEFT, frames, lengths, 1), -ENOLINK);
	assert_int_equal(cat_lane_local_pop(lane[1], CAT_LEFT, got, sizeof(got), NULL), -EAGAIN);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(cat_lane_local_missing(lane[i]), 0);
		cat_lane_local_destroy(lane[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_config), cmocka_unit_test(test_null),
		cmocka_unit_test(test_limits),     cmocka_unit_test(test_everything),
		cmocka_unit_test(test_policing),   cmocka_unit_test(test_supply_runs_out),
		cmocka_unit_test(test_configure),  cmocka_unit_test(test_run),
		cmocka_unit_test(test_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
