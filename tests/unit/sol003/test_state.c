// SPDX-License-Identifier: BSD-3-Clause
// The state machine of operation occurrences: every pair of state and event, legal or not.
#include "../test.h"

#include "state.h"
#include <string.h>

// next state by [state][event]; "-": not legal. ETSI GS NFV-SOL 003 figure 5.6.2.2-1.
static const char *const expected[SOL_STATES][SOL_EVENTS] = {
	//                   begin         done           error          refused        retry         rollback fail
	//                   cancel
	[SOL_STARTING] = {"PROCESSING", "-", "-", "ROLLED_BACK", "-", "-", "-", "ROLLED_BACK"},
	[SOL_PROCESSING] = {"-", "COMPLETED", "FAILED_TEMP", "-", "-", "-", "-", "FAILED_TEMP"},
	[SOL_COMPLETED] = {"-", "-", "-", "-", "-", "-", "-", "-"},
	[SOL_FAILED_TEMP] = {"-", "-", "-", "-", "PROCESSING", "ROLLING_BACK", "FAILED", "-"},
	[SOL_FAILED] = {"-", "-", "-", "-", "-", "-", "-", "-"},
	[SOL_ROLLING_BACK] = {"-", "ROLLED_BACK", "FAILED_TEMP", "-", "-", "-", "-", "FAILED_TEMP"},
	[SOL_ROLLED_BACK] = {"-", "-", "-", "-", "-", "-", "-", "-"},
};

static void all_pairs(void **state)
{
	(void)state;
	for (int s = 0; s < SOL_STATES; s++) {
		for (int e = 0; e < SOL_EVENTS; e++) {
			enum sol_state next = SOL_STATES;
			bool legal = sol_state_next((enum sol_state)s, (enum sol_event)e, &next);
			const char *found = legal ? sol_state_names[next] : "-";
			if (strcmp(found, expected[s][e]) != 0)
				fail_msg("%s + %s: found %s, expected %s", sol_state_names[s], sol_event_names[e],
					 found, expected[s][e]);
			assert_int_equal(next == SOL_STATES, !legal); // untouched
		}
	}
}

static void final_states(void **state)
{
	(void)state;
	for (int s = 0; s < SOL_STATES; s++) {
		bool follows = false;
		enum sol_state next;
		for (int e = 0; e < SOL_EVENTS; e++)
			follows |= sol_state_next((enum sol_state)s, (enum sol_event)e, &next);
		assert_int_equal(sol_state_final((enum sol_state)s), !follows);
	}
}

static void names(void **state)
{
	(void)state;
	enum sol_state found = SOL_FAILED;
	assert_false(sol_state_find("", &found));
	assert_false(sol_state_find("completed", &found));
	assert_int_equal(found, SOL_FAILED);
	for (int s = 0; s < SOL_STATES; s++) {
		assert_true(sol_state_find(sol_state_names[s], &found));
		assert_int_equal(found, s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_pairs),
		cmocka_unit_test(final_states),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
