// SPDX-License-Identifier: BSD-3-Clause
// What both directions need.
#include <arpa/inet.h>

#include "lane.h"

#define TCP_OPTION_END 0u
#define TCP_OPTION_NOP 1u
#define TCP_OPTION_MSS 2u
#define TCP_HEADER 20u

bool vcpe_key(const struct cat_lane *lane, const struct cat_desc *desc, bool outbound, struct nat_key *ret_key)
{
	const uint16_t refused = CAT_DESC_FRAG | CAT_DESC_VLAN | CAT_DESC_BAD;
	if (!(desc->flags & CAT_DESC_IPV4) || (desc->flags & refused) || !desc_has_transport(desc))
		return false;
	const uint8_t *l3 = cat_data(lane, desc) + desc->l3, *l4 = cat_data(lane, desc) + desc->l4;
	uint32_t source = load32(l3 + IPV4_SOURCE), destination = load32(l3 + IPV4_DESTINATION);
	uint16_t source_port, destination_port;
	uint8_t protocol;
	if (__builtin_expect(desc->flags & CAT_DESC_ICMP, 0)) {
		if (outbound ? !icmp_is_request(l4[0]) : !icmp_is_reply(l4[0]))
			return false;
		source_port = destination_port = load16(l4 + 4);
		protocol = IPPROTO_ICMP;
	} else {
		source_port = load16(l4);
		destination_port = load16(l4 + 2);
		protocol = desc->flags & CAT_DESC_TCP ? IPPROTO_TCP : IPPROTO_UDP;
	}
	*ret_key = (struct nat_key){
		.near = outbound ? source : destination,
		.far = outbound ? destination : source,
		.near_port = outbound ? source_port : destination_port,
		.far_port = outbound ? destination_port : source_port,
		.protocol = protocol,
	};
	return true;
}

bool vcpe_is_host_address(uint32_t address)
{
	uint32_t host = ntohl(address);
	return host >> 24 != 0 && host >> 24 != 127 && host >> 28 < 14;
}

bool vcpe_clamp_mss(uint8_t *l4, uint32_t size, uint32_t mtu, uint32_t ip_header)
{
	uint32_t header = (l4[12] >> 4) * 4u;
	if (header > size || mtu < ip_header + TCP_HEADER)
		return false;
	uint16_t limit = (uint16_t)(mtu - ip_header - TCP_HEADER);
	for (uint32_t at = TCP_HEADER; at < header && l4[at] != TCP_OPTION_END;) {
		if (l4[at] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		uint32_t length = at + 1 < header ? l4[at + 1] : 0;
		if (length < 2 || at + length > header)
			return false;
		if (l4[at] != TCP_OPTION_MSS || length != 4) {
			at += length;
			continue;
		}
		uint16_t mss = (uint16_t)(l4[at + 2] << 8 | l4[at + 3]);
		if (mss <= limit)
			return false;
		// The option may begin at an odd offset: the sum then sees its bytes exchanged.
		bool odd = at % 2;
		uint16_t from = load16(l4 + at + 2), to = htons(limit);
		uint32_t delta = odd ? rewrite_delta16(__builtin_bswap16(from), __builtin_bswap16(to))
				     : rewrite_delta16(from, to);
		store16(l4 + at + 2, to);
		rewrite_csum(l4 + 16, delta);
		return true;
	}
	return false;
}

void vcpe_refuse(struct packet *p, enum nat_result result)
{
	static const uint32_t reason[] = {
		[NAT_NO_SESSION] = VCPE_DROP_NAT_NO_SESSION, [NAT_FILTERED] = VCPE_DROP_NAT_FILTERED,
		[NAT_QUOTA] = VCPE_DROP_NAT_QUOTA,           [NAT_PORTS] = VCPE_DROP_NAT_PORTS,
		[NAT_TABLE] = VCPE_DROP_NAT_TABLE,
	};
	// RFC 5508, REQ-8: who is refused for want of resources is told so (code 13). Strangers outside are told
	// nothing (RFC 5382, REQ-4 leaves that to policy).
	bool tell = p->from == CAT_LEFT && result != NAT_NO_SESSION && result != NAT_FILTERED;
	if (tell)
		hop_refuse(p, CAT_ICMP_PROHIBITED, 0, reason[result]);
	else
		packet_drop(p, reason[result]);
}

static void mark4(uint8_t *l3, int dscp)
{
	// The field's word is version, header length and traffic class; two bits of it are ECN's (RFC 3168).
	uint16_t from = load16(l3);
	l3[1] = (uint8_t)(dscp << 2 | (l3[1] & 3));
	rewrite_csum(l3 + 10, rewrite_delta16(from, load16(l3)));
}

static void mark6(uint8_t *l3, int dscp)
{
	uint8_t class = (uint8_t)(dscp << 2 | ((l3[1] >> 4) & 3));
	l3[0] = (uint8_t)((l3[0] & 0xf0) | class >> 4);
	l3[1] = (uint8_t)((l3[1] & 0x0f) | (class & 15) << 4);
}

bool vcpe_police(struct packet *p, struct police_meters *meters, enum police_direction direction)
{
	enum rte_color color = police_check(&p->v->police, meters, direction, p->lane->now_us, packet_size(p));
	if (color == RTE_COLOR_RED)
		return false;
	bool green = color == RTE_COLOR_GREEN;
	packet_count(p, green ? VCPE_POLICE_GREEN : VCPE_POLICE_YELLOW);
	int dscp = green ? p->config->police.dscp_green : p->config->police.dscp_yellow;
	if (dscp < 0)
		return true;
	if (p->desc->flags & CAT_DESC_IPV4)
		mark4(packet_l3(p), dscp);
	else
		mark6(packet_l3(p), dscp);
	return true;
}
