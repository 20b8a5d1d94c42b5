// SPDX-License-Identifier: BSD-3-Clause
// The plan's document (docs/plan.md), once everything is decided.
#include <string.h>

#include "plan.h"

// A failing step leaves NULL, which the following ones pass on; *failed is looked at once, at the end.

static void keep(struct maker *maker, const struct cat_node *node)
{
	if (!node)
		maker->failed = true;
}

static void add_int(struct maker *maker, struct cat_node *parent, const char *key, uint64_t value)
{
	keep(maker, cat_node_add_int(parent, key, (int64_t)value));
}

static void add_string(struct maker *maker, struct cat_node *parent, const char *key, const char *value)
{
	keep(maker, cat_node_add_string(parent, key, value));
}

static void add_lanes(struct maker *maker)
{
	struct cat_node *lanes = cat_node_add_list(maker->plan, "lanes");
	for (uint32_t i = 0; i < maker->claim.cpu_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(maker->host, maker->claim.cpu[i]);
		struct cat_node *lane = cat_node_add_map(lanes, NULL);
		add_int(maker, lane, "cpu", cpu->id);
		add_int(maker, lane, "node", cpu->node);
		keep(maker, cat_node_add_bool(lane, "isolated", cpu->isolated));
		// Threads of the same physical core, which nobody else gets.
		struct cat_node *idle = cat_node_add_list(lane, "idle_siblings");
		for (uint32_t j = 0; j < maker->host->cpu_count; j++) {
			const struct cat_cpu *other = &maker->host->cpu[j];
			bool used = false;
			for (uint32_t k = 0; k < maker->claim.cpu_count; k++)
				used |= maker->claim.cpu[k] == other->id;
			if (!used && other->online && other->sibling == cpu->sibling)
				add_int(maker, idle, NULL, other->id);
		}
	}
}

static void add_head(struct maker *maker)
{
	const struct cat_node *tree = maker->tree;
	struct cat_node *plan = maker->plan;
	add_int(maker, plan, "version", 1);
	add_string(maker, plan, "service", text_of(tree, "service"));
	add_int(maker, plan, "node", maker->claim.node);
	add_lanes(maker);
	// Lane i runs on the core of lane i % active.
	const struct cat_node *scaling = cat_node_get(tree, "scaling");
	if (scaling) {
		add_int(maker, plan, "active", (uint64_t)int_of(tree, "lanes", 1));
		keep(maker, cat_node_copy(plan, "scaling", scaling));
	}
	add_string(maker, plan, "poll", text_of(tree, "poll"));
	add_string(maker, plan, "latency", text_of(tree, "latency"));
	add_int(maker, plan, "burst", (uint64_t)int_of(tree, "burst", 0));
	add_int(maker, plan, "ring", (uint64_t)int_of(tree, "ring", 0));
	add_int(maker, plan, "supply_ring", SUPPLY_RING);
	keep(maker, cat_node_add_bool(plan, "share_cores", maker->claim.cpu_shared));
	uint64_t page = maker->claim.huge_page_bytes ? maker->claim.huge_page_bytes : 4096;
	uint64_t bytes = maker->buffers * PLAN_STRIDE;
	struct cat_node *region = cat_node_add_map(plan, "region");
	add_int(maker, region, "buffers", maker->buffers);
	add_int(maker, region, "stride", PLAN_STRIDE);
	add_int(maker, region, "headroom", PLAN_HEADROOM);
	add_int(maker, region, "bytes", bytes);
	add_int(maker, region, "page_bytes", page);
	add_int(maker, region, "pages", (bytes + page - 1) / page);
}

static void add_remote(struct maker *maker, struct cat_node *list, const char *what, const char *name, uint32_t node)
{
	uint32_t memory = maker->claim.node;
	if (node == memory)
		return;
	struct cat_node *map = cat_node_add_map(list, NULL);
	add_string(maker, map, what, name);
	add_int(maker, map, "node", node);
	add_int(maker, map, "memory_node", memory);
	add_int(maker, map, "distance", plan_distance(maker, memory, node));
}

// Who reaches for packets over to another node.
static void add_remotes(struct maker *maker)
{
	struct cat_node *list = cat_node_add_list(maker->plan, "remote");
	keep(maker, list);
	for (uint32_t i = 0; i < maker->claim.cpu_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(maker->host, maker->claim.cpu[i]);
		char name[16];
		snprintf(name, sizeof(name), "%u", cpu->id);
		add_remote(maker, list, "core", name, cpu->node);
	}
	size_t i = 0;
	for (const struct cat_node *n = cat_node_get(maker->tree, "ports")->first; n; n = n->next, i++)
		if (maker->nic[i] && maker->nic[i]->node >= 0)
			add_remote(maker, list, "port", n->key, (uint32_t)maker->nic[i]->node);
}

static void add_options(struct maker *maker, struct cat_node *map, const struct cat_node *node,
			const struct port_dev *port)
{
	if (port->driver == CAT_PORT_GEN) {
		keep(maker, cat_node_copy(map, "options", cat_node_get(node, "gen")));
		return;
	}
	struct cat_node *options = cat_node_add_map(map, "options");
	keep(maker, options);
	if (port->driver == CAT_PORT_MEMIF)
		keep(maker, cat_node_add_bool(options, "server", port->other_role));
	if (port->driver == CAT_PORT_VHOST)
		keep(maker, cat_node_add_bool(options, "client", port->other_role));
	if (port->driver == CAT_PORT_PCAP && *port->tx_file)
		add_string(maker, options, "tx", port->tx_file);
}

static int copies_of(enum cat_port_driver driver)
{
	return driver != CAT_PORT_PCI && driver != CAT_PORT_GEN && driver != CAT_PORT_NULL;
}

static void add_ports(struct maker *maker)
{
	struct cat_node *ports = cat_node_add_list(maker->plan, "ports");
	size_t i = 0;
	for (const struct cat_node *n = cat_node_get(maker->tree, "ports")->first; n; n = n->next, i++) {
		const struct port_dev *port = &maker->port[i];
		struct cat_node *map = cat_node_add_map(ports, NULL);
		add_string(maker, map, "name", n->key);
		add_string(maker, map, "driver", cat_port_driver_names[port->driver]);
		add_string(maker, map, "device", port->device);
		add_options(maker, map, n, port);
		if (port->driver == CAT_PORT_PCI)
			plan_add_nic(maker, map, n, i);
		keep(maker, cat_node_add_int(map, "node", maker->nic[i] ? maker->nic[i]->node : -1));
		keep(maker, cat_node_add_int(map, "copies", copies_of(port->driver)));
	}
}

// The path that a function is on, and its position among the path's functions.
static const char *place_of(const struct cat_node *tree, const char *function, uint64_t *ret_position)
{
	for (const struct cat_node *path = cat_node_get(tree, "paths")->first; path; path = path->next) {
		uint64_t position = 0;
		const struct cat_node *hops = cat_node_get(path, "hops");
		for (const struct cat_node *n = hops->first->next; n != hops->last; n = n->next, position++) {
			if (strcmp(n->string, function) == 0) {
				*ret_position = position;
				return path->key;
			}
		}
	}
	*ret_position = 0;
	return "";
}

// What is said about its life, as it was said.
static void copy_policies(struct maker *maker, struct cat_node *map, const struct cat_node *function)
{
	static const char *const keys[] = {"standby", "on_failure", "restart", "hang_ms", "volume"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(keys); i++) {
		const struct cat_node *value = cat_node_get(function, keys[i]);
		if (value)
			keep(maker, cat_node_copy(map, keys[i], value));
	}
}

static void add_functions(struct maker *maker)
{
	struct cat_node *functions = cat_node_add_list(maker->plan, "functions");
	for (const struct cat_node *n = cat_node_get(maker->tree, "functions")->first; n; n = n->next) {
		struct cat_node *map = cat_node_add_map(functions, NULL);
		uint64_t position;
		const char *path = place_of(maker->tree, n->key, &position);
		add_string(maker, map, "name", n->key);
		add_string(maker, map, "kind", text_of(n, "kind"));
		add_string(maker, map, "image", text_of(n, "image"));
		struct cat_node *cpus = cat_node_add_list(map, "cpus");
		for (uint32_t i = 0; i < maker->claim.cpu_count; i++)
			add_int(maker, cpus, NULL, maker->claim.cpu[i]);
		add_int(maker, map, "memory_bytes", size_of(n, "memory", 0));
		add_int(maker, map, "state_bytes", size_of(n, "state", 0));
		add_int(maker, map, "pids", (uint64_t)int_of(n, "pids", 0));
		keep(maker, cat_node_copy(map, "capabilities", cat_node_get(n, "capabilities")));
		keep(maker, cat_node_copy(map, "tun", cat_node_get(n, "tun")));
		copy_policies(maker, map, n);
		add_string(maker, map, "path", path);
		add_int(maker, map, "position", position);
		keep(maker, cat_node_copy(map, "config", cat_node_get(n, "config")));
	}
}

static void add_paths(struct maker *maker)
{
	struct cat_node *paths = cat_node_add_list(maker->plan, "paths");
	for (const struct cat_node *n = cat_node_get(maker->tree, "paths")->first; n; n = n->next) {
		const struct cat_node *hops = cat_node_get(n, "hops"), *match = cat_node_get(n, "match");
		struct cat_node *map = cat_node_add_map(paths, NULL);
		add_string(maker, map, "name", n->key);
		keep(maker, cat_node_copy(map, "hops", hops));
		keep(maker, match ? cat_node_copy(map, "match", match) : cat_node_add_null(map, "match"));
		struct cat_node *links = cat_node_add_list(map, "links");
		for (const struct cat_node *hop = hops->first; hop->next; hop = hop->next) {
			struct cat_node *link = cat_node_add_map(links, NULL);
			add_string(maker, link, "left", hop->string);
			add_string(maker, link, "right", hop->next->string);
			add_int(maker, link, "copies", 0);
		}
	}
}

static void add_memory(struct maker *maker)
{
	struct memory_need need = service_memory_need(maker->tree);
	struct cat_node *memory = cat_node_add_map(maker->plan, "memory");
	add_int(maker, memory, "region_bytes", maker->buffers * PLAN_STRIDE);
	add_int(maker, memory, "rings_bytes", need.rings);
	add_int(maker, memory, "state_bytes", need.state);
	add_int(maker, memory, "stats_bytes", need.stats);
	add_int(maker, memory, "containers_bytes", need.containers);
}

void plan_write(struct maker *maker)
{
	add_head(maker);
	add_ports(maker);
	add_functions(maker);
	add_paths(maker);
	add_memory(maker);
	add_remotes(maker);
}
