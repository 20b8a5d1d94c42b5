// SPDX-License-Identifier: BSD-3-Clause
// One container of a function: its life (container.c) and the blocking work (container_job.c). What its end means is
// the function's business (function.c).
#ifndef VNFM_CONTAINER_H
#define VNFM_CONTAINER_H

#include "service.h"

// container.c
int container_init(struct container *container, struct function *function, unsigned slot, struct cat_err *err);
void container_finish(struct container *container);
// With the function's image. From FUNCTION_DOWN or FUNCTION_WAITING.
void container_start(struct container *container);
// After wait_ms.
void container_start_later(struct container *container, uint32_t wait_ms);
// Ends it for good: FUNCTION_DOWN follows.
void container_stop(struct container *container);
// Asks it to finish the burst under way and to end; function_on_removed follows.
void container_retire(struct container *container);
// It has the packets as soon as the dataplane has seen the other one's end, and is to say so in time.
void container_expect(struct container *container);
// Kills and removes it; function_on_removed follows.
void container_remove(struct container *container);
// It runs, or stands by.
void container_reported(struct container *container, enum function_state state);
// Takes over what an earlier manager started, as its note in the store tells; log_fd (taken) is the reading end of its
// output. False: its process is not there any more; what is left of it can be removed.
bool container_adopt(struct container *container, const struct cat_node *detail, int64_t change, int log_fd);
// Writes down what an adopter needs to know.
void container_note(struct container *container);

// container_job.c
// Runs on a thread of the pool: mounts the image where it is not, and runs the container.
void container_run_work(void *user);
// Removes the container; unmounts unless a new one with the same image follows.
void container_remove_work(void *user);
// Takes the limits that the plan gives it now. No job may be under way.
int container_limits(struct container *container, struct cat_err *err);
// Opens what the containers find at /run/catena. Once in a service's life.
int function_listen(struct function *function, struct cat_err *err);
int function_read_plan(struct function *function, const struct cat_node *plan, struct cat_err *err);

// hang.c: kills a worker that makes no progress.
void hang_watch(struct function *function);

// function.c, called by container.c
// The container could not be started, has ended, or did not attach in time. It is not removed yet.
void function_on_failed(struct container *container, const char *kind, const char *message);
// It runs or stands by.
void function_on_up(struct container *container);
// Nothing is left of the container; the state is FUNCTION_DOWN.
void function_on_removed(struct container *container);

#endif
