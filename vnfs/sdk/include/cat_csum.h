// SPDX-License-Identifier: BSD-3-Clause
// Internet checksum (RFC 1071) and its incremental update (RFC 1624, equation 3). Values as they lie in the packet.
#ifndef CAT_CSUM_H
#define CAT_CSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Sum of 16-bit words over data, to be folded; `size` may be odd. Chainable through `sum` (at even offsets).
static inline uint64_t cat_csum_add(uint64_t sum, const void *data, size_t size)
{
	const uint8_t *p = data;
	for (; size >= 4; size -= 4, p += 4) {
		uint32_t w;
		memcpy(&w, p, 4);
		sum += w;
	}
	if (size >= 2) {
		uint16_t w;
		memcpy(&w, p, 2);
		sum += w;
		p += 2;
		size -= 2;
	}
	if (size) {
		uint16_t w = 0;
		memcpy(&w, p, 1);
		sum += w;
	}
	return sum;
}

static inline uint16_t cat_csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// The checksum of an IPv4 header whose checksum field is zero, or of any data.
static inline uint16_t cat_csum(const void *data, size_t size)
{
	return (uint16_t)~cat_csum_fold(cat_csum_add(0, data, size));
}

// HC' = ~(~HC + ~m + m'), RFC 1624 [Eqn. 3], for a 16-bit field.
static inline uint16_t cat_csum_update16(uint16_t csum, uint16_t from, uint16_t to)
{
	return (uint16_t)~cat_csum_fold((uint64_t)(uint16_t)~csum + (uint16_t)~from + to);
}

// The same for a 32-bit field.
static inline uint16_t cat_csum_update32(uint16_t csum, uint32_t from, uint32_t to)
{
	uint64_t sum = (uint16_t)~csum;
	sum += (uint16_t) ~(from & 0xffff) + (uint64_t)(uint16_t) ~(from >> 16);
	sum += (to & 0xffff) + (uint64_t)(to >> 16);
	return (uint16_t)~cat_csum_fold(sum);
}

// Whole TCP, UDP or ICMPv6 checksum with its pseudo-header, over l4_size bytes whose checksum field is zero.
// A UDP result of 0 is given as 0xffff (RFC 768) when protocol is 17.
uint16_t cat_csum_l4_ipv4(const void *ipv4_header, const void *l4, size_t l4_size, uint8_t protocol);
uint16_t cat_csum_l4_ipv6(const void *ipv6_header, const void *l4, size_t l4_size, uint8_t protocol);

#endif
