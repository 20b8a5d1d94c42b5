// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer, as the dataplane wants it: devices only as they are named, no files, no peers.
#ifndef EAL_H
#define EAL_H

#include "cat_err.h"

#define EAL_MEMORY_MIB_MIN 32
#define EAL_MEMORY_MIB_MAX 65536

// DPDK keeps pointers to its arguments.
struct eal {
	char *argv[16];
};

// memory_mib: for packet headers, queues of devices and hash tables. Pages are taken as they are touched; a device
// behind an IOMMU touches them all. node: where all that this process touches from now on comes from as long as there
// is some; -1: anywhere.
int eal_start(struct eal *eal, unsigned memory_mib, int node, struct cat_err *err);
void eal_stop(struct eal *eal);

#endif
