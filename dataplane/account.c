// SPDX-License-Identifier: BSD-3-Clause
#include "account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "cat_cleanup.h"
#include "cat_log.h"

// Both inputs or outputs and supply may have a burst that is published and not yet taken away.
#define BURSTS_MAX (CAT_BURST_MAX + CAT_SUPPLY_BURST_MAX)

static uint32_t prod(const struct cat_recover_ring *ring)
{
	return atomic_load_explicit(&ring->ring->prod, memory_order_acquire);
}

static uint32_t cons(const struct cat_recover_ring *ring)
{
	return atomic_load_explicit(&ring->ring->cons, memory_order_acquire);
}

static uint32_t taken(const struct cat_recover_rings *r)
{
	return cons(&r->input[CAT_LEFT]) + cons(&r->input[CAT_RIGHT]) + cons(&r->supply);
}

static uint32_t given(const struct cat_recover_rings *r)
{
	return prod(&r->output[CAT_LEFT]) + prod(&r->output[CAT_RIGHT]) + prod(&r->ret);
}

// At most what it keeps: whatever moves between the two readings lowers it.
static int32_t kept_at_least(const struct service_worker *w)
{
	uint32_t first = taken(&w->rings);
	return (int32_t)(first - given(&w->rings) - w->owed);
}

// At most what it made up.
static int32_t made_up_at_least(const struct service_worker *w)
{
	uint32_t first = given(&w->rings);
	return (int32_t)(first + w->owed - taken(&w->rings)) - (int32_t)BURSTS_MAX;
}

void account_open(struct service *service)
{
	for (uint32_t i = 0; i < service->function_count; i++)
		for (uint32_t lane = 0; lane < service->lanes.lanes; lane++) {
			struct service_worker *w = &service->function[i].worker[lane];
			int32_t owed = kept_at_least(w);
			// Functions that live on may be in the middle of a burst.
			if (owed > 0 || owed < -(int32_t)BURSTS_MAX)
				w->owed = (uint32_t)owed;
		}
}

bool account_check(const struct service *service, const struct service_function *function, char *message, size_t size)
{
	for (uint32_t lane = 0; lane < service->lanes.lanes; lane++) {
		int32_t kept = kept_at_least(&function->worker[lane]), more = made_up_at_least(&function->worker[lane]);
		if (kept > (int32_t)ACCOUNT_QUOTA)
			snprintf(message, size, "lane %u: keeps %d buffers that are in no ring, may have %u", lane,
				 kept, ACCOUNT_QUOTA);
		else if (more > (int32_t)ACCOUNT_QUOTA)
			snprintf(message, size, "lane %u: handed on %d packets more than it was given", lane, more);
		else
			continue;
		return true;
	}
	return false;
}

// True: something was to be put right.
static bool mend_ring(const struct cat_recover_ring *r, bool consumer)
{
	struct cat_ring *ring = r->ring;
	bool mended = ring->magic != CAT_RING_MAGIC || ring->version != CAT_ABI_VERSION || ring->size != r->size;
	if (mended)
		cat_ring_format(ring, r->size);
	if (prod(r) - cons(r) <= r->size)
		return mended;
	if (consumer)
		atomic_store_explicit(&ring->cons, prod(r), memory_order_release);
	else
		atomic_store_explicit(&ring->prod, cons(r), memory_order_release);
	return true;
}

static bool mend_worker(struct service_worker *w)
{
	bool mended = false;
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		mended = mend_ring(&w->rings.input[side], true) || mended;
		mended = mend_ring(&w->rings.output[side], false) || mended;
	}
	mended = mend_ring(&w->rings.ret, false) || mended;
	mended = mend_ring(&w->rings.supply, true) || mended;
	struct cat_worker_page *page = w->page;
	// The first worker to come makes the page: its magic is 0 before.
	if (page->magic && (page->magic != CAT_WORKER_MAGIC || page->version != CAT_ABI_VERSION)) {
		page->magic = CAT_WORKER_MAGIC;
		page->version = CAT_ABI_VERSION;
		mended = true;
	}
	int32_t kept = kept_at_least(w);
	w->owed += (uint32_t)kept;
	return mended || kept != 0;
}

// Buffers that were with functions before the rings were looked through, and afterwards, and in no ring meanwhile.
static uint32_t take_back_lost(struct service *service)
{
	struct region *region = service->lanes.region;
	struct adopt_shape shape = service_shape(service);
	struct adopt_result found = {0};
	struct cat_err err = {0};
	cat_autofree uint8_t *whose = calloc(region->buffers, 1), *before = malloc(region->buffers);
	if (!whose || !before)
		return 0;
	memcpy(before, region->owner, region->buffers);
	if (adopt_scan(&service->fds, &shape, whose, &found, &err) < 0) {
		cat_warn("%s", err.message);
		return 0;
	}
	struct free_pool pool = region_pool(region);
	uint32_t count = 0;
	for (uint32_t i = 0; i < region->buffers; i++) {
		if (before[i] == OWNER_DATAPLANE || whose[i] != OWNER_DATAPLANE || region->owner[i] != before[i])
			continue;
		region->owner[i] = OWNER_DATAPLANE;
		pool.give(pool.user, &i, 1);
		count++;
	}
	return count;
}

uint32_t account_settle(struct service *service, struct service_function *function)
{
	// A bad descriptor where it came back may stand for a buffer that did not.
	uint64_t violations = service_violations(service, function);
	bool suspect = violations != function->violations_settled;
	function->violations_settled = violations;
	for (uint32_t lane = 0; lane < service->lanes.lanes; lane++)
		suspect = mend_worker(&function->worker[lane]) || suspect;
	return suspect ? take_back_lost(service) : 0;
}
