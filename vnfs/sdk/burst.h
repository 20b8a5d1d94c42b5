// SPDX-License-Identifier: BSD-3-Clause
// The engine of a lane: takes bursts from the rings, checks them, lets the VNF handle them, commits. Used by the worker
// thread, by the library form, and by whoever takes over after a crash.
#ifndef BURST_H
#define BURST_H

#include "cat_vnf.h"

// Descriptors given to `process` at once. A commit covers several such pieces, so that the copies of the descriptors
// stay in the first-level cache while the price of a commit is shared by a whole burst.
#define BURST_PIECE 256u

struct burst_engine {
	struct cat_lane lane;
	const struct cat_vnf_ops *ops;
	uint32_t limit; // descriptors in a commit, at most CAT_BURST_MAX
	alignas(CAT_CACHE_LINE) struct cat_desc desc[BURST_PIECE];
};

// How many packets may be taken from `side` now, for all that becomes of them.
uint32_t burst_room(struct cat_lane *lane, enum cat_side side);
// Handles and commits at most one burst from `side`. Returns the number of packets taken: 0 if there were none, or if
// a full ring downstream holds them back.
uint32_t burst_run(struct burst_engine *engine, enum cat_side side);
// Opens a burst without input, so that tick and inject can send packets from supply.
void burst_open_empty(struct burst_engine *engine);
// Publishes what was sent since burst_open_empty.
void burst_close_empty(struct burst_engine *engine);

// Takes over from a worker that died (cat_recover.h). The ends of the lane must have been attached to the rings; they
// are moved along. Returns the number of torn packets, 0 or 1, and counts them.
uint32_t burst_recover(struct cat_lane *lane);

// The descriptor is within the region and its offsets within its data, as far as its flags say that they count. Parses
// it if nobody has yet. False: it must not be used.
bool burst_check(const struct cat_lane *lane, struct cat_desc *desc);

static inline uint64_t burst_cycles(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t t;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
	return t;
#else
#error "no time stamp counter is known for this processor"
#endif
}

#endif
