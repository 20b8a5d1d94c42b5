// SPDX-License-Identifier: BSD-3-Clause
// The control thread of a router with routing protocols: as in cat_vnf_ops.
#ifndef ROUTER_CONTROL_H
#define ROUTER_CONTROL_H

#include "cat_vnf.h"

int router_control_start(struct cat_vnf *vnf, const void *config, struct cat_err *err);
int router_control_prepare(struct cat_vnf *vnf, void *config, struct cat_err *err);
void router_control_reconfigured(struct cat_vnf *vnf, const void *config);
void router_control_stop(struct cat_vnf *vnf);

#endif
