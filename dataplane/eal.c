// SPDX-License-Identifier: BSD-3-Clause
#include "eal.h"

#include <assert.h>
#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "cat_cleanup.h"

// Packet headers, device queues and hash tables. Pages are taken as they are touched.
#define MEMORY_MB "1024"

int eal_start(struct eal *eal, struct cat_err *err)
{
	cpu_set_t cpus;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return cat_err_errno(err, "sched_getaffinity");
	int cpu = 0;
	while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &cpus))
		cpu++;
	char lcores[32];
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", cpu);
	// Packet data is in the region; what DPDK has of its own is small and private, so normal pages do. An allow
	// list of a device that cannot be keeps the PCI bus quiet until a port names one.
	const char *const args[] = {"catena-dataplane",
				    "--no-huge",
				    "--no-shconf",
				    "--no-telemetry",
				    "--iova-mode=va",
				    "-m",
				    MEMORY_MB,
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
