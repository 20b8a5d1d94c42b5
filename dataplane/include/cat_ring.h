// SPDX-License-Identifier: BSD-3-Clause
// One end of a ring: the private index and the checks (see "How it works" in cat_abi.h).
#ifndef CAT_RING_H
#define CAT_RING_H

#include <stdbool.h>

#include "cat_abi.h"

struct cat_ring_end {
	struct cat_ring *ring;
	uint32_t mask;
	uint32_t index;      // our own: prod for the producer, cons for the consumer
	uint32_t violations; // how often the other's index was out of range
};

// Attaches to a mapped ring of `bytes`. Our index is taken from the ring (a successor goes on where the
// predecessor stopped). Returns 0, or -EINVAL if the header contradicts expected_size or does not fit.
int cat_ring_attach(struct cat_ring_end *end, struct cat_ring *ring, size_t bytes, uint32_t expected_size,
		    bool producer);
// Formats zeroed memory.
void cat_ring_format(struct cat_ring *ring, uint32_t size);

// What an end does about an index of the other that cannot be: it counts a violation, and makes sure that the two can
// come to terms again, whoever wrote what. The consumer follows the producer, which loses what was in the ring; the
// producer only says again where it stands. Both give 0.
uint32_t cat_ring_follow(struct cat_ring_end *consumer, uint32_t prod);
uint32_t cat_ring_insist(struct cat_ring_end *producer);

// Descriptors that the consumer may read now. An impossible index reads as none.
static inline uint32_t cat_ring_ready(struct cat_ring_end *end)
{
	uint32_t n = atomic_load_explicit(&end->ring->prod, memory_order_acquire) - end->index;
	return __builtin_expect(n > end->mask + 1, 0) ? cat_ring_follow(end, end->index + n) : n;
}

// Slots that the producer may fill now.
static inline uint32_t cat_ring_room(struct cat_ring_end *end)
{
	uint32_t used = end->index - atomic_load_explicit(&end->ring->cons, memory_order_acquire);
	return __builtin_expect(used > end->mask + 1, 0) ? cat_ring_insist(end) : end->mask + 1 - used;
}

// The slot `ahead` places beyond our index.
static inline struct cat_desc *cat_ring_slot(struct cat_ring_end *end, uint32_t ahead)
{
	return &end->ring->slot[(end->index + ahead) & end->mask];
}

static inline void cat_ring_publish(struct cat_ring_end *end, uint32_t n)
{
	end->index += n;
	atomic_store_explicit(&end->ring->prod, end->index, memory_order_release);
}

static inline void cat_ring_release(struct cat_ring_end *end, uint32_t n)
{
	end->index += n;
	atomic_store_explicit(&end->ring->cons, end->index, memory_order_release);
}

// Wakes a sleeping consumer (FUTEX_WAKE) if there is one: once per published burst.
void cat_ring_wake_slow(struct cat_ring *ring);
static inline void cat_ring_wake(struct cat_ring_end *end)
{
	// The index must be visible before we look whether the consumer sleeps, as it looks again after saying so.
	atomic_thread_fence(memory_order_seq_cst);
	if (__builtin_expect(atomic_load_explicit(&end->ring->sleeping, memory_order_relaxed), 0))
		cat_ring_wake_slow(end->ring);
}

// Sleeps until one of the consumer ends has descriptors or timeout_us passed (futex_waitv(2); where the kernel lacks
// it, the first ring's futex in slices of at most 500 us). Returns at once if any has some already.
void cat_ring_sleep(struct cat_ring_end *const *ends, unsigned count, uint32_t timeout_us);

#endif
