// SPDX-License-Identifier: BSD-3-Clause
// Nodes, cores, memory and huge pages from sysfs and procfs. A file that is missing means "none" or "unknown", never an
// error: containers, old kernels and recorded trees show different parts.
#include "cat_topology.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <numa.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "host.h"

#define CPU_DIR "sys/devices/system/cpu"
#define NODE_DIR "sys/devices/system/node"
#define FILE_MAX (1u << 20) // bytes of a file that we read
#define CACHES_MAX 8u       // of a cpu

static bool join(const char *root, char *path, size_t size, const char *format, va_list args)
{
	int used = snprintf(path, size, "%s/", root);
	if (used < 0 || (size_t)used >= size)
		return false;
	int more = vsnprintf(path + used, size - (size_t)used, format, args);
	return more >= 0 && (size_t)more < size - (size_t)used;
}

bool sysfs_path(const char *root, char *ret_path, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	bool ok = join(root, ret_path, size, format, args);
	va_end(args);
	return ok;
}

static char *read_whole(const char *path)
{
	char *text = NULL;
	return cat_file_read(AT_FDCWD, path, FILE_MAX, &text, NULL, NULL) == 0 ? text : NULL;
}

void sysfs_text(const char *root, char *ret_text, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	va_start(args, format);
	bool ok = join(root, path, sizeof(path), format, args);
	va_end(args);
	ret_text[0] = '\0';
	cat_autofree char *text = ok ? read_whole(path) : NULL;
	if (!text || strlen(text) >= size)
		return;
	size_t length = strlen(text);
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	memcpy(ret_text, text, length);
	ret_text[length] = '\0';
}

long long sysfs_int(const char *root, long long otherwise, const char *format, ...)
{
	char path[PATH_MAX];
	long long value;
	va_list args;
	va_start(args, format);
	bool ok = join(root, path, sizeof(path), format, args);
	va_end(args);
	return ok && cat_file_read_int(AT_FDCWD, path, &value, NULL) == 0 ? value : otherwise;
}

void sysfs_link(const char *root, char *ret_name, size_t size, const char *format, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	va_list args;
	va_start(args, format);
	bool ok = join(root, path, sizeof(path), format, args);
	va_end(args);
	ssize_t length = ok ? readlink(path, target, sizeof(target) - 1) : -1;
	ret_name[0] = '\0';
	if (length <= 0)
		return;
	target[length] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(ret_name, size, "%s", slash ? slash + 1 : target);
}

// Numbers N of the entries PREFIXN in a directory, ascending. Returns how many.
static uint32_t list_numbers(const char *root, const char *directory, const char *prefix, uint32_t *ret, uint32_t max)
{
	char path[PATH_MAX], list[16384] = "";
	cat_autodir DIR *dir = sysfs_path(root, path, sizeof(path), "%s", directory) ? opendir(path) : NULL;
	const struct dirent *entry;
	size_t used = 0, length = strlen(prefix);
	while (dir && (entry = readdir(dir)) && used < sizeof(list) - 16) {
		const char *digits = entry->d_name + length;
		if (strncmp(entry->d_name, prefix, length) == 0 && *digits && strlen(digits) < 6 &&
		    strspn(digits, "0123456789") == strlen(digits) && strtoul(digits, NULL, 10) < CAT_CPUS_MAX)
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? "," : "", digits);
	}
	uint32_t count = 0;
	return cat_cpu_list_parse(list, ret, max, &count) == 0 ? count : 0;
}

static void read_list(const char *root, const char *file, bool *ret_set, bool *ret_known)
{
	char text[8192];
	uint32_t cpus[CAT_CPUS_MAX], count;
	sysfs_text(root, text, sizeof(text), "%s", file);
	*ret_known = *text && cat_cpu_list_parse(text, cpus, CAT_CPUS_MAX, &count) == 0;
	for (uint32_t i = 0; *ret_known && i < count; i++)
		ret_set[cpus[i]] = true;
}

// "Cpus_allowed_list:	0-3" of /proc/self/status.
static void read_allowed(const char *root, bool *ret_set, bool *ret_known)
{
	*ret_known = false;
	if (strcmp(root, "/") == 0 && numa_available() >= 0) {
		for (uint32_t i = 0; i < CAT_CPUS_MAX; i++)
			if (i < numa_all_cpus_ptr->size && numa_bitmask_isbitset(numa_all_cpus_ptr, i))
				ret_set[i] = *ret_known = true;
		if (*ret_known)
			return;
	}
	char path[PATH_MAX];
	static const char key[] = "Cpus_allowed_list:";
	uint32_t cpus[CAT_CPUS_MAX], count;
	cat_autofree char *text = sysfs_path(root, path, sizeof(path), "proc/self/status") ? read_whole(path) : NULL;
	char *line = text ? strstr(text, key) : NULL;
	if (!line)
		return;
	line += strlen(key);
	line[strcspn(line, "\n")] = '\0';
	*ret_known = cat_cpu_list_parse(line + strspn(line, " \t"), cpus, CAT_CPUS_MAX, &count) == 0 && count;
	for (uint32_t i = 0; *ret_known && i < count; i++)
		ret_set[cpus[i]] = true;
}

// The lowest cpu that shares its third-level cache; CAT_CPUS_MAX: none is told.
static uint32_t read_l3(const char *root, uint32_t id)
{
	for (unsigned index = 0; index < CACHES_MAX; index++) {
		char shared[8192];
		uint32_t list[CAT_CPUS_MAX], count;
		if (sysfs_int(root, 0, CPU_DIR "/cpu%u/cache/index%u/level", id, index) != 3)
			continue;
		sysfs_text(root, shared, sizeof(shared), CPU_DIR "/cpu%u/cache/index%u/shared_cpu_list", id, index);
		if (cat_cpu_list_parse(shared, list, CAT_CPUS_MAX, &count) == 0 && count)
			return list[0];
	}
	return CAT_CPUS_MAX;
}

struct cpu_sets {
	bool present[CAT_CPUS_MAX], online[CAT_CPUS_MAX], isolated[CAT_CPUS_MAX], nohz_full[CAT_CPUS_MAX],
		allowed[CAT_CPUS_MAX];
};

static void read_cpu(const char *root, struct cat_cpu *cpu, uint32_t id)
{
	char siblings[256];
	uint32_t list[CAT_CPUS_MAX], count;
	long long core = sysfs_int(root, -1, CPU_DIR "/cpu%u/topology/core_id", id);
	long long package = sysfs_int(root, -1, CPU_DIR "/cpu%u/topology/physical_package_id", id);
	cpu->id = id;
	// Some virtual machines say -1: then every cpu is a core of its own.
	cpu->core = core >= 0 ? (uint32_t)core : id;
	cpu->package = package >= 0 ? (uint32_t)package : 0;
	cpu->sibling = id;
	sysfs_text(root, siblings, sizeof(siblings), CPU_DIR "/cpu%u/topology/thread_siblings_list", id);
	if (!*siblings)
		sysfs_text(root, siblings, sizeof(siblings), CPU_DIR "/cpu%u/topology/core_cpus_list", id);
	if (cat_cpu_list_parse(siblings, list, CAT_CPUS_MAX, &count) == 0 && count && list[0] < id)
		cpu->sibling = list[0];
	cpu->l3 = read_l3(root, id);
}

static int read_cpus(const char *root, struct cat_topology *topology, struct cat_err *err)
{
	cat_autofree struct cpu_sets *sets = calloc(1, sizeof(*sets));
	uint32_t ids[CAT_CPUS_MAX];
	bool known_online, known_allowed, known;
	if (!sets)
		return cat_err_set(err, -ENOMEM, "no memory");
	uint32_t count = list_numbers(root, CPU_DIR, "cpu", ids, CAT_CPUS_MAX);
	if (count == 0)
		return cat_err_set(err, -ENOENT, "%s%s" CPU_DIR ": no cores found there", root,
				   root[strlen(root) - 1] == '/' ? "" : "/");
	topology->cpu = calloc(count, sizeof(*topology->cpu));
	if (!topology->cpu)
		return cat_err_set(err, -ENOMEM, "no memory");
	read_list(root, CPU_DIR "/online", sets->online, &known_online);
	read_list(root, CPU_DIR "/isolated", sets->isolated, &known);
	read_list(root, CPU_DIR "/nohz_full", sets->nohz_full, &known);
	read_allowed(root, sets->allowed, &known_allowed);
	for (uint32_t i = 0; i < count; i++) {
		struct cat_cpu *cpu = &topology->cpu[topology->cpu_count++];
		read_cpu(root, cpu, ids[i]);
		cpu->online =
			known_online ? sets->online[ids[i]] : sysfs_int(root, 1, CPU_DIR "/cpu%u/online", ids[i]) != 0;
		cpu->isolated = sets->isolated[ids[i]];
		cpu->nohz_full = sets->nohz_full[ids[i]];
		// The kernel starts no task on isolated cores, so that they miss in our affinity, but a cpuset may use
		// them.
		cpu->allowed = !known_allowed || sets->allowed[ids[i]] || cpu->isolated;
	}
	return 0;
}

// "Node 0 MemTotal:  24 kB" or "MemTotal: 24 kB"; 0 if there is no such line.
static uint64_t meminfo_bytes(const char *text, const char *key)
{
	char pattern[64];
	snprintf(pattern, sizeof(pattern), "%s:", key);
	for (const char *at = strstr(text, pattern); at; at = strstr(at + 1, pattern)) {
		// Not the end of a longer word: "Active(file):" has "(file):" in it.
		if (at != text && !isspace((unsigned char)at[-1]))
			continue;
		return strtoull(at + strlen(pattern), NULL, 10) << 10;
	}
	return 0;
}

static void read_memory(const char *root, struct cat_numa_node *node, const char *file)
{
	static const char *const reclaimable[] = {"MemFree", "Active(file)", "Inactive(file)", "SReclaimable"};
	char path[PATH_MAX];
	cat_autofree char *text = sysfs_path(root, path, sizeof(path), "%s", file) ? read_whole(path) : NULL;
	if (!text)
		return;
	node->memory_bytes = meminfo_bytes(text, "MemTotal");
	for (size_t i = 0; i < CAT_ARRAY_LEN(reclaimable); i++)
		node->free_bytes += meminfo_bytes(text, reclaimable[i]);
	if (node->free_bytes > node->memory_bytes)
		node->free_bytes = node->memory_bytes;
}

static int compare_huge(const void *a, const void *b)
{
	const struct cat_huge *x = a, *y = b;
	return x->page_bytes < y->page_bytes ? -1 : x->page_bytes > y->page_bytes;
}

static void read_huge(const char *root, struct cat_numa_node *node, const char *directory)
{
	char path[PATH_MAX];
	cat_autodir DIR *dir = sysfs_path(root, path, sizeof(path), "%s", directory) ? opendir(path) : NULL;
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)) && node->huge_count < CAT_ARRAY_LEN(node->huge)) {
		uint64_t kib;
		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &kib) != 1)
			continue;
		struct cat_huge *huge = &node->huge[node->huge_count++];
		huge->page_bytes = kib << 10;
		huge->total = (uint32_t)sysfs_int(root, 0, "%s/%s/nr_hugepages", directory, entry->d_name);
		huge->free = (uint32_t)sysfs_int(root, 0, "%s/%s/free_hugepages", directory, entry->d_name);
	}
	qsort(node->huge, node->huge_count, sizeof(node->huge[0]), compare_huge);
}

static void read_distances(const char *root, struct cat_topology *topology, struct cat_numa_node *node)
{
	char text[1024], *p = text;
	sysfs_text(root, text, sizeof(text), NODE_DIR "/node%u/distance", node->id);
	// One number for each node that is there, in the order of their ids.
	for (uint32_t i = 0; i < topology->node_count; i++) {
		char *end;
		unsigned long distance = strtoul(p, &end, 10);
		bool known = end != p && distance <= UINT8_MAX;
		node->distance[topology->node[i].id] = known                              ? (uint8_t)distance
						       : topology->node[i].id == node->id ? 10
											  : 20;
		p = end;
	}
}

static struct cat_cpu *find_cpu(const struct cat_topology *topology, uint32_t id)
{
	// Nearly always nothing is missing.
	if (id < topology->cpu_count && topology->cpu[id].id == id)
		return &topology->cpu[id];
	for (uint32_t i = 0; i < topology->cpu_count; i++)
		if (topology->cpu[i].id == id)
			return &topology->cpu[i];
	return NULL;
}

static void read_node(const char *root, struct cat_topology *topology, struct cat_numa_node *node)
{
	char text[8192], file[64];
	uint32_t cpus[CAT_CPUS_MAX], count;
	sysfs_text(root, text, sizeof(text), NODE_DIR "/node%u/cpulist", node->id);
	if (cat_cpu_list_parse(text, cpus, CAT_CPUS_MAX, &count) == 0) {
		for (uint32_t i = 0; i < count; i++) {
			struct cat_cpu *cpu = find_cpu(topology, cpus[i]);
			if (cpu)
				cpu->node = node->id;
		}
	}
	snprintf(file, sizeof(file), NODE_DIR "/node%u/meminfo", node->id);
	read_memory(root, node, file);
	snprintf(file, sizeof(file), NODE_DIR "/node%u/hugepages", node->id);
	read_huge(root, node, file);
	read_distances(root, topology, node);
}

// Where no cache is told, a node is one cluster. A cluster of more than one node is as many as there are nodes.
static void settle_clusters(struct cat_topology *topology)
{
	uint32_t first[CAT_NODES_MAX];
	for (uint32_t i = 0; i < CAT_NODES_MAX; i++)
		first[i] = CAT_CPUS_MAX;
	for (uint32_t i = 0; i < topology->cpu_count; i++) {
		struct cat_cpu *cpu = &topology->cpu[i];
		const struct cat_cpu *leader = find_cpu(topology, cpu->l3);
		if (cpu->node < CAT_NODES_MAX && cpu->id < first[cpu->node])
			first[cpu->node] = cpu->id;
		if (cpu->node < CAT_NODES_MAX && (!leader || leader->node != cpu->node))
			cpu->l3 = first[cpu->node];
	}
}

static int read_nodes(const char *root, struct cat_topology *topology, struct cat_err *err)
{
	uint32_t ids[CAT_NODES_MAX];
	uint32_t count = list_numbers(root, NODE_DIR, "node", ids, CAT_NODES_MAX);
	topology->node = calloc(count ? count : 1, sizeof(*topology->node));
	if (!topology->node)
		return cat_err_set(err, -ENOMEM, "no memory");
	for (uint32_t i = 0; i < count && ids[i] < CAT_NODES_MAX; i++)
		topology->node[topology->node_count++].id = ids[i];
	for (uint32_t i = 0; i < topology->node_count; i++)
		read_node(root, topology, &topology->node[i]);
	if (topology->node_count)
		return 0;
	// A kernel without NUMA: one node that has everything.
	topology->node_count = 1;
	topology->node[0].distance[0] = 10;
	read_memory(root, &topology->node[0], "proc/meminfo");
	read_huge(root, &topology->node[0], "sys/kernel/mm/hugepages");
	return 0;
}

static void read_model(const char *root, struct cat_topology *topology)
{
	char path[PATH_MAX];
	sysfs_text(root, topology->kernel, sizeof(topology->kernel), "proc/sys/kernel/osrelease");
	cat_autofree char *text = sysfs_path(root, path, sizeof(path), "proc/cpuinfo") ? read_whole(path) : NULL;
	const char *line = text ? strstr(text, "model name") : NULL;
	const char *colon = line ? strchr(line, ':') : NULL;
	if (!colon)
		return;
	colon += 1 + strspn(colon + 1, " \t");
	snprintf(topology->model, sizeof(topology->model), "%.*s", (int)strcspn(colon, "\n"), colon);
}

int cat_topology_read(const char *root, struct cat_topology **ret_topology, struct cat_err *err)
{
	struct cat_topology *topology = calloc(1, sizeof(*topology));
	if (!topology)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = read_cpus(root, topology, err);
	if (r == 0)
		r = read_nodes(root, topology, err);
	if (r == 0)
		settle_clusters(topology);
	if (r == 0)
		r = nics_read(root, topology, err);
	if (r < 0) {
		cat_topology_free(topology);
		return r;
	}
	read_model(root, topology);
	*ret_topology = topology;
	return 0;
}

void cat_topology_free(struct cat_topology *topology)
{
	if (!topology)
		return;
	free(topology->cpu);
	free(topology->node);
	free(topology->nic);
	free(topology);
}

const struct cat_cpu *cat_topology_cpu(const struct cat_topology *topology, uint32_t id)
{
	return find_cpu(topology, id);
}

const struct cat_nic *cat_topology_nic(const struct cat_topology *topology, const char *name)
{
	for (uint32_t i = 0; i < topology->nic_count && *name; i++) {
		const struct cat_nic *nic = &topology->nic[i];
		if (strcmp(nic->name, name) == 0 || strcmp(nic->bdf, name) == 0 || strcmp(nic->vf_name, name) == 0)
			return nic;
	}
	return NULL;
}

const struct cat_numa_node *node_find(const struct cat_topology *host, uint32_t id)
{
	for (uint32_t i = 0; i < host->node_count; i++)
		if (host->node[i].id == id)
			return &host->node[i];
	return NULL;
}
