// SPDX-License-Identifier: BSD-3-Clause
// A kernel that acts on what is written to a scripted sysfs and asked over rtnetlink: VFs come and go, drivers bind and
// unbind, settings of VFs are kept. Any of its operations can be made to fail, or to be the last before a crash.
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include "cat_vf.h"
#include "fake_host.h"

#define FAKE_VFS 8u
#define FAKE_PF "0000:81:00.0"
#define FAKE_PF_NAME "ens1f0"
#define FAKE_PF_INDEX 7

enum fake_fault {
	FAKE_NONE,
	FAKE_REFUSED,     // operation `fault_at` fails
	FAKE_CRASH_AFTER, // it is done, and nothing after it: as if the caller had been killed
	FAKE_CRASH_BEFORE // it is not done, nor anything after it
};

struct fake_kernel {
	struct fake_host host;
	struct cat_nic_io io;
	unsigned vfs;
	bool autoprobe;
	char pf_driver[16];
	struct cat_vf_settings vf[FAKE_VFS];
	unsigned operations; // so far
	enum fake_fault fault;
	unsigned fault_at;
	unsigned resets;
	bool silent;     // tells nothing of VFs
	char log[16384]; // one line for each operation
};

// A PF with an Intel driver (or pf_driver) and `vfs` VFs bound to the kernel's driver, every device in an IOMMU group
// of its own.
void fake_kernel_init(struct fake_kernel *kernel, unsigned vfs, const char *pf_driver);
void fake_kernel_finish(struct fake_kernel *kernel);
// PCI address of a VF.
const char *fake_vf(unsigned vf);
// Everything that can be changed, as text. The caller frees.
char *fake_kernel_state(const struct fake_kernel *kernel);

#endif
