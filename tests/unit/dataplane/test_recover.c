// SPDX-License-Identifier: BSD-3-Clause
// A worker dies after each of its stores; whoever takes over must find every packet in exactly one place.
#include "cat_recover.h"
#include "cat_stats.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 16u
#define COUNT 8u          // packets in the burst
#define WAITING 11u       // packets in the input ring
#define START 0xfffffff9u // indices wrap within the burst
#define SUPPLY_BUF 100u

struct bench {
	struct cat_worker_page page;
	struct cat_recover_rings rings;
};

static struct cat_recover_ring ring_create(void)
{
	size_t bytes = (cat_ring_bytes(SIZE) + 63) / 64 * 64;
	struct cat_ring *ring = aligned_alloc(64, bytes);
	assert_non_null(ring);
	memset(ring, 0, bytes);
	ring->size = SIZE;
	atomic_store(&ring->prod, START);
	atomic_store(&ring->cons, START);
	return (struct cat_recover_ring){.ring = ring, .size = SIZE};
}

static void fill(struct cat_recover_ring *r, uint32_t first_buf, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		r->ring->slot[(START + i) & (SIZE - 1)] =
			(struct cat_desc){.buf = first_buf + i, .len = 60, .flags = 7};
	atomic_store(&r->ring->prod, START + n);
}

static int set_up(void **state)
{
	struct bench *b = aligned_alloc(64, sizeof(*b));
	memset(b, 0, sizeof(*b));
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		b->rings.input[side] = ring_create();
		b->rings.output[side] = ring_create();
	}
	b->rings.ret = ring_create();
	b->rings.supply = ring_create();
	fill(&b->rings.input[CAT_LEFT], 0, WAITING);
	fill(&b->rings.supply, SUPPLY_BUF, 4);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		free(b->rings.input[side].ring);
		free(b->rings.output[side].ring);
	}
	free(b->rings.ret.ring);
	free(b->rings.supply.ring);
	free(b);
	return 0;
}

static uint32_t prod(const struct cat_recover_ring *r)
{
	return atomic_load(&r->ring->prod) - START;
}

static uint32_t cons(const struct cat_recover_ring *r)
{
	return atomic_load(&r->ring->cons) - START;
}

static uint32_t buf_at(const struct cat_recover_ring *r, uint32_t i)
{
	return r->ring->slot[(START + i) & (SIZE - 1)].buf;
}

// What a worker does, store by store. Packet i goes right, left, back or stays held by i % 4; the packet after the
// third emits one of its own from supply besides. Dies after `steps` steps; returns whether it got to its end.
struct script {
	uint32_t steps;
	uint64_t progress;
};

static bool step(struct script *s)
{
	return s->steps-- > 0;
}

static bool hand_on(struct bench *b, struct script *s, enum cat_dest to, uint32_t buf)
{
	struct cat_recover_ring *ring = to == CAT_TO_RETURN ? &b->rings.ret : &b->rings.output[to == CAT_TO_RIGHT];
	if (to != CAT_TO_HELD) {
		if (!step(s))
			return false;
		ring->ring->slot[(START + CAT_PROGRESS_OF(s->progress, to)) & (SIZE - 1)] =
			(struct cat_desc){.buf = buf};
	}
	if (!step(s))
		return false;
	s->progress += CAT_PROGRESS_ONE(to) + (buf >= SUPPLY_BUF ? CAT_PROGRESS_ONE(CAT_FROM_SUPPLY) : 0);
	atomic_store(&b->page.progress, s->progress);
	return true;
}

static bool commit(struct bench *b, struct script *s)
{
	uint64_t p = s->progress;
	if (!step(s))
		return false;
	b->page.target.input_cons = START + COUNT;
	b->page.target.out_prod[CAT_LEFT] = START + CAT_PROGRESS_OF(p, CAT_TO_LEFT);
	b->page.target.out_prod[CAT_RIGHT] = START + CAT_PROGRESS_OF(p, CAT_TO_RIGHT);
	b->page.target.return_prod = START + CAT_PROGRESS_OF(p, CAT_TO_RETURN);
	b->page.target.supply_cons = START + CAT_PROGRESS_OF(p, CAT_FROM_SUPPLY);
	if (!step(s))
		return false;
	atomic_store(&b->page.phase, CAT_COMMIT_FULL);
	_Atomic uint32_t *const index[] = {&b->rings.output[CAT_LEFT].ring->prod,
					   &b->rings.output[CAT_RIGHT].ring->prod, &b->rings.ret.ring->prod,
					   &b->rings.supply.ring->cons, &b->rings.input[CAT_LEFT].ring->cons};
	const uint32_t value[] = {b->page.target.out_prod[CAT_LEFT], b->page.target.out_prod[CAT_RIGHT],
				  b->page.target.return_prod, b->page.target.supply_cons, b->page.target.input_cons};
	for (unsigned i = 0; i < 5; i++) {
		if (!step(s))
			return false;
		atomic_store(index[i], value[i]);
	}
	if (!step(s))
		return false;
	atomic_store(&b->page.phase, CAT_COMMIT_IDLE);
	return true;
}

static bool work(struct bench *b, struct script *s)
{
	static const enum cat_dest where[] = {CAT_TO_RIGHT, CAT_TO_LEFT, CAT_TO_RETURN, CAT_TO_HELD};
	b->page.input = CAT_LEFT;
	b->page.count = COUNT;
	if (!step(s))
		return false;
	atomic_store(&b->page.phase, CAT_COMMIT_OPEN);
	for (uint32_t i = 0; i < COUNT; i++) {
		if (!hand_on(b, s, where[i % 4], i))
			return false;
		if (i == 3 && !hand_on(b, s, CAT_TO_LEFT, SUPPLY_BUF))
			return false;
	}
	return commit(b, s);
}

static void check_places(struct bench *b, uint32_t held, uint32_t torn)
{
	struct cat_recover_rings *r = &b->rings;
	uint32_t seen[SUPPLY_BUF + SIZE] = {0}, taken = cons(&r->input[CAT_LEFT]), supplied = cons(&r->supply);
	const struct cat_recover_ring *out[] = {&r->output[CAT_LEFT], &r->output[CAT_RIGHT], &r->ret};
	for (unsigned i = 0; i < 3; i++)
		for (uint32_t k = 0; k < prod(out[i]); k++)
			seen[buf_at(out[i], k)]++;
	for (uint32_t k = taken; k < WAITING; k++)
		seen[buf_at(&r->input[CAT_LEFT], k)]++;
	for (uint32_t k = supplied; k < 4; k++)
		seen[buf_at(&r->supply, k)]++;
	for (uint32_t i = 0; i < WAITING; i++) {
		bool is_held = i < COUNT && i % 4 == 3 && i < taken;
		if (is_held && seen[i] == 0)
			held--;
		else
			assert_int_equal(seen[i], 1);
	}
	assert_int_equal(held, 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(seen[SUPPLY_BUF + i], 1);
	if (torn) {
		// The one that may be half changed went back, last of all, and says why.
		assert_int_equal(buf_at(&r->ret, prod(&r->ret) - 1), taken - 1);
		assert_int_equal(r->ret.ring->slot[(START + prod(&r->ret) - 1) & (SIZE - 1)].flags, CAT_DROP_TORN);
	}
}

static void dies_anywhere(void **state)
{
	uint32_t torn_seen = 0, at = 0;
	for (bool finished = false; !finished; at++) {
		struct bench *b = *state;
		struct script script = {.steps = at};
		finished = work(b, &script);
		bool open = atomic_load(&b->page.phase) == CAT_COMMIT_OPEN;
		uint32_t handled = 0;
		for (enum cat_dest d = 0; d <= CAT_TO_HELD; d++)
			handled += CAT_PROGRESS_OF(script.progress, d);
		handled -= CAT_PROGRESS_OF(script.progress, CAT_FROM_SUPPLY);
		struct cat_recover_result result = {0};
		assert_int_equal(cat_recover_worker(&b->page, &b->rings, &result), 0);
		assert_int_equal(result.torn, open && handled < COUNT);
		assert_int_equal(atomic_load(&b->page.phase), CAT_COMMIT_IDLE);
		// A held packet is accounted for by the held table, and one that is torn is not held.
		uint32_t held = CAT_PROGRESS_OF(script.progress, CAT_TO_HELD);
		check_places(b, at == 0 ? 0 : held, result.torn);
		torn_seen += result.torn;
		// Again: nothing more to do.
		struct cat_recover_result again = {.torn = 9};
		assert_int_equal(cat_recover_worker(&b->page, &b->rings, &again), 0);
		assert_int_equal(again.torn + again.published, 0);
		tear_down(state);
		set_up(state);
	}
	assert_true(at > 25);
	assert_true(torn_seen > 10);
}

// What a hostile worker leaves behind changes no index.
static void contradictions_publish_nothing(void **state)
{
	static const struct {
		const char *name;
		uint32_t phase, input, count;
		uint64_t progress;
		uint32_t out_prod, input_cons;
	} cases[] = {
		{"unknown phase", 3, CAT_LEFT, 4, 0, 0, 0},
		{"unknown input", CAT_COMMIT_OPEN, 3, 4, 0, 0, 0},
		{"more than a burst", CAT_COMMIT_OPEN, CAT_LEFT, CAT_BURST_MAX + 1, 0, 0, 0},
		{"more handled than there were", CAT_COMMIT_OPEN, CAT_LEFT, 2, 3, 0, 0},
		{"more from supply than emitted", CAT_COMMIT_OPEN, CAT_LEFT, 2,
		 2 * CAT_PROGRESS_ONE(CAT_FROM_SUPPLY) + CAT_PROGRESS_ONE(CAT_TO_LEFT), 0, 0},
		{"packets without input", CAT_COMMIT_OPEN, CAT_NO_INPUT, 1, 0, 0, 0},
		{"more than the output takes", CAT_COMMIT_OPEN, CAT_LEFT, CAT_BURST_MAX, SIZE + 1, 0, 0},
		{"more than the input had", CAT_COMMIT_OPEN, CAT_RIGHT, 4, 0, 0, 0},
		{"target beyond the ring", CAT_COMMIT_FULL, CAT_LEFT, 4, 0, START + SIZE + 1, START},
		{"target before the consumer", CAT_COMMIT_FULL, CAT_LEFT, 4, 0, START - 1, START},
		{"consumer beyond the producer", CAT_COMMIT_FULL, CAT_LEFT, 4, 0, START, START + WAITING + 1},
	};
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		atomic_store(&b->page.phase, cases[i].phase);
		atomic_store(&b->page.progress, cases[i].progress);
		b->page.input = cases[i].input;
		b->page.count = cases[i].count;
		b->page.target.out_prod[CAT_LEFT] = cases[i].out_prod;
		b->page.target.out_prod[CAT_RIGHT] = b->page.target.return_prod = b->page.target.supply_cons = START;
		b->page.target.input_cons = cases[i].input_cons;
		struct cat_recover_result result = {.torn = 7};
		if (cat_recover_worker(&b->page, &b->rings, &result) != -EINVAL || result.torn != 7)
			fail_msg("%s: not refused", cases[i].name);
		assert_int_equal(atomic_load(&b->page.phase), CAT_COMMIT_IDLE);
		assert_int_equal(prod(&b->rings.output[0]) + prod(&b->rings.output[1]) + prod(&b->rings.ret), 0);
		assert_int_equal(cons(&b->rings.input[CAT_LEFT]) + cons(&b->rings.supply), 0);
	}
}

static void a_burst_of_own_packets_has_no_torn_one(void **state)
{
	struct bench *b = *state;
	b->page.input = CAT_NO_INPUT;
	atomic_store(&b->page.progress, CAT_PROGRESS_ONE(CAT_TO_RIGHT) + CAT_PROGRESS_ONE(CAT_FROM_SUPPLY));
	atomic_store(&b->page.phase, CAT_COMMIT_OPEN);
	struct cat_recover_result result;
	assert_int_equal(cat_recover_worker(&b->page, &b->rings, &result), 0);
	assert_int_equal(result.torn, 0);
	assert_int_equal(prod(&b->rings.output[CAT_RIGHT]), 1);
	assert_int_equal(cons(&b->rings.supply), 1);
	assert_int_equal(cons(&b->rings.input[CAT_LEFT]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(contradictions_publish_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dies_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_burst_of_own_packets_has_no_torn_one, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
