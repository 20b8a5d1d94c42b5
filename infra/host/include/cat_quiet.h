// SPDX-License-Identifier: BSD-3-Clause
// What disturbs a lane: settings of the kernel and of the processors that take time from a core or make it uneven.
#ifndef CAT_QUIET_H
#define CAT_QUIET_H

#include <stdint.h>

#include "cat_topology.h"

#define CAT_QUIET_MAX 16u

enum cat_quiet_state {
	CAT_QUIET_GOOD,
	CAT_QUIET_NOISY,
	CAT_QUIET_UNKNOWN, // this host does not tell, or has no such thing
};

struct cat_quiet_finding {
	const char *name; // "isolcpus", static
	enum cat_quiet_state state;
	char found[6144], expected[160];
	char remedy[12288]; // a shell command, "" unless noisy
};

struct cat_quiet {
	uint32_t lane[CAT_CPUS_MAX]; // the cores that were looked at, ascending
	uint32_t lane_count;
	struct cat_quiet_finding finding[CAT_QUIET_MAX];
	uint32_t finding_count, noisy;
};

// Looks at the cores that lanes are for: those that are isolated, or, where none is, all that may be used but those of
// the physical core of the lowest one, which the host keeps for itself (all, where there is no other). root is
// that of cat_topology_read, and host what it gave. Changes nothing. The caller frees with free(). NULL: no memory.
struct cat_quiet *cat_quiet_check(const char *root, const struct cat_topology *host);
// Copies what cat_topology_read and cat_quiet_check look at from below root into a new directory, which both accept as
// root: a few thousand small files, without MAC addresses and serial numbers. What this host does not have, or does
// not let us read, is left out. -EEXIST: the directory is there already; -ENAMETOOLONG, or that of the file system;
// what was written by then stays.
int cat_host_record(const char *root, const char *directory, struct cat_err *err);
// As JSON tree (docs/host-check.schema.json). NULL: no memory.
struct cat_node *cat_quiet_tree(const struct cat_quiet *quiet);

#endif
