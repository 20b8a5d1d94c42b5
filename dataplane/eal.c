// SPDX-License-Identifier: BSD-3-Clause
#include "eal.h"

#include <assert.h>
#include <errno.h>
#include <numaif.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_memfd.h"

static int prefer_node(int node, struct cat_err *err)
{
	unsigned long mask[CAT_MEMFD_NODES_MAX / (8 * sizeof(unsigned long))] = {0};
	unsigned bits = 8 * sizeof(unsigned long);
	mask[(unsigned)node / bits] = 1ul << ((unsigned)node % bits);
	// A kernel without NUMA has one node, and nothing to prefer.
	if (set_mempolicy(MPOL_PREFERRED, mask, CAT_MEMFD_NODES_MAX) < 0 && errno != ENOSYS)
		return cat_err_errno(err, "preferring memory of node %d", node);
	return 0;
}

int eal_start(struct eal *eal, unsigned memory_mib, int node, struct cat_err *err)
{
	if (node >= 0 && prefer_node(node, err) < 0)
		return err->code;
	cpu_set_t cpus;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return cat_err_errno(err, "sched_getaffinity");
	int cpu = 0;
	while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &cpus))
		cpu++;
	char lcores[32], memory[16];
	snprintf(memory, sizeof(memory), "%u", memory_mib);
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", cpu);
	// Packet data is in the region; what DPDK has of its own is small and private, so normal pages do. An allow
	// list of a device that cannot be keeps the PCI bus quiet until a port names one.
	const char *const args[] = {"catena-dataplane",
				    "--no-huge",
				    "--no-shconf",
				    "--no-telemetry",
				    "--iova-mode=va",
				    "-m",
				    memory,
				    "-a",
				    "ffff:ff:1f.7",
				    "--log-level=4",
				    lcores};
	static_assert(CAT_ARRAY_LEN(args) < CAT_ARRAY_LEN(eal->argv), "all arguments fit");
	// rte_eal_init permutes what it is given.
	char *argv[CAT_ARRAY_LEN(eal->argv)] = {0};
	for (size_t i = 0; i < CAT_ARRAY_LEN(args); i++) {
		argv[i] = eal->argv[i] = strdup(args[i]);
		if (!argv[i])
			return cat_err_set(err, -ENOMEM, "no memory");
	}
	if (rte_eal_init((int)CAT_ARRAY_LEN(args), argv) < 0)
		return cat_err_set(err, -rte_errno, "DPDK did not start: %s", rte_strerror(rte_errno));
	// DPDK binds the calling thread to one core. This one only controls, and goes where there is time.
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		return cat_err_errno(err, "sched_setaffinity");
	return 0;
}

void eal_stop(struct eal *eal)
{
	rte_eal_cleanup();
	for (size_t i = 0; i < CAT_ARRAY_LEN(eal->argv); i++)
		free(eal->argv[i]);
}
