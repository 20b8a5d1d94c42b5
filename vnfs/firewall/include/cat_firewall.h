// SPDX-License-Identifier: BSD-3-Clause
// The firewall: a transparent, stateful packet filter for IPv4 and IPv6. docs/vnf/firewall.md says what it does.
#ifndef CAT_FIREWALL_H
#define CAT_FIREWALL_H

#include "cat_vnf.h"

// config_create compiles the rules with rte_acl and so needs the EAL.
extern const struct cat_vnf_ops cat_firewall_ops;

#endif
