// SPDX-License-Identifier: BSD-3-Clause
#include "cat_router.h"

#include <errno.h>
#include <stdlib.h>

#include "table.h"
#include "vrrp.h"

const char *const router_counters[] = {"drop.ttl_expired",
				       "drop.no_route",
				       "drop.martian",
				       "drop.link_local",
				       "drop.multicast",
				       "drop.broadcast",
				       "drop.mtu",
				       "drop.options",
				       "drop.blackhole",
				       "drop.unreachable",
				       "drop.not_for_us",
				       "drop.vlan",
				       "drop.not_ip",
				       "drop.local",
				       "ipv4.routed",
				       "ipv6.routed",
				       "ipv4.fragmented",
				       "ipv4.fragments",
				       "gauge.routes",
				       "drop.punt_policed",
				       "drop.urpf",
				       "drop.vrrp",
				       "vrrp.sent",
				       "vrrp.received",
				       "vrrp.became_active",
				       "gauge.vrrp_active",
				       "punt.neighbour",
				       "punt.bgp",
				       "punt.bfd",
				       "punt.ospf",
				       "punt.icmp",
				       "inject.packets",
				       "gauge.routes_learnt",
				       "gauge.routes_stale",
				       "gauge.routes_refused",
				       CAT_L3_COUNTERS,
				       NULL};
static_assert(CAT_ARRAY_LEN(router_counters) == ROUTER_L3 - CAT_STAT_OWN + CAT_L3_STATS + 1, "a name per counter");

static struct cat_l3_options options_of(const struct cat_lane *lane, struct router_lane *router)
{
	const struct router_config *config = lane->config;
	bool proxies = config->proxy_arp[CAT_LEFT] || config->proxy_arp[CAT_RIGHT] || config->vrrps;
	return (struct cat_l3_options){
		.interface = {&config->interface[CAT_LEFT], &config->interface[CAT_RIGHT]},
		.board = config->board,
		.stat = ROUTER_L3,
		.neighbours = ROUTER_NEIGHBOURS,
		.icmp_rate_pps = config->icmp_rate_pps,
		.icmp_burst = config->icmp_burst,
		.proxy = proxies ? router_proxies : NULL,
		.answer_mac = config->vrrps ? router_answer_mac : NULL,
		.route = router_route,
		.user = router,
	};
}

static void show_routes(struct cat_lane *lane)
{
	const struct router_config *config = lane->config;
	// Of the function, not of each lane: the lanes' values are added up.
	cat_stats_set(lane->stats, ROUTER_ROUTES, lane->id == 0 ? config->route_count : 0);
}

int router_lane_create(struct cat_lane *lane, struct cat_err *err)
{
	struct router_lane *router = calloc(1, sizeof(*router));
	if (!router)
		return cat_err_set(err, -ENOMEM, "no memory for a lane");
	router->lane = lane;
	struct cat_l3_options options = options_of(lane, router);
	int r = cat_l3_create(lane, lane->state, lane->state_bytes, &options, &router->l3, err);
	if (r < 0) {
		free(router);
		return r;
	}
	router->cache = cat_l3_cache(router->l3);
	lane->priv = router;
	show_routes(lane);
	return 0;
}

void router_lane_destroy(struct cat_lane *lane)
{
	struct router_lane *router = lane->priv;
	if (!router)
		return;
	cat_l3_destroy(router->l3);
	free(router);
	lane->priv = NULL;
}

void router_lane_reconfigured(struct cat_lane *lane, const void *old_config)
{
	const struct router_config *config = lane->config, *old = old_config;
	struct router_lane *router = lane->priv;
	if (lane->id == 0)
		router_vrrp_adopt(config->vrrps, old->vrrps);
	struct cat_l3_options options = options_of(lane, router);
	cat_l3_configure(router->l3, &options);
	show_routes(lane);
}

void router_tick(struct cat_lane *lane)
{
	struct router_lane *router = lane->priv;
	const struct router_config *config = lane->config;
	router_table_enter(router);
	cat_l3_tick(router->l3);
	if (lane->id == 0) {
		if (config->vrrps)
			router_vrrp_tick(router);
		cat_stats_set(lane->stats, ROUTER_LEARNT, router->table->learnt_count);
		cat_stats_set(lane->stats, ROUTER_STALE, router->table->stale_count);
		cat_stats_set(lane->stats, ROUTER_REFUSED, router->table->refused_count);
	}
	router_table_leave(router);
}

const struct cat_vnf_ops cat_router_ops = {
	.abi = CAT_VNF_ABI,
	.kind = "router",
	.counters = router_counters,
	.config_create = router_config_create,
	.config_destroy = router_config_destroy,
	.lane_create = router_lane_create,
	.lane_destroy = router_lane_destroy,
	.lane_reconfigured = router_lane_reconfigured,
	.process = router_process,
	.tick = router_tick,
};
