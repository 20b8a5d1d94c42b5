// SPDX-License-Identifier: BSD-3-Clause
// A worker that has packets and makes no progress. Progress is the worker page's heartbeat, which grows with every
// round of a worker that is awake, whatever it finds to do; one that waits for room further down grows it too. So only
// who stands still himself is found: a stopped process, an endless loop, a lock.
#include "cat_control.h"
#include "container.h"

#define HANG_LOOKS 4 // within hang_ms
#define HANG_PERIOD_MIN_MS 5

static bool has_packets(const struct cat_ring *ring)
{
	return ring && atomic_load_explicit(&ring->prod, memory_order_relaxed) !=
			       atomic_load_explicit(&ring->cons, memory_order_relaxed);
}

// How long the lane's worker has had packets and stood still.
static uint64_t stands_ms(struct function *function, uint32_t lane, uint64_t now)
{
	const struct service *service = function->service;
	const struct memory *memory = &service->memory;
	const struct cat_node *plan = service_plan_of(service->current.plan, function->name);
	const struct memory_item *item = memory_find(memory, "function/%s/lane/%u/worker", function->name, lane);
	const struct cat_worker_page *page = item ? item->map : NULL;
	const char *path = "";
	int64_t position = 0;
	if (!page || cat_node_read_string(plan, "path", CAT_REQUIRED, &path, NULL) < 0 ||
	    cat_node_read_int(plan, "position", CAT_REQUIRED, 0, CAT_FUNCTIONS_MAX, &position, NULL) < 0)
		return 0;
	unsigned link = (unsigned)position;
	uint64_t heartbeat = atomic_load_explicit(&page->heartbeat, memory_order_relaxed);
	bool waits = has_packets(memory_ring(memory, path, link, lane, true)) ||
		     has_packets(memory_ring(memory, path, link + 1, lane, false));
	if (!waits || heartbeat != function->heartbeat[lane] || !function->moved_ms[lane])
		function->moved_ms[lane] = now;
	function->heartbeat[lane] = heartbeat;
	return now - function->moved_ms[lane];
}

static void look(void *user)
{
	struct function *function = user;
	uint64_t now = cat_now_ms();
	if (function_state(function) != FUNCTION_RUNNING) {
		for (uint32_t lane = 0; lane < CAT_LANES_MAX; lane++)
			function->moved_ms[lane] = 0;
		return;
	}
	for (uint32_t lane = 0; lane < function->service->lanes && lane < CAT_LANES_MAX; lane++) {
		uint64_t ms = stands_ms(function, lane, now);
		if (ms < function->policy.hang_ms)
			continue;
		service_event(function->service, function->name, "hang",
			      "lane %u has packets and made no progress for %llu ms: process %d is replaced", lane,
			      (unsigned long long)ms, function_active(function)->pid);
		function_condemn(function, function_active(function)->pid);
		return;
	}
}

void hang_watch(struct function *function)
{
	struct cat_err err = {0};
	cat_source_remove(function->watch);
	function->watch = NULL;
	if (!function->policy.hang_ms)
		return;
	uint32_t period = function->policy.hang_ms / HANG_LOOKS;
	period = period < HANG_PERIOD_MIN_MS ? HANG_PERIOD_MIN_MS : period;
	function->watch = cat_loop_add_timer(function->service->manager->loop, period, period, look, function, &err);
	if (!function->watch)
		service_event(function->service, function->name, "error", "hangs are not looked for: %s", err.message);
}
