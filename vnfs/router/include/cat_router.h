// SPDX-License-Identifier: BSD-3-Clause
// The router: IPv4 and IPv6 between left and right. See docs/vnf/router.md.
#ifndef CAT_ROUTER_H
#define CAT_ROUTER_H

#include "cat_vnf.h"

extern const struct cat_vnf_ops cat_router_ops;

#endif
