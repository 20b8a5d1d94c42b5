// SPDX-License-Identifier: BSD-3-Clause
// What the host has: NUMA nodes, cores, huge pages, NICs. Read from sysfs and procfs below a root that is a parameter,
// so that any machine can be described, planned for and tested.
#ifndef CAT_TOPOLOGY_H
#define CAT_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_err.h"
#include "cat_tree.h"

#define CAT_CPUS_MAX 1024u
#define CAT_NODES_MAX 64u
#define CAT_NICS_MAX 1024u
#define CAT_VF_NAME_MAX 64u

struct cat_cpu {
	uint32_t id;
	uint32_t node, package, core;              // core: id within the package
	uint32_t sibling;                          // lowest cpu id of the same physical core
	uint32_t l3;                               // lowest cpu id of those that share its last cache, or of its node
	bool online, isolated, nohz_full, allowed; // allowed: in our own cpuset
};

struct cat_huge {
	uint64_t page_bytes; // 2 MiB, 1 GiB
	uint32_t total, free;
};

struct cat_numa_node {
	uint32_t id;
	uint64_t memory_bytes, free_bytes;
	struct cat_huge huge[4];
	uint32_t huge_count;
	uint8_t distance[CAT_NODES_MAX];
};

struct cat_nic {
	char name[64]; // interface, or "" without a kernel driver
	char bdf[16];  // PCI address, or "" (virtual)
	char driver[32];
	char pf[64]; // for a VF its PF: interface, or BDF without one
	int node;    // -1: unknown
	uint32_t vfs, vfs_max;
	int iommu_group; // -1: none
	uint32_t speed_mbps;
	bool link;
	char vf_name[CAT_VF_NAME_MAX]; // for a VF "PF/vfN", which it is called by before it is there; else ""
	int vf;                        // its number, -1: none
	bool up;                       // administratively
	bool hidden;                   // driven by the kernel, but its interface is elsewhere: in a container
};

struct cat_topology {
	struct cat_cpu *cpu;
	uint32_t cpu_count;
	struct cat_numa_node *node;
	uint32_t node_count;
	struct cat_nic *nic;
	uint32_t nic_count;
	char kernel[128], model[128];
};

// root: "/" for this machine (libnuma tells the allowed cpus), or a recorded tree with sys/ and proc/ below it.
int cat_topology_read(const char *root, struct cat_topology **ret_topology, struct cat_err *err);
void cat_topology_free(struct cat_topology *topology);
const struct cat_cpu *cat_topology_cpu(const struct cat_topology *topology, uint32_t id); // NULL: none
// By interface, PCI address or PF/vfN. NULL: none.
const struct cat_nic *cat_topology_nic(const struct cat_topology *topology, const char *name);
// "0-3,8": the kernel's list format (cpuset(7)), ascending, without repetition; blank text is no cores. Returns 0,
// -EINVAL, or -E2BIG beyond max.
int cat_cpu_list_parse(const char *text, uint32_t *ret_cpus, uint32_t max, uint32_t *ret_count);
// The same backwards, of ascending numbers. Writes at most size bytes; returns text.
const char *cat_cpu_list_format(const uint32_t *cpus, size_t count, char *text, size_t size);
// As JSON tree for `catena host --json`. NULL: no memory.
struct cat_node *cat_topology_tree(const struct cat_topology *topology);

#endif
