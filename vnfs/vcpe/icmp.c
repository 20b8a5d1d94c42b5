// SPDX-License-Identifier: BSD-3-Clause
#include "icmp.h"

#include "rewrite.h"

#define ICMP_HEADER 8u
#define IPV4_HEADER 20u
#define L4_QUOTED_MIN 8u // RFC 792
#define TCP_CSUM 16u

struct quoted {
	uint8_t *l3, *l4;
	uint32_t l4_size; // what there is of it
	uint8_t protocol;
	uint16_t source_port, destination_port;
};

static enum icmp_result find_quoted(uint8_t *l4, uint32_t size, struct quoted *ret)
{
	if (size < ICMP_HEADER + IPV4_HEADER + L4_QUOTED_MIN)
		return ICMP_MALFORMED;
	// RFC 5508, REQ-3: first our own checksum, then the quoted header's; never the quoted transport's.
	if (cat_csum(l4, size) != 0)
		return ICMP_BAD_CHECKSUM;
	uint8_t *l3 = l4 + ICMP_HEADER;
	uint32_t header = (l3[0] & 15u) * 4;
	if (l3[0] >> 4 != 4 || header < IPV4_HEADER || ICMP_HEADER + header + L4_QUOTED_MIN > size)
		return ICMP_MALFORMED;
	if (!ipv4_csum_ok(l3))
		return ICMP_BAD_CHECKSUM;
	// A later fragment quotes no ports.
	if (((l3[6] & 0x1f) | l3[7]) != 0)
		return ICMP_NO_SESSION;
	*ret = (struct quoted){
		.l3 = l3,
		.l4 = l3 + header,
		.l4_size = size - ICMP_HEADER - header,
		.protocol = l3[9],
	};
	if (ret->protocol == IPPROTO_TCP || ret->protocol == IPPROTO_UDP) {
		ret->source_port = load16(ret->l4);
		ret->destination_port = load16(ret->l4 + 2);
		return ICMP_TRANSLATED;
	}
	if (ret->protocol == IPPROTO_ICMP && (icmp_is_request(ret->l4[0]) || icmp_is_reply(ret->l4[0]))) {
		ret->source_port = ret->destination_port = load16(ret->l4 + 4);
		return ICMP_TRANSLATED;
	}
	return ICMP_NO_SESSION;
}

// address_at: which of the quoted packet's ends changes.
static void rewrite_quoted(const struct quoted *q, unsigned address_at, uint32_t address, uint16_t port)
{
	uint32_t address_delta = rewrite_delta32(load32(q->l3 + address_at), address);
	unsigned port_at = address_at == IPV4_SOURCE ? 0 : 2;
	uint16_t old_port = address_at == IPV4_SOURCE ? q->source_port : q->destination_port;
	uint32_t port_delta = rewrite_delta16(old_port, port);
	store32(q->l3 + address_at, address);
	rewrite_csum(q->l3 + 10, address_delta);
	if (q->protocol == IPPROTO_TCP && q->l4_size < TCP_CSUM + 2)
		store16(q->l4 + port_at, port); // the quote ends before the checksum
	else
		rewrite_transport(q->l4, q->protocol, port_at, port, address_delta, port_delta);
}

static void rewrite_outer(uint8_t *l3, uint8_t *l4, uint32_t size, unsigned address_at, uint32_t address)
{
	rewrite_csum(l3 + 10, rewrite_delta32(load32(l3 + address_at), address));
	store32(l3 + address_at, address);
	store16(l4 + 2, 0);
	store16(l4 + 2, cat_csum(l4, size));
}

enum icmp_result icmp_error_out(const struct nat *nat, uint8_t *l3, uint8_t *l4, uint32_t size, uint32_t *ret_hash)
{
	struct quoted q;
	enum icmp_result result = find_quoted(l4, size, &q);
	if (result != ICMP_TRANSLATED)
		return result;
	struct nat_key inner = {
		.near = load32(q.l3 + IPV4_DESTINATION),
		.far = load32(q.l3 + IPV4_SOURCE),
		.near_port = q.destination_port,
		.far_port = q.source_port,
		.protocol = q.protocol,
	};
	uint32_t index = nat_find_inner(nat, &inner);
	if (index == CAT_FLOW_NONE)
		return ICMP_NO_SESSION;
	const struct nat_session *session = nat_session(nat, index);
	rewrite_quoted(&q, IPV4_DESTINATION, session->address, session->port);
	// RFC 5508, REQ-5c: whoever in the LAN sent it, the outside sees the public address.
	rewrite_outer(l3, l4, size, IPV4_SOURCE, session->address);
	*ret_hash = session->outer_hash;
	return ICMP_TRANSLATED;
}

enum icmp_result icmp_error_in(const struct nat *nat, uint8_t *l3, uint8_t *l4, uint32_t size, uint32_t *ret_hash)
{
	struct quoted q;
	enum icmp_result result = find_quoted(l4, size, &q);
	if (result != ICMP_TRANSLATED)
		return result;
	struct nat_key outer = {
		.near = load32(q.l3 + IPV4_SOURCE),
		.far = load32(q.l3 + IPV4_DESTINATION),
		.near_port = q.source_port,
		.far_port = q.destination_port,
		.protocol = q.protocol,
	};
	uint32_t index = nat_find_outer(nat, &outer);
	if (index == CAT_FLOW_NONE)
		return ICMP_NO_SESSION;
	const struct nat_key *inner = nat_session_key(nat, index);
	rewrite_quoted(&q, IPV4_SOURCE, inner->near, inner->near_port);
	rewrite_outer(l3, l4, size, IPV4_DESTINATION, inner->near);
	*ret_hash = nat_session(nat, index)->inner_hash;
	return ICMP_TRANSLATED;
}
