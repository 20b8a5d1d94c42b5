// SPDX-License-Identifier: BSD-3-Clause
// Packets for our own addresses: echo requests are answered in place, the rest is refused.
#include "cat_csum.h"
#include "l3.h"

#define ECHO_REQUEST4 8u
#define ECHO_REPLY4 0u
#define ECHO_REQUEST6 128u
#define ECHO_REPLY6 129u
#define PROTOCOL_HOP_BY_HOP 0u
#define PROTOCOL_ROUTING 43u
#define PROTOCOL_DESTINATION 60u
#define EXTENSIONS_MAX 8u

bool cat_icmp_is_echo_request(const struct cat_lane *lane, const struct cat_desc *desc)
{
	if (!(desc->flags & CAT_DESC_ICMP) || (desc->flags & (CAT_DESC_FRAG | CAT_DESC_BAD)))
		return false;
	const uint8_t *icmp = cat_data(lane, desc) + desc->l4;
	return icmp[0] == (desc->flags & CAT_DESC_IPV4 ? ECHO_REQUEST4 : ECHO_REQUEST6) && icmp[1] == 0;
}

// The header goes directly before the message: options and extension headers of the request are not sent back.
static void turn4(struct cat_l3 *l3, struct cat_desc *desc, uint32_t size)
{
	uint8_t *icmp = cat_data(l3->lane, desc) + desc->l4, *old = cat_data(l3->lane, desc) + desc->l3;
	uint8_t *ip = icmp - IPV4_HEADER, src[4], dst[4], tos = old[1], id[2];
	memcpy(src, old + 12, 4);
	memcpy(dst, old + 16, 4);
	memcpy(id, old + 4, 2);
	uint16_t csum;
	memcpy(&csum, icmp + 2, 2);
	icmp[0] = ECHO_REPLY4;
	store_csum(icmp + 2, cat_csum_update16(csum, htons(ECHO_REQUEST4 << 8), htons(ECHO_REPLY4 << 8)));
	ip[0] = 0x45;
	ip[1] = tos;
	store16(ip + 2, IPV4_HEADER + size);
	memcpy(ip + 4, id, 2);
	store16(ip + 6, 0);
	ip[8] = OUR_TTL;
	ip[9] = PROTOCOL_ICMP;
	store16(ip + 10, 0);
	memcpy(ip + 12, dst, 4);
	memcpy(ip + 16, src, 4);
	store_csum(ip + 10, cat_csum(ip, IPV4_HEADER));
	desc->l3 = (uint8_t)(desc->l4 - IPV4_HEADER);
}

static void turn6(struct cat_l3 *l3, struct cat_desc *desc, uint32_t size)
{
	uint8_t *icmp = cat_data(l3->lane, desc) + desc->l4, *old = cat_data(l3->lane, desc) + desc->l3;
	uint8_t *ip = icmp - IPV6_HEADER, src[16], dst[16], class = (uint8_t)(load16(old) >> 4);
	memcpy(src, old + 8, 16);
	memcpy(dst, old + 24, 16);
	uint16_t csum;
	memcpy(&csum, icmp + 2, 2);
	icmp[0] = ECHO_REPLY6;
	store_csum(icmp + 2, cat_csum_update16(csum, htons(ECHO_REQUEST6 << 8), htons(ECHO_REPLY6 << 8)));
	store32(ip, 0x60000000u | (uint32_t) class << 20);
	store16(ip + 4, size);
	ip[6] = PROTOCOL_ICMPV6;
	ip[7] = OUR_TTL;
	memcpy(ip + 8, dst, 16);
	memcpy(ip + 24, src, 16);
	desc->l3 = (uint8_t)(desc->l4 - IPV6_HEADER);
}

static bool csum_right(const uint8_t *ip, const uint8_t *icmp, uint32_t size, bool ipv4)
{
	return ipv4 ? cat_csum(icmp, size) == 0 : cat_csum_l4_ipv6(ip, icmp, size, PROTOCOL_ICMPV6) == 0;
}

void cat_icmp_echo_reply(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from)
{
	uint8_t *data = cat_data(l3->lane, desc), *ip = data + desc->l3, *icmp = data + desc->l4;
	bool ipv4 = desc->flags & CAT_DESC_IPV4;
	uint32_t size = (uint32_t)desc->len - desc->l4;
	// The offsets come from a neighbour: the new header must fit between the frame's header and the message.
	if (desc->l4 < CAT_L3_ETHERNET + (ipv4 ? IPV4_HEADER : IPV6_HEADER)) {
		cat_drop(l3->lane, desc, CAT_DROP_MALFORMED);
		return;
	}
	if (!csum_right(ip, icmp, size, ipv4)) {
		cat_drop(l3->lane, desc, l3_reason(l3, CAT_L3_DROP_BAD_CHECKSUM));
		return;
	}
	const struct cat_addr to = ipv4 ? addr4(ip + 12) : addr6(ip + 8);
	struct cat_addr next_hop;
	enum cat_side side;
	if (!icmp_way_back(l3, &to, from, &side, &next_hop)) {
		cat_drop(l3->lane, desc, l3_reason(l3, CAT_L3_DROP_NO_NEIGHBOUR));
		return;
	}
	uint8_t macs[12];
	memcpy(macs, data + 6, 6);
	if (ipv4)
		turn4(l3, desc, size);
	else
		turn6(l3, desc, size);
	l3_count(l3, CAT_L3_ECHO);
	if (next_hop.family) {
		cat_l3_output(l3, desc, from, side, &next_hop);
		return;
	}
	memcpy(macs + 6, l3_interface(l3, side)->mac.byte, 6);
	cat_l3_frame(l3->lane, desc, macs);
	cat_emit(l3->lane, desc, side);
}

// Offset of the field that names the transport, for ICMPv6's parameter problem.
static uint32_t next_header_field(const uint8_t *ip, uint32_t len)
{
	uint32_t field = 6, at = IPV6_HEADER;
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		uint8_t next = ip[field];
		if ((next != PROTOCOL_HOP_BY_HOP && next != PROTOCOL_ROUTING && next != PROTOCOL_DESTINATION) ||
		    at + 8 > len)
			return field;
		field = at;
		at += 8u + ip[at + 1] * 8u;
	}
	return field;
}

void cat_icmp_local(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from, uint32_t drop_reason)
{
	const uint8_t *ip = cat_data(l3->lane, desc) + desc->l3;
	uint32_t reason = drop_reason;
	if (desc->flags & CAT_DESC_FRAG) {
		reason = CAT_DROP_FRAGMENT;
	} else if (desc->flags & CAT_DESC_BAD) {
		reason = CAT_DROP_MALFORMED;
	} else if (cat_icmp_is_echo_request(l3->lane, desc)) {
		cat_icmp_echo_reply(l3, desc, from);
		return;
	} else if (desc->flags & (CAT_DESC_UDP | CAT_DESC_TCP)) {
		cat_icmp_error(l3, desc, from, CAT_ICMP_PORT_UNREACHABLE, 0);
	} else if (!(desc->flags & CAT_DESC_ICMP)) {
		uint32_t argument =
			desc->flags & CAT_DESC_IPV6 ? next_header_field(ip, (uint32_t)desc->len - desc->l3) : 0;
		cat_icmp_error(l3, desc, from, CAT_ICMP_PROTOCOL_UNREACHABLE, argument);
	}
	cat_drop(l3->lane, desc, reason);
}
