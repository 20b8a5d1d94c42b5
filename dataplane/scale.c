// SPDX-License-Identifier: BSD-3-Clause
// A service on more or fewer cores, while packets pass.
//
// How it works
//
// Flows are hashed to lanes, and a lane is all that its flows need: rings, tables, free buffers, one worker in every
// process. So a lane is what moves: each of its workers is given another core by the kernel, between two instructions
// or while it sleeps, with all that it has. Nothing else changes hands. Packets under way stay in the rings where they
// are, in their order; both ends of a ring may be on different cores meanwhile, for which rings are made. Lanes that
// share a core take turns as the workers of one lane do. A worker that dies, or that is started, half way finds the
// cores of the lanes in its "attach".
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "cat_log.h"
#include "control.h"

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int read_cores(const struct lane_shared *shared, const struct cat_node *body, int *cpu, struct cat_err *err)
{
	const struct cat_node *lanes = NULL;
	int r = cat_node_read_list(body, "lanes", CAT_REQUIRED, &lanes, err);
	if (r < 0)
		return r;
	if (lanes->count != shared->lanes)
		return cat_node_error(lanes, err, "found %zu lanes, expected %u", lanes->count, shared->lanes);
	uint32_t i = 0;
	for (const struct cat_node *n = lanes->first; n; n = n->next) {
		if (n->type != CAT_INT || n->integer < 0 || n->integer >= CPU_SETSIZE)
			return cat_node_error(n, err, "expected a core's number");
		cpu[i++] = (int)n->integer;
	}
	return 0;
}

void scale_proceed(struct control *c)
{
	if (!c->scaling)
		return;
	for (uint32_t i = 0; i < c->service.function_count; i++)
		if (c->peer[i].moving)
			return;
	c->scaling = false;
	control_answer(c, "scaled", "us", (int64_t)(now_us() - c->scale_start_us), NULL);
}

int scale_begin(struct control *c, const struct cat_node *body, struct cat_err *err)
{
	struct lane_shared *shared = &c->service.lanes;
	int cpu[CAT_LANES_MAX], before[CAT_LANES_MAX];
	int r = read_cores(shared, body, cpu, err);
	uint32_t moved = 0;
	uint64_t start_us = now_us();
	for (; r == 0 && moved < shared->lanes; moved++) {
		before[moved] = shared->lane[moved].cpu;
		r = lane_move(&shared->lane[moved], cpu[moved], err);
	}
	if (r < 0) {
		// Cores where they were a moment ago.
		while (moved-- > 0)
			lane_move(&shared->lane[moved], before[moved], NULL);
		return r;
	}
	c->scale_start_us = start_us;
	c->scaling = true;
	for (uint32_t i = 0; i < c->service.function_count; i++) {
		struct peer *peer = &c->peer[i];
		bool listens = peer->state == PEER_ATTACHED || peer->state == PEER_RUNNING;
		// One that does not take messages is not waited for: its end is near.
		peer->moving = listens && peer->sock >= 0 && peer_move(peer) == 0;
	}
	scale_proceed(c);
	return 0;
}
