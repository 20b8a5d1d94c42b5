// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer, as the dataplane wants it: devices only as they are named, no files, no peers.
#ifndef EAL_H
#define EAL_H

#include "cat_err.h"

// DPDK keeps pointers to its arguments.
struct eal {
	char *argv[16];
};

int eal_start(struct eal *eal, struct cat_err *err);
void eal_stop(struct eal *eal);

#endif
