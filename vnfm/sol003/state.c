// SPDX-License-Identifier: BSD-3-Clause
#include "state.h"

#include <string.h>

const char *const sol_state_names[SOL_STATES] = {"STARTING", "PROCESSING",   "COMPLETED",  "FAILED_TEMP",
						 "FAILED",   "ROLLING_BACK", "ROLLED_BACK"};
const char *const sol_event_names[SOL_EVENTS] = {"begin", "done",     "error", "refused",
						 "retry", "rollback", "fail",  "cancel"};

// What is not listed is not legal.
static const struct {
	enum sol_state state;
	enum sol_event event;
	enum sol_state next;
} table[] = {
	{SOL_STARTING, SOL_BEGIN, SOL_PROCESSING},      {SOL_STARTING, SOL_REFUSED, SOL_ROLLED_BACK},
	{SOL_STARTING, SOL_CANCEL, SOL_ROLLED_BACK},    {SOL_PROCESSING, SOL_DONE, SOL_COMPLETED},
	{SOL_PROCESSING, SOL_ERROR, SOL_FAILED_TEMP},   {SOL_PROCESSING, SOL_CANCEL, SOL_FAILED_TEMP},
	{SOL_FAILED_TEMP, SOL_RETRY, SOL_PROCESSING},   {SOL_FAILED_TEMP, SOL_ROLLBACK, SOL_ROLLING_BACK},
	{SOL_FAILED_TEMP, SOL_FAIL, SOL_FAILED},        {SOL_ROLLING_BACK, SOL_DONE, SOL_ROLLED_BACK},
	{SOL_ROLLING_BACK, SOL_ERROR, SOL_FAILED_TEMP}, {SOL_ROLLING_BACK, SOL_CANCEL, SOL_FAILED_TEMP},
};

bool sol_state_next(enum sol_state state, enum sol_event event, enum sol_state *ret_next)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (table[i].state == state && table[i].event == event) {
			*ret_next = table[i].next;
			return true;
		}
	}
	return false;
}

bool sol_state_final(enum sol_state state)
{
	return state == SOL_COMPLETED || state == SOL_FAILED || state == SOL_ROLLED_BACK;
}

bool sol_state_find(const char *name, enum sol_state *ret_state)
{
	for (int i = 0; i < SOL_STATES; i++) {
		if (!strcmp(sol_state_names[i], name)) {
			*ret_state = (enum sol_state)i;
			return true;
		}
	}
	return false;
}
