// SPDX-License-Identifier: BSD-3-Clause
// The packet path, in stages over up to PIECE packets of a burst: classify and gather destinations; look them up at
// once; then, strictly in order, step the TTL, put the next hop's Ethernet header on, emit. Nothing is written to a
// packet before its turn (cat_abi.h: a crash costs at most one packet).
#include <arpa/inet.h>

#include "cat_csum.h"
#include "cat_icmp.h"
#include "punt.h"
#include "table.h"
#include "vrrp.h"

#define PIECE 256u // what fib_lookup takes, and what stays in the first-level cache
#define ETHERNET CAT_L3_ETHERNET
#define DF 0x4000u
#define OPTION_END 0u
#define OPTION_NOP 1u
#define OPTION_LSRR 131u
#define OPTION_SSRR 137u

enum verdict {
	FORWARD4, // to be looked up
	FORWARD6,
	DROP,    // for the reason in value
	CONTROL, // ARP; discovery, packets of the link
};

struct piece {
	uint8_t *data[PIECE];
	uint8_t verdict[PIECE];
	uint16_t value[PIECE]; // the target, or the reason
	uint32_t count4, count6;
	uint8_t index4[PIECE], index6[PIECE];
	uint32_t addr4[PIECE]; // host order
	const uint8_t *addr6[PIECE];
	uint16_t found[PIECE];
};

// That packets to us have: the side's own, and of an active virtual router of the family, or the own again.
struct macs {
	uint64_t own, virtual4, virtual6;
};

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t raw32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static inline uint64_t raw64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static inline uint64_t mac_word(const uint8_t *mac)
{
	uint16_t high;
	memcpy(&high, mac + 4, 2);
	return raw32(mac) | (uint64_t)high << 32;
}

// Of a header without options that is not all zero: its words add up to a multiple of 0xffff.
static inline bool csum_right(const uint8_t *ip)
{
	uint64_t sum = (uint64_t)raw32(ip) + raw32(ip + 4) + raw32(ip + 8) + raw32(ip + 12) + raw32(ip + 16);
	return sum % 0xffff == 0;
}

// The first octet of an address that a host can have: not 0/8, 127/8 (RFC 1812, section 5.3.7; RFC 6890), nor 224/3.
static inline bool is_host4(uint8_t octet)
{
	return ((uint8_t)(octet - 1) < 223) & (octet != 127);
}

static inline bool is_link_local6(const uint8_t *addr)
{
	return (be16(addr) & 0xffc0) == 0xfe80;
}

// Neither unspecified, loopback, IPv4-mapped or -compatible, nor multicast.
static inline bool is_host6(const uint8_t *addr)
{
	return (raw64(addr) != 0) & (addr[0] != 0xff);
}

// Options stay as they are (RFC 7126), but nobody routes by the sender's wish.
static uint16_t check_options(const uint8_t *ip, uint32_t size)
{
	for (uint32_t at = 20; at < size;) {
		if (ip[at] == OPTION_END)
			return 0;
		if (ip[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (ip[at] == OPTION_LSRR || ip[at] == OPTION_SSRR)
			return ROUTER_DROP_OPTIONS;
		if (at + 2 > size || ip[at + 1] < 2 || at + ip[at + 1] > size)
			return CAT_DROP_MALFORMED;
		at += ip[at + 1];
	}
	return 0;
}

static enum verdict drop_for(uint16_t *ret_value, uint32_t reason)
{
	*ret_value = (uint16_t)reason;
	return DROP;
}

// An IPv4 header with options, or one that the fast path did not like; l3 may stand behind a priority tag.
static enum verdict classify4_slow(const struct router_lane *router, const struct cat_desc *desc, uint16_t *value)
{
	const uint8_t *ip = cat_data(router->lane, desc) + desc->l3;
	uint32_t size = (ip[0] & 15u) * 4u, len = (uint32_t)desc->len - desc->l3, total = be16(ip + 2);
	uint32_t dst = ntohl(raw32(ip + 16));
	if (ip[0] >> 4 != 4 || size < 20 || size > len || total < size || total > len)
		return drop_for(value, CAT_DROP_MALFORMED);
	if (cat_csum_fold(cat_csum_add(0, ip, size)) != 0xffff)
		return drop_for(value, ROUTER_L3 + CAT_L3_DROP_BAD_CHECKSUM);
	if (dst == UINT32_MAX)
		return drop_for(value, ROUTER_DROP_BROADCAST);
	bool multicast = dst >> 28 == 14;
	if (!is_host4(ip[12]) || (!is_host4(ip[16]) && !multicast))
		return drop_for(value, ROUTER_DROP_MARTIAN);
	// Of this link (RFC 5771, section 4): routing protocols speak there.
	if (multicast && dst >> 8 == 0xe00000)
		return CONTROL;
	if (multicast)
		return drop_for(value, ROUTER_DROP_MULTICAST);
	uint16_t reason = check_options(ip, size);
	return reason ? drop_for(value, reason) : FORWARD4;
}

static enum verdict classify6_slow(const struct router_lane *router, const struct cat_desc *desc, uint16_t *value)
{
	const uint8_t *ip = cat_data(router->lane, desc) + desc->l3;
	uint32_t len = (uint32_t)desc->len - desc->l3;
	if (ip[0] >> 4 != 6 || be16(ip + 4) + 40u > len)
		return drop_for(value, CAT_DROP_MALFORMED);
	// What asks for an address for itself has none yet (RFC 4862): the unspecified source is for discovery to
	// judge.
	if (ip[24] == 0xff)
		return CONTROL;
	if (!is_host6(ip + 8) || !is_host6(ip + 24))
		return drop_for(value, ROUTER_DROP_MARTIAN);
	return is_link_local6(ip + 24) ? CONTROL : FORWARD6;
}

// Whatever is not a plain packet for our MAC.
static enum verdict classify_slow(const struct router_lane *router, enum cat_side from, const struct cat_desc *desc,
				  uint16_t *value)
{
	const struct router_config *config = router->lane->config;
	const uint8_t *data = cat_data(router->lane, desc);
	if (!(desc->flags & (CAT_DESC_IPV4 | CAT_DESC_IPV6 | CAT_DESC_OTHER)))
		return drop_for(value, CAT_DROP_MALFORMED);
	if (desc->len < ETHERNET || desc->l3 < ETHERNET)
		return drop_for(value, CAT_DROP_MALFORMED);
	bool priority_tag = desc->l3 == ETHERNET + 4u && (be16(data + ETHERNET) & 0xfff) == 0;
	if (desc->l3 != ETHERNET && !priority_tag)
		return drop_for(value, ROUTER_DROP_VLAN);
	if (desc->flags & CAT_DESC_OTHER) {
		if (desc->l3 == ETHERNET && be16(data + 12) == 0x0806)
			return CONTROL;
		return drop_for(value, ROUTER_DROP_NOT_IP);
	}
	bool ours = mac_word(data) == mac_word(config->interface[from].mac.byte) ||
		    router_vrrp_of_mac(config->vrrps, from, mac_word(data));
	if (!ours && !(data[0] & 1))
		return drop_for(value, ROUTER_DROP_NOT_FOR_US);
	if (desc->flags & CAT_DESC_IPV4) {
		enum verdict verdict = classify4_slow(router, desc, value);
		// RFC 1812, section 4.2.2.11: a frame for everybody does not make a packet for one be forwarded.
		if (verdict == FORWARD4 && !ours)
			return drop_for(value, ROUTER_DROP_BROADCAST);
		return verdict;
	}
	enum verdict verdict = classify6_slow(router, desc, value);
	if (verdict == FORWARD6 && !ours)
		return drop_for(value, ROUTER_DROP_MULTICAST);
	return verdict;
}

// Everything that is just forwarded is recognised here; whatever is not goes to classify_slow.
static inline enum verdict classify(const struct router_lane *router, enum cat_side from, const struct macs *macs,
				    const struct cat_desc *desc, const uint8_t *data, uint16_t *value)
{
	const uint8_t *ip = data + ETHERNET;
	uint32_t len = (uint32_t)desc->len - ETHERNET;
	uint64_t mac = mac_word(data);
	bool plain4 = (desc->l3 == ETHERNET) & ((mac == macs->own) | (mac == macs->virtual4));
	bool plain6 = (desc->l3 == ETHERNET) & ((mac == macs->own) | (mac == macs->virtual6));
	if (__builtin_expect(plain4 && (desc->flags & CAT_DESC_IPV4), 1)) {
		uint32_t total = be16(ip + 2);
		bool good = (ip[0] == 0x45) & (total <= len) & (total >= 20) & is_host4(ip[12]) & is_host4(ip[16]);
		if (__builtin_expect(good && csum_right(ip), 1))
			return FORWARD4;
	} else if (plain6 && (desc->flags & CAT_DESC_IPV6)) {
		bool good = ((ip[0] & 0xf0) == 0x60) & (be16(ip + 4) + 40u <= len) & is_host6(ip + 8) &
			    is_host6(ip + 24) & !is_link_local6(ip + 24);
		if (__builtin_expect(good, 1))
			return FORWARD6;
	}
	return classify_slow(router, from, desc, value);
}

static void refuse(struct router_lane *router, struct cat_desc *desc, enum cat_side from, enum cat_icmp_error error,
		   uint32_t argument, uint32_t reason)
{
	cat_icmp_error(router->l3, desc, from, error, argument);
	cat_drop(router->lane, desc, reason);
}

// What is for us or for nobody.
static void not_forwarded(struct router_lane *router, struct cat_desc *desc, enum cat_side from, uint16_t number)
{
	unsigned kind = number == FIB_NONE ? UINT32_MAX : router->table->target[number].kind;
	switch (kind) {
	case ROUTER_LOCAL:
		router_punt_answer(router, desc, from);
		if (!cat_l3_control(router->l3, desc, from) && !router_punt(router, desc, from))
			cat_icmp_local(router->l3, desc, from, ROUTER_DROP_LOCAL);
		return;
	case ROUTER_BROADCAST:
		cat_drop(router->lane, desc, ROUTER_DROP_BROADCAST);
		return;
	case ROUTER_BLACKHOLE:
		cat_drop(router->lane, desc, ROUTER_DROP_BLACKHOLE);
		return;
	case ROUTER_UNREACHABLE:
		refuse(router, desc, from, CAT_ICMP_REJECT, 0, ROUTER_DROP_UNREACHABLE);
		return;
	default:
		refuse(router, desc, from, CAT_ICMP_NO_ROUTE, 0, ROUTER_DROP_NO_ROUTE);
	}
}

static inline const struct router_hop *choose(const struct router_table *table, const struct router_target *target,
					      uint32_t hash)
{
	const struct router_hop *hop = &table->hop[target->first];
	if (target->count == 1)
		return hop;
	// The hash's upper bits have chosen the lane, and perhaps a path further up: it is mixed before it chooses
	// again.
	uint32_t mixed = (hash ^ hash >> 15) * UINT32_C(0x2c1b3c6d);
	mixed = (mixed ^ mixed >> 12) * UINT32_C(0x297a2d39);
	mixed ^= mixed >> 15;
	return hop + table->bucket[target->spread + mixed % ROUTER_BUCKETS];
}

// RFC 9568, section 6.4.3: what is sent to a virtual router is taken only where that is wanted, but for discovery.
static bool is_for_virtual(struct router_lane *router, struct cat_desc *desc, enum cat_side from,
			   const struct cat_addr *dst)
{
	const struct router_config *config = router->lane->config;
	const struct router_vrrp *v = router_vrrp_of(config->vrrps, dst);
	if (!v)
		return false;
	if (cat_l3_control(router->l3, desc, from))
		return true;
	if (v->accept)
		cat_icmp_local(router->l3, desc, from, ROUTER_DROP_LOCAL);
	else
		cat_drop(router->lane, desc, ROUTER_DROP_LOCAL);
	return true;
}

static __attribute__((noinline)) bool is_for_virtual4(struct router_lane *router, struct cat_desc *desc,
						      enum cat_side from, uint32_t dst)
{
	struct cat_addr addr = {.family = AF_INET};
	memcpy(addr.byte, &dst, 4);
	return is_for_virtual(router, desc, from, &addr);
}

static __attribute__((noinline)) bool is_for_virtual6(struct router_lane *router, struct cat_desc *desc,
						      enum cat_side from, const uint8_t *dst)
{
	struct cat_addr addr = {.family = AF_INET6};
	memcpy(addr.byte, dst, 16);
	return is_for_virtual(router, desc, from, &addr);
}

static inline void step_ttl(uint8_t *ip)
{
	uint16_t csum;
	memcpy(&csum, ip + 10, 2);
	ip[8]--;
	// RFC 1624 for a field of the header's that falls by 0x0100.
	uint32_t sum = csum + (uint32_t)htons(0x0100);
	csum = (uint16_t)(sum + (sum >= 0xffff));
	memcpy(ip + 10, &csum, 2);
}

// Longer than the link takes.
static void too_big4(struct router_lane *router, struct cat_desc *desc, enum cat_side from, enum cat_side to,
		     const struct cat_addr *next_hop)
{
	const struct router_config *config = router->lane->config;
	uint8_t *ip = cat_data(router->lane, desc) + desc->l3;
	uint32_t mtu = config->mtu[to];
	if (be16(ip + 6) & DF) {
		refuse(router, desc, from, CAT_ICMP_TOO_BIG, mtu, ROUTER_DROP_MTU);
		return;
	}
	step_ttl(ip);
	router_fragment(router, desc, to, next_hop, mtu);
}

// The Ethernet header of a packet whose l3 is where it belongs, or cat_l3_frame.
static inline void put_frame(const struct cat_lane *lane, struct cat_desc *desc, uint8_t *data, const uint8_t *macs)
{
	if (__builtin_expect(desc->l3 == ETHERNET, 1))
		memcpy(data, macs, 12);
	else
		cat_l3_frame(lane, desc, macs);
}

// No MAC yet, or too long for the link.
static __attribute__((noinline)) void forward4_slow(struct router_lane *router, struct cat_desc *desc,
						    enum cat_side from, enum cat_side to, uint32_t next_hop)
{
	const struct router_config *config = router->lane->config;
	struct cat_addr addr = {.family = AF_INET};
	memcpy(addr.byte, &next_hop, 4);
	if ((uint32_t)desc->len - desc->l3 > config->mtu[to]) {
		too_big4(router, desc, from, to, &addr);
		return;
	}
	step_ttl(cat_data(router->lane, desc) + desc->l3);
	cat_l3_output(router->l3, desc, from, to, &addr);
}

static inline void forward4(struct router_lane *router, const struct router_config *config, struct cat_desc *desc,
			    uint8_t *data, enum cat_side from, uint16_t number)
{
	const struct router_target *target = &router->table->target[number];
	if (__builtin_expect(number == FIB_NONE || target->kind > ROUTER_CONNECTED, 0)) {
		not_forwarded(router, desc, from, number);
		return;
	}
	uint8_t *ip = data + desc->l3;
	enum cat_side to = (enum cat_side)target->side;
	uint32_t next_hop = raw32(ip + 16);
	if (target->kind == ROUTER_GATEWAY) {
		const struct router_hop *hop = choose(router->table, target, desc->hash);
		to = hop->side;
		next_hop = hop->addr4;
	} else if (__builtin_expect(config->vrrps != NULL, 0) && is_for_virtual4(router, desc, from, next_hop)) {
		return;
	}
	if (__builtin_expect(ip[8] <= 1, 0)) {
		refuse(router, desc, from, CAT_ICMP_TIME_EXCEEDED, 0, ROUTER_DROP_TTL_EXPIRED);
		return;
	}
	const uint8_t *macs = cat_l3_resolve4(router->cache, to, next_hop);
	if (__builtin_expect(!macs || (uint32_t)desc->len - desc->l3 > config->mtu[to], 0)) {
		forward4_slow(router, desc, from, to, next_hop);
		return;
	}
	step_ttl(ip);
	put_frame(router->lane, desc, data, macs);
	cat_emit(router->lane, desc, to);
}

static __attribute__((noinline)) void forward6_slow(struct router_lane *router, struct cat_desc *desc,
						    enum cat_side from, enum cat_side to, const uint8_t *next_hop)
{
	struct cat_addr addr = {.family = AF_INET6};
	memcpy(addr.byte, next_hop, 16);
	cat_data(router->lane, desc)[desc->l3 + 7]--;
	cat_l3_output(router->l3, desc, from, to, &addr);
}

static inline void forward6(struct router_lane *router, const struct router_config *config, struct cat_desc *desc,
			    uint8_t *data, enum cat_side from, uint16_t number)
{
	const struct router_target *target = &router->table->target[number];
	if (__builtin_expect(number == FIB_NONE || target->kind > ROUTER_CONNECTED, 0)) {
		not_forwarded(router, desc, from, number);
		return;
	}
	uint8_t *ip = data + desc->l3;
	enum cat_side to = (enum cat_side)target->side;
	const uint8_t *next_hop = ip + 24;
	if (target->kind == ROUTER_GATEWAY) {
		const struct router_hop *hop = choose(router->table, target, desc->hash);
		to = hop->side;
		next_hop = hop->addr.byte;
	} else if (__builtin_expect(config->vrrps != NULL, 0) && is_for_virtual6(router, desc, from, next_hop)) {
		return;
	}
	if (__builtin_expect(is_link_local6(ip + 8), 0)) {
		cat_drop(router->lane, desc, ROUTER_DROP_LINK_LOCAL);
		return;
	}
	if (__builtin_expect(ip[7] <= 1, 0)) {
		refuse(router, desc, from, CAT_ICMP_TIME_EXCEEDED, 0, ROUTER_DROP_TTL_EXPIRED);
		return;
	}
	if (__builtin_expect((uint32_t)desc->len - desc->l3 > config->mtu[to], 0)) {
		refuse(router, desc, from, CAT_ICMP_TOO_BIG, config->mtu[to], ROUTER_DROP_MTU);
		return;
	}
	const uint8_t *macs = cat_l3_resolve6(router->cache, to, next_hop);
	if (__builtin_expect(!macs, 0)) {
		forward6_slow(router, desc, from, to, next_hop);
		return;
	}
	ip[7]--;
	put_frame(router->lane, desc, data, macs);
	cat_emit(router->lane, desc, to);
}

// ARP, discovery, and what is for this link only: IPv6 to multicast and link-local addresses, IPv4 to 224.0.0.0/24.
static void control(struct router_lane *router, struct cat_desc *desc, enum cat_side from)
{
	const struct router_config *config = router->lane->config;
	router_punt_answer(router, desc, from);
	if (cat_l3_control(router->l3, desc, from))
		return;
	bool ip = desc->flags & (CAT_DESC_IPV4 | CAT_DESC_IPV6);
	if (ip && (router_vrrp_input(router, desc, from) || router_punt(router, desc, from)))
		return;
	if (desc->flags & CAT_DESC_IPV4) {
		cat_drop(router->lane, desc, ROUTER_DROP_MULTICAST);
		return;
	}
	if (!(desc->flags & CAT_DESC_IPV6)) {
		cat_drop(router->lane, desc, ROUTER_DROP_NOT_IP);
		return;
	}
	struct cat_addr dst = {.family = AF_INET6};
	memcpy(dst.byte, cat_data(router->lane, desc) + desc->l3 + 24, 16);
	if (cat_l3_is_own(&config->interface[from], &dst))
		cat_icmp_local(router->l3, desc, from, ROUTER_DROP_LOCAL);
	else if (!is_for_virtual(router, desc, from, &dst))
		cat_drop(router->lane, desc, dst.byte[0] == 0xff ? ROUTER_DROP_MULTICAST : ROUTER_DROP_LINK_LOCAL);
}

static void look_up(const struct router_table *table, struct piece *piece, uint32_t count)
{
	if (piece->count4 == count) {
		fib_lookup4(table->fib4, piece->addr4, piece->value, count);
		return;
	}
	fib_lookup4(table->fib4, piece->addr4, piece->found, piece->count4);
	for (uint32_t i = 0; i < piece->count4; i++)
		piece->value[piece->index4[i]] = piece->found[i];
	fib_lookup6(table->fib6, piece->addr6, piece->found, piece->count6);
	for (uint32_t i = 0; i < piece->count6; i++)
		piece->value[piece->index6[i]] = piece->found[i];
}

static inline bool is_way_back(const struct router_table *table, uint16_t number, enum cat_side from, uint8_t mode)
{
	if (number == FIB_NONE)
		return false;
	const struct router_target *target = &table->target[number];
	// What is dropped as a destination is no source either (RFC 5635).
	if (target->kind > ROUTER_CONNECTED)
		return false;
	return mode == ROUTER_URPF_STRICT ? target->sides >> from & 1 : !target->is_default;
}

// RFC 3704: packets from where no route leads back to are dropped.
static __attribute__((noinline)) void check_sources(const struct router_lane *router, struct piece *piece,
						    const struct cat_desc *desc, enum cat_side from, uint8_t mode)
{
	uint32_t source4[PIECE];
	const uint8_t *source6[PIECE];
	for (uint32_t i = 0; i < piece->count4; i++)
		source4[i] = ntohl(raw32(piece->data[piece->index4[i]] + desc[piece->index4[i]].l3 + 12));
	for (uint32_t i = 0; i < piece->count6; i++)
		source6[i] = piece->data[piece->index6[i]] + desc[piece->index6[i]].l3 + 8;
	fib_lookup4(router->table->fib4, source4, piece->found, piece->count4);
	for (uint32_t i = 0; i < piece->count4; i++) {
		if (is_way_back(router->table, piece->found[i], from, mode))
			continue;
		piece->verdict[piece->index4[i]] = DROP;
		piece->value[piece->index4[i]] = ROUTER_DROP_URPF;
	}
	fib_lookup6(router->table->fib6, source6, piece->found, piece->count6);
	for (uint32_t i = 0; i < piece->count6; i++) {
		// Link-local sources belong to the link that they come from, and leave it no more.
		if (is_link_local6(source6[i]) || is_way_back(router->table, piece->found[i], from, mode))
			continue;
		piece->verdict[piece->index6[i]] = DROP;
		piece->value[piece->index6[i]] = ROUTER_DROP_URPF;
	}
}

static void process_piece(struct router_lane *router, struct cat_desc *desc, uint32_t count, enum cat_side from)
{
	struct cat_lane *lane = router->lane;
	const struct router_config *config = lane->config;
	struct piece piece;
	struct macs macs = {.own = mac_word(config->interface[from].mac.byte)};
	macs.virtual4 = macs.virtual6 = macs.own;
	if (__builtin_expect(config->vrrps != NULL, 0)) {
		macs.virtual4 = router_vrrp_mac(config->vrrps, from, AF_INET, macs.own);
		macs.virtual6 = router_vrrp_mac(config->vrrps, from, AF_INET6, macs.own);
	}
	piece.count4 = piece.count6 = 0;
	for (uint32_t i = 0; i < count; i++) {
		piece.data[i] = cat_data(lane, &desc[i]);
		piece.value[i] = FIB_NONE;
		__builtin_prefetch(piece.data[i] + ETHERNET, 1);
	}
	for (uint32_t i = 0; i < count; i++) {
		enum verdict verdict = classify(router, from, &macs, &desc[i], piece.data[i], &piece.value[i]);
		const uint8_t *ip = piece.data[i] + desc[i].l3;
		piece.verdict[i] = (uint8_t)verdict;
		if (verdict == FORWARD4) {
			piece.index4[piece.count4] = (uint8_t)i;
			piece.addr4[piece.count4++] = ntohl(raw32(ip + 16));
		} else if (verdict == FORWARD6) {
			piece.index6[piece.count6] = (uint8_t)i;
			piece.addr6[piece.count6++] = ip + 24;
		}
	}
	look_up(router->table, &piece, count);
	if (__builtin_expect(config->urpf[from], 0))
		check_sources(router, &piece, desc, from, config->urpf[from]);
	for (uint32_t i = 0; i < count; i++) {
		switch (piece.verdict[i]) {
		case FORWARD4:
			forward4(router, config, &desc[i], piece.data[i], from, piece.value[i]);
			break;
		case FORWARD6:
			forward6(router, config, &desc[i], piece.data[i], from, piece.value[i]);
			break;
		case CONTROL:
			control(router, &desc[i], from);
			break;
		default:
			cat_drop(lane, &desc[i], piece.value[i]);
		}
	}
	cat_stats_add(lane->stats, ROUTER_PACKETS4, piece.count4);
	cat_stats_add(lane->stats, ROUTER_PACKETS6, piece.count6);
}

void router_table_enter(struct router_lane *router)
{
	const struct router_config *config = router->lane->config;
	const struct router_table *table = atomic_load_explicit(&config->table, memory_order_acquire), *again = NULL;
	// The note must be seen before the pointer is read again: the control thread writes the pointer, then reads
	// notes.
	while (again != table) {
		again = table;
		atomic_store_explicit(&router->used_table, table, memory_order_seq_cst);
		table = atomic_load_explicit(&config->table, memory_order_seq_cst);
	}
	router->table = table;
}

void router_table_leave(struct router_lane *router)
{
	router->table = NULL;
	atomic_store_explicit(&router->used_table, NULL, memory_order_release);
}

void router_process(struct cat_lane *lane, struct cat_burst *burst)
{
	struct router_lane *router = lane->priv;
	router_table_enter(router);
	for (uint32_t i = 0; i < burst->count; i += PIECE) {
		uint32_t left = burst->count - i;
		process_piece(router, burst->desc + i, left < PIECE ? left : PIECE, burst->side);
	}
	router_table_leave(router);
}

bool router_route(void *user, const struct cat_addr *to, enum cat_side *ret_side, struct cat_addr *ret_next_hop)
{
	const struct router_lane *router = user;
	const struct router_table *table = router->table;
	uint16_t number;
	if (to->family == AF_INET) {
		uint32_t addr = cat_addr_ipv4(to);
		fib_lookup4(table->fib4, &addr, &number, 1);
	} else {
		const uint8_t *addr = to->byte;
		fib_lookup6(table->fib6, &addr, &number, 1);
	}
	if (number == FIB_NONE || table->target[number].kind > ROUTER_CONNECTED)
		return false;
	const struct router_target *target = &table->target[number];
	*ret_side = (enum cat_side)target->side;
	*ret_next_hop = *to;
	if (target->kind == ROUTER_GATEWAY) {
		const struct router_hop *hop = choose(table, target, raw32(to->byte));
		*ret_side = hop->side;
		*ret_next_hop = hop->addr;
	}
	return true;
}

bool router_proxies(void *user, enum cat_side side, const struct cat_addr *target)
{
	const struct router_lane *router = user;
	const struct router_config *config = router->lane->config;
	const struct router_vrrp *v = router_vrrp_of(config->vrrps, target);
	if (v)
		return v->side == side;
	// Out of a burst, where neighbours are sorted after a new configuration, nothing is known of routes.
	if (target->family != AF_INET || !config->proxy_arp[side] || !router->table)
		return false;
	uint32_t addr = cat_addr_ipv4(target);
	uint16_t number;
	fib_lookup4(router->table->fib4, &addr, &number, 1);
	if (number == FIB_NONE)
		return false;
	// Only what is elsewhere: who is on the link answers for himself.
	const struct router_target *to = &router->table->target[number];
	return to->kind <= ROUTER_CONNECTED && !(to->sides >> side & 1);
}

const struct cat_mac *router_answer_mac(void *user, enum cat_side side, const struct cat_addr *target)
{
	const struct router_lane *router = user;
	const struct router_config *config = router->lane->config;
	const struct router_vrrp *v = router_vrrp_of(config->vrrps, target);
	return v && v->side == side ? &v->mac : NULL;
}
