// SPDX-License-Identifier: BSD-3-Clause
// Paths: hops that exist and stand where they may, every port and function used, traffic that reaches every path.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "schema.h"
#include "service_check.h"

// The keys of two maps (each may be NULL), NULL-terminated. The caller frees the array.
static const char **keys_of(const struct cat_node *a, const struct cat_node *b)
{
	const char **keys = calloc((a ? a->count : 0) + (b ? b->count : 0) + 1, sizeof(*keys));
	size_t count = 0;
	for (const struct cat_node *n = first_of(a); keys && n; n = n->next)
		keys[count++] = n->key;
	for (const struct cat_node *n = first_of(b); keys && n; n = n->next)
		keys[count++] = n->key;
	return keys;
}

int paths_collect(struct checks *checks)
{
	const struct cat_node *one = cat_node_get(checks->root, "path");
	const struct cat_node *paths = of_type(cat_node_get(checks->root, "paths"), CAT_MAP);
	checks->path_broken = !one && !paths;
	if (!one && !cat_node_get(checks->root, "paths"))
		return cat_problems_add(checks->problems, checks->root, true,
					"\"path\" is missing, expected a list such as [PORT, FUNCTION, PORT], or "
					"\"paths\" with several");
	if (one && cat_node_get(checks->root, "paths")) {
		int r = cat_problems_add(checks->problems, one, true,
					 "found beside \"paths\", expected one of the two; move it to \"paths\"");
		if (r < 0)
			return r;
	}
	checks->path = calloc((paths ? paths->count : 0) + 1, sizeof(*checks->path));
	if (!checks->path)
		return -ENOMEM;
	if (of_type(one, CAT_LIST) && !cat_node_get(checks->root, "paths"))
		checks->path[checks->path_count++] = (struct path){.node = one, .hops = one, .name = "main"};
	for (const struct cat_node *n = first_of(paths); n; n = n->next) {
		const struct cat_node *hops = of_type(cat_node_get(n, "hops"), CAT_LIST);
		checks->path_broken |= !hops || hops->count > HOPS_MAX;
		if (hops && hops->count > HOPS_MAX)
			continue;
		checks->path[checks->path_count++] =
			(struct path){.node = n, .hops = hops, .match = cat_node_get(n, "match"), .name = n->key};
	}
	checks->path_broken |= !checks->path_count;
	return 0;
}

static int check_hop(struct checks *checks, const struct path *path, const struct cat_node *hop)
{
	const char *name = hop->string;
	char suggestion[96];
	bool end = hop == path->hops->first || hop == path->hops->last;
	bool port = cat_node_get(checks->ports, name), function = cat_node_get(checks->functions, name);
	const struct cat_node *wanted = end ? checks->ports : checks->functions;
	if (!port && !function) {
		checks->path_broken = true;
		cat_autofree const char **keys = keys_of(wanted, end ? NULL : checks->ports);
		if (!keys)
			return -ENOMEM;
		return cat_problems_add(checks->problems, hop, false,
					"found \"%.60s\", which is neither a port nor a function%s", name,
					suggestion_of(name, keys, suggestion, sizeof(suggestion)));
	}
	if (end && !port)
		return cat_problems_add(checks->problems, hop, false,
					"found function \"%s\", expected a port: a path begins and ends at ports",
					name);
	if (!end && !function)
		return cat_problems_add(
			checks->problems, hop, false,
			"found port \"%s\", expected a function: ports are only at the two ends of a path", name);
	return 0;
}

static int check_hops(struct checks *checks, const struct path *path)
{
	int r = 0;
	for (const struct cat_node *n = first_of(path->hops); n && r == 0; n = n->next) {
		checks->path_broken |= n->type != CAT_STRING;
		r = n->type == CAT_STRING ? check_hop(checks, path, n) : 0;
	}
	const struct cat_node *first = first_of(path->hops), *last = path->hops ? path->hops->last : NULL;
	if (r == 0 && first && first != last && first->type == CAT_STRING && cat_node_equal(first, last) &&
	    cat_node_get(checks->ports, first->string))
		r = cat_problems_add(checks->problems, last, false,
				     "found port \"%s\" at both ends of the path, expected two different ports",
				     first->string);
	return r;
}

// How often `name` stands on paths; *ret_again is its second place, *ret_path the path of the first.
static size_t count_hops(const struct checks *checks, const char *name, const struct path **ret_path,
			 const struct cat_node **ret_again)
{
	size_t count = 0;
	for (size_t i = 0; i < checks->path_count; i++) {
		for (const struct cat_node *n = first_of(checks->path[i].hops); n; n = n->next) {
			if (n->type != CAT_STRING || strcmp(n->string, name) != 0)
				continue;
			if (++count == 1)
				*ret_path = &checks->path[i];
			else if (count == 2)
				*ret_again = n;
		}
	}
	return count;
}

static int check_use(struct checks *checks)
{
	const struct path *path = NULL;
	const struct cat_node *again = NULL;
	for (const struct cat_node *n = first_of(checks->functions); n; n = n->next) {
		size_t count = count_hops(checks, n->key, &path, &again);
		int r = 0;
		if (count == 0 && !checks->path_broken)
			r = cat_problems_add(checks->problems, n, true,
					     "the function is on no path; put it on one or remove it");
		else if (count > 1 && !cat_node_get(checks->ports, n->key))
			r = cat_problems_add(checks->problems, again, false,
					     "function \"%s\" stands on path \"%s\" already, and a function has one "
					     "place; add another function of its kind",
					     n->key, path->name);
		if (r < 0)
			return r;
	}
	for (const struct cat_node *n = first_of(checks->ports); n; n = n->next) {
		int r = count_hops(checks, n->key, &path, &again) == 0 && !checks->path_broken
				? cat_problems_add(checks->problems, n, true,
						   "the port is on no path; put it on one or remove it")
				: 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *end_of(const struct path *path, bool last)
{
	const struct cat_node *n = path->hops ? (last ? path->hops->last : path->hops->first) : NULL;
	return n && n->type == CAT_STRING ? n->string : "";
}

static const char *shared_port(const struct checks *checks, const struct path *a, const struct path *b)
{
	for (int i = 0; i < 4; i++) {
		const char *port = end_of(a, i & 1);
		if (strcmp(port, end_of(b, i & 2)) == 0 && cat_node_get(checks->ports, port))
			return port;
	}
	return NULL;
}

// A path without match takes all that is left: paths after it on the same port would get nothing.
static int check_shadows(struct checks *checks)
{
	for (size_t i = 0; i < checks->path_count; i++) {
		for (size_t j = i + 1; j < checks->path_count && !checks->path[i].match; j++) {
			const char *port = shared_port(checks, &checks->path[i], &checks->path[j]);
			if (!port)
				continue;
			int r = cat_problems_add(checks->problems, checks->path[i].node, true,
						 "takes everything from port \"%s\", so that path \"%s\" (line %u) "
						 "gets nothing; add \"match\" or make it the last",
						 port, checks->path[j].name, checks->path[j].node->key_line);
			if (r < 0)
				return r;
			break;
		}
	}
	return 0;
}

// Bit 0: there are IPv4 prefixes, bit 1: IPv6.
static unsigned families(const struct cat_node *prefixes)
{
	unsigned found = 0;
	for (const struct cat_node *n = first_of(prefixes); n; n = n->next) {
		struct cat_prefix prefix;
		if (n->type == CAT_STRING && cat_prefix_parse(n->string, &prefix) == 0)
			found |= prefix.addr.family == AF_INET ? 1 : 2;
	}
	return found;
}

static int check_match(struct checks *checks, const struct cat_node *match)
{
	static const char *const port_keys[] = {"source_ports", "destination_ports"};
	const struct cat_node *protocol = cat_node_get(match, "protocol");
	bool ported = protocol && ((protocol->type == CAT_STRING &&
				    (strcmp(protocol->string, "tcp") == 0 || strcmp(protocol->string, "udp") == 0)) ||
				   (protocol->type == CAT_INT && (protocol->integer == 6 || protocol->integer == 17)));
	int r = 0;
	for (size_t i = 0; i < CAT_ARRAY_LEN(port_keys) && r == 0; i++) {
		const struct cat_node *ports = cat_node_get(match, port_keys[i]);
		if (ports && !ported)
			r = cat_problems_add(checks->problems, ports, true,
					     "ports need \"protocol: tcp\" or \"protocol: udp\" beside them");
	}
	unsigned source = families(cat_node_get(match, "source"));
	unsigned destination = families(cat_node_get(match, "destination"));
	if (r == 0 && source && destination && !(source & destination))
		r = cat_problems_add(checks->problems, cat_node_get(match, "destination"), true,
				     "source and destination have no IP version in common, so that nothing matches");
	const char *name = text_of(match, "protocol");
	unsigned all = source | destination;
	if (r == 0 && name && ((strcmp(name, "icmp") == 0 && all == 2) || (strcmp(name, "icmpv6") == 0 && all == 1)))
		r = cat_problems_add(checks->problems, protocol, false,
				     "found \"%s\" with IPv%c prefixes, so that nothing matches; did you mean \"%s\"?",
				     name, all == 2 ? '6' : '4', all == 2 ? "icmpv6" : "icmp");
	return r;
}

int paths_check(struct checks *checks)
{
	int r = 0;
	for (size_t i = 0; i < checks->path_count && r == 0; i++) {
		r = check_hops(checks, &checks->path[i]);
		if (r == 0)
			r = check_match(checks, checks->path[i].match);
	}
	if (r == 0)
		r = check_use(checks);
	return r < 0 ? r : check_shadows(checks);
}
