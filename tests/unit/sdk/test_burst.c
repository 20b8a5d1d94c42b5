// SPDX-License-Identifier: BSD-3-Clause
// Burst commit: death at every packet and at every store of a commit, and descriptors from a hostile neighbour.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../vnfs/sdk/burst.h"
#include "../../../vnfs/sdk/punt.h"
#include "cat_cleanup.h"

#define RING 64u
#define BUFFERS 256u
#define STRIDE 2112u
#define COUNT 24u
#define MIXED 39u // descriptors checked together: two groups of the widest kind, and more

// Everything that outlives a worker, in one piece, so that the moment of death can be kept as a copy.
struct shared {
	struct {
		alignas(64) uint8_t bytes[sizeof(struct cat_ring) + RING * sizeof(struct cat_desc)];
	} in[CAT_SIDES], out[CAT_SIDES], ret, supply;
	struct cat_worker_page page;
	struct cat_stats_lane stats;
};

struct fixture {
	struct burst_engine engine; // first: process finds the fixture by it
	struct shared *shared;
	uint8_t *region;
	// The neighbours' ends.
	struct cat_ring_end push[CAT_SIDES], pop[CAT_SIDES], ret_pop, supply_push;
	// What process is to do, and copies of the shared memory as it stood when packet i was about to be handed over.
	struct shared *at_death;
	uint32_t seen, supplied;
};

static struct cat_ring *ring_of(void *bytes)
{
	return bytes;
}

static void attach_ends(struct fixture *f)
{
	struct cat_lane *lane = &f->engine.lane;
	size_t bytes = cat_ring_bytes(RING);
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		struct cat_ring *in = ring_of(&f->shared->in[side]), *out = ring_of(&f->shared->out[side]);
		cat_ring_attach(&f->push[side], in, bytes, RING, true);
		cat_ring_attach(&lane->in[side], in, bytes, RING, false);
		cat_ring_attach(&lane->out[side], out, bytes, RING, true);
		cat_ring_attach(&f->pop[side], out, bytes, RING, false);
	}
	cat_ring_attach(&lane->ret, ring_of(&f->shared->ret), bytes, RING, true);
	cat_ring_attach(&f->ret_pop, ring_of(&f->shared->ret), bytes, RING, false);
	cat_ring_attach(&f->supply_push, ring_of(&f->shared->supply), bytes, RING, true);
	cat_ring_attach(&lane->supply, ring_of(&f->shared->supply), bytes, RING, false);
	lane->page = &f->shared->page;
	lane->stats = &f->shared->stats;
}

// Packet i goes left, right, back, or left with an answer to the right, by its number.
static void process(struct cat_lane *lane, struct cat_burst *burst)
{
	struct fixture *f = (struct fixture *)lane;
	for (uint32_t i = 0; i < burst->count; i++) {
		struct cat_desc *desc = &burst->desc[i], answer;
		if (f->at_death)
			f->at_death[f->seen] = *f->shared;
		f->seen++;
		switch (desc->hash % 4) {
		case 0:
			cat_emit(lane, desc, CAT_LEFT);
			break;
		case 1:
			cat_emit(lane, desc, CAT_RIGHT);
			break;
		case 2:
			cat_drop(lane, desc, CAT_DROP_MALFORMED);
			break;
		default:
			if (cat_supply_peek(lane, &answer)) {
				answer.len = 60;
				answer.flags = CAT_DESC_OTHER;
				cat_emit_supply(lane, &answer, CAT_RIGHT);
				f->supplied++;
			}
			cat_emit(lane, desc, CAT_LEFT);
		}
	}
}

static const struct cat_vnf_ops ops = {.abi = CAT_VNF_ABI, .kind = "test", .process = process};

static struct fixture *fixture_create(void)
{
	struct fixture *f = aligned_alloc(64, (sizeof(*f) + 63) & ~(size_t)63);
	memset(f, 0, sizeof(*f));
	f->shared = aligned_alloc(64, sizeof(*f->shared));
	memset(f->shared, 0, sizeof(*f->shared));
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		cat_ring_format(ring_of(&f->shared->in[side]), RING);
		cat_ring_format(ring_of(&f->shared->out[side]), RING);
	}
	cat_ring_format(ring_of(&f->shared->ret), RING);
	cat_ring_format(ring_of(&f->shared->supply), RING);
	attach_ends(f);
	f->region = calloc(BUFFERS, STRIDE);
	f->engine.ops = &ops;
	f->engine.limit = CAT_BURST_MAX;
	struct cat_lane *lane = &f->engine.lane;
	lane->region = f->region;
	lane->buffers = BUFFERS;
	lane->stride = STRIDE;
	lane->lanes = 1;
	lane->punt = punt_create(STRIDE, 1);
	return f;
}

static void fixture_destroy(struct fixture *f)
{
	punt_destroy(f->engine.lane.punt);
	free(f->region);
	free(f->shared);
	free(f);
}

static void push(struct fixture *f, enum cat_side side, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		*cat_ring_slot(&f->push[side], i) = (struct cat_desc){
			.buf = first + i, .off = CAT_HEADROOM, .len = 100, .hash = first + i, .flags = CAT_DESC_OTHER};
	cat_ring_publish(&f->push[side], count);
}

static void supply(struct fixture *f, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		*cat_ring_slot(&f->supply_push, i) = (struct cat_desc){.buf = first + i};
	cat_ring_publish(&f->supply_push, count);
}

// Which packet went where. Counts how often each buffer is seen.
struct outcome {
	uint32_t seen[BUFFERS];
	uint32_t torn, torn_buffer, left_in_input, left_in_supply;
};

static void collect(struct cat_ring_end *end, struct outcome *o, bool returned)
{
	for (uint32_t n = cat_ring_ready(end); n; n--) {
		const struct cat_desc *desc = cat_ring_slot(end, 0);
		assert_in_range(desc->buf, 0, BUFFERS - 1);
		o->seen[desc->buf]++;
		if (returned && desc->flags == CAT_DROP_TORN) {
			o->torn++;
			o->torn_buffer = desc->buf;
		}
		cat_ring_release(end, 1);
	}
}

static struct outcome outcome_of(struct fixture *f)
{
	struct outcome o = {0};
	collect(&f->pop[CAT_LEFT], &o, false);
	collect(&f->pop[CAT_RIGHT], &o, false);
	collect(&f->ret_pop, &o, true);
	o.left_in_input = cat_ring_ready(&f->engine.lane.in[CAT_LEFT]);
	o.left_in_supply = cat_ring_ready(&f->engine.lane.supply);
	return o;
}

static void test_a_whole_burst(void **state)
{
	(void)state;
	struct fixture *f = fixture_create();
	push(f, CAT_LEFT, 0, COUNT);
	supply(f, 100, 20);
	assert_int_equal(burst_run(&f->engine, CAT_LEFT), COUNT);
	struct outcome o = outcome_of(f);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(o.seen[i], 1);
	for (uint32_t i = 100; i < 100 + COUNT / 4; i++)
		assert_int_equal(o.seen[i], 1);
	assert_int_equal(o.left_in_supply, 20 - COUNT / 4);
	assert_int_equal(o.torn, 0);
	assert_int_equal(f->shared->page.phase, CAT_COMMIT_IDLE);
	assert_int_equal(burst_run(&f->engine, CAT_LEFT), 0);
	fixture_destroy(f);
}

// The successor: attaches to what a death has left, recovers, handles what is left.
static void succeed(struct fixture *f, const struct shared *death, uint32_t emitted, bool torn)
{
	*f->shared = *death;
	attach_ends(f);
	f->at_death = NULL;
	f->seen = f->supplied = 0;
	assert_int_equal(burst_recover(&f->engine.lane), torn);
	assert_int_equal(f->shared->page.phase, CAT_COMMIT_IDLE);
	// Recovering what is recovered does nothing.
	assert_int_equal(burst_recover(&f->engine.lane), 0);
	uint32_t left = cat_ring_ready(&f->engine.lane.in[CAT_LEFT]);
	assert_int_equal(left, COUNT - emitted - torn);
	assert_int_equal(burst_run(&f->engine, CAT_LEFT), left);
	struct outcome o = outcome_of(f);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(o.seen[i], 1);
	assert_int_equal(o.torn, torn);
	if (torn)
		assert_int_equal(o.torn_buffer, emitted);
	assert_int_equal(o.left_in_input, 0);
	// No supply buffer is in two places or in none.
	uint32_t used = 0;
	for (uint32_t i = 100; i < 120; i++) {
		assert_in_range(o.seen[i], 0, 1);
		used += o.seen[i];
	}
	assert_int_equal(used + o.left_in_supply, 20);
	assert_int_equal(atomic_load(&f->shared->stats.value[CAT_DROP_TORN]), torn);
}

static void test_death_at_every_packet(void **state)
{
	(void)state;
	struct fixture *f = fixture_create();
	struct shared *deaths = aligned_alloc(64, COUNT * sizeof(*deaths));
	// Indices that wrap to zero within the burst.
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		struct cat_ring *in = ring_of(&f->shared->in[side]), *out = ring_of(&f->shared->out[side]);
		in->prod = in->cons = UINT32_MAX - 5;
		out->prod = out->cons = UINT32_MAX - 3;
	}
	attach_ends(f);
	push(f, CAT_LEFT, 0, COUNT);
	supply(f, 100, 20);
	f->at_death = deaths;
	burst_run(&f->engine, CAT_LEFT);
	assert_int_equal(f->seen, COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		succeed(f, &deaths[i], i, true);
	free(deaths);
	fixture_destroy(f);
}

#define RUN 5u

// Runs of packets go right, left, right, ...; the last one is shorter.
static void process_runs(struct cat_lane *lane, struct cat_burst *burst)
{
	struct fixture *f = (struct fixture *)lane;
	for (uint32_t i = 0; i < burst->count; i += RUN) {
		if (f->at_death)
			f->at_death[f->seen] = *f->shared;
		f->seen++;
		uint32_t n = burst->count - i < RUN ? burst->count - i : RUN;
		cat_emit_run(lane, &burst->desc[i], n, i / RUN % 2 ? CAT_LEFT : CAT_RIGHT);
	}
}

static void test_death_at_every_run(void **state)
{
	(void)state;
	static const struct cat_vnf_ops run_ops = {.abi = CAT_VNF_ABI, .kind = "test", .process = process_runs};
	struct fixture *f = fixture_create();
	f->engine.ops = &run_ops;
	struct shared *deaths = aligned_alloc(64, COUNT * sizeof(*deaths));
	// A run that wraps to the first slot, and indices that wrap to zero.
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		struct cat_ring *out = ring_of(&f->shared->out[side]);
		out->prod = out->cons = UINT32_MAX - 3;
	}
	attach_ends(f);
	push(f, CAT_LEFT, 0, COUNT);
	supply(f, 100, 20);
	f->at_death = deaths;
	burst_run(&f->engine, CAT_LEFT);
	assert_int_equal(atomic_load(&f->shared->stats.value[CAT_STAT_RIGHT_TX_PACKETS]), 3 * RUN - 1);
	assert_int_equal(atomic_load(&f->shared->stats.value[CAT_STAT_RIGHT_TX_BYTES]), 100 * (3 * RUN - 1));
	uint32_t runs = f->seen;
	assert_int_equal(runs, (COUNT + RUN - 1) / RUN);
	for (uint32_t i = 0; i < runs; i++)
		succeed(f, &deaths[i], i * RUN, true);
	free(deaths);
	fixture_destroy(f);
}

// After the last packet: the commit's own stores, in their order, any number of them done.
static void test_death_within_the_commit(void **state)
{
	(void)state;
	struct fixture *f = fixture_create();
	struct shared *deaths = aligned_alloc(64, COUNT * sizeof(*deaths));
	push(f, CAT_LEFT, 0, COUNT);
	supply(f, 100, 20);
	f->at_death = deaths;
	burst_run(&f->engine, CAT_LEFT);
	const struct shared done = *f->shared;
	for (uint32_t stores = 0; stores <= 7; stores++) {
		struct shared death = deaths[COUNT - 1];
		// The page as the commit leaves it, open or full; the slots as process left them.
		for (uint32_t side = 0; side < CAT_SIDES; side++) {
			memcpy(ring_of(&death.out[side])->slot, ring_of(&f->shared->out[side])->slot,
			       RING * sizeof(struct cat_desc));
		}
		memcpy(ring_of(&death.ret)->slot, ring_of(&f->shared->ret)->slot, RING * sizeof(struct cat_desc));
		death.page = done.page;
		death.page.phase = stores == 0 ? CAT_COMMIT_OPEN : CAT_COMMIT_FULL;
		if (stores > 1)
			ring_of(&death.out[0])->prod = ring_of((void *)&done.out[0])->prod;
		if (stores > 2)
			ring_of(&death.out[1])->prod = ring_of((void *)&done.out[1])->prod;
		if (stores > 3)
			ring_of(&death.ret)->prod = ring_of((void *)&done.ret)->prod;
		if (stores > 4)
			ring_of(&death.supply)->cons = ring_of((void *)&done.supply)->cons;
		if (stores > 5)
			ring_of(&death.in[0])->cons = ring_of((void *)&done.in[0])->cons;
		if (stores > 6)
			death.page.phase = CAT_COMMIT_IDLE;
		succeed(f, &death, COUNT, false);
	}
	free(deaths);
	fixture_destroy(f);
}

static void test_burst_without_input(void **state)
{
	(void)state;
	struct fixture *f = fixture_create();
	supply(f, 100, 20);
	burst_open_empty(&f->engine);
	struct cat_desc desc;
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(cat_supply_peek(&f->engine.lane, &desc));
		assert_int_equal(desc.buf, 100 + i);
		assert_int_equal(desc.off, CAT_HEADROOM);
		assert_int_equal(desc.len, 0);
		cat_emit_supply(&f->engine.lane, &desc, CAT_RIGHT);
	}
	struct shared death = *f->shared;
	burst_close_empty(&f->engine);
	assert_int_equal(cat_ring_ready(&f->pop[CAT_RIGHT]), 3);
	assert_int_equal(atomic_load(&f->shared->stats.value[CAT_STAT_SUPPLY_USED]), 3);
	// The same, dead before the commit.
	*f->shared = death;
	attach_ends(f);
	assert_int_equal(burst_recover(&f->engine.lane), 0);
	struct outcome o = outcome_of(f);
	for (uint32_t i = 100; i < 103; i++)
		assert_int_equal(o.seen[i], 1);
	assert_int_equal(o.left_in_supply, 17);
	fixture_destroy(f);
}

static void test_room_limits_a_burst(void **state)
{
	(void)state;
	struct fixture *f = fixture_create();
	push(f, CAT_LEFT, 0, 60);
	supply(f, 100, 20);
	f->engine.limit = 16;
	assert_int_equal(burst_run(&f->engine, CAT_LEFT), 16);
	f->engine.limit = CAT_BURST_MAX;
	// Five places are left in the right output beyond those for what is sent back: nothing above may be taken,
	// whatever process would do with it.
	cat_ring_publish(&f->engine.lane.out[CAT_RIGHT], RING - RING / 4 - 5 - cat_ring_ready(&f->pop[CAT_RIGHT]));
	assert_int_equal(burst_run(&f->engine, CAT_LEFT), 5);
	// Nothing was to spare for packets from supply.
	assert_true(atomic_load(&f->shared->stats.value[CAT_DROP_NO_SUPPLY]) > 0);
	cat_ring_release(&f->pop[CAT_RIGHT], cat_ring_ready(&f->pop[CAT_RIGHT]));
	// The return ring as well.
	cat_ring_publish(&f->engine.lane.ret, cat_ring_room(&f->engine.lane.ret));
	assert_int_equal(burst_run(&f->engine, CAT_LEFT), 0);
	fixture_destroy(f);
}

static void pass_through(struct cat_lane *lane, struct cat_burst *burst)
{
	cat_emit_run(lane, burst->desc, burst->count, burst->side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT);
}

// Two neighbours, more packets from both sides than anybody takes, and then somebody takes them at one end.
static void test_full_rings_in_both_directions(void **state)
{
	(void)state;
	static const struct cat_vnf_ops through = {.abi = CAT_VNF_ABI, .kind = "test", .process = pass_through};
	struct fixture *f[2] = {fixture_create(), fixture_create()};
	size_t bytes = cat_ring_bytes(RING);
	struct cat_lane *left = &f[0]->engine.lane, *right = &f[1]->engine.lane;
	f[0]->engine.ops = f[1]->engine.ops = &through;
	cat_ring_attach(&right->in[CAT_LEFT], left->out[CAT_RIGHT].ring, bytes, RING, false);
	cat_ring_attach(&left->in[CAT_RIGHT], right->out[CAT_LEFT].ring, bytes, RING, false);
	uint32_t passed = 0;
	for (uint32_t round = 0; round < 100; round++) {
		push(f[0], CAT_LEFT, 0, cat_ring_room(&f[0]->push[CAT_LEFT]));
		push(f[1], CAT_RIGHT, 64, cat_ring_room(&f[1]->push[CAT_RIGHT]));
		uint32_t done = 0;
		for (uint32_t i = 0; i < 2; i++)
			done += burst_run(&f[i]->engine, CAT_LEFT) + burst_run(&f[i]->engine, CAT_RIGHT);
		// For a while nobody takes anything; then everything stands still, but not for ever.
		if (round < 20) {
			assert_true(round < 10 || done == 0);
			continue;
		}
		uint32_t n = cat_ring_ready(&f[0]->pop[CAT_LEFT]);
		assert_true(n > 0);
		cat_ring_release(&f[0]->pop[CAT_LEFT], n);
		n += cat_ring_ready(&f[1]->pop[CAT_RIGHT]);
		cat_ring_release(&f[1]->pop[CAT_RIGHT], cat_ring_ready(&f[1]->pop[CAT_RIGHT]));
		passed += n;
	}
	assert_true(passed > 80 * RING / 4);
	fixture_destroy(f[0]);
	fixture_destroy(f[1]);
}

static void test_hostile_descriptors(void **state)
{
	(void)state;
	const uint16_t tcp4 = CAT_DESC_IPV4 | CAT_DESC_TCP, udp6 = CAT_DESC_IPV6 | CAT_DESC_UDP;
	const struct {
		struct cat_desc desc;
		bool good;
	} table[] = {
		{{.buf = 1, .off = 128, .len = 100, .l3 = 14, .l4 = 34, .flags = tcp4}, true},
		{{.buf = BUFFERS, .off = 128, .len = 100, .flags = CAT_DESC_OTHER}, false},
		{{.buf = UINT32_MAX, .off = 128, .len = 100, .flags = CAT_DESC_OTHER}, false},
		{{.buf = BUFFERS - 1, .off = 0, .len = STRIDE, .flags = CAT_DESC_OTHER}, true},
		{{.buf = 1, .off = 1, .len = STRIDE, .flags = CAT_DESC_OTHER}, false},
		{{.buf = 1, .off = UINT16_MAX, .len = UINT16_MAX, .flags = CAT_DESC_OTHER}, false},
		{{.buf = 1, .off = 128, .len = 54, .l3 = 14, .l4 = 34, .flags = tcp4}, true},
		{{.buf = 1, .off = 128, .len = 53, .l3 = 14, .l4 = 34, .flags = tcp4}, false},
		{{.buf = 1, .off = 128, .len = 100, .l3 = 255, .l4 = 34, .flags = tcp4}, false},
		{{.buf = 1, .off = 128, .len = 100, .l3 = 14, .l4 = 255, .flags = tcp4}, false},
		{{.buf = 1, .off = 128, .len = 33, .l3 = 14, .flags = CAT_DESC_IPV4}, false},
		{{.buf = 1, .off = 128, .len = 34, .l3 = 14, .flags = CAT_DESC_IPV4}, true},
		{{.buf = 1, .off = 128, .len = 62, .l3 = 14, .l4 = 54, .flags = udp6}, true},
		{{.buf = 1, .off = 128, .len = 61, .l3 = 14, .l4 = 54, .flags = udp6}, false},
		{{.buf = 1, .off = 128, .len = 62, .l3 = 23, .l4 = 54, .flags = udp6}, false},
		{{.buf = 1, .off = 128, .len = 41, .l3 = 14, .l4 = 34, .flags = CAT_DESC_IPV4 | CAT_DESC_ICMP}, false},
		{{.buf = 1, .off = 128, .len = 42, .l3 = 14, .l4 = 34, .flags = CAT_DESC_IPV4 | CAT_DESC_ICMP}, true},
		{{.buf = 1, .off = 128, .len = 0, .flags = CAT_DESC_OTHER}, true},
		// Not parsed: what the other fields say does not count.
		{{.buf = 1, .off = 128, .len = 10, .l3 = 255, .l4 = 255}, true},
		{{.buf = 1, .off = 128, .len = 0, .flags = CAT_DESC_TCP}, true},
		{{.buf = BUFFERS, .off = 128, .len = 10}, false},
		{{.buf = 1, .off = STRIDE, .len = 10}, false},
	};
	// Each alone, and all in one burst.
	struct fixture *f = fixture_create();
	uint32_t good = 0, bad = 0;
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++) {
		struct cat_desc desc = table[i].desc;
		assert_int_equal(burst_check(&f->engine.lane, &desc), table[i].good);
		*cat_ring_slot(&f->push[CAT_RIGHT], (uint32_t)i) = table[i].desc;
		good += table[i].good;
		bad += !table[i].good;
	}
	cat_ring_publish(&f->push[CAT_RIGHT], CAT_ARRAY_LEN(table));
	assert_int_equal(burst_run(&f->engine, CAT_RIGHT), CAT_ARRAY_LEN(table));
	assert_int_equal(f->seen, good);
	assert_int_equal(atomic_load(&f->shared->stats.value[CAT_DROP_BAD_DESC]), bad);
	assert_int_equal(cat_ring_ready(&f->pop[CAT_LEFT]), good);
	assert_int_equal(cat_ring_ready(&f->ret_pop), bad);
	fixture_destroy(f);
	// Each at every place among good ones: descriptors are checked in groups.
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++) {
		for (uint32_t place = 0; place < MIXED; place++) {
			f = fixture_create();
			push(f, CAT_LEFT, 0, MIXED);
			struct cat_desc *desc = &f->push[CAT_LEFT].ring->slot[place];
			*desc = table[i].desc;
			desc->hash = place;
			assert_int_equal(burst_run(&f->engine, CAT_LEFT), MIXED);
			assert_int_equal(f->seen, table[i].good ? MIXED : MIXED - 1);
			assert_int_equal(atomic_load(&f->shared->stats.value[CAT_DROP_BAD_DESC]), !table[i].good);
			uint64_t bytes = (MIXED - 1) * 100 + (table[i].good ? table[i].desc.len : 0);
			assert_int_equal(atomic_load(&f->shared->stats.value[CAT_STAT_LEFT_RX_BYTES]), bytes);
			fixture_destroy(f);
		}
	}
}

static void test_impossible_index_reads_as_nothing(void **state)
{
	(void)state;
	struct fixture *f = fixture_create();
	atomic_store(&ring_of(&f->shared->in[CAT_LEFT])->prod, RING + 1);
	assert_int_equal(burst_run(&f->engine, CAT_LEFT), 0);
	assert_int_equal(f->engine.lane.in[CAT_LEFT].violations, 1);
	fixture_destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_burst),
		cmocka_unit_test(test_death_at_every_packet),
		cmocka_unit_test(test_death_at_every_run),
		cmocka_unit_test(test_death_within_the_commit),
		cmocka_unit_test(test_burst_without_input),
		cmocka_unit_test(test_room_limits_a_burst),
		cmocka_unit_test(test_full_rings_in_both_directions),
		cmocka_unit_test(test_hostile_descriptors),
		cmocka_unit_test(test_impossible_index_reads_as_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
