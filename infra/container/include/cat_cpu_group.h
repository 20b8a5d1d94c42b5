// SPDX-License-Identifier: BSD-3-Clause
// One scheduling group for the processes of a lane. An OCI runtime gives every container a cpu cgroup of its own.
// Processes that take turns on a core by sched_yield(2) then switch between groups, which costs nearly twice as much as
// a switch between siblings: three null functions with rings of 1024 forward 44 Mpps in groups of their own, 61 in one.
// Only where the cpu controller is mounted as v1; elsewhere these do nothing.
#ifndef CAT_CPU_GROUP_H
#define CAT_CPU_GROUP_H

#include <sys/types.h>

#include "cat_err.h"

// Moves the process, with all its threads and what it will fork, to the group ("catena/branch/lanes_"), which is made
// where it is missing. Its other controllers stay as they are. Errors: -ESRCH (it has ended), -EACCES, ...
int cat_cpu_group_join(const char *group, pid_t pid, struct cat_err *err);
// Removes the group if no process is in it, and then its parents that are empty.
void cat_cpu_group_leave(const char *group);

#endif
