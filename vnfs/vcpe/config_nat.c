// SPDX-License-Identifier: BSD-3-Clause
// The "nat" part of the configuration.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "config.h"

#define QUOTA_DEFAULT 4096

static int read_pool(const struct cat_node *nat, struct vcpe_config *config, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = cat_node_read_list(nat, "pool", CAT_OPTIONAL, &list, err);
	if (r < 0)
		return r;
	if (!list) {
		config->nat.pool[0] = config->wan.address;
		config->nat.pool_count = 1;
		return 0;
	}
	if (list->count == 0 || list->count > VCPE_POOL_MAX)
		return cat_node_error(list, err, "found %zu addresses, expected 1 to %u", list->count, VCPE_POOL_MAX);
	for (const struct cat_node *item = list->first; item; item = item->next) {
		uint32_t address;
		if ((r = vcpe_config_parse_ipv4(item, &address, err)) < 0)
			return r;
		if (vcpe_in_lan(config, address))
			return cat_node_error(item, err, "%s lies in the LAN's subnet", item->string);
		if (vcpe_in_pool(config, address))
			return cat_node_error(item, err, "%s stands in the pool twice", item->string);
		if (address == config->wan.gateway)
			return cat_node_error(item, err, "%s is the WAN's gateway", item->string);
		config->nat.pool[config->nat.pool_count++] = address;
	}
	return 0;
}

static int read_ports(const struct cat_node *nat, struct vcpe_nat_config *config, struct cat_err *err)
{
	const char *text = NULL;
	config->port_first = 1024;
	config->port_last = 65535;
	int r = cat_node_read_string(nat, "ports", CAT_OPTIONAL, &text, err);
	if (r < 0 || !text)
		return r;
	unsigned first, last;
	char rest;
	if (sscanf(text, "%5u-%5u%c", &first, &last, &rest) != 2 || first < 1 || last > 65535 || first >= last)
		return cat_node_error(cat_node_get(nat, "ports"), err,
				      "found \"%s\", expected a range of ports like \"1024-65535\"", text);
	config->port_first = (uint16_t)first;
	config->port_last = (uint16_t)last;
	return 0;
}

static int read_timeouts(const struct cat_node *nat, struct vcpe_nat_config *config, struct cat_err *err)
{
	// The least that the RFCs allow, and what holds if nothing is said: RFC 5382 REQ-5, RFC 4787 REQ-5, RFC 5508
	// REQ-1.
	static const struct {
		const char *key;
		int64_t min_s, default_s;
	} timer[VCPE_TIMERS] = {
		[VCPE_TIMER_TCP] = {"tcp_established_s", 7440, 7440},
		[VCPE_TIMER_TCP_TRANSITORY] = {"tcp_transitory_s", 240, 240},
		[VCPE_TIMER_UDP] = {"udp_s", 120, 300},
		[VCPE_TIMER_ICMP] = {"icmp_s", 60, 60},
	};
	static const char *const keys[] = {"tcp_established_s", "tcp_transitory_s", "udp_s", "icmp_s", NULL};
	const struct cat_node *map = NULL;
	int r = cat_node_read_map(nat, "timeouts", CAT_OPTIONAL, &map, err);
	if (r < 0 || (r = vcpe_config_check_keys(map, keys, err)) < 0)
		return r;
	for (unsigned i = 0; i < VCPE_TIMERS; i++) {
		int64_t seconds = timer[i].default_s;
		r = cat_node_read_int(map, timer[i].key, CAT_OPTIONAL, timer[i].min_s,
				      (int64_t)(VCPE_TIMEOUT_MAX_MS / 1000), &seconds, err);
		if (r < 0)
			return r;
		config->timeout_ms[i] = (uint64_t)seconds * 1000;
	}
	return 0;
}

static int read_forward(const struct cat_node *item, const struct vcpe_config *config, struct vcpe_forward *forward,
			struct cat_err *err)
{
	static const char *const keys[] = {"name", "protocol", "address", "port", "to", "to_port", NULL};
	char found[80];
	if (item->type != CAT_MAP)
		return cat_node_error(item, err, "found %s, expected a map",
				      cat_node_describe(item, found, sizeof(found)));
	const char *protocol = NULL, *name = NULL;
	int64_t port = 0, to_port = 0;
	forward->address = config->nat.pool[0];
	int r = vcpe_config_check_keys(item, keys, err);
	if (r < 0 || (r = cat_node_read_string(item, "name", CAT_OPTIONAL, &name, err)) < 0 ||
	    (r = cat_node_read_string(item, "protocol", CAT_REQUIRED, &protocol, err)) < 0 ||
	    (r = cat_node_read_int(item, "port", CAT_REQUIRED, 1, 65535, &port, err)) < 0 ||
	    (r = vcpe_config_read_ipv4(item, "address", CAT_OPTIONAL, &forward->address, err)) < 0 ||
	    (r = vcpe_config_read_ipv4(item, "to", CAT_REQUIRED, &forward->to, err)) < 0)
		return r;
	to_port = port;
	if ((r = cat_node_read_int(item, "to_port", CAT_OPTIONAL, 1, 65535, &to_port, err)) < 0)
		return r;
	if (strcmp(protocol, "tcp") == 0)
		forward->protocol = IPPROTO_TCP;
	else if (strcmp(protocol, "udp") == 0)
		forward->protocol = IPPROTO_UDP;
	else
		return cat_node_error(cat_node_get(item, "protocol"), err, "found \"%s\", expected \"tcp\" or \"udp\"",
				      protocol);
	if (!vcpe_in_pool(config, forward->address))
		return cat_node_error(cat_node_get(item, "address"), err, "is not an address of the pool");
	if (!vcpe_in_lan(config, forward->to) || forward->to == config->lan.address)
		return cat_node_error(cat_node_get(item, "to"), err, "is not a host of the LAN's subnet");
	forward->port = htons((uint16_t)port);
	forward->to_port = htons((uint16_t)to_port);
	return 0;
}

static int read_forwards(const struct cat_node *nat, struct vcpe_config *config, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = cat_node_read_list(nat, "forward", CAT_OPTIONAL, &list, err);
	if (r < 0 || !list)
		return r;
	if (list->count > VCPE_FORWARDS_MAX)
		return cat_node_error(list, err, "found %zu rules, expected at most %u", list->count,
				      VCPE_FORWARDS_MAX);
	struct vcpe_nat_config *c = &config->nat;
	c->forward = calloc(list->count ? list->count : 1, sizeof(*c->forward));
	if (!c->forward)
		return cat_err_set(err, -ENOMEM, "no memory for the forwarding rules");
	for (const struct cat_node *item = list->first; item; item = item->next) {
		struct vcpe_forward f = {0};
		if ((r = read_forward(item, config, &f, err)) < 0)
			return r;
		for (uint32_t i = 0; i < c->forward_count; i++) {
			const struct vcpe_forward *o = &c->forward[i];
			if (o->protocol != f.protocol)
				continue;
			if (o->address == f.address && o->port == f.port)
				return cat_node_error(item, err, "rule %u takes the same address and port already", i);
			// What the host sends must have one way back, else the answer leaves from a foreign port.
			if (o->to == f.to && o->to_port == f.to_port)
				return cat_node_error(item, err, "rule %u leads to the same host and port already", i);
		}
		c->forward[c->forward_count++] = f;
	}
	return 0;
}

int vcpe_config_read_nat(const struct cat_node *node, struct vcpe_config *config, struct cat_err *err)
{
	static const char *const keys[] = {"pool",     "ports",    "filtering", "hairpin", "quota",
					   "sessions", "timeouts", "forward",   NULL};
	static const char *const filterings[VCPE_FILTERINGS] = {
		[VCPE_FILTER_NONE] = "endpoint-independent",
		[VCPE_FILTER_ADDRESS] = "address",
		[VCPE_FILTER_ADDRESS_PORT] = "address-and-port",
	};
	const struct cat_node *nat = NULL;
	const char *filtering = filterings[VCPE_FILTER_ADDRESS];
	struct vcpe_nat_config *c = &config->nat;
	int64_t quota = QUOTA_DEFAULT, sessions = UINT32_MAX;
	c->hairpin = true;
	int r = cat_node_read_map(node, "nat", CAT_OPTIONAL, &nat, err);
	if (r < 0 || (r = vcpe_config_check_keys(nat, keys, err)) < 0 || (r = read_pool(nat, config, err)) < 0 ||
	    (r = read_ports(nat, c, err)) < 0 ||
	    (r = cat_node_read_string(nat, "filtering", CAT_OPTIONAL, &filtering, err)) < 0 ||
	    (r = cat_node_read_bool(nat, "hairpin", CAT_OPTIONAL, &c->hairpin, err)) < 0 ||
	    (r = cat_node_read_int(nat, "quota", CAT_OPTIONAL, 1, 1 << 24, &quota, err)) < 0 ||
	    (r = cat_node_read_int(nat, "sessions", CAT_OPTIONAL, 1, 1 << 24, &sessions, err)) < 0 ||
	    (r = read_timeouts(nat, c, err)) < 0 || (r = read_forwards(nat, config, err)) < 0)
		return r;
	c->quota = (uint32_t)quota;
	c->sessions = (uint32_t)sessions;
	for (unsigned i = 0; i < VCPE_FILTERINGS; i++) {
		if (strcmp(filtering, filterings[i]) == 0) {
			c->filtering = (enum vcpe_filtering)i;
			return 0;
		}
	}
	return cat_node_error(cat_node_get(nat, "filtering"), err,
			      "found \"%s\", expected \"endpoint-independent\", \"address\" or \"address-and-port\"",
			      filtering);
}
