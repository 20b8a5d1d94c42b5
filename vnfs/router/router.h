// SPDX-License-Identifier: BSD-3-Clause
// What the router's files share: the checked configuration, a lane's private part, counters.
#ifndef ROUTER_H
#define ROUTER_H

#include <stdatomic.h>

#include "cat_neighbour.h"
#include "cat_vnf.h"
#include "fib.h"

#define ROUTER_ROUTES_MAX (1u << 20) // of one family
#define ROUTER_ECMP_MAX 16u          // next hops of one route
#define ROUTER_TARGETS_MAX 60000u    // different next hops, and sets of them; less than FIB_VALUE_MAX
#define ROUTER_NEIGHBOURS 4096u
#define ROUTER_ICMP_RATE_MAX 1000000u

// What a route leads to.
enum router_kind {
	ROUTER_GATEWAY,     // one of hop[first .. first + count)
	ROUTER_CONNECTED,   // to the destination itself, on `side`
	ROUTER_LOCAL,       // one of our own addresses
	ROUTER_BROADCAST,   // a connected IPv4 network's broadcast or network address
	ROUTER_BLACKHOLE,   // dropped without a word
	ROUTER_UNREACHABLE, // dropped, and the sender told
};

// Reverse path checks of sources (RFC 3704).
enum router_urpf {
	ROUTER_URPF_OFF,
	ROUTER_URPF_STRICT, // section 2.2: a route back leads to the side that it came from
	ROUTER_URPF_LOOSE,  // section 2.5: a route back leads somewhere, which the default route does not
};

struct router_hop {
	struct cat_addr addr;
	uint32_t addr4; // the same, as in packets, if IPv4
	enum cat_side side;
};

struct router_target {
	uint8_t kind; // router_kind
	uint8_t side;
	uint8_t sides;      // bits of the sides that it leads to
	uint8_t is_default; // of 0.0.0.0/0 or ::/0
	uint32_t count;
	uint32_t first;
	uint32_t spread; // with several next hops: where its buckets begin
};

struct router_table;   // table.h
struct router_dynamic; // dynamic.h
struct router_vrrps;   // vrrp.h

// Routes of one family that a table is built of.
struct router_routes {
	struct fib_route *route;
	size_t count, room;
	uint8_t family;
};

struct router_config {
	struct cat_l3_interface interface[CAT_SIDES];
	uint32_t mtu[CAT_SIDES]; // the same as in interface[], close together
	// writer: the control thread; readers: workers, by router_table_enter
	_Atomic(struct router_table *) table;
	struct router_table *base;      // of what is configured alone; the same, where nothing was learnt
	struct router_dynamic *dynamic; // NULL: no routing protocols
	struct router_routes
		routes[2];    // with protocols: of IPv4 and IPv6 in `base`, sorted; `note`: follows from an address
	uint32_t route_count; // as configured, without those that follow from addresses
	uint32_t icmp_rate_pps, icmp_burst;
	uint8_t urpf[CAT_SIDES]; // router_urpf
	bool proxy_arp[CAT_SIDES];
	struct router_vrrps *vrrps; // NULL: no virtual routers. Their state is the workers' to change
	struct cat_l3_board *board;
};

// As in cat_vnf_ops.
int router_config_create(const struct cat_node *node, void **ret_config, struct cat_err *err);
// The same where there are daemons for routing protocols.
int router_frr_config_create(const struct cat_node *node, void **ret_config, struct cat_err *err);
void router_config_destroy(void *config);
// Refuses keys that are not in `known` (ended by NULL), which `text` lists for the message. map NULL is fine.
int router_check_keys(const struct cat_node *map, const char *const *known, const char *text, struct cat_err *err);

// routes.c: reads the routes, adds what follows from the addresses, builds the tables. interface[] is set.
int router_routes_read(struct router_config *config, const struct cat_node *list, struct cat_err *err);

enum router_stat {
	ROUTER_DROP_TTL_EXPIRED = CAT_STAT_OWN,
	ROUTER_DROP_NO_ROUTE,
	ROUTER_DROP_MARTIAN,
	ROUTER_DROP_LINK_LOCAL,
	ROUTER_DROP_MULTICAST,
	ROUTER_DROP_BROADCAST,
	ROUTER_DROP_MTU,
	ROUTER_DROP_OPTIONS,
	ROUTER_DROP_BLACKHOLE,
	ROUTER_DROP_UNREACHABLE,
	ROUTER_DROP_NOT_FOR_US,
	ROUTER_DROP_VLAN,
	ROUTER_DROP_NOT_IP,
	ROUTER_DROP_LOCAL,
	ROUTER_PACKETS4, // looked up
	ROUTER_PACKETS6,
	ROUTER_FRAGMENTED,
	ROUTER_FRAGMENTS,
	ROUTER_ROUTES,
	ROUTER_DROP_PUNT_POLICED,
	ROUTER_DROP_URPF,
	ROUTER_DROP_VRRP, // advertisement that section 7.1 of RFC 9568 says to discard
	ROUTER_VRRP_SENT,
	ROUTER_VRRP_RECEIVED,
	ROUTER_VRRP_BECAME_ACTIVE,
	ROUTER_VRRP_ACTIVE,                // virtual routers, now
	ROUTER_PUNT,                       // punt_class
	ROUTER_INJECTED = ROUTER_PUNT + 5, // frames from the container's kernel
	ROUTER_LEARNT,
	ROUTER_STALE,
	ROUTER_REFUSED,
	ROUTER_L3, // the first of cat_l3_stat
};

// What daemons get (punt.c), each at a rate of its own.
enum punt_class { PUNT_NEIGHBOUR, PUNT_BGP, PUNT_BFD, PUNT_OSPF, PUNT_ICMP, PUNT_CLASSES };
static_assert(ROUTER_INJECTED == ROUTER_PUNT + (int)PUNT_CLASSES, "a counter per class");

struct router_lane {
	struct cat_l3 *l3;
	struct cat_l3_cache *cache;
	struct cat_lane *lane;
	const struct router_table *table; // while a burst, a tick or an injected frame is under way
	uint64_t punt_due_us[PUNT_CLASSES];
	_Atomic(const struct router_table *) used_table; // the same. writer: the worker, reader: the control thread
};

// Between the two, router->table is the table in force and is not freed.
void router_table_enter(struct router_lane *router);
void router_table_leave(struct router_lane *router);
// What both kinds of router are made of (cat_vnf_ops).
extern const char *const router_counters[];
int router_lane_create(struct cat_lane *lane, struct cat_err *err);
void router_lane_destroy(struct cat_lane *lane);
void router_lane_reconfigured(struct cat_lane *lane, const void *old_config);
void router_tick(struct cat_lane *lane);
void router_process(struct cat_lane *lane, struct cat_burst *burst);
// The target of a packet of our own, for cat_l3_options.route.
bool router_route(void *user, const struct cat_addr *to, enum cat_side *ret_side, struct cat_addr *ret_next_hop);
// Whether a request for the address of `target` from that side is answered although it is not the side's own, for
// cat_l3_options.proxy: by proxy ARP (RFC 1027), or as a virtual router. And with which MAC.
bool router_proxies(void *user, enum cat_side side, const struct cat_addr *target);
const struct cat_mac *router_answer_mac(void *user, enum cat_side side, const struct cat_addr *target);
// fragment.c: sends an IPv4 packet in pieces of at most mtu (RFC 791, section 3.2), and gives its buffer back. Its turn
// must have come, its TTL been stepped, and its DF bit be clear.
void router_fragment(struct router_lane *router, struct cat_desc *desc, enum cat_side to,
		     const struct cat_addr *next_hop, uint32_t mtu);

#endif
