// SPDX-License-Identifier: BSD-3-Clause
// NICs and virtual functions (SR-IOV) for services: made, set, bound to vfio-pci, and given back as they were found.
//
// How it works. cat_nic_look reads and checks everything and tells in steps what must be put back; it changes nothing.
// The caller writes the steps down, then cat_nic_take makes the changes, and cat_nic_give_back undoes the steps from
// the last to the first. Undoing is safe whether a step was done, half done or not done, and done twice: a step says
// what was there before, not what was changed.
//
// Who touches the host does so through struct cat_nic_io, so that a test can stand in for the kernel.
#ifndef CAT_VF_H
#define CAT_VF_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_addr.h"
#include "cat_err.h"
#include "cat_tree.h"

#define CAT_BDF_MAX 16u
#define CAT_VFS_MAX 4096u // of a PF

typedef int (*cat_netlink_fn)(const struct nlmsghdr *reply, void *user);

struct cat_nic_io {
	const char *root; // of sysfs: "/"
	// Writes text to the attribute ROOT/path. NULL: the file is written. Returns 0 or a negative errno.
	int (*write)(void *user, const char *path, const char *text);
	// Sends one complete rtnetlink request (with NLM_F_ACK) and gives every answer but the acknowledgement to
	// `reply` (may be NULL), which returns 0 or a negative errno. NULL: the kernel is asked. Returns 0 or a
	// negative errno.
	int (*talk)(void *user, struct nlmsghdr *request, cat_netlink_fn reply, void *reply_user);
	void *user;
};

enum cat_vf_link { CAT_VF_LINK_AUTO, CAT_VF_LINK_ENABLE, CAT_VF_LINK_DISABLE }; // IFLA_VF_LINK_STATE_...
extern const char *const cat_vf_link_names[3];

enum {
	CAT_VF_MAC = 1,
	CAT_VF_VLAN = 2,
	CAT_VF_SPOOF_CHECK = 4,
	CAT_VF_TRUST = 8,
	CAT_VF_RATE = 16,
	CAT_VF_LINK = 32,
};

// What a PF does with a VF's traffic. Only what `set` names counts.
struct cat_vf_settings {
	unsigned set;
	struct cat_mac mac;     // all zero: the driver's choice
	uint16_t vlan;          // 0: none
	uint8_t priority;       // IEEE 802.1Q PCP, with vlan
	bool qinq;              // the tag is a service tag (802.1ad), around those that the VF sends
	bool spoof_check;       // drop what the VF sends with other addresses than its own
	bool trust;             // the VF may become promiscuous and change its address
	uint32_t rate_min_mbps; // 0: none
	uint32_t rate_max_mbps; // 0: no limit
	enum cat_vf_link link;
};

// Adds the settings to a map / reads them. -ENOMEM; -EINVAL: they are none.
int cat_vf_settings_to_tree(const struct cat_vf_settings *settings, struct cat_node *map);
int cat_vf_settings_from_tree(const struct cat_node *map, struct cat_vf_settings *ret, struct cat_err *err);

// A VF's settings as its PF (an interface's name) tells them; `set` says which it told. -ENOENT: no such VF.
int cat_vf_read(const struct cat_nic_io *io, const char *pf, uint32_t vf, struct cat_vf_settings *ret,
		struct cat_err *err);
// One request for each setting, so that the error names the one that was refused. What came before it is in force.
int cat_vf_write(const struct cat_nic_io *io, const char *pf, uint32_t vf, const struct cat_vf_settings *settings,
		 struct cat_err *err);

// What a port wants.
struct cat_nic_want {
	char pf[CAT_BDF_MAX];  // PCI address of the VF's PF; "": the device is no VF
	uint32_t vf;           // number on its PF
	char bdf[CAT_BDF_MAX]; // of the device; "" for a VF
	uint32_t make_vfs;     // so many are made if the PF has none
	struct cat_vf_settings settings;
};

// Reads and checks; changes nothing. *ret_steps: a list, the caller frees. Errors: -ENODEV (no such device or VF),
// -ENOTSUP (no SR-IOV, no IOMMU, no vfio-pci), -EBUSY (somebody else uses the device, its VFs, or another device of its
// IOMMU group), and what reading gave.
int cat_nic_look(const struct cat_nic_io *io, const struct cat_nic_want *want, struct cat_node **ret_steps,
		 struct cat_err *err);
// Makes the changes; ret_bdf (CAT_BDF_MAX bytes) is the device to open. On failure the caller gives back.
int cat_nic_take(const struct cat_nic_io *io, const struct cat_nic_want *want, char *ret_bdf, struct cat_err *err);
// Undoes one step of cat_nic_look's. -EBUSY: others use what would go; it was left.
int cat_nic_undo(const struct cat_nic_io *io, const struct cat_node *step, struct cat_err *err);
// All steps of the list, last first. Goes on after a failure, and returns the first.
int cat_nic_give_back(const struct cat_nic_io *io, const struct cat_node *steps, struct cat_err *err);
// The PCI address of the PF whose VFs an undone step removes; NULL: none. Whoever has other owners on that PF must not
// undo it yet. Borrowed.
const char *cat_nic_step_pf(const struct cat_node *step);

// The kernel's interface of a PCI device, or "". The first by name, where there are several.
void cat_nic_interface(const struct cat_nic_io *io, const char *bdf, char *ret_name, size_t size);
// Whether a device (a PCI address, or PF/vfN by the interface's name) is a VF of the PF (a PCI address).
bool cat_nic_is_vf_of(const struct cat_nic_io *io, const char *device, const char *pf);

// Whether the driver lets DPDK share the device with the kernel (mlx5), so that it stays bound to it.
bool cat_driver_is_bifurcated(const char *driver);

#endif
