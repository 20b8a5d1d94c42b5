// SPDX-License-Identifier: BSD-3-Clause
// fault SCENARIO RUNS: prints what it found as one line of JSON, and fails if a buffer leaked, a packet came twice, or
// one is missing that nobody counted. Programs come by DATAPLANE and NULL_FUNCTION in the environment. FAULT_SEED: of
// the moments of death.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"

#define AUDITS_MAX 2000u
#define REPORT_MS 50u

static const struct scenario {
	const char *name, *title;
	int (*run)(struct fault *fault, struct tally *tally, uint32_t runs, struct cat_err *err);
} scenarios[] = {
	{"functions", "functions, without containers", scenario_functions},
	{"dataplane", "dataplane, without containers", scenario_dataplane},
};

uint64_t fault_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void fault_pause(struct fault *fault, unsigned min_ms, unsigned max_ms)
{
	uint64_t us = (uint64_t)min_ms * 1000 + (unsigned)rand_r(&fault->seed) % ((max_ms - min_ms) * 1000);
	nanosleep(&(struct timespec){.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000 * 1000)}, NULL);
}

const char *fault_name(unsigned function)
{
	static const char *const names[FAULT_FUNCTIONS] = {"f0", "f1", "f2"};
	return names[function];
}

// Asked for, because what was said before may have been skipped.
int fault_await_running(struct fault *fault, struct cat_err *err)
{
	for (unsigned waited = 0; waited < FAULT_TIMEOUT_MS; waited += REPORT_MS) {
		if (rig_send(fault->rig, "report", err) < 0)
			return err->code;
		cat_autonode struct cat_node *running = rig_wait(fault->rig, "running", NULL, REPORT_MS);
		if (running)
			return 0;
	}
	return cat_err_set(err, -ETIMEDOUT, "the functions do not run");
}

int fault_start(struct fault *fault, const char *left, const char *right, struct cat_err *err)
{
	static const char *const kinds[FAULT_FUNCTIONS] = {"null", "null", "null"};
	int cpu = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	fault->plan = rig_plan_make(&(struct rig_plan){.left = left,
						       .right = right,
						       .kinds = kinds,
						       .count = FAULT_FUNCTIONS,
						       .cpus = &cpu,
						       .lanes = 1,
						       .buffers = FAULT_BUFFERS},
				    err);
	fault->rig = fault->plan ? rig_create(fault->dataplane, fault->plan, err) : NULL;
	if (!fault->rig)
		return err->code;
	for (unsigned i = 0; i < FAULT_FUNCTIONS; i++) {
		if (rig_configure(fault->rig, fault_name(i), "{}", err) < 0)
			return err->code;
		fault->pid[i] = rig_start(fault->rig, fault_name(i), fault->function, err);
		if (fault->pid[i] < 0)
			return err->code;
	}
	return fault_await_running(fault, err);
}

void fault_stop(struct fault *fault)
{
	rig_destroy(fault->rig);
	cat_node_free(fault->plan);
	fault->rig = NULL;
	fault->plan = NULL;
}

static int64_t number(const struct cat_node *map, const char *key)
{
	const struct cat_node *n = cat_node_get(map, key);
	return n && n->type == CAT_INT ? n->integer : 0;
}

// What lanes say of their free buffers is some milliseconds old, and rings move while supply is filled: asked until
// nothing moved and the sum is right, or for so often that it never will be.
int fault_audit(struct fault *fault, struct tally *tally, struct cat_err *err)
{
	int64_t missing = 0, duplicated = 0;
	for (unsigned i = 0; i < AUDITS_MAX; i++) {
		if (rig_send(fault->rig, "audit", err) < 0)
			return err->code;
		cat_autonode struct cat_node *body = rig_wait(fault->rig, "audited", NULL, FAULT_TIMEOUT_MS);
		const struct cat_node *still = body ? cat_node_get(body, "still") : NULL;
		if (!still)
			return cat_err_set(err, -ETIMEDOUT, "no audit");
		missing = number(body, "buffers") - number(body, "free") - number(body, "under_way") +
			  number(body, "leaked");
		duplicated = number(body, "duplicated");
		if (still->boolean && missing == 0 && duplicated == 0)
			return 0;
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	tally->leaked += (uint64_t)(missing > 0 ? missing : -missing);
	tally->duplicated += (uint64_t)duplicated;
	return 0;
}

uint64_t fault_torn(const struct fault *fault)
{
	uint64_t torn = 0;
	for (unsigned i = 0; i < FAULT_FUNCTIONS; i++)
		torn += rig_counter(fault->rig, fault_name(i), "drop.torn");
	return torn;
}

int main(int argc, char **argv)
{
	struct fault fault = {.dataplane = getenv("DATAPLANE"), .function = getenv("NULL_FUNCTION")};
	const char *seed = getenv("FAULT_SEED");
	const struct scenario *scenario = NULL;
	for (size_t i = 0; argc == 3 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (!strcmp(argv[1], scenarios[i].name))
			scenario = &scenarios[i];
	uint32_t runs = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	if (!scenario || !runs || !fault.dataplane || !fault.function) {
		fprintf(stderr, "usage: DATAPLANE=PROGRAM NULL_FUNCTION=PROGRAM fault functions|dataplane RUNS\n");
		return 2;
	}
	fault.seed = seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)getpid();
	fprintf(stderr, "seed %u\n", fault.seed);
	struct tally tally = {0};
	struct cat_err err = {0};
	int r = scenario->run(&fault, &tally, runs, &err);
	fault_stop(&fault);
	if (r < 0)
		fprintf(stderr, "%s: after %u runs: %s\n", scenario->name, tally.runs, err.message);
	tally_print(&tally, scenario->title);
	bool bad = r < 0 || tally.leaked || tally.duplicated || tally.unexplained || tally.reordered;
	tally_finish(&tally);
	return bad;
}
