// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery (RFC 4861) as a router does it, and our part in duplicate address detection (RFC 4862).
#include "cat_csum.h"
#include "l3.h"

#define ND_SOLICITATION 135u
#define ND_ADVERTISEMENT 136u
#define ND_REDIRECT 137u
#define ND_SIZE 24u // with the target
#define ND_OPTION 8u
#define ND_OPTION_SOURCE 1u
#define ND_OPTION_TARGET 2u
#define ND_HOP_LIMIT 255u
#define ND_ROUTER 0x80u
#define ND_SOLICITED 0x40u
#define ND_OVERRIDE 0x20u
#define ND_FRAME (CAT_L3_ETHERNET + IPV6_HEADER + ND_SIZE + ND_OPTION)

static const uint8_t unspecified[16];
static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 0x01};

static struct cat_addr solicited_node(const uint8_t *target)
{
	struct cat_addr a = {.family = AF_INET6, .byte = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};
	memcpy(a.byte + 13, target + 13, 3);
	return a;
}

// RFC 2464, section 7.
static void multicast_mac(const uint8_t *group, uint8_t mac[6])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group + 12, 4);
}

struct nd_message {
	const uint8_t *to_mac; // NULL: from `dst`, a multicast address
	const uint8_t *src, *dst, *target;
	uint8_t type, flags;
	uint8_t option; // with our MAC; 0: none
};

// Returns the frame's length.
static uint16_t write_nd(uint8_t *frame, const struct cat_mac *mac, const struct nd_message *m)
{
	uint8_t *ip = frame + CAT_L3_ETHERNET, *message = ip + IPV6_HEADER;
	uint32_t size = ND_SIZE + (m->option ? ND_OPTION : 0u);
	if (m->to_mac)
		memcpy(frame, m->to_mac, 6);
	else
		multicast_mac(m->dst, frame);
	memcpy(frame + 6, mac->byte, 6);
	store16(frame + 12, ETHERTYPE_IPV6);
	store32(ip, 0x60000000u);
	store16(ip + 4, size);
	ip[6] = PROTOCOL_ICMPV6;
	ip[7] = ND_HOP_LIMIT;
	memcpy(ip + 8, m->src, 16);
	memcpy(ip + 24, m->dst, 16);
	memset(message, 0, size);
	message[0] = m->type;
	message[4] = m->flags;
	memcpy(message + 8, m->target, 16);
	if (m->option) {
		message[ND_SIZE] = m->option;
		message[ND_SIZE + 1] = 1;
		memcpy(message + ND_SIZE + 2, mac->byte, 6);
	}
	store_csum(message + 2, cat_csum_l4_ipv6(ip, message, size, PROTOCOL_ICMPV6));
	return (uint16_t)(CAT_L3_ETHERNET + IPV6_HEADER + size);
}

static bool send_nd(struct cat_l3 *l3, enum cat_side side, const struct nd_message *m)
{
	struct cat_desc desc;
	if (!cat_supply_peek(l3->lane, &desc))
		return false;
	desc.len = write_nd(cat_data(l3->lane, &desc), &l3_interface(l3, side)->mac, m);
	cat_emit_supply(l3->lane, &desc, side);
	l3_count(l3, m->type == ND_SOLICITATION ? CAT_L3_REQUESTS : CAT_L3_REPLIES);
	return true;
}

bool nd_ask(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *target, const uint8_t *mac)
{
	const struct cat_addr *source = cat_l3_source_for(l3_interface(l3, side), target);
	if (!source)
		return true;
	const struct cat_addr group = solicited_node(target->byte);
	return send_nd(l3, side,
		       &(struct nd_message){.to_mac = mac,
					    .src = source->byte,
					    .dst = mac ? target->byte : group.byte,
					    .target = target->byte,
					    .type = ND_SOLICITATION,
					    .option = ND_OPTION_SOURCE});
}

bool nd_announce(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *own, bool first)
{
	const struct cat_addr group = solicited_node(own->byte);
	if (first &&
	    !send_nd(l3, side,
		     &(struct nd_message){
			     .src = unspecified, .dst = group.byte, .target = own->byte, .type = ND_SOLICITATION}))
		return false;
	return send_nd(l3, side,
		       &(struct nd_message){.src = own->byte,
					    .dst = all_nodes,
					    .target = own->byte,
					    .type = ND_ADVERTISEMENT,
					    .flags = ND_ROUTER | ND_OVERRIDE,
					    .option = ND_OPTION_TARGET});
}

// What was received, validated.
struct nd_received {
	struct cat_addr src, dst, target;
	uint8_t type, flags;
	bool has_mac;
	uint8_t mac[6]; // of the link-layer address option
};

// RFC 4861, sections 7.1.1 and 7.1.2.
static bool validate(const uint8_t *ip, uint32_t size, struct nd_received *r)
{
	const uint8_t *message = ip + IPV6_HEADER;
	if (ip[6] != PROTOCOL_ICMPV6 || ip[7] != ND_HOP_LIMIT || message[1] != 0 || size < ND_SIZE ||
	    load16(ip + 4) != size || cat_csum_l4_ipv6(ip, message, size, PROTOCOL_ICMPV6) != 0)
		return false;
	*r = (struct nd_received){.src = addr6(ip + 8), .dst = addr6(ip + 24), .target = addr6(message + 8)};
	r->type = message[0];
	r->flags = message[4];
	bool unknown_source = memcmp(r->src.byte, unspecified, 16) == 0;
	if (r->target.byte[0] == 0xff || r->src.byte[0] == 0xff)
		return false;
	for (uint32_t at = ND_SIZE; at < size;) {
		uint32_t length = at + 2 <= size ? message[at + 1] * 8u : 0;
		if (length == 0 || at + length > size)
			return false;
		bool source = message[at] == ND_OPTION_SOURCE;
		if (source && unknown_source && r->type == ND_SOLICITATION)
			return false;
		if (message[at] == (r->type == ND_SOLICITATION ? ND_OPTION_SOURCE : ND_OPTION_TARGET)) {
			memcpy(r->mac, message + at + 2, 6);
			r->has_mac = true;
		}
		at += length;
	}
	if (r->has_mac && (r->mac[0] & 1))
		return false;
	if (r->type == ND_ADVERTISEMENT)
		return !unknown_source && !(r->dst.byte[0] == 0xff && (r->flags & ND_SOLICITED));
	struct cat_addr group = solicited_node(r->target.byte);
	return !unknown_source || cat_addr_equal(&r->dst, &group);
}

// Answers in the solicitation's own buffer.
static void answer(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side side, const struct nd_received *r)
{
	const struct cat_l3_interface *interface = l3_interface(l3, side);
	uint8_t *frame = cat_data(l3->lane, desc);
	bool unknown = memcmp(r->src.byte, unspecified, 16) == 0, own = cat_l3_is_own(interface, &r->target);
	const struct cat_addr *source = own ? &r->target : cat_l3_source_for(interface, &r->target);
	uint8_t to_mac[6];
	memcpy(to_mac, r->has_mac ? r->mac : frame + 6, 6);
	if (!source || (uint32_t)desc->off + ND_FRAME > l3->lane->stride) {
		cat_drop(l3->lane, desc, CAT_DROP_MALFORMED);
		return;
	}
	desc->len =
		write_nd(frame, l3_answer_mac(l3, side, &r->target),
			 &(struct nd_message){
				 .to_mac = unknown ? NULL : to_mac,
				 .src = source->byte,
				 .dst = unknown ? all_nodes : r->src.byte,
				 .target = r->target.byte,
				 .type = ND_ADVERTISEMENT,
				 .flags = (uint8_t)(ND_ROUTER | (unknown ? 0 : ND_SOLICITED) | (own ? ND_OVERRIDE : 0)),
				 .option = ND_OPTION_TARGET,
			 });
	desc->flags = 0;
	cat_emit(l3->lane, desc, side);
	l3_count(l3, CAT_L3_REPLIES);
}

static void input_solicitation(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from,
			       const struct nd_received *r)
{
	if (!l3_answers_for(l3, from, &r->target)) {
		cat_drop(l3->lane, desc, CAT_DROP_CONSUMED);
		return;
	}
	if (r->has_mac)
		neighbour_learn(l3, from, &r->src, r->mac, LEARNT_REQUEST, true);
	answer(l3, desc, from, r);
}

static void input_advertisement(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from,
				const struct nd_received *r)
{
	const struct cat_l3_interface *interface = l3_interface(l3, from);
	if (cat_l3_is_own(interface, &r->target)) {
		l3_conflict(l3, from);
	} else {
		bool solicited = (r->flags & ND_SOLICITED) && cat_l3_is_own(interface, &r->dst);
		neighbour_learn(l3, from, &r->target, r->has_mac ? r->mac : NULL,
				solicited ? LEARNT_REPLY : LEARNT_OTHER, r->flags & ND_OVERRIDE);
	}
	cat_drop(l3->lane, desc, CAT_DROP_CONSUMED);
}

bool nd_input(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from)
{
	const uint8_t *frame = cat_data(l3->lane, desc), *ip = frame + desc->l3;
	uint8_t type = frame[desc->l4];
	if (type != ND_SOLICITATION && type != ND_ADVERTISEMENT && type != ND_REDIRECT)
		return false;
	const struct cat_l3_interface *interface = l3_interface(l3, from);
	struct nd_received r;
	// A fragment header makes it void (RFC 6980); other extension headers have no use here. Routers ignore
	// redirects.
	if (!interface || type == ND_REDIRECT || (desc->flags & CAT_DESC_FRAG) || desc->l4 != desc->l3 + IPV6_HEADER ||
	    !validate(ip, (uint32_t)desc->len - desc->l4, &r)) {
		cat_drop(l3->lane, desc, l3_reason(l3, CAT_L3_DROP_BAD_NEIGHBOUR));
		return true;
	}
	if (memcmp(frame + 6, interface->mac.byte, 6) == 0)
		cat_drop(l3->lane, desc, CAT_DROP_CONSUMED); // our own, come back
	else if (r.type == ND_SOLICITATION)
		input_solicitation(l3, desc, from, &r);
	else
		input_advertisement(l3, desc, from, &r);
	return true;
}
