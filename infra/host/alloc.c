// SPDX-License-Identifier: BSD-3-Clause
// Which cores and which node a service gets.
//
// A lane gets a physical core: where a core has two threads, only the first is used and the other is nobody else's.
// Where that costs the least is found exactly (alloc_search.c), for every node that memory could be on.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"

static int take_pinned(const struct search *search, struct cat_claim *claim)
{
	const struct cat_request *request = search->request;
	int anchor = anchor_of(request);
	char what[256];
	for (uint32_t i = 0; i < request->pinned_count; i++) {
		uint32_t id = request->pinned[i];
		const struct cat_cpu *cpu = cat_topology_cpu(search->host, id);
		const struct cat_claim *holder =
			cpu ? core_holder(search->host, search->taken, cpu, request->share) : NULL;
		const char *why = !cpu            ? "is not there"
				  : !cpu->online  ? "is offline"
				  : !cpu->allowed ? "is outside of our cpuset"
						  : NULL;
		if (why || holder) {
			if (holder && !why)
				snprintf(what, sizeof(what), "core %u is held by \"%s\"", id, holder->owner);
			else
				snprintf(what, sizeof(what), "core %u %s", id, why);
			return fail_pinned(search, what);
		}
		uint32_t node =
			anchor >= 0 ? (uint32_t)anchor : cat_topology_cpu(search->host, request->pinned[0])->node;
		if (request->numa == CAT_NUMA_STRICT && cpu->node != node)
			return cat_err_set(search->err, -ENOSPC,
					   "core %u is on node %u, the service on node %u; cores of node %u, or `numa: "
					   "prefer` would do",
					   id, cpu->node, node, node);
		claim->cpu[claim->cpu_count++] = id;
	}
	// Memory is near the lanes.
	uint32_t node = cat_topology_cpu(search->host, claim->cpu[0])->node;
	if (!memory_fits(search, node))
		return fail_memory(search, node);
	fill_memory(request, node, claim);
	return 0;
}

// Why no place was found: cores, unless these were enough.
static int fail_chosen(const struct search *search)
{
	const struct cat_request *request = search->request;
	int anchor = anchor_of(request);
	bool strict = request->numa == CAT_NUMA_STRICT;
	uint32_t node = anchor >= 0 ? (uint32_t)anchor : search->host->node[0].id;
	if (!strict)
		return cores_on(search, ANY_NODE) < request->lanes ? fail_cores(search, ANY_NODE)
								   : fail_memory(search, node);
	// Of nodes that are all right for it, the one that has most cores is the nearest to what is wanted.
	for (uint32_t i = 0; anchor < 0 && i < search->host->node_count; i++)
		if (cores_on(search, search->host->node[i].id) > cores_on(search, node))
			node = search->host->node[i].id;
	return cores_on(search, node) < request->lanes ? fail_cores(search, node) : fail_memory(search, node);
}

static int take_cheapest(const struct search *search, struct cat_claim *claim)
{
	const struct cat_request *request = search->request;
	int anchor = anchor_of(request);
	bool strict = request->numa == CAT_NUMA_STRICT;
	uint64_t least = UINT64_MAX;
	uint32_t node = ANY_NODE;
	for (uint32_t i = 0; i < search->host->node_count; i++) {
		uint32_t id = search->host->node[i].id, cpu[CAT_CLAIM_CPUS_MAX] = {0};
		if ((strict && anchor >= 0 && id != (uint32_t)anchor) || !memory_fits(search, id))
			continue;
		uint64_t cost = cores_choose(search, strict ? id : ANY_NODE, id, request->lanes, cpu);
		if (cost != UINT64_MAX)
			cost += (uint64_t)request->lanes * nic_cost(search->host, request, id);
		if (cost >= least)
			continue;
		least = cost;
		node = id;
		for (uint32_t c = 0; c < request->lanes; c++)
			claim->cpu[c] = cpu[c];
	}
	if (node == ANY_NODE)
		return fail_chosen(search);
	claim->cpu_count = request->lanes;
	fill_memory(request, node, claim);
	return 0;
}

// The node for memory of lanes that are everywhere: the nearest to the NICs.
static uint32_t nearest_memory(const struct search *search)
{
	uint32_t node = ANY_NODE, least = UINT32_MAX;
	for (uint32_t i = 0; i < search->host->node_count; i++) {
		uint32_t id = search->host->node[i].id, cost = nic_cost(search->host, search->request, id);
		if (cost < least && memory_fits(search, id)) {
			least = cost;
			node = id;
		}
	}
	return node;
}

// Nodes that have cores which could be ours, were they free.
static uint32_t usable_nodes(const struct cat_topology *host, uint32_t *ret_node)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < host->node_count; i++) {
		bool usable = false;
		for (uint32_t c = 0; c < host->cpu_count && !usable; c++)
			usable = host->cpu[c].node == host->node[i].id && host->cpu[c].online && host->cpu[c].allowed;
		if (usable)
			ret_node[count++] = host->node[i].id;
	}
	return count;
}

// What one lane more would cost on a node.
static uint64_t marginal(const struct search *search, uint32_t node, uint32_t memory_node, uint32_t lanes)
{
	uint32_t cpu[CAT_CLAIM_CPUS_MAX];
	uint64_t less = cores_choose(search, node, memory_node, lanes, cpu);
	uint64_t more = cores_choose(search, node, memory_node, lanes + 1, cpu);
	return more == UINT64_MAX ? UINT64_MAX : more - less;
}

// As many lanes on every node; those that are left over go where they cost the least.
static int take_interleaved(const struct search *search, struct cat_claim *claim)
{
	const struct cat_request *request = search->request;
	uint32_t node[CAT_NODES_MAX], share[CAT_NODES_MAX], count = usable_nodes(search->host, node);
	uint32_t memory = nearest_memory(search);
	if (count == 0 || cores_on(search, ANY_NODE) < request->lanes)
		return fail_cores(search, ANY_NODE);
	if (memory == ANY_NODE)
		return fail_memory(search, anchor_of(request) >= 0 ? (uint32_t)anchor_of(request) : node[0]);
	uint32_t each = request->lanes / count, more = request->lanes % count;
	for (uint32_t i = 0; i < count; i++) {
		share[i] = each;
		if (cores_on(search, node[i]) < each)
			return fail_interleave(search, node, count, each);
	}
	for (; more > 0; more--) {
		uint64_t least = UINT64_MAX;
		uint32_t at = count;
		for (uint32_t i = 0; i < count; i++) {
			uint64_t cost = share[i] > each ? UINT64_MAX : marginal(search, node[i], memory, each);
			if (cost < least) {
				least = cost;
				at = i;
			}
		}
		if (at == count)
			return fail_interleave(search, node, count, each + 1);
		share[at]++;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (cores_choose(search, node[i], memory, share[i], claim->cpu + claim->cpu_count) == UINT64_MAX)
			return cat_err_set(search->err, -ENOMEM, "no memory");
		claim->cpu_count += share[i];
	}
	fill_memory(request, memory, claim);
	return 0;
}

int cat_alloc_choose(const struct cat_topology *host, const struct cat_reservations *taken,
		     const struct cat_request *request, struct cat_claim *ret_claim, struct cat_err *err)
{
	struct search search = {.host = host, .taken = taken, .request = request, .err = err};
	struct cat_claim claim = {0};
	uint32_t wanted = request->pinned ? request->pinned_count : request->lanes;
	if (wanted == 0 || wanted > CAT_CLAIM_CPUS_MAX)
		return cat_err_set(err, -EINVAL, "%u cores wanted, expected from 1 to %u", wanted, CAT_CLAIM_CPUS_MAX);
	int anchor = anchor_of(request);
	if (anchor >= 0 && !node_find(host, (uint32_t)anchor))
		return fail_memory(&search, (uint32_t)anchor);
	int r = cores_gather(&search);
	if (r == 0 && request->pinned)
		r = take_pinned(&search, &claim);
	else if (r == 0)
		r = request->numa == CAT_NUMA_INTERLEAVE ? take_interleaved(&search, &claim)
							 : take_cheapest(&search, &claim);
	free(search.core);
	if (r == 0)
		*ret_claim = claim;
	return r;
}
