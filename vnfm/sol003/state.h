// SPDX-License-Identifier: BSD-3-Clause
// The states of a life-cycle operation occurrence (ETSI GS NFV-SOL 003 clause 5.6.2.2) as one table.
#ifndef SOL_STATE_H
#define SOL_STATE_H

#include <stdbool.h>

enum sol_state {
	SOL_STARTING,
	SOL_PROCESSING,
	SOL_COMPLETED,
	SOL_FAILED_TEMP,
	SOL_FAILED,
	SOL_ROLLING_BACK,
	SOL_ROLLED_BACK,
	SOL_STATES
};
extern const char *const sol_state_names[SOL_STATES];

// What happens to an occurrence: by itself, or by a request on one of its task resources.
enum sol_event {
	SOL_BEGIN,    // the operation may start (granted)
	SOL_DONE,     // the last step, or the last undoing, is done
	SOL_ERROR,    // a step, or an undoing, failed
	SOL_REFUSED,  // it cannot start: nothing was done
	SOL_RETRY,    // POST .../retry
	SOL_ROLLBACK, // POST .../rollback, or by itself after an error
	SOL_FAIL,     // POST .../fail
	SOL_CANCEL,   // POST .../cancel: takes effect between two steps
	SOL_EVENTS
};
extern const char *const sol_event_names[SOL_EVENTS];

// The state that follows; false: the pair is not legal, *ret_next is untouched.
bool sol_state_next(enum sol_state state, enum sol_event event, enum sol_state *ret_next);
// Nothing follows any more.
bool sol_state_final(enum sol_state state);
// By name; false: none has it.
bool sol_state_find(const char *name, enum sol_state *ret_state);

#endif
