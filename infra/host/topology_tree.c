// SPDX-License-Identifier: BSD-3-Clause
// The topology as a tree, for `catena host --json`.
#include "cat_topology.h"

static bool add_cpus(struct cat_node *tree, const struct cat_topology *topology)
{
	struct cat_node *list = cat_node_add_list(tree, "cpus");
	bool ok = list;
	for (uint32_t i = 0; i < topology->cpu_count && ok; i++) {
		const struct cat_cpu *cpu = &topology->cpu[i];
		struct cat_node *map = cat_node_add_map(list, NULL);
		ok = cat_node_add_int(map, "id", cpu->id) && cat_node_add_int(map, "node", cpu->node) &&
		     cat_node_add_int(map, "package", cpu->package) && cat_node_add_int(map, "core", cpu->core) &&
		     cat_node_add_int(map, "sibling", cpu->sibling) && cat_node_add_int(map, "l3", cpu->l3) &&
		     cat_node_add_bool(map, "online", cpu->online) &&
		     cat_node_add_bool(map, "isolated", cpu->isolated) &&
		     cat_node_add_bool(map, "nohz_full", cpu->nohz_full) &&
		     cat_node_add_bool(map, "allowed", cpu->allowed);
	}
	return ok;
}

static bool add_nodes(struct cat_node *tree, const struct cat_topology *topology)
{
	struct cat_node *list = cat_node_add_list(tree, "nodes");
	bool ok = list;
	for (uint32_t i = 0; i < topology->node_count && ok; i++) {
		const struct cat_numa_node *node = &topology->node[i];
		struct cat_node *map = cat_node_add_map(list, NULL);
		ok = cat_node_add_int(map, "id", node->id) &&
		     cat_node_add_int(map, "memory_bytes", (int64_t)node->memory_bytes) &&
		     cat_node_add_int(map, "free_bytes", (int64_t)node->free_bytes);
		struct cat_node *pages = cat_node_add_list(map, "huge_pages");
		for (uint32_t j = 0; j < node->huge_count && ok; j++) {
			struct cat_node *huge = cat_node_add_map(pages, NULL);
			ok = cat_node_add_int(huge, "page_bytes", (int64_t)node->huge[j].page_bytes) &&
			     cat_node_add_int(huge, "total", node->huge[j].total) &&
			     cat_node_add_int(huge, "free", node->huge[j].free);
		}
		struct cat_node *distances = cat_node_add_list(map, "distances");
		for (uint32_t j = 0; j < topology->node_count && ok; j++)
			ok = cat_node_add_int(distances, NULL, node->distance[topology->node[j].id]);
	}
	return ok;
}

static bool add_nics(struct cat_node *tree, const struct cat_topology *topology)
{
	struct cat_node *list = cat_node_add_list(tree, "nics");
	bool ok = list;
	for (uint32_t i = 0; i < topology->nic_count && ok; i++) {
		const struct cat_nic *nic = &topology->nic[i];
		struct cat_node *map = cat_node_add_map(list, NULL);
		ok = cat_node_add_string(map, "name", nic->name) && cat_node_add_string(map, "bdf", nic->bdf) &&
		     cat_node_add_string(map, "driver", nic->driver) && cat_node_add_string(map, "pf", nic->pf) &&
		     cat_node_add_int(map, "node", nic->node) && cat_node_add_int(map, "vfs", nic->vfs) &&
		     cat_node_add_int(map, "vfs_max", nic->vfs_max) &&
		     cat_node_add_int(map, "iommu_group", nic->iommu_group) &&
		     cat_node_add_int(map, "speed_mbps", nic->speed_mbps) && cat_node_add_bool(map, "link", nic->link);
	}
	return ok;
}

struct cat_node *cat_topology_tree(const struct cat_topology *topology)
{
	struct cat_node *tree = cat_node_new_map();
	bool ok = cat_node_add_string(tree, "kernel", topology->kernel) &&
		  cat_node_add_string(tree, "model", topology->model) && add_nodes(tree, topology) &&
		  add_cpus(tree, topology) && add_nics(tree, topology);
	if (!ok) {
		cat_node_free(tree);
		return NULL;
	}
	return tree;
}
