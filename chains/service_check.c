// SPDX-License-Identifier: BSD-3-Clause
// What a schema cannot say about a service file: names that refer to each other, devices, paths that share ports,
// configurations of functions.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cat_addr.h"
#include "cat_topology.h"
#include "schema.h"
#include "service_check.h"

#define GEN_SIZE_LEAST 64 // in the schema
#define MEMORY_LEAST (32ull << 20)
#define MEMORY_MOST (1ull << 40)
#define STATE_MOST (64ull << 30)

const char *suggestion_of(const char *found, const char *const *words, char *text, size_t size)
{
	const char *word = cat_suggest(found, words);
	text[0] = '\0';
	if (word)
		snprintf(text, size, "; did you mean \"%s\"?", word);
	return text;
}

static int check_names(struct checks *checks)
{
	for (const struct cat_node *n = first_of(checks->functions); n; n = n->next) {
		const struct cat_node *port = cat_node_get(checks->ports, n->key);
		int r = port ? cat_problems_add(checks->problems, n, true,
						"a port of the same name stands in line %u; names of ports and "
						"functions must differ",
						port->key_line)
			     : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

// The port before `node` with the same device, or NULL.
static const struct cat_node *device_twin(const struct cat_node *node, const struct port_dev *port)
{
	// Of these there is always one more.
	if (port->driver == CAT_PORT_GEN || port->driver == CAT_PORT_NULL || port->driver == CAT_PORT_VF)
		return NULL;
	for (const struct cat_node *n = node->parent->first; n != node; n = n->next) {
		struct port_dev other;
		char problem[256];
		const char *dev = text_of(n, "dev");
		if (dev && port_parse(dev, &other, problem, sizeof(problem)) == 0 && other.driver == port->driver &&
		    strcmp(other.device, port->device) == 0)
			return n;
	}
	return NULL;
}

// IP version of gen's source or destination, which are IPv4 by default.
static uint8_t gen_family(const struct cat_node *gen, const char *key)
{
	struct cat_addr addr;
	const char *text = text_of(gen, key);
	return text && cat_addr_parse(text, &addr) == 0 ? addr.family : AF_INET;
}

static int check_gen(struct checks *checks, const struct cat_node *gen)
{
	uint8_t source = gen_family(gen, "source"), destination = gen_family(gen, "destination");
	const char *template = text_of(gen, "template");
	const struct cat_node *sequence = of_type(cat_node_get(gen, "sequence"), CAT_BOOL);
	bool tcp = template && strcmp(template, "tcp") == 0;
	int r = 0;
	if (source != destination)
		r = cat_problems_add(checks->problems, gen, true,
				     "source and destination are not of one IP version (by default they are IPv4)");
	// Every header has to fit, 16 bytes of a mark, two more where a checksum covers it, and the check sequence.
	bool ipv6 = source == AF_INET6, marked = sequence && sequence->boolean;
	int64_t least = 14 + (ipv6 ? 40 : 20) + (tcp ? 20 : 8) + (marked ? tcp || ipv6 ? 18 : 16 : 0) + 4;
	if (r == 0 && int_of(gen, "size", least) < least && int_of(gen, "size", 0) >= GEN_SIZE_LEAST)
		r = cat_problems_add(checks->problems, cat_node_get(gen, "size"), false,
				     "found %" PRId64 ", expected at least %" PRId64 " for %s over %s%s",
				     int_of(gen, "size", 0), least, tcp ? "TCP" : "UDP", ipv6 ? "IPv6" : "IPv4",
				     marked ? " with sequence numbers" : "");
	static const char *const powers[] = {"hosts", "destinations", "timed"};
	for (size_t i = 0; r == 0 && i < CAT_ARRAY_LEN(powers); i++) {
		int64_t n = int_of(gen, powers[i], 1);
		if (n > 0 && (n & (n - 1)))
			r = cat_problems_add(checks->problems, cat_node_get(gen, powers[i]), false,
					     "found %" PRId64 ", expected a power of two", n);
	}
	return r;
}

// The settings of a VF, and of nothing else.
static int check_vf(struct checks *checks, const struct cat_node *node, const struct port_dev *port)
{
	static const char *const keys[] = {"mac",   "vlan", "priority", "qinq", "spoof_check",
					   "trust", "rate", "rate_min", "link"};
	bool vf = port->driver == CAT_PORT_VF || port->driver == CAT_PORT_PCI;
	int r = 0;
	for (size_t i = 0; r == 0 && i < CAT_ARRAY_LEN(keys); i++)
		if (cat_node_get(node, keys[i]) && !vf)
			r = cat_problems_add(
				checks->problems, cat_node_get(node, keys[i]), true,
				"only a virtual function has this, a port with dev \"vf:...\" or \"pci:...\"");
	static const char *const tags[] = {"priority", "qinq"};
	for (size_t i = 0; r == 0 && vf && i < CAT_ARRAY_LEN(tags); i++)
		if (cat_node_get(node, tags[i]) && !int_of(node, "vlan", 0))
			r = cat_problems_add(checks->problems, cat_node_get(node, tags[i]), true,
					     "says something of the VLAN tag, and needs `vlan`");
	int64_t least = int_of(node, "rate_min", 0), most = int_of(node, "rate", 0);
	if (r == 0 && vf && most && least > most)
		r = cat_problems_add(checks->problems, cat_node_get(node, "rate_min"), false,
				     "found %" PRId64 ", expected at most the `rate` of %" PRId64, least, most);
	struct cat_mac mac;
	const char *text = text_of(node, "mac");
	if (r == 0 && vf && text && cat_mac_parse(text, &mac) == 0) {
		static const struct cat_mac zero = {0};
		if (mac.byte[0] & 1 || memcmp(&mac, &zero, sizeof(mac)) == 0)
			r = cat_problems_add(
				checks->problems, cat_node_get(node, "mac"), false,
				"found \"%s\", expected the address of one station (not a multicast address, "
				"not all zero)",
				text);
	}
	return r;
}

static int check_port(struct checks *checks, const struct cat_node *node)
{
	const char *dev = text_of(node, "dev");
	struct port_dev port;
	char problem[256];
	if (!dev || !*dev)
		return 0;
	if (port_parse(dev, &port, problem, sizeof(problem)) < 0)
		return cat_problems_add(checks->problems, cat_node_get(node, "dev"), false, "%s", problem);
	const struct cat_node *twin = device_twin(node, &port);
	int r = 0;
	if (twin)
		r = cat_problems_add(
			checks->problems, cat_node_get(node, "dev"), false,
			"found \"%s\", which port \"%s\" has already; every port needs a device of its own", dev,
			twin->key);
	if (r == 0)
		r = check_vf(checks, node, &port);
	const struct cat_node *gen = cat_node_get(node, "gen");
	if (r == 0 && gen && port.driver == CAT_PORT_GEN)
		r = check_gen(checks, gen);
	else if (r == 0 && gen)
		r = cat_problems_add(checks->problems, gen, true,
				     "only a port with dev \"gen:\" generates, this one is \"%s\"", dev);
	return r;
}

static int check_size(struct checks *checks, const struct cat_node *function, const char *key, uint64_t least,
		      uint64_t most, const char *expected)
{
	char found[96];
	uint64_t bytes = size_of(function, key, least);
	if (bytes >= least && bytes <= most)
		return 0;
	return cat_problems_add(checks->problems, cat_node_get(function, key), false, "found %s, expected %s",
				cat_node_describe(cat_node_get(function, key), found, sizeof(found)), expected);
}

static int check_config(struct checks *checks, const struct cat_node *function, const char *kind)
{
	const struct cat_node *schema = cat_kinds_schema(checks->kinds, kind);
	const struct cat_node *config = cat_node_get(function, "config");
	char key[] = "config";
	// Without one, its place is the function's.
	const struct cat_node none = {.type = CAT_MAP,
				      .key = key,
				      .line = function->key_line,
				      .column = function->key_column,
				      .parent = (struct cat_node *)function};
	if (config && config->type != CAT_MAP)
		return 0;
	int r = cat_schema_check(schema, config ? config : &none, checks->problems, checks->err);
	return r == -EINVAL ? cat_err_wrap(checks->err, "kind %s", kind) : r;
}

static int check_function(struct checks *checks, const struct cat_node *function)
{
	const char *kind = text_of(function, "kind");
	int r = check_size(checks, function, "memory", MEMORY_LEAST, MEMORY_MOST, "a size from 32M to 1T");
	if (r == 0)
		r = check_size(checks, function, "state", 0, STATE_MOST, "a size from 0 to 64G");
	if (r < 0 || !kind || !*kind)
		return r;
	if (cat_kinds_schema(checks->kinds, kind))
		return check_config(checks, function, kind);
	const char *const *names = cat_kinds_names(checks->kinds);
	size_t count = 0, size;
	while (names[count])
		count++;
	char suggestion[96];
	cat_autofree char *list = NULL;
	FILE *out = open_memstream(&list, &size);
	if (!out)
		return -ENOMEM;
	write_choices(out, names, count);
	if (fclose(out) != 0)
		return -ENOMEM;
	return cat_problems_add(checks->problems, cat_node_get(function, "kind"), false,
				"found \"%.60s\", expected an installed kind: %s%s", kind,
				count ? list : "there is none",
				suggestion_of(kind, names, suggestion, sizeof(suggestion)));
}

static int check_rings(struct checks *checks)
{
	const struct cat_node *ring = of_type(cat_node_get(checks->root, "ring"), CAT_INT);
	const struct cat_node *burst = of_type(cat_node_get(checks->root, "burst"), CAT_INT);
	if (ring && ring->integer >= 64 && ring->integer <= 65536 && (ring->integer & (ring->integer - 1))) {
		int64_t above = 64;
		while (above < ring->integer)
			above *= 2;
		return cat_problems_add(checks->problems, ring, false,
					"found %" PRId64 ", expected a power of two such as %" PRId64 " or %" PRId64,
					ring->integer, above / 2, above);
	}
	if (ring && burst && burst->integer > ring->integer)
		return cat_problems_add(checks->problems, burst, false,
					"found %" PRId64 ", expected at most %" PRId64
					": a burst must fit into a ring (line %u)",
					burst->integer, ring->integer, ring->line);
	return 0;
}

// The schema's defaults.
#define SCALING_GROW_PERCENT 70
#define SCALING_SHRINK_PERCENT 50

// Which cores are in use changes as it scales, so that only their number can be given.
static int check_scaling(struct checks *checks, const struct cat_node *lanes)
{
	const struct cat_node *scaling = cat_node_get(checks->root, "scaling");
	if (!of_type(scaling, CAT_MAP))
		return 0;
	const struct cat_node *maximum = cat_node_get(scaling, "maximum"), *minimum = cat_node_get(scaling, "minimum");
	if (lanes && lanes->type != CAT_INT)
		return cat_problems_add(
			checks->problems, lanes, false,
			"found a list of cores, expected their number: `scaling` (line %u) chooses them",
			scaling->line);
	const struct cat_node *grow = cat_node_get(scaling, "grow_percent");
	const struct cat_node *shrink = cat_node_get(scaling, "shrink_percent");
	int64_t grow_percent = of_type(grow, CAT_INT) ? grow->integer : SCALING_GROW_PERCENT;
	int64_t shrink_percent = of_type(shrink, CAT_INT) ? shrink->integer : SCALING_SHRINK_PERCENT;
	if (shrink_percent >= grow_percent)
		return cat_problems_add(checks->problems, shrink ? shrink : grow, false,
					"found shrink_percent %" PRId64 " and grow_percent %" PRId64
					", expected the first to be less: else the number of cores would swing",
					shrink_percent, grow_percent);
	if (!of_type(maximum, CAT_INT))
		return 0;
	int64_t least = of_type(minimum, CAT_INT) ? minimum->integer : 1, now = lanes ? lanes->integer : 1;
	if (least > maximum->integer)
		return cat_problems_add(checks->problems, minimum, false,
					"found %" PRId64 ", expected at most the maximum of %" PRId64, least,
					maximum->integer);
	if (now < least || now > maximum->integer)
		return cat_problems_add(checks->problems, lanes ? lanes : scaling, false,
					"found %" PRId64 " lanes, expected %" PRId64 " to %" PRId64
					" as `scaling` (line %u) says",
					now, least, maximum->integer, scaling->line);
	return 0;
}

static int check_lanes(struct checks *checks)
{
	const struct cat_node *lanes = cat_node_get(checks->root, "lanes");
	uint32_t cpus[CAT_CPUS_MAX], count;
	if (of_type(lanes, CAT_STRING) && cat_cpu_list_parse(lanes->string, cpus, CAT_CPUS_MAX, &count) == 0 &&
	    count > LANES_MAX)
		return cat_problems_add(checks->problems, lanes, false, "found %u cores, expected at most %u", count,
					LANES_MAX);
	return check_scaling(checks, lanes);
}

static int check_all(struct checks *checks)
{
	int r = paths_collect(checks);
	if (r == 0)
		r = check_names(checks);
	for (const struct cat_node *n = first_of(checks->ports); n && r == 0; n = n->next)
		r = check_port(checks, n);
	for (const struct cat_node *n = first_of(checks->functions); n && r == 0; n = n->next)
		r = check_function(checks, n);
	if (r == 0)
		r = paths_check(checks);
	if (r == 0)
		r = check_lanes(checks);
	return r < 0 ? r : check_rings(checks);
}

static size_t count_of(const struct cat_node *root, const char *key)
{
	const struct cat_node *node = cat_node_get(root, key);
	return node ? node->count : 0;
}

int service_check(const struct cat_node *root, const struct cat_kinds *kinds, struct cat_problems *problems,
		  struct cat_err *err)
{
	// What is larger than the schema allows was reported, and what follows here grows with the square.
	if (root->type != CAT_MAP || count_of(root, "ports") > PORTS_MAX ||
	    count_of(root, "functions") > FUNCTIONS_MAX || count_of(root, "paths") > PATHS_MAX ||
	    count_of(root, "path") > HOPS_MAX)
		return 0;
	struct checks checks = {
		.root = root,
		.ports = of_type(cat_node_get(root, "ports"), CAT_MAP),
		.functions = of_type(cat_node_get(root, "functions"), CAT_MAP),
		.kinds = kinds,
		.problems = problems,
		.err = err,
	};
	int r = check_all(&checks);
	free(checks.path);
	return r == -ENOMEM ? cat_err_set(err, r, "no memory") : r;
}

int service_check_complete(const struct cat_node *source, const struct cat_node *tree, struct cat_problems *problems)
{
	const struct cat_node *buffers = cat_node_get(source, "buffers");
	struct buffer_need need = service_buffer_need(tree);
	if (!buffers || (uint64_t)buffers->integer >= need.least)
		return 0;
	uint32_t lanes = service_lanes(tree);
	return cat_problems_add(problems, buffers, false,
				"found %" PRId64 ", expected at least %" PRIu64 " for %u %s (%" PRIu64
				" fill every ring)",
				buffers->integer, need.least, lanes, lanes == 1 ? "lane" : "lanes", need.full);
}
