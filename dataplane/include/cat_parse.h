// SPDX-License-Identifier: BSD-3-Clause
// One parse per packet: finds L3 and L4, checks lengths, computes the symmetric flow hash.
// The dataplane calls it where a packet enters; whoever gets an unparsed or changed descriptor calls it again.
#ifndef CAT_PARSE_H
#define CAT_PARSE_H

#include "cat_abi.h"

// At most two VLAN tags (802.1Q, 802.1ad) and eight IPv6 extension headers are walked; more is CAT_DESC_BAD.
#define CAT_PARSE_VLANS_MAX 2
#define CAT_PARSE_EXTENSIONS_MAX 8

// Sets flags, l3, l4 and hash of desc from its data. Reads nothing beyond desc->len. Where the frame is
// longer than the IP packet (Ethernet padding), len is cut down to the packet's end.
//
// A sound IP header before a bad transport gives CAT_DESC_IPV4 (or IPV6) with CAT_DESC_BAD; l4 is then not set. With
// CAT_DESC_L4_UNKNOWN, l4 may equal len. Fragment headers of IPv6 packets that are whole (RFC 6946) are no fragments.
void cat_parse(struct cat_desc *desc, const uint8_t *data);

// Hash of the 5-tuple, the same in both directions (CRC32c based). Addresses and ports in network order; ports 0 where
// there are none. Fragments hash without ports, so that all of one packet meet the same lane. cat_parse takes the
// identifier of ICMP echo (and the other queries) for both ports, and gives an ICMP error the hash of the packet that
// it quotes. What is not IP, or is bad below the transport, has hash 0.
uint32_t cat_flow_hash4(uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, uint8_t protocol);
uint32_t cat_flow_hash6(const uint8_t src[16], const uint8_t dst[16], uint16_t sport, uint16_t dport, uint8_t protocol);

// The lane that a hash belongs to.
static inline uint32_t cat_lane_of(uint32_t hash, uint32_t lanes)
{
	return (uint32_t)(((uint64_t)hash * lanes) >> 32);
}

#endif
