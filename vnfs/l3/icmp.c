// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors: when there may be one, what it quotes, and its way back.
#include "cat_csum.h"
#include "l3.h"

#define IPV4_ERROR_MAX 576u      // RFC 1812, section 4.3.2.3
#define IPV6_ERROR_MAX 1280u     // RFC 4443, section 2.4(c)
#define PRECEDENCE_CONTROL 0xc0u // RFC 1812, section 4.3.2.5
#define ERROR_COST_MILLI 1000u

static const struct {
	uint8_t type4, code4, type6, code6;
} kinds[CAT_ICMP_ERRORS] = {
	[CAT_ICMP_TIME_EXCEEDED] = {11, 0, 3, 0},   [CAT_ICMP_NO_ROUTE] = {3, 0, 1, 0},
	[CAT_ICMP_HOST_UNREACHABLE] = {3, 1, 1, 3}, [CAT_ICMP_PROTOCOL_UNREACHABLE] = {3, 2, 4, 1},
	[CAT_ICMP_PORT_UNREACHABLE] = {3, 3, 1, 4}, [CAT_ICMP_PROHIBITED] = {3, 13, 1, 1},
	[CAT_ICMP_REJECT] = {3, 1, 1, 6},           [CAT_ICMP_TOO_BIG] = {3, 4, 2, 0},
};

// RFC 1812, section 4.3.2.7.
static bool allowed4(const struct cat_l3 *l3, const struct icmp_subject *s)
{
	const uint8_t *ip = s->ip;
	const struct cat_addr src = addr4(ip + 12), dst = addr4(ip + 16);
	if ((load16(ip + 6) & 0x1fff) != 0 || ip[16] >= 224 || ip[12] >= 224 || ip[12] == 0 || ip[12] == 127)
		return false;
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		const struct cat_l3_interface *interface = l3_interface(l3, (enum cat_side)side);
		if (l3_is_subnet_broadcast(interface, &src) || l3_is_subnet_broadcast(interface, &dst))
			return false;
	}
	if (ip[9] != PROTOCOL_ICMP)
		return true;
	// Only queries may be answered by errors.
	if (!s->l4 || s->l4 >= s->len)
		return false;
	uint8_t type = ip[s->l4];
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

// RFC 4443, section 2.4(e).
static bool allowed6(const struct icmp_subject *s, enum cat_icmp_error error)
{
	static const uint8_t unspecified[16];
	const uint8_t *ip = s->ip;
	if (ip[8] == 0xff || memcmp(ip + 8, unspecified, 16) == 0)
		return false;
	if (ip[24] == 0xff && error != CAT_ICMP_TOO_BIG)
		return false;
	if ((s->flags & CAT_DESC_FRAG) && !s->l4)
		return false;
	// Error messages are the types below 128.
	return !(s->flags & CAT_DESC_ICMP) || (s->l4 < s->len && ip[s->l4] >= 128 && ip[s->l4] != 137);
}

static bool allowed(const struct cat_l3 *l3, const struct icmp_subject *s, enum cat_icmp_error error)
{
	bool ipv4 = s->flags & CAT_DESC_IPV4;
	if (s->len < (ipv4 ? IPV4_HEADER : IPV6_HEADER) || (s->flags & CAT_DESC_BAD))
		return false;
	if ((s->macs[0] & 1) && (ipv4 || error != CAT_ICMP_TOO_BIG))
		return false;
	const struct cat_addr src = ipv4 ? addr4(s->ip + 12) : addr6(s->ip + 8);
	for (unsigned side = 0; side < CAT_SIDES; side++)
		if (l3_answers_for(l3, (enum cat_side)side, &src))
			return false;
	return ipv4 ? allowed4(l3, s) : allowed6(s, error);
}

static bool take_token(struct cat_l3 *l3)
{
	uint32_t rate = l3->options.icmp_rate_pps / l3->lane->lanes, burst = l3->options.icmp_burst * 1000u;
	rate = rate ? rate : 1;
	uint64_t passed_us = l3->lane->now_us - l3->icmp_filled_us;
	// A token is 1000; what does not make a whole thousandth stays for the next time.
	uint64_t earned = passed_us > 60000000u ? burst : passed_us * rate / 1000;
	if (earned) {
		l3->icmp_filled_us = l3->lane->now_us - (passed_us > 60000000u ? 0 : passed_us * rate % 1000 / rate);
		uint64_t tokens = l3->icmp_tokens_milli + earned;
		l3->icmp_tokens_milli = (uint32_t)(tokens < burst ? tokens : burst);
	}
	if (l3->icmp_tokens_milli < ERROR_COST_MILLI) {
		l3_count(l3, CAT_L3_ICMP_LIMITED);
		return false;
	}
	l3->icmp_tokens_milli -= ERROR_COST_MILLI;
	return true;
}

bool icmp_way_back(const struct cat_l3 *l3, const struct cat_addr *to, enum cat_side from, enum cat_side *ret_side,
		   struct cat_addr *ret_next_hop)
{
	if (l3_is_link_local(to)) {
		*ret_side = from;
		*ret_next_hop = *to;
		return l3_interface(l3, from) != NULL;
	}
	if (l3->options.route)
		return l3->options.route(l3->options.user, to, ret_side, ret_next_hop);
	*ret_side = from;
	*ret_next_hop = (struct cat_addr){0};
	return l3_interface(l3, from) != NULL;
}

// RFC 1122, section 3.2.1.3, RFC 4443, section 2.2: the address that the packet was for if it is ours, else that of the
// interface by which the error leaves, else any.
static const struct cat_addr *source_of(const struct cat_l3 *l3, const struct cat_addr *to, enum cat_side side,
					struct cat_addr *dst)
{
	for (unsigned i = 0; i < CAT_SIDES; i++)
		if (l3_interface(l3, (enum cat_side)i) && cat_l3_is_own(l3_interface(l3, (enum cat_side)i), dst))
			return dst;
	const struct cat_addr *source = cat_l3_source_for(l3_interface(l3, side), to);
	enum cat_side other = side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT;
	if (!source && l3_interface(l3, other))
		source = cat_l3_source_for(l3_interface(l3, other), to);
	return source;
}

static uint32_t write_error4(struct cat_l3 *l3, uint8_t *ip, const struct icmp_subject *s, enum cat_icmp_error error,
			     uint32_t argument, const struct cat_addr *source)
{
	uint32_t room = IPV4_ERROR_MAX - IPV4_HEADER - ICMP_HEADER, quote = s->len < room ? s->len : room;
	uint8_t *icmp = ip + IPV4_HEADER;
	memcpy(icmp + ICMP_HEADER, s->ip, quote);
	store32(icmp, (uint32_t)kinds[error].type4 << 24 | (uint32_t)kinds[error].code4 << 16);
	store32(icmp + 4, error == CAT_ICMP_TOO_BIG ? argument & 0xffff : 0);
	store_csum(icmp + 2, cat_csum(icmp, ICMP_HEADER + quote));
	uint32_t total = IPV4_HEADER + ICMP_HEADER + quote;
	ip[0] = 0x45;
	ip[1] = (uint8_t)(PRECEDENCE_CONTROL | (s->ip[1] & 0x1e));
	store16(ip + 2, total);
	store16(ip + 4, l3->ipv4_id++);
	store16(ip + 6, 0);
	ip[8] = OUR_TTL;
	ip[9] = PROTOCOL_ICMP;
	store16(ip + 10, 0);
	memcpy(ip + 12, source->byte, 4);
	memcpy(ip + 16, s->ip + 12, 4);
	store_csum(ip + 10, cat_csum(ip, IPV4_HEADER));
	return total;
}

static uint32_t write_error6(uint8_t *ip, const struct icmp_subject *s, enum cat_icmp_error error, uint32_t argument,
			     const struct cat_addr *source)
{
	uint32_t room = IPV6_ERROR_MAX - IPV6_HEADER - ICMP_HEADER, quote = s->len < room ? s->len : room;
	uint8_t *icmp = ip + IPV6_HEADER;
	memcpy(icmp + ICMP_HEADER, s->ip, quote);
	store32(icmp, (uint32_t)kinds[error].type6 << 24 | (uint32_t)kinds[error].code6 << 16);
	store32(icmp + 4, error == CAT_ICMP_TOO_BIG || error == CAT_ICMP_PROTOCOL_UNREACHABLE ? argument : 0);
	store32(ip, 0x60000000u);
	store16(ip + 4, ICMP_HEADER + quote);
	ip[6] = PROTOCOL_ICMPV6;
	ip[7] = OUR_TTL;
	memcpy(ip + 24, s->ip + 8, 16);
	memcpy(ip + 8, source->byte, 16);
	store_csum(icmp + 2, cat_csum_l4_ipv6(ip, icmp, ICMP_HEADER + quote, PROTOCOL_ICMPV6));
	return IPV6_HEADER + ICMP_HEADER + quote;
}

void icmp_send_error(struct cat_l3 *l3, const struct icmp_subject *s, enum cat_icmp_error error, uint32_t argument)
{
	bool ipv4 = s->flags & CAT_DESC_IPV4;
	if (!allowed(l3, s, error))
		return;
	const struct cat_addr to = ipv4 ? addr4(s->ip + 12) : addr6(s->ip + 8);
	struct cat_addr dst = ipv4 ? addr4(s->ip + 16) : addr6(s->ip + 24), next_hop;
	enum cat_side side;
	if (!icmp_way_back(l3, &to, s->from, &side, &next_hop) || !l3_interface(l3, side))
		return;
	const struct cat_addr *source = source_of(l3, &to, side, &dst);
	struct cat_desc desc;
	if (!source || CAT_HEADROOM + CAT_L3_ETHERNET + IPV6_ERROR_MAX > l3->lane->stride || !take_token(l3) ||
	    !cat_supply_peek(l3->lane, &desc))
		return;
	uint8_t *frame = cat_data(l3->lane, &desc), *ip = frame + CAT_L3_ETHERNET;
	uint32_t size =
		ipv4 ? write_error4(l3, ip, s, error, argument, source) : write_error6(ip, s, error, argument, source);
	desc.len = (uint16_t)(CAT_L3_ETHERNET + size);
	desc.l3 = CAT_L3_ETHERNET;
	desc.flags = s->flags & (CAT_DESC_IPV4 | CAT_DESC_IPV6);
	l3_count(l3, CAT_L3_ICMP_SENT);
	if (next_hop.family) {
		cat_l3_output_supply(l3, &desc, side, &next_hop);
		return;
	}
	memcpy(frame, s->macs + 6, 6);
	memcpy(frame + 6, l3_interface(l3, side)->mac.byte, 6);
	store16(frame + 12, ipv4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	desc.flags = 0;
	cat_emit_supply(l3->lane, &desc, side);
}

void cat_icmp_error(struct cat_l3 *l3, const struct cat_desc *desc, enum cat_side from, enum cat_icmp_error error,
		    uint32_t argument)
{
	const uint8_t *data = cat_data(l3->lane, desc);
	const struct icmp_subject subject = {
		.ip = data + desc->l3,
		.len = (uint32_t)desc->len - desc->l3,
		.l4 = desc->l4 > desc->l3 ? (uint32_t)desc->l4 - desc->l3 : 0,
		.flags = desc->flags,
		.macs = data,
		.from = from,
	};
	icmp_send_error(l3, &subject, error, argument);
}
