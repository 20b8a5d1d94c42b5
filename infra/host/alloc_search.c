// SPDX-License-Identifier: BSD-3-Clause
// The cheapest set of cores.
//
// How it works. With the place of memory fixed, what a set costs is a sum over L3 clusters: the cores of a cluster
// differ only by a cost of their own, so that k of them are best its k cheapest. What remains is how many to take of
// each cluster, which dynamic programming answers exactly: best[c][n] is the least cost of n cores out of the clusters
// from c on.
#include <stdlib.h>

#include "alloc.h"

#define NONE UINT64_MAX

struct cluster {
	uint32_t first, count; // in search->core
};

struct table {
	struct cluster *cluster;
	uint32_t count, lanes;
	uint64_t *best; // [cluster][lanes + 1]
	uint8_t *take;
};

static uint64_t *best_at(const struct table *table, uint32_t cluster, uint32_t lanes)
{
	return &table->best[(size_t)cluster * (table->lanes + 1) + lanes];
}

static uint8_t *take_at(const struct table *table, uint32_t cluster, uint32_t lanes)
{
	return &table->take[(size_t)cluster * (table->lanes + 1) + lanes];
}

static void find_clusters(const struct search *search, uint32_t node, struct table *table)
{
	for (uint32_t i = 0; i < search->core_count; i++) {
		const struct core *core = &search->core[i];
		struct cluster *last = table->count ? &table->cluster[table->count - 1] : NULL;
		if (node != ANY_NODE && core->node != node)
			continue;
		if (last && search->core[last->first].node == core->node && search->core[last->first].l3 == core->l3)
			last->count++;
		else
			table->cluster[table->count++] = (struct cluster){.first = i, .count = 1};
	}
}

static void fill(const struct search *search, uint32_t memory_node, const struct table *table)
{
	for (uint32_t n = 0; n <= table->lanes; n++)
		*best_at(table, table->count, n) = n ? NONE : 0;
	for (uint32_t c = table->count; c-- > 0;) {
		const struct cluster *cluster = &table->cluster[c];
		const struct core *core = &search->core[cluster->first];
		uint32_t remote = remote_cost(search->host, core->node, memory_node);
		uint32_t most = cluster->count < table->lanes ? cluster->count : table->lanes;
		for (uint32_t n = 0; n <= table->lanes; n++)
			*best_at(table, c, n) = *best_at(table, c + 1, n);
		uint64_t cost = CAT_COST_CLUSTER + (uint64_t)CAT_COST_LEFT_OVER * cluster->count;
		for (uint32_t k = 1; k <= most; k++) {
			cost += (uint64_t)core[k - 1].cost + remote;
			cost -= CAT_COST_LEFT_OVER;
			for (uint32_t n = k; n <= table->lanes; n++) {
				uint64_t rest = *best_at(table, c + 1, n - k);
				// Of two that cost the same, the one with the lower cores.
				if (rest == NONE || rest + cost > *best_at(table, c, n))
					continue;
				*best_at(table, c, n) = rest + cost;
				*take_at(table, c, n) = (uint8_t)k;
			}
		}
	}
}

static void insert(uint32_t *cpus, uint32_t count, uint32_t cpu)
{
	uint32_t at = count;
	for (; at > 0 && cpus[at - 1] > cpu; at--)
		cpus[at] = cpus[at - 1];
	cpus[at] = cpu;
}

uint64_t cores_choose(const struct search *search, uint32_t node, uint32_t memory_node, uint32_t lanes,
		      uint32_t *ret_cpu)
{
	struct table table = {.lanes = lanes};
	size_t cells = (size_t)(search->core_count + 1) * (lanes + 1);
	cat_autofree struct cluster *cluster = calloc(search->core_count + 1, sizeof(*cluster));
	cat_autofree uint64_t *best = calloc(cells, sizeof(*best));
	cat_autofree uint8_t *take = calloc(cells, sizeof(*take));
	if (!cluster || !best || !take)
		return NONE;
	table.cluster = cluster;
	table.best = best;
	table.take = take;
	find_clusters(search, node, &table);
	fill(search, memory_node, &table);
	uint64_t cost = *best_at(&table, 0, lanes);
	if (cost == NONE)
		return NONE;
	uint32_t count = 0, left = lanes;
	for (uint32_t c = 0; c < table.count; c++) {
		uint32_t k = *take_at(&table, c, left);
		for (uint32_t i = 0; i < k; i++)
			insert(ret_cpu, count++, search->core[table.cluster[c].first + i].cpu);
		left -= k;
	}
	return cost;
}
