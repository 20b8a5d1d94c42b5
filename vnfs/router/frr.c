// SPDX-License-Identifier: BSD-3-Clause
#include "frr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dynamic.h"
#include "table.h"

const char *const frr_daemon_name[FRR_DAEMONS] = {"zebra", "staticd", "bfdd", "ospfd", "ospf6d", "bgpd"};
const char *const frr_interface[CAT_SIDES] = {"left", "right"};

#define PROFILE "catena"

static const char *text_of(const struct cat_addr *addr, char *text)
{
	return cat_addr_format(addr, text);
}

// Configured routes, so that daemons resolve next hops by them, and redistribute them.
static void print_static(FILE *f, const struct router_config *config)
{
	const struct router_table *table = config->base;
	for (unsigned k = 0; k < 2; k++) {
		for (size_t i = 0; i < config->routes[k].count; i++) {
			const struct fib_route *route = &config->routes[k].route[i];
			const struct router_target *target = &table->target[route->value];
			struct cat_prefix prefix = {.addr.family = config->routes[k].family, .length = route->length};
			char text[CAT_ADDR_TEXT_MAX], hop[CAT_ADDR_TEXT_MAX];
			memcpy(prefix.addr.byte, route->addr, 16);
			if (route->note) // it follows from an address of the tap
				continue;
			fprintf(f, "%s route %s", k ? "ipv6" : "ip", cat_prefix_format(&prefix, text));
			if (target->kind == ROUTER_BLACKHOLE || target->kind == ROUTER_UNREACHABLE)
				fputs(target->kind == ROUTER_BLACKHOLE ? " blackhole\n" : " reject\n", f);
			else if (target->kind == ROUTER_CONNECTED)
				fprintf(f, " %s\n", frr_interface[target->side]);
			for (uint32_t n = 0; n < target->count; n++) {
				const struct router_hop *h = &table->hop[target->first + n];
				if (n)
					fprintf(f, "%s route %s", k ? "ipv6" : "ip", text);
				fprintf(f, " %s %s\n", text_of(&h->addr, hop), frr_interface[h->side]);
			}
		}
	}
}

static void print_bfd(FILE *f, const struct router_dynamic *d)
{
	fprintf(f,
		"bfd\n profile " PROFILE
		"\n  receive-interval %u\n  transmit-interval %u\n  detect-multiplier %u\n exit\nexit\n",
		d->bfd_interval_ms, d->bfd_interval_ms, d->bfd_multiplier);
}

static void print_redistribute(FILE *f, unsigned sources, bool ipv6)
{
	if (sources & ROUTER_SOURCE_CONNECTED)
		fputs(" redistribute connected\n", f);
	if (sources & ROUTER_SOURCE_STATIC)
		fputs(" redistribute static\n", f);
	if (sources & ROUTER_SOURCE_BGP)
		fputs(" redistribute bgp\n", f);
	if (sources & ROUTER_SOURCE_OSPF)
		fprintf(f, " redistribute %s\n", ipv6 ? "ospf6" : "ospf");
}

static void print_ospf(FILE *f, const struct router_dynamic *d, bool ipv6)
{
	const char *word = ipv6 ? "ipv6 ospf6" : "ip ospf";
	char text[CAT_ADDR_TEXT_MAX];
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		const struct router_area *area = &d->area[side];
		if (!area->on)
			continue;
		struct cat_addr id = cat_addr_from_ipv4(area->area);
		fprintf(f, "interface %s\n %s area %s\n %s hello-interval %u\n %s dead-interval %u\n",
			frr_interface[side], word, text_of(&id, text), word, area->hello_s, word, area->dead_s);
		if (area->cost)
			fprintf(f, " %s cost %u\n", word, area->cost);
		if (area->passive)
			fprintf(f, " %s passive\n", word);
		if (area->point_to_point)
			fprintf(f, " %s network point-to-point\n", word);
		if (area->bfd)
			fprintf(f, " %s bfd\n %s bfd profile " PROFILE "\n", word, word);
		fputs("exit\n", f);
	}
	fprintf(f, "router %s\n ospf%s router-id %s\n", ipv6 ? "ospf6" : "ospf", ipv6 ? "6" : "",
		text_of(&d->router_id, text));
	print_redistribute(f, d->ospf_sources, ipv6);
	fprintf(f, " maximum-paths %u\nexit\n", ROUTER_ECMP_MAX);
}

static void print_rules(FILE *f, const struct router_dynamic *d, const struct router_filter *filter, uint32_t peer,
			const char *way)
{
	char text[CAT_ADDR_TEXT_MAX];
	if (filter->kind != ROUTER_FILTER_LIST)
		return;
	for (unsigned k = 0; k < 2; k++) {
		const char *ip = k ? "ipv6" : "ip";
		for (uint32_t i = 0; i < filter->count; i++) {
			const struct router_rule *rule = &d->rule[filter->first + i];
			if ((rule->prefix.addr.family == AF_INET6) != (k == 1))
				continue;
			fprintf(f, "%s prefix-list %s%u seq %u permit %s", ip, way, peer, i + 1,
				cat_prefix_format(&rule->prefix, text));
			if (rule->max_length > rule->prefix.length)
				fprintf(f, " le %u", rule->max_length);
			fputc('\n', f);
		}
		// What is not there lets everything pass: the list is never empty.
		fprintf(f, "%s prefix-list %s%u seq %u deny any\n", ip, way, peer, ROUTER_RULES_MAX + 1);
	}
}

static void print_peer(FILE *f, const struct router_peer *peer, const char *text)
{
	fprintf(f, " neighbor %s remote-as %u\n neighbor %s timers %u %u\n neighbor %s timers connect 5\n", text,
		peer->as, text, peer->hold_s / 3, peer->hold_s, text);
	if (peer->link_local)
		fprintf(f, " neighbor %s interface %s\n", text, frr_interface[peer->side]);
	if (peer->multihop)
		fprintf(f, " neighbor %s ebgp-multihop %u\n", text, peer->multihop);
	if (*peer->password)
		fprintf(f, " neighbor %s password %s\n", text, peer->password);
	if (peer->bfd)
		fprintf(f, " neighbor %s bfd\n neighbor %s bfd profile " PROFILE "\n", text, text);
}

static void print_peer_filter(FILE *f, const struct router_filter *filter, const char *text, uint32_t peer,
			      const char *way)
{
	if (filter->kind == ROUTER_FILTER_LIST)
		fprintf(f, "  neighbor %s prefix-list %s%u %s\n", text, way, peer, way);
	else
		fprintf(f, "  neighbor %s route-map %s %s\n", text, filter->kind == ROUTER_FILTER_ALL ? "all" : "none",
			way);
}

static void print_bgp_family(FILE *f, const struct router_dynamic *d, bool ipv6)
{
	char text[CAT_ADDR_TEXT_MAX];
	fprintf(f, " address-family %s unicast\n", ipv6 ? "ipv6" : "ipv4");
	for (uint32_t i = 0; i < d->network_count; i++)
		if ((d->network[i].addr.family == AF_INET6) == ipv6)
			fprintf(f, "  network %s\n", cat_prefix_format(&d->network[i], text));
	print_redistribute(f, d->bgp_sources, ipv6);
	fprintf(f, "  maximum-paths %u\n  maximum-paths ibgp %u\n", ROUTER_ECMP_MAX, ROUTER_ECMP_MAX);
	for (uint32_t i = 0; i < d->peer_count; i++) {
		const struct router_peer *peer = &d->peer[i];
		text_of(&peer->address, text);
		// Each neighbour brings the routes of its own family.
		if ((peer->address.family == AF_INET6) != ipv6)
			continue;
		fprintf(f, "  neighbor %s activate\n", text);
		print_peer_filter(f, &peer->import, text, i, "in");
		print_peer_filter(f, &peer->export, text, i, "out");
		if (peer->max_prefixes)
			fprintf(f, "  neighbor %s maximum-prefix %u\n", text, peer->max_prefixes);
	}
	fputs(" exit-address-family\n", f);
}

static void print_bgp(FILE *f, const struct router_dynamic *d)
{
	char text[CAT_ADDR_TEXT_MAX];
	for (uint32_t i = 0; i < d->peer_count; i++) {
		print_rules(f, d, &d->peer[i].import, i, "in");
		print_rules(f, d, &d->peer[i].export, i, "out");
	}
	fputs("route-map all permit 1\nexit\nroute-map none deny 1\nexit\n", f);
	// Forwarding goes on while we are away (RFC 4724, section 4.1): what was learnt lies in state memory.
	fprintf(f,
		"router bgp %u\n bgp router-id %s\n no bgp default ipv4-unicast\n no bgp network import-check\n"
		" bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n bgp graceful-restart restart-time "
		"%u\n"
		" bgp graceful-restart stalepath-time %u\n bgp graceful-restart rib-stale-time %u\n"
		" bgp graceful-restart select-defer-time %u\n bgp bestpath as-path multipath-relax\n",
		d->as, text_of(&d->router_id, text), d->restart_s, d->restart_s, d->restart_s, d->restart_s);
	for (uint32_t i = 0; i < d->peer_count; i++)
		print_peer(f, &d->peer[i], text_of(&d->peer[i].address, text));
	print_bgp_family(f, d, false);
	print_bgp_family(f, d, true);
	fputs("exit\n", f);
}

static bool is_wanted(const struct router_dynamic *d, enum router_daemon which)
{
	switch (which) {
	case FRR_BFDD:
		return router_dynamic_bfd(d);
	case FRR_OSPFD:
		return d->ospf;
	case FRR_OSPF6D:
		return d->ospf3;
	case FRR_BGPD:
		return d->bgp;
	default:
		return true;
	}
}

int frr_config(const struct router_config *config, enum router_daemon which, char **ret_text, struct cat_err *err)
{
	const struct router_dynamic *d = config->dynamic;
	*ret_text = NULL;
	if (!d || !is_wanted(d, which))
		return 0;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	if (!f)
		return cat_err_set(err, -ENOMEM, "no memory for the configuration of %s", frr_daemon_name[which]);
	fputs("frr version 8.4\nfrr defaults traditional\nhostname catena\n", f);
	switch (which) {
	case FRR_ZEBRA:
		// Next hops as objects of their own would change without a word about the routes that use them.
		fputs("no zebra nexthop kernel enable\n", f);
		break;
	case FRR_STATICD:
		print_static(f, config);
		break;
	case FRR_BFDD:
		print_bfd(f, d);
		break;
	case FRR_OSPFD:
	case FRR_OSPF6D:
		print_ospf(f, d, which == FRR_OSPF6D);
		break;
	default:
		print_bgp(f, d);
	}
	bool failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed) {
		free(text);
		return cat_err_set(err, -ENOMEM, "no memory for the configuration of %s", frr_daemon_name[which]);
	}
	*ret_text = text;
	return 0;
}
