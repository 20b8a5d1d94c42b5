// SPDX-License-Identifier: BSD-3-Clause
// Between the packet path and the daemons: what is punted to the taps `left` and `right` (channels 0 and 1), and what
// the kernel sends by them.
#ifndef ROUTER_PUNT_H
#define ROUTER_PUNT_H

#include "router.h"

// The packet is for the router. Punts it if a protocol wants it, or drops it if there are too many: it is done with
// then. False: not touched.
bool router_punt(struct router_lane *router, struct cat_desc *desc, enum cat_side from);
// The kernel asks for its neighbours by itself: it sees the answers (ARP, neighbour advertisements), which stay the
// caller's.
void router_punt_answer(struct router_lane *router, const struct cat_desc *desc, enum cat_side from);
// As in cat_vnf_ops.
void router_inject(struct cat_lane *lane, unsigned channel, const uint8_t *frame, uint32_t length);

#endif
