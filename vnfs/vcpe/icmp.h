// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors through the NAT: the quoted packet is translated back (RFC 5508, REQ-3 to REQ-6).
#ifndef VCPE_ICMP_H
#define VCPE_ICMP_H

#include "nat.h"

enum icmp_result {
	ICMP_TRANSLATED,
	ICMP_MALFORMED,    // too short, or what it quotes is no packet
	ICMP_BAD_CHECKSUM, // its own, or the quoted header's
	ICMP_NO_SESSION,   // about nothing that we know
};

static inline bool icmp_is_error(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

// Queries that are mapped by identifier: echo, timestamp, address mask (RFC 792, RFC 950).
static inline bool icmp_is_request(uint8_t type)
{
	return type == 8 || type == 13 || type == 17;
}

static inline bool icmp_is_reply(uint8_t type)
{
	return type == 0 || type == 14 || type == 18;
}

// Translates the error in place: l3 is its IPv4 header, l4 the ICMP header, size the bytes from l4 on. Nothing is
// changed unless ICMP_TRANSLATED is given. The TTL stays. From the LAN: source becomes public, the quoted destination
// too.
enum icmp_result icmp_error_out(const struct nat *nat, uint8_t *l3, uint8_t *l4, uint32_t size, uint32_t *ret_hash);
// From outside (or hairpinned): destination becomes the LAN host, the quoted source too.
enum icmp_result icmp_error_in(const struct nat *nat, uint8_t *l3, uint8_t *l4, uint32_t size, uint32_t *ret_hash);

#endif
