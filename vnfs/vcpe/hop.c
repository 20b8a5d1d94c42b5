// SPDX-License-Identifier: BSD-3-Clause
// Packets that leave: to a neighbour, back as an ICMP message, or to the container's kernel.
#include "lane.h"

void hop_send4(struct packet *p, enum cat_side to, uint32_t next_hop)
{
	if (__builtin_expect(p->pieces != NULL, 0))
		vcpe_note_pieces(p, to, next_hop);
	const uint8_t *macs = p->own ? NULL : cat_l3_resolve4(p->v->cache, to, next_hop);
	if (__builtin_expect(macs != NULL, 1)) {
		cat_l3_frame(p->lane, p->desc, macs);
		cat_emit(p->lane, p->desc, to);
		return;
	}
	struct cat_addr addr = {.family = AF_INET};
	store32(addr.byte, next_hop);
	if (p->own)
		cat_l3_output_supply(p->v->l3, p->desc, to, &addr);
	else
		cat_l3_output(p->v->l3, p->desc, p->translated ? CAT_L3_NOBODY : p->from, to, &addr);
}

void hop_send6(struct packet *p, enum cat_side to, const uint8_t next_hop[16])
{
	const uint8_t *macs = p->own ? NULL : cat_l3_resolve6(p->v->cache, to, next_hop);
	if (__builtin_expect(macs != NULL, 1)) {
		cat_l3_frame(p->lane, p->desc, macs);
		cat_emit(p->lane, p->desc, to);
		return;
	}
	struct cat_addr addr = {.family = AF_INET6};
	memcpy(addr.byte, next_hop, 16);
	if (p->own)
		cat_l3_output_supply(p->v->l3, p->desc, to, &addr);
	else
		cat_l3_output(p->v->l3, p->desc, p->from, to, &addr);
}

void hop_refuse(struct packet *p, enum cat_icmp_error error, uint32_t argument, uint32_t reason)
{
	// A packet of our own lies in the supply buffer that the error would be made in.
	if (!p->own)
		cat_icmp_error(p->v->l3, p->desc, p->from, error, argument);
	packet_drop(p, reason);
}

void hop_echo(struct packet *p)
{
	if (p->own)
		packet_drop(p, VCPE_DROP_NO_SERVICE);
	else
		cat_icmp_echo_reply(p->v->l3, p->desc, p->from);
}

void hop_address_to_kernel(struct packet *p)
{
	uint8_t macs[12];
	memcpy(macs, p->config->lan.interface.mac.byte, 6);
	memcpy(macs + 6, vcpe_virtual_mac.byte, 6);
	cat_l3_frame(p->lane, p->desc, macs);
}
