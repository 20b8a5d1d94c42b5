// SPDX-License-Identifier: BSD-3-Clause
// Who has what of the host: cores, huge pages, memory, devices. Pure bookkeeping; catenad keeps it in its store.
#ifndef CAT_ALLOC_H
#define CAT_ALLOC_H

#include "cat_topology.h"

#define CAT_CLAIM_CPUS_MAX 64u
#define CAT_CLAIM_DEVICES_MAX 32u
#define CAT_OWNER_MAX 64u

// What one owner (a service) holds. A plain value.
struct cat_claim {
	char owner[CAT_OWNER_MAX];
	uint32_t node;
	uint32_t cpu[CAT_CLAIM_CPUS_MAX];
	uint32_t cpu_count;
	bool cpu_shared;          // may share its cores with other services that say so too
	uint64_t huge_page_bytes; // page size, 0: normal pages
	uint32_t huge_pages;
	uint64_t memory_bytes;
	char device[CAT_CLAIM_DEVICES_MAX][64]; // interface names or BDFs
	uint32_t device_count;
};

struct cat_reservations {
	struct cat_claim *claim;
	uint32_t count;
};

void cat_reservations_free(struct cat_reservations *reservations);
// Refuses cores that are not there (-ENODEV), a core (or sibling of one) or device of another owner (-EBUSY, message
// names the holder), more memory than the node has left (-ENOSPC), and a second claim of one owner (-EEXIST).
int cat_reservations_add(struct cat_reservations *reservations, const struct cat_topology *host,
			 const struct cat_claim *claim, struct cat_err *err);
// -ENOENT: the owner has none.
int cat_reservations_remove(struct cat_reservations *reservations, const char *owner);
const struct cat_claim *cat_reservations_of(const struct cat_reservations *reservations, const char *owner);
int cat_reservations_to_tree(const struct cat_reservations *reservations, struct cat_node **ret_tree);
// -EINVAL: the tree is none of cat_reservations_to_tree's. The host is not looked at: what was taken stays taken.
int cat_reservations_from_tree(const struct cat_node *tree, struct cat_reservations *ret, struct cat_err *err);

// What is asked for; the answer fills a claim's cores and node.
struct cat_request {
	uint32_t lanes;         // cores wanted
	const uint32_t *pinned; // explicit cores, or NULL
	uint32_t pinned_count;
	int node;         // of the NIC; -1: any
	bool node_strict; // refuse rather than go to another node
	bool share;       // cores may be shared with other services that share
	uint64_t region_bytes, other_bytes;
	uint64_t huge_page_bytes; // wanted page size, 0: normal
};
// Chooses: the NIC's node, whole physical cores, isolated ones first, core 0 (housekeeping) last; ret_claim has no
// owner and no devices yet. Pure. -ENOSPC: err says what is missing, who holds it and what would fit.
int cat_alloc_choose(const struct cat_topology *host, const struct cat_reservations *taken,
		     const struct cat_request *request, struct cat_claim *ret_claim, struct cat_err *err);

// Raises the kernel's pool of huge pages on a node so that `pages` are free; *ret_added tells what was added, to be
// given back with cat_huge_release. -ENOMEM: not to be had (nothing changed).
int cat_huge_reserve(uint32_t node, uint64_t page_bytes, uint32_t pages, uint32_t *ret_added, struct cat_err *err);
int cat_huge_release(uint32_t node, uint64_t page_bytes, uint32_t pages, struct cat_err *err);

#endif
