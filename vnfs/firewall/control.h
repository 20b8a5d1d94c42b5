// SPDX-License-Identifier: BSD-3-Clause
// The control thread of a firewall's process: it writes the log.
#ifndef FIREWALL_CONTROL_H
#define FIREWALL_CONTROL_H

#include "cat_vnf.h"

int fw_control_start(struct cat_vnf *vnf, const void *config, struct cat_err *err);
void fw_control_stop(struct cat_vnf *vnf);

#endif
