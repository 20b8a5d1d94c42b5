// SPDX-License-Identifier: BSD-3-Clause
// Alarms of what the counters say: a function that drops much of what it gets, and a ring that stays full.
#include <string.h>

#include "sol.h"

#define DROP_SHARE 0.05   // of what comes in
#define DROP_FLOOR 100.0  // packets a second, below which nobody is told
#define QUEUE_SHARE 0.9   // of a ring
#define RAISE_SECONDS 3u  // in a row ...
#define CLEAR_SECONDS 10u // ... and without
#define VIOLATION_SECONDS 60u

static double drops_of(const struct service *service, uint32_t page_index, const struct cat_stats_page *page)
{
	double rate = 0;
	uint32_t count = stats_count(page);
	for (uint32_t i = 0; i < count; i++)
		if (!strncmp(page->name[i], "drop.", 5))
			rate += sampler_rate(service->sampler, page_index, i);
	return rate;
}

static bool drops(const struct service *service, uint32_t index)
{
	char name[MEMORY_NAME_MAX];
	snprintf(name, sizeof(name), "function/%s/stats", service->function[index].name);
	const struct cat_stats_page *page = memory_stats(&service->memory, name);
	double in = sampler_rate(service->sampler, index + 1, CAT_STAT_LEFT_RX_PACKETS) +
		    sampler_rate(service->sampler, index + 1, CAT_STAT_RIGHT_RX_PACKETS);
	double out = page ? drops_of(service, index + 1, page) : 0;
	return out > DROP_FLOOR && out > DROP_SHARE * in;
}

// Whether a ring that leads to the function is nearly full.
static bool queues(const struct service *service, const char *function)
{
	const struct cat_node *paths = cat_node_get(service->current.plan, "paths");
	for (const struct cat_node *path = paths ? paths->first : NULL; path; path = path->next) {
		const struct cat_node *hops = cat_node_get(path, "hops");
		unsigned number = 0;
		for (const struct cat_node *hop = hops ? hops->first : NULL; hop && hop->next;
		     hop = hop->next, number++) {
			bool right = !strcmp(hop->next->string, function), left = !strcmp(hop->string, function);
			for (uint32_t lane = 0; (right || left) && lane < service->lanes; lane++) {
				const struct cat_ring *ring =
					memory_ring(&service->memory, doc_text(path, "name"), number, lane, right);
				uint32_t depth =
					!ring ? 0
					      : atomic_load_explicit(&ring->prod, memory_order_relaxed) -
							atomic_load_explicit(&ring->cons, memory_order_relaxed);
				uint32_t size = ring ? ring->size : 0;
				if (size && size <= CAT_RING_SIZE_MAX && depth <= size && depth > QUEUE_SHARE * size)
					return true;
			}
		}
	}
	return false;
}

// How long it is so, or not any more: counted beside the instance.
static void judge(struct sol *sol, struct sol_resource *instance, const char *fault, bool bad, const char *message)
{
	const char *service = doc_text(instance->doc, "service"), *function = doc_text(instance->doc, "function");
	if (!instance->scratch)
		instance->scratch = cat_node_new_map();
	if (!instance->scratch)
		return;
	int64_t count = doc_int(instance->scratch, fault);
	count = bad ? (count > 0 ? count : 0) + 1 : (count < 0 ? count : 0) - 1;
	doc_set_int(instance->scratch, fault, count);
	if (count == (int64_t)RAISE_SECONDS)
		fault_raise(sol, service, function, fault, "MINOR", "QOS_ALARM", message);
	else if (count == -(int64_t)CLEAR_SECONDS)
		fault_clear(sol, service, function, fault);
}

void quality_look(struct sol *sol)
{
	for (struct sol_resource *r = sol->set[SOL_INSTANCE].first; r; r = r->next) {
		const struct service *service = instance_service(sol, r);
		const struct function *function = instance_function(sol, r);
		if (!service || !function || service->state != SERVICE_RUNNING)
			continue;
		judge(sol, r, "DROP_RATE", drops(service, (uint32_t)(function - service->function)),
		      "the function drops more than a twentieth of what it gets: see `catena status -v`");
		judge(sol, r, "QUEUE", queues(service, function->name),
		      "the ring to the function stays full: give the service more lanes");
	}
	// Nothing says that a violation is over but that there is no other.
	char before[DOC_TIME_MAX];
	doc_time(wall_ms() - VIOLATION_SECONDS * 1000, before);
	for (struct sol_resource *r = sol->set[SOL_ALARM].first; r; r = r->next)
		if (!*doc_text(r->doc, "alarmClearedTime") && !strcmp(doc_text(r->doc, "faultType"), "VIOLATION") &&
		    strcmp(doc_text(r->doc, "eventTime"), before) < 0)
			fault_clear(sol, doc_text(r->doc, "service"), doc_text(r->doc, "function"), "VIOLATION");
}
