// SPDX-License-Identifier: BSD-3-Clause
// The host's cgroup hierarchies: v1, hybrid (v1 with an empty v2 beside it) or v2 alone.
#ifndef CAT_CGROUP_H
#define CAT_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_err.h"

#define CAT_CGROUP_MOUNTS_MAX 32u
#define CAT_CGROUP_DEPTH_MAX 16u

enum cat_cgroup_mode { CAT_CGROUP_NONE, CAT_CGROUP_V1, CAT_CGROUP_HYBRID, CAT_CGROUP_V2 };

struct cat_cgroup_mount {
	char path[256];
	char controllers[64]; // of v1, as mount options have them: "cpu,cpuacct"; "" for v2
	bool v2;
};

struct cat_cgroups {
	enum cat_cgroup_mode mode;
	struct cat_cgroup_mount mount[CAT_CGROUP_MOUNTS_MAX];
	uint32_t count;
};

// Reads root/proc/self/mountinfo; root is "" for this machine. Paths are prefixed with root.
int cat_cgroups_find(const char *root, struct cat_cgroups *ret_cgroups, struct cat_err *err);
// The mount that has a v1 controller, or NULL.
const struct cat_cgroup_mount *cat_cgroups_v1(const struct cat_cgroups *cgroups, const char *controller);
// Memory and swap can be limited together.
bool cat_cgroups_swap(const struct cat_cgroups *cgroups);

// A group is a relative path of plain names ("catena/branch/fw").
bool cat_cgroup_valid(const char *group);
// Ends every process below the group in any hierarchy, and waits until they have ended. -EBUSY: some have not
// after timeout_ms.
int cat_cgroup_kill(const struct cat_cgroups *cgroups, const char *group, int timeout_ms, struct cat_err *err);
// Removes the group, what is below it, and those of its parents that are empty then, in every hierarchy. An absent
// one is fine.
int cat_cgroup_remove(const struct cat_cgroups *cgroups, const char *group, int timeout_ms, struct cat_err *err);

#endif
