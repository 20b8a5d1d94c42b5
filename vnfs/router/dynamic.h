// SPDX-License-Identifier: BSD-3-Clause
// What is configured of routing protocols: {router_id, restart_s, bgp, ospf, bfd}. Daemons of FRR speak them.
#ifndef ROUTER_DYNAMIC_H
#define ROUTER_DYNAMIC_H

#include "cat_addr.h"
#include "cat_tree.h"
#include "cat_vnf.h"

#define ROUTER_PEERS_MAX 64u
#define ROUTER_NETWORKS_MAX 1024u
#define ROUTER_RULES_MAX 4096u   // prefixes in all import and export lists
#define ROUTER_STATIC_MAX 10000u // configured routes beside daemons, which know them too
#define ROUTER_PASSWORD_MAX 80u

struct router_config;

// A prefix of an import or export list: itself, and what is in it up to max_length.
struct router_rule {
	struct cat_prefix prefix;
	uint8_t max_length;
};

enum router_filter_kind { ROUTER_FILTER_NONE, ROUTER_FILTER_ALL, ROUTER_FILTER_LIST };
struct router_filter {
	enum router_filter_kind kind;
	uint32_t first, count; // rules
};

struct router_peer {
	struct cat_addr address;
	uint32_t as;
	uint32_t hold_s, multihop, max_prefixes; // multihop 0: on a link of ours; max_prefixes 0: any number
	bool bfd;
	enum cat_side side; // of a link-local address
	bool link_local;
	char password[ROUTER_PASSWORD_MAX + 1]; // empty: none
	struct router_filter import, export;
};

enum router_source {
	ROUTER_SOURCE_CONNECTED = 1,
	ROUTER_SOURCE_STATIC = 2,
	ROUTER_SOURCE_BGP = 4,
	ROUTER_SOURCE_OSPF = 8,
};

// OSPF on a side.
struct router_area {
	bool on, passive, bfd, point_to_point;
	uint32_t area;
	uint32_t cost, hello_s, dead_s; // cost 0: the daemon's
};

struct router_dynamic {
	struct cat_addr router_id;
	uint32_t restart_s;
	bool bgp, ospf, ospf3; // ospf3: OSPFv3 for IPv6
	uint32_t as;
	unsigned bgp_sources, ospf_sources; // router_source
	struct router_peer *peer;
	struct cat_prefix *network;
	struct router_rule *rule;
	uint32_t peer_count, network_count, rule_count;
	struct router_area area[CAT_SIDES];
	uint32_t bfd_interval_ms, bfd_multiplier;
};

// Keys of a configuration that belong here; ended by NULL.
extern const char *const router_dynamic_keys[];
// NULL where neither bgp nor ospf is configured. Free with router_dynamic_destroy. config's interfaces are read.
int router_dynamic_read(const struct router_config *config, const struct cat_node *root,
			struct router_dynamic **ret_dynamic, struct cat_err *err);
void router_dynamic_destroy(struct router_dynamic *dynamic); // NULL is fine
bool router_dynamic_bfd(const struct router_dynamic *dynamic);

#endif
