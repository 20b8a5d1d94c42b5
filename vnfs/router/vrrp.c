// SPDX-License-Identifier: BSD-3-Clause
#include "vrrp.h"

#include <arpa/inet.h>

#include "cat_csum.h"
#include "router.h"

#define PROTOCOL_VRRP 112u
#define VERSION_AND_TYPE 0x31u // 3, advertisement
#define HEADER 8u
#define HOP_LIMIT 255u
#define PRIORITY_GIVES_UP 0u
#define CS_US UINT64_C(10000)
#define PRECEDENCE 0xc0u

static const uint8_t group4[4] = {224, 0, 0, 18}, group6[16] = {0xff, 2, [15] = 0x12};
static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

// What a mailbox holds: 0, or one advertisement, the higher the more important.
#define HEARD (UINT64_C(1) << 63)
#define HEARD_PRIORITY_SHIFT 32
#define HEARD_GREATER (UINT64_C(1) << 16) // its sender's address is greater than ours
#define HEARD_INTERVAL 0xfffu

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void count(const struct router_lane *router, enum router_stat stat)
{
	cat_stats_add(router->lane->stats, stat, 1);
}

static bool is_active(const struct router_vrrps *vrrps, uint32_t i)
{
	return atomic_load_explicit(&vrrps->state[i].active, memory_order_relaxed);
}

const struct router_vrrp *router_vrrp_of(const struct router_vrrps *vrrps, const struct cat_addr *addr)
{
	for (uint32_t i = 0; vrrps && i < vrrps->count; i++) {
		const struct router_vrrp *v = &vrrps->router[i];
		for (uint32_t k = 0; k < v->count && is_active(vrrps, i); k++)
			if (cat_addr_equal(&v->address[k], addr))
				return v;
	}
	return NULL;
}

const struct router_vrrp *router_vrrp_of_mac(const struct router_vrrps *vrrps, enum cat_side side, uint64_t mac_word)
{
	for (uint32_t i = 0; vrrps && i < vrrps->count; i++)
		if (vrrps->router[i].side == side && vrrps->router[i].mac_word == mac_word && is_active(vrrps, i))
			return &vrrps->router[i];
	return NULL;
}

uint64_t router_vrrp_mac(const struct router_vrrps *vrrps, enum cat_side side, uint8_t family, uint64_t otherwise)
{
	for (uint32_t i = 0; i < vrrps->count; i++)
		if (vrrps->router[i].side == side && vrrps->router[i].family == family && is_active(vrrps, i))
			return vrrps->router[i].mac_word;
	return otherwise;
}

// Section 5.1.1 and 7.2: sent from an own address, for IPv6 the link-local one.
static const struct cat_addr *source_of(const struct router_config *config, const struct router_vrrp *v)
{
	return cat_l3_source_for(&config->interface[v->side], &v->address[0]);
}

// Section 5.2.8. IPv4 has no pseudo-header; RFC 5798 was read in both ways, so that some neighbours want one.
static uint16_t checksum(const uint8_t *ip, const uint8_t *message, uint32_t size, bool ipv4, bool pseudo_header)
{
	if (!ipv4)
		return cat_csum_l4_ipv6(ip, message, size, PROTOCOL_VRRP);
	return pseudo_header ? cat_csum_l4_ipv4(ip, message, size, PROTOCOL_VRRP) : cat_csum(message, size);
}

// Section 7.1.
static const struct router_vrrp *validate(const struct router_vrrps *vrrps, const uint8_t *ip, uint32_t len,
					  enum cat_side from, uint32_t *ret_number)
{
	bool ipv4 = ip[0] >> 4 == 4;
	uint32_t header = ipv4 ? (ip[0] & 15u) * 4u : 40u, end = ipv4 ? be16(ip + 2) : be16(ip + 4) + 40u;
	if (end > len || end < header + HEADER || (ipv4 ? ip[8] : ip[7]) != HOP_LIMIT)
		return NULL;
	const uint8_t *message = ip + header;
	uint32_t size = end - header, need = HEADER + message[3] * (ipv4 ? 4u : 16u);
	if (message[0] != VERSION_AND_TYPE || size < need || !message[3])
		return NULL;
	if (checksum(ip, message, size, ipv4, false) != 0 && (!ipv4 || checksum(ip, message, size, true, true) != 0))
		return NULL;
	for (uint32_t i = 0; i < vrrps->count; i++) {
		const struct router_vrrp *v = &vrrps->router[i];
		*ret_number = i;
		if (v->side == from && v->id == message[1] && (v->family == AF_INET) == ipv4)
			return v;
	}
	return NULL;
}

// Of two that nobody has looked at yet the more important one stays: the other will be said again.
static void leave(struct router_vrrp_state *state, uint64_t heard)
{
	uint64_t there = atomic_load_explicit(&state->heard, memory_order_relaxed);
	while (there < heard && !atomic_compare_exchange_weak_explicit(&state->heard, &there, heard,
								       memory_order_relaxed, memory_order_relaxed))
		;
}

bool router_vrrp_input(struct router_lane *router, struct cat_desc *desc, enum cat_side from)
{
	const struct router_config *config = router->lane->config;
	const uint8_t *ip = cat_data(router->lane, desc) + desc->l3;
	bool ipv4 = desc->flags & CAT_DESC_IPV4;
	if (!config->vrrps || (desc->flags & CAT_DESC_FRAG) || (ipv4 ? ip[9] : ip[6]) != PROTOCOL_VRRP ||
	    memcmp(ip + (ipv4 ? 16 : 24), ipv4 ? group4 : group6, ipv4 ? 4 : 16) != 0)
		return false;
	uint32_t number;
	const struct router_vrrp *v = validate(config->vrrps, ip, (uint32_t)desc->len - desc->l3, from, &number);
	if (!v) {
		cat_drop(router->lane, desc, ROUTER_DROP_VRRP);
		return true;
	}
	const uint8_t *message = ip + (ipv4 ? (ip[0] & 15u) * 4u : 40u);
	const struct cat_addr *own = source_of(config, v);
	bool greater = own && memcmp(ip + (ipv4 ? 12 : 8), own->byte, ipv4 ? 4 : 16) > 0;
	count(router, ROUTER_VRRP_RECEIVED);
	leave(&config->vrrps->state[number], HEARD | (uint64_t)message[2] << HEARD_PRIORITY_SHIFT |
						     (greater ? HEARD_GREATER : 0) |
						     (be16(message + 4) & HEARD_INTERVAL));
	cat_drop(router->lane, desc, CAT_DROP_CONSUMED);
	return true;
}

static void emit(struct router_lane *router, struct cat_desc *desc, uint32_t length, const struct router_vrrp *v)
{
	desc->len = (uint16_t)length;
	cat_emit_supply(router->lane, desc, v->side);
}

// An Ethernet header from the virtual MAC, with the group's own for IP.
static uint8_t *put_ethernet(uint8_t *frame, const struct router_vrrp *v, const uint8_t *group)
{
	bool ipv4 = v->family == AF_INET;
	if (ipv4)
		memcpy(frame, (uint8_t[]){1, 0, 0x5e, group[1] & 0x7f, group[2], group[3]}, 6);
	else
		memcpy(frame, (uint8_t[]){0x33, 0x33, group[12], group[13], group[14], group[15]}, 6);
	memcpy(frame + 6, v->mac.byte, 6);
	put16(frame + 12, ipv4 ? 0x0800 : 0x86dd);
	return frame + CAT_L3_ETHERNET;
}

static uint32_t put_ip(uint8_t *ip, const struct router_vrrp *v, const struct cat_addr *source, const uint8_t *group,
		       uint32_t size, uint8_t protocol)
{
	bool ipv4 = v->family == AF_INET;
	uint32_t header = ipv4 ? 20 : 40;
	memset(ip, 0, header);
	ip[0] = ipv4 ? 0x45 : 0x6c;
	if (ipv4) {
		ip[1] = PRECEDENCE;
		put16(ip + 2, header + size);
		ip[8] = HOP_LIMIT;
		ip[9] = protocol;
		memcpy(ip + 12, source->byte, 4);
		memcpy(ip + 16, group, 4);
		uint16_t csum = cat_csum(ip, header);
		memcpy(ip + 10, &csum, 2);
	} else {
		put16(ip + 4, size);
		ip[6] = protocol;
		ip[7] = HOP_LIMIT;
		memcpy(ip + 8, source->byte, 16);
		memcpy(ip + 24, group, 16);
	}
	return header;
}

static void advertise(struct router_lane *router, const struct router_vrrp *v)
{
	const struct router_config *config = router->lane->config;
	const struct cat_addr *source = source_of(config, v);
	bool ipv4 = v->family == AF_INET;
	uint32_t each = ipv4 ? 4 : 16, size = HEADER + v->count * each;
	struct cat_desc desc;
	if (!source || !cat_supply_peek(router->lane, &desc))
		return;
	uint8_t *ip = put_ethernet(cat_data(router->lane, &desc), v, ipv4 ? group4 : group6);
	uint8_t *message = ip + put_ip(ip, v, source, ipv4 ? group4 : group6, size, PROTOCOL_VRRP);
	message[0] = VERSION_AND_TYPE;
	message[1] = v->id;
	message[2] = v->priority;
	message[3] = (uint8_t)v->count;
	put16(message + 4, v->interval_cs);
	put16(message + 6, 0);
	for (uint32_t i = 0; i < v->count; i++)
		memcpy(message + HEADER + i * each, v->address[i].byte, each);
	uint16_t csum = checksum(ip, message, size, ipv4, v->pseudo_header);
	memcpy(message + 6, &csum, 2);
	emit(router, &desc, (uint32_t)(message - cat_data(router->lane, &desc)) + size, v);
	count(router, ROUTER_VRRP_SENT);
}

// Section 6.4.2: hosts and bridges learn where the addresses are now.
static void announce(struct router_lane *router, const struct router_vrrp *v, const struct cat_addr *addr)
{
	struct cat_desc desc;
	if (!cat_supply_peek(router->lane, &desc))
		return;
	uint8_t *frame = cat_data(router->lane, &desc);
	if (v->family == AF_INET) {
		static const uint8_t fixed[8] = {0, 1, 8, 0, 6, 4, 0, 1};
		memcpy(frame, broadcast, 6);
		memcpy(frame + 6, v->mac.byte, 6);
		put16(frame + 12, 0x0806);
		uint8_t *arp = frame + CAT_L3_ETHERNET;
		memcpy(arp, fixed, 8);
		memcpy(arp + 8, v->mac.byte, 6);
		memcpy(arp + 14, addr->byte, 4);
		memset(arp + 18, 0, 6);
		memcpy(arp + 24, addr->byte, 4);
		emit(router, &desc, CAT_L3_ETHERNET + 28, v);
		return;
	}
	uint8_t *ip = put_ethernet(frame, v, all_nodes);
	uint8_t *message = ip + put_ip(ip, v, addr, all_nodes, 32, 58);
	memset(message, 0, 32);
	message[0] = 136;
	message[4] = 0xa0; // router, override
	memcpy(message + 8, addr->byte, 16);
	message[24] = 2;
	message[25] = 1;
	memcpy(message + 26, v->mac.byte, 6);
	uint16_t csum = cat_csum_l4_ipv6(ip, message, 32, 58);
	memcpy(message + 2, &csum, 2);
	emit(router, &desc, CAT_L3_ETHERNET + 40 + 32, v);
}

// Section 6.1: Active_Down_Interval and Skew_Time.
static uint64_t skew_us(const struct router_vrrp *v, const struct router_vrrp_state *s)
{
	return (256u - v->priority) * s->heard_cs * CS_US / 256;
}

static void wait_for_others(const struct router_vrrp *v, struct router_vrrp_state *s, uint64_t now_us)
{
	s->down_us = now_us + 3 * s->heard_cs * CS_US + skew_us(v, s);
}

static void become_active(struct router_lane *router, const struct router_vrrp *v, struct router_vrrp_state *s)
{
	advertise(router, v);
	for (uint32_t i = 0; i < v->count; i++)
		announce(router, v, &v->address[i]);
	s->due_us = router->lane->now_us + v->interval_cs * CS_US;
	atomic_store_explicit(&s->active, true, memory_order_relaxed);
	count(router, ROUTER_VRRP_BECAME_ACTIVE);
}

// Section 6.4.2, of a backup.
static void hear_as_backup(const struct router_vrrp *v, struct router_vrrp_state *s, uint64_t heard, uint64_t now_us)
{
	uint32_t priority = heard >> HEARD_PRIORITY_SHIFT & 0xff;
	if (priority == PRIORITY_GIVES_UP) {
		s->down_us = now_us + skew_us(v, s);
	} else if (!v->preempt || priority >= v->priority) {
		s->heard_cs = heard & HEARD_INTERVAL;
		wait_for_others(v, s, now_us);
	}
}

// Section 6.4.3, of the active one.
static void hear_as_active(struct router_lane *router, const struct router_vrrp *v, struct router_vrrp_state *s,
			   uint64_t heard)
{
	uint64_t now_us = router->lane->now_us;
	uint32_t priority = heard >> HEARD_PRIORITY_SHIFT & 0xff;
	if (priority > v->priority || (priority == v->priority && (heard & HEARD_GREATER))) {
		s->heard_cs = heard & HEARD_INTERVAL;
		wait_for_others(v, s, now_us);
		atomic_store_explicit(&s->active, false, memory_order_relaxed);
		return;
	}
	// Who gives up, and who should, hears who is active.
	advertise(router, v);
	s->due_us = now_us + v->interval_cs * CS_US;
}

static void tick(struct router_lane *router, const struct router_vrrp *v, struct router_vrrp_state *s)
{
	uint64_t now_us = router->lane->now_us;
	uint64_t heard = atomic_exchange_explicit(&s->heard, 0, memory_order_relaxed);
	bool active = atomic_load_explicit(&s->active, memory_order_relaxed);
	if (!s->started) {
		s->started = true;
		s->heard_cs = v->interval_cs;
		wait_for_others(v, s, now_us);
	}
	if (heard && active)
		hear_as_active(router, v, s, heard);
	else if (heard)
		hear_as_backup(v, s, heard, now_us);
	if (!active && now_us >= s->down_us) {
		become_active(router, v, s);
	} else if (active && atomic_load_explicit(&s->active, memory_order_relaxed) && now_us >= s->due_us) {
		advertise(router, v);
		s->due_us = now_us + v->interval_cs * CS_US;
	}
}

void router_vrrp_tick(struct router_lane *router)
{
	const struct router_config *config = router->lane->config;
	uint64_t active = 0;
	for (uint32_t i = 0; i < config->vrrps->count; i++) {
		tick(router, &config->vrrps->router[i], &config->vrrps->state[i]);
		active += is_active(config->vrrps, i);
	}
	cat_stats_set(router->lane->stats, ROUTER_VRRP_ACTIVE, active);
}

void router_vrrp_adopt(struct router_vrrps *vrrps, const struct router_vrrps *old)
{
	for (uint32_t i = 0; vrrps && old && i < vrrps->count; i++) {
		struct router_vrrp_state *s = &vrrps->state[i];
		for (uint32_t k = 0; k < old->count; k++) {
			const struct router_vrrp *a = &vrrps->router[i], *b = &old->router[k];
			if (a->side != b->side || a->id != b->id || a->family != b->family)
				continue;
			s->started = old->state[k].started;
			s->heard_cs = old->state[k].heard_cs;
			s->down_us = old->state[k].down_us;
			s->due_us = old->state[k].due_us;
			atomic_store_explicit(&s->active, is_active(old, k), memory_order_relaxed);
		}
	}
}
