// SPDX-License-Identifier: BSD-3-Clause
// Routes that are learnt while the router runs. Of the control thread.
//
// How it works
//
// The routes of a family are a sorted array and, behind it, the changes since it was sorted, in the order in which they
// came. rib_commit sorts the changes and goes through both once, so that a burst of changes costs one pass, and the
// result is in the order that the forwarding table is built from. Next hops that belong together are a set, and equal
// sets are one.
//
// A route is stale if it is of the time before somebody died who had said it: it forwards until something else is said
// about its prefix, or until a reread that ends with a sweep. That it is gone does not count meanwhile: when a daemon
// dies, its routes are taken out of the kernel.
#ifndef ROUTER_RIB_H
#define ROUTER_RIB_H

#include <sys/types.h>

#include "router.h"
#include "table.h"

struct rib_set {
	uint8_t kind;  // ROUTER_GATEWAY, ROUTER_CONNECTED, ROUTER_BLACKHOLE or ROUTER_UNREACHABLE
	uint8_t count; // of next hops, all of one family; ROUTER_CONNECTED: 1, of which family and side count
	struct router_hop hop[ROUTER_ECMP_MAX];
};

struct rib;

struct rib *rib_create(void); // NULL: no memory
void rib_destroy(struct rib *rib);

// Notes a change; `set` NULL: the route is gone. -ENOMEM, -E2BIG (routes or sets): nothing was noted.
int rib_change(struct rib *rib, const struct cat_prefix *prefix, const struct rib_set *set);
// Notes that everything is to be said anew: changes from here on and until rib_reread_end are all that there is, but
// for stale routes. rib_reread_add says what there was at some moment in between; a change is later than it, whatever
// the order of the calls.
void rib_reread_begin(struct rib *rib);
int rib_reread_add(struct rib *rib, const struct cat_prefix *prefix, const struct rib_set *set);
bool rib_is_rereading(const struct rib *rib);
// sweep: what is still stale goes, too. -ENOMEM.
int rib_reread_end(struct rib *rib, bool sweep);
// Brings the changes in. Returns whether anything is different since the last call, or -ENOMEM: then nothing was lost.
// Not while rereading.
int rib_commit(struct rib *rib);
bool rib_has_changes(const struct rib *rib);
// All routes are stale from here on, until they are said again.
void rib_make_stale(struct rib *rib);
size_t rib_count(const struct rib *rib);

// As bytes that outlive the process: their number, and at most `max` of them into `out`. -E2BIG: they do not fit.
ssize_t rib_save(const struct rib *rib, void *out, size_t max);
// Adds all of it as stale to an empty one. -EBADMSG: nonsense, nothing was taken.
int rib_load(struct rib *rib, const void *data, size_t size);

// A table of the configuration's routes and of those of `rib`; configured ones count before learnt ones. What does not
// fit (targets, next hops that are on no link of ours) is left out and counted in the table. -ENOMEM.
int rib_build(const struct rib *rib, const struct router_config *config, struct router_table **ret_table,
	      struct cat_err *err);

#endif
