// SPDX-License-Identifier: BSD-3-Clause
// What the files of the allocator share.
#ifndef ALLOC_H
#define ALLOC_H

#include "host.h"

#define ANY_NODE UINT32_MAX

// A physical core that can be had, by its first usable thread.
struct core {
	uint32_t cpu, node, l3;
	uint32_t cost; // wherever memory is
};

struct search {
	const struct cat_topology *host;
	const struct cat_reservations *taken;
	const struct cat_request *request;
	struct cat_err *err;
	struct core *core; // free ones, by node, cluster and cost
	uint32_t core_count;
};

// alloc_cores.c
// Free cores into search->core, which the caller frees. -ENOMEM.
int cores_gather(struct search *search);
uint32_t cores_on(const struct search *search, uint32_t node); // free ones; ANY_NODE: all
// The node that is asked for, or the first NIC's; -1: none.
int anchor_of(const struct cat_request *request);
// Cost of NICs and memory being apart, for each lane.
uint32_t nic_cost(const struct cat_topology *host, const struct cat_request *request, uint32_t memory_node);
uint32_t remote_cost(const struct cat_topology *host, uint32_t cpu_node, uint32_t memory_node);

// alloc_search.c
// The cheapest `lanes` of the cores on a node (ANY_NODE: all) with memory on memory_node, ascending into ret_cpu.
// UINT64_MAX: there are not as many.
uint64_t cores_choose(const struct search *search, uint32_t node, uint32_t memory_node, uint32_t lanes,
		      uint32_t *ret_cpu);

// alloc_memory.c
bool memory_fits(const struct search *search, uint32_t node);
int fail_memory(const struct search *search, uint32_t node);
void fill_memory(const struct cat_request *request, uint32_t node, struct cat_claim *claim);

// alloc_refuse.c
int fail_cores(const struct search *search, uint32_t node);
int fail_pinned(const struct search *search, const char *what);
int fail_interleave(const struct search *search, const uint32_t *node, uint32_t count, uint32_t each);

#endif
