// SPDX-License-Identifier: BSD-3-Clause
// Packets that wait for their next hop's MAC: copies in private memory, a list per neighbour. Their buffers have gone
// back, so that a neighbour that never answers holds nothing of the service's memory, and a crash loses no buffer.
#include <errno.h>
#include <stdlib.h>

#include "l3.h"

int wait_init(struct wait *wait, uint32_t neighbours, uint32_t room, struct cat_err *err)
{
	wait->room = room;
	wait->frames = malloc((size_t)CAT_L3_WAIT_MAX * room);
	wait->list = malloc(neighbours * sizeof(*wait->list));
	if (!wait->frames || !wait->list) {
		wait_finish(wait);
		return cat_err_set(err, -ENOMEM, "no memory for packets that wait");
	}
	for (uint32_t i = 0; i < neighbours; i++)
		wait->list[i] = (struct wait_list){.head = WAIT_NONE, .tail = WAIT_NONE};
	for (uint32_t i = 0; i < CAT_L3_WAIT_MAX; i++)
		wait->slot[i].next = i + 1 < CAT_L3_WAIT_MAX ? (uint16_t)(i + 1) : WAIT_NONE;
	wait->free = 0;
	return 0;
}

void wait_finish(struct wait *wait)
{
	free(wait->frames);
	free(wait->list);
	wait->frames = NULL;
	wait->list = NULL;
}

static uint8_t *frame_of(const struct wait *wait, uint16_t slot)
{
	return wait->frames + (size_t)slot * wait->room;
}

// Takes the oldest off the list; its contents stay valid until the next wait_add.
static uint16_t take(struct wait *wait, struct wait_list *list)
{
	uint16_t slot = list->head;
	list->head = wait->slot[slot].next;
	if (list->head == WAIT_NONE)
		list->tail = WAIT_NONE;
	list->count--;
	wait->slot[slot].next = wait->free;
	wait->slot[slot].used = false;
	wait->free = slot;
	return slot;
}

bool wait_add(struct cat_l3 *l3, uint32_t neighbour, const struct cat_desc *desc, enum cat_side from, bool own)
{
	struct wait *wait = &l3->wait;
	struct wait_list *list = &wait->list[neighbour];
	uint32_t len = (uint32_t)desc->len - desc->l3 + CAT_L3_ETHERNET;
	if (len > wait->room)
		return false;
	// RFC 1122, section 2.3.2.2, and RFC 4861, section 7.2.2: the newest are kept.
	if (list->count == CAT_L3_WAIT_PER_NEIGHBOUR) {
		take(wait, list);
		l3_count(l3, CAT_L3_WAIT_LOST);
	}
	uint16_t slot = wait->free;
	if (slot == WAIT_NONE)
		return false;
	struct wait_slot *s = &wait->slot[slot];
	wait->free = s->next;
	*s = (struct wait_slot){.desc = *desc,
				.neighbour = neighbour,
				.next = WAIT_NONE,
				.from = (uint8_t)from,
				.own = own,
				.used = true};
	const uint8_t *data = cat_data(l3->lane, desc);
	uint8_t *frame = frame_of(wait, slot);
	memcpy(frame, data, 12);
	memcpy(frame + CAT_L3_ETHERNET, data + desc->l3, len - CAT_L3_ETHERNET);
	s->desc.len = (uint16_t)len;
	s->desc.l4 = (uint8_t)(desc->l4 > desc->l3 ? desc->l4 - desc->l3 + CAT_L3_ETHERNET : 0);
	s->desc.l3 = CAT_L3_ETHERNET;
	s->desc.flags &= (uint16_t)~CAT_DESC_VLAN;
	if (list->tail == WAIT_NONE)
		list->head = slot;
	else
		wait->slot[list->tail].next = slot;
	list->tail = slot;
	list->count++;
	l3_count(l3, CAT_L3_WAITED);
	return true;
}

void wait_send(struct cat_l3 *l3, uint32_t neighbour)
{
	struct wait *wait = &l3->wait;
	struct wait_list *list = &wait->list[neighbour];
	if (!list->count)
		return;
	const struct neighbour_key *key = cat_flow_key(l3->table, neighbour);
	const struct neighbour *n = neighbour_at(l3, neighbour);
	enum cat_side side = (enum cat_side)key->side;
	const struct cat_l3_interface *interface = l3_interface(l3, side);
	while (list->count) {
		struct cat_desc desc;
		if (!cat_supply_peek(l3->lane, &desc)) {
			wait->retry = true;
			return;
		}
		uint16_t slot = take(wait, list);
		const struct wait_slot *s = &wait->slot[slot];
		if ((uint32_t)desc.off + s->desc.len > l3->lane->stride) {
			l3_count(l3, CAT_L3_WAIT_LOST);
			continue;
		}
		uint8_t *data = cat_data(l3->lane, &desc);
		memcpy(data, frame_of(wait, slot), s->desc.len);
		memcpy(data, n->word.mac, 6);
		memcpy(data + 6, interface->mac.byte, 6);
		store16(data + 12, key->family == AF_INET ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
		desc.len = s->desc.len;
		desc.hash = s->desc.hash;
		if (s->desc.hash) {
			desc.flags = s->desc.flags;
			desc.l3 = s->desc.l3;
			desc.l4 = s->desc.l4;
		}
		cat_emit_supply(l3->lane, &desc, side);
	}
}

void wait_drop(struct cat_l3 *l3, uint32_t neighbour, bool tell)
{
	struct wait *wait = &l3->wait;
	struct wait_list *list = &wait->list[neighbour];
	while (list->count) {
		uint16_t slot = take(wait, list);
		const struct wait_slot *s = &wait->slot[slot];
		l3_count(l3, CAT_L3_WAIT_LOST);
		if (!tell || s->own)
			continue;
		const uint8_t *frame = frame_of(wait, slot);
		const struct icmp_subject subject = {
			.ip = frame + CAT_L3_ETHERNET,
			.len = s->desc.len - CAT_L3_ETHERNET,
			.l4 = s->desc.l4 ? s->desc.l4 - CAT_L3_ETHERNET : 0u,
			.flags = s->desc.flags,
			.macs = frame,
			.from = (enum cat_side)s->from,
		};
		icmp_send_error(l3, &subject, CAT_ICMP_HOST_UNREACHABLE, 0);
	}
}
