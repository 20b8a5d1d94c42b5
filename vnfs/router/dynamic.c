// SPDX-License-Identifier: BSD-3-Clause
#include "dynamic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "cat_cleanup.h"
#include "router.h"

#define RESTART_S 120
#define HOLD_S 90
#define HELLO_S 10
#define DEAD_S 40
#define BFD_INTERVAL_MS 300
#define BFD_MULTIPLIER 3

const char *const router_dynamic_keys[] = {"router_id", "restart_s", "bgp", "ospf", "bfd", NULL};

static bool is_link_local(const struct cat_addr *addr)
{
	return addr->family == AF_INET6 && addr->byte[0] == 0xfe && (addr->byte[1] & 0xc0) == 0x80;
}

static int read_prefix(const struct cat_node *n, const char *text, struct cat_prefix *ret_prefix, struct cat_err *err)
{
	char right[CAT_ADDR_TEXT_MAX];
	if (!text || cat_prefix_parse(text, ret_prefix) < 0)
		return cat_node_error(n, err, "found \"%s\", expected a prefix like 198.51.100.0/24 or 2001:db8::/32",
				      text ? text : "");
	struct cat_prefix masked = *ret_prefix;
	cat_prefix_mask(&masked);
	if (!cat_addr_equal(&masked.addr, &ret_prefix->addr))
		return cat_node_error(n, err, "found \"%s\" with bits beyond its length, expected %s", text,
				      cat_prefix_format(&masked, right));
	return 0;
}

static int read_sources(const struct cat_node *map, unsigned allowed, unsigned *ret_sources, struct cat_err *err)
{
	static const struct {
		const char *name;
		unsigned source;
	} names[] = {{"connected", ROUTER_SOURCE_CONNECTED},
		     {"static", ROUTER_SOURCE_STATIC},
		     {"bgp", ROUTER_SOURCE_BGP},
		     {"ospf", ROUTER_SOURCE_OSPF}};
	const struct cat_node *list = NULL;
	char found[128];
	int r = cat_node_read_list(map, "redistribute", CAT_OPTIONAL, &list, err);
	for (const struct cat_node *n = list && !r ? list->first : NULL; n; n = n->next) {
		unsigned source = 0;
		for (size_t i = 0; n->type == CAT_STRING && i < CAT_ARRAY_LEN(names); i++)
			if (strcmp(n->string, names[i].name) == 0)
				source = names[i].source & allowed;
		if (!source || (*ret_sources & source))
			return cat_node_error(n, err, "found %s, expected connected, static or %s, each once",
					      cat_node_describe(n, found, sizeof(found)),
					      allowed & ROUTER_SOURCE_BGP ? "bgp" : "ospf");
		*ret_sources |= source;
	}
	return r;
}

// A prefix as text, or {prefix, max_length}.
static int read_rule(struct router_dynamic *d, const struct cat_node *n, struct cat_err *err)
{
	static const char *const keys[] = {"prefix", "max_length", NULL};
	struct router_rule rule;
	const char *text = n->type == CAT_STRING ? n->string : NULL;
	int64_t max = 0;
	int r = 0;
	if (n->type == CAT_MAP) {
		r = router_check_keys(n, keys, "prefix or max_length", err);
		if (!r)
			r = cat_node_read_string(n, "prefix", CAT_REQUIRED, &text, err);
	}
	if (!r)
		r = read_prefix(n, text, &rule.prefix, err);
	if (r < 0)
		return r;
	max = rule.prefix.length;
	if (n->type == CAT_MAP)
		r = cat_node_read_int(n, "max_length", CAT_OPTIONAL, rule.prefix.length,
				      rule.prefix.addr.family == AF_INET ? 32 : 128, &max, err);
	if (r < 0)
		return r;
	if (d->rule_count == ROUTER_RULES_MAX)
		return cat_node_error(n, err, "more than %u prefixes in import and export lists", ROUTER_RULES_MAX);
	rule.max_length = (uint8_t)max;
	d->rule[d->rule_count++] = rule;
	return 0;
}

// RFC 8212: what is not said is not exchanged; so that nobody is surprised, it must be said.
static int read_filter(struct router_dynamic *d, const struct cat_node *peer, const char *key,
		       struct router_filter *ret_filter, struct cat_err *err)
{
	const struct cat_node *n = cat_node_get(peer, key);
	char found[128];
	if (!n)
		return cat_node_error(peer, err, "\"%s\" is missing: expected all, none or a list of prefixes", key);
	bool word = n->type == CAT_STRING;
	if (word && strcmp(n->string, "all") == 0) {
		ret_filter->kind = ROUTER_FILTER_ALL;
	} else if (word && strcmp(n->string, "none") == 0) {
		ret_filter->kind = ROUTER_FILTER_NONE;
	} else if (n->type != CAT_LIST) {
		return cat_node_error(n, err, "found %s, expected all, none or a list of prefixes",
				      cat_node_describe(n, found, sizeof(found)));
	} else {
		*ret_filter = (struct router_filter){.kind = ROUTER_FILTER_LIST, .first = d->rule_count};
		for (const struct cat_node *item = n->first; item; item = item->next) {
			int r = read_rule(d, item, err);
			if (r < 0)
				return r;
		}
		ret_filter->count = d->rule_count - ret_filter->first;
	}
	return 0;
}

static int read_peer_address(const struct router_config *config, const struct cat_node *n, struct router_peer *peer,
			     struct cat_err *err)
{
	const char *text = NULL, *dev = NULL;
	int r = cat_node_read_string(n, "address", CAT_REQUIRED, &text, err);
	if (!r)
		r = cat_node_read_string(n, "dev", CAT_OPTIONAL, &dev, err);
	if (r < 0)
		return r;
	const struct cat_node *at = cat_node_get(n, "address");
	if (cat_addr_parse(text, &peer->address) < 0)
		return cat_node_error(at, err, "found \"%s\", expected the address of a neighbour", text);
	if (dev && strcmp(dev, "left") != 0 && strcmp(dev, "right") != 0)
		return cat_node_error(cat_node_get(n, "dev"), err, "found \"%s\", expected left or right", dev);
	peer->link_local = is_link_local(&peer->address);
	peer->side = dev && dev[0] == 'r' ? CAT_RIGHT : CAT_LEFT;
	if (peer->link_local != (dev != NULL))
		return cat_node_error(at, err, "%s: dev must be given for a link-local address, and for no other",
				      text);
	bool link = peer->link_local;
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		if (cat_l3_is_own(&config->interface[side], &peer->address))
			return cat_node_error(at, err, "%s is one of the router's own addresses", text);
		link |= cat_l3_is_on_link(&config->interface[side], &peer->address);
	}
	if (!link && !peer->multihop)
		return cat_node_error(at, err, "%s is on no connected prefix: multihop must say how far it is", text);
	return 0;
}

static int read_peer_numbers(const struct cat_node *n, struct router_peer *peer, struct cat_err *err)
{
	int64_t as = 0, hold = HOLD_S, multihop = 0, max = 0;
	const char *password = NULL;
	int r = cat_node_read_int(n, "as", CAT_REQUIRED, 1, UINT32_MAX - 1, &as, err);
	if (!r)
		r = cat_node_read_int(n, "hold_s", CAT_OPTIONAL, 3, 65535, &hold, err);
	if (!r)
		r = cat_node_read_int(n, "multihop", CAT_OPTIONAL, 2, 255, &multihop, err);
	if (!r)
		r = cat_node_read_int(n, "max_prefixes", CAT_OPTIONAL, 1, ROUTER_ROUTES_MAX, &max, err);
	if (!r)
		r = cat_node_read_bool(n, "bfd", CAT_OPTIONAL, &peer->bfd, err);
	if (!r)
		r = cat_node_read_string(n, "password", CAT_OPTIONAL, &password, err);
	peer->as = (uint32_t)as;
	peer->hold_s = (uint32_t)hold;
	peer->multihop = (uint32_t)multihop;
	peer->max_prefixes = (uint32_t)max;
	if (r < 0 || !password)
		return r;
	// It becomes a word of a daemon's configuration.
	size_t length = strlen(password);
	bool plain = length > 0 && length <= ROUTER_PASSWORD_MAX && strchr("!#", password[0]) == NULL;
	for (size_t i = 0; i < length; i++)
		plain &= password[i] > ' ' && password[i] < 127;
	if (plain)
		memcpy(peer->password, password, length + 1);
	return plain ? 0
		     : cat_node_error(cat_node_get(n, "password"), err,
				      "expected 1 to %u printable ASCII characters without spaces, the first neither ! "
				      "nor #",
				      ROUTER_PASSWORD_MAX);
}

static int read_peer(const struct router_config *config, struct router_dynamic *d, const struct cat_node *n,
		     struct cat_err *err)
{
	static const char *const keys[] = {"address",      "dev",      "as",     "hold_s", "multihop", "bfd",
					   "max_prefixes", "password", "import", "export", NULL};
	struct router_peer *peer = &d->peer[d->peer_count];
	char found[128];
	if (n->type != CAT_MAP)
		return cat_node_error(n, err,
				      "found %s, expected a neighbour like {address: 192.0.2.2, as: 64500, "
				      "import: all, export: all}",
				      cat_node_describe(n, found, sizeof(found)));
	int r = router_check_keys(
		n, keys, "address, dev, as, hold_s, multihop, bfd, max_prefixes, password, import or export", err);
	if (!r)
		r = read_peer_numbers(n, peer, err);
	if (!r)
		r = read_peer_address(config, n, peer, err);
	if (!r)
		r = read_filter(d, n, "import", &peer->import, err);
	if (!r)
		r = read_filter(d, n, "export", &peer->export, err);
	for (uint32_t i = 0; i < d->peer_count && !r; i++)
		if (cat_addr_equal(&d->peer[i].address, &peer->address))
			r = cat_node_error(cat_node_get(n, "address"), err, "that neighbour is there twice");
	d->peer_count += !r;
	return r;
}

static int read_networks(struct router_dynamic *d, const struct cat_node *list, struct cat_err *err)
{
	for (const struct cat_node *n = list ? list->first : NULL; n; n = n->next) {
		if (d->network_count == ROUTER_NETWORKS_MAX)
			return cat_node_error(n, err, "more than %u networks", ROUTER_NETWORKS_MAX);
		int r = read_prefix(n, n->type == CAT_STRING ? n->string : NULL, &d->network[d->network_count], err);
		if (r < 0)
			return r;
		d->network_count++;
	}
	return 0;
}

static int read_bgp(const struct router_config *config, struct router_dynamic *d, const struct cat_node *map,
		    struct cat_err *err)
{
	static const char *const keys[] = {"as", "neighbours", "networks", "redistribute", NULL};
	const struct cat_node *peers = NULL, *networks = NULL;
	int64_t as = 0;
	int r = router_check_keys(map, keys, "as, neighbours, networks or redistribute", err);
	if (!r)
		r = cat_node_read_int(map, "as", CAT_REQUIRED, 1, UINT32_MAX - 1, &as, err);
	if (!r)
		r = cat_node_read_list(map, "neighbours", CAT_REQUIRED, &peers, err);
	if (!r)
		r = cat_node_read_list(map, "networks", CAT_OPTIONAL, &networks, err);
	if (!r)
		r = read_sources(map, ROUTER_SOURCE_CONNECTED | ROUTER_SOURCE_STATIC | ROUTER_SOURCE_OSPF,
				 &d->bgp_sources, err);
	if (!r)
		r = read_networks(d, networks, err);
	if (!r && (!peers->count || peers->count > ROUTER_PEERS_MAX))
		r = cat_node_error(peers, err, "found %zu neighbours, expected 1 to %u", peers->count,
				   ROUTER_PEERS_MAX);
	for (const struct cat_node *n = r ? NULL : peers->first; n && !r; n = n->next)
		r = read_peer(config, d, n, err);
	d->bgp = true;
	d->as = (uint32_t)as;
	return r;
}

static bool has_family(const struct router_config *config, unsigned side, uint8_t family)
{
	for (uint32_t i = 0; i < config->interface[side].count; i++)
		if (config->interface[side].address[i].addr.family == family)
			return true;
	return false;
}

static int read_area(const struct router_config *config, struct router_dynamic *d, const struct cat_node *ospf,
		     enum cat_side side, struct cat_err *err)
{
	static const char *const keys[] = {"area",   "cost", "passive",        "hello_s",
					   "dead_s", "bfd",  "point_to_point", NULL};
	struct router_area *area = &d->area[side];
	const struct cat_node *map = NULL;
	const char *text = "0.0.0.0";
	int64_t cost = 0, hello = HELLO_S, dead = DEAD_S;
	int r = cat_node_read_map(ospf, side == CAT_LEFT ? "left" : "right", CAT_OPTIONAL, &map, err);
	if (r < 0 || !map)
		return r;
	r = router_check_keys(map, keys, "area, cost, passive, hello_s, dead_s, bfd or point_to_point", err);
	if (!r)
		r = cat_node_read_string(map, "area", CAT_OPTIONAL, &text, err);
	struct cat_addr id;
	if (!r && (cat_addr_parse(text, &id) < 0 || id.family != AF_INET))
		r = cat_node_error(cat_node_get(map, "area"), err, "found \"%s\", expected an area like 0.0.0.0", text);
	if (!r)
		r = cat_node_read_int(map, "cost", CAT_OPTIONAL, 1, 65535, &cost, err);
	if (!r)
		r = cat_node_read_int(map, "hello_s", CAT_OPTIONAL, 1, 65535, &hello, err);
	if (!r)
		r = cat_node_read_int(map, "dead_s", CAT_OPTIONAL, 2, 65535, &dead, err);
	if (!r)
		r = cat_node_read_bool(map, "passive", CAT_OPTIONAL, &area->passive, err);
	if (!r)
		r = cat_node_read_bool(map, "bfd", CAT_OPTIONAL, &area->bfd, err);
	if (!r)
		r = cat_node_read_bool(map, "point_to_point", CAT_OPTIONAL, &area->point_to_point, err);
	if (r < 0)
		return r;
	if (dead <= hello)
		return cat_node_error(map, err, "dead_s is %lld, expected more than hello_s, %lld", (long long)dead,
				      (long long)hello);
	if (!has_family(config, side, AF_INET) && !has_family(config, side, AF_INET6))
		return cat_node_error(map, err, "the side has no address");
	area->on = true;
	area->area = cat_addr_ipv4(&id);
	area->cost = (uint32_t)cost;
	area->hello_s = (uint32_t)hello;
	area->dead_s = (uint32_t)dead;
	d->ospf |= has_family(config, side, AF_INET);
	d->ospf3 |= has_family(config, side, AF_INET6);
	return 0;
}

static int read_ospf(const struct router_config *config, struct router_dynamic *d, const struct cat_node *map,
		     struct cat_err *err)
{
	static const char *const keys[] = {"left", "right", "redistribute", NULL};
	int r = router_check_keys(map, keys, "left, right or redistribute", err);
	for (unsigned side = 0; side < CAT_SIDES && !r; side++)
		r = read_area(config, d, map, (enum cat_side)side, err);
	if (!r)
		r = read_sources(map, ROUTER_SOURCE_CONNECTED | ROUTER_SOURCE_STATIC | ROUTER_SOURCE_BGP,
				 &d->ospf_sources, err);
	if (!r && !d->area[CAT_LEFT].on && !d->area[CAT_RIGHT].on)
		r = cat_node_error(map, err, "expected left, right or both, with an area");
	return r;
}

static int read_bfd(struct router_dynamic *d, const struct cat_node *root, struct cat_err *err)
{
	static const char *const keys[] = {"interval_ms", "multiplier", NULL};
	const struct cat_node *map = NULL;
	int64_t interval = BFD_INTERVAL_MS, multiplier = BFD_MULTIPLIER;
	int r = cat_node_read_map(root, "bfd", CAT_OPTIONAL, &map, err);
	if (!r && map)
		r = router_check_keys(map, keys, "interval_ms or multiplier", err);
	if (!r && map)
		r = cat_node_read_int(map, "interval_ms", CAT_OPTIONAL, 10, 60000, &interval, err);
	if (!r && map)
		r = cat_node_read_int(map, "multiplier", CAT_OPTIONAL, 2, 255, &multiplier, err);
	d->bfd_interval_ms = (uint32_t)interval;
	d->bfd_multiplier = (uint32_t)multiplier;
	return r;
}

// Without one that is configured: the first IPv4 address, of the right side first.
static int read_router_id(const struct router_config *config, struct router_dynamic *d, const struct cat_node *root,
			  struct cat_err *err)
{
	const char *text = NULL;
	int r = cat_node_read_string(root, "router_id", CAT_OPTIONAL, &text, err);
	if (r < 0)
		return r;
	if (text) {
		if (cat_addr_parse(text, &d->router_id) < 0 || d->router_id.family != AF_INET ||
		    cat_addr_ipv4(&d->router_id) == 0)
			return cat_node_error(cat_node_get(root, "router_id"), err,
					      "found \"%s\", expected one like 192.0.2.1", text);
		return 0;
	}
	for (unsigned side = CAT_SIDES; side-- > 0;) {
		const struct cat_l3_interface *interface = &config->interface[side];
		for (uint32_t i = 0; i < interface->count; i++) {
			if (interface->address[i].addr.family != AF_INET)
				continue;
			d->router_id = interface->address[i].addr;
			return 0;
		}
	}
	return cat_node_error(root, err, "router_id is missing: there is no IPv4 address to take it from");
}

static int read_dynamic(const struct router_config *config, struct router_dynamic *d, const struct cat_node *root,
			const struct cat_node *bgp, const struct cat_node *ospf, struct cat_err *err)
{
	int64_t restart = RESTART_S;
	int r = cat_node_read_int(root, "restart_s", CAT_OPTIONAL, 1, 3600, &restart, err);
	d->restart_s = (uint32_t)restart;
	if (!r)
		r = read_router_id(config, d, root, err);
	if (!r)
		r = read_bfd(d, root, err);
	if (!r && bgp)
		r = read_bgp(config, d, bgp, err);
	if (!r && ospf)
		r = read_ospf(config, d, ospf, err);
	const struct cat_node *routes = cat_node_get(root, "routes");
	if (!r && routes && routes->count > ROUTER_STATIC_MAX)
		r = cat_node_error(routes, err, "found %zu routes, expected at most %u beside bgp or ospf",
				   routes->count, ROUTER_STATIC_MAX);
	return r;
}

int router_dynamic_read(const struct router_config *config, const struct cat_node *root,
			struct router_dynamic **ret_dynamic, struct cat_err *err)
{
	const struct cat_node *bgp = NULL, *ospf = NULL;
	*ret_dynamic = NULL;
	if (!root)
		return 0;
	int r = cat_node_read_map(root, "bgp", CAT_OPTIONAL, &bgp, err);
	if (!r)
		r = cat_node_read_map(root, "ospf", CAT_OPTIONAL, &ospf, err);
	if (r < 0)
		return r;
	if (!bgp && !ospf) {
		for (unsigned i = 0; router_dynamic_keys[i]; i++)
			if (cat_node_get(root, router_dynamic_keys[i]))
				return cat_node_error(cat_node_get(root, router_dynamic_keys[i]), err,
						      "%s is of use with bgp or ospf only", router_dynamic_keys[i]);
		return 0;
	}
	struct router_dynamic *d = calloc(1, sizeof(*d));
	if (!d)
		return cat_err_set(err, -ENOMEM, "no memory for the configuration");
	d->peer = calloc(ROUTER_PEERS_MAX, sizeof(*d->peer));
	d->network = calloc(ROUTER_NETWORKS_MAX, sizeof(*d->network));
	d->rule = calloc(ROUTER_RULES_MAX, sizeof(*d->rule));
	r = d->peer && d->network && d->rule ? read_dynamic(config, d, root, bgp, ospf, err)
					     : cat_err_set(err, -ENOMEM, "no memory for the configuration");
	if (r < 0) {
		router_dynamic_destroy(d);
		return r;
	}
	*ret_dynamic = d;
	return 0;
}

void router_dynamic_destroy(struct router_dynamic *d)
{
	if (!d)
		return;
	free(d->peer);
	free(d->network);
	free(d->rule);
	free(d);
}

bool router_dynamic_bfd(const struct router_dynamic *d)
{
	bool any = d->area[CAT_LEFT].bfd || d->area[CAT_RIGHT].bfd;
	for (uint32_t i = 0; i < d->peer_count; i++)
		any |= d->peer[i].bfd;
	return any;
}
