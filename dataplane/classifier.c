// SPDX-License-Identifier: BSD-3-Clause
#include "classifier.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cat_addr.h"

#define PROTOCOL_ANY -1
#define VLAN_ANY -1

struct prefixes {
	uint32_t count;
	struct cat_prefix *item;
};

struct range {
	uint16_t low, high;
};

struct ranges {
	uint32_t count;
	struct range *item;
};

// As seen from the left end. An empty list accepts everything.
struct match {
	struct prefixes address[CAT_SIDES]; // source, destination
	struct ranges ports[CAT_SIDES];
	int protocol, vlan;
	bool any; // nothing to look at
};

struct port_ends {
	uint32_t count;
	uint32_t end[CLASSIFIER_ENDS_MAX];
};

struct classifier {
	uint32_t paths, ports;
	struct match *match;       // paths
	struct port_ends *of_port; // ports
};

// What a match looks at, found once per packet.
struct key {
	struct cat_addr address[CAT_SIDES];
	uint16_t port[CAT_SIDES];
	bool has_ports;
	int protocol; // PROTOCOL_ANY: not IP
	int vlan;     // VLAN_ANY: no tag
};

static int read_prefixes(const struct cat_node *match, const char *key, struct prefixes *ret, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = cat_node_read_list(match, key, CAT_OPTIONAL, &list, err);
	if (r < 0 || !list)
		return r;
	if (list->count > CLASSIFIER_PREFIXES_MAX)
		return cat_node_error(list, err, "found %zu prefixes, expected at most %u", list->count,
				      CLASSIFIER_PREFIXES_MAX);
	ret->item = calloc(list->count ? list->count : 1, sizeof(*ret->item));
	if (!ret->item)
		return cat_err_set(err, -ENOMEM, "no memory for %zu prefixes", list->count);
	for (const struct cat_node *n = list->first; n; n = n->next) {
		struct cat_prefix *p = &ret->item[ret->count];
		if (n->type != CAT_STRING || cat_prefix_parse(n->string, p) < 0)
			return cat_node_error(n, err, "expected a prefix such as 192.0.2.0/24");
		cat_prefix_mask(p);
		ret->count++;
	}
	return 0;
}

static int parse_port(const char *text, char **end, uint16_t *ret_port)
{
	if (*text < '0' || *text > '9')
		return -EINVAL;
	unsigned long v = strtoul(text, end, 10);
	if (v > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)v;
	return 0;
}

static int parse_range(const char *text, struct range *ret)
{
	char *end;
	if (parse_port(text, &end, &ret->low) < 0)
		return -EINVAL;
	ret->high = ret->low;
	if (*end == '-' && parse_port(end + 1, &end, &ret->high) < 0)
		return -EINVAL;
	return *end || ret->high < ret->low ? -EINVAL : 0;
}

static int read_ranges(const struct cat_node *match, const char *key, struct ranges *ret, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = cat_node_read_list(match, key, CAT_OPTIONAL, &list, err);
	if (r < 0 || !list)
		return r;
	if (list->count > CLASSIFIER_RANGES_MAX)
		return cat_node_error(list, err, "found %zu ranges, expected at most %u", list->count,
				      CLASSIFIER_RANGES_MAX);
	ret->item = calloc(list->count ? list->count : 1, sizeof(*ret->item));
	if (!ret->item)
		return cat_err_set(err, -ENOMEM, "no memory for %zu port ranges", list->count);
	for (const struct cat_node *n = list->first; n; n = n->next) {
		struct range *range = &ret->item[ret->count++];
		if (n->type == CAT_INT && n->integer >= 0 && n->integer <= UINT16_MAX)
			*range = (struct range){(uint16_t)n->integer, (uint16_t)n->integer};
		else if (n->type != CAT_STRING || parse_range(n->string, range) < 0)
			return cat_node_error(n, err, "expected a port or a range such as \"1024-65535\"");
	}
	return 0;
}

static int read_protocol(const struct cat_node *match, int *ret, struct cat_err *err)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {{"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"icmpv6", 58}};
	const struct cat_node *n = cat_node_get(match, "protocol");
	if (!n)
		return 0;
	if (n->type == CAT_INT && n->integer >= 0 && n->integer <= UINT8_MAX) {
		*ret = (int)n->integer;
		return 0;
	}
	for (size_t i = 0; n->type == CAT_STRING && i < CAT_ARRAY_LEN(names); i++)
		if (!strcmp(n->string, names[i].name)) {
			*ret = names[i].number;
			return 0;
		}
	return cat_node_error(n, err, "expected tcp, udp, icmp, icmpv6 or a number up to 255");
}

static int read_match(const struct cat_node *path, struct match *ret, struct cat_err *err)
{
	const struct cat_node *match = cat_node_get(path, "match");
	*ret = (struct match){.protocol = PROTOCOL_ANY, .vlan = VLAN_ANY, .any = true};
	if (!match || match->type == CAT_NULL)
		return 0;
	if (match->type != CAT_MAP)
		return cat_node_error(match, err, "expected a map, or null for everything");
	int64_t vlan = VLAN_ANY;
	int r = read_prefixes(match, "source", &ret->address[0], err);
	if (r == 0)
		r = read_prefixes(match, "destination", &ret->address[1], err);
	if (r == 0)
		r = read_ranges(match, "source_ports", &ret->ports[0], err);
	if (r == 0)
		r = read_ranges(match, "destination_ports", &ret->ports[1], err);
	if (r == 0)
		r = read_protocol(match, &ret->protocol, err);
	if (r == 0)
		r = cat_node_read_int(match, "vlan", CAT_OPTIONAL, 0, 4095, &vlan, err);
	ret->vlan = (int)vlan;
	ret->any = ret->vlan == VLAN_ANY && ret->protocol == PROTOCOL_ANY && !ret->address[0].count &&
		   !ret->address[1].count && !ret->ports[0].count && !ret->ports[1].count;
	return r;
}

struct classifier *classifier_create(const struct cat_node *paths, const uint32_t *ports, uint32_t port_count,
				     struct cat_err *err)
{
	if (!paths || paths->count > CAT_PATHS_MAX) {
		cat_err_set(err, -EINVAL, "found %zu paths, expected at most %u", paths ? paths->count : 0,
			    CAT_PATHS_MAX);
		return NULL;
	}
	struct classifier *c = calloc(1, sizeof(*c));
	if (c) {
		c->paths = (uint32_t)paths->count;
		c->ports = port_count;
		c->match = calloc(c->paths + 1, sizeof(*c->match));
		c->of_port = calloc(port_count + 1, sizeof(*c->of_port));
	}
	if (!c || !c->match || !c->of_port) {
		cat_err_set(err, -ENOMEM, "no memory for %zu paths", paths->count);
		classifier_destroy(c);
		return NULL;
	}
	uint32_t i = 0;
	for (const struct cat_node *path = paths->first; path; path = path->next, i++) {
		if (read_match(path, &c->match[i], err) < 0) {
			classifier_destroy(c);
			return NULL;
		}
		for (uint32_t side = 0; side < CAT_SIDES; side++) {
			struct port_ends *ends = &c->of_port[ports[i * CAT_SIDES + side]];
			ends->end[ends->count++] = i * CAT_SIDES + side;
		}
	}
	return c;
}

void classifier_destroy(struct classifier *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; c->match && i < c->paths; i++)
		for (unsigned k = 0; k < CAT_SIDES; k++) {
			free(c->match[i].address[k].item);
			free(c->match[i].ports[k].item);
		}
	free(c->match);
	free(c->of_port);
	free(c);
}

static int ipv6_protocol(const uint8_t *header, uint32_t left)
{
	// The parser has walked these headers before, so that they are sound where the packet is.
	uint8_t protocol = header[6];
	for (uint32_t at = 40, i = 0; i < 8 && at + 8 <= left; i++) {
		uint32_t size = (header[at + 1] + 1u) * 8;
		if (protocol == 44)
			size = 8;
		else if (protocol == 51)
			size = (header[at + 1] + 2u) * 4;
		else if (protocol != 0 && protocol != 43 && protocol != 60 && protocol != 135 && protocol != 139 &&
			 protocol != 140)
			break;
		bool later = protocol == 44 && (header[at + 2] | (header[at + 3] & 0xf8));
		protocol = header[at];
		at += size;
		if (later)
			break;
	}
	return protocol;
}

static void make_key(const struct cat_desc *desc, const uint8_t *data, struct key *key)
{
	key->protocol = PROTOCOL_ANY;
	key->vlan = desc->flags & CAT_DESC_VLAN ? (data[14] << 8 | data[15]) & 0xfff : VLAN_ANY;
	key->has_ports = false;
	if (!(desc->flags & (CAT_DESC_IPV4 | CAT_DESC_IPV6)))
		return;
	const uint8_t *l3 = data + desc->l3, *l4 = data + desc->l4;
	bool ipv6 = desc->flags & CAT_DESC_IPV6;
	for (unsigned k = 0; k < CAT_SIDES; k++) {
		key->address[k].family = ipv6 ? AF_INET6 : AF_INET;
		memcpy(key->address[k].byte, l3 + (ipv6 ? 8 + 16 * k : 12 + 4 * k), ipv6 ? 16 : 4);
	}
	key->protocol = ipv6 ? ipv6_protocol(l3, desc->len - desc->l3) : l3[9];
	if (desc->flags & (CAT_DESC_TCP | CAT_DESC_UDP)) {
		key->has_ports = true;
		key->port[0] = (uint16_t)(l4[0] << 8 | l4[1]);
		key->port[1] = (uint16_t)(l4[2] << 8 | l4[3]);
	}
}

static bool address_matches(const struct prefixes *prefixes, const struct cat_addr *address)
{
	if (!prefixes->count)
		return true;
	for (uint32_t i = 0; i < prefixes->count; i++)
		if (cat_prefix_contains(&prefixes->item[i], address))
			return true;
	return false;
}

static bool port_matches(const struct ranges *ranges, bool has_ports, uint16_t port)
{
	if (!ranges->count)
		return true;
	for (uint32_t i = 0; has_ports && i < ranges->count; i++)
		if (port >= ranges->item[i].low && port <= ranges->item[i].high)
			return true;
	return false;
}

// At the right end source and destination are exchanged.
static bool matches(const struct match *match, const struct key *key, uint32_t side)
{
	if (match->vlan != VLAN_ANY && match->vlan != key->vlan)
		return false;
	if (match->protocol != PROTOCOL_ANY && match->protocol != key->protocol)
		return false;
	bool is_ip = key->protocol != PROTOCOL_ANY;
	for (uint32_t k = 0; k < CAT_SIDES; k++) {
		uint32_t of_packet = k ^ side;
		if (match->address[k].count && !is_ip)
			return false;
		if (!address_matches(&match->address[k], &key->address[of_packet]) ||
		    !port_matches(&match->ports[k], key->has_ports, key->port[of_packet]))
			return false;
	}
	return true;
}

uint32_t classifier_find(const struct classifier *c, uint32_t port, const struct cat_desc *desc, const uint8_t *data)
{
	const struct port_ends *ends = &c->of_port[port];
	struct key key;
	bool have_key = false;
	for (uint32_t i = 0; i < ends->count; i++) {
		uint32_t end = ends->end[i];
		const struct match *match = &c->match[end / CAT_SIDES];
		if (match->any)
			return end;
		if (!have_key) {
			make_key(desc, data, &key);
			have_key = true;
		}
		if (matches(match, &key, end % CAT_SIDES))
			return end;
	}
	return CLASSIFIER_NONE;
}

uint32_t classifier_only(const struct classifier *c, uint32_t port)
{
	const struct port_ends *ends = &c->of_port[port];
	if (ends->count == 0 || !c->match[ends->end[0] / CAT_SIDES].any)
		return CLASSIFIER_NONE;
	return ends->end[0];
}

uint32_t classifier_ends(const struct classifier *c, uint32_t port, const uint32_t **ret_ends)
{
	*ret_ends = c->of_port[port].end;
	return c->of_port[port].count;
}
