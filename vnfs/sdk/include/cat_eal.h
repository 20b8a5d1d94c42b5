// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer for VNFs that use its libraries: private memory, no devices, no shared configuration.
#ifndef CAT_EAL_H
#define CAT_EAL_H

#include <stdint.h>

#include "cat_err.h"

// For cat_vnf_ops.eal: `.eal = &cat_eal`. Whoever does not name it is not linked with DPDK.
extern const struct cat_eal cat_eal;

struct cat_eal {
	// Starts the EAL once per process.
	int (*start)(const char *name, uint32_t memory_mb, struct cat_err *err);
	// Makes the calling worker thread known (rte_thread_register), so that per-thread caches work.
	int (*thread_start)(struct cat_err *err);
	void (*thread_stop)(void);
};

// For unit tests of the library form, fuzzers and the fused benchmark: starts the EAL with 64 MiB of normal pages.
// Calling it again is fine. 0 or a negative errno.
int cat_eal_init_for_tests(void);

#endif
