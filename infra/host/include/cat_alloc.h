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
	char device[CAT_CLAIM_DEVICES_MAX][64]; // interface names, BDFs, or PF/vfN
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
// Who holds a device, by whatever name: interface, PCI address, or PF/vfN. NULL: nobody.
const struct cat_claim *cat_device_holder(const struct cat_reservations *reservations, const struct cat_topology *host,
					  const char *device);
// Whether two names are of one device.
bool cat_device_is(const struct cat_topology *host, const char *device, const char *name);
// What is not there any more of what is held: cores (offline, outside of our cpuset), nodes, PCI devices. `what` is a
// sentence's end, such as "core 5 is offline".
void cat_reservations_compare(const struct cat_reservations *reservations, const struct cat_topology *host,
			      void (*tell)(void *user, const char *owner, const char *what), void *user);
int cat_reservations_to_tree(const struct cat_reservations *reservations, struct cat_node **ret_tree);
// -EINVAL: the tree is none of cat_reservations_to_tree's. The host is not looked at: what was taken stays taken.
int cat_reservations_from_tree(const struct cat_node *tree, struct cat_reservations *ret, struct cat_err *err);

#define CAT_REQUEST_NICS_MAX 16u

enum cat_numa {
	CAT_NUMA_PREFER,     // lanes and memory near each other and the NICs, as far as there is room
	CAT_NUMA_STRICT,     // all on one node, that of the NICs, or nothing
	CAT_NUMA_INTERLEAVE, // as many lanes on every node, memory near the NICs
};

// What is asked for; the answer fills a claim's cores and node.
struct cat_request {
	uint32_t lanes;         // cores wanted
	const uint32_t *pinned; // explicit cores, or NULL
	uint32_t pinned_count;
	int node;                      // that is asked for; -1: that of the NICs
	int nic[CAT_REQUEST_NICS_MAX]; // node of every NIC that is known; ignored where `node` is set
	uint32_t nic_count;
	enum cat_numa numa;
	bool share; // cores may be shared with other services that share
	uint64_t region_bytes, other_bytes;
	uint64_t huge_page_bytes; // wanted page size, 0: normal
};
// Chooses whole physical cores and the node for memory at the least cost (cat_alloc_cost); exact, not a heuristic.
// ret_claim has no owner and no devices yet. Pure. -ENOSPC: err says what is missing, who holds it and what would fit.
int cat_alloc_choose(const struct cat_topology *host, const struct cat_reservations *taken,
		     const struct cat_request *request, struct cat_claim *ret_claim, struct cat_err *err);

// What speaks against a placement, to be compared with others for the same request: remote accesses (distances are the
// kernel's, 10 is local), cores of the host's own work, cores with other services on them, cores that are not isolated,
// every L3 cluster that is touched, and free cores that are left over in these (so that whole clusters stay free).
#define CAT_COST_REMOTE 200u // a lane, and unit of distance beyond 10 between its core and packet memory
#define CAT_COST_NIC 100u    // a lane, and unit of distance between packet memory and NICs (their mean)
#define CAT_COST_HOUSEKEEPING 2000u
#define CAT_COST_SHARED 1000u // each sharer
#define CAT_COST_NOT_ISOLATED 600u
#define CAT_COST_CLUSTER 400u
#define CAT_COST_LEFT_OVER 1u // a core
uint64_t cat_alloc_cost(const struct cat_topology *host, const struct cat_reservations *taken,
			const struct cat_request *request, const struct cat_claim *claim);

// Raises the kernel's pool of huge pages on a node so that `pages` are free; *ret_added tells what was added, to be
// given back with cat_huge_release. -ENOMEM: not to be had (nothing changed).
int cat_huge_reserve(uint32_t node, uint64_t page_bytes, uint32_t pages, uint32_t *ret_added, struct cat_err *err);
int cat_huge_release(uint32_t node, uint64_t page_bytes, uint32_t pages, struct cat_err *err);

#endif
