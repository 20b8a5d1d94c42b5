// SPDX-License-Identifier: BSD-3-Clause
// What the two halves of a function share: its life (function.c) and its container (function_job.c).
#ifndef VNFM_FUNCTION_H
#define VNFM_FUNCTION_H

#include "service.h"

// Runs on a thread of the pool: mounts the image where it is not, and runs the container.
void function_run_work(void *user);
// Removes the container; unmounts unless a new one follows.
void function_remove_work(void *user);
// Takes the limits that the plan gives it now. No job may be under way.
int function_limits(struct function *function, struct cat_err *err);
// Opens what the container finds at /run/catena. Once in a service's life.
int function_listen(struct function *function, struct cat_err *err);

#endif
