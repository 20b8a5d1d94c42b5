// SPDX-License-Identifier: BSD-3-Clause
// The formats of strings.
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cat_addr.h"
#include "cat_topology.h"
#include "schema.h"

static bool is_ip(const char *text)
{
	struct cat_addr addr;
	return cat_addr_parse(text, &addr) == 0;
}

static bool is_ipv4(const char *text)
{
	struct cat_addr addr;
	return cat_addr_parse(text, &addr) == 0 && addr.family == AF_INET;
}

static bool is_ipv6(const char *text)
{
	struct cat_addr addr;
	return cat_addr_parse(text, &addr) == 0 && addr.family == AF_INET6;
}

static bool is_prefix(const char *text)
{
	struct cat_prefix prefix;
	return cat_prefix_parse(text, &prefix) == 0;
}

static bool is_ipv4_prefix(const char *text)
{
	struct cat_prefix prefix;
	return cat_prefix_parse(text, &prefix) == 0 && prefix.addr.family == AF_INET;
}

static bool is_ipv6_prefix(const char *text)
{
	struct cat_prefix prefix;
	return cat_prefix_parse(text, &prefix) == 0 && prefix.addr.family == AF_INET6;
}

static bool is_address(const char *text)
{
	return strchr(text, '/') && is_prefix(text);
}

static bool is_mac(const char *text)
{
	struct cat_mac mac;
	return cat_mac_parse(text, &mac) == 0;
}

static bool parse_port(const char **text, unsigned *ret_port)
{
	size_t digits = strspn(*text, "0123456789");
	if (digits == 0 || digits > 5)
		return false;
	*ret_port = (unsigned)strtoul(*text, NULL, 10);
	*text += digits;
	return *ret_port <= 65535;
}

static bool is_port_range(const char *text)
{
	unsigned low, high;
	if (!parse_port(&text, &low))
		return false;
	high = low;
	if (*text == '-') {
		text++;
		if (!parse_port(&text, &high))
			return false;
	}
	return *text == '\0' && low <= high;
}

int cat_size_parse(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		unsigned shift = (unsigned)(unit - units + 1) * 10;
		if (value > UINT64_MAX >> shift)
			return -EINVAL;
		value <<= shift;
		end++;
		if (strcmp(end, "iB") == 0)
			end += 2;
	}
	if (*end)
		return -EINVAL;
	*ret_bytes = value;
	return 0;
}

static bool is_size(const char *text)
{
	uint64_t bytes;
	return cat_size_parse(text, &bytes) == 0;
}

static bool is_cpu_list(const char *text)
{
	uint32_t cpus[CAT_CPUS_MAX], count;
	return cat_cpu_list_parse(text, cpus, CAT_CPUS_MAX, &count) == 0 && count > 0;
}

static bool is_name(const char *text)
{
	size_t length = strlen(text);
	if (length == 0 || length > 32 || !islower((unsigned char)text[0]) || text[length - 1] == '-')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

const struct schema_format *schema_format_find(const char *name)
{
	static const struct schema_format formats[] = {
		{"ipv4", "an IPv4 address such as 192.0.2.1", is_ipv4},
		{"ipv6", "an IPv6 address such as 2001:db8::1", is_ipv6},
		{"ip", "an IPv4 or IPv6 address", is_ip},
		{"ipv4-prefix", "an IPv4 prefix such as 192.0.2.0/24", is_ipv4_prefix},
		{"ipv6-prefix", "an IPv6 prefix such as 2001:db8::/32", is_ipv6_prefix},
		{"prefix", "a prefix such as 192.0.2.0/24 or 2001:db8::/32", is_prefix},
		{"address", "an address with prefix length such as 192.0.2.1/24", is_address},
		{"mac", "a MAC address such as 02:00:00:00:00:01", is_mac},
		{"port-range", "a port or range such as \"80\" or \"1024-65535\"", is_port_range},
		{"size", "a size such as 64M or 2G", is_size},
		{"cpu-list", "a list of cores such as \"0-3,8\"", is_cpu_list},
		{"name", "a name of at most 32 lower-case letters, digits and dashes that begins with a letter",
		 is_name},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}
