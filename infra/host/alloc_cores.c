// SPDX-License-Identifier: BSD-3-Clause
// The cores that can be had, and what each of them costs.
#include <errno.h>
#include <stdlib.h>

#include "alloc.h"

// What is known of a physical core, by its lowest thread.
struct physical {
	uint32_t lead; // its first thread that can be used, or CAT_CPUS_MAX
	uint32_t sharers;
	bool held; // by somebody who does not share with us
};

static void add_claim(const struct search *search, const struct cat_claim *claim, struct physical *physical)
{
	for (uint32_t i = 0; i < claim->cpu_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(search->host, claim->cpu[i]);
		if (!cpu)
			continue;
		// Two lanes of one owner on a core are one sharer.
		bool again = false;
		for (uint32_t j = 0; j < i && !again; j++) {
			const struct cat_cpu *other = cat_topology_cpu(search->host, claim->cpu[j]);
			again = other && other->sibling == cpu->sibling;
		}
		struct physical *core = &physical[cpu->sibling];
		core->sharers += !again;
		core->held |= !(search->request->share && claim->cpu_shared);
	}
}

static int compare(const void *a, const void *b)
{
	const struct core *x = a, *y = b;
	const uint32_t left[] = {x->node, x->l3, x->cost, x->cpu}, right[] = {y->node, y->l3, y->cost, y->cpu};
	for (size_t i = 0; i < CAT_ARRAY_LEN(left); i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

static uint32_t cost_of(const struct cat_topology *host, const struct cat_cpu *cpu, uint32_t sharers)
{
	// Core 0 is where the kernel and everybody else do their work.
	const struct cat_cpu *zero = cat_topology_cpu(host, 0);
	return (zero && cpu->sibling == zero->sibling ? CAT_COST_HOUSEKEEPING : 0) + sharers * CAT_COST_SHARED +
	       (cpu->isolated ? 0 : CAT_COST_NOT_ISOLATED);
}

int cores_gather(struct search *search)
{
	const struct cat_topology *host = search->host;
	cat_autofree struct physical *physical = calloc(CAT_CPUS_MAX, sizeof(*physical));
	search->core = calloc(host->cpu_count + 1, sizeof(*search->core));
	if (!physical || !search->core)
		return cat_err_set(search->err, -ENOMEM, "no memory");
	for (uint32_t i = 0; i < CAT_CPUS_MAX; i++)
		physical[i].lead = CAT_CPUS_MAX;
	for (uint32_t i = 0; i < host->cpu_count; i++) {
		const struct cat_cpu *cpu = &host->cpu[i];
		if (cpu->online && cpu->allowed && cpu->id < physical[cpu->sibling].lead)
			physical[cpu->sibling].lead = cpu->id;
	}
	for (uint32_t i = 0; i < search->taken->count; i++)
		add_claim(search, &search->taken->claim[i], physical);
	for (uint32_t i = 0; i < host->cpu_count; i++) {
		const struct cat_cpu *cpu = &host->cpu[i];
		const struct physical *core = &physical[cpu->sibling];
		if (core->lead == cpu->id && !core->held)
			search->core[search->core_count++] = (struct core){
				.cpu = cpu->id,
				.node = cpu->node,
				.l3 = cpu->l3,
				.cost = cost_of(host, cpu, core->sharers),
			};
	}
	qsort(search->core, search->core_count, sizeof(*search->core), compare);
	return 0;
}

uint32_t cores_on(const struct search *search, uint32_t node)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < search->core_count; i++)
		count += node == ANY_NODE || search->core[i].node == node;
	return count;
}

int anchor_of(const struct cat_request *request)
{
	return request->node >= 0 ? request->node : request->nic_count ? request->nic[0] : -1;
}

static uint32_t beyond_local(const struct cat_topology *host, uint32_t from, uint32_t to)
{
	const struct cat_numa_node *node = node_find(host, from);
	return node && from != to && node->distance[to] > 10 ? node->distance[to] - 10u : 0;
}

uint32_t nic_cost(const struct cat_topology *host, const struct cat_request *request, uint32_t memory_node)
{
	if (request->node >= 0)
		return CAT_COST_NIC * beyond_local(host, memory_node, (uint32_t)request->node);
	uint32_t sum = 0;
	for (uint32_t i = 0; i < request->nic_count; i++)
		sum += beyond_local(host, memory_node, (uint32_t)request->nic[i]);
	return request->nic_count ? CAT_COST_NIC * sum / request->nic_count : 0;
}

uint32_t remote_cost(const struct cat_topology *host, uint32_t cpu_node, uint32_t memory_node)
{
	return CAT_COST_REMOTE * beyond_local(host, memory_node, cpu_node);
}

static uint32_t sharers_of(const struct cat_topology *host, const struct cat_reservations *taken,
			   const struct cat_cpu *cpu)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < taken->count; i++) {
		struct cat_reservations one = {.claim = &taken->claim[i], .count = 1};
		count += core_holder(host, &one, cpu, false) != NULL;
	}
	return count;
}

uint64_t cat_alloc_cost(const struct cat_topology *host, const struct cat_reservations *taken,
			const struct cat_request *request, const struct cat_claim *claim)
{
	struct search search = {.host = host, .taken = taken, .request = request};
	uint64_t cost = 0;
	if (cores_gather(&search) < 0) {
		free(search.core);
		return UINT64_MAX;
	}
	for (uint32_t i = 0; i < claim->cpu_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(host, claim->cpu[i]);
		uint32_t chosen = 0, unused = 0;
		bool touched = false;
		if (!cpu)
			continue;
		cost += cost_of(host, cpu, sharers_of(host, taken, cpu)) + remote_cost(host, cpu->node, claim->node) +
			nic_cost(host, request, claim->node);
		for (uint32_t j = 0; j < claim->cpu_count; j++) {
			const struct cat_cpu *other = cat_topology_cpu(host, claim->cpu[j]);
			bool same = other && other->node == cpu->node && other->l3 == cpu->l3;
			touched |= same && j < i;
			chosen += same;
		}
		if (touched)
			continue;
		for (uint32_t j = 0; j < search.core_count; j++)
			unused += search.core[j].node == cpu->node && search.core[j].l3 == cpu->l3;
		cost += CAT_COST_CLUSTER + CAT_COST_LEFT_OVER * (unused > chosen ? unused - chosen : 0);
	}
	free(search.core);
	return cost;
}
