// SPDX-License-Identifier: BSD-3-Clause
// The vCPE's operations, and the fast path: packets of sessions that exist. Everything else leaves it for out.c, in.c
// and ipv6.c, which make every check.
#include "cat_vcpe.h"

#include <errno.h>
#include <stdlib.h>

#include "lane.h"
#include "leases.h"

#define EXPIRE_BUDGET 4096u

static const char *const counters[] = {
	CAT_L3_COUNTERS,
#define X(symbol, name) name,
	VCPE_COUNTERS(X)
#undef X
		NULL,
};

// The pool's addresses are answered for by ARP where they lie in the WAN's subnet.
static bool is_proxied(void *user, enum cat_side side, const struct cat_addr *target)
{
	const struct cat_lane *lane = user;
	const struct vcpe_config *config = lane->config;
	return side == CAT_RIGHT && target->family == AF_INET && vcpe_in_pool(config, load32(target->byte));
}

static struct cat_l3_options l3_options(struct cat_lane *lane)
{
	const struct vcpe_config *config = lane->config;
	return (struct cat_l3_options){
		.interface = {[CAT_LEFT] = &config->lan.interface, [CAT_RIGHT] = &config->wan.interface},
		.board = lane->lanes > 1 ? config->board : NULL,
		.stat = VCPE_L3,
		.proxy = is_proxied,
		.user = lane,
	};
}

static void lane_destroy(struct cat_lane *lane)
{
	struct vcpe_lane *v = lane->priv;
	if (!v)
		return;
	cat_l3_destroy(v->l3);
	nat_finish(&v->nat);
	police_finish(&v->police);
	cat_fragments_finish(&v->fragments);
	free(v);
	lane->priv = NULL;
}

static void show_levels(struct cat_lane *lane)
{
	const struct vcpe_lane *v = lane->priv;
	cat_stats_set(lane->stats, VCPE_GAUGE_SESSIONS, cat_flow_count(v->nat.inner));
	cat_stats_set(lane->stats, VCPE_GAUGE_MAPPINGS, cat_flow_count(v->nat.mapping));
	cat_stats_set(lane->stats, VCPE_GAUGE_SUBSCRIBERS, v->nat.subscribers);
	cat_stats_set(lane->stats, VCPE_GAUGE_SESSIONS_MAX, cat_flow_capacity(v->nat.inner));
	cat_stats_set(lane->stats, VCPE_NAT_CREATED, v->nat.created);
	cat_stats_set(lane->stats, VCPE_NAT_EXPIRED, v->nat.expired);
}

static int lane_create(struct cat_lane *lane, struct cat_err *err)
{
	const struct vcpe_config *config = lane->config;
	size_t l3_bytes = (cat_l3_state_bytes(0) + 63) & ~(size_t)63, lease_bytes = vcpe_leases_bytes(lane->id);
	if (lane->state_bytes <= lease_bytes + l3_bytes)
		return cat_err_set(err, -ENOSPC, "%zu bytes of state are too few: leases and neighbours alone take %zu",
				   lane->state_bytes, lease_bytes + l3_bytes);
	uint8_t *l3_state = (uint8_t *)lane->state + lease_bytes, *nat_state = l3_state + l3_bytes;
	size_t nat_bytes = lane->state_bytes - lease_bytes - l3_bytes;
	struct vcpe_lane *v = calloc(1, sizeof(*v));
	if (!v)
		return cat_err_set(err, -ENOMEM, "no memory for a lane");
	struct cat_l3_options options = l3_options(lane);
	lane->priv = v;
	int r = cat_l3_create(lane, l3_state, l3_bytes, &options, &v->l3, err);
	if (r == 0)
		r = nat_init(&v->nat, config, nat_state, nat_bytes, lane->id, lane->lanes, lane->now_us / 1000, err);
	if (r == 0)
		r = police_init(&v->police, config, lane->lanes, err);
	if (r == 0)
		r = cat_fragments_init(&v->fragments, lane->stride, VCPE_DROP_FRAGMENT_OVERLAP, err);
	if (r < 0) {
		lane_destroy(lane);
		return r;
	}
	v->cache = cat_l3_cache(v->l3);
	return 0;
}

static void lane_reconfigured(struct cat_lane *lane, const void *old_config)
{
	struct vcpe_lane *v = lane->priv;
	const struct vcpe_config *config = lane->config;
	struct cat_l3_options options = l3_options(lane);
	cat_l3_configure(v->l3, &options);
	if (nat_config_differs(old_config, config))
		nat_reconcile(&v->nat, config);
	police_configure(&v->police, config, lane->lanes);
	show_levels(lane);
}

static void tick(struct cat_lane *lane)
{
	struct vcpe_lane *v = lane->priv;
	cat_l3_tick(v->l3);
	nat_expire(&v->nat, lane->now_us / 1000, EXPIRE_BUDGET);
	police_expire(&v->police, lane->now_us / 1000);
	cat_fragments_expire(&v->fragments, lane->now_us / 1000);
	cat_stats_set(lane->stats, VCPE_FRAGMENTS_LOST, v->fragments.lost);
	show_levels(lane);
}

// Off the fast path: everything that is no packet of a session.
static void handle(struct packet *p)
{
	const struct cat_desc *desc = p->desc;
	const uint8_t *frame = cat_data(p->lane, desc);
	bool lan = p->from == CAT_LEFT;
	const struct vcpe_side_config *side = lan ? &p->config->lan : &p->config->wan;
	if ((desc->flags & CAT_DESC_BAD) || desc->len < CAT_L3_ETHERNET) {
		packet_drop(p, CAT_DROP_MALFORMED);
	} else if (desc->flags & CAT_DESC_VLAN) {
		packet_drop(p, VCPE_DROP_VLAN);
	} else if (!(frame[0] & 1) && memcmp(frame, side->interface.mac.byte, 6) != 0) {
		packet_drop(p, VCPE_DROP_NOT_FOR_US);
	} else if (desc->flags & CAT_DESC_IPV4) {
		if (lan)
			vcpe_ipv4_from_lan(p);
		else
			vcpe_ipv4_from_wan(p);
	} else if (desc->flags & CAT_DESC_IPV6) {
		if (lan)
			vcpe_ipv6_from_lan(p);
		else
			vcpe_ipv6_from_wan(p);
	} else if (!cat_l3_control(p->v->l3, p->desc, p->from)) {
		packet_drop(p, VCPE_DROP_NO_SERVICE);
	}
}

// Stage 1: keys of what may be packets of sessions. Returns how many.
static inline uint32_t gather(struct cat_lane *lane, struct vcpe_lane *v, const struct cat_desc *desc, uint32_t count,
			      bool outbound)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < count; i++) {
		v->place[i] = CAT_FLOW_NONE;
		if (!vcpe_key(lane, &desc[i], outbound, &v->key[n]))
			continue;
		v->keys[n] = &v->key[n];
		v->hash[n] = desc[i].hash;
		v->place[i] = n++;
	}
	return n;
}

// What the fast path does not do itself, or must not: false.
static inline bool is_plain(const struct packet *p, const struct cat_mac *mac, uint16_t mtu)
{
	const uint8_t *frame = cat_data(p->lane, p->desc), *l3 = frame + p->desc->l3;
	return memcmp(frame, mac->byte, 6) == 0 && l3[8] > 1 && packet_size(p) <= mtu && ipv4_csum_ok(l3);
}

static inline void translate(struct cat_lane *lane, struct vcpe_lane *v, struct cat_desc *desc, uint32_t count,
			     bool outbound)
{
	const struct vcpe_config *config = lane->config;
	const struct vcpe_side_config *side = outbound ? &config->lan : &config->wan;
	const uint16_t mtu = outbound ? config->wan.interface.mtu : config->lan.interface.mtu;
	struct nat *nat = &v->nat;
	uint32_t keys = gather(lane, v, desc, count, outbound);
	if (keys)
		cat_flow_find_bulk(outbound ? nat->inner : nat->outer, v->keys, v->hash, keys, v->found);
	if (!outbound) {
		// Stage 2: the outer table leads to the session.
		for (uint32_t i = 0; i < keys; i++) {
			if (v->found[i] == CAT_FLOW_NONE)
				continue;
			v->found[i] = nat_session_of(nat, v->found[i]);
			__builtin_prefetch(nat_session(nat, v->found[i]));
		}
	}
	// Stage 3: in order. Sessions may be made here, but none ends before the burst does: what was found stays
	// valid.
	for (uint32_t i = 0; i < count; i++) {
		struct packet p = {
			.lane = lane,
			.v = v,
			.config = config,
			.desc = &desc[i],
			.from = outbound ? CAT_LEFT : CAT_RIGHT,
		};
		uint32_t index = v->place[i] == CAT_FLOW_NONE ? CAT_FLOW_NONE : v->found[v->place[i]];
		if (index == CAT_FLOW_NONE || !is_plain(&p, &side->interface.mac, mtu)) {
			handle(&p);
		} else if (!outbound) {
			vcpe_send_in(&p, index);
		} else {
			struct police *police = &v->police;
			if (police->enabled &&
			    !vcpe_police(&p, police_meters4(police, load32(packet_l3(&p) + IPV4_SOURCE)), POLICE_UP))
				packet_drop(&p, VCPE_DROP_POLICED);
			else
				vcpe_send_out(&p, index);
		}
	}
}

static void process(struct cat_lane *lane, struct cat_burst *burst)
{
	struct vcpe_lane *v = lane->priv;
	for (uint32_t i = 0; i < burst->count; i += VCPE_BATCH) {
		uint32_t n = burst->count - i < VCPE_BATCH ? burst->count - i : VCPE_BATCH;
		if (burst->side == CAT_LEFT)
			translate(lane, v, burst->desc + i, n, true);
		else
			translate(lane, v, burst->desc + i, n, false);
	}
	show_levels(lane);
}

const struct cat_vnf_ops cat_vcpe_ops = {
	.abi = CAT_VNF_ABI,
	.kind = "vcpe",
	.counters = counters,
	.config_create = vcpe_config_create,
	.config_destroy = vcpe_config_destroy,
	.lane_create = lane_create,
	.lane_destroy = lane_destroy,
	.lane_reconfigured = lane_reconfigured,
	.process = process,
	.tick = tick,
	.inject = vcpe_inject,
};
