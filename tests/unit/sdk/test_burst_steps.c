// SPDX-License-Identifier: BSD-3-Clause
// A worker that dies at every instruction of its bursts, and a successor that dies at every instruction of taking over.
// Each time another takes over and finishes: every buffer is in exactly one place, in order, and at most one is torn.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../../vnfs/sdk/burst.h"
#include "../../../vnfs/sdk/punt.h"
#include "steps.h"
#include "test.h"

#define RING 32u
#define BUFFERS 128u
#define STRIDE 2112u
#define COUNT 20u // packets, in two bursts
#define LIMIT 12u
#define SUPPLY 6u
#define SUPPLY_BUF 100u
#define START 0xfffffff5u // indices wrap within the bursts

// Everything that outlives a worker.
struct shared {
	struct {
		alignas(64) uint8_t bytes[sizeof(struct cat_ring) + RING * sizeof(struct cat_desc)];
	} in[CAT_SIDES], out[CAT_SIDES], ret, supply;
	struct cat_worker_page page;
	struct cat_stats_lane stats;
};

// Packet i goes left, right, back, or left with an answer to the right; runs of unchanged ones at once.
static void process(struct cat_lane *lane, struct cat_burst *burst)
{
	for (uint32_t i = 0; i < burst->count; i++) {
		struct cat_desc *desc = &burst->desc[i], answer;
		if (desc->hash % 5 == 0) {
			cat_emit(lane, desc, CAT_LEFT);
		} else if (desc->hash % 5 == 1 && i + 1 < burst->count) {
			cat_emit_run(lane, desc, 2, CAT_RIGHT);
			i++;
		} else if (desc->hash % 5 == 3) {
			cat_drop(lane, desc, CAT_DROP_MALFORMED);
		} else {
			if (cat_supply_peek(lane, &answer)) {
				answer.len = 60;
				answer.flags = CAT_DESC_OTHER;
				cat_emit_supply(lane, &answer, CAT_RIGHT);
			}
			cat_emit(lane, desc, CAT_LEFT);
		}
	}
}

static const struct cat_vnf_ops ops = {.abi = CAT_VNF_ABI, .kind = "test", .process = process};

static struct cat_ring *ring_of(void *bytes)
{
	return bytes;
}

static void ring_make(void *bytes, uint32_t first_buf, uint32_t n)
{
	struct cat_ring *ring = ring_of(bytes);
	cat_ring_format(ring, RING);
	for (uint32_t i = 0; i < n; i++)
		ring->slot[(START + i) & (RING - 1)] = (struct cat_desc){
			.buf = first_buf + i, .off = CAT_HEADROOM, .len = 60, .hash = i, .flags = CAT_DESC_OTHER};
	atomic_store(&ring->cons, START);
	atomic_store(&ring->prod, START + n);
}

static struct shared *shared_make(void)
{
	struct shared *shared = steps_memory(sizeof(*shared));
	ring_make(&shared->in[CAT_LEFT], 0, COUNT);
	ring_make(&shared->in[CAT_RIGHT], 0, 0);
	ring_make(&shared->out[CAT_LEFT], 0, 0);
	ring_make(&shared->out[CAT_RIGHT], 0, 0);
	ring_make(&shared->ret, 0, 0);
	ring_make(&shared->supply, SUPPLY_BUF, SUPPLY);
	return shared;
}

static struct burst_engine *engine_make(struct shared *shared)
{
	static uint8_t region[BUFFERS * STRIDE];
	struct burst_engine *engine = aligned_alloc(64, (sizeof(*engine) + 63) / 64 * 64);
	assert_non_null(engine);
	memset(engine, 0, sizeof(*engine));
	struct cat_lane *lane = &engine->lane;
	size_t bytes = cat_ring_bytes(RING);
	engine->ops = &ops;
	engine->limit = LIMIT;
	lane->region = region;
	lane->stride = STRIDE;
	lane->buffers = BUFFERS;
	lane->page = &shared->page;
	lane->stats = &shared->stats;
	lane->punt = punt_create(STRIDE, 1);
	assert_non_null(lane->punt);
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		assert_int_equal(cat_ring_attach(&lane->in[side], ring_of(&shared->in[side]), bytes, RING, false), 0);
		assert_int_equal(cat_ring_attach(&lane->out[side], ring_of(&shared->out[side]), bytes, RING, true), 0);
	}
	assert_int_equal(cat_ring_attach(&lane->ret, ring_of(&shared->ret), bytes, RING, true), 0);
	assert_int_equal(cat_ring_attach(&lane->supply, ring_of(&shared->supply), bytes, RING, false), 0);
	return engine;
}

static void engine_free(struct burst_engine *engine)
{
	punt_destroy(engine->lane.punt);
	free(engine);
}

static void run_all(struct burst_engine *engine)
{
	while (burst_run(engine, CAT_LEFT))
		;
}

struct places {
	uint32_t seen[BUFFERS], torn;
};

static void count_ring(struct places *places, void *bytes, bool in_order)
{
	const struct cat_ring *ring = ring_of(bytes);
	uint32_t prod = atomic_load(&ring->prod), last = 0;
	for (uint32_t at = atomic_load(&ring->cons); at != prod; at++) {
		const struct cat_desc *desc = &ring->slot[at & (RING - 1)];
		assert_true(desc->buf < BUFFERS);
		places->seen[desc->buf]++;
		if (in_order && desc->buf < COUNT) {
			assert_true(desc->buf >= last);
			last = desc->buf;
		}
	}
}

static void check_places(struct shared *shared, uint32_t torn_max)
{
	struct places places = {.torn = 0};
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		count_ring(&places, &shared->in[side], true);
		count_ring(&places, &shared->out[side], true);
	}
	count_ring(&places, &shared->ret, false);
	count_ring(&places, &shared->supply, false);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(places.seen[i], 1);
	for (uint32_t i = 0; i < SUPPLY; i++)
		assert_int_equal(places.seen[SUPPLY_BUF + i], 1);
	assert_in_range(atomic_load(&shared->stats.value[CAT_DROP_TORN]), 0, torn_max);
}

// The successor takes over, which must leave nothing open, and does the rest.
static void succeed(void *memory)
{
	struct shared *shared = memory;
	struct burst_engine *engine = engine_make(shared);
	burst_recover(&engine->lane);
	check_places(shared, 1);
	assert_int_equal(burst_recover(&engine->lane), 0);
	run_all(engine);
	check_places(shared, 1);
	assert_int_equal(cat_ring_ready(&engine->lane.in[CAT_LEFT]), 0);
	engine_free(engine);
}

static void work(void *user)
{
	run_all(user);
}

static void check(void *user, void *memory)
{
	(void)user;
	succeed(memory);
}

static void dies_at_every_instruction(void **state)
{
	(void)state;
	struct shared *shared = shared_make();
	struct burst_engine *engine = engine_make(shared);
	struct steps_result result = steps_run(&(struct steps){
		.memory = shared, .bytes = sizeof(*shared), .work = work, .check = check, .user = engine});
	printf("commit path: %llu instructions, %llu of them stores that a successor sees\n",
	       (unsigned long long)result.instructions, (unsigned long long)result.stores);
	assert_true(result.stores > 4 * COUNT);
	engine_free(engine);
	munmap(shared, sizeof(*shared));
}

static void recover(void *user)
{
	struct burst_engine *engine = user;
	burst_recover(&engine->lane);
}

struct nested {
	uint64_t deaths, instructions, stores;
};

// A worker died here; its successor dies at each of its own instructions.
static void check_successor(void *user, void *memory)
{
	struct nested *nested = user;
	const struct shared *death = memory;
	if (atomic_load(&death->page.phase) == CAT_COMMIT_IDLE || nested->deaths++ % 8)
		return;
	struct shared *shared = steps_memory(sizeof(*shared));
	memcpy(shared, death, sizeof(*shared));
	struct burst_engine *engine = engine_make(shared);
	struct steps_result result = steps_run(&(struct steps){
		.memory = shared, .bytes = sizeof(*shared), .work = recover, .check = check, .user = engine});
	nested->instructions += result.instructions;
	nested->stores += result.stores;
	engine_free(engine);
	munmap(shared, sizeof(*shared));
}

struct outer {
	struct nested nested; // first: the check finds it
	struct burst_engine *engine;
};

static void outer_work(void *user)
{
	run_all(((struct outer *)user)->engine);
}

static void successor_dies_at_every_instruction(void **state)
{
	(void)state;
	struct shared *shared = shared_make();
	struct outer outer = {.engine = engine_make(shared)};
	steps_run(&(struct steps){.memory = shared,
				  .bytes = sizeof(*shared),
				  .work = outer_work,
				  .check = check_successor,
				  .user = &outer});
	printf("recovery: %llu instructions, %llu of them stores that a successor sees\n",
	       (unsigned long long)outer.nested.instructions, (unsigned long long)outer.nested.stores);
	assert_true(outer.nested.stores > 0);
	engine_free(outer.engine);
	munmap(shared, sizeof(*shared));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dies_at_every_instruction),
		cmocka_unit_test(successor_dies_at_every_instruction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
