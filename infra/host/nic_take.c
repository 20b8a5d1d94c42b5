// SPDX-License-Identifier: BSD-3-Clause
// A device for a port: made, set and bound, and all of it backwards.
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "cat_cleanup.h"
#include "nic.h"

// What a driver gives a new VF: nothing set.
static const struct cat_vf_settings fresh = {.spoof_check = true};

// Only what will be changed is put back, and only if the driver says what it was.
static int look_settings(const struct cat_nic_io *io, const struct cat_nic_want *want, bool there,
			 struct cat_node *steps, struct cat_err *err)
{
	char interface[NAME_MAX + 1];
	struct cat_vf_settings before = fresh;
	if (!want->settings.set)
		return 0;
	cat_nic_interface(io, want->pf, interface, sizeof(interface));
	if (!*interface)
		return cat_err_set(
			err, -ENOTSUP,
			"%s has no interface of the kernel, by which vlan, mac, rate and so on are set on its VFs",
			want->pf);
	before.set = want->settings.set;
	if (there) {
		int r = cat_vf_read(io, interface, want->vf, &before, err);
		if (r < 0)
			return r;
		before.set &= want->settings.set;
	}
	struct cat_node *step = cat_node_add_map(steps, NULL);
	bool ok = cat_node_add_string(step, "step", "settings") && cat_node_add_string(step, "pf", want->pf) &&
		  cat_node_add_int(step, "vf", want->vf) && cat_vf_settings_to_tree(&before, step) == 0;
	return ok ? 0 : cat_err_set(err, -ENOMEM, "no memory");
}

static int look_vf(const struct cat_nic_io *io, const struct cat_nic_want *want, struct cat_node *steps,
		   struct cat_err *err)
{
	char bdf[CAT_BDF_MAX];
	int r = sriov_look(io, want, steps, err);
	nic_vf_bdf(io, want->pf, want->vf, bdf);
	if (r == 0 && *bdf)
		r = vfio_check_unused(io, bdf, err);
	return r < 0 ? r : look_settings(io, want, *bdf, steps, err);
}

static int look_device(const struct cat_nic_io *io, const struct cat_nic_want *want, struct cat_err *err)
{
	if (!nic_there(io, want->bdf))
		return cat_err_set(err, -ENODEV, "there is no device %s", want->bdf);
	if (want->settings.set)
		return cat_err_set(err, -ENOTSUP,
				   "%s is no VF: vlan, mac, rate and so on are what a PF does with its VFs", want->bdf);
	long long vfs = sysfs_int(io->root, 0, PCI_DIR "/%s/sriov_numvfs", want->bdf);
	if (vfs > 0)
		return cat_err_set(err, -EBUSY, "%s has %lld VFs, which would go with it", want->bdf, vfs);
	return 0;
}

static int look(const struct cat_nic_io *io, const struct cat_nic_want *want, struct cat_node *steps,
		struct cat_err *err)
{
	char target[NAME_MAX + 1], bdf[CAT_BDF_MAX];
	int r = *want->pf ? look_vf(io, want, steps, err) : look_device(io, want, err);
	if (r < 0)
		return r;
	vfio_target(io, want, target, sizeof(target));
	bool vfio = strcmp(target, VFIO_DRIVER) == 0;
	snprintf(bdf, sizeof(bdf), "%s", want->bdf);
	if (*want->pf)
		nic_vf_bdf(io, want->pf, want->vf, bdf);
	// The kernel goes on using what it shares.
	if (!*want->pf && vfio)
		r = vfio_check_unused(io, bdf, err);
	// The group of a VF that is not there yet is looked at when it is.
	if (r == 0 && vfio && *bdf)
		r = vfio_check_group(io, bdf, err);
	return r < 0 ? r : vfio_look(io, want, steps, err);
}

int cat_nic_look(const struct cat_nic_io *io, const struct cat_nic_want *want, struct cat_node **ret_steps,
		 struct cat_err *err)
{
	cat_autonode struct cat_node *steps = cat_node_new_list();
	if (!steps)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = look(io, want, steps, err);
	if (r == 0)
		*ret_steps = cat_steal(steps);
	return r;
}

int cat_nic_take(const struct cat_nic_io *io, const struct cat_nic_want *want, char *ret_bdf, struct cat_err *err)
{
	char target[NAME_MAX + 1], interface[NAME_MAX + 1], bdf[CAT_BDF_MAX];
	int r = 0;
	snprintf(bdf, sizeof(bdf), "%s", want->bdf);
	vfio_target(io, want, target, sizeof(target));
	if (*want->pf) {
		if (want->make_vfs)
			r = sriov_make(io, want->pf, want->make_vfs, err);
		nic_vf_bdf(io, want->pf, want->vf, bdf);
		if (r == 0 && !*bdf)
			r = cat_err_set(err, -ENODEV, "%s has no vf%u", want->pf, want->vf);
		cat_nic_interface(io, want->pf, interface, sizeof(interface));
		// An address that is set now is what its next driver finds.
		if (r == 0)
			r = cat_vf_write(io, interface, want->vf, &want->settings, err);
	}
	if (r == 0 && strcmp(target, VFIO_DRIVER) == 0)
		r = vfio_check_group(io, bdf, err);
	if (r == 0)
		r = vfio_bind(io, bdf, target, err);
	if (r == 0)
		snprintf(ret_bdf, CAT_BDF_MAX, "%s", bdf);
	return r;
}

// A VF that is gone, or whose PF has lost its interface, has no settings any more.
static int undo_settings(const struct cat_nic_io *io, const struct cat_node *step, struct cat_err *err)
{
	const char *pf = NULL;
	char interface[NAME_MAX + 1], bdf[CAT_BDF_MAX];
	struct cat_vf_settings before;
	int64_t vf = 0;
	int r = cat_node_read_string(step, "pf", CAT_REQUIRED, &pf, err);
	if (r == 0)
		r = cat_node_read_int(step, "vf", CAT_REQUIRED, 0, CAT_VFS_MAX - 1, &vf, err);
	if (r == 0)
		r = cat_vf_settings_from_tree(step, &before, err);
	if (r < 0)
		return r;
	nic_vf_bdf(io, pf, (uint32_t)vf, bdf);
	cat_nic_interface(io, pf, interface, sizeof(interface));
	return *bdf && *interface ? cat_vf_write(io, interface, (uint32_t)vf, &before, err) : 0;
}

static const struct {
	const char *name;
	int (*undo)(const struct cat_nic_io *io, const struct cat_node *step, struct cat_err *err);
} kinds[] = {{"vfs", sriov_undo}, {"settings", undo_settings}, {"driver", vfio_undo}};

int cat_nic_undo(const struct cat_nic_io *io, const struct cat_node *step, struct cat_err *err)
{
	const char *name = NULL;
	int r = cat_node_read_string(step, "step", CAT_REQUIRED, &name, err);
	for (size_t i = 0; r == 0 && i < CAT_ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].undo(io, step, err);
	return r < 0 ? r : cat_node_error(step, err, "found step \"%s\", which is none", name);
}

int cat_nic_give_back(const struct cat_nic_io *io, const struct cat_node *steps, struct cat_err *err)
{
	int result = 0;
	for (size_t i = steps->count; i > 0; i--) {
		struct cat_err one = {0};
		int r = cat_nic_undo(io, cat_node_at(steps, i - 1), &one);
		if (r < 0 && result == 0) {
			result = r;
			if (err)
				*err = one;
		}
	}
	return result;
}

const char *cat_nic_step_pf(const struct cat_node *step)
{
	const char *name = NULL, *pf = NULL;
	if (cat_node_read_string(step, "step", CAT_REQUIRED, &name, NULL) < 0 || strcmp(name, "vfs") != 0 ||
	    cat_node_read_string(step, "pf", CAT_REQUIRED, &pf, NULL) < 0)
		return NULL;
	return pf;
}

bool cat_nic_is_vf_of(const struct cat_nic_io *io, const char *device, const char *pf)
{
	char found[NAME_MAX + 1], interface[NAME_MAX + 1];
	const char *slash = strstr(device, "/vf");
	sysfs_link(io->root, found, sizeof(found), PCI_DIR "/%s/physfn", device);
	cat_nic_interface(io, pf, interface, sizeof(interface));
	size_t length = strlen(interface);
	return strcmp(found, pf) == 0 ||
	       (slash && length && (size_t)(slash - device) == length && strncmp(device, interface, length) == 0);
}
