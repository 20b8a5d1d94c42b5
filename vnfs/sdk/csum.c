// SPDX-License-Identifier: BSD-3-Clause
#include "cat_csum.h"

#include <arpa/inet.h>
#include <netinet/in.h>

// An all-zero UDP checksum means "none"; the equivalent all-ones value goes on the wire instead (RFC 768).
static uint16_t finish(uint64_t sum, uint8_t protocol)
{
	uint16_t csum = (uint16_t)~cat_csum_fold(sum);
	return csum == 0 && protocol == IPPROTO_UDP ? 0xffff : csum;
}

// RFC 9293, section 3.1: source, destination, zero, protocol, length.
uint16_t cat_csum_l4_ipv4(const void *ipv4_header, const void *l4, size_t l4_size, uint8_t protocol)
{
	uint64_t sum = cat_csum_add(0, (const uint8_t *)ipv4_header + 12, 8);
	sum += htons(protocol);
	sum += htons((uint16_t)l4_size);
	return finish(cat_csum_add(sum, l4, l4_size), protocol);
}

// RFC 8200, section 8.1: source, destination, 32-bit length, zero, next header.
uint16_t cat_csum_l4_ipv6(const void *ipv6_header, const void *l4, size_t l4_size, uint8_t protocol)
{
	uint64_t sum = cat_csum_add(0, (const uint8_t *)ipv6_header + 8, 32);
	sum += htonl((uint32_t)l4_size);
	sum += htons(protocol);
	return finish(cat_csum_add(sum, l4, l4_size), protocol);
}
