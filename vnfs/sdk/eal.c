// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer as a VNF needs it: memory of its own process only, and nothing of the machine's devices.
// Normal pages: huge pages are the dataplane's, and tables of some megabytes gain little from them.
#include "cat_eal.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

static int start(const char *name, uint32_t memory_mb, struct cat_err *err)
{
	char memory[16];
	snprintf(memory, sizeof(memory), "%u", memory_mb ? memory_mb : 64);
	// The core list names the control thread's place only; workers are registered later. EAL wants one that it
	// may run on, and leaves the thread's affinity to it: it is put back below.
	cpu_set_t cpus;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return cat_err_errno(err, "sched_getaffinity");
	int cpu = 0;
	while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &cpus))
		cpu++;
	char lcores[32];
	snprintf(lcores, sizeof(lcores), "0@%d", cpu);
	const char *const args[] = {name,          "--no-huge",   "--no-shconf", "--no-pci", "--no-telemetry",
				    "--log-level", "lib.*:error", "-m",          memory,     "--lcores",
				    lcores};
	// rte_eal_init permutes argv, and copies what it keeps of the words.
	char *argv[CAT_ARRAY_LEN(args) + 1] = {0}, *words[CAT_ARRAY_LEN(args)] = {0};
	int result = 0;
	for (size_t i = 0; i < CAT_ARRAY_LEN(args) && result == 0; i++) {
		argv[i] = words[i] = strdup(args[i]);
		if (!argv[i])
			result = cat_err_set(err, -ENOMEM, "no memory");
	}
	if (result == 0 && rte_eal_init((int)CAT_ARRAY_LEN(args), argv) < 0)
		result = cat_err_set(err, -rte_errno, "DPDK did not start: %s", rte_strerror(rte_errno));
	for (size_t i = 0; i < CAT_ARRAY_LEN(args); i++)
		free(words[i]);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	return result;
}

static int thread_start(struct cat_err *err)
{
	if (rte_thread_register() < 0)
		return cat_err_set(err, -rte_errno, "rte_thread_register: %s", rte_strerror(rte_errno));
	return 0;
}

static void thread_stop(void)
{
	rte_thread_unregister();
}

const struct cat_eal cat_eal = {
	.start = start,
	.thread_start = thread_start,
	.thread_stop = thread_stop,
};

int cat_eal_init_for_tests(void)
{
	// There is no lcore until rte_eal_init has run.
	if (rte_lcore_count() > 0)
		return 0;
	struct cat_err err = {0};
	int result = start("test", 64, &err);
	if (result < 0)
		fprintf(stderr, "%s\n", err.message);
	return result;
}
