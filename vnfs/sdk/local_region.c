// SPDX-License-Identifier: BSD-3-Clause
#include "local_region.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE (2u << 20)

void local_region_put(struct local_region *region)
{
	if (!region || --region->users)
		return;
	if (region->data)
		munmap(region->data, region->mapped);
	free(region->free);
	free(region->taken);
	free(region);
}

static uint8_t *map_packets(size_t size, bool huge)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *p =
		huge ? mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB | MAP_POPULATE, -1, 0) : MAP_FAILED;
	if (p == MAP_FAILED)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

struct local_region *local_region_create(uint32_t buffers, uint32_t stride, bool huge)
{
	struct local_region *region = calloc(1, sizeof(*region));
	if (!region)
		return NULL;
	region->users = 1;
	region->stride = stride;
	region->buffers = buffers;
	region->mapped = ((size_t)buffers * stride + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	region->data = map_packets(region->mapped, huge);
	region->free = calloc(buffers, sizeof(*region->free));
	region->taken = calloc(buffers, sizeof(*region->taken));
	if (!region->data || !region->free || !region->taken) {
		local_region_put(region);
		return NULL;
	}
	// The lowest buffer comes off the stack first.
	for (uint32_t i = 0; i < buffers; i++)
		region->free[i] = buffers - 1 - i;
	region->free_count = buffers;
	return region;
}

uint32_t local_region_take(struct local_region *region)
{
	uint32_t buf = region->free[--region->free_count];
	region->taken[buf] = true;
	return buf;
}

void local_region_give(struct local_region *region, uint32_t buf, const char *who)
{
	if (buf >= region->buffers || !region->taken[buf]) {
		fprintf(stderr, "%s: buffer %u was given back, but it is %s\n", who, buf,
			buf >= region->buffers ? "not in the region" : "free");
		abort();
	}
	region->taken[buf] = false;
	region->free[region->free_count++] = buf;
}
