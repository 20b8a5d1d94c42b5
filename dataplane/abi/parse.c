// SPDX-License-Identifier: BSD-3-Clause
// Ethernet, IPv4 (RFC 791), IPv6 with its extension headers (RFC 8200), TCP, UDP, ICMP: where they begin, and whether
// their lengths agree. Everything is read through a cursor that knows the end of the packet.
#include "cat_parse.h"

#include <stdbool.h>
#include <string.h>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

#define ETHERNET_HEADER 14u
#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define TYPE_VLAN 0x8100u
#define TYPE_QINQ 0x88a8u

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define TCP_HEADER 20u
#define UDP_HEADER 8u
#define ICMP_HEADER 8u

enum protocol {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_DESTINATION = 60,
	PROTO_MOBILITY = 135,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

// Ports and IPv4 addresses stay in network order; only equality and a stable order matter for the hash.
static inline uint16_t raw16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t raw32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t raw64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t crc32c_64(uint32_t crc, uint64_t value)
{
#ifdef __SSE4_2__
	return (uint32_t)_mm_crc32_u64(crc, value);
#else
	crc ^= (uint32_t)value;
	for (unsigned word = 0; word < 2; word++) {
		for (unsigned bit = 0; bit < 32; bit++)
			crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
		if (word == 0)
			crc ^= (uint32_t)(value >> 32);
	}
	return crc;
#endif
}

uint32_t cat_flow_hash4(uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, uint8_t protocol)
{
	uint64_t a = (uint64_t)src << 16 | sport, b = (uint64_t)dst << 16 | dport;
	// The protocol rides in the empty upper bits of the first word.
	uint64_t low = (a < b ? a : b) | (uint64_t)protocol << 48, high = a < b ? b : a;
	return crc32c_64(crc32c_64(UINT32_MAX, low), high);
}

uint32_t cat_flow_hash6(const uint8_t src[16], const uint8_t dst[16], uint16_t sport, uint16_t dport, uint8_t protocol)
{
	int order = memcmp(src, dst, 16);
	bool swap = order > 0 || (order == 0 && sport > dport);
	const uint8_t *low = swap ? dst : src, *high = swap ? src : dst;
	uint64_t ports = (uint64_t)(swap ? dport : sport) << 16 | (swap ? sport : dport) | (uint64_t)protocol << 32;
	uint32_t crc = crc32c_64(UINT32_MAX, raw64(low));
	crc = crc32c_64(crc, raw64(low + 8));
	crc = crc32c_64(crc, raw64(high));
	crc = crc32c_64(crc, raw64(high + 8));
	return crc32c_64(crc, ports);
}

// A packet's transport as found so far. `at` is where it begins, `end` where the IP packet ends.
struct transport {
	const uint8_t *data;
	uint32_t at, end;
	uint8_t protocol;
	bool fragment, later; // a fragment; and not the first one
	bool bad;
	uint16_t sport, dport;
};

static uint16_t tcp_flags(struct transport *t)
{
	const uint8_t *p = t->data + t->at;
	uint32_t left = t->end - t->at;
	if (left < TCP_HEADER || (p[12] >> 4) * 4u < TCP_HEADER || (p[12] >> 4) * 4u > left)
		return CAT_DESC_BAD;
	t->sport = raw16(p);
	t->dport = raw16(p + 2);
	return CAT_DESC_TCP;
}

static uint16_t udp_flags(struct transport *t)
{
	const uint8_t *p = t->data + t->at;
	uint32_t left = t->end - t->at;
	if (left < UDP_HEADER)
		return CAT_DESC_BAD;
	// The first fragment's length covers the whole datagram.
	uint32_t length = be16(p + 4);
	if (length < UDP_HEADER || (length > left && !t->fragment))
		return CAT_DESC_BAD;
	t->sport = raw16(p);
	t->dport = raw16(p + 2);
	return CAT_DESC_UDP;
}

static bool icmp_has_identifier(uint8_t protocol, uint8_t type)
{
	if (protocol == PROTO_ICMPV6)
		return type == 128 || type == 129;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

static uint16_t icmp_flags(struct transport *t)
{
	if (t->end - t->at < ICMP_HEADER)
		return CAT_DESC_BAD;
	const uint8_t *p = t->data + t->at;
	if (icmp_has_identifier(t->protocol, p[0]) && !t->fragment)
		t->sport = t->dport = raw16(p + 4);
	return CAT_DESC_ICMP;
}

static uint16_t transport_flags(struct transport *t, bool ipv6)
{
	uint16_t flags = t->fragment ? CAT_DESC_FRAG : 0;
	if (t->bad)
		return flags | CAT_DESC_BAD;
	if (t->later)
		return flags;
	if (t->protocol == PROTO_TCP)
		flags |= tcp_flags(t);
	else if (t->protocol == PROTO_UDP)
		flags |= udp_flags(t);
	else if (t->protocol == (ipv6 ? PROTO_ICMPV6 : PROTO_ICMP))
		flags |= icmp_flags(t);
	else
		flags |= CAT_DESC_L4_UNKNOWN;
	if (t->fragment)
		t->sport = t->dport = 0;
	return flags;
}

// Finds the IPv4 payload. False: not a sound IPv4 header. An inner header (quoted by an ICMP error) may be cut off.
static bool find_ipv4(const uint8_t *data, uint32_t l3, uint32_t len, bool inner, struct transport *ret_t)
{
	const uint8_t *p = data + l3;
	uint32_t left = len - l3;
	if (left < IPV4_HEADER || p[0] >> 4 != 4)
		return false;
	uint32_t header = (p[0] & 15u) * 4, total = be16(p + 2);
	if (header < IPV4_HEADER || header > left || total < header || (total > left && !inner))
		return false;
	uint16_t fragment = be16(p + 6);
	*ret_t = (struct transport){
		.data = data,
		.at = l3 + header,
		.end = l3 + (total < left ? total : left),
		.protocol = p[9],
		.fragment = (fragment & 0x3fff) != 0, // more fragments, or an offset
		.later = (fragment & 0x1fff) != 0,
	};
	return true;
}

static bool is_extension(uint8_t protocol)
{
	switch (protocol) {
	case PROTO_HOP_BY_HOP:
	case PROTO_ROUTING:
	case PROTO_FRAGMENT:
	case PROTO_AH:
	case PROTO_DESTINATION:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return true;
	default:
		return false;
	}
}

// Walks extension headers (RFC 8200, section 4) from t->at. A fragment beyond the first ends the walk.
static void walk_extensions(struct transport *t)
{
	for (unsigned i = 0; is_extension(t->protocol); i++) {
		const uint8_t *p = t->data + t->at;
		uint32_t left = t->end - t->at;
		// Hop-by-hop options come right behind the IPv6 header or not at all (section 4.1).
		if (i == CAT_PARSE_EXTENSIONS_MAX || left < 8 || (t->protocol == PROTO_HOP_BY_HOP && i > 0)) {
			t->bad = true;
			return;
		}
		uint32_t size = (p[1] + 1u) * 8;
		if (t->protocol == PROTO_AH)
			size = (p[1] + 2u) * 4; // RFC 4302, section 2.2
		if (t->protocol == PROTO_FRAGMENT) {
			uint16_t fragment = be16(p + 2);
			size = 8;
			// Neither an offset nor more to come: a whole packet (RFC 6946).
			t->fragment |= (fragment & 0xfff9) != 0;
			t->later = (fragment & 0xfff8) != 0;
		}
		if (size > left) {
			t->bad = true;
			return;
		}
		t->protocol = p[0];
		t->at += size;
		if (t->later)
			return;
	}
}

static bool find_ipv6(const uint8_t *data, uint32_t l3, uint32_t len, bool inner, struct transport *ret_t)
{
	const uint8_t *p = data + l3;
	uint32_t left = len - l3;
	if (left < IPV6_HEADER || p[0] >> 4 != 6)
		return false;
	uint32_t total = IPV6_HEADER + be16(p + 4);
	if (total > left && !inner)
		return false;
	*ret_t = (struct transport){
		.data = data,
		.at = l3 + IPV6_HEADER,
		.end = l3 + (total < left ? total : left),
		.protocol = p[6],
	};
	walk_extensions(ret_t);
	return true;
}

static uint32_t hash_ipv4(const uint8_t *p, const struct transport *t)
{
	return cat_flow_hash4(raw32(p + 12), raw32(p + 16), t->sport, t->dport, t->protocol);
}

static uint32_t hash_ipv6(const uint8_t *p, const struct transport *t)
{
	return cat_flow_hash6(p + 8, p + 24, t->sport, t->dport, t->protocol);
}

// The hash of the packet that an ICMP error quotes, so that the error meets the lane of the flow that it is about.
// False: no error, or nothing usable is quoted.
static bool hash_quoted(const struct transport *outer, bool ipv6, uint32_t *ret_hash)
{
	const uint8_t *data = outer->data;
	uint8_t type = data[outer->at];
	bool error = ipv6 ? type >= 1 && type <= 4 : (type >= 3 && type <= 5) || type == 11 || type == 12;
	if (!error)
		return false;
	uint32_t l3 = outer->at + ICMP_HEADER;
	struct transport t;
	if (!(ipv6 ? find_ipv6 : find_ipv4)(data, l3, outer->end, true, &t) || t.bad)
		return false;
	bool has_ports = t.protocol == PROTO_TCP || t.protocol == PROTO_UDP;
	bool is_icmp = t.protocol == (ipv6 ? PROTO_ICMPV6 : PROTO_ICMP);
	// RFC 792 promises no more than eight bytes of what was quoted.
	if (!t.fragment && t.end - t.at >= 8) {
		const uint8_t *p = data + t.at;
		if (has_ports) {
			t.sport = raw16(p);
			t.dport = raw16(p + 2);
		} else if (is_icmp && icmp_has_identifier(t.protocol, p[0])) {
			t.sport = t.dport = raw16(p + 4);
		}
	}
	*ret_hash = ipv6 ? hash_ipv6(data + l3, &t) : hash_ipv4(data + l3, &t);
	return true;
}

// Steps over VLAN tags. Returns the EtherType and moves *at behind it; -1: too short, or too many tags.
static int find_type(const uint8_t *data, uint32_t len, uint32_t *at, uint16_t *ret_vlan)
{
	if (len < ETHERNET_HEADER)
		return -1;
	uint16_t type = be16(data + 12);
	*at = ETHERNET_HEADER;
	for (unsigned tags = 0; type == TYPE_VLAN || type == TYPE_QINQ; tags++) {
		if (tags == CAT_PARSE_VLANS_MAX || len - *at < 4)
			return -1;
		*ret_vlan = CAT_DESC_VLAN;
		type = be16(data + *at + 2);
		*at += 4;
	}
	return type;
}

void cat_parse(struct cat_desc *desc, const uint8_t *data)
{
	uint32_t l3 = 0, len = desc->len;
	uint16_t vlan = 0;
	desc->hash = 0;
	desc->l3 = desc->l4 = 0;
	int type = find_type(data, len, &l3, &vlan);
	desc->flags = vlan | CAT_DESC_BAD;
	if (type < 0)
		return;
	desc->l3 = (uint8_t)l3;
	bool ipv6 = type == TYPE_IPV6;
	if (!ipv6 && type != TYPE_IPV4) {
		desc->flags = vlan | CAT_DESC_OTHER;
		return;
	}
	struct transport t;
	if (!(ipv6 ? find_ipv6 : find_ipv4)(data, l3, len, false, &t))
		return;
	uint16_t flags = transport_flags(&t, ipv6);
	if (t.at > UINT8_MAX)
		flags = (uint16_t)((flags & CAT_DESC_FRAG) | CAT_DESC_BAD);
	else if (!(flags & CAT_DESC_BAD) && !t.later)
		desc->l4 = (uint8_t)t.at;
	// What lies behind the IP packet is Ethernet padding.
	if (!ipv6)
		desc->len = (uint16_t)(l3 + be16(data + l3 + 2));
	else
		desc->len = (uint16_t)(l3 + IPV6_HEADER + be16(data + l3 + 4));
	if (!(flags & CAT_DESC_ICMP) || t.fragment || !hash_quoted(&t, ipv6, &desc->hash))
		desc->hash = ipv6 ? hash_ipv6(data + l3, &t) : hash_ipv4(data + l3, &t);
	desc->flags = vlan | flags | (ipv6 ? CAT_DESC_IPV6 : CAT_DESC_IPV4);
}
