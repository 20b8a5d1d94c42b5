// SPDX-License-Identifier: BSD-3-Clause
#include "firewall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_eal.h"
#include "cat_firewall.h"

// The compiled rules of two configurations, the old and the new.
#define EAL_MEMORY_MB 128u
// Connections looked at in a tick of 10 ms.
#define EXPIRE_BUDGET 4096u

static const char *const counters[] = {
#define COUNTER_NAME(id, name) name,
	FW_COUNTERS(COUNTER_NAME)
#undef COUNTER_NAME
		NULL};

static void set_limit(struct cat_lane *lane)
{
	struct fw_lane *fw = lane->priv;
	const struct fw_config *config = lane->config;
	uint32_t capacity = cat_flow_capacity(fw->table.flows);
	uint32_t share = config->max_connections;
	if (share != UINT32_MAX)
		share = (share + lane->lanes - 1) / lane->lanes;
	fw->limit = share < capacity ? share : capacity;
}

static void lane_destroy(struct cat_lane *lane)
{
	struct fw_lane *fw = lane->priv;
	if (!fw)
		return;
	cat_fragments_finish(&fw->fragments);
	fw_table_finish(&fw->table);
	free(fw);
	lane->priv = NULL;
}

static int lane_create(struct cat_lane *lane, struct cat_err *err)
{
	struct fw_lane *fw = calloc(1, sizeof(*fw));
	if (!fw)
		return cat_err_set(err, -ENOMEM, "no memory for a lane");
	int r = fw_table_attach(&fw->table, lane->state, lane->state_bytes, lane->now_us / 1000, FW_TIMEOUT_MAX_MS,
				err);
	if (r == 0)
		r = cat_fragments_init(&fw->fragments, lane->stride, FW_DROP_FRAGMENT_OVERLAP, err);
	lane->priv = fw;
	if (r < 0) {
		lane_destroy(lane);
		return r;
	}
	fw_table_count_sources(&fw->table, ((const struct fw_config *)lane->config)->max_per_source != 0);
	set_limit(lane);
	fw_gauges(lane);
	return 0;
}

// The counters of rules that are in both configurations move to where the new one has them; the others begin at 0.
static void move_counters(struct cat_lane *lane, const struct fw_config *old, const struct fw_config *new)
{
	uint64_t hits[FW_RULE_COUNTERS_MAX];
	for (uint32_t i = 0; i < FW_RULE_COUNTERS_MAX; i++) {
		hits[i] = atomic_load_explicit(&lane->stats->value[FW_RULE_HITS + i], memory_order_relaxed);
		cat_stats_set(lane->stats, FW_RULE_HITS + i, 0);
	}
	for (uint32_t o = 0, n = 0; o < old->counter_count && n < new->counter_count;) {
		uint8_t from = old->counter_order[o], to = new->counter_order[n];
		int order = strcmp(old->counter[from], new->counter[to]);
		if (order == 0)
			cat_stats_set(lane->stats, FW_RULE_HITS + to, hits[from]);
		o += order <= 0;
		n += order >= 0;
	}
}

static void lane_reconfigured(struct cat_lane *lane, const void *old_config)
{
	struct fw_lane *fw = lane->priv;
	move_counters(lane, old_config, lane->config);
	fw_table_count_sources(&fw->table, ((const struct fw_config *)lane->config)->max_per_source != 0);
	set_limit(lane);
	fw_gauges(lane);
}

static void tick(struct cat_lane *lane)
{
	struct fw_lane *fw = lane->priv;
	fw_conn_expire(&fw->table, lane->now_us / 1000, EXPIRE_BUDGET);
	cat_stats_add(lane->stats, FW_EXPIRED, fw->table.expired);
	fw->table.expired = 0;
	cat_fragments_expire(&fw->fragments, lane->now_us / 1000);
	cat_stats_set(lane->stats, FW_FRAGMENTS_LOST, fw->fragments.lost);
	fw_gauges(lane);
}

const struct cat_vnf_ops cat_firewall_ops = {
	.abi = CAT_VNF_ABI,
	.kind = "firewall",
	.eal = &cat_eal,
	.eal_memory_mb = EAL_MEMORY_MB,
	.counters = counters,
	.config_create = fw_config_create,
	.config_destroy = fw_config_destroy,
	.counter_names = fw_config_counters,
	.lane_create = lane_create,
	.lane_destroy = lane_destroy,
	.lane_reconfigured = lane_reconfigured,
	.process = fw_process,
	.tick = tick,
};
