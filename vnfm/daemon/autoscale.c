// SPDX-License-Identifier: BSD-3-Clause
#include "autoscale.h"

#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "manager.h"
#include "sample.h"
#include "service.h"
#include "status.h"

#define LOOK_MAX_US 5000000u // two samples further apart belong to different times

uint32_t autoscale_decide(struct autoscale *memory, const struct autoscale_limits *limits, uint32_t cores, double busy,
			  double queue, uint64_t now_ms, bool *ret_lacking)
{
	*ret_lacking = false;
	if (cores < limits->minimum || cores > limits->maximum || cores == 0)
		return cores < limits->minimum ? limits->minimum : limits->maximum;
	bool held = memory->changed_ms && now_ms - memory->changed_ms < limits->hold_ms;
	bool full = busy / cores > limits->grow || queue > AUTOSCALE_QUEUE;
	memory->busy_looks = full ? memory->busy_looks + 1 : 0;
	bool spare = cores > limits->minimum && !full && busy / (cores - 1) < limits->shrink;
	if (!spare)
		memory->idle_since = 0;
	else if (!memory->idle_since)
		memory->idle_since = now_ms;
	uint32_t wanted = cores;
	if (memory->busy_looks >= AUTOSCALE_LOOKS) {
		*ret_lacking = cores == limits->maximum;
		wanted = cores < limits->maximum && !held ? cores + 1 : cores;
	} else if (spare && !held && now_ms - memory->idle_since >= limits->hold_ms) {
		wanted = cores - 1;
	}
	if (wanted != cores) {
		memory->changed_ms = now_ms;
		memory->busy_looks = 0;
		memory->idle_since = 0;
	}
	return wanted;
}

// False: the service does not scale by itself.
static bool read_limits(const struct service *service, struct autoscale_limits *ret)
{
	const struct cat_node *scaling = cat_node_get(service->current.plan, "scaling");
	bool automatic = false;
	int64_t minimum = 1, maximum = 1, grow = 0, shrink = 0, hold_s = 0;
	if (!scaling || cat_node_read_bool(scaling, "automatic", CAT_OPTIONAL, &automatic, NULL) < 0 || !automatic ||
	    cat_node_read_int(scaling, "minimum", CAT_OPTIONAL, 1, 64, &minimum, NULL) < 0 ||
	    cat_node_read_int(scaling, "maximum", CAT_REQUIRED, 1, 64, &maximum, NULL) < 0 ||
	    cat_node_read_int(scaling, "grow_percent", CAT_REQUIRED, 1, 100, &grow, NULL) < 0 ||
	    cat_node_read_int(scaling, "shrink_percent", CAT_REQUIRED, 0, 100, &shrink, NULL) < 0 ||
	    cat_node_read_int(scaling, "hold_s", CAT_REQUIRED, 1, 86400, &hold_s, NULL) < 0)
		return false;
	*ret = (struct autoscale_limits){.minimum = (uint32_t)minimum,
					 .maximum = (uint32_t)maximum,
					 .grow = (double)grow / 100,
					 .shrink = (double)shrink / 100,
					 .hold_ms = (uint64_t)hold_s * 1000};
	return true;
}

// What the functions' workers do in a second, in cores. What a page says is its owner's word: no core is more than
// busy.
static double busy_cores(const struct service *service, double ticks_per_s)
{
	double busy[CAT_LANES_MAX] = {0}, sum = 0;
	uint32_t cores = service_cores(service);
	for (uint32_t lane = 0; lane < service->lanes && lane < CAT_LANES_MAX; lane++)
		for (uint32_t i = 0; i < service->function_count; i++)
			busy[lane % cores] +=
				sampler_lane_rate(service->sampler, i + 1, CAT_STAT_BUSY_CYCLES, lane) / ticks_per_s;
	for (uint32_t i = 0; i < cores; i++)
		sum += busy[i] < 1 ? busy[i] : 1;
	return sum;
}

// The service's own file with another number of lanes, by the same way as if somebody had put it.
static void change(struct service *service, uint32_t cores, double busy, double queue)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *tree = cat_node_copy(NULL, NULL, cat_service_source(service->current.file));
	struct cat_node *old = cat_node_get(tree, "lanes");
	if (old)
		cat_node_free(cat_node_detach(old));
	cat_autofree char *text = tree && cat_node_add_int(tree, "lanes", cores) ? cat_node_to_json(tree, 2) : NULL;
	struct cat_problems problems = {0};
	struct cat_service *file = NULL;
	if (!text)
		cat_err_set(&err, -ENOMEM, "no memory");
	else
		cat_service_parse(service->name, text, strlen(text), service->manager->kinds, &file, &problems, &err);
	cat_problems_free(&problems);
	if (!file) {
		service_event(service, NULL, "error", "scaling by itself: %s", err.message);
		return;
	}
	uint32_t before = service_cores(service);
	service_event(service, NULL, cores > before ? "grow" : "shrink",
		      "%u core%s, %.0f %% busy, fullest queue %.0f %%: %u from now on", before, before == 1 ? "" : "s",
		      100 * busy / before, 100 * queue, cores);
	service_put(service->manager, service->name, cat_steal(text), file, NULL);
}

void autoscale_look(struct service *service)
{
	struct autoscale *memory = &service->autoscale;
	struct autoscale_limits limits;
	uint64_t ticks = sample_ticks(), us = now_us(), passed_us = us - memory->us;
	double ticks_per_s = passed_us ? (double)(ticks - memory->ticks) * 1e6 / (double)passed_us : 0;
	bool known = memory->us && passed_us < LOOK_MAX_US && ticks_per_s > 0, lacking = false;
	memory->ticks = ticks;
	memory->us = us;
	if (!known || service->state != SERVICE_RUNNING || service->operation.active || !service->current.file ||
	    !read_limits(service, &limits))
		return;
	uint32_t cores = service_cores(service);
	double busy = busy_cores(service, ticks_per_s), queue = status_fullest(service);
	uint32_t wanted = autoscale_decide(memory, &limits, cores, busy, queue, us / 1000, &lacking);
	if (lacking && !memory->at_most)
		service_event(service, NULL, "lacking",
			      "%u core%s, %.0f %% busy, fullest queue %.0f %%: more are needed than %u", cores,
			      cores == 1 ? "" : "s", 100 * busy / cores, 100 * queue, limits.maximum);
	bool still = lacking || (memory->at_most && memory->busy_looks);
	if (memory->at_most && !still)
		service_event(service, NULL, "enough", "%u cores are enough again", cores);
	memory->at_most = still;
	if (wanted != cores)
		change(service, wanted, busy, queue);
}
