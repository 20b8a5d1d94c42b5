// SPDX-License-Identifier: BSD-3-Clause
#include "cat_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int cat_mac_parse(const char *text, struct cat_mac *ret_mac)
{
	struct cat_mac mac;
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac.byte[i] = (uint8_t)(high << 4 | low);
	}
	*ret_mac = mac;
	return 0;
}

int cat_addr_parse(const char *text, struct cat_addr *ret_addr)
{
	struct cat_addr addr = {0};
	addr.family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(addr.family, text, addr.byte) != 1)
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

int cat_prefix_parse(const char *text, struct cat_prefix *ret_prefix)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';

	struct cat_prefix prefix;
	if (cat_addr_parse(address, &prefix.addr) < 0)
		return -EINVAL;
	unsigned bits_max = prefix.addr.family == AF_INET6 ? 128 : 32;
	unsigned bits = bits_max;
	if (slash) {
		const char *p = slash + 1;
		// Digits only, no leading zero: "08" would be somebody's mistake.
		if (*p < '0' || *p > '9' || (*p == '0' && p[1]))
			return -EINVAL;
		for (bits = 0; *p >= '0' && *p <= '9' && bits <= bits_max; p++)
			bits = bits * 10 + (unsigned)(*p - '0');
		if (*p || bits > bits_max)
			return -EINVAL;
	}
	prefix.length = (uint8_t)bits;
	*ret_prefix = prefix;
	return 0;
}

const char *cat_mac_format(const struct cat_mac *mac, char *text)
{
	const uint8_t *b = mac->byte;
	snprintf(text, CAT_ADDR_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return text;
}

const char *cat_addr_format(const struct cat_addr *addr, char *text)
{
	if (!addr->family || !inet_ntop(addr->family, addr->byte, text, CAT_ADDR_TEXT_MAX))
		snprintf(text, CAT_ADDR_TEXT_MAX, "none");
	return text;
}

const char *cat_prefix_format(const struct cat_prefix *prefix, char *text)
{
	cat_addr_format(&prefix->addr, text);
	size_t length = strlen(text);
	snprintf(text + length, CAT_ADDR_TEXT_MAX - length, "/%u", prefix->length);
	return text;
}

static size_t addr_bytes(const struct cat_addr *addr)
{
	return addr->family == AF_INET6 ? 16 : 4;
}

void cat_prefix_mask(struct cat_prefix *prefix)
{
	for (size_t i = 0; i < addr_bytes(&prefix->addr); i++) {
		unsigned first = (unsigned)i * 8;
		if (prefix->length <= first)
			prefix->addr.byte[i] = 0;
		else if (prefix->length < first + 8)
			prefix->addr.byte[i] &= (uint8_t)(0xff << (first + 8 - prefix->length));
	}
}

bool cat_prefix_contains(const struct cat_prefix *prefix, const struct cat_addr *addr)
{
	if (prefix->addr.family != addr->family)
		return false;
	struct cat_prefix a = *prefix, b = {.addr = *addr, .length = prefix->length};
	cat_prefix_mask(&a);
	cat_prefix_mask(&b);
	return cat_addr_equal(&a.addr, &b.addr);
}

bool cat_addr_equal(const struct cat_addr *a, const struct cat_addr *b)
{
	return a->family == b->family && (!a->family || memcmp(a->byte, b->byte, addr_bytes(a)) == 0);
}

uint32_t cat_addr_ipv4(const struct cat_addr *addr)
{
	const uint8_t *b = addr->byte;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

struct cat_addr cat_addr_from_ipv4(uint32_t host_order)
{
	struct cat_addr addr = {.family = AF_INET};
	for (unsigned i = 0; i < 4; i++)
		addr.byte[i] = (uint8_t)(host_order >> (24 - 8 * i));
	return addr;
}
