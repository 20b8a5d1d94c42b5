// SPDX-License-Identifier: BSD-3-Clause
// The list `vrrp` of a router's configuration.
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "router.h"
#include "vrrp.h"

#define PRIORITY 100
#define INTERVAL_CS 100
#define INTERVAL_MIN_CS 10
#define INTERVAL_MAX_CS 4095

static bool is_link_local(const struct cat_addr *addr)
{
	return addr->family == AF_INET6 && addr->byte[0] == 0xfe && (addr->byte[1] & 0xc0) == 0x80;
}

static int read_addresses(const struct router_config *config, const struct cat_node *map, struct router_vrrp *v,
			  struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = cat_node_read_list(map, "addresses", CAT_REQUIRED, &list, err);
	if (r < 0)
		return r;
	if (!list->count || list->count > ROUTER_VRRP_ADDRESSES_MAX)
		return cat_node_error(list, err, "found %zu addresses, expected 1 to %u", list->count,
				      ROUTER_VRRP_ADDRESSES_MAX);
	for (const struct cat_node *n = list->first; n; n = n->next) {
		struct cat_addr *addr = &v->address[v->count];
		char found[128];
		if (n->type != CAT_STRING || cat_addr_parse(n->string, addr) < 0)
			return cat_node_error(n, err, "found %s, expected an address",
					      cat_node_describe(n, found, sizeof(found)));
		if (v->count && addr->family != v->family)
			return cat_node_error(n, err, "%s is of another family than the first one", n->string);
		if (!cat_l3_is_on_link(&config->interface[v->side], addr))
			return cat_node_error(n, err, "%s is on no network of the side", n->string);
		for (unsigned side = 0; side < CAT_SIDES; side++)
			if (cat_l3_is_own(&config->interface[side], addr))
				return cat_node_error(n, err,
						      "%s is an address of the router itself, which would own the "
						      "virtual router: give it another one",
						      n->string);
		v->family = addr->family;
		v->count++;
	}
	// Section 5.2.9.
	if (v->family == AF_INET6 && !is_link_local(&v->address[0]))
		return cat_node_error(list, err, "the first of IPv6 addresses must be link-local");
	return 0;
}

static int read_one(const struct router_config *config, const struct cat_node *n, struct router_vrrp *v,
		    struct cat_err *err)
{
	static const char *const keys[] = {"side",    "id",     "addresses",     "priority", "interval_cs",
					   "preempt", "accept", "pseudo_header", NULL};
	const char *side = "";
	int64_t id = 0, priority = PRIORITY, interval = INTERVAL_CS;
	char found[128];
	*v = (struct router_vrrp){.preempt = true};
	if (n->type != CAT_MAP)
		return cat_node_error(n, err,
				      "found %s, expected one like {side: left, id: 7, addresses: [10.0.0.254]}",
				      cat_node_describe(n, found, sizeof(found)));
	int r = router_check_keys(n, keys,
				  "side, id, addresses, priority, interval_cs, preempt, accept or pseudo_header", err);
	if (!r)
		r = cat_node_read_string(n, "side", CAT_REQUIRED, &side, err);
	if (!r && strcmp(side, "left") != 0 && strcmp(side, "right") != 0)
		r = cat_node_error(cat_node_get(n, "side"), err, "found \"%s\", expected left or right", side);
	if (!r)
		r = cat_node_read_int(n, "id", CAT_REQUIRED, 1, 255, &id, err);
	if (!r)
		r = cat_node_read_int(n, "priority", CAT_OPTIONAL, 1, 254, &priority, err);
	if (!r)
		r = cat_node_read_int(n, "interval_cs", CAT_OPTIONAL, INTERVAL_MIN_CS, INTERVAL_MAX_CS, &interval, err);
	if (!r)
		r = cat_node_read_bool(n, "preempt", CAT_OPTIONAL, &v->preempt, err);
	if (!r)
		r = cat_node_read_bool(n, "accept", CAT_OPTIONAL, &v->accept, err);
	if (!r)
		r = cat_node_read_bool(n, "pseudo_header", CAT_OPTIONAL, &v->pseudo_header, err);
	if (r < 0)
		return r;
	v->side = side[0] == 'l' ? CAT_LEFT : CAT_RIGHT;
	v->id = (uint8_t)id;
	v->priority = (uint8_t)priority;
	v->interval_cs = (uint32_t)interval;
	r = read_addresses(config, n, v, err);
	// Section 7.3.
	v->mac = (struct cat_mac){{0, 0, 0x5e, 0, v->family == AF_INET ? 1 : 2, v->id}};
	memcpy(&v->mac_word, v->mac.byte, 6);
	return r;
}

int router_vrrp_read(const struct router_config *config, const struct cat_node *root, struct router_vrrps **ret_vrrps,
		     struct cat_err *err)
{
	const struct cat_node *list = NULL;
	*ret_vrrps = NULL;
	int r = root ? cat_node_read_list(root, "vrrp", CAT_OPTIONAL, &list, err) : 0;
	if (r < 0 || !list || !list->count)
		return r;
	if (list->count > ROUTER_VRRP_MAX)
		return cat_node_error(list, err, "found %zu virtual routers, expected at most %u", list->count,
				      ROUTER_VRRP_MAX);
	struct router_vrrps *vrrps = calloc(1, sizeof(*vrrps));
	if (!vrrps)
		return cat_err_set(err, -ENOMEM, "no memory for the configuration");
	for (const struct cat_node *n = list->first; n && !r; n = n->next) {
		struct router_vrrp *v = &vrrps->router[vrrps->count];
		r = read_one(config, n, v, err);
		for (uint32_t i = 0; i < vrrps->count && !r; i++)
			if (vrrps->router[i].side == v->side && vrrps->router[i].id == v->id &&
			    vrrps->router[i].family == v->family)
				r = cat_node_error(n, err, "virtual router %u of that side and family is there twice",
						   v->id);
		vrrps->count++;
	}
	if (r < 0) {
		free(vrrps);
		return r;
	}
	*ret_vrrps = vrrps;
	return 0;
}
