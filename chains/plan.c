// SPDX-License-Identifier: BSD-3-Clause
// From a service, a host and what is taken of it to a plan. Nothing is touched or looked up here.
#include "plan.h"
#include "cat_vf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HUGE_1G (UINT64_C(1) << 30)
#define CPUS_MAX 16u

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

// Some machines' NICs name nodes that are not there.
static bool has_node(const struct cat_topology *host, int node)
{
	for (uint32_t i = 0; i < host->node_count; i++)
		if (node >= 0 && host->node[i].id == (uint32_t)node)
			return true;
	return false;
}

// All on one node is possible only if the NICs are.
static int check_nodes(struct maker *maker)
{
	int wanted = (int)int_of(maker->tree, "node", -1);
	const char *origin = "the service file asks for";
	size_t i = 0;
	if (strcmp(text_of(maker->tree, "numa"), "strict") != 0)
		return 0;
	for (const struct cat_node *n = cat_node_get(maker->tree, "ports")->first; n; n = n->next, i++) {
		int node = maker->nic[i] ? maker->nic[i]->node : -1;
		if (!has_node(maker->host, node) || node == wanted)
			continue;
		if (wanted >= 0)
			return cat_err_set(
				maker->err, -ENOSPC,
				"port %s is on node %d, %s node %d; ports of one node, or `numa: prefer` would do",
				n->key, node, origin, wanted);
		wanted = node;
		origin = "the first NIC is on";
	}
	return 0;
}

static int choose(struct maker *maker, uint64_t page_bytes)
{
	struct memory_need need = service_memory_need(maker->tree);
	const struct cat_node *lanes = cat_node_get(maker->tree, "lanes");
	const char *numa = text_of(maker->tree, "numa");
	uint32_t pinned[CPUS_MAX], count = 0;
	for (const struct cat_node *n = lanes->first; n && count < CPUS_MAX; n = n->next)
		pinned[count++] = (uint32_t)n->integer;
	struct cat_request request = {
		.lanes = service_lanes(maker->tree),
		.pinned = lanes->type == CAT_LIST ? pinned : NULL,
		.pinned_count = count,
		.node = (int)int_of(maker->tree, "node", -1),
		.numa = strcmp(numa, "strict") == 0       ? CAT_NUMA_STRICT
			: strcmp(numa, "interleave") == 0 ? CAT_NUMA_INTERLEAVE
							  : CAT_NUMA_PREFER,
		.share = cat_node_get(maker->tree, "share_cores")->boolean,
		.region_bytes = maker->buffers * PLAN_STRIDE,
		.other_bytes = need.rings + need.stats + need.state + need.containers,
		.huge_page_bytes = page_bytes,
	};
	for (size_t i = 0; i < PLAN_PORTS_MAX; i++)
		if (maker->nic[i] && has_node(maker->host, maker->nic[i]->node))
			request.nic[request.nic_count++] = maker->nic[i]->node;
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
	int r = choose(maker, strcmp(pages, "1G") == 0 ? HUGE_1G : PLAN_HUGE_2M);
	if (r != -ENOSPC || strcmp(pages, "auto") != 0)
		return r;
	// Normal pages, if it was for the pages; else the same message comes again.
	r = choose(maker, 0);
	if (r == 0)
		warn(maker,
		     "normal pages: no huge pages of 2 MiB are to be had on node %u for the %" PRIu64
		     " needed; forwarding is slower",
		     maker->claim.node, (maker->buffers * PLAN_STRIDE + PLAN_HUGE_2M - 1) / PLAN_HUGE_2M);
	return r;
}

uint32_t plan_distance(const struct maker *maker, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < maker->host->node_count; i++)
		if (maker->host->node[i].id == from && to < CAT_NODES_MAX)
			return maker->host->node[i].distance[to];
	return 0;
}

// Lanes share nothing but the path from the NIC; still a cache that they share saves what one wrote and another reads.
static void warn_clusters(struct maker *maker)
{
	const struct cat_claim *claim = &maker->claim;
	uint32_t clusters = 0;
	for (uint32_t i = 0; i < claim->cpu_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(maker->host, claim->cpu[i]);
		bool again = cpu->node != claim->node; // said already
		for (uint32_t j = 0; j < i; j++)
			again |= cat_topology_cpu(maker->host, claim->cpu[j])->l3 == cpu->l3;
		clusters += !again;
	}
	if (clusters > 1)
		warn(maker, "lanes are in %u clusters with an L3 cache each: none has as many free cores", clusters);
}

// Lanes of other nodes than packet memory's, node by node.
static void warn_remote(struct maker *maker)
{
	const struct cat_claim *claim = &maker->claim;
	for (uint32_t n = 0; n < maker->host->node_count; n++) {
		uint32_t node = maker->host->node[n].id, cpus[CAT_CLAIM_CPUS_MAX], count = 0;
		char list[256];
		for (uint32_t i = 0; i < claim->cpu_count; i++) {
			const struct cat_cpu *cpu = cat_topology_cpu(maker->host, claim->cpu[i]);
			uint32_t at = count;
			if (cpu->node != node || node == claim->node)
				continue;
			for (; at > 0 && cpus[at - 1] > cpu->id; at--)
				cpus[at] = cpus[at - 1];
			cpus[at] = cpu->id;
			count++;
		}
		if (count)
			warn(maker,
			     "%s %s %s on node %u, packet memory on node %u (distance %u, local is 10): %s slower",
			     count == 1 ? "core" : "cores", cat_cpu_list_format(cpus, count, list, sizeof(list)),
			     count == 1 ? "is" : "are", node, claim->node, plan_distance(maker, claim->node, node),
			     count == 1 ? "its lane is" : "their lanes are");
	}
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
			     "port %s: its NIC is on node %d, packet memory on node %u (distance %u, local is 10): "
			     "every packet crosses between them",
			     n->key, nic->node, maker->claim.node,
			     plan_distance(maker, maker->claim.node, (uint32_t)nic->node));
		if (maker->port[i].driver != CAT_PORT_PCI)
			continue;
		const struct plan_vf *vf = &maker->vf[i];
		bool any = strncmp(text_of(n, "dev"), "vf:", 3) == 0, said = false;
		for (size_t j = 0; j < i; j++)
			said |= maker->vf[j].make && maker->vf[j].pf == vf->pf;
		if (vf->make && said)
			continue;
		if (vf->make)
			warn(maker,
			     "port %s: %u VFs are made of %s, which has none, and removed when nobody has one any more",
			     n->key, vf->make, vf->pf->name);
		else if (!any && *nic->name && !cat_driver_is_bifurcated(vf->pf ? vf->pf->driver : nic->driver))
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

static int make(struct maker *maker)
{
	int r = plan_find_devices(maker);
	if (r == 0)
		r = check_nodes(maker);
	if (r == 0)
		r = allocate(maker);
	if (r < 0)
		return r;
	plan_write(maker);
	warn_remote(maker);
	warn_cores(maker);
	if (cat_node_get(maker->tree, "lanes")->type == CAT_INT)
		warn_clusters(maker);
	warn_ports(maker);
	warn_buffers(maker);
	// Warnings are collected from the start and stand at the end.
	struct cat_node *warnings = cat_node_detach(maker->warnings);
	maker->failed |= !cat_node_copy(maker->plan, "warnings", warnings);
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
		else
			maker.own = &taken->claim[i];
	int r = make(&maker);
	free(maker.others.claim);
	if (r < 0) {
		cat_node_free(maker.plan);
		return err ? cat_err_wrap(err, "service %s", cat_service_name(service)) : r;
	}
	*ret_plan = maker.plan;
	return 0;
}
