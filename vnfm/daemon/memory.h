// SPDX-License-Identifier: BSD-3-Clause
// The shared memory of a service: region, rings, worker pages, state and statistics, each a sealed memfd with the name
// that it has in the control protocol (cat_control.h).
#ifndef VNFM_MEMORY_H
#define VNFM_MEMORY_H

#include <stddef.h>

#include "cat_err.h"
#include "cat_fds.h"
#include "cat_ring.h"
#include "cat_stats.h"
#include "cat_tree.h"

#define MEMORY_NAME_MAX 192

struct memory_item {
	char name[MEMORY_NAME_MAX];
	int fd;
	const void *map; // what the manager reads (statistics, rings, worker pages), else NULL
	size_t map_bytes;
};

struct memory {
	struct memory_item *item;
	size_t count;
	struct cat_fds *held; // while it is put together
};

// Makes everything that the plan names. On failure nothing is left. Blocks while the kernel zeroes huge pages.
// held: NULL, or what an earlier manager made of the same plan: it is taken from there as it is, -ENOENT if something
// is missing.
int memory_create(const struct cat_node *plan, struct cat_fds *held, struct memory *ret_memory, struct cat_err *err);
void memory_free(struct memory *memory);
// NULL: no such name.
const struct memory_item *memory_find(const struct memory *memory, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
// The mapped page or ring header of that name, or NULL.
const struct cat_stats_page *memory_stats(const struct memory *memory, const char *name);
const struct cat_ring *memory_ring(const struct memory *memory, const char *path, unsigned link, unsigned lane,
				   bool right);

#endif
