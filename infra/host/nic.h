// SPDX-License-Identifier: BSD-3-Clause
// What the files that change NICs share.
#ifndef NIC_H
#define NIC_H

#include "cat_vf.h"
#include "host.h"

#define PCI_DIR "sys/bus/pci/devices"
#define DRIVER_DIR "sys/bus/pci/drivers"
#define VFIO_DRIVER "vfio-pci"

// nic_io.c
int nic_write(const struct cat_nic_io *io, struct cat_err *err, const char *text, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int nic_talk(const struct cat_nic_io *io, struct nlmsghdr *request, cat_netlink_fn reply, void *user);
bool nic_there(const struct cat_nic_io *io, const char *bdf);
// PCI address of a PF's VF; "" if there is none.
void nic_vf_bdf(const struct cat_nic_io *io, const char *pf, uint32_t vf, char ret_bdf[CAT_BDF_MAX]);
void nic_driver(const struct cat_nic_io *io, const char *bdf, char *ret_driver, size_t size);

// sriov.c
int sriov_look(const struct cat_nic_io *io, const struct cat_nic_want *want, struct cat_node *steps,
	       struct cat_err *err);
int sriov_make(const struct cat_nic_io *io, const char *pf, uint32_t count, struct cat_err *err);
int sriov_undo(const struct cat_nic_io *io, const struct cat_node *step, struct cat_err *err);

// vfio.c
// The driver that a device is to have: vfio-pci, or its own where that is bifurcated.
void vfio_target(const struct cat_nic_io *io, const struct cat_nic_want *want, char *ret_driver, size_t size);
// -EBUSY: the kernel's interface of the device is up, or it is in a container.
int vfio_check_unused(const struct cat_nic_io *io, const char *bdf, struct cat_err *err);
int vfio_check_group(const struct cat_nic_io *io, const char *bdf, struct cat_err *err);
int vfio_look(const struct cat_nic_io *io, const struct cat_nic_want *want, struct cat_node *steps,
	      struct cat_err *err);
int vfio_bind(const struct cat_nic_io *io, const char *bdf, const char *driver, struct cat_err *err);
int vfio_undo(const struct cat_nic_io *io, const struct cat_node *step, struct cat_err *err);

#endif
