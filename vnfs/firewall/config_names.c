// SPDX-License-Identifier: BSD-3-Clause
// What rules call by name: address groups, services, zones; and which sources belong to which side.
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cat_cleanup.h"
#include "config.h"

#define NESTING_MAX 4u // groups within groups
#define NAMES_MAX 4096u

static bool is_name(const char *text)
{
	if (!isalpha((unsigned char)text[0]) || strlen(text) > FW_NAME_MAX)
		return false;
	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return false;
	}
	return true;
}

static int add_prefix(const struct cat_node *item, const struct cat_prefix *prefix, struct fw_prefixes *list,
		      struct cat_err *err)
{
	struct cat_prefix masked = *prefix;
	char text[CAT_ADDR_TEXT_MAX];
	cat_prefix_mask(&masked);
	if (!cat_addr_equal(&masked.addr, &prefix->addr))
		return cat_node_error(item, err, "found %s, which has bits set behind its length, expected %s",
				      item->string, cat_prefix_format(&masked, text));
	if (list->count == FW_LIST_MAX)
		return cat_node_error(item, err, "with this the list has more than %u prefixes", FW_LIST_MAX);
	list->prefix[list->count++] = masked;
	return 0;
}

static int read_items(const struct cat_node *value, const struct fw_names *names, unsigned depth,
		      struct fw_prefixes *list, struct cat_err *err);

static int read_item(const struct cat_node *item, const struct fw_names *names, unsigned depth,
		     struct fw_prefixes *list, struct cat_err *err)
{
	struct cat_prefix prefix;
	char found[80];
	if (item->type == CAT_STRING && cat_prefix_parse(item->string, &prefix) == 0)
		return add_prefix(item, &prefix, list, err);
	const struct cat_node *group = item->type == CAT_STRING ? cat_node_get(names->addresses, item->string) : NULL;
	if (!group)
		return cat_node_error(item, err,
				      "found %s, expected a prefix like \"192.0.2.0/24\" or \"2001:db8::/32\", or the "
				      "name of a group in \"addresses\"",
				      cat_node_describe(item, found, sizeof(found)));
	if (depth == NESTING_MAX)
		return cat_node_error(item, err, "found groups within groups in a circle, or more than %u deep",
				      NESTING_MAX);
	return read_items(group, names, depth + 1, list, err);
}

static int read_items(const struct cat_node *value, const struct fw_names *names, unsigned depth,
		      struct fw_prefixes *list, struct cat_err *err)
{
	if (value->type != CAT_LIST)
		return read_item(value, names, depth, list, err);
	if (value->count == 0 || value->count > FW_LIST_MAX)
		return cat_node_error(value, err, "found a list of %zu, expected 1 to %u", value->count, FW_LIST_MAX);
	for (const struct cat_node *item = value->first; item; item = item->next) {
		int r = read_item(item, names, depth, list, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int fw_prefixes_read(const struct cat_node *map, const char *key, const struct fw_names *names,
		     struct fw_prefixes *ret_list, struct cat_err *err)
{
	const struct cat_node *value = cat_node_get(map, key);
	ret_list->count = 0;
	return value ? read_items(value, names, 0, ret_list, err) : 0;
}

// Both lists name the same family, and one prefix lies in the other: the smaller one.
static const struct cat_prefix *common(const struct cat_prefix *a, const struct cat_prefix *b)
{
	if (a->addr.family != b->addr.family)
		return NULL;
	const struct cat_prefix *longer = a->length > b->length ? a : b, *other = longer == a ? b : a;
	return cat_prefix_contains(other, &longer->addr) ? longer : NULL;
}

static int narrow(struct fw_prefixes *list, const struct fw_prefixes *to, const struct cat_node *node,
		  struct cat_err *err)
{
	if (to->count == 0)
		return 0;
	if (list->count == 0) {
		*list = *to;
		return 0;
	}
	cat_autofree struct fw_prefixes *both = calloc(1, sizeof(*both));
	if (!both)
		return cat_err_set(err, -ENOMEM, "no memory for a list of prefixes");
	for (uint32_t i = 0; i < list->count * to->count; i++) {
		const struct cat_prefix *prefix = common(&list->prefix[i / to->count], &to->prefix[i % to->count]);
		if (prefix && both->count == FW_LIST_MAX)
			return cat_node_error(node, err, "has more than %u prefixes in common with the zone",
					      FW_LIST_MAX);
		if (prefix)
			both->prefix[both->count++] = *prefix;
	}
	if (both->count == 0)
		return cat_node_error(node, err, "can match nothing: the zone holds none of these addresses");
	*list = *both;
	return 0;
}

static int read_zone(const struct cat_node *zone, const struct fw_names *names, enum cat_side *ret_side,
		     struct fw_prefixes *ret_list, struct cat_err *err)
{
	static const char *const keys[] = {"side", "prefixes", NULL}, *const sides[] = {"left", "right", NULL};
	unsigned side = 0;
	char found[80];
	if (zone->type != CAT_MAP)
		return cat_node_error(zone, err, "found %s, expected a map",
				      cat_node_describe(zone, found, sizeof(found)));
	int r = fw_config_check_keys(zone, keys, err);
	if (r < 0 || (r = fw_config_read_choice(zone, "side", CAT_REQUIRED, sides, &side, err)) < 0)
		return r;
	*ret_side = side ? CAT_RIGHT : CAT_LEFT;
	return fw_prefixes_read(zone, "prefixes", names, ret_list, err);
}

int fw_zone_apply(const struct cat_node *rule, const char *key, const struct fw_names *names, uint8_t *sides,
		  struct fw_prefixes *list, struct cat_err *err)
{
	const char *name = NULL;
	enum cat_side side;
	int r = cat_node_read_string(rule, key, CAT_OPTIONAL, &name, err);
	if (r < 0 || !name)
		return r;
	const struct cat_node *zone = cat_node_get(names->zones, name);
	if (!zone)
		return cat_node_error(cat_node_get(rule, key), err,
				      "found \"%s\", expected the name of a zone in \"zones\"", name);
	cat_autofree struct fw_prefixes *prefixes = calloc(1, sizeof(*prefixes));
	if (!prefixes)
		return cat_err_set(err, -ENOMEM, "no memory for a list of prefixes");
	if ((r = read_zone(zone, names, &side, prefixes, err)) < 0)
		return r;
	// A packet to a zone enters on the other side.
	bool to = strcmp(key, "to_zone") == 0;
	*sides &= (uint8_t)(1u << (to ? !side : side));
	if (!*sides)
		return cat_node_error(rule, err,
				      "can match nothing: \"from\", \"from_zone\" and \"to_zone\" name no way "
				      "through the firewall");
	return narrow(list, prefixes, cat_node_get(rule, key), err);
}

static int check_map(const struct cat_node *map, const char *what, struct cat_err *err)
{
	if (!map)
		return 0;
	if (map->count > NAMES_MAX)
		return cat_node_error(map, err, "found %zu %s, expected at most %u", map->count, what, NAMES_MAX);
	for (const struct cat_node *n = map->first; n; n = n->next) {
		struct cat_prefix prefix;
		if (!is_name(n->key) || cat_prefix_parse(n->key, &prefix) == 0)
			return cat_node_error(n, err,
					      "is no name: expected at most %u letters, digits, \"-\", \"_\" or \".\", "
					      "beginning with a letter, and no address",
					      FW_NAME_MAX);
	}
	return 0;
}

int fw_names_read(const struct cat_node *config, struct fw_names *ret_names, struct cat_err *err)
{
	int r = cat_node_read_map(config, "addresses", CAT_OPTIONAL, &ret_names->addresses, err);
	if (r == 0)
		r = cat_node_read_map(config, "services", CAT_OPTIONAL, &ret_names->services, err);
	if (r == 0)
		r = cat_node_read_map(config, "zones", CAT_OPTIONAL, &ret_names->zones, err);
	if (r < 0 || (r = check_map(ret_names->addresses, "groups", err)) < 0 ||
	    (r = check_map(ret_names->services, "services", err)) < 0 ||
	    (r = check_map(ret_names->zones, "zones", err)) < 0)
		return r;
	// What no rule uses is checked too.
	cat_autofree struct fw_prefixes *list = calloc(1, sizeof(*list));
	if (!list)
		return cat_err_set(err, -ENOMEM, "no memory for a list of prefixes");
	const struct cat_node *n = ret_names->addresses ? ret_names->addresses->first : NULL;
	for (; n && r == 0; n = n->next)
		r = fw_prefixes_read(ret_names->addresses, n->key, ret_names, list, err);
	for (n = ret_names->services ? ret_names->services->first : NULL; n && r == 0; n = n->next)
		r = fw_service_check(n, err);
	enum cat_side side;
	for (n = ret_names->zones ? ret_names->zones->first : NULL; n && r == 0; n = n->next)
		r = read_zone(n, ret_names, &side, list, err);
	return r;
}

struct spoofing {
	const struct fw_prefixes *own;
	struct fw_entries *entries;
	struct fw_acl_entry entry; // all but the source
};

static bool add_source(struct spoofing *s, const struct cat_prefix *source)
{
	if (s->entries->count == FW_ENTRIES_MAX)
		return false;
	s->entry.source = *source;
	s->entries->entry[s->entries->count++] = s->entry;
	return true;
}

// Everything within `area` that no own prefix holds, as few prefixes as that takes. The depth is at most the address's
// length.
static bool add_rest(struct spoofing *s, struct cat_prefix area)
{
	bool divided = false;
	for (uint32_t i = 0; i < s->own->count; i++) {
		const struct cat_prefix *own = &s->own->prefix[i];
		if (own->addr.family != area.addr.family)
			continue;
		if (own->length <= area.length && cat_prefix_contains(own, &area.addr))
			return true;
		divided |= own->length > area.length && cat_prefix_contains(&area, &own->addr);
	}
	if (!divided)
		return add_source(s, &area);
	struct cat_prefix half = area;
	half.length++;
	if (!add_rest(s, half))
		return false;
	half.addr.byte[area.length / 8] |= (uint8_t)(0x80u >> (area.length % 8));
	return add_rest(s, half);
}

// Addresses of hosts that have none yet, and those of the link alone: they belong to no side.
static bool add_unrouted(struct fw_prefixes *own, const struct cat_node *node, struct cat_err *err)
{
	static const char *const unrouted[] = {"0.0.0.0/32", "fe80::/10", "::/128"};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(unrouted); i++) {
		struct cat_prefix prefix;
		if (own->count == FW_LIST_MAX) {
			cat_node_error(node, err, "the list has more than %u prefixes", FW_LIST_MAX - 3);
			return false;
		}
		cat_prefix_parse(unrouted[i], &prefix);
		own->prefix[own->count++] = prefix;
	}
	return true;
}

static bool names_family(const struct fw_prefixes *list, uint8_t family)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->prefix[i].addr.family == family)
			return true;
	}
	return false;
}

static int keep_sources(const struct cat_node *map, const char *key, enum cat_side side, uint32_t rule,
			const struct fw_names *names, struct fw_entries *entries, struct cat_err *err)
{
	const struct cat_node *node = cat_node_get(map, key);
	cat_autofree struct fw_prefixes *own = calloc(1, sizeof(*own));
	if (!own)
		return cat_err_set(err, -ENOMEM, "no memory for a list of prefixes");
	int r = fw_prefixes_read(map, key, names, own, err);
	if (r < 0 || !node)
		return r;
	static const struct cat_prefix all[FW_FAMILIES] = {
		[FW_IPV4] = {.addr = {.family = AF_INET}},
		[FW_IPV6] = {.addr = {.family = AF_INET6}},
	};
	struct spoofing s = {.own = own, .entries = entries};
	s.entry = (struct fw_acl_entry){
		.rule = rule, .order = 0, .source_ports = {0, UINT16_MAX}, .destination_ports = {0, UINT16_MAX}};
	bool fits = true;
	// From the other side nobody may use them.
	s.entry.sides = (uint8_t)(1u << !side);
	for (uint32_t i = 0; i < own->count; i++) {
		s.entry.family = own->prefix[i].addr.family == AF_INET ? FW_IPV4 : FW_IPV6;
		s.entry.destination = all[s.entry.family];
		fits &= add_source(&s, &own->prefix[i]);
	}
	bool named[FW_FAMILIES] = {names_family(own, AF_INET), names_family(own, AF_INET6)};
	if (!add_unrouted(own, node, err))
		return err->code;
	s.entry.sides = (uint8_t)(1u << side);
	for (enum fw_family family = 0; family < FW_FAMILIES; family++) {
		s.entry.family = (uint8_t)family;
		s.entry.destination = all[family];
		if (named[family])
			fits &= add_rest(&s, all[family]);
	}
	return fits ? 0
		    : cat_node_error(node, err, "with this list there are more than %u combinations", FW_ENTRIES_MAX);
}

int fw_spoofing_read(const struct cat_node *config, uint32_t rule, const struct fw_names *names,
		     struct fw_entries *entries, struct cat_err *err)
{
	static const char *const keys[] = {"left", "right", NULL};
	const struct cat_node *map = NULL;
	int r = cat_node_read_map(config, "anti_spoofing", CAT_OPTIONAL, &map, err);
	if (r < 0 || !map || (r = fw_config_check_keys(map, keys, err)) < 0)
		return r;
	r = keep_sources(map, "left", CAT_LEFT, rule, names, entries, err);
	return r < 0 ? r : keep_sources(map, "right", CAT_RIGHT, rule, names, entries, err);
}
