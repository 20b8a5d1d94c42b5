// SPDX-License-Identifier: BSD-3-Clause
// What routes lead to, and longest prefix match to get there: built as a whole, then only read by workers.
//
// How it works
//
// A table belongs to a configuration, which points to the one in force. It begins with what is configured; where routes
// are learnt as well, the control thread builds another from both and replaces the pointer while workers run. A worker
// notes in its lane which table it uses for a burst, looks at the pointer once more, and takes the note away at the
// burst's end. Whoever replaced a table frees it when no lane's note names it.
#ifndef ROUTER_TABLE_H
#define ROUTER_TABLE_H

#include "router.h"

#define ROUTER_BUCKETS 1024u // of a target with several next hops

struct router_table {
	struct fib *fib4, *fib6; // values are numbers of targets
	struct router_target *target;
	struct router_hop *hop;
	// ROUTER_BUCKETS for each target with several next hops: which of them. A bucket goes to the next hop that wins
	// a draw between bucket and address (highest random weight), so that next hops that come or go move no flows
	// but their own, whatever order they stand in, in every lane and after every restart alike.
	uint8_t *bucket;
	uint32_t target_count, hop_count, target_room, hop_room, spread_count;
	// Routes that are not configured; of them, those that only a predecessor knew; and those that could not be
	// taken.
	uint32_t learnt_count, stale_count, refused_count;
};

struct router_builder {
	const struct router_config *config;
	struct router_table *table;
	struct router_routes routes[2]; // IPv4, IPv6
	uint32_t *index;                // numbers of targets plus one, by hash of their next hops
};

// An empty table under construction. -ENOMEM.
int router_builder_init(struct router_builder *b, const struct router_config *config, struct cat_err *err);
// Frees what is left of the construction, the table too unless it was taken out (set to NULL).
void router_builder_finish(struct router_builder *b);
struct router_routes *router_builder_routes(struct router_builder *b, uint8_t family);
// The number of the target with these next hops; a new one if there is none yet. -E2BIG, -ENOMEM.
int router_builder_target(struct router_builder *b, struct router_target target, const struct router_hop *hops,
			  uint32_t *ret_target, struct cat_err *err);
int router_builder_add(struct router_builder *b, const struct cat_prefix *prefix, uint32_t target, uint8_t note,
		       struct cat_err *err);
// Of routes that are sorted and without duplicates. -ENOMEM.
int router_builder_build(struct router_builder *b, struct cat_err *err);

void router_table_destroy(struct router_table *table); // NULL is fine

#endif
