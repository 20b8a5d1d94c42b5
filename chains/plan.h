// SPDX-License-Identifier: BSD-3-Clause
// What the files of the plan share.
#ifndef PLAN_H
#define PLAN_H

#include "cat_plan.h"
#include "service.h"

#define PLAN_STRIDE                                                                                                    \
	2112u // bytes of a buffer: 2 KiB and headroom, an odd number of cache lines so that buffers spread over cache
	      // sets
#define PLAN_HEADROOM 128u

// Memory besides packets, in bytes.
struct memory_need {
	uint64_t rings, stats, state, containers;
};
struct memory_need service_memory_need(const struct cat_node *tree);

// The next power of two, or three quarters of it.
uint64_t round_buffers(uint64_t count);

#endif
