// SPDX-License-Identifier: BSD-3-Clause
// From a service, a host and what is taken of it to a plan. Nothing is touched or looked up here.
#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HUGE_2M (UINT64_C(2) << 20)
#define HUGE_1G (UINT64_C(1) << 30)
#define PORTS_MAX 16u
#define CPUS_MAX 16u

struct maker {
	const struct cat_node *tree;
	const struct cat_topology *host;
	struct cat_reservations others; // what is taken by others; the claims are borrowed copies
	struct cat_node *plan, *warnings;
	struct cat_err *err;
	struct port_dev port[PORTS_MAX];
	const struct cat_nic *nic[PORTS_MAX]; // NULL: none in the topology
	int node;                             // wanted: -1 any
	struct cat_claim claim;
	uint64_t buffers;
	bool failed; // no memory while the tree was built
};

static void warn(struct maker *maker, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct maker *maker, const char *format, ...)
{
	char text[CAT_ERR_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!cat_node_add_string(maker->warnings, NULL, text))
		maker->failed = true;
}

static int copies_of(enum cat_port_driver driver)
{
	return driver != CAT_PORT_PCI && driver != CAT_PORT_GEN && driver != CAT_PORT_NULL;
}

// Devices that only one service can have: what a claim names. memif and vhost sockets are not the host's.
static bool is_claimed(enum cat_port_driver driver)
{
	return driver == CAT_PORT_VETH || driver == CAT_PORT_TAP || driver == CAT_PORT_PCI;
}

static const char *holder_of(const struct maker *maker, const char *device)
{
	const struct cat_nic *nic = cat_topology_nic(maker->host, device);
	for (uint32_t i = 0; i < maker->others.count; i++) {
		const struct cat_claim *claim = &maker->others.claim[i];
		for (uint32_t j = 0; j < claim->device_count; j++)
			if (strcmp(claim->device[j], device) == 0 ||
			    (nic && cat_topology_nic(maker->host, claim->device[j]) == nic))
				return claim->owner;
	}
	return NULL;
}

// "; did you mean ...?", or what there is of the kind.
static void write_devices(FILE *out, const struct maker *maker, const struct port_dev *port)
{
	const struct cat_topology *host = maker->host;
	const char **names = calloc(host->nic_count + 1, sizeof(*names));
	size_t count = 0;
	for (uint32_t i = 0; names && i < host->nic_count; i++) {
		const char *name = port->driver == CAT_PORT_PCI ? host->nic[i].bdf : host->nic[i].name;
		if (*name)
			names[count++] = name;
	}
	// PCI addresses are all alike.
	const char *meant = names && port->driver != CAT_PORT_PCI ? cat_suggest(port->device, names) : NULL;
	if (meant)
		fprintf(out, "; did you mean \"%s\"?", meant);
	else
		fputs(count ? "; there are " : "; there is none", out);
	for (size_t i = 0; !meant && i < count && i < 8; i++)
		fprintf(out, "%s%s", i ? ", " : "", names[i]);
	if (!meant && count > 8)
		fputs(", ...", out);
	free(names);
}

// Finds every port's device; says all that is missing in one message.
static int find_devices(struct maker *maker)
{
	cat_autofree char *text = NULL;
	size_t size, i = 0;
	int code = 0;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return cat_err_set(maker->err, -ENOMEM, "no memory");
	for (const struct cat_node *n = cat_node_get(maker->tree, "ports")->first; n; n = n->next, i++) {
		struct port_dev *port = &maker->port[i];
		char problem[256];
		port_parse(text_of(n, "dev"), port, problem, sizeof(problem));
		bool there = port->driver == CAT_PORT_VETH || port->driver == CAT_PORT_PCI;
		maker->nic[i] = there ? cat_topology_nic(maker->host, port->device) : NULL;
		const char *holder = is_claimed(port->driver) ? holder_of(maker, port->device) : NULL;
		if (there && !maker->nic[i]) {
			fprintf(out, "%sport %s: this host has no %s \"%s\"", code ? "; " : "", n->key,
				port->driver == CAT_PORT_PCI ? "PCI network device" : "interface", port->device);
			write_devices(out, maker, port);
			code = -ENODEV;
		} else if (holder) {
			fprintf(out, "%sport %s: device %s is held by service \"%s\"", code ? "; " : "", n->key,
				port->device, holder);
			code = code ? code : -ENOSPC;
		}
	}
	if (fclose(out) != 0)
		return cat_err_set(maker->err, -ENOMEM, "no memory");
	return code ? cat_err_set(maker->err, code, "%s", text) : 0;
}

// Some machines' NICs name nodes that are not there.
static bool has_node(const struct cat_topology *host, int node)
{
	for (uint32_t i = 0; i < host->node_count; i++)
		if (node >= 0 && host->node[i].id == (uint32_t)node)
			return true;
	return false;
}

// The node that the service file or a NIC asks for.
static int find_node(struct maker *maker)
{
	const char *origin = NULL;
	size_t i = 0;
	bool strict = strcmp(text_of(maker->tree, "numa"), "strict") == 0;
	maker->node = (int)int_of(maker->tree, "node", -1);
	if (maker->node >= 0)
		origin = "the service file asks for";
	for (const struct cat_node *n = cat_node_get(maker->tree, "ports")->first; n; n = n->next, i++) {
		int node = maker->nic[i] ? maker->nic[i]->node : -1;
		if (!has_node(maker->host, node) || node == maker->node)
			continue;
		if (maker->node < 0) {
			maker->node = node;
			origin = "the first NIC is on";
		} else if (strict) {
			return cat_err_set(
				maker->err, -ENOSPC,
				"port %s is on node %d, %s node %d; ports of one node, or `numa: prefer` would do",
				n->key, node, origin, maker->node);
		}
	}
	return 0;
}

static int choose(struct maker *maker, uint64_t page_bytes)
{
	struct memory_need need = service_memory_need(maker->tree);
	const struct cat_node *lanes = cat_node_get(maker->tree, "lanes");
	uint32_t pinned[CPUS_MAX], count = 0;
	for (const struct cat_node *n = lanes->first; n && count < CPUS_MAX; n = n->next)
		pinned[count++] = (uint32_t)n->integer;
	struct cat_request request = {
		.lanes = service_lanes(maker->tree),
		.pinned = lanes->type == CAT_LIST ? pinned : NULL,
		.pinned_count = count,
		.node = maker->node,
		.node_strict = strcmp(text_of(maker->tree, "numa"), "strict") == 0,
		.share = cat_node_get(maker->tree, "share_cores")->boolean,
		.region_bytes = maker->buffers * PLAN_STRIDE,
		.other_bytes = need.rings + need.stats + need.state + need.containers,
		.huge_page_bytes = page_bytes,
	};
	return cat_alloc_choose(maker->host, &maker->others, &request, &maker->claim, maker->err);
}

static int allocate(struct maker *maker)
{
	const char *pages = text_of(maker->tree, "huge_pages");
	struct buffer_need need = service_buffer_need(maker->tree);
	int64_t own = int_of(maker->tree, "buffers", 0);
	maker->buffers = own ? (uint64_t)own : round_buffers(need.full);
	if (strcmp(pages, "none") == 0)
		return choose(maker, 0);
	int r = choose(maker, strcmp(pages, "1G") == 0 ? HUGE_1G : HUGE_2M);
	if (r != -ENOSPC || strcmp(pages, "auto") != 0)
		return r;
	// Normal pages, if it was for the pages; else the same message comes again.
	r = choose(maker, 0);
	if (r == 0)
		warn(maker,
		     "normal pages: no huge pages of 2 MiB are to be had on node %u for the %" PRIu64
		     " needed; forwarding is slower",
		     maker->claim.node, (maker->buffers * PLAN_STRIDE + HUGE_2M - 1) / HUGE_2M);
	return r;
}

static void warn_cores(struct maker *maker)
{
	const struct cat_claim *claim = &maker->claim;
	for (uint32_t i = 0; i < claim->cpu_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(maker->host, claim->cpu[i]);
		const struct cat_cpu *zero = cat_topology_cpu(maker->host, 0);
		if (zero && cpu->sibling == zero->sibling)
			warn(maker,
			     "core %u: the host's own work runs there too; a lane there loses packets when the host is "
			     "busy",
			     cpu->id);
		if (cpu->node != claim->node)
			warn(maker, "core %u is on node %u, packet memory on node %u: its lane is slower", cpu->id,
			     cpu->node, claim->node);
		for (uint32_t j = 0; j < i; j++) {
			const struct cat_cpu *other = cat_topology_cpu(maker->host, claim->cpu[j]);
			if (other->sibling == cpu->sibling)
				warn(maker,
				     "cores %u and %u are two threads of one physical core: their lanes share its "
				     "speed",
				     other->id, cpu->id);
		}
		for (uint32_t j = 0; j < maker->others.count; j++)
			for (uint32_t k = 0; k < maker->others.claim[j].cpu_count; k++)
				if (maker->others.claim[j].cpu[k] == cpu->id)
					warn(maker, "core %u is shared with service \"%s\"", cpu->id,
					     maker->others.claim[j].owner);
	}
}

static void warn_ports(struct maker *maker)
{
	size_t i = 0;
	for (const struct cat_node *n = cat_node_get(maker->tree, "ports")->first; n; n = n->next, i++) {
		const struct cat_nic *nic = maker->nic[i];
		if (!nic)
			continue;
		if (nic->node >= 0 && (uint32_t)nic->node != maker->claim.node)
			warn(maker,
			     "port %s: its NIC is on node %d, lanes and memory on node %u: every packet crosses "
			     "between them",
			     n->key, nic->node, maker->claim.node);
		if (maker->port[i].driver != CAT_PORT_PCI)
			continue;
		if (nic->iommu_group < 0)
			warn(maker,
			     "port %s: %s is in no IOMMU group; without an IOMMU the device can reach all memory",
			     n->key, nic->bdf);
		if (*nic->name)
			warn(maker, "port %s: %s is taken from the kernel, which loses interface %s", n->key, nic->bdf,
			     nic->name);
	}
}

static void warn_buffers(struct maker *maker)
{
	struct buffer_need need = service_buffer_need(maker->tree);
	if (maker->buffers < need.full)
		warn(maker,
		     "%" PRIu64 " buffers do not fill every ring (%" PRIu64
		     " would): packets are dropped at the entry earlier",
		     maker->buffers, need.full);
}

// Building: a failing step leaves NULL, which the following ones pass on; *failed is looked at once, at the end.

static void keep(struct maker *maker, const struct cat_node *node)
{
	if (!node)
		maker->failed = true;
}

static void add_int(struct maker *maker, struct cat_node *parent, const char *key, uint64_t value)
{
	keep(maker, cat_node_add_int(parent, key, (int64_t)value));
}

static void add_string(struct maker *maker, struct cat_node *parent, const char *key, const char *value)
{
	keep(maker, cat_node_add_string(parent, key, value));
}

static void add_lanes(struct maker *maker)
{
	struct cat_node *lanes = cat_node_add_list(maker->plan, "lanes");
	for (uint32_t i = 0; i < maker->claim.cpu_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(maker->host, maker->claim.cpu[i]);
		struct cat_node *lane = cat_node_add_map(lanes, NULL);
		add_int(maker, lane, "cpu", cpu->id);
		add_int(maker, lane, "node", cpu->node);
		keep(maker, cat_node_add_bool(lane, "isolated", cpu->isolated));
		// Threads of the same physical core, which nobody else gets.
		struct cat_node *idle = cat_node_add_list(lane, "idle_siblings");
		for (uint32_t j = 0; j < maker->host->cpu_count; j++) {
			const struct cat_cpu *other = &maker->host->cpu[j];
			bool used = false;
			for (uint32_t k = 0; k < maker->claim.cpu_count; k++)
				used |= maker->claim.cpu[k] == other->id;
			if (!used && other->online && other->sibling == cpu->sibling)
				add_int(maker, idle, NULL, other->id);
		}
	}
}

static void add_head(struct maker *maker)
{
	const struct cat_node *tree = maker->tree;
	struct cat_node *plan = maker->plan;
	add_int(maker, plan, "version", 1);
	add_string(maker, plan, "service", text_of(tree, "service"));
	add_int(maker, plan, "node", maker->claim.node);
	add_lanes(maker);
	add_string(maker, plan, "poll", text_of(tree, "poll"));
	add_string(maker, plan, "latency", text_of(tree, "latency"));
	add_int(maker, plan, "burst", (uint64_t)int_of(tree, "burst", 0));
	add_int(maker, plan, "ring", (uint64_t)int_of(tree, "ring", 0));
	add_int(maker, plan, "supply_ring", SUPPLY_RING);
	keep(maker, cat_node_add_bool(plan, "share_cores", maker->claim.cpu_shared));
	uint64_t page = maker->claim.huge_page_bytes ? maker->claim.huge_page_bytes : 4096;
	uint64_t bytes = maker->buffers * PLAN_STRIDE;
	struct cat_node *region = cat_node_add_map(plan, "region");
	add_int(maker, region, "buffers", maker->buffers);
	add_int(maker, region, "stride", PLAN_STRIDE);
	add_int(maker, region, "headroom", PLAN_HEADROOM);
	add_int(maker, region, "bytes", bytes);
	add_int(maker, region, "page_bytes", page);
	add_int(maker, region, "pages", (bytes + page - 1) / page);
}

static void add_options(struct maker *maker, struct cat_node *map, const struct cat_node *node,
			const struct port_dev *port)
{
	if (port->driver == CAT_PORT_GEN) {
		keep(maker, cat_node_copy(map, "options", cat_node_get(node, "gen")));
		return;
	}
	struct cat_node *options = cat_node_add_map(map, "options");
	keep(maker, options);
	if (port->driver == CAT_PORT_MEMIF)
		keep(maker, cat_node_add_bool(options, "server", port->other_role));
	if (port->driver == CAT_PORT_VHOST)
		keep(maker, cat_node_add_bool(options, "client", port->other_role));
	if (port->driver == CAT_PORT_PCAP && *port->tx_file)
		add_string(maker, options, "tx", port->tx_file);
}

static void add_ports(struct maker *maker)
{
	struct cat_node *ports = cat_node_add_list(maker->plan, "ports");
	size_t i = 0;
	for (const struct cat_node *n = cat_node_get(maker->tree, "ports")->first; n; n = n->next, i++) {
		const struct port_dev *port = &maker->port[i];
		struct cat_node *map = cat_node_add_map(ports, NULL);
		add_string(maker, map, "name", n->key);
		add_string(maker, map, "driver", cat_port_driver_names[port->driver]);
		add_string(maker, map, "device", port->device);
		add_options(maker, map, n, port);
		keep(maker, cat_node_add_int(map, "node", maker->nic[i] ? maker->nic[i]->node : -1));
		keep(maker, cat_node_add_int(map, "copies", copies_of(port->driver)));
	}
}

// The path that a function is on, and its position among the path's functions.
static const char *place_of(const struct cat_node *tree, const char *function, uint64_t *ret_position)
{
	for (const struct cat_node *path = cat_node_get(tree, "paths")->first; path; path = path->next) {
		uint64_t position = 0;
		const struct cat_node *hops = cat_node_get(path, "hops");
		for (const struct cat_node *n = hops->first->next; n != hops->last; n = n->next, position++) {
			if (strcmp(n->string, function) == 0) {
				*ret_position = position;
				return path->key;
			}
		}
	}
	*ret_position = 0;
	return "";
}

static void add_functions(struct maker *maker)
{
	struct cat_node *functions = cat_node_add_list(maker->plan, "functions");
	for (const struct cat_node *n = cat_node_get(maker->tree, "functions")->first; n; n = n->next) {
		struct cat_node *map = cat_node_add_map(functions, NULL);
		uint64_t position;
		const char *path = place_of(maker->tree, n->key, &position);
		add_string(maker, map, "name", n->key);
		add_string(maker, map, "kind", text_of(n, "kind"));
		add_string(maker, map, "image", text_of(n, "image"));
		struct cat_node *cpus = cat_node_add_list(map, "cpus");
		for (uint32_t i = 0; i < maker->claim.cpu_count; i++)
			add_int(maker, cpus, NULL, maker->claim.cpu[i]);
		add_int(maker, map, "memory_bytes", size_of(n, "memory", 0));
		add_int(maker, map, "state_bytes", size_of(n, "state", 0));
		add_int(maker, map, "pids", (uint64_t)int_of(n, "pids", 0));
		keep(maker, cat_node_copy(map, "capabilities", cat_node_get(n, "capabilities")));
		keep(maker, cat_node_copy(map, "tun", cat_node_get(n, "tun")));
		add_string(maker, map, "path", path);
		add_int(maker, map, "position", position);
		keep(maker, cat_node_copy(map, "config", cat_node_get(n, "config")));
	}
}

static void add_paths(struct maker *maker)
{
	struct cat_node *paths = cat_node_add_list(maker->plan, "paths");
	for (const struct cat_node *n = cat_node_get(maker->tree, "paths")->first; n; n = n->next) {
		const struct cat_node *hops = cat_node_get(n, "hops"), *match = cat_node_get(n, "match");
		struct cat_node *map = cat_node_add_map(paths, NULL);
		add_string(maker, map, "name", n->key);
		keep(maker, cat_node_copy(map, "hops", hops));
		keep(maker, match ? cat_node_copy(map, "match", match) : cat_node_add_null(map, "match"));
		struct cat_node *links = cat_node_add_list(map, "links");
		for (const struct cat_node *hop = hops->first; hop->next; hop = hop->next) {
			struct cat_node *link = cat_node_add_map(links, NULL);
			add_string(maker, link, "left", hop->string);
			add_string(maker, link, "right", hop->next->string);
			add_int(maker, link, "copies", 0);
		}
	}
}

static void add_memory(struct maker *maker)
{
	struct memory_need need = service_memory_need(maker->tree);
	struct cat_node *memory = cat_node_add_map(maker->plan, "memory");
	add_int(maker, memory, "region_bytes", maker->buffers * PLAN_STRIDE);
	add_int(maker, memory, "rings_bytes", need.rings);
	add_int(maker, memory, "state_bytes", need.state);
	add_int(maker, memory, "stats_bytes", need.stats);
	add_int(maker, memory, "containers_bytes", need.containers);
}

static int make(struct maker *maker)
{
	int r = find_devices(maker);
	if (r == 0)
		r = find_node(maker);
	if (r == 0)
		r = allocate(maker);
	if (r < 0)
		return r;
	add_head(maker);
	add_ports(maker);
	add_functions(maker);
	add_paths(maker);
	add_memory(maker);
	warn_cores(maker);
	warn_ports(maker);
	warn_buffers(maker);
	// Warnings are collected from the start and stand at the end.
	struct cat_node *warnings = cat_node_detach(maker->warnings);
	keep(maker, cat_node_copy(maker->plan, "warnings", warnings));
	cat_node_free(warnings);
	return maker->failed ? cat_err_set(maker->err, -ENOMEM, "no memory") : 0;
}

int cat_plan_make(const struct cat_service *service, const struct cat_topology *host,
		  const struct cat_reservations *taken, struct cat_node **ret_plan, struct cat_err *err)
{
	struct maker maker = {.tree = service->tree, .host = host, .err = err, .plan = cat_node_new_map()};
	maker.warnings = cat_node_add_list(maker.plan, "warnings");
	maker.others.claim = calloc((taken ? taken->count : 0) + 1, sizeof(struct cat_claim));
	if (!maker.warnings || !maker.others.claim) {
		cat_node_free(maker.plan);
		free(maker.others.claim);
		return cat_err_set(err, -ENOMEM, "no memory");
	}
	// What the service itself holds is its own to plan with again.
	for (uint32_t i = 0; taken && i < taken->count; i++)
		if (strcmp(taken->claim[i].owner, cat_service_name(service)) != 0)
			maker.others.claim[maker.others.count++] = taken->claim[i];
	int r = make(&maker);
	free(maker.others.claim);
	if (r < 0) {
		cat_node_free(maker.plan);
		return err ? cat_err_wrap(err, "service %s", cat_service_name(service)) : r;
	}
	*ret_plan = maker.plan;
	return 0;
}

// Names of what the plan's ports take of the host.
static int claim_devices(const struct cat_node *ports, struct cat_claim *claim, struct cat_err *err)
{
	for (const struct cat_node *n = ports->first; n; n = n->next) {
		const char *driver = NULL, *device = NULL;
		int r = cat_node_read_string(n, "driver", CAT_REQUIRED, &driver, err);
		if (r == 0)
			r = cat_node_read_string(n, "device", CAT_REQUIRED, &device, err);
		if (r < 0)
			return r;
		bool taken = false;
		for (unsigned i = 0; i < CAT_PORT_DRIVERS; i++)
			taken |= strcmp(cat_port_driver_names[i], driver) == 0 && is_claimed((enum cat_port_driver)i);
		if (!taken)
			continue;
		if (claim->device_count == CAT_CLAIM_DEVICES_MAX || strlen(device) >= sizeof(claim->device[0]))
			return cat_node_error(n, err, "too many devices, or one with too long a name");
		strcpy(claim->device[claim->device_count++], device);
	}
	return 0;
}

static int claim_cpus(const struct cat_node *lanes, struct cat_claim *claim, struct cat_err *err)
{
	for (const struct cat_node *n = lanes->first; n; n = n->next) {
		int64_t cpu = 0;
		int r = cat_node_read_int(n, "cpu", CAT_REQUIRED, 0, CAT_CPUS_MAX - 1, &cpu, err);
		if (r < 0)
			return r;
		if (claim->cpu_count == CAT_CLAIM_CPUS_MAX)
			return cat_node_error(n, err, "more than %u lanes", CAT_CLAIM_CPUS_MAX);
		claim->cpu[claim->cpu_count++] = (uint32_t)cpu;
	}
	return 0;
}

static int claim_memory(const struct cat_node *plan, struct cat_claim *claim, struct cat_err *err)
{
	const struct cat_node *region = NULL, *memory = NULL;
	int64_t page = 0, pages = 0;
	int r = cat_node_read_map(plan, "region", CAT_REQUIRED, &region, err);
	if (r == 0)
		r = cat_node_read_map(plan, "memory", CAT_REQUIRED, &memory, err);
	if (r == 0)
		r = cat_node_read_int(region, "page_bytes", CAT_REQUIRED, 4096, INT64_MAX, &page, err);
	if (r == 0)
		r = cat_node_read_int(region, "pages", CAT_REQUIRED, 1, UINT32_MAX, &pages, err);
	for (const struct cat_node *n = r == 0 ? memory->first : NULL; n && r == 0; n = n->next) {
		int64_t bytes = 0;
		r = cat_node_read_int(memory, n->key, CAT_REQUIRED, 0, INT64_MAX, &bytes, err);
		if (r == 0 && (strcmp(n->key, "region_bytes") != 0 || page < (int64_t)HUGE_2M))
			claim->memory_bytes += (uint64_t)bytes;
	}
	if (r == 0 && page >= (int64_t)HUGE_2M) {
		claim->huge_page_bytes = (uint64_t)page;
		claim->huge_pages = (uint32_t)pages;
	}
	return r;
}

int cat_plan_claim(const struct cat_node *plan, struct cat_claim *ret_claim, struct cat_err *err)
{
	struct cat_claim claim = {0};
	const struct cat_node *lanes = NULL, *ports = NULL;
	const char *service = NULL;
	int64_t node = 0;
	int r = cat_node_read_string(plan, "service", CAT_REQUIRED, &service, err);
	if (r == 0 && (!*service || strlen(service) >= sizeof(claim.owner)))
		r = cat_node_error(plan, err, "expected a service's name of at most %zu letters",
				   sizeof(claim.owner) - 1);
	if (r == 0)
		r = cat_node_read_int(plan, "node", CAT_REQUIRED, 0, CAT_NODES_MAX - 1, &node, err);
	if (r == 0)
		r = cat_node_read_bool(plan, "share_cores", CAT_REQUIRED, &claim.cpu_shared, err);
	if (r == 0)
		r = cat_node_read_list(plan, "lanes", CAT_REQUIRED, &lanes, err);
	if (r == 0)
		r = cat_node_read_list(plan, "ports", CAT_REQUIRED, &ports, err);
	if (r == 0)
		r = claim_cpus(lanes, &claim, err);
	if (r == 0)
		r = claim_devices(ports, &claim, err);
	if (r == 0)
		r = claim_memory(plan, &claim, err);
	if (r < 0)
		return err ? cat_err_wrap(err, "plan") : r;
	strcpy(claim.owner, service);
	claim.node = (uint32_t)node;
	*ret_claim = claim;
	return 0;
}
