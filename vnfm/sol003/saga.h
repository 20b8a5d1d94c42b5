// SPDX-License-Identifier: BSD-3-Clause
// The steps of operations. A step and its undoing may be called again at any time: after BUSY, after a retry, and by
// the manager that comes after one that died in it.
#ifndef SOL_SAGA_H
#define SOL_SAGA_H

#include "sol.h"

#define SAGA_WAIT_MS 90000 // for what is not bounded by the service itself

struct sol_run {
	struct sol *sol;
	struct watcher watcher;
	bool called, answered; // of the service: its operation runs; has ended with `result`
	struct cat_err result;
	uint64_t since_ms;   // of the step's beginning
	uint32_t generation; // of the function when the step began
};

enum saga_result { SAGA_DONE, SAGA_BUSY, SAGA_FAILED };
typedef enum saga_result (*saga_fn)(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err);

struct saga_step {
	const char *name;
	saga_fn run, undo; // undo NULL: nothing is to be undone
};
struct saga {
	const char *operation;
	struct saga_step step[4]; // ended by one without a name
};
const struct saga *saga_find(const char *operation); // NULL: none

#endif
