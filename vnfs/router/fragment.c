// SPDX-License-Identifier: BSD-3-Clause
// IPv4 fragmentation (RFC 791, section 3.2; RFC 1812, section 4.2.2.7): pieces go into buffers from supply.
#include "cat_csum.h"
#include "router.h"

#define MORE_FRAGMENTS 0x2000u
#define OFFSET_MASK 0x1fffu
#define HEADER_MAX 60u
#define OPTION_COPIED 0x80u

// The header of the later pieces: only options with the copied flag, padded. Returns its size.
static uint32_t later_header(const uint8_t *ip, uint32_t size, uint8_t *ret_header)
{
	uint32_t used = 20;
	memcpy(ret_header, ip, 20);
	for (uint32_t at = 20; at < size && ip[at] != 0;) {
		uint32_t n = ip[at] == 1 ? 1u : at + 1 < size ? ip[at + 1] : 0u;
		if (n == 0 || at + n > size)
			break;
		if (ip[at] & OPTION_COPIED) {
			memcpy(ret_header + used, ip + at, n);
			used += n;
		}
		at += n;
	}
	while (used % 4)
		ret_header[used++] = 0;
	ret_header[0] = (uint8_t)(0x40 | used / 4);
	return used;
}

void router_fragment(struct router_lane *router, struct cat_desc *desc, enum cat_side to,
		     const struct cat_addr *next_hop, uint32_t mtu)
{
	struct cat_lane *lane = router->lane;
	const uint8_t *ip = cat_data(lane, desc) + desc->l3;
	uint32_t size = (ip[0] & 15u) * 4u, total = (uint32_t)ip[2] << 8 | ip[3], field = (uint32_t)ip[6] << 8 | ip[7];
	uint8_t first[HEADER_MAX], later[HEADER_MAX];
	// Read again: the neighbour could have changed it since it was checked.
	if (size < 20 || total <= size || total > (uint32_t)desc->len - desc->l3) {
		cat_drop(lane, desc, CAT_DROP_MALFORMED);
		return;
	}
	memcpy(first, ip, size);
	uint32_t later_size = later_header(ip, size, later), data = total - size, header_size = size;
	const uint8_t *header = first;
	for (uint32_t at = 0; at < data;) {
		uint32_t piece = (mtu - header_size) & ~7u, left = data - at;
		bool last = left <= mtu - header_size;
		piece = last ? left : piece;
		struct cat_desc out;
		if (!cat_supply_peek(lane, &out) || out.off + CAT_L3_ETHERNET + header_size + piece > lane->stride) {
			cat_drop(lane, desc, ROUTER_DROP_MTU);
			return;
		}
		uint8_t *to_ip = cat_data(lane, &out) + CAT_L3_ETHERNET;
		memcpy(to_ip, header, header_size);
		memcpy(to_ip + header_size, ip + size + at, piece);
		uint32_t offset = (field & OFFSET_MASK) + at / 8;
		uint32_t flags = !last || (field & MORE_FRAGMENTS) ? MORE_FRAGMENTS : 0;
		to_ip[2] = (uint8_t)((header_size + piece) >> 8);
		to_ip[3] = (uint8_t)(header_size + piece);
		to_ip[6] = (uint8_t)((offset | flags) >> 8);
		to_ip[7] = (uint8_t)offset;
		memset(to_ip + 10, 0, 2);
		uint16_t csum = cat_csum(to_ip, header_size);
		memcpy(to_ip + 10, &csum, 2);
		out.len = (uint16_t)(CAT_L3_ETHERNET + header_size + piece);
		out.l3 = CAT_L3_ETHERNET;
		out.flags = CAT_DESC_IPV4;
		cat_l3_output_supply(router->l3, &out, to, next_hop);
		cat_stats_add(lane->stats, ROUTER_FRAGMENTS, 1);
		at += piece;
		header = later;
		header_size = later_size;
	}
	cat_stats_add(lane->stats, ROUTER_FRAGMENTED, 1);
	cat_drop(lane, desc, CAT_DROP_CONSUMED);
}
