// SPDX-License-Identifier: BSD-3-Clause
// Kill loops over a service without containers (bench/rig.h): what they share.
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "rig.h"

#define FAULT_FUNCTIONS 3u
#define FAULT_RATE 1000000 // packets a second
#define FAULT_BUFFERS 16384u
#define FAULT_TIMEOUT_MS 10000u

// What a scenario found, over all of its runs.
struct tally {
	uint32_t runs;
	uint64_t leaked;      // buffers that are nowhere
	uint64_t duplicated;  // packets that came twice, or buffers in two places
	uint64_t lost;        // packets that did not come
	uint64_t unexplained; // of these: not counted by anybody
	uint64_t reordered;
	uint64_t *blocked_ns; // for each run, how long nothing moved
	uint32_t blocked_count;
};

struct fault {
	const char *dataplane, *function; // programs
	struct cat_node *plan;
	struct rig *rig;
	pid_t pid[FAULT_FUNCTIONS];
	unsigned seed;
};

// Each does `runs` kills. 0, or a negative errno with a message: it could not be done.
int scenario_functions(struct fault *fault, struct tally *tally, uint32_t runs, struct cat_err *err);
int scenario_dataplane(struct fault *fault, struct tally *tally, uint32_t runs, struct cat_err *err);

// Starts dataplane and functions between two ports, and waits until packets may flow.
int fault_start(struct fault *fault, const char *left, const char *right, struct cat_err *err);
void fault_stop(struct fault *fault);
const char *fault_name(unsigned function);
int fault_await_running(struct fault *fault, struct cat_err *err);
// At a moment that nobody could foresee, at least min_ms from now.
void fault_pause(struct fault *fault, unsigned min_ms, unsigned max_ms);
// Adds leaked and duplicated buffers, once nothing moves.
int fault_audit(struct fault *fault, struct tally *tally, struct cat_err *err);
uint64_t fault_torn(const struct fault *fault);
uint64_t fault_now_ns(void);

void tally_blocked(struct tally *tally, uint64_t ns);
// One line of JSON.
void tally_print(const struct tally *tally, const char *scenario);
void tally_finish(struct tally *tally);

#endif
