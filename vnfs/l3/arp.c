// SPDX-License-Identifier: BSD-3-Clause
// ARP (RFC 826) for IPv4 over Ethernet, with probes and announcements (RFC 5227).
#include "l3.h"

#define ARP_SIZE 28u
#define ARP_REQUEST 1u
#define ARP_REPLY 2u
// Offsets in the packet.
#define ARP_OPERATION 6u
#define ARP_SHA 8u
#define ARP_SPA 14u
#define ARP_THA 18u
#define ARP_TPA 24u

static const uint8_t fixed_part[6] = {0, 1, 8, 0, 6, 4}; // Ethernet, IPv4, their address lengths
static const uint8_t zero_mac[6];
static const uint8_t broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void write_arp(uint8_t *frame, const uint8_t *to, const struct cat_mac *mac, unsigned operation,
		      const uint8_t *spa, const uint8_t *target_mac, const uint8_t *tpa)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, mac->byte, 6);
	store16(frame + 12, ETHERTYPE_ARP);
	uint8_t *arp = frame + CAT_L3_ETHERNET;
	memcpy(arp, fixed_part, sizeof(fixed_part));
	store16(arp + ARP_OPERATION, operation);
	memcpy(arp + ARP_SHA, mac->byte, 6);
	memcpy(arp + ARP_SPA, spa, 4);
	memcpy(arp + ARP_THA, target_mac, 6);
	memcpy(arp + ARP_TPA, tpa, 4);
}

static bool send_request(struct cat_l3 *l3, enum cat_side side, const uint8_t *to, const uint8_t *spa,
			 const uint8_t *tpa)
{
	struct cat_desc desc;
	if (!cat_supply_peek(l3->lane, &desc))
		return false;
	write_arp(cat_data(l3->lane, &desc), to, &l3_interface(l3, side)->mac, ARP_REQUEST, spa, zero_mac, tpa);
	desc.len = CAT_L3_ETHERNET + ARP_SIZE;
	cat_emit_supply(l3->lane, &desc, side);
	l3_count(l3, CAT_L3_REQUESTS);
	return true;
}

bool arp_ask(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *target, const uint8_t *mac)
{
	const struct cat_addr *source = cat_l3_source_for(l3_interface(l3, side), target);
	// Without an address of our own there is no one to answer to; the entry times out like any other.
	if (!source)
		return true;
	return send_request(l3, side, mac ? mac : broadcast_mac, source->byte, target->byte);
}

bool arp_announce(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *own)
{
	return send_request(l3, side, broadcast_mac, own->byte, own->byte);
}

static void reply(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side side, const uint8_t *frame)
{
	uint8_t sha[6], spa[4], tpa[4];
	memcpy(sha, frame + CAT_L3_ETHERNET + ARP_SHA, 6);
	memcpy(spa, frame + CAT_L3_ETHERNET + ARP_SPA, 4);
	memcpy(tpa, frame + CAT_L3_ETHERNET + ARP_TPA, 4);
	const struct cat_addr target = addr4(tpa);
	write_arp(cat_data(l3->lane, desc), sha, l3_answer_mac(l3, side, &target), ARP_REPLY, tpa, sha, spa);
	desc->len = CAT_L3_ETHERNET + ARP_SIZE;
	desc->flags = 0;
	cat_emit(l3->lane, desc, side);
	l3_count(l3, CAT_L3_REPLIES);
}

bool arp_input(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from)
{
	const uint8_t *frame = cat_data(l3->lane, desc), *arp = frame + CAT_L3_ETHERNET;
	if (desc->len < CAT_L3_ETHERNET || load16(frame + 12) != ETHERTYPE_ARP)
		return false;
	const struct cat_l3_interface *interface = l3_interface(l3, from);
	if (desc->len < CAT_L3_ETHERNET + ARP_SIZE) {
		cat_drop(l3->lane, desc, CAT_DROP_MALFORMED);
		return true;
	}
	unsigned operation = load16(arp + ARP_OPERATION);
	uint8_t sha[6];
	memcpy(sha, arp + ARP_SHA, 6);
	const struct cat_addr spa = addr4(arp + ARP_SPA), tpa = addr4(arp + ARP_TPA);
	if (!interface || memcmp(arp, fixed_part, sizeof(fixed_part)) != 0 ||
	    (operation != ARP_REQUEST && operation != ARP_REPLY) || (sha[0] & 1) || memcmp(sha, zero_mac, 6) == 0) {
		cat_drop(l3->lane, desc, l3_reason(l3, CAT_L3_DROP_BAD_NEIGHBOUR));
		return true;
	}
	if (memcmp(sha, interface->mac.byte, 6) == 0) {
		// Our own, come back.
		cat_drop(l3->lane, desc, CAT_DROP_CONSUMED);
		return true;
	}
	bool for_us = l3_answers_for(l3, from, &tpa), probe = cat_addr_ipv4(&spa) == 0;
	if (cat_l3_is_own(interface, &spa)) {
		l3_conflict(l3, from);
	} else if (!probe) {
		bool to_us = memcmp(frame, interface->mac.byte, 6) == 0;
		enum neighbour_source source = LEARNT_OTHER;
		if (for_us && operation == ARP_REQUEST)
			source = LEARNT_REQUEST;
		else if (for_us && to_us)
			source = LEARNT_REPLY;
		neighbour_learn(l3, from, &spa, sha, source, true);
	}
	if (for_us && operation == ARP_REQUEST)
		reply(l3, desc, from, frame);
	else
		cat_drop(l3->lane, desc, CAT_DROP_CONSUMED);
	return true;
}
