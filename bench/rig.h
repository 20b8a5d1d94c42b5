// SPDX-License-Identifier: BSD-3-Clause
// A service without containers: memory as catenad makes it, catena-dataplane, and the functions as plain processes. For
// benchmarks and for tests of the dataplane.
#ifndef RIG_H
#define RIG_H

#include <stdint.h>
#include <sys/types.h>

#include "cat_err.h"
#include "cat_tree.h"

struct rig;

// Makes a plan (docs/plan.md) of one path "main": the port `left`, `count` functions named f0, f1, ... of the given
// kinds, the port `right`. Ports are {"driver", "device", "options"} as JSON. The caller frees; NULL: err says why.
struct rig_plan {
	const char *left, *right; // JSON
	const char *const *kinds;
	unsigned count;
	const int *cpus;
	unsigned lanes;
	uint32_t ring, burst, buffers; // 0: 1024, 256, what the rings need
	const char *poll;              // NULL: adaptive
	uint64_t page_bytes;           // 0: normal pages
};
struct cat_node *rig_plan_make(const struct rig_plan *shape, struct cat_err *err);

// Makes all memory, starts the dataplane and opens the service. The plan stays the caller's. NULL: err says why.
struct rig *rig_create(const char *dataplane, const struct cat_node *plan, struct cat_err *err);
// Ends everything that was started.
void rig_destroy(struct rig *rig);

// Where a function's processes connect.
const char *rig_socket(const struct rig *rig, const char *function);
// Hands over a configuration as JSON text.
int rig_configure(struct rig *rig, const char *function, const char *json, struct cat_err *err);
// Starts `program --socket PATH` for a function. Returns its pid or a negative errno.
pid_t rig_start(struct rig *rig, const char *function, const char *program, struct cat_err *err);
// Sends {type} to the dataplane.
int rig_send(struct rig *rig, const char *type, struct cat_err *err);
// Sends any message.
int rig_send_body(struct rig *rig, const struct cat_node *body, struct cat_err *err);
// Waits for the next message of this type, for functions also of this event (NULL: any). Others are skipped. The caller
// frees. NULL: it did not come in time.
struct cat_node *rig_wait(struct rig *rig, const char *type, const char *event, unsigned timeout_ms);
// A counter of the dataplane (function NULL) or of a function, summed over lanes; UINT64_MAX if there is none.
uint64_t rig_counter(const struct rig *rig, const char *function, const char *name);
// Waits until a counter is at least `value`. Returns it as it is then, or after the timeout.
uint64_t rig_counter_wait(const struct rig *rig, const char *function, const char *name, uint64_t value,
			  unsigned timeout_ms);
// Prints all counters that are not 0, for people.
void rig_print_counters(const struct rig *rig);
// The descriptor of some memory by the name that it was handed over with, or -1. Still the rig's.
int rig_memory(const struct rig *rig, const char *name);
pid_t rig_dataplane(const struct rig *rig);
// Kills the dataplane and starts another with the same memory; the functions stay. Configurations are to be handed over
// again. Returns 0 or a negative errno.
int rig_replace_dataplane(struct rig *rig, const char *program, const struct cat_node *plan, struct cat_err *err);
// Seconds of processor time that the dataplane and all functions have used.
double rig_cpu_seconds(const struct rig *rig);
// Waits for the dataplane to end and returns its status as waitpid(2), or -1 after the timeout.
int rig_wait_exit(struct rig *rig, unsigned timeout_ms);

#endif
