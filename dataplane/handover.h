// SPDX-License-Identifier: BSD-3-Clause
// From one lane to another, inside the dataplane: packets that came in by another lane's queue, and packets that leave
// by one. One ring for each pair of lanes, of a single producer and a single consumer; both are trusted.
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdbool.h>

#include "cat_abi.h"

#define HANDOVER_SIZE 2048u
#define HANDOVER_TO_PORT 0x80000000u // target: a port to leave by; else an end to enter at

struct handover_item {
	struct cat_desc desc;
	uint32_t target;
	uint32_t reserved[3];
};
static_assert(sizeof(struct handover_item) == 32, "two to a cache line");

struct handover {
	alignas(CAT_CACHE_LINE) _Atomic uint32_t prod; // writer: producer
	uint32_t next;                                 // producer's own: filled, not published
	uint32_t cons_seen;
	alignas(CAT_CACHE_LINE) _Atomic uint32_t cons; // writer: consumer
	alignas(CAT_CACHE_LINE) struct handover_item item[HANDOVER_SIZE];
};

// Adds without publishing. False: full.
static inline bool handover_put(struct handover *h, const struct cat_desc *desc, uint32_t target)
{
	if (h->next - h->cons_seen == HANDOVER_SIZE) {
		h->cons_seen = atomic_load_explicit(&h->cons, memory_order_acquire);
		if (h->next - h->cons_seen == HANDOVER_SIZE)
			return false;
	}
	struct handover_item *item = &h->item[h->next++ % HANDOVER_SIZE];
	item->desc = *desc;
	item->target = target;
	return true;
}

// How many can be put now.
static inline uint32_t handover_room(struct handover *h)
{
	h->cons_seen = atomic_load_explicit(&h->cons, memory_order_acquire);
	return HANDOVER_SIZE - (h->next - h->cons_seen);
}

// Publishes what was put. False: there was nothing.
static inline bool handover_publish(struct handover *h)
{
	if (h->next == atomic_load_explicit(&h->prod, memory_order_relaxed))
		return false;
	atomic_store_explicit(&h->prod, h->next, memory_order_release);
	return true;
}

static inline uint32_t handover_ready(const struct handover *h)
{
	return atomic_load_explicit(&h->prod, memory_order_acquire) -
	       atomic_load_explicit(&h->cons, memory_order_relaxed);
}

static inline const struct handover_item *handover_peek(const struct handover *h, uint32_t ahead)
{
	return &h->item[(atomic_load_explicit(&h->cons, memory_order_relaxed) + ahead) % HANDOVER_SIZE];
}

static inline void handover_release(struct handover *h, uint32_t n)
{
	uint32_t cons = atomic_load_explicit(&h->cons, memory_order_relaxed);
	atomic_store_explicit(&h->cons, cons + n, memory_order_release);
}

#endif
