// SPDX-License-Identifier: BSD-3-Clause
// Addresses in text and in network order: MAC, IPv4, IPv6 (RFC 4291, RFC 5952) and prefixes.
#ifndef CAT_ADDR_H
#define CAT_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cat_mac {
	uint8_t byte[6];
};

// IPv4 in the first four bytes when family is AF_INET. Network order.
struct cat_addr {
	uint8_t family; // AF_INET or AF_INET6, 0: none
	uint8_t byte[16];
};

struct cat_prefix {
	struct cat_addr addr;
	uint8_t length; // bits
};

// All return 0 or -EINVAL, accept nothing but the whole text, and leave the output untouched on failure.
int cat_mac_parse(const char *text, struct cat_mac *ret_mac);
int cat_addr_parse(const char *text, struct cat_addr *ret_addr);
// "192.0.2.1/24" (host bits kept), or a bare address (length 32 or 128).
int cat_prefix_parse(const char *text, struct cat_prefix *ret_prefix);

#define CAT_ADDR_TEXT_MAX 64
// Write to text (CAT_ADDR_TEXT_MAX bytes) and return it.
const char *cat_mac_format(const struct cat_mac *mac, char *text);
const char *cat_addr_format(const struct cat_addr *addr, char *text);
const char *cat_prefix_format(const struct cat_prefix *prefix, char *text);

// Clears the host bits.
void cat_prefix_mask(struct cat_prefix *prefix);
bool cat_prefix_contains(const struct cat_prefix *prefix, const struct cat_addr *addr);
bool cat_addr_equal(const struct cat_addr *a, const struct cat_addr *b);
// IPv4 as a number in host order; family must be AF_INET.
uint32_t cat_addr_ipv4(const struct cat_addr *addr);
struct cat_addr cat_addr_from_ipv4(uint32_t host_order);

#endif
