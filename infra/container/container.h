// SPDX-License-Identifier: BSD-3-Clause
// What the parts of this component tell each other.
#ifndef CAT_CONTAINER_PRIVATE_H
#define CAT_CONTAINER_PRIVATE_H

#include <jansson.h>
#include <stddef.h>

#include "cat_container.h"

#define CAT_CONTAINER_IDS 65536u // user and group ids mapped into each container
// The runtime's own threads count against the limit until it executes the function.
#define CAT_CONTAINER_PIDS_MIN 16u
#define CAT_CONTAINER_CPUS_MAX 1024u

// The bundle's config.json. swap: the kernel can limit swap, so that the memory limit is one of memory and swap.
// NULL: err says why. The caller json_decrefs.
json_t *cat_bundle_config(const struct cat_container_spec *spec, bool swap, struct cat_err *err);
// Refuses a specification that no runtime could or should run: -EINVAL and what is wrong with it.
int cat_bundle_check(const struct cat_container_spec *spec, struct cat_err *err);
// The part of it that deletion relies on: what is removed, killed and called.
int cat_bundle_check_names(const struct cat_container_spec *spec, struct cat_err *err);

// The "seccomp" object of config.json: what a function and its daemons need, everything else EPERM.
// NULL: no memory. The caller json_decrefs.
json_t *cat_seccomp_profile(void);

// Runs a program and waits for its end. Standard input is empty; output goes to out_fd (both standard output and
// error). No other descriptor, no environment but PATH, and no blocked signal is inherited. After timeout_ms its
// process group is killed: -ETIMEDOUT. *ret_status as waitpid(2). -ENOENT: no such program.
int cat_process_run(const char *const *argv, int out_fd, int timeout_ms, int *ret_status, struct cat_err *err);
// Where a program is: itself if it contains a slash, else the first in PATH or the system's usual directories.
// NULL: err says why. The caller frees.
char *cat_process_find(const char *name, struct cat_err *err);

#endif
