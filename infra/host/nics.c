// SPDX-License-Identifier: BSD-3-Clause
// Kernel interfaces, and PCI network devices whether or not the kernel drives them.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "nic.h"

#define NET_DIR "sys/class/net"
#define PCI_CLASS_NETWORK 0x02 // PCI Code and ID Assignment Specification, base class 02h

static struct cat_nic *add_nic(struct cat_topology *topology)
{
	if (topology->nic_count >= CAT_NICS_MAX)
		return NULL;
	struct cat_nic *larger = realloc(topology->nic, (topology->nic_count + 1) * sizeof(*larger));
	if (!larger)
		return NULL;
	topology->nic = larger;
	struct cat_nic *nic = &larger[topology->nic_count++];
	*nic = (struct cat_nic){.node = -1, .iommu_group = -1, .vf = -1};
	return nic;
}

// "0000:01:00.0"
static bool is_bdf(const char *text, size_t length)
{
	static const char shape[] = "xxxx:xx:xx.x";
	if (length != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < length; i++)
		if (shape[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != shape[i])
			return false;
	return true;
}

// The PCI device that an interface belongs to. Between them may be another bus (virtio): the last
// component of the resolved path that looks like a PCI address counts.
static void find_bdf(const char *root, struct cat_nic *nic)
{
	char path[PATH_MAX], real[PATH_MAX];
	if (!sysfs_path(root, path, sizeof(path), NET_DIR "/%s/device", nic->name) || !realpath(path, real))
		return;
	for (char *slash = strrchr(real, '/'); slash; slash = strrchr(real, '/')) {
		if (is_bdf(slash + 1, strlen(slash + 1))) {
			snprintf(nic->bdf, sizeof(nic->bdf), "%s", slash + 1);
			return;
		}
		*slash = '\0';
	}
}

static void read_pci(const char *root, struct cat_nic *nic)
{
	char name[64];
	sysfs_link(root, name, sizeof(name), PCI_DIR "/%s/driver", nic->bdf);
	snprintf(nic->driver, sizeof(nic->driver), "%.31s", name);
	nic->node = (int)sysfs_int(root, -1, PCI_DIR "/%s/numa_node", nic->bdf);
	nic->vfs = (uint32_t)sysfs_int(root, 0, PCI_DIR "/%s/sriov_numvfs", nic->bdf);
	nic->vfs_max = (uint32_t)sysfs_int(root, 0, PCI_DIR "/%s/sriov_totalvfs", nic->bdf);
	sysfs_link(root, name, sizeof(name), PCI_DIR "/%s/iommu_group", nic->bdf);
	if (*name && strspn(name, "0123456789") == strlen(name))
		nic->iommu_group = atoi(name);
	sysfs_link(root, nic->pf, sizeof(nic->pf), PCI_DIR "/%s/physfn", nic->bdf);
}

// Which one of its PF's a VF is: the PF has a link virtfnN to it.
static void number_vfs(const char *root, struct cat_topology *topology, const struct cat_nic *pf)
{
	for (uint32_t n = 0; n < pf->vfs && n < CAT_NICS_MAX; n++) {
		char bdf[64];
		sysfs_link(root, bdf, sizeof(bdf), PCI_DIR "/%s/virtfn%u", pf->bdf, n);
		for (uint32_t i = 0; *bdf && i < topology->nic_count; i++)
			if (strcmp(topology->nic[i].bdf, bdf) == 0)
				topology->nic[i].vf = (int)n;
	}
}

static void read_interface(const char *root, struct cat_nic *nic)
{
	char state[32], driver[64];
	find_bdf(root, nic);
	if (*nic->bdf) {
		read_pci(root, nic);
	} else {
		nic->node = (int)sysfs_int(root, -1, NET_DIR "/%s/device/numa_node", nic->name);
	}
	if (!*nic->driver) {
		sysfs_link(root, driver, sizeof(driver), NET_DIR "/%s/device/driver", nic->name);
		snprintf(nic->driver, sizeof(nic->driver), "%.31s", driver);
	}
	// -1 where the link is down, unknown for virtual ones.
	long long speed = sysfs_int(root, 0, NET_DIR "/%s/speed", nic->name);
	nic->speed_mbps = speed > 0 && speed < UINT32_MAX ? (uint32_t)speed : 0;
	nic->up = sysfs_int(root, 0, NET_DIR "/%s/flags", nic->name) & IFF_UP;
	sysfs_text(root, state, sizeof(state), NET_DIR "/%s/operstate", nic->name);
	nic->link = strcmp(state, "up") == 0 ||
		    (strcmp(state, "down") != 0 && sysfs_int(root, 0, NET_DIR "/%s/carrier", nic->name) == 1);
}

static int read_interfaces(const char *root, struct cat_topology *topology)
{
	char path[PATH_MAX];
	cat_autodir DIR *dir = sysfs_path(root, path, sizeof(path), NET_DIR) ? opendir(path) : NULL;
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		// Not "lo": traffic for the host itself is nobody's port. Not files such as bonding_masters.
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lo") == 0 || strlen(entry->d_name) >= 16 ||
		    entry->d_type == DT_REG)
			continue;
		struct cat_nic *nic = add_nic(topology);
		if (!nic)
			return -ENOMEM;
		snprintf(nic->name, sizeof(nic->name), "%s", entry->d_name);
		read_interface(root, nic);
	}
	return 0;
}

static int read_devices(const char *root, struct cat_topology *topology)
{
	char path[PATH_MAX];
	cat_autodir DIR *dir = sysfs_path(root, path, sizeof(path), PCI_DIR) ? opendir(path) : NULL;
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		if (!is_bdf(entry->d_name, strlen(entry->d_name)) || cat_topology_nic(topology, entry->d_name) ||
		    sysfs_int(root, 0, PCI_DIR "/%s/class", entry->d_name) >> 16 != PCI_CLASS_NETWORK)
			continue;
		struct cat_nic *nic = add_nic(topology);
		if (!nic)
			return -ENOMEM;
		snprintf(nic->bdf, sizeof(nic->bdf), "%.12s", entry->d_name);
		read_pci(root, nic);
		// An interface in another network namespace is not shown to us.
		char path_net[PATH_MAX];
		nic->hidden = *nic->driver &&
			      sysfs_path(root, path_net, sizeof(path_net), PCI_DIR "/%s/net", nic->bdf) &&
			      access(path_net, F_OK) == 0;
	}
	return 0;
}

// physfn leads to the PF's PCI address; its interface's name says more where it has one.
static void name_pfs(const char *root, struct cat_topology *topology)
{
	for (uint32_t i = 0; i < topology->nic_count; i++)
		if (topology->nic[i].vfs)
			number_vfs(root, topology, &topology->nic[i]);
	for (uint32_t i = 0; i < topology->nic_count; i++) {
		const struct cat_nic *pf = cat_topology_nic(topology, topology->nic[i].pf);
		if (pf && *pf->name)
			snprintf(topology->nic[i].pf, sizeof(topology->nic[i].pf), "%s", pf->name);
	}
	for (uint32_t i = 0; i < topology->nic_count; i++) {
		struct cat_nic *nic = &topology->nic[i];
		if (nic->vf >= 0 && *nic->pf)
			snprintf(nic->vf_name, sizeof(nic->vf_name), "%.48s/vf%d", nic->pf, nic->vf);
	}
}

static int compare(const void *a, const void *b)
{
	const struct cat_nic *x = a, *y = b;
	const char *left = *x->name ? x->name : x->bdf, *right = *y->name ? y->name : y->bdf;
	return strcmp(left, right);
}

int nics_read(const char *root, struct cat_topology *topology, struct cat_err *err)
{
	int r = read_interfaces(root, topology);
	if (r == 0)
		r = read_devices(root, topology);
	// A host with more than CAT_NICS_MAX interfaces is described without the rest.
	if (r < 0 && topology->nic_count < CAT_NICS_MAX)
		return cat_err_set(err, r, "no memory");
	name_pfs(root, topology);
	if (topology->nic_count)
		qsort(topology->nic, topology->nic_count, sizeof(*topology->nic), compare);
	return 0;
}
