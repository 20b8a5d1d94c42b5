// SPDX-License-Identifier: BSD-3-Clause
// The router's configuration: {left, right, routes, icmp}.
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "cat_cleanup.h"
#include "dynamic.h"
#include "table.h"
#include "vrrp.h"

#define ICMP_RATE_PPS 1000
#define ICMP_BURST 100

int router_check_keys(const struct cat_node *map, const char *const *known, const char *text, struct cat_err *err)
{
	for (const struct cat_node *n = map ? map->first : NULL; n; n = n->next) {
		bool found = false;
		for (const char *const *k = known; *k; k++)
			found |= strcmp(*k, n->key) == 0;
		if (!found)
			return cat_node_error(n, err, "unknown key \"%s\", expected %s", n->key, text);
	}
	return 0;
}

// One address on both sides, or one prefix on both, would make it a matter of chance where packets go.
static int check_sides(const struct router_config *config, const struct cat_node *right, struct cat_err *err)
{
	const struct cat_l3_interface *a = &config->interface[CAT_LEFT], *b = &config->interface[CAT_RIGHT];
	const struct cat_node *list = cat_node_get(right, "addresses");
	for (uint32_t i = 0; i < a->count; i++) {
		for (uint32_t j = 0; j < b->count; j++) {
			struct cat_prefix p = a->address[i], q = b->address[j];
			char text[CAT_ADDR_TEXT_MAX];
			// Every link has its own fe80::/64.
			if (p.addr.family != q.addr.family ||
			    (p.addr.byte[0] == 0xfe && (p.addr.byte[1] & 0xc0) == 0x80))
				continue;
			const struct cat_node *n = cat_node_at(list, j);
			if (cat_addr_equal(&p.addr, &q.addr))
				return cat_node_error(n ? n : right, err, "%s is an address of the left side already",
						      cat_addr_format(&q.addr, text));
			cat_prefix_mask(&p);
			cat_prefix_mask(&q);
			if (p.length == q.length && cat_addr_equal(&p.addr, &q.addr))
				return cat_node_error(n ? n : right, err, "%s is connected to the left side already",
						      cat_prefix_format(&q, text));
		}
	}
	return 0;
}

static int read_icmp(struct router_config *config, const struct cat_node *root, struct cat_err *err)
{
	static const char *const keys[] = {"rate_pps", "burst", NULL};
	const struct cat_node *map = NULL;
	int64_t rate = ICMP_RATE_PPS, burst = ICMP_BURST;
	int r = cat_node_read_map(root, "icmp", CAT_OPTIONAL, &map, err);
	if (!r && map)
		r = router_check_keys(map, keys, "rate_pps or burst", err);
	if (!r && map)
		r = cat_node_read_int(map, "rate_pps", CAT_OPTIONAL, 1, ROUTER_ICMP_RATE_MAX, &rate, err);
	if (!r && map)
		r = cat_node_read_int(map, "burst", CAT_OPTIONAL, 1, ROUTER_ICMP_RATE_MAX, &burst, err);
	config->icmp_rate_pps = (uint32_t)rate;
	config->icmp_burst = (uint32_t)burst;
	return r;
}

// Keys of routing protocols where nobody speaks them.
static int refuse_protocols(const struct cat_node *root, struct cat_err *err)
{
	for (unsigned i = 0; root && router_dynamic_keys[i]; i++)
		if (cat_node_get(root, router_dynamic_keys[i]))
			return cat_node_error(cat_node_get(root, router_dynamic_keys[i]), err,
					      "%s needs the kind router-frr, which has the daemons for it",
					      router_dynamic_keys[i]);
	return 0;
}

static int read_urpf(struct router_config *config, const struct cat_node *root, struct cat_err *err)
{
	static const char *const keys[] = {"left", "right", NULL}, *const modes[] = {"off", "strict", "loose"};
	const struct cat_node *map = NULL;
	int r = root ? cat_node_read_map(root, "urpf", CAT_OPTIONAL, &map, err) : 0;
	if (!r && map)
		r = router_check_keys(map, keys, "left or right", err);
	for (unsigned side = 0; side < CAT_SIDES && !r && map; side++) {
		const char *text = modes[0];
		unsigned mode = 0;
		r = cat_node_read_string(map, keys[side], CAT_OPTIONAL, &text, err);
		while (!r && mode < CAT_ARRAY_LEN(modes) && strcmp(modes[mode], text) != 0)
			mode++;
		if (mode == CAT_ARRAY_LEN(modes))
			r = cat_node_error(cat_node_get(map, keys[side]), err,
					   "found \"%s\", expected off, strict or loose", text);
		config->urpf[side] = (uint8_t)mode;
	}
	return r;
}

static int read_proxy_arp(struct router_config *config, const struct cat_node *root, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	char found[128];
	int r = root ? cat_node_read_list(root, "proxy_arp", CAT_OPTIONAL, &list, err) : 0;
	for (const struct cat_node *n = list && !r ? list->first : NULL; n; n = n->next) {
		bool left = n->type == CAT_STRING && strcmp(n->string, "left") == 0;
		if (!left && (n->type != CAT_STRING || strcmp(n->string, "right") != 0))
			return cat_node_error(n, err, "found %s, expected left or right",
					      cat_node_describe(n, found, sizeof(found)));
		config->proxy_arp[left ? CAT_LEFT : CAT_RIGHT] = true;
	}
	return r;
}

static int read_config(struct router_config *config, const struct cat_node *root, bool protocols, struct cat_err *err)
{
	static const char *const keys[] = {"left",      "right", "routes",    "icmp", "urpf", "proxy_arp", "vrrp",
					   "router_id", "bgp",   "restart_s", "ospf", "bfd",  NULL};
	const struct cat_node *list = NULL;
	if (root && root->type != CAT_MAP) {
		char found[128];
		return cat_node_error(root, err, "found %s, expected a map with left, right and routes",
				      cat_node_describe(root, found, sizeof(found)));
	}
	int r = protocols ? 0 : refuse_protocols(root, err);
	if (!r)
		r = router_check_keys(root, keys,
				      protocols ? "left, right, routes, icmp, urpf, proxy_arp, vrrp, router_id, "
						  "restart_s, bgp, ospf or bfd"
						: "left, right, routes, icmp, urpf, proxy_arp or vrrp",
				      err);
	if (!r)
		r = cat_l3_interface_read(cat_node_get(root, "left"), CAT_LEFT, &config->interface[CAT_LEFT], err);
	if (!r)
		r = cat_l3_interface_read(cat_node_get(root, "right"), CAT_RIGHT, &config->interface[CAT_RIGHT], err);
	if (!r)
		r = check_sides(config, cat_node_get(root, "right"), err);
	for (unsigned side = 0; side < CAT_SIDES && !r; side++)
		config->mtu[side] = config->interface[side].mtu;
	if (!r)
		r = read_icmp(config, root, err);
	if (!r)
		r = read_urpf(config, root, err);
	if (!r)
		r = read_proxy_arp(config, root, err);
	if (!r)
		r = router_vrrp_read(config, root, &config->vrrps, err);
	if (!r && root)
		r = cat_node_read_list(root, "routes", CAT_OPTIONAL, &list, err);
	if (!r && protocols)
		r = router_dynamic_read(config, root, &config->dynamic, err);
	if (!r)
		r = router_routes_read(config, list, err);
	return r;
}

static int create(const struct cat_node *node, bool protocols, void **ret_config, struct cat_err *err)
{
	struct router_config *config = calloc(1, sizeof(*config));
	if (!config)
		return cat_err_set(err, -ENOMEM, "no memory for the configuration");
	config->board = cat_l3_board_create();
	int r = config->board ? read_config(config, node, protocols, err)
			      : cat_err_set(err, -ENOMEM, "no memory for the configuration");
	if (r < 0) {
		router_config_destroy(config);
		return r;
	}
	*ret_config = config;
	return 0;
}

int router_config_create(const struct cat_node *node, void **ret_config, struct cat_err *err)
{
	return create(node, false, ret_config, err);
}

int router_frr_config_create(const struct cat_node *node, void **ret_config, struct cat_err *err)
{
	return create(node, true, ret_config, err);
}

void router_config_destroy(void *object)
{
	struct router_config *config = object;
	if (!config)
		return;
	struct router_table *table = atomic_load(&config->table);
	if (table != config->base)
		router_table_destroy(table);
	router_table_destroy(config->base);
	router_dynamic_destroy(config->dynamic);
	free(config->vrrps);
	free(config->routes[0].route);
	free(config->routes[1].route);
	cat_l3_board_destroy(config->board);
	free(config);
}
