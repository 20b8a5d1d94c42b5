// SPDX-License-Identifier: BSD-3-Clause
// The customer's edge: gateway of a LAN, NAPT44, IPv6 routing, policing, DHCP and DNS. See docs/vnf/vcpe.md.
#ifndef CAT_VCPE_H
#define CAT_VCPE_H

#include "cat_vnf.h"

// left: LAN, right: WAN.
extern const struct cat_vnf_ops cat_vcpe_ops;

#endif
