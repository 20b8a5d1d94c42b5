// SPDX-License-Identifier: BSD-3-Clause
// What goes to the daemons in the container (RFC 6192): only what a configured protocol needs, from whom it may come,
// each kind at its own rate, so that a flood of one leaves room for the others. Everything else that is sent to the
// router never reaches the kernel.
#include "punt.h"

#include "dynamic.h"
#include <arpa/inet.h>

#define PROTOCOL_OSPF 89u
#define PORT_BGP 179u
#define PORT_BFD 3784u // RFC 5881
#define PORT_BFD_ECHO 3785u
#define PORT_BFD_MULTIHOP 4784u // RFC 5883
#define ARP_REPLY 2u
#define ND_ROUTER_SOLICITATION 133u
#define ND_ADVERTISEMENT 136u

static const struct {
	uint32_t rate_pps, burst;
} limits[PUNT_CLASSES] = {
	[PUNT_NEIGHBOUR] = {200, 50}, [PUNT_BGP] = {8000, 256}, [PUNT_BFD] = {4000, 64},
	[PUNT_OSPF] = {2000, 128},    [PUNT_ICMP] = {100, 20},
};

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

// The generic cell rate algorithm: `due` is when a sender that had kept to the rate would send its next packet.
static bool is_within_rate(struct router_lane *router, enum punt_class class)
{
	uint64_t now = router->lane->now_us, due = router->punt_due_us[class];
	uint64_t interval = UINT64_C(1000000) * router->lane->lanes / limits[class].rate_pps;
	if (due < now)
		due = now;
	if (due - now > (limits[class].burst - 1) * interval)
		return false;
	router->punt_due_us[class] = due + interval;
	return true;
}

static bool is_peer(const struct router_dynamic *d, const struct cat_addr *addr)
{
	for (uint32_t i = 0; i < d->peer_count; i++)
		if (cat_addr_equal(&d->peer[i].address, addr))
			return true;
	return false;
}

static bool is_group_of_ospf(const struct cat_addr *dst)
{
	static const uint8_t all4[3] = {224, 0, 0}, all6[15] = {0xff, 2};
	bool ipv4 = dst->family == AF_INET;
	uint8_t last = dst->byte[ipv4 ? 3 : 15];
	return memcmp(dst->byte, ipv4 ? all4 : all6, ipv4 ? 3 : 15) == 0 && (last == 5 || last == 6);
}

static bool is_error(const uint8_t *icmp, bool ipv4)
{
	return ipv4 ? icmp[0] == 3 || icmp[0] == 11 || icmp[0] == 12 : icmp[0] >= 1 && icmp[0] <= 4;
}

// PUNT_CLASSES: nobody there wants it.
static enum punt_class classify(const struct router_lane *router, const struct cat_desc *desc, enum cat_side from)
{
	const struct router_config *config = router->lane->config;
	const struct router_dynamic *d = config->dynamic;
	const uint8_t *ip = cat_data(router->lane, desc) + desc->l3, *l4 = cat_data(router->lane, desc) + desc->l4;
	bool ipv4 = desc->flags & CAT_DESC_IPV4;
	struct cat_addr src = {.family = ipv4 ? AF_INET : AF_INET6}, dst = src;
	memcpy(src.byte, ip + (ipv4 ? 12 : 8), ipv4 ? 4 : 16);
	memcpy(dst.byte, ip + (ipv4 ? 16 : 24), ipv4 ? 4 : 16);
	bool near = cat_l3_is_on_link(&config->interface[from], &src);
	bool own =
		cat_l3_is_own(&config->interface[CAT_LEFT], &dst) || cat_l3_is_own(&config->interface[CAT_RIGHT], &dst);
	// Large updates come in fragments; the kernel puts them together.
	if ((ipv4 ? ip[9] : ip[6]) == PROTOCOL_OSPF)
		return d->area[from].on && near && (own || is_group_of_ospf(&dst)) ? PUNT_OSPF : PUNT_CLASSES;
	if (!own || (desc->flags & (CAT_DESC_FRAG | CAT_DESC_BAD)) || desc->l4 <= desc->l3 ||
	    (uint32_t)desc->l4 + 8 > desc->len)
		return PUNT_CLASSES;
	if (desc->flags & CAT_DESC_TCP)
		return (be16(l4) == PORT_BGP || be16(l4 + 2) == PORT_BGP) && is_peer(d, &src) ? PUNT_BGP : PUNT_CLASSES;
	if (desc->flags & CAT_DESC_UDP) {
		uint16_t port = be16(l4 + 2);
		bool bfd = (near && (port == PORT_BFD || port == PORT_BFD_ECHO)) ||
			   (port == PORT_BFD_MULTIHOP && is_peer(d, &src));
		return bfd && router_dynamic_bfd(d) ? PUNT_BFD : PUNT_CLASSES;
	}
	if ((desc->flags & CAT_DESC_ICMP) && is_error(l4, ipv4))
		return PUNT_ICMP; // what is said about the daemons' packets: the size of a path, a port that is closed
	return PUNT_CLASSES;
}

bool router_punt(struct router_lane *router, struct cat_desc *desc, enum cat_side from)
{
	const struct router_config *config = router->lane->config;
	if (!config->dynamic)
		return false;
	enum punt_class class = classify(router, desc, from);
	if (class == PUNT_CLASSES)
		return false;
	if (!is_within_rate(router, class)) {
		cat_drop(router->lane, desc, ROUTER_DROP_PUNT_POLICED);
		return true;
	}
	cat_stats_add(router->lane->stats, ROUTER_PUNT + (uint32_t) class, 1);
	cat_punt(router->lane, desc, (unsigned)from);
	return true;
}

void router_punt_answer(struct router_lane *router, const struct cat_desc *desc, enum cat_side from)
{
	const struct router_config *config = router->lane->config;
	const uint8_t *data = cat_data(router->lane, desc);
	if (!config->dynamic || desc->l3 != CAT_L3_ETHERNET || memcmp(data, config->interface[from].mac.byte, 6) != 0)
		return;
	bool arp = (desc->flags & CAT_DESC_OTHER) && desc->len >= CAT_L3_ETHERNET + 28u && be16(data + 12) == 0x0806 &&
		   be16(data + CAT_L3_ETHERNET + 6) == ARP_REPLY;
	bool nd = (desc->flags & (CAT_DESC_IPV6 | CAT_DESC_ICMP)) == (CAT_DESC_IPV6 | CAT_DESC_ICMP) &&
		  desc->l4 < desc->len && data[desc->l4] == ND_ADVERTISEMENT;
	if ((!arp && !nd) || !is_within_rate(router, PUNT_NEIGHBOUR))
		return;
	if (cat_punt_copy(router->lane, desc, (unsigned)from))
		cat_stats_add(router->lane->stats, ROUTER_PUNT + PUNT_NEIGHBOUR, 1);
}

void router_inject(struct cat_lane *lane, unsigned channel, const uint8_t *frame, uint32_t length)
{
	const struct router_config *config = lane->config;
	struct cat_desc desc;
	if (channel >= CAT_SIDES || !config->dynamic || length < CAT_L3_ETHERNET + 20u ||
	    length > config->mtu[channel] + CAT_L3_ETHERNET ||
	    memcmp(frame + 6, config->interface[channel].mac.byte, 6) != 0)
		return;
	// A host's question for routers, which the kernel asks because it does not know that it is one.
	if (be16(frame + 12) == 0x86dd && length >= CAT_L3_ETHERNET + 48u && frame[20] == 58 &&
	    frame[54] == ND_ROUTER_SOLICITATION)
		return;
	if (!cat_supply_peek(lane, &desc) || (uint32_t)desc.off + length > lane->stride)
		return;
	memcpy(cat_data(lane, &desc), frame, length);
	desc.len = (uint16_t)length;
	cat_emit_supply(lane, &desc, (enum cat_side)channel);
	cat_stats_add(lane->stats, ROUTER_INJECTED, 1);
}
