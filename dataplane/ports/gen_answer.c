// SPDX-License-Identifier: BSD-3-Clause
#include "gen_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_parse.h"
#include "port.h"

#define ARP_BYTES 42u
#define PREFETCH 8u // packets ahead

static void exchange(uint8_t *p, uint8_t *q, uint32_t size)
{
	uint8_t keep[16];
	memcpy(keep, p, size);
	memcpy(p, q, size);
	memcpy(q, keep, size);
}

bool gen_answer_arp(uint8_t *data, uint32_t length, const struct cat_mac *mac)
{
	// Ethernet type; Ethernet and IPv4, lengths of their addresses; a request.
	static const uint8_t request[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
	uint8_t *sender_mac = data + 22, *sender = data + 28, *target_mac = data + 32, *target = data + 38;
	static const uint8_t none[4];
	if (length < ARP_BYTES || memcmp(data + 12, request, sizeof(request)) || !memcmp(sender, none, 4) ||
	    !memcmp(sender, target, 4))
		return false;
	memcpy(data, sender_mac, 6);
	memcpy(data + 6, mac->byte, 6);
	data[21] = 2;
	memcpy(target_mac, sender_mac, 6);
	memcpy(sender_mac, mac->byte, 6);
	exchange(sender, target, 4);
	return true;
}

bool gen_answer_reflect(uint8_t *data, const struct cat_desc *desc)
{
	bool ipv6 = desc->flags & CAT_DESC_IPV6, ports = desc->flags & (CAT_DESC_TCP | CAT_DESC_UDP);
	if (!(desc->flags & (CAT_DESC_IPV4 | CAT_DESC_IPV6)) || desc->l3 + (ipv6 ? 40u : 20u) > desc->len ||
	    desc->l3 < 14 || (ports && desc->l4 + 8u > desc->len))
		return false;
	exchange(data, data + 6, 6);
	uint8_t *ip = data + desc->l3;
	if (ipv6)
		exchange(ip + 8, ip + 24, 16);
	else
		exchange(ip + 12, ip + 16, 4);
	if (ports)
		exchange(data + desc->l4, data + desc->l4 + 2, 2);
	return true;
}

int gen_answers_init(struct gen_answers *answers, uint32_t size)
{
	*answers = (struct gen_answers){.size = 1};
	while (answers->size < size)
		answers->size *= 2;
	answers->desc = calloc(answers->size, sizeof(*answers->desc));
	return answers->desc ? 0 : -ENOMEM;
}

void gen_answers_take_in(struct gen_answers *answers, struct port_io *io, const struct cat_desc *desc, uint32_t count,
			 const struct cat_mac *mac, bool reflect)
{
	for (uint32_t i = 0; i < count; i++) {
		if (reflect && i + PREFETCH < count)
			__builtin_prefetch(region_buffer(io->region, desc[i + PREFETCH].buf) + desc[i + PREFETCH].off,
					   1);
		struct cat_desc d = desc[i];
		uint8_t *data = region_buffer(io->region, d.buf) + d.off;
		// What a function has made itself comes as it is.
		if (!(d.flags & CAT_DESC_PARSED))
			cat_parse(&d, data);
		bool answered = d.flags & CAT_DESC_OTHER ? gen_answer_arp(data, d.len, mac)
							 : reflect && gen_answer_reflect(data, &d);
		if (answered && answers->put - answers->taken < answers->size)
			answers->desc[answers->put++ & (answers->size - 1)] = d;
		else
			free_stack_push(io->free, d.buf);
	}
}

uint32_t gen_answers_give(struct gen_answers *answers, struct cat_desc *ret_desc, uint32_t max)
{
	uint32_t n = answers->put - answers->taken;
	if (n > max)
		n = max;
	for (uint32_t i = 0; i < n; i++)
		ret_desc[i] = answers->desc[answers->taken++ & (answers->size - 1)];
	return n;
}
