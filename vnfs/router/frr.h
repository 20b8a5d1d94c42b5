// SPDX-License-Identifier: BSD-3-Clause
// Configurations of FRR's daemons.
#ifndef ROUTER_FRR_H
#define ROUTER_FRR_H

#include "router.h"

enum router_daemon { FRR_ZEBRA, FRR_STATICD, FRR_BFDD, FRR_OSPFD, FRR_OSPF6D, FRR_BGPD, FRR_DAEMONS };

extern const char *const frr_daemon_name[FRR_DAEMONS];

// The names of the taps, which are interfaces to the daemons.
extern const char *const frr_interface[CAT_SIDES];

// The text of a daemon's configuration; NULL where it has nothing to do. The caller frees. -ENOMEM.
int frr_config(const struct router_config *config, enum router_daemon which, char **ret_text, struct cat_err *err);

#endif
