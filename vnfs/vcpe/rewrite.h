// SPDX-License-Identifier: BSD-3-Clause
// Changing headers in place with their checksums (RFC 1624, equation 3). Pointers into packets are unaligned.
#ifndef VCPE_REWRITE_H
#define VCPE_REWRITE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cat_csum.h"

#define IPV4_SOURCE 12u
#define IPV4_DESTINATION 16u

static inline uint16_t load16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void store32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

// HC' = ~(~HC + delta) where delta is the folded sum of ~m + m' of all that changed.
static inline void rewrite_csum(uint8_t *field, uint32_t delta)
{
	uint32_t sum = (uint16_t)~load16(field) + delta;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	store16(field, (uint16_t)~sum);
}

// UDP: 0 means that there is none, and stays; a computed 0 is sent as 0xffff (RFC 768).
static inline void rewrite_csum_udp(uint8_t *field, uint32_t delta)
{
	if (load16(field) == 0)
		return;
	rewrite_csum(field, delta);
	if (load16(field) == 0)
		store16(field, 0xffff);
}

// ~m + (m - 1) of the word that holds the TTL, as it lies in memory; little and big endian.
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define REWRITE_TTL_DELTA 0xfffeu
#else
#define REWRITE_TTL_DELTA 0xfeffu
#endif

// The transport's port and checksum. port_at: 0 source, 2 destination; for ICMP queries the identifier is meant.
static inline void rewrite_transport(uint8_t *l4, uint8_t protocol, unsigned port_at, uint16_t port,
				     uint32_t address_delta, uint32_t port_delta)
{
	if (protocol == IPPROTO_TCP) {
		store16(l4 + port_at, port);
		rewrite_csum(l4 + 16, address_delta + port_delta);
	} else if (protocol == IPPROTO_UDP) {
		store16(l4 + port_at, port);
		rewrite_csum_udp(l4 + 6, address_delta + port_delta);
	} else {
		// ICMP has no pseudo-header: the address is not part of its sum.
		store16(l4 + 4, port);
		rewrite_csum(l4 + 2, port_delta);
	}
}

// Address, TTL, port and all checksums of a packet that leaves the LAN (source) or enters it (destination).
static inline void rewrite_packet(uint8_t *l3, uint8_t *l4, unsigned address_at, uint32_t address, uint16_t port,
				  uint32_t address_delta, uint32_t port_delta, uint32_t ttl_step)
{
	store32(l3 + address_at, address);
	l3[8] = (uint8_t)(l3[8] - ttl_step);
	rewrite_csum(l3 + 10, address_delta + (ttl_step ? REWRITE_TTL_DELTA : 0));
	rewrite_transport(l4, l3[9], address_at == IPV4_SOURCE ? 0 : 2, port, address_delta, port_delta);
}

// The delta of changing a 32-bit value, a 16-bit value.
static inline uint32_t rewrite_delta32(uint32_t from, uint32_t to)
{
	uint64_t sum = (uint16_t) ~(from & 0xffff) + (uint64_t)(uint16_t) ~(from >> 16);
	return cat_csum_fold(sum + (to & 0xffff) + (to >> 16));
}

static inline uint32_t rewrite_delta16(uint16_t from, uint16_t to)
{
	return cat_csum_fold((uint64_t)(uint16_t)~from + to);
}

// Whether an IPv4 header's checksum is right.
static inline bool ipv4_csum_ok(const uint8_t *l3)
{
	if ((l3[0] & 15) == 5) {
		uint64_t sum =
			(uint64_t)load32(l3) + load32(l3 + 4) + load32(l3 + 8) + load32(l3 + 12) + load32(l3 + 16);
		return cat_csum_fold(sum) == 0xffff;
	}
	return cat_csum_fold(cat_csum_add(0, l3, (l3[0] & 15u) * 4)) == 0xffff;
}

#endif
