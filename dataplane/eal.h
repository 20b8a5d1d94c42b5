// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer, as the dataplane wants it: devices only as they are named, no files, no peers.
#ifndef EAL_H
#define EAL_H

#include "cat_err.h"

int eal_start(struct cat_err *err);

#endif
