// SPDX-License-Identifier: BSD-3-Clause
// What the files of the plan share.
#ifndef PLAN_H
#define PLAN_H

#include "cat_plan.h"
#include "service.h"

// Bytes of a buffer: 2 KiB and headroom, an odd number of cache lines, so that buffers spread over cache sets.
#define PLAN_STRIDE 2112u
#define PLAN_HEADROOM 128u

// Memory besides packets, in bytes.
struct memory_need {
	uint64_t rings, stats, state, containers;
};
struct memory_need service_memory_need(const struct cat_node *tree);

#define PLAN_PORTS_MAX 16u
#define PLAN_HUGE_2M (UINT64_C(2) << 20)

// The VF that a port is.
struct plan_vf {
	const struct cat_nic *pf; // NULL: it is none
	uint32_t number, make;    // make: so many VFs before; 0: they are there
};

// A plan in the making.
struct maker {
	const struct cat_node *tree;
	const struct cat_topology *host;
	struct cat_reservations others; // what is taken by others; the claims are borrowed copies
	const struct cat_claim *own;    // what the service has already, or NULL
	struct cat_node *plan, *warnings;
	struct cat_err *err;
	struct port_dev port[PLAN_PORTS_MAX];
	const struct cat_nic *nic[PLAN_PORTS_MAX]; // NULL: none in the topology; the PF of a VF that is to be made
	struct plan_vf vf[PLAN_PORTS_MAX];
	struct cat_claim claim;
	uint64_t buffers;
	bool failed; // no memory while the tree was built
};

// Writes the document from what was decided; warnings are not its business. maker->failed: no memory.
void plan_write(struct maker *maker);

// plan_nic.c: finds every port's device, and chooses VFs; `vf:` ports become `pci`. -ENODEV, -ENOSPC.
int plan_find_devices(struct maker *maker);
// What is to be done with a device before it can be opened.
void plan_add_nic(struct maker *maker, struct cat_node *port, const struct cat_node *node, size_t at);

// Between two nodes as the kernel tells it, 10 within one; 0: unknown.
uint32_t plan_distance(const struct maker *maker, uint32_t from, uint32_t to);

// Whether a port's device belongs to one service at a time. memif and vhost sockets are not the host's.
bool plan_is_claimed(enum cat_port_driver driver);

// The next power of two, or three quarters of it.
uint64_t round_buffers(uint64_t count);

#endif
