// SPDX-License-Identifier: BSD-3-Clause
// Virtual routers (VRRPv3, RFC 9568): addresses that one of several routers of a link has.
//
// How it works
//
// Every lane takes in advertisements and leaves the most important one in a mailbox; lane 0 alone decides, at its
// ticks, and sends. Whether a virtual router is active here is one flag that all lanes read: its MAC is taken for ours
// then, and its addresses are answered for with that MAC. The state belongs to a configuration and goes over to the
// next one.
#ifndef ROUTER_VRRP_H
#define ROUTER_VRRP_H

#include <stdatomic.h>

#include "cat_addr.h"
#include "cat_tree.h"
#include "cat_vnf.h"

#define ROUTER_VRRP_MAX 8u // virtual routers
#define ROUTER_VRRP_ADDRESSES_MAX 4u

struct router_config;
struct router_lane;

struct router_vrrp {
	enum cat_side side;
	uint8_t family, id, priority;
	bool preempt, accept, pseudo_header;
	uint32_t interval_cs;
	uint32_t count;
	struct cat_addr address[ROUTER_VRRP_ADDRESSES_MAX];
	struct cat_mac mac;
	uint64_t mac_word; // the same, as process.c compares it
};

struct router_vrrp_state {
	_Atomic bool active;      // writer: lane 0, readers: all lanes
	_Atomic uint64_t heard;   // an advertisement for lane 0; writers: all lanes
	bool started;             // from here on: lane 0 alone
	uint32_t heard_cs;        // interval of the router that is active
	uint64_t down_us, due_us; // when it is taken for dead; when we are to speak next
};

struct router_vrrps {
	uint32_t count;
	struct router_vrrp router[ROUTER_VRRP_MAX];
	struct router_vrrp_state state[ROUTER_VRRP_MAX];
};

// vrrp_config.c: *ret_vrrps is NULL where none is configured; free() it. The interfaces of config are read.
int router_vrrp_read(const struct router_config *config, const struct cat_node *root, struct router_vrrps **ret_vrrps,
		     struct cat_err *err);

// The packet is an advertisement: takes it in, and is done with it. False: not touched.
bool router_vrrp_input(struct router_lane *router, struct cat_desc *desc, enum cat_side from);
// Lane 0: timers, and what was heard.
void router_vrrp_tick(struct router_lane *router);
// Lane 0: takes over from an older configuration. NULL is fine.
void router_vrrp_adopt(struct router_vrrps *vrrps, const struct router_vrrps *old);
// The active virtual router that has this address (of this MAC); NULL: none. vrrps NULL is fine.
const struct router_vrrp *router_vrrp_of(const struct router_vrrps *vrrps, const struct cat_addr *addr);
const struct router_vrrp *router_vrrp_of_mac(const struct router_vrrps *vrrps, enum cat_side side, uint64_t mac_word);
// The MAC of the first one that is active on that side for that family, or `otherwise`.
uint64_t router_vrrp_mac(const struct router_vrrps *vrrps, enum cat_side side, uint8_t family, uint64_t otherwise);

#endif
