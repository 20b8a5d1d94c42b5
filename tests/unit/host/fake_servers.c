// SPDX-License-Identifier: BSD-3-Clause
// Servers as people have them, after their vendors' documents.
#include <stdio.h>
#include <string.h>

#include "cat_cleanup.h"
#include "fake_host.h"

struct server {
	unsigned nodes, cores; // of a node
	unsigned clusters;     // L3 caches of a node, 0: not told
	unsigned threads;
	unsigned gib;        // of a node
	unsigned per_socket; // nodes
	unsigned local, socket, far;
};

struct card {
	const char *bdf, *interface, *driver, *vf_driver;
	int node;
	unsigned vfs, most, speed;
};

static void set(const struct fake_host *host, const char *text, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void set(const struct fake_host *host, const char *text, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fake_file(host, path, text);
}

static void link_to(const struct fake_host *host, const char *target, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void link_to(const struct fake_host *host, const char *target, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fake_link(host, path, target);
}

// Cores are counted over all nodes, and then again for the second threads, as Linux on x86 does.
static void make_cpu(const struct fake_host *host, const struct server *server, unsigned core, unsigned thread)
{
	unsigned all = server->nodes * server->cores, id = core + thread * all;
	unsigned size = server->clusters ? server->cores / server->clusters : 0;
	char text[64];
	snprintf(text, sizeof(text), "%u\n", core / (server->cores * server->per_socket));
	set(host, text, "sys/devices/system/cpu/cpu%u/topology/physical_package_id", id);
	snprintf(text, sizeof(text), "%u\n", core % (server->cores * server->per_socket));
	set(host, text, "sys/devices/system/cpu/cpu%u/topology/core_id", id);
	if (server->threads == 2)
		snprintf(text, sizeof(text), "%u,%u\n", core, core + all);
	else
		snprintf(text, sizeof(text), "%u\n", core);
	set(host, text, "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", id);
	if (!size)
		return;
	unsigned first = core / size * size;
	int used = snprintf(text, sizeof(text), "%u-%u", first, first + size - 1);
	if (server->threads == 2)
		snprintf(text + used, sizeof(text) - (size_t)used, ",%u-%u", first + all, first + all + size - 1);
	set(host, "2\n", "sys/devices/system/cpu/cpu%u/cache/index2/level", id);
	set(host, "3\n", "sys/devices/system/cpu/cpu%u/cache/index3/level", id);
	set(host, text, "sys/devices/system/cpu/cpu%u/cache/index3/shared_cpu_list", id);
}

static void make_node(const struct fake_host *host, const struct server *server, unsigned node)
{
	unsigned first = node * server->cores, all = server->nodes * server->cores;
	char text[256];
	int used = snprintf(text, sizeof(text), "%u-%u", first, first + server->cores - 1);
	if (server->threads == 2)
		snprintf(text + used, sizeof(text) - (size_t)used, ",%u-%u", first + all,
			 first + all + server->cores - 1);
	set(host, text, "sys/devices/system/node/node%u/cpulist", node);
	used = 0;
	for (unsigned i = 0; i < server->nodes; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%u ",
				 i == node                                             ? 10
				 : i / server->per_socket == node / server->per_socket ? server->socket
										       : server->far);
	set(host, text, "sys/devices/system/node/node%u/distance", node);
	snprintf(text, sizeof(text), "Node %u MemTotal:       %u kB\nNode %u MemFree:        %u kB\n", node,
		 server->gib << 20, node, server->gib << 19);
	set(host, text, "sys/devices/system/node/node%u/meminfo", node);
	set(host, "1024\n", "sys/devices/system/node/node%u/hugepages/hugepages-2048kB/nr_hugepages", node);
	set(host, "1024\n", "sys/devices/system/node/node%u/hugepages/hugepages-2048kB/free_hugepages", node);
}

static void make_server(struct fake_host *host, const struct server *server)
{
	char text[64];
	unsigned cpus = server->nodes * server->cores * server->threads;
	fake_host_init(host);
	for (unsigned core = 0; core < server->nodes * server->cores; core++)
		for (unsigned thread = 0; thread < server->threads; thread++)
			make_cpu(host, server, core, thread);
	for (unsigned node = 0; node < server->nodes; node++)
		make_node(host, server, node);
	snprintf(text, sizeof(text), "0-%u\n", cpus - 1);
	fake_file(host, "sys/devices/system/cpu/online", text);
	snprintf(text, sizeof(text), "Cpus_allowed_list:	0-%u\n", cpus - 1);
	fake_file(host, "proc/self/status", text);
}

static void make_device(const struct fake_host *host, const char *bdf, int node, const char *driver, unsigned group)
{
	char text[96];
	set(host, "0x020000\n", "sys/devices/pci/%s/class", bdf);
	snprintf(text, sizeof(text), "%d\n", node);
	set(host, text, "sys/devices/pci/%s/numa_node", bdf);
	snprintf(text, sizeof(text), "../../bus/pci/drivers/%s", driver);
	link_to(host, text, "sys/devices/pci/%s/driver", bdf);
	snprintf(text, sizeof(text), "../../kernel/iommu_groups/%u", group);
	link_to(host, text, "sys/devices/pci/%s/iommu_group", bdf);
	snprintf(text, sizeof(text), "../../../devices/pci/%s", bdf);
	link_to(host, text, "sys/bus/pci/devices/%s", bdf);
}

static void make_interface(const struct fake_host *host, const char *name, const char *bdf, unsigned speed, bool up)
{
	char text[64];
	snprintf(text, sizeof(text), "../../../devices/pci/%s", bdf);
	link_to(host, text, "sys/class/net/%s/device", name);
	set(host, up ? "up\n" : "down\n", "sys/class/net/%s/operstate", name);
	set(host, up ? "0x1003\n" : "0x1002\n", "sys/class/net/%s/flags", name);
	snprintf(text, sizeof(text), "%u\n", speed);
	set(host, text, "sys/class/net/%s/speed", name);
}

static void make_card(const struct fake_host *host, const struct card *card, unsigned group)
{
	char text[96], bdf[32];
	make_device(host, card->bdf, card->node, card->driver, group);
	make_interface(host, card->interface, card->bdf, card->speed, true);
	snprintf(text, sizeof(text), "%u\n", card->most);
	set(host, text, "sys/devices/pci/%s/sriov_totalvfs", card->bdf);
	snprintf(text, sizeof(text), "%u\n", card->vfs);
	set(host, text, "sys/devices/pci/%s/sriov_numvfs", card->bdf);
	for (unsigned i = 0; i < card->vfs; i++) {
		snprintf(bdf, sizeof(bdf), "%.7s:%02x.%u", card->bdf, 2 + i / 8, i % 8);
		make_device(host, bdf, card->node, card->vf_driver, group + 1 + i);
		snprintf(text, sizeof(text), "../%s", card->bdf);
		link_to(host, text, "sys/devices/pci/%s/physfn", bdf);
		snprintf(text, sizeof(text), "../%s", bdf);
		link_to(host, text, "sys/devices/pci/%s/virtfn%u", card->bdf, i);
		snprintf(text, sizeof(text), "%sv%u", card->interface, i);
		make_interface(host, text, bdf, card->speed, false);
	}
}

void fake_dual_xeon(struct fake_host *host)
{
	static const struct server server = {
		.nodes = 2, .cores = 28, .clusters = 1, .threads = 2, .gib = 192, .per_socket = 1, .far = 21};
	static const struct card cards[] = {
		{"0000:18:00.0", "ens1f0", "i40e", "iavf", 0, 64, 64, 10000},
		{"0000:af:00.0", "ens5f0", "ice", "iavf", 1, 64, 128, 25000},
		{"0000:d8:00.0", "ens7f0np0", "mlx5_core", "mlx5_core", 1, 8, 64, 100000},
	};
	make_server(host, &server);
	for (size_t i = 0; i < CAT_ARRAY_LEN(cards); i++)
		make_card(host, &cards[i], 100 * (unsigned)(i + 1));
}

void fake_epyc_nps4(struct fake_host *host)
{
	static const struct server server = {.nodes = 8,
					     .cores = 16,
					     .clusters = 2,
					     .threads = 2,
					     .gib = 64,
					     .per_socket = 4,
					     .socket = 12,
					     .far = 32};
	static const struct card card = {"0000:c1:00.0", "enp193s0f0", "ice", "iavf", 6, 0, 128, 100000};
	make_server(host, &server);
	make_card(host, &card, 100);
}

void fake_arm(struct fake_host *host)
{
	static const struct server server = {.nodes = 1, .cores = 80, .threads = 1, .gib = 256, .per_socket = 1};
	static const struct card card = {"0003:01:00.0", "enP3p1s0f0", "i40e", "iavf", 0, 4, 64, 10000};
	make_server(host, &server);
	make_card(host, &card, 100);
}

void fake_vm(struct fake_host *host)
{
	fake_host_init(host);
	fake_file(host, "sys/devices/system/cpu/cpu0/topology/core_id", "-1\n");
	fake_file(host, "sys/devices/system/cpu/cpu1/topology/core_id", "-1\n");
	fake_file(host, "proc/meminfo", "MemTotal:        4194304 kB\nMemFree:         2097152 kB\n");
	fake_file(host, "sys/class/net/eth0/operstate", "up\n");
	fake_file(host, "sys/class/net/eth1/operstate", "up\n");
}
