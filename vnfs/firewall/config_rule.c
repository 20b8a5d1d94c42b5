// SPDX-License-Identifier: BSD-3-Clause
// One rule of the configuration, read and expanded.
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cat_cleanup.h"
#include "config.h"

#define SIDES_BOTH ((1u << CAT_LEFT) | (1u << CAT_RIGHT))

// What a rule says, before it is expanded.
struct spec {
	uint8_t sides;
	bool any_protocol;
	uint8_t protocol;
	bool family[FW_FAMILIES]; // that the protocol can be carried by
	struct fw_prefixes source, destination;
	// For ICMP the types stand in the place of the source ports.
	struct fw_range source_ports[FW_LIST_MAX], destination_ports[FW_LIST_MAX];
	uint32_t source_port_count, destination_port_count;
};

static int read_name(const struct cat_node *node, struct fw_rule *rule, struct cat_err *err)
{
	const char *name = NULL;
	int r = cat_node_read_string(node, "name", CAT_REQUIRED, &name, err);
	if (r < 0)
		return r;
	size_t length = strlen(name);
	bool good = length > 0 && length <= FW_NAME_MAX && isalnum((unsigned char)name[0]);
	for (size_t i = 0; good && i < length; i++)
		good = isalnum((unsigned char)name[i]) || strchr("_.-", name[i]);
	if (!good)
		return cat_node_error(cat_node_get(node, "name"), err,
				      "found \"%s\", expected at most %u letters, digits, \"-\", \"_\" or \".\", "
				      "beginning with a letter or digit",
				      name, FW_NAME_MAX);
	memcpy(rule->name, name, length + 1);
	return 0;
}

static int read_protocol(const struct cat_node *node, struct spec *spec, struct cat_err *err)
{
	static const struct {
		const char *name;
		uint8_t number;
		bool ipv4, ipv6;
	} known[] = {
		{"tcp", IPPROTO_TCP, true, true},
		{"udp", IPPROTO_UDP, true, true},
		{"icmp", IPPROTO_ICMP, true, false},
		{"icmpv6", IPPROTO_ICMPV6, false, true},
	};
	const struct cat_node *value = cat_node_get(node, "protocol");
	spec->any_protocol = true;
	spec->family[FW_IPV4] = spec->family[FW_IPV6] = true;
	if (!value || (value->type == CAT_STRING && strcmp(value->string, "any") == 0))
		return 0;
	spec->any_protocol = false;
	if (value->type == CAT_INT && value->integer >= 0 && value->integer <= 255) {
		spec->protocol = (uint8_t)value->integer;
		return 0;
	}
	for (unsigned i = 0; value->type == CAT_STRING && i < CAT_ARRAY_LEN(known); i++) {
		if (strcmp(value->string, known[i].name) != 0)
			continue;
		spec->protocol = known[i].number;
		spec->family[FW_IPV4] = known[i].ipv4;
		spec->family[FW_IPV6] = known[i].ipv6;
		return 0;
	}
	char found[80];
	return cat_node_error(value, err, "found %s, expected tcp, udp, icmp, icmpv6, any, or a number from 0 to 255",
			      cat_node_describe(value, found, sizeof(found)));
}

// Calls `read` for the value of a key, or, if it is a list, for each of its items.
typedef int (*item_fn)(const struct cat_node *item, void *list, uint32_t at, struct cat_err *err);
static int read_items(const struct cat_node *node, const char *key, item_fn read, void *list, uint32_t *ret_count,
		      struct cat_err *err)
{
	const struct cat_node *value = cat_node_get(node, key);
	*ret_count = 0;
	if (!value)
		return 0;
	if (value->type != CAT_LIST) {
		*ret_count = 1;
		return read(value, list, 0, err);
	}
	if (value->count == 0 || value->count > FW_LIST_MAX)
		return cat_node_error(value, err, "found a list of %zu, expected 1 to %u", value->count, FW_LIST_MAX);
	for (const struct cat_node *item = value->first; item; item = item->next) {
		int r = read(item, list, (*ret_count)++, err);
		if (r < 0)
			return r;
	}
	return 0;
}

// A decimal number of at most `max`, followed by `end`. Moves *text behind it.
static bool scan_number(const char **text, char end, uint16_t *ret_value)
{
	uint32_t value = 0;
	const char *p = *text;
	for (; isdigit((unsigned char)*p) && value <= UINT16_MAX; p++)
		value = value * 10 + (uint32_t)(*p - '0');
	if (p == *text || *p != end || value > UINT16_MAX)
		return false;
	*text = p + 1;
	*ret_value = (uint16_t)value;
	return true;
}

static int read_port(const struct cat_node *item, void *list, uint32_t at, struct cat_err *err)
{
	struct fw_range *range = (struct fw_range *)list + at;
	char found[80];
	if (item->type == CAT_INT && item->integer >= 0 && item->integer <= UINT16_MAX) {
		range->low = range->high = (uint16_t)item->integer;
		return 0;
	}
	if (item->type == CAT_STRING) {
		const char *p = item->string;
		if (scan_number(&p, '\0', &range->low)) {
			range->high = range->low;
			return 0;
		}
		if (scan_number(&p, '-', &range->low) && scan_number(&p, '\0', &range->high) &&
		    range->low <= range->high)
			return 0;
	}
	return cat_node_error(item, err, "found %s, expected a port like 80 or a range like \"1024-65535\"",
			      cat_node_describe(item, found, sizeof(found)));
}

static int read_icmp_type(const struct cat_node *item, void *list, uint32_t at, struct cat_err *err)
{
	struct fw_range *range = (struct fw_range *)list + at;
	char found[80];
	if (item->type != CAT_INT || item->integer < 0 || item->integer > 255)
		return cat_node_error(item, err, "found %s, expected an ICMP type from 0 to 255",
				      cat_node_describe(item, found, sizeof(found)));
	range->low = range->high = (uint16_t)item->integer;
	return 0;
}

static int read_transport(const struct cat_node *node, struct spec *spec, struct cat_err *err)
{
	bool ports = !spec->any_protocol && (spec->protocol == IPPROTO_TCP || spec->protocol == IPPROTO_UDP);
	bool icmp = !spec->any_protocol && (spec->protocol == IPPROTO_ICMP || spec->protocol == IPPROTO_ICMPV6);
	const struct cat_node *source = cat_node_get(node, "source_ports"),
			      *destination = cat_node_get(node, "destination_ports"),
			      *types = cat_node_get(node, "icmp_type");
	if (!ports && (source || destination))
		return cat_node_error(source ? source : destination, err,
				      "ports need \"protocol: tcp\" or \"protocol: udp\" in the same rule");
	if (!icmp && types)
		return cat_node_error(types, err, "needs \"protocol: icmp\" or \"protocol: icmpv6\" in the same rule");
	int r = read_items(node, "destination_ports", read_port, spec->destination_ports, &spec->destination_port_count,
			   err);
	if (r < 0)
		return r;
	if (types)
		return read_items(node, "icmp_type", read_icmp_type, spec->source_ports, &spec->source_port_count, err);
	return read_items(node, "source_ports", read_port, spec->source_ports, &spec->source_port_count, err);
}

static void default_ports(struct fw_range *range, uint32_t *count)
{
	if (*count == 0) {
		range[0] = (struct fw_range){0, UINT16_MAX};
		*count = 1;
	}
}

// Entries for one pair of prefixes: every combination of ports.
static bool expand_ports(const struct spec *spec, struct fw_acl_entry base, struct fw_entries *entries)
{
	for (uint32_t s = 0; s < spec->source_port_count; s++) {
		for (uint32_t d = 0; d < spec->destination_port_count; d++) {
			if (entries->count == FW_ENTRIES_MAX)
				return false;
			base.source_ports = spec->source_ports[s];
			base.destination_ports = spec->destination_ports[d];
			entries->entry[entries->count++] = base;
		}
	}
	return true;
}

// The prefixes of a family; where the rule names none at all, the one that holds everything.
static uint32_t of_family(const struct fw_prefixes *list, enum fw_family family, const struct cat_prefix **ret_prefix)
{
	static const struct cat_prefix all[FW_FAMILIES] = {
		[FW_IPV4] = {.addr = {.family = AF_INET}},
		[FW_IPV6] = {.addr = {.family = AF_INET6}},
	};
	uint32_t n = 0;
	if (list->count == 0) {
		ret_prefix[0] = &all[family];
		return 1;
	}
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->prefix[i].addr.family == all[family].addr.family)
			ret_prefix[n++] = &list->prefix[i];
	}
	return n;
}

static int expand(const struct cat_node *node, uint32_t number, const struct spec *spec, struct fw_entries *entries,
		  struct cat_err *err)
{
	const struct cat_prefix *source[FW_LIST_MAX], *destination[FW_LIST_MAX];
	for (enum fw_family family = 0; family < FW_FAMILIES; family++) {
		if (!spec->family[family])
			continue;
		uint32_t sources = of_family(&spec->source, family, source);
		uint32_t destinations = of_family(&spec->destination, family, destination);
		for (uint32_t i = 0; i < sources * destinations; i++) {
			struct fw_acl_entry entry = {
				.rule = number,
				.order = number + 1,
				.sides = spec->sides,
				.family = (uint8_t)family,
				.protocol = spec->protocol,
				.protocol_mask = spec->any_protocol ? 0 : UINT8_MAX,
				.source = *source[i / destinations],
				.destination = *destination[i % destinations],
			};
			if (!expand_ports(spec, entry, entries))
				return cat_node_error(node, err,
						      "with this rule the lists make more than %u combinations",
						      FW_ENTRIES_MAX);
		}
	}
	return 0;
}

// What a packet must be above IP: said by `node`, the rule itself or a service.
static int read_above_ip(const struct cat_node *node, struct spec *spec, struct cat_err *err)
{
	int r = read_protocol(node, spec, err);
	if (r < 0 || (r = read_transport(node, spec, err)) < 0)
		return r;
	default_ports(spec->source_ports, &spec->source_port_count);
	default_ports(spec->destination_ports, &spec->destination_port_count);
	return 0;
}

// A service is a map like a rule's part about the transport, or a list of such. entries NULL: it is only checked.
static int expand_service(const struct cat_node *service, const struct cat_node *rule, uint32_t number,
			  struct spec *spec, struct fw_entries *entries, struct cat_err *err)
{
	static const char *const keys[] = {"protocol", "source_ports", "destination_ports", "icmp_type", NULL};
	char found[80];
	bool list = service->type == CAT_LIST;
	if (list && (service->count == 0 || service->count > FW_LIST_MAX))
		return cat_node_error(service, err, "found a list of %zu, expected 1 to %u", service->count,
				      FW_LIST_MAX);
	for (const struct cat_node *part = list ? service->first : service; part; part = list ? part->next : NULL) {
		int r = part->type == CAT_MAP ? fw_config_check_keys(part, keys, err)
					      : cat_node_error(part, err, "found %s, expected a map",
							       cat_node_describe(part, found, sizeof(found)));
		if (r < 0 || (r = read_above_ip(part, spec, err)) < 0 ||
		    (entries && (r = expand(rule, number, spec, entries, err)) < 0))
			return r;
	}
	return 0;
}

int fw_service_check(const struct cat_node *service, struct cat_err *err)
{
	cat_autofree struct spec *spec = calloc(1, sizeof(*spec));
	if (!spec)
		return cat_err_set(err, -ENOMEM, "no memory for a service");
	return expand_service(service, NULL, 0, spec, NULL, err);
}

static int expand_named(const struct cat_node *item, const struct fw_names *names, const struct cat_node *rule,
			uint32_t number, struct spec *spec, struct fw_entries *entries, struct cat_err *err)
{
	char found[80];
	const struct cat_node *service = item->type == CAT_STRING ? cat_node_get(names->services, item->string) : NULL;
	if (!service)
		return cat_node_error(item, err, "found %s, expected the name of a service in \"services\"",
				      cat_node_describe(item, found, sizeof(found)));
	return expand_service(service, rule, number, spec, entries, err);
}

static int expand_services(const struct cat_node *rule, const struct fw_names *names, uint32_t number,
			   struct spec *spec, struct fw_entries *entries, struct cat_err *err)
{
	static const char *const others[] = {"protocol", "source_ports", "destination_ports", "icmp_type"};
	const struct cat_node *value = cat_node_get(rule, "service");
	for (unsigned i = 0; i < CAT_ARRAY_LEN(others); i++) {
		if (cat_node_get(rule, others[i]))
			return cat_node_error(cat_node_get(rule, others[i]), err,
					      "is said by \"service\" in the same rule: one of the two is too much");
	}
	if (value->type != CAT_LIST)
		return expand_named(value, names, rule, number, spec, entries, err);
	if (value->count == 0 || value->count > FW_LIST_MAX)
		return cat_node_error(value, err, "found a list of %zu, expected 1 to %u", value->count, FW_LIST_MAX);
	for (const struct cat_node *item = value->first; item; item = item->next) {
		int r = expand_named(item, names, rule, number, spec, entries, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_ends(const struct cat_node *node, const struct fw_names *names, struct spec *spec, struct cat_err *err)
{
	static const char *const sides[] = {"left", "right", "any", NULL};
	unsigned side = 2;
	int r = fw_config_read_choice(node, "from", CAT_OPTIONAL, sides, &side, err);
	spec->sides = side == 2 ? SIDES_BOTH : (uint8_t)(1u << side);
	if (r < 0 || (r = fw_prefixes_read(node, "source", names, &spec->source, err)) < 0 ||
	    (r = fw_prefixes_read(node, "destination", names, &spec->destination, err)) < 0 ||
	    (r = fw_zone_apply(node, "from_zone", names, &spec->sides, &spec->source, err)) < 0)
		return r;
	return fw_zone_apply(node, "to_zone", names, &spec->sides, &spec->destination, err);
}

int fw_rule_read(const struct cat_node *node, uint32_t number, const struct fw_names *names, struct fw_rule *rule,
		 struct fw_entries *entries, struct cat_err *err)
{
	static const char *const keys[] = {"name",        "from",         "from_zone",
					   "to_zone",     "protocol",     "source",
					   "destination", "source_ports", "destination_ports",
					   "icmp_type",   "service",      "action",
					   "track",       "log",          "limit",
					   NULL};
	static const char *const actions[] = {"accept", "drop", "reject", NULL};
	unsigned action = FW_DROP;
	int64_t limit = 0;
	uint32_t before = entries->count;
	cat_autofree struct spec *spec = calloc(1, sizeof(*spec));
	rule->track = true;
	char found[80];
	if (!spec)
		return cat_err_set(err, -ENOMEM, "no memory for a rule");
	if (node->type != CAT_MAP)
		return cat_node_error(node, err, "found %s, expected a map",
				      cat_node_describe(node, found, sizeof(found)));
	int r = fw_config_check_keys(node, keys, err);
	if (r < 0 || (r = read_name(node, rule, err)) < 0 ||
	    (r = fw_config_read_choice(node, "action", CAT_REQUIRED, actions, &action, err)) < 0 ||
	    (r = cat_node_read_bool(node, "track", CAT_OPTIONAL, &rule->track, err)) < 0 ||
	    (r = cat_node_read_bool(node, "log", CAT_OPTIONAL, &rule->log, err)) < 0 ||
	    (r = cat_node_read_int(node, "limit", CAT_OPTIONAL, 1, FW_LIMIT_MAX, &limit, err)) < 0 ||
	    (r = read_ends(node, names, spec, err)) < 0)
		return r;
	if (!rule->track && action != FW_ACCEPT)
		return cat_node_error(cat_node_get(node, "track"), err, "is only for rules with \"action: accept\"");
	if (limit && action != FW_ACCEPT)
		return cat_node_error(cat_node_get(node, "limit"), err, "is only for rules with \"action: accept\"");
	rule->action = (uint8_t)action;
	rule->limit = (uint32_t)limit;
	if (cat_node_get(node, "service"))
		r = expand_services(node, names, number, spec, entries, err);
	else if ((r = read_above_ip(node, spec, err)) == 0)
		r = expand(node, number, spec, entries, err);
	if (r == 0 && entries->count == before)
		return cat_node_error(
			node, err,
			"can match nothing: source, destination and protocol have no address family in common");
	return r;
}
