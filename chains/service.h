// SPDX-License-Identifier: BSD-3-Clause
// What the files of the service model share.
#ifndef SERVICE_H
#define SERVICE_H

#include "cat_service.h"
#include "port.h"

struct cat_service {
	struct cat_node *source; // as written
	struct cat_node *tree;   // defaults filled in, shorthand expanded
};

// Sizes of rings and bursts that `latency` stands for.
struct latency_profile {
	const char *name;
	uint32_t burst, ring;
};
const struct latency_profile *latency_profile_find(const char *name);

#define SUPPLY_RING 256u // slots of each worker's supply of empty buffers

// Checks what a schema cannot say, on a tree that may still break the schema: what has the wrong type there was
// reported already and is passed over. Returns 0 (problems or none), -EINVAL (a kind's schema is wrong), -ENOMEM.
int service_check(const struct cat_node *root, const struct cat_kinds *kinds, struct cat_problems *problems,
		  struct cat_err *err);

// What can only be checked on the completed tree; places come from `source`.
int service_check_complete(const struct cat_node *source, const struct cat_node *tree, struct cat_problems *problems);

// Buffers of a completed tree: how many fill every ring and port, and without how many nothing moves.
struct buffer_need {
	uint64_t full, least;
};
struct buffer_need service_buffer_need(const struct cat_node *tree);
uint32_t service_lanes(const struct cat_node *tree); // of a completed tree

// Typed reads of a checked tree.
const char *text_of(const struct cat_node *map, const char *key);                  // NULL: absent or no string
int64_t int_of(const struct cat_node *map, const char *key, int64_t otherwise);    // absent or no integer: otherwise
uint64_t size_of(const struct cat_node *map, const char *key, uint64_t otherwise); // "64M" or an integer

#endif
