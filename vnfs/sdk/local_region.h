// SPDX-License-Identifier: BSD-3-Clause
// The packet memory of lanes in private memory, which several of them may share, and who may have which buffer.
#ifndef LOCAL_REGION_H
#define LOCAL_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct local_region {
	uint32_t users;
	uint32_t stride, buffers;
	uint8_t *data;
	size_t mapped;
	uint32_t *free; // a stack of buffer numbers
	uint32_t free_count;
	bool *taken;
};

// With one user. NULL: no memory.
struct local_region *local_region_create(uint32_t buffers, uint32_t stride, bool huge);
// The last user frees it. NULL is fine.
void local_region_put(struct local_region *region);
// free_count must not be 0.
uint32_t local_region_take(struct local_region *region);
// Ends the program, naming who did it, if the buffer is free already or none of the region's.
void local_region_give(struct local_region *region, uint32_t buf, const char *who);

#endif
