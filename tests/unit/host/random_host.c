// SPDX-License-Identifier: BSD-3-Clause
#include "random_host.h"

#include <stdio.h>
#include <stdlib.h>

#define GIB (UINT64_C(1) << 30)

uint32_t random_below(unsigned *seed, uint32_t limit)
{
	return (uint32_t)rand_r(seed) % limit;
}

static uint32_t up_to(unsigned *seed, uint32_t most)
{
	return seed && most > 1 ? 1 + random_below(seed, most) : most;
}

static void make_nodes(unsigned *seed, struct cat_topology *host, uint32_t count)
{
	host->node = calloc(count, sizeof(*host->node));
	host->node_count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct cat_numa_node *node = &host->node[i];
		node->id = i;
		node->memory_bytes = (seed ? 1 + random_below(seed, 64) : 256) * GIB;
		node->free_bytes = node->memory_bytes / 2;
		node->huge[0] = (struct cat_huge){
			.page_bytes = 2u << 20, .total = 1024, .free = seed ? random_below(seed, 1024) : 1024};
		node->huge_count = 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = 0; j < i; j++)
			host->node[i].distance[j] = host->node[j].distance[i] =
				seed ? (uint8_t)(11 + random_below(seed, 25)) : 21;
		host->node[i].distance[i] = 10;
	}
}

static void add_cluster(unsigned *seed, struct cat_topology *host, uint32_t node, uint32_t cores, uint32_t threads,
			bool odd)
{
	uint32_t l3 = host->cpu_count;
	for (uint32_t core = 0; core < cores; core++) {
		uint32_t first = host->cpu_count;
		bool isolated = odd && seed && random_below(seed, 4) == 0;
		for (uint32_t thread = 0; thread < threads; thread++) {
			host->cpu[host->cpu_count] = (struct cat_cpu){
				.id = host->cpu_count,
				.node = node,
				.core = first,
				.sibling = first,
				.l3 = l3,
				.online = !(odd && seed && random_below(seed, 12) == 0),
				.allowed = !(odd && seed && random_below(seed, 12) == 0),
				.isolated = isolated,
			};
			host->cpu_count++;
		}
	}
}

static void add_pf(unsigned *seed, struct cat_topology *host, uint32_t pf, uint32_t vfs)
{
	struct cat_nic *nic = &host->nic[host->nic_count++];
	*nic = (struct cat_nic){
		.node = (int)(seed ? random_below(seed, host->node_count) : pf % host->node_count),
		.vfs = vfs,
		.vfs_max = vfs,
		.iommu_group = (int)host->nic_count,
		.vf = -1,
		.up = true,
		.link = true,
		.speed_mbps = 25000,
	};
	snprintf(nic->name, sizeof(nic->name), "pf%u", pf);
	snprintf(nic->bdf, sizeof(nic->bdf), "%04x:81:00.0", pf & 0xffff);
	snprintf(nic->driver, sizeof(nic->driver), "ice");
	for (uint32_t i = 0; i < vfs; i++) {
		struct cat_nic *vf = &host->nic[host->nic_count++];
		*vf = (struct cat_nic){.node = nic->node, .iommu_group = (int)host->nic_count, .vf = (int)i};
		snprintf(vf->bdf, sizeof(vf->bdf), "%04x:%02x:%02x.%x", pf & 0xffff, 0x82 + (i / 256) % 64, i / 8 % 32,
			 i % 8);
		snprintf(vf->driver, sizeof(vf->driver), "iavf");
		snprintf(vf->name, sizeof(vf->name), "pf%uv%u", pf, i);
		snprintf(vf->pf, sizeof(vf->pf), "pf%u", pf);
		snprintf(vf->vf_name, sizeof(vf->vf_name), "pf%u/vf%u", pf, i);
	}
}

struct cat_topology *random_host(unsigned *seed, const struct random_shape *shape)
{
	struct cat_topology *host = calloc(1, sizeof(*host));
	uint32_t nodes = up_to(seed, shape->nodes), clusters = up_to(seed, shape->clusters);
	uint32_t cores = up_to(seed, shape->cores), threads = up_to(seed, shape->threads);
	make_nodes(seed, host, nodes);
	host->cpu = calloc((size_t)nodes * clusters * cores * threads, sizeof(*host->cpu));
	for (uint32_t i = 0; i < nodes * clusters; i++)
		add_cluster(seed, host, i / clusters, shape->odd ? up_to(seed, cores) : cores, threads, shape->odd);
	host->nic = calloc((size_t)shape->pfs * (shape->vfs + 1) + 1, sizeof(*host->nic));
	for (uint32_t i = 0; i < shape->pfs; i++)
		add_pf(seed, host, i, shape->vfs);
	return host;
}
