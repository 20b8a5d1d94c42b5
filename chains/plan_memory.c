// SPDX-License-Identifier: BSD-3-Clause
// How many buffers a service needs, and how much memory the rest takes.
#include <string.h>

#include "plan.h"
#include "port.h"

#define LANE_STASH 512u // free buffers that a lane of the dataplane keeps at hand
#define NIC_RING 1024u  // descriptors of a NIC's receive or transmit queue, filled with buffers
#define PAGE 4096u

// Sizes of what cat_abi.h and cat_stats.h lay out; the tests compare.
#define RING_HEADER 192u
#define RING_SLOT 16u
#define STATS_HEADER 12352u
#define STATS_LANE 2048u

uint32_t service_lanes(const struct cat_node *tree)
{
	const struct cat_node *lanes = cat_node_get(tree, "lanes"), *scaling = cat_node_get(tree, "scaling");
	if (scaling)
		return (uint32_t)int_of(scaling, "maximum", 1);
	return (uint32_t)(lanes->type == CAT_LIST ? (int64_t)lanes->count : lanes->integer);
}

static uint64_t links_of(const struct cat_node *tree)
{
	uint64_t links = 0;
	for (const struct cat_node *n = cat_node_get(tree, "paths")->first; n; n = n->next)
		links += cat_node_get(n, "hops")->count - 1;
	return links;
}

// Buffers that a port holds per lane: what the NIC was given, or one burst in each direction.
static uint64_t port_buffers(const struct cat_node *node, uint64_t burst)
{
	struct port_dev port;
	char problem[256];
	if (port_parse(text_of(node, "dev"), &port, problem, sizeof(problem)) < 0 || port.driver == CAT_PORT_NULL)
		return 0;
	return port.driver == CAT_PORT_PCI || port.driver == CAT_PORT_VF ? 2 * (uint64_t)NIC_RING : 2 * burst;
}

struct buffer_need service_buffer_need(const struct cat_node *tree)
{
	uint64_t burst = (uint64_t)int_of(tree, "burst", 0), ring = (uint64_t)int_of(tree, "ring", 0);
	uint64_t functions = cat_node_get(tree, "functions")->count, ports = 0;
	for (const struct cat_node *n = cat_node_get(tree, "ports")->first; n; n = n->next)
		ports += port_buffers(n, burst);
	// Of one lane: what is with the ports and at hand, and a burst with every function.
	uint64_t least = ports + LANE_STASH + burst * functions;
	// Each link is a ring in each direction; each worker has a return ring as long as the others, and a supply.
	uint64_t full = ports + LANE_STASH + links_of(tree) * 2 * ring + functions * (ring + SUPPLY_RING);
	uint32_t lanes = service_lanes(tree);
	return (struct buffer_need){.full = full * lanes, .least = least * lanes};
}

uint64_t round_buffers(uint64_t count)
{
	uint64_t power = 1024;
	while (power < count)
		power *= 2;
	// Half way between two powers of two is round enough.
	return power / 4 * 3 >= count ? power / 4 * 3 : power;
}

static uint64_t pages(uint64_t bytes)
{
	return (bytes + PAGE - 1) / PAGE * PAGE;
}

struct memory_need service_memory_need(const struct cat_node *tree)
{
	uint64_t lanes = service_lanes(tree), ring = (uint64_t)int_of(tree, "ring", 0);
	uint64_t ring_bytes = pages(RING_HEADER + ring * RING_SLOT);
	uint64_t supply_bytes = pages(RING_HEADER + SUPPLY_RING * RING_SLOT);
	struct memory_need need = {.rings = links_of(tree) * 2 * lanes * ring_bytes,
				   .stats = pages(STATS_HEADER + lanes * STATS_LANE)};
	for (const struct cat_node *n = cat_node_get(tree, "functions")->first; n; n = n->next) {
		// Return ring, supply ring, and the worker's page.
		need.rings += lanes * (ring_bytes + supply_bytes + PAGE);
		need.stats += pages(STATS_HEADER + lanes * STATS_LANE);
		need.state += pages(size_of(n, "state", 0));
		const char *standby = text_of(n, "standby");
		need.containers += size_of(n, "memory", 0) * (standby && strcmp(standby, "warm") == 0 ? 2 : 1);
	}
	return need;
}
