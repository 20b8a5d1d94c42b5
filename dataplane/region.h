// SPDX-License-Identifier: BSD-3-Clause
// The region: the service's packet memory, and the mbufs that Ethernet drivers need to use it.
//
// Buffer i begins at base + i * stride. Its mbuf is private memory; ports that need no mbuf pass buffers by index
// alone and never touch it. Where a free buffer is: on one lane's stack, or in the mempool.
#ifndef REGION_H
#define REGION_H

#include <rte_mbuf.h>
#include <stdint.h>

#include "cat_err.h"
#include "free_stack.h"
#include "owner.h"

struct region {
	uint8_t *base;
	size_t bytes;
	size_t page_bytes;
	uint32_t buffers, stride, headroom;
	uint8_t *owner; // OWNER_...; writer: the lane that hands the buffer over
	struct rte_mempool *pool;
	struct rte_mbuf **mbuf; // by index
	int fd;
};

struct region_shape {
	uint32_t buffers, stride, headroom;
	int node;
};

// Maps the memfd (borrowed), registers it with DPDK, makes the mbufs. NULL: err says why.
struct region *region_create(int fd, const struct region_shape *shape, struct cat_err *err);
void region_destroy(struct region *region);
// Takes the buffers that are marked as a lane's out of the pool: they come back through the lanes. Before anything has
// been taken from the pool. -ENOMEM.
int region_withhold(struct region *region, struct cat_err *err);

// The shared pool for lanes' free stacks.
struct free_pool region_pool(struct region *region);

static inline uint8_t *region_buffer(const struct region *region, uint32_t index)
{
	return region->base + (size_t)index * region->stride;
}

// Strides are multiples of a cache line, so that the division fits 32 bits.
static inline uint32_t region_index(const struct region *region, const struct rte_mbuf *mbuf)
{
	uint64_t lines = (uint64_t)((uint8_t *)mbuf->buf_addr - region->base) / RTE_CACHE_LINE_SIZE;
	return (uint32_t)lines / (region->stride / RTE_CACHE_LINE_SIZE);
}

#endif
