// SPDX-License-Identifier: BSD-3-Clause
// Making and removing VFs (Documentation/PCI/pci-iov-howto, "sriov_numvfs"). A PF has as many as were asked for at
// once: their number can only be changed by removing all of them.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nic.h"

static long long count_of(const struct cat_nic_io *io, const char *pf)
{
	return sysfs_int(io->root, -1, PCI_DIR "/%s/sriov_numvfs", pf);
}

// Without it the kernel's driver would take every new VF, and the host's network tools its interface.
static long long autoprobe_of(const struct cat_nic_io *io, const char *pf)
{
	return sysfs_int(io->root, -1, PCI_DIR "/%s/sriov_drivers_autoprobe", pf);
}

int sriov_look(const struct cat_nic_io *io, const struct cat_nic_want *want, struct cat_node *steps,
	       struct cat_err *err)
{
	long long most = sysfs_int(io->root, 0, PCI_DIR "/%s/sriov_totalvfs", want->pf);
	long long now = count_of(io, want->pf);
	if (!nic_there(io, want->pf))
		return cat_err_set(err, -ENODEV, "there is no device %s", want->pf);
	if (most <= 0 || now < 0)
		return cat_err_set(err, -ENOTSUP,
				   "%s has no virtual functions: switch SR-IOV on in the firmware, or take another NIC",
				   want->pf);
	if (now > 0)
		return want->vf < now
			       ? 0
			       : cat_err_set(
					 err, -EBUSY,
					 "%s has %lld VFs that others use, vf%u is wanted: their number can only be "
					 "changed by removing all (sriov_numvfs)",
					 want->pf, now, want->vf);
	if (want->make_vfs > most || want->vf >= want->make_vfs)
		return cat_err_set(err, -ENODEV, "vf%u of %u wanted of %s, which can have %lld", want->vf,
				   want->make_vfs, want->pf, most);
	struct cat_node *step = cat_node_add_map(steps, NULL);
	bool ok = cat_node_add_string(step, "step", "vfs") && cat_node_add_string(step, "pf", want->pf) &&
		  cat_node_add_int(step, "made", want->make_vfs);
	long long autoprobe = autoprobe_of(io, want->pf);
	if (ok && autoprobe >= 0)
		ok = cat_node_add_int(step, "autoprobe", autoprobe);
	return ok ? 0 : cat_err_set(err, -ENOMEM, "no memory");
}

int sriov_make(const struct cat_nic_io *io, const char *pf, uint32_t count, struct cat_err *err)
{
	char text[32];
	int r = 0;
	// Another service may have made them meanwhile.
	if (count_of(io, pf) > 0)
		return 0;
	if (autoprobe_of(io, pf) > 0)
		r = nic_write(io, err, "0", PCI_DIR "/%s/sriov_drivers_autoprobe", pf);
	snprintf(text, sizeof(text), "%u", count);
	if (r == 0)
		r = nic_write(io, err, text, PCI_DIR "/%s/sriov_numvfs", pf);
	long long now = r == 0 ? count_of(io, pf) : 0;
	if (r == 0 && now != count)
		r = cat_err_set(err, -EIO, "%s made %lld VFs, expected %u", pf, now, count);
	return r;
}

static int check_unused(const struct cat_nic_io *io, const char *pf, long long count, struct cat_err *err)
{
	for (uint32_t vf = 0; vf < count && vf < CAT_VFS_MAX; vf++) {
		char bdf[CAT_BDF_MAX];
		nic_vf_bdf(io, pf, vf, bdf);
		if (*bdf && vfio_check_unused(io, bdf, err) < 0)
			return cat_err_wrap(err, "the VFs of %s stay", pf);
	}
	return 0;
}

int sriov_undo(const struct cat_nic_io *io, const struct cat_node *step, struct cat_err *err)
{
	const char *pf = NULL;
	int64_t made = 0, autoprobe = -1;
	int r = cat_node_read_string(step, "pf", CAT_REQUIRED, &pf, err);
	if (r == 0)
		r = cat_node_read_int(step, "made", CAT_REQUIRED, 1, CAT_VFS_MAX, &made, err);
	if (r == 0)
		r = cat_node_read_int(step, "autoprobe", CAT_OPTIONAL, 0, 1, &autoprobe, err);
	// A PF that was unplugged took its VFs with it.
	if (r < 0 || !nic_there(io, pf))
		return r;
	long long now = count_of(io, pf);
	if (now > 0 && now != made)
		return cat_err_set(err, -EBUSY, "%s has %lld VFs, expected the %" PRId64 " made here: they stay", pf,
				   now, made);
	if (now > 0)
		r = check_unused(io, pf, now, err);
	if (r == 0 && now > 0)
		r = nic_write(io, err, "0", PCI_DIR "/%s/sriov_numvfs", pf);
	if (r == 0 && autoprobe >= 0 && autoprobe_of(io, pf) != autoprobe)
		r = nic_write(io, err, autoprobe ? "1" : "0", PCI_DIR "/%s/sriov_drivers_autoprobe", pf);
	return r;
}
