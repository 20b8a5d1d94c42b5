// SPDX-License-Identifier: BSD-3-Clause
// The control thread's part: the tap to the container's kernel, and dnsmasq behind it. Operations of cat_vnf_ops.
#ifndef VCPE_CONTROL_H
#define VCPE_CONTROL_H

#include "cat_vnf.h"

int vcpe_control_start(struct cat_vnf *vnf, const void *config, struct cat_err *err);
void vcpe_control_reconfigured(struct cat_vnf *vnf, const void *config);
void vcpe_control_stop(struct cat_vnf *vnf);

#endif
