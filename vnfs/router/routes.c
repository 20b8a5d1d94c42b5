// SPDX-License-Identifier: BSD-3-Clause
// Routes: what is configured and what follows from the addresses, brought down to prefixes with a target each. Routes
// with the same next hops share a target.
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "cat_cleanup.h"
#include "table.h"

static bool is_link_local(const struct cat_addr *addr)
{
	return addr->family == AF_INET6 && addr->byte[0] == 0xfe && (addr->byte[1] & 0xc0) == 0x80;
}

// One that follows from an address. The first of two for the same prefix counts.
static int add_automatic(struct router_builder *b, struct cat_prefix prefix, enum router_kind kind, enum cat_side side,
			 struct cat_err *err)
{
	cat_prefix_mask(&prefix);
	struct router_routes *table = router_builder_routes(b, prefix.addr.family);
	for (size_t i = 0; i < table->count; i++)
		if (table->route[i].length == prefix.length &&
		    memcmp(table->route[i].addr, prefix.addr.byte, prefix.addr.family == AF_INET ? 4 : 16) == 0)
			return 0;
	uint32_t target;
	int r = router_builder_target(b, (struct router_target){.kind = kind, .side = (uint8_t)side}, NULL, &target,
				      err);
	return r < 0 ? r : router_builder_add(b, &prefix, target, true, err);
}

// Our addresses first, so that nothing hides them; then the links; then what is nobody's (RFC 1812, section 5.3.5).
static int add_connected(struct router_builder *b, struct cat_err *err)
{
	int r = 0;
	for (unsigned pass = 0; pass < 3; pass++) {
		for (unsigned n = 0; n < CAT_SIDES * CAT_L3_ADDRESSES_MAX && !r; n++) {
			const struct cat_l3_interface *interface = &b->config->interface[n / CAT_L3_ADDRESSES_MAX];
			uint32_t i = n % CAT_L3_ADDRESSES_MAX;
			if (i >= interface->count || is_link_local(&interface->address[i].addr))
				continue;
			struct cat_prefix p = interface->address[i], own = p, last = p;
			bool ipv4 = p.addr.family == AF_INET;
			own.length = ipv4 ? 32 : 128;
			if (pass == 0)
				r = add_automatic(b, own, ROUTER_LOCAL, interface->side, err);
			else if (pass == 1)
				r = add_automatic(b, p, ROUTER_CONNECTED, interface->side, err);
			else if (ipv4 && p.length < 31) {
				last.addr = cat_addr_from_ipv4(cat_addr_ipv4(&p.addr) | UINT32_MAX >> p.length);
				last.length = 32;
				cat_prefix_mask(&p);
				p.length = 32;
				r = add_automatic(b, p, ROUTER_BROADCAST, interface->side, err);
				if (!r)
					r = add_automatic(b, last, ROUTER_BROADCAST, interface->side, err);
			}
		}
	}
	return r;
}

static int read_prefix(const struct cat_node *route, struct cat_prefix *ret_prefix, struct cat_err *err)
{
	const char *text = NULL;
	int r = cat_node_read_string(route, "prefix", CAT_REQUIRED, &text, err);
	if (r < 0)
		return r;
	const struct cat_node *n = cat_node_get(route, "prefix");
	if (cat_prefix_parse(text, ret_prefix) < 0)
		return cat_node_error(n, err, "found \"%s\", expected a prefix like 198.51.100.0/24 or 2001:db8::/32",
				      text);
	struct cat_prefix masked = *ret_prefix;
	cat_prefix_mask(&masked);
	char right[CAT_ADDR_TEXT_MAX];
	if (!cat_addr_equal(&masked.addr, &ret_prefix->addr))
		return cat_node_error(n, err, "found \"%s\" with bits beyond its length, expected %s", text,
				      cat_prefix_format(&masked, right));
	if (ret_prefix->addr.family == AF_INET && ret_prefix->length >= 4 && ret_prefix->addr.byte[0] >= 224)
		return cat_node_error(n, err, "%s: multicast and reserved addresses are not routed", text);
	if (ret_prefix->addr.family == AF_INET6 && ret_prefix->length >= 8 &&
	    (ret_prefix->addr.byte[0] == 0xff || is_link_local(&ret_prefix->addr)))
		return cat_node_error(n, err, "%s: multicast and link-local addresses are not routed", text);
	return 0;
}

static int read_dev(const struct cat_node *route, bool *ret_given, enum cat_side *ret_side, struct cat_err *err)
{
	const char *text = NULL;
	int r = cat_node_read_string(route, "dev", CAT_OPTIONAL, &text, err);
	if (r < 0 || !text)
		return r;
	if (strcmp(text, "left") != 0 && strcmp(text, "right") != 0)
		return cat_node_error(cat_node_get(route, "dev"), err, "found \"%s\", expected left or right", text);
	*ret_side = text[0] == 'l' ? CAT_LEFT : CAT_RIGHT;
	*ret_given = true;
	return 0;
}

// "left 10.0.0.1/30, right 203.0.113.1/24" for messages.
static const char *describe_links(const struct router_config *config, char *text, size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		for (uint32_t i = 0; i < config->interface[side].count && used < size; i++) {
			char one[CAT_ADDR_TEXT_MAX];
			int n = snprintf(text + used, size - used, "%s%s %s", used ? ", " : "",
					 side == CAT_LEFT ? "left" : "right",
					 cat_prefix_format(&config->interface[side].address[i], one));
			used += n > 0 ? (size_t)n : 0;
		}
	}
	return used ? text : "none";
}

// The side that an address is connected to by the longest prefix.
static bool find_link(const struct router_config *config, const struct cat_addr *addr, enum cat_side *ret_side)
{
	int best = -1;
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		for (uint32_t i = 0; i < config->interface[side].count; i++) {
			const struct cat_prefix *p = &config->interface[side].address[i];
			if (p->length > best && cat_prefix_contains(p, addr)) {
				best = p->length;
				*ret_side = (enum cat_side)side;
			}
		}
	}
	return best >= 0;
}

static int read_hop(const struct router_config *config, const struct cat_node *n, uint8_t family, bool dev_given,
		    enum cat_side dev, struct router_hop *ret_hop, struct cat_err *err)
{
	char found[128], links[512];
	struct router_hop hop = {.side = dev};
	if (n->type != CAT_STRING || cat_addr_parse(n->string, &hop.addr) < 0)
		return cat_node_error(n, err, "found %s, expected the address of a next hop",
				      cat_node_describe(n, found, sizeof(found)));
	if (hop.addr.family != family)
		return cat_node_error(n, err, "next hop %s is not of the prefix's family", n->string);
	if (is_link_local(&hop.addr)) {
		if (!dev_given)
			return cat_node_error(n, err, "next hop %s is link-local: dev must say left or right",
					      n->string);
	} else if (!find_link(config, &hop.addr, &hop.side)) {
		return cat_node_error(n, err, "next hop %s is on no connected prefix (%s)", n->string,
				      describe_links(config, links, sizeof(links)));
	} else if (dev_given && hop.side != dev) {
		return cat_node_error(n, err, "next hop %s is not on the %s side", n->string,
				      dev == CAT_LEFT ? "left" : "right");
	}
	if (cat_l3_is_own(&config->interface[hop.side], &hop.addr))
		return cat_node_error(n, err, "next hop %s is one of the router's own addresses", n->string);
	memcpy(&hop.addr4, hop.addr.byte, 4);
	*ret_hop = hop;
	return 0;
}

static int read_via(struct router_builder *b, const struct cat_node *via, const struct cat_prefix *prefix,
		    bool dev_given, enum cat_side dev, uint32_t *ret_target, struct cat_err *err)
{
	uint8_t family = prefix->addr.family;
	struct router_hop hops[ROUTER_ECMP_MAX];
	struct router_target target = {.kind = ROUTER_GATEWAY, .is_default = prefix->length == 0};
	const struct cat_node *n = via->type == CAT_LIST ? via->first : via;
	if (via->type == CAT_LIST && (via->count == 0 || via->count > ROUTER_ECMP_MAX))
		return cat_node_error(via, err, "found %zu next hops, expected 1 to %u", via->count, ROUTER_ECMP_MAX);
	for (; n; n = via->type == CAT_LIST ? n->next : NULL) {
		int r = read_hop(b->config, n, family, dev_given, dev, &hops[target.count], err);
		if (r < 0)
			return r;
		for (uint32_t i = 0; i < target.count; i++)
			if (hops[i].side == hops[target.count].side &&
			    cat_addr_equal(&hops[i].addr, &hops[target.count].addr))
				return cat_node_error(n, err, "next hop %s is there twice", n->string);
		target.count++;
	}
	return router_builder_target(b, target, hops, ret_target, err);
}

static int read_dev_target(struct router_builder *b, const struct cat_node *route, const struct cat_prefix *prefix,
			   enum cat_side dev, uint32_t *ret_target, struct cat_err *err)
{
	uint8_t family = prefix->addr.family;
	const struct cat_l3_interface *interface = &b->config->interface[dev];
	bool has = false;
	for (uint32_t i = 0; i < interface->count; i++)
		has |= interface->address[i].addr.family == family;
	if (!has)
		return cat_node_error(cat_node_get(route, "dev"), err,
				      "the %s side has no %s address to ask for neighbours with",
				      dev == CAT_LEFT ? "left" : "right", family == AF_INET ? "IPv4" : "IPv6");
	const struct router_target target = {
		.kind = ROUTER_CONNECTED, .side = (uint8_t)dev, .is_default = prefix->length == 0};
	return router_builder_target(b, target, NULL, ret_target, err);
}

static int read_target(struct router_builder *b, const struct cat_node *route, const struct cat_prefix *prefix,
		       uint32_t *ret_target, struct cat_err *err)
{
	bool dev_given = false, blackhole = false, unreachable = false;
	enum cat_side dev = CAT_LEFT;
	const struct cat_node *via = cat_node_get(route, "via");
	int r = read_dev(route, &dev_given, &dev, err);
	if (!r)
		r = cat_node_read_bool(route, "blackhole", CAT_OPTIONAL, &blackhole, err);
	if (!r)
		r = cat_node_read_bool(route, "unreachable", CAT_OPTIONAL, &unreachable, err);
	if (r < 0)
		return r;
	if ((via || dev_given) + blackhole + unreachable != 1)
		return cat_node_error(route, err,
				      "expected one of via (with dev for a link-local address), dev, blackhole: true "
				      "and unreachable: true");
	if (via)
		return read_via(b, via, prefix, dev_given, dev, ret_target, err);
	if (dev_given)
		return read_dev_target(b, route, prefix, dev, ret_target, err);
	enum router_kind kind = blackhole ? ROUTER_BLACKHOLE : ROUTER_UNREACHABLE;
	return router_builder_target(b, (struct router_target){.kind = kind}, NULL, ret_target, err);
}

static int read_route(struct router_builder *b, const struct cat_node *route, struct cat_err *err)
{
	static const char *const keys[] = {"prefix", "via", "dev", "blackhole", "unreachable"};
	char found[128];
	if (route->type != CAT_MAP)
		return cat_node_error(route, err, "found %s, expected a route like {prefix: 0.0.0.0/0, via: 192.0.2.1}",
				      cat_node_describe(route, found, sizeof(found)));
	for (const struct cat_node *n = route->first; n; n = n->next) {
		bool known = false;
		for (size_t k = 0; k < CAT_ARRAY_LEN(keys); k++)
			known |= strcmp(keys[k], n->key) == 0;
		if (!known)
			return cat_node_error(n, err,
					      "unknown key \"%s\", expected prefix, via, dev, blackhole or unreachable",
					      n->key);
	}
	struct cat_prefix prefix;
	uint32_t target = 0;
	int r = read_prefix(route, &prefix, err);
	if (!r)
		r = read_target(b, route, &prefix, &target, err);
	if (!r && router_builder_routes(b, prefix.addr.family)->count >= ROUTER_ROUTES_MAX)
		r = cat_node_error(route, err, "more than %u routes of one family", ROUTER_ROUTES_MAX);
	return r < 0 ? r : router_builder_add(b, &prefix, target, false, err);
}

// The place of the second of two routes with the same prefix. Only for the message.
static const struct cat_node *find_second(const struct cat_node *list, const struct cat_prefix *prefix, bool automatic)
{
	unsigned seen = automatic;
	for (const struct cat_node *n = list ? list->first : NULL; n; n = n->next) {
		struct cat_prefix p;
		const struct cat_node *text = cat_node_get(n, "prefix");
		if (text && cat_prefix_parse(text->string, &p) == 0 && p.length == prefix->length &&
		    cat_addr_equal(&p.addr, &prefix->addr) && seen++)
			return text;
	}
	return list;
}

static int check_duplicates(const struct router_builder *b, const struct router_routes *table,
			    const struct cat_node *list, struct cat_err *err)
{
	for (size_t i = 0; i + 1 < table->count; i++) {
		const struct fib_route *x = &table->route[i], *y = x + 1;
		if (x->length != y->length || memcmp(x->addr, y->addr, 16) != 0)
			continue;
		struct cat_prefix p = {.addr.family = table->family, .length = x->length};
		memcpy(p.addr.byte, x->addr, 16);
		bool automatic = x->note || y->note;
		bool local = automatic && b->table->target[x->note ? x->value : y->value].kind == ROUTER_LOCAL;
		char text[CAT_ADDR_TEXT_MAX];
		const char *why = local       ? "is the router's own address"
				  : automatic ? "is connected already"
					      : "is there twice";
		return cat_node_error(find_second(list, &p, automatic), err, "%s %s", cat_prefix_format(&p, text), why);
	}
	return 0;
}

static int build(struct router_builder *b, const struct cat_node *list, struct cat_err *err)
{
	int r = add_connected(b, err);
	for (const struct cat_node *n = list ? list->first : NULL; n && !r; n = n->next)
		r = read_route(b, n, err);
	for (unsigned i = 0; i < 2 && !r; i++) {
		fib_sort(b->routes[i].route, b->routes[i].count);
		r = check_duplicates(b, &b->routes[i], list, err);
	}
	return r < 0 ? r : router_builder_build(b, err);
}

int router_routes_read(struct router_config *config, const struct cat_node *list, struct cat_err *err)
{
	struct router_builder b;
	int r = router_builder_init(&b, config, err);
	if (!r)
		r = build(&b, list, err);
	config->route_count = list ? (uint32_t)list->count : 0;
	if (!r) {
		config->base = b.table;
		atomic_store(&config->table, b.table);
		b.table = NULL;
		// They are merged with what is learnt.
		for (unsigned i = 0; i < 2 && config->dynamic; i++) {
			config->routes[i] = b.routes[i];
			b.routes[i] = (struct router_routes){0};
		}
	}
	router_builder_finish(&b);
	return r;
}
