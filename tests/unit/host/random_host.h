// SPDX-License-Identifier: BSD-3-Clause
// Random machines, in memory.
#ifndef RANDOM_HOST_H
#define RANDOM_HOST_H

#include "cat_alloc.h"

// Most of each.
struct random_shape {
	uint32_t nodes, clusters, cores, threads; // clusters of a node, cores of a cluster
	uint32_t pfs, vfs;                        // vfs of each PF
	bool odd;                                 // offline, forbidden and isolated cores, uneven clusters
};

uint32_t random_below(unsigned *seed, uint32_t limit);
// The caller frees with cat_topology_free. Nothing is random in the shape where the seed is NULL: it is the largest.
struct cat_topology *random_host(unsigned *seed, const struct random_shape *shape);

#endif
