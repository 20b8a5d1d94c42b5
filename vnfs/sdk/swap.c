// SPDX-License-Identifier: BSD-3-Clause
// Bringing configurations into force. See process.h for how it works.
#include <errno.h>

#include "cat_log.h"
#include "process.h"

#define SWAP_POLL_MS 1 // a worker that sleeps was nudged; one that works passes a burst boundary every few us

// Shows the configuration's own counters; `config` NULL hides them while their places change.
static int name_counters(struct cat_vnf *vnf, const void *config, struct cat_err *err)
{
	if (!vnf->ops->counter_names)
		return 0;
	int result = cat_stats_name(vnf->stats, vnf->counters, config ? vnf->ops->counter_names(config) : NULL);
	return result < 0
		       ? cat_err_set(err, result, "%s: too many counters, or a name that is too long", vnf->ops->kind)
		       : 0;
}

static int create_lanes(struct cat_vnf *vnf, struct cat_err *err)
{
	for (; vnf->lanes_created < vnf->attachment.lanes; vnf->lanes_created++) {
		struct cat_lane *lane = &vnf->workers[vnf->lanes_created].engine.lane;
		lane->config = vnf->config;
		int result = vnf->ops->lane_create ? vnf->ops->lane_create(lane, err) : 0;
		if (result < 0) {
			cat_err_wrap(err, "lane %u", lane->id);
			return result;
		}
	}
	return 0;
}

int swap_first(struct cat_vnf *vnf, void *config, struct cat_err *err)
{
	vnf->config = config;
	int result = create_lanes(vnf, err);
	if (result == 0)
		result = name_counters(vnf, config, err);
	if (result == 0 && vnf->ops->control_start)
		result = vnf->ops->control_start(vnf, config, err);
	for (uint32_t i = 0; i < vnf->attachment.lanes && result == 0; i++)
		result = worker_start(&vnf->workers[i], err);
	vnf->started = result == 0;
	if (vnf->started)
		prefault_start(vnf);
	return result;
}

static bool all_taken(const struct cat_vnf *vnf)
{
	for (uint32_t i = 0; i < vnf->attachment.lanes; i++) {
		if (atomic_load_explicit(&vnf->workers[i].taken_config, memory_order_acquire) != vnf->config)
			return false;
	}
	return true;
}

static void on_swap_timer(void *user)
{
	struct cat_vnf *vnf = user;
	if (!all_taken(vnf))
		return;
	cat_source_remove(vnf->swap_timer);
	vnf->swap_timer = NULL;
	vnf->is_swapping = false;
	vnf->ops->config_destroy(vnf->old_config);
	vnf->old_config = NULL;
	struct cat_err err = {0};
	if (name_counters(vnf, vnf->config, &err) < 0)
		cat_warn("%s", err.message);
	if (vnf->ops->control_reconfigured)
		vnf->ops->control_reconfigured(vnf, vnf->config);
	control_say(vnf, "configured");
	if (vnf->is_waiting) {
		vnf->is_waiting = false;
		swap_begin(vnf, vnf->waiting_config);
	}
}

void swap_begin(struct cat_vnf *vnf, void *config)
{
	if (vnf->is_swapping) {
		// Only the newest counts; what it replaces was never in force.
		if (vnf->is_waiting)
			vnf->ops->config_destroy(vnf->waiting_config);
		vnf->waiting_config = config;
		vnf->is_waiting = true;
		return;
	}
	struct cat_err err = {0};
	vnf->swap_timer = cat_loop_add_timer(vnf->loop, SWAP_POLL_MS, SWAP_POLL_MS, on_swap_timer, vnf, &err);
	if (!vnf->swap_timer) {
		vnf->ops->config_destroy(config);
		control_reject(vnf, &err);
		return;
	}
	if (vnf->ops->control_prepare && vnf->ops->control_prepare(vnf, config, &err) < 0) {
		cat_source_remove(vnf->swap_timer);
		vnf->swap_timer = NULL;
		vnf->ops->config_destroy(config);
		control_reject(vnf, &err);
		return;
	}
	vnf->old_config = vnf->config;
	vnf->config = config;
	vnf->is_swapping = true;
	name_counters(vnf, NULL, &err);
	for (uint32_t i = 0; i < vnf->attachment.lanes; i++) {
		atomic_store_explicit(&vnf->workers[i].next_config, config, memory_order_release);
		worker_nudge(&vnf->workers[i]);
	}
}

void swap_finish(struct cat_vnf *vnf)
{
	for (uint32_t i = 0; i < vnf->lanes_created; i++) {
		if (vnf->ops->lane_destroy)
			vnf->ops->lane_destroy(&vnf->workers[i].engine.lane);
	}
	vnf->lanes_created = 0;
	if (vnf->is_swapping)
		vnf->ops->config_destroy(vnf->old_config);
	if (vnf->is_waiting)
		vnf->ops->config_destroy(vnf->waiting_config);
	if (vnf->config)
		vnf->ops->config_destroy(vnf->config);
	vnf->config = vnf->old_config = vnf->waiting_config = NULL;
	vnf->is_swapping = vnf->is_waiting = false;
}
