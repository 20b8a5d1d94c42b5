// SPDX-License-Identifier: BSD-3-Clause
#include "fake_host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

static void make_path(const struct fake_host *host, const char *path, char *ret_full)
{
	struct cat_err err = {0};
	snprintf(ret_full, PATH_MAX, "%s/%s", host->root, path);
	char *slash = strrchr(ret_full, '/');
	*slash = '\0';
	must(cat_dir_create(ret_full, 0755, &err) == 0, ret_full);
	*slash = '/';
}

void fake_file(const struct fake_host *host, const char *path, const char *text)
{
	char full[PATH_MAX];
	make_path(host, path, full);
	cat_autofile FILE *file = fopen(full, "w");
	must(file && fputs(text, file) >= 0, full);
}

void fake_link(const struct fake_host *host, const char *path, const char *target)
{
	char full[PATH_MAX];
	make_path(host, path, full);
	must(symlink(target, full) == 0, full);
}

void fake_remove(const struct fake_host *host, const char *path)
{
	char full[PATH_MAX];
	make_path(host, path, full);
	must(unlink(full) == 0 || cat_dir_remove(full, NULL) == 0, full);
}

void fake_host_init(struct fake_host *host)
{
	snprintf(host->root, sizeof(host->root), "/tmp/catena-host-XXXXXX");
	must(mkdtemp(host->root) != NULL, host->root);
}

void fake_host_finish(struct fake_host *host)
{
	cat_dir_remove(host->root, NULL);
}

struct cat_topology *fake_topology(const struct fake_host *host)
{
	struct cat_topology *topology;
	struct cat_err err = {0};
	if (cat_topology_read(host->root, &topology, &err) == 0)
		return topology;
	fprintf(stderr, "%s\n", err.message);
	abort();
}

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

static void set_int(const struct fake_host *host, long long value, const char *path)
{
	char text[32];
	snprintf(text, sizeof(text), "%lld\n", value);
	fake_file(host, path, text);
}

static void make_cpu(const struct fake_host *host, unsigned id, unsigned package, unsigned core, const char *siblings)
{
	char path[256];
	snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/topology/physical_package_id", id);
	set_int(host, package, path);
	snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/topology/core_id", id);
	set_int(host, core, path);
	set(host, siblings, "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", id);
}

static void make_node(const struct fake_host *host, unsigned id, const char *cpus, const char *distance, unsigned gib)
{
	char text[256];
	set(host, cpus, "sys/devices/system/node/node%u/cpulist", id);
	set(host, distance, "sys/devices/system/node/node%u/distance", id);
	snprintf(text, sizeof(text),
		 "Node %u MemTotal:       %u kB\nNode %u MemFree:        %u kB\nNode %u Inactive(anon): 5 kB\n"
		 "Node %u Inactive(file): 1024 kB\n",
		 id, gib << 20, id, gib << 19, id, id);
	set(host, text, "sys/devices/system/node/node%u/meminfo", id);
}

static void make_huge(const struct fake_host *host, unsigned node, unsigned kib, unsigned total, unsigned unused)
{
	char path[256];
	snprintf(path, sizeof(path), "sys/devices/system/node/node%u/hugepages/hugepages-%ukB/nr_hugepages", node, kib);
	set_int(host, total, path);
	snprintf(path, sizeof(path), "sys/devices/system/node/node%u/hugepages/hugepages-%ukB/free_hugepages", node,
		 kib);
	set_int(host, unused, path);
}

static void make_pci(const struct fake_host *host, const char *bdf, int node, const char *driver, int group)
{
	char path[256], text[64];
	snprintf(path, sizeof(path), "sys/devices/pci0000:00/%s/class", bdf);
	fake_file(host, path, "0x020000\n");
	snprintf(path, sizeof(path), "sys/devices/pci0000:00/%s/numa_node", bdf);
	set_int(host, node, path);
	snprintf(path, sizeof(path), "sys/devices/pci0000:00/%s/driver", bdf);
	snprintf(text, sizeof(text), "../../../bus/pci/drivers/%s", driver);
	fake_link(host, path, text);
	if (group >= 0) {
		snprintf(path, sizeof(path), "sys/devices/pci0000:00/%s/iommu_group", bdf);
		snprintf(text, sizeof(text), "../../../kernel/iommu_groups/%d", group);
		fake_link(host, path, text);
	}
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s", bdf);
	snprintf(text, sizeof(text), "../../../devices/pci0000:00/%s", bdf);
	fake_link(host, path, text);
}

// An interface; device: path below sys/devices, or NULL (virtual).
static void make_interface(const struct fake_host *host, const char *name, const char *device, int speed,
			   const char *state)
{
	char path[256], text[256];
	snprintf(path, sizeof(path), "sys/class/net/%s/operstate", name);
	fake_file(host, path, state);
	snprintf(path, sizeof(path), "sys/class/net/%s/speed", name);
	set_int(host, speed, path);
	if (!device)
		return;
	snprintf(path, sizeof(path), "sys/class/net/%s/device", name);
	snprintf(text, sizeof(text), "../../../devices/%s", device);
	fake_link(host, path, text);
}

static void make_nics(const struct fake_host *host)
{
	make_pci(host, "0000:03:00.0", 0, "igb", 20);
	make_interface(host, "eno1", "pci0000:00/0000:03:00.0", 1000, "up\n");
	make_pci(host, "0000:81:00.0", 1, "ice", 40);
	set_int(host, 2, "sys/devices/pci0000:00/0000:81:00.0/sriov_numvfs");
	set_int(host, 64, "sys/devices/pci0000:00/0000:81:00.0/sriov_totalvfs");
	make_interface(host, "ens1f0", "pci0000:00/0000:81:00.0", 25000, "up\n");
	make_pci(host, "0000:81:01.0", 1, "iavf", 41);
	fake_link(host, "sys/devices/pci0000:00/0000:81:01.0/physfn", "../0000:81:00.0");
	fake_link(host, "sys/devices/pci0000:00/0000:81:00.0/virtfn0", "../0000:81:01.0");
	fake_link(host, "sys/devices/pci0000:00/0000:81:00.0/virtfn1", "../0000:81:01.1");
	make_interface(host, "ens1f0v0", "pci0000:00/0000:81:01.0", -1, "down\n");
	make_pci(host, "0000:81:01.1", 1, "vfio-pci", 42);
	fake_link(host, "sys/devices/pci0000:00/0000:81:01.1/physfn", "../0000:81:00.0");
	// A disk is none of ours.
	make_pci(host, "0000:04:00.0", 0, "nvme", 21);
	fake_file(host, "sys/devices/pci0000:00/0000:04:00.0/class", "0x010802\n");
	// virtio: between the interface and the PCI device is another bus.
	make_pci(host, "0000:05:00.0", -1, "virtio-pci", -1);
	fake_file(host, "sys/devices/pci0000:00/0000:05:00.0/virtio0/status", "0x0000000f\n");
	make_interface(host, "eth9", "pci0000:00/0000:05:00.0/virtio0", -1, "up\n");
	make_interface(host, "lan0", NULL, 10000, "up\n");
	make_interface(host, "wan0", NULL, 10000, "up\n");
	fake_file(host, "sys/class/net/bonding_masters", "\n");
	fake_file(host, "sys/class/net/lo/operstate", "unknown\n");
}

void fake_two_sockets(struct fake_host *host)
{
	fake_host_init(host);
	for (unsigned id = 0; id < 16; id++) {
		char siblings[32];
		snprintf(siblings, sizeof(siblings), "%u,%u\n", id % 8, id % 8 + 8);
		make_cpu(host, id, id % 2, id % 8 / 2, siblings);
	}
	fake_file(host, "sys/devices/system/cpu/online", "0-15\n");
	fake_file(host, "sys/devices/system/cpu/isolated", "2-3,10-11\n");
	fake_file(host, "sys/devices/system/cpu/nohz_full", "2-3\n");
	make_node(host, 0, "0,2,4,6,8,10,12,14\n", "10 21\n", 64);
	make_node(host, 1, "1,3,5,7,9,11,13,15\n", "21 10\n", 64);
	make_huge(host, 0, 2048, 512, 500);
	make_huge(host, 1, 2048, 512, 512);
	make_huge(host, 0, 1048576, 0, 0);
	make_huge(host, 1, 1048576, 2, 2);
	make_nics(host);
	fake_file(host, "proc/sys/kernel/osrelease", "6.1.0-test\n");
	fake_file(host, "proc/cpuinfo", "processor	: 0\nmodel name	: Test CPU @ 2.00GHz\nflags	: fpu\n");
	fake_file(host, "proc/self/status",
		  "Name:	test\nCpus_allowed:	ffff\nCpus_allowed_list:	0-1,4-9,12-15\n");
}

void fake_small(struct fake_host *host)
{
	static const char *const interfaces[] = {"lan0", "wan0", "in0", "out0", "u0", "s0"};
	fake_host_init(host);
	make_cpu(host, 0, 0, 0, "0\n");
	make_cpu(host, 1, 0, 1, "1\n");
	fake_file(host, "sys/devices/system/cpu/online", "0-1\n");
	fake_file(host, "sys/devices/system/cpu/isolated", "\n");
	make_node(host, 0, "0-1\n", "10\n", 4);
	make_huge(host, 0, 2048, 0, 0);
	for (size_t i = 0; i < CAT_ARRAY_LEN(interfaces); i++)
		make_interface(host, interfaces[i], NULL, 10000, "up\n");
	fake_file(host, "proc/self/status", "Cpus_allowed_list:	0-1\n");
}
