// SPDX-License-Identifier: BSD-3-Clause
// The life of a lane's endpoint: attaching to the state, new configurations, ticks, announcements of our addresses.
#include <errno.h>
#include <stdlib.h>

#include "l3.h"

#define ICMP_RATE_PPS 1000u
#define ICMP_BURST 100u
#define DEFEND_MS 10000u           // DEFEND_INTERVAL of RFC 5227
#define ANNOUNCEMENTS 2u           // ANNOUNCE_NUM of RFC 5227
#define ANNOUNCE_INTERVAL_MS 2000u // ANNOUNCE_INTERVAL of RFC 5227
#define ANNOUNCE_AGAIN_MS 100u     // when supply was empty

static struct cat_flow_layout layout_for(uint32_t neighbours)
{
	return (struct cat_flow_layout){
		.version = NEIGHBOUR_VERSION,
		.key_size = sizeof(struct neighbour_key),
		.value_size = sizeof(struct neighbour),
		.capacity = neighbours ? neighbours : CAT_L3_NEIGHBOURS_DEFAULT,
	};
}

size_t cat_l3_state_bytes(uint32_t neighbours)
{
	const struct cat_flow_layout layout = layout_for(neighbours);
	return cat_flow_bytes(&layout);
}

static void take_options(struct cat_l3 *l3, const struct cat_l3_options *options)
{
	l3->options = *options;
	if (!l3->options.icmp_rate_pps)
		l3->options.icmp_rate_pps = ICMP_RATE_PPS;
	if (!l3->options.icmp_burst)
		l3->options.icmp_burst = ICMP_BURST;
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		l3->announce[side].left = ANNOUNCEMENTS;
		l3->announce[side].due_ms = 0;
	}
	memset(l3->board_seen, 0, sizeof(l3->board_seen));
	neighbour_adopt(l3);
}

int cat_l3_create(struct cat_lane *lane, void *memory, size_t bytes, const struct cat_l3_options *options,
		  struct cat_l3 **ret_l3, struct cat_err *err)
{
	struct cat_l3 *l3 = calloc(1, sizeof(*l3));
	if (!l3)
		return cat_err_set(err, -ENOMEM, "no memory for an IP endpoint");
	const struct cat_flow_layout layout = layout_for(options->neighbours);
	bool adopted;
	l3->lane = lane;
	l3->cache.generation = 1;
	int result = wait_init(&l3->wait, layout.capacity, lane->stride, err);
	if (result == 0)
		result = cat_flow_attach(memory, bytes, &layout, &l3->table, &adopted, err);
	if (result < 0) {
		cat_l3_destroy(l3);
		return cat_err_wrap(err, "neighbours");
	}
	take_options(l3, options);
	l3->icmp_tokens_milli = l3->options.icmp_burst * 1000u;
	l3->icmp_filled_us = lane->now_us;
	*ret_l3 = l3;
	return 0;
}

void cat_l3_destroy(struct cat_l3 *l3)
{
	if (!l3)
		return;
	wait_finish(&l3->wait);
	free(l3);
}

void cat_l3_configure(struct cat_l3 *l3, const struct cat_l3_options *options)
{
	struct cat_l3_options next = *options;
	next.neighbours = l3->options.neighbours;
	next.stat = l3->options.stat;
	take_options(l3, &next);
}

struct cat_l3_cache *cat_l3_cache(struct cat_l3 *l3)
{
	return &l3->cache;
}

// False: supply ran out.
static bool announce(struct cat_l3 *l3, const struct cat_l3_interface *interface, bool first)
{
	for (uint32_t i = 0; i < interface->count; i++) {
		const struct cat_addr *own = &interface->address[i].addr;
		bool sent = own->family == AF_INET ? arp_announce(l3, interface->side, own)
						   : nd_announce(l3, interface->side, own, first);
		if (!sent)
			return false;
	}
	return true;
}

void l3_conflict(struct cat_l3 *l3, enum cat_side side)
{
	l3_count(l3, CAT_L3_CONFLICTS);
	uint64_t now_ms = l3_now_ms(l3);
	if (now_ms - l3->announce[side].defended_ms < DEFEND_MS && l3->announce[side].defended_ms)
		return;
	l3->announce[side].defended_ms = now_ms;
	if (!l3->announce[side].left) {
		l3->announce[side].left = 1;
		l3->announce[side].due_ms = now_ms;
	}
}

void cat_l3_tick(struct cat_l3 *l3)
{
	uint64_t now_ms = l3_now_ms(l3);
	neighbour_tick(l3);
	// Lane 0 speaks for all.
	for (unsigned side = 0; side < CAT_SIDES && l3->lane->id == 0; side++) {
		const struct cat_l3_interface *interface = l3->options.interface[side];
		if (!interface || !l3->announce[side].left || now_ms < l3->announce[side].due_ms)
			continue;
		bool sent = announce(l3, interface, l3->announce[side].left == ANNOUNCEMENTS);
		l3->announce[side].left -= sent;
		l3->announce[side].due_ms = now_ms + (sent ? ANNOUNCE_INTERVAL_MS : ANNOUNCE_AGAIN_MS);
	}
	cat_stats_set(l3->lane->stats, l3_reason(l3, CAT_L3_NEIGHBOURS), cat_flow_count(l3->table));
}

bool cat_l3_control(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from)
{
	if (desc->l3 != CAT_L3_ETHERNET)
		return false;
	if (desc->flags & CAT_DESC_OTHER)
		return arp_input(l3, desc, from);
	if ((desc->flags & (CAT_DESC_IPV6 | CAT_DESC_ICMP)) == (CAT_DESC_IPV6 | CAT_DESC_ICMP))
		return nd_input(l3, desc, from);
	return false;
}
