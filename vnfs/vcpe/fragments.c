// SPDX-License-Identifier: BSD-3-Clause
// IPv4 fragments through the NAT (RFC 4787, REQ-14): the first one goes the way of a whole packet, and what was done to
// it is done to the others, in whatever order they come.
#include "lane.h"

static_assert(sizeof(struct vcpe_pieces) <= CAT_DATAGRAM_USER, "fits a datagram's entry");

static uint32_t hash_of(const uint8_t *l3)
{
	// As the parser does: fragments have no ports.
	return cat_flow_hash4(load32(l3 + IPV4_SOURCE), load32(l3 + IPV4_DESTINATION), 0, 0, l3[9]);
}

void vcpe_note_pieces(struct packet *p, enum cat_side to, uint32_t next_hop)
{
	const uint8_t *l3 = packet_l3(p);
	struct vcpe_pieces *pieces = p->pieces;
	pieces->source = load32(l3 + IPV4_SOURCE);
	pieces->destination = load32(l3 + IPV4_DESTINATION);
	pieces->next_hop = next_hop;
	pieces->to = (uint8_t)to;
	pieces->sent = true;
	if (p->from == CAT_RIGHT)
		pieces->host = pieces->destination;
	p->desc->flags |= CAT_DESC_FRAG;
	p->desc->hash = hash_of(l3);
}

// No error is sent about a fragment that is not the first (RFC 1122, section 3.2.2).
static void send_piece(struct packet *p, const struct vcpe_pieces *pieces)
{
	const struct vcpe_config *config = p->config;
	uint8_t *l3 = packet_l3(p);
	uint32_t source = load32(l3 + IPV4_SOURCE), destination = load32(l3 + IPV4_DESTINATION);
	uint16_t mtu = pieces->to == CAT_LEFT ? config->lan.interface.mtu : config->wan.interface.mtu;
	if (l3[8] <= 1) {
		packet_drop(p, VCPE_DROP_TTL);
		return;
	}
	if (packet_size(p) > mtu) {
		packet_drop(p, VCPE_DROP_TOO_BIG);
		return;
	}
	if (p->v->police.enabled && !vcpe_police(p, police_meters4(&p->v->police, pieces->host),
						 p->from == CAT_LEFT ? POLICE_UP : POLICE_DOWN)) {
		packet_drop(p, VCPE_DROP_POLICED);
		return;
	}
	store32(l3 + IPV4_SOURCE, pieces->source);
	store32(l3 + IPV4_DESTINATION, pieces->destination);
	l3[8]--;
	rewrite_csum(l3 + 10, rewrite_delta32(source, pieces->source) +
				      rewrite_delta32(destination, pieces->destination) + REWRITE_TTL_DELTA);
	p->desc->hash = hash_of(l3);
	p->translated = true;
	hop_send4(p, (enum cat_side)pieces->to, pieces->next_hop);
}

// The first fragment. False: it did not leave, and so none of the others does.
static bool send_first(struct packet *p, struct vcpe_pieces *pieces, void (*whole)(struct packet *p))
{
	p->pieces = pieces;
	pieces->host = load32(packet_l3(p) + IPV4_SOURCE);
	p->desc->flags &= (uint16_t)~CAT_DESC_FRAG;
	whole(p);
	p->pieces = NULL;
	return pieces->sent;
}

static void send_held(struct packet *p, uint32_t index, const struct vcpe_pieces *pieces)
{
	struct cat_desc desc;
	while (cat_fragments_next(&p->v->fragments, index, p->lane, &desc)) {
		struct packet held = {
			.lane = p->lane, .v = p->v, .config = p->config, .desc = &desc, .from = p->from, .own = true};
		send_piece(&held, pieces);
	}
}

void vcpe_fragment(struct packet *p, void (*whole)(struct packet *p))
{
	struct cat_fragments *fragments = &p->v->fragments;
	struct cat_fragment fragment;
	uint16_t reason = CAT_DROP_FRAGMENT;
	const uint8_t *frame = cat_data(p->lane, p->desc);
	// What the container's kernel sends lies in the supply buffer that copies would leave in.
	uint32_t index = p->own ? CAT_FLOW_NONE
				: cat_fragments_note(fragments, p->desc, frame, p->from, p->lane->now_us / 1000,
						     &fragment, &reason);
	if (index == CAT_FLOW_NONE) {
		packet_drop(p, reason);
		return;
	}
	struct cat_datagram *datagram = cat_datagram_at(fragments, index);
	struct vcpe_pieces *pieces = (struct vcpe_pieces *)datagram->user;
	if (fragment.start == 0) {
		if (!send_first(p, pieces, whole)) {
			cat_fragments_discard(fragments, index, CAT_DROP_FRAGMENT);
			return;
		}
		datagram->fate = CAT_FATE_PASS;
		send_held(p, index, pieces);
	} else if (datagram->fate == CAT_FATE_PASS) {
		send_piece(p, pieces);
	} else if (cat_fragments_hold(fragments, index, p->desc, frame)) {
		packet_count(p, VCPE_FRAGMENTS_HELD);
		packet_drop(p, CAT_DROP_CONSUMED);
		return;
	} else {
		cat_fragments_discard(fragments, index, CAT_DROP_FRAGMENT);
		packet_drop(p, CAT_DROP_FRAGMENT);
		return;
	}
	cat_fragments_settle(fragments, index);
}
