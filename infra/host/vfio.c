// SPDX-License-Identifier: BSD-3-Clause
// Which driver a device has: vfio-pci while a service has it (kernel documentation, driver-api/vfio), by
// driver_override, so that no other device of its kind is touched.
//
// An IOMMU group is the least that the hardware can keep apart. Were only one device of it given to a service, the
// kernel's driver of another could be reached by it, so the group is given whole or not at all.
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "nic.h"

#define PCI_CLASS_BRIDGE 0x06 // PCI Code and ID Assignment Specification, base class 06h

bool cat_driver_is_bifurcated(const char *driver)
{
	static const char *const names[] = {"mlx5_core", "mlx4_core", "mana"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(names); i++)
		if (strcmp(driver, names[i]) == 0)
			return true;
	return false;
}

static void read_override(const struct cat_nic_io *io, const char *bdf, char *ret, size_t size)
{
	sysfs_text(io->root, ret, size, PCI_DIR "/%s/driver_override", bdf);
	if (strcmp(ret, "(null)") == 0)
		ret[0] = '\0';
}

// A VF follows its PF, because one that was just made has no driver yet.
void vfio_target(const struct cat_nic_io *io, const struct cat_nic_want *want, char *ret_driver, size_t size)
{
	nic_driver(io, *want->pf ? want->pf : want->bdf, ret_driver, size);
	if (!cat_driver_is_bifurcated(ret_driver))
		snprintf(ret_driver, size, VFIO_DRIVER);
}

int vfio_check_unused(const struct cat_nic_io *io, const char *bdf, struct cat_err *err)
{
	char driver[NAME_MAX + 1], interface[NAME_MAX + 1], path[PATH_MAX];
	nic_driver(io, bdf, driver, sizeof(driver));
	cat_nic_interface(io, bdf, interface, sizeof(interface));
	if (*interface && sysfs_int(io->root, 0, "sys/class/net/%s/flags", interface) & IFF_UP)
		return cat_err_set(err, -EBUSY, "%s is in use: its interface %s is up; `ip link set %s down` frees it",
				   bdf, interface, interface);
	if (*driver && !*interface && sysfs_path(io->root, path, sizeof(path), PCI_DIR "/%s/net", bdf) &&
	    access(path, F_OK) == 0)
		return cat_err_set(err, -EBUSY, "%s is in use: its interface is in another network namespace", bdf);
	return 0;
}

int vfio_check_group(const struct cat_nic_io *io, const char *bdf, struct cat_err *err)
{
	char group[NAME_MAX + 1], path[PATH_MAX];
	sysfs_link(io->root, group, sizeof(group), PCI_DIR "/%s/iommu_group", bdf);
	if (!*group)
		return cat_err_set(
			err, -ENOTSUP,
			"%s is in no IOMMU group: it could reach all memory of the host; start the kernel with "
			"intel_iommu=on or amd_iommu=on, and switch the IOMMU on in the firmware",
			bdf);
	if (!sysfs_path(io->root, path, sizeof(path), PCI_DIR "/%s/iommu_group/devices", bdf))
		return cat_err_set(err, -ENAMETOOLONG, "%s: too long a path", bdf);
	cat_autodir DIR *dir = opendir(path);
	for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		char driver[NAME_MAX + 1];
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, bdf) == 0 ||
		    sysfs_int(io->root, 0, PCI_DIR "/%s/class", entry->d_name) >> 16 == PCI_CLASS_BRIDGE)
			continue;
		nic_driver(io, entry->d_name, driver, sizeof(driver));
		if (*driver && strcmp(driver, VFIO_DRIVER) != 0)
			return cat_err_set(
				err, -EBUSY,
				"%s shares IOMMU group %s with %s, which %s drives: the hardware cannot keep "
				"them apart; give both up, or take a device of a group of its own",
				bdf, group, entry->d_name, driver);
	}
	return 0;
}

// Its driver before. One that is to be made has none, and will not be there any more.
int vfio_look(const struct cat_nic_io *io, const struct cat_nic_want *want, struct cat_node *steps, struct cat_err *err)
{
	char bdf[CAT_BDF_MAX], driver[NAME_MAX + 1], target[NAME_MAX + 1], override[NAME_MAX + 1], path[PATH_MAX];
	snprintf(bdf, sizeof(bdf), "%s", want->bdf);
	if (*want->pf)
		nic_vf_bdf(io, want->pf, want->vf, bdf);
	vfio_target(io, want, target, sizeof(target));
	nic_driver(io, bdf, driver, sizeof(driver));
	read_override(io, bdf, override, sizeof(override));
	bool vfio = strcmp(target, VFIO_DRIVER) == 0;
	if (vfio && sysfs_path(io->root, path, sizeof(path), DRIVER_DIR "/" VFIO_DRIVER) && access(path, F_OK) < 0)
		return cat_err_set(err, -ENOTSUP, "the kernel has no " VFIO_DRIVER " now: `modprobe " VFIO_DRIVER "`");
	if (strcmp(driver, target) == 0)
		return 0;
	struct cat_node *step = cat_node_add_map(steps, NULL);
	bool ok = cat_node_add_string(step, "step", "driver") && cat_node_add_string(step, "driver", driver) &&
		  cat_node_add_string(step, "override", override) &&
		  (*want->pf ? cat_node_add_string(step, "pf", want->pf) && cat_node_add_int(step, "vf", want->vf)
			     : cat_node_add_string(step, "bdf", bdf) != NULL);
	return ok ? 0 : cat_err_set(err, -ENOMEM, "no memory");
}

static int unbind(const struct cat_nic_io *io, const char *bdf, struct cat_err *err)
{
	char driver[NAME_MAX + 1];
	nic_driver(io, bdf, driver, sizeof(driver));
	return *driver ? nic_write(io, err, bdf, DRIVER_DIR "/%s/unbind", driver) : 0;
}

int vfio_bind(const struct cat_nic_io *io, const char *bdf, const char *driver, struct cat_err *err)
{
	char found[NAME_MAX + 1];
	nic_driver(io, bdf, found, sizeof(found));
	if (strcmp(found, driver) == 0)
		return 0;
	int r = nic_write(io, err, driver, PCI_DIR "/%s/driver_override", bdf);
	if (r == 0)
		r = unbind(io, bdf, err);
	if (r == 0)
		r = nic_write(io, err, bdf, "sys/bus/pci/drivers_probe");
	if (r < 0)
		return r;
	// A probe that fails is no error of the write.
	nic_driver(io, bdf, found, sizeof(found));
	if (strcmp(found, driver) != 0)
		return cat_err_set(err, -EIO, "%s: %s did not take it%s%s; the kernel's log says why", bdf, driver,
				   *found ? ", it is driven by " : "", found);
	return 0;
}

int vfio_undo(const struct cat_nic_io *io, const struct cat_node *step, struct cat_err *err)
{
	char bdf[CAT_BDF_MAX] = "", found[NAME_MAX + 1], override[NAME_MAX + 1], path[PATH_MAX];
	const char *pf = NULL, *device = "", *driver = "", *before = "";
	int64_t vf = 0;
	int r = cat_node_read_string(step, "pf", CAT_OPTIONAL, &pf, err);
	if (r == 0)
		r = cat_node_read_string(step, "bdf", pf ? CAT_OPTIONAL : CAT_REQUIRED, &device, err);
	if (r == 0)
		r = cat_node_read_int(step, "vf", CAT_OPTIONAL, 0, CAT_VFS_MAX - 1, &vf, err);
	if (r == 0)
		r = cat_node_read_string(step, "driver", CAT_REQUIRED, &driver, err);
	if (r == 0)
		r = cat_node_read_string(step, "override", CAT_REQUIRED, &before, err);
	if (r < 0)
		return r;
	if (pf)
		nic_vf_bdf(io, pf, (uint32_t)vf, bdf);
	else
		snprintf(bdf, sizeof(bdf), "%.15s", device);
	if (!nic_there(io, bdf))
		return 0;
	nic_driver(io, bdf, found, sizeof(found));
	read_override(io, bdf, override, sizeof(override));
	// An empty line takes an override away.
	if (strcmp(override, before) != 0)
		r = nic_write(io, err, *before ? before : "\n", PCI_DIR "/%s/driver_override", bdf);
	if (r < 0 || strcmp(found, driver) == 0)
		return r;
	r = unbind(io, bdf, err);
	// What a service left in its registers is no business of the next one. Not every device can do it.
	if (r == 0 && sysfs_path(io->root, path, sizeof(path), PCI_DIR "/%s/reset", bdf) && access(path, F_OK) == 0)
		nic_write(io, NULL, "1", PCI_DIR "/%s/reset", bdf);
	if (r == 0 && *driver)
		r = nic_write(io, err, bdf, DRIVER_DIR "/%s/bind", driver);
	return r;
}
