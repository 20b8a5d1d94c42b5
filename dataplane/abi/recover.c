// SPDX-License-Identifier: BSD-3-Clause
// How it works
//
// Nobody else writes what the dead worker wrote, so plain steps suffice. The worker may have been hostile: every index
// is computed first, checked against the other end's, and only a whole set of sound indices is stored.
#include "cat_recover.h"

#include <errno.h>
#include <stdbool.h>

#include "cat_stats.h"

struct indices {
	uint32_t input_cons, out_prod[CAT_SIDES], return_prod, supply_cons;
};

static uint32_t load(const _Atomic uint32_t *index)
{
	return atomic_load_explicit(index, memory_order_acquire);
}

static bool producer_fits(const struct cat_recover_ring *r, uint32_t prod)
{
	return prod - load(&r->ring->cons) <= r->size;
}

static bool consumer_fits(const struct cat_recover_ring *r, uint32_t cons)
{
	return load(&r->ring->prod) - cons <= r->size;
}

static bool indices_fit(const struct indices *to, uint32_t input, const struct cat_recover_rings *rings)
{
	for (unsigned side = 0; side < CAT_SIDES; side++)
		if (!producer_fits(&rings->output[side], to->out_prod[side]))
			return false;
	return producer_fits(&rings->ret, to->return_prod) && consumer_fits(&rings->supply, to->supply_cons) &&
	       (input == CAT_NO_INPUT || consumer_fits(&rings->input[input], to->input_cons));
}

static void store_indices(const struct indices *to, uint32_t input, const struct cat_recover_rings *rings)
{
	for (unsigned side = 0; side < CAT_SIDES; side++)
		atomic_store_explicit(&rings->output[side].ring->prod, to->out_prod[side], memory_order_release);
	atomic_store_explicit(&rings->ret.ring->prod, to->return_prod, memory_order_release);
	atomic_store_explicit(&rings->supply.ring->cons, to->supply_cons, memory_order_release);
	if (input != CAT_NO_INPUT)
		atomic_store_explicit(&rings->input[input].ring->cons, to->input_cons, memory_order_release);
}

static int replay_full(const struct cat_worker_page *page, uint32_t input, const struct cat_recover_rings *rings,
		       struct cat_recover_result *result)
{
	struct indices to = {
		.input_cons = page->target.input_cons,
		.out_prod = {page->target.out_prod[CAT_LEFT], page->target.out_prod[CAT_RIGHT]},
		.return_prod = page->target.return_prod,
		.supply_cons = page->target.supply_cons,
	};
	if (!indices_fit(&to, input, rings))
		return -EINVAL;
	for (unsigned side = 0; side < CAT_SIDES; side++)
		result->published += to.out_prod[side] - load(&rings->output[side].ring->prod);
	result->published += to.return_prod - load(&rings->ret.ring->prod);
	store_indices(&to, input, rings);
	return 0;
}

static int replay_open(struct cat_worker_page *page, uint32_t input, const struct cat_recover_rings *rings,
		       struct cat_recover_result *result)
{
	uint64_t progress = atomic_load_explicit(&page->progress, memory_order_acquire);
	uint32_t count = page->count;
	uint32_t left = CAT_PROGRESS_OF(progress, CAT_TO_LEFT), right = CAT_PROGRESS_OF(progress, CAT_TO_RIGHT);
	uint32_t returned = CAT_PROGRESS_OF(progress, CAT_TO_RETURN), held = CAT_PROGRESS_OF(progress, CAT_TO_HELD);
	uint32_t supply = CAT_PROGRESS_OF(progress, CAT_FROM_SUPPLY);
	uint32_t all = left + right + returned + held;
	if (supply > all || all - supply > count || count > CAT_BURST_MAX || (input == CAT_NO_INPUT && count))
		return -EINVAL;
	uint32_t handled = all - supply, torn = handled < count;
	struct indices to = {
		.out_prod = {load(&rings->output[CAT_LEFT].ring->prod) + left,
			     load(&rings->output[CAT_RIGHT].ring->prod) + right},
		.return_prod = load(&rings->ret.ring->prod) + returned + torn,
		.supply_cons = load(&rings->supply.ring->cons) + supply,
	};
	if (input != CAT_NO_INPUT)
		to.input_cons = load(&rings->input[input].ring->cons) + handled + torn;
	if (!indices_fit(&to, input, rings))
		return -EINVAL;
	if (torn) {
		const struct cat_recover_ring *in = &rings->input[input];
		struct cat_desc desc = in->ring->slot[(to.input_cons - 1) & (in->size - 1)];
		desc.flags = CAT_DROP_TORN;
		rings->ret.ring->slot[(to.return_prod - 1) & (rings->ret.size - 1)] = desc;
	}
	// From here on the burst counts as committed: should we die too, our successor stores the same indices again.
	page->target.input_cons = to.input_cons;
	page->target.out_prod[CAT_LEFT] = to.out_prod[CAT_LEFT];
	page->target.out_prod[CAT_RIGHT] = to.out_prod[CAT_RIGHT];
	page->target.return_prod = to.return_prod;
	page->target.supply_cons = to.supply_cons;
	atomic_store_explicit(&page->phase, CAT_COMMIT_FULL, memory_order_release);
	store_indices(&to, input, rings);
	*result = (struct cat_recover_result){.published = left + right + returned, .torn = torn};
	return 0;
}

int cat_recover_worker(struct cat_worker_page *page, const struct cat_recover_rings *rings,
		       struct cat_recover_result *ret_result)
{
	struct cat_recover_result result = {0};
	uint32_t phase = load(&page->phase), input = page->input;
	int r = 0;
	if (phase == CAT_COMMIT_IDLE)
		goto out;
	if (input > CAT_NO_INPUT)
		r = -EINVAL;
	else if (phase == CAT_COMMIT_OPEN)
		r = replay_open(page, input, rings, &result);
	else if (phase == CAT_COMMIT_FULL)
		r = replay_full(page, input, rings, &result);
	else
		r = -EINVAL;
	atomic_store_explicit(&page->progress, 0, memory_order_relaxed);
	atomic_store_explicit(&page->phase, CAT_COMMIT_IDLE, memory_order_release);
out:
	if (r == 0)
		*ret_result = result;
	return r;
}
