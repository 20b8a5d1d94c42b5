// SPDX-License-Identifier: BSD-3-Clause
// Looks at the links and devices of running services, and says as events what happens to them:
//   link-down       the link of a port is lost (of a VF: that of its NIC)
//   link            it is back, that of another port is not
//   link-up         all are back
//   device-removed  the interface or PCI device of a port is gone
// The first and the last are alarms too (SOL003).
#ifndef VNFM_NIC_WATCH_H
#define VNFM_NIC_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "cat_err.h"

struct manager;
struct nic_watch;

// NULL: err says why (no rtnetlink, no memory).
struct nic_watch *nic_watch_open(struct manager *manager, struct cat_err *err);
void nic_watch_close(struct nic_watch *watch); // NULL is fine
// Asks the kernel for the links as they are now: a service began to run.
void nic_watch_refresh(struct nic_watch *watch); // NULL is fine

// What the kernel said, for the parts and for tests. An interface's link; there: it exists still.
void nic_watch_link(struct manager *manager, const char *interface, bool there, bool up);
// A message of the kernel's devices (NETLINK_KOBJECT_UEVENT): "ACTION=remove\0...PCI_SLOT_NAME=0000:81:01.0\0".
void nic_watch_uevent(struct manager *manager, const char *text, size_t size);

#endif
