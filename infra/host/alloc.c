// SPDX-License-Identifier: BSD-3-Clause
// Which cores and which node a service gets.
//
// A lane gets a physical core: where a core has two threads, only the first is used and the other is nobody else's. All
// lanes are on one node, the NIC's if it is known. Core 0 is where the kernel and everybody else do their work, so it
// is the last to be taken.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

// A core that may be taken, and what speaks against it, most important first.
struct candidate {
	uint32_t cpu, node;
	uint32_t distance, housekeeping, sharers, not_isolated;
};

struct search {
	const struct cat_topology *host;
	const struct cat_reservations *taken;
	const struct cat_request *request;
	struct cat_err *err;
};

#define ANY_NODE UINT32_MAX

static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	const uint32_t left[] = {x->distance, x->housekeeping, x->sharers, x->not_isolated, x->cpu};
	const uint32_t right[] = {y->distance, y->housekeeping, y->sharers, y->not_isolated, y->cpu};
	for (size_t i = 0; i < CAT_ARRAY_LEN(left); i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

// The first thread of its physical core that can be used.
static bool leads(const struct cat_topology *host, const struct cat_cpu *cpu)
{
	if (!cpu->online || !cpu->allowed)
		return false;
	for (uint32_t i = 0; i < host->cpu_count; i++) {
		const struct cat_cpu *other = &host->cpu[i];
		if (other->sibling == cpu->sibling && other->online && other->allowed && other->id < cpu->id)
			return false;
	}
	return true;
}

static uint32_t count_sharers(const struct search *search, const struct cat_cpu *cpu)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < search->taken->count; i++) {
		struct cat_reservations one = {.claim = &search->taken->claim[i], .count = 1};
		count += core_holder(search->host, &one, cpu, false) != NULL;
	}
	return count;
}

// Free cores of a node (or of all), best first. Returns how many; ret has room for host->cpu_count.
static uint32_t gather(const struct search *search, uint32_t node, uint32_t from, struct candidate *ret)
{
	const struct cat_topology *host = search->host;
	const struct cat_numa_node *origin = node_find(host, from);
	const struct cat_cpu *zero = cat_topology_cpu(host, 0);
	uint32_t count = 0;
	for (uint32_t i = 0; i < host->cpu_count; i++) {
		const struct cat_cpu *cpu = &host->cpu[i];
		if ((node != ANY_NODE && cpu->node != node) || !leads(host, cpu) ||
		    core_holder(host, search->taken, cpu, search->request->share))
			continue;
		ret[count++] = (struct candidate){
			.cpu = cpu->id,
			.node = cpu->node,
			.distance = origin ? origin->distance[cpu->node] : 0,
			.housekeeping = zero && cpu->sibling == zero->sibling,
			.sharers = count_sharers(search, cpu),
			.not_isolated = !cpu->isolated,
		};
	}
	qsort(ret, count, sizeof(*ret), compare);
	return count;
}

static void write_reason(FILE *out, const char *noun, const uint32_t *cpus, uint32_t count, const char *reason)
{
	char list[512];
	if (count)
		fprintf(out, "%s%s%s %s %s %s", noun, count == 1 ? "core" : "cores", "",
			cat_cpu_list_format(cpus, count, list, sizeof(list)), count == 1 ? "is" : "are", reason);
}

// Why the cores of a node (or of all) cannot be had, each reason once.
static void write_reasons(FILE *out, const struct search *search, uint32_t node)
{
	const struct cat_topology *host = search->host;
	uint32_t cpus[CAT_CPUS_MAX], count = 0;
	const char *separator = ": ";
	for (uint32_t c = 0; c < search->taken->count; c++) {
		const struct cat_claim *claim = &search->taken->claim[c];
		char reason[CAT_OWNER_MAX + 32];
		count = 0;
		for (uint32_t i = 0; i < claim->cpu_count; i++) {
			const struct cat_cpu *cpu = cat_topology_cpu(host, claim->cpu[i]);
			if (cpu && (node == ANY_NODE || cpu->node == node) && count < CAT_CPUS_MAX &&
			    !(search->request->share && claim->cpu_shared))
				cpus[count++] = cpu->id;
		}
		snprintf(reason, sizeof(reason), "held by \"%s\"", claim->owner);
		write_reason(out, separator, cpus, count, reason);
		separator = count ? ", " : separator;
	}
	for (int pass = 0; pass < 2; pass++) {
		count = 0;
		for (uint32_t i = 0; i < host->cpu_count; i++) {
			const struct cat_cpu *cpu = &host->cpu[i];
			if ((node == ANY_NODE || cpu->node == node) &&
			    (pass == 0 ? !cpu->online : cpu->online && !cpu->allowed))
				cpus[count++] = cpu->id;
		}
		write_reason(out, separator, cpus, count, pass == 0 ? "offline" : "outside of our cpuset");
		separator = count ? ", " : separator;
	}
}

// Would the cores be enough if everybody shared?
static bool sharing_helps(const struct search *search, uint32_t node, struct candidate *room)
{
	struct cat_request shared = *search->request;
	struct cat_reservations all = {.claim = calloc(search->taken->count + 1, sizeof(struct cat_claim)),
				       .count = search->taken->count};
	if (!all.claim)
		return false;
	for (uint32_t i = 0; i < all.count; i++) {
		all.claim[i] = search->taken->claim[i];
		all.claim[i].cpu_shared = true;
	}
	shared.share = true;
	struct search again = {.host = search->host, .taken = &all, .request = &shared};
	uint32_t count = gather(&again, node, 0, room);
	free(all.claim);
	return count >= shared.lanes;
}

// "3 cores wanted on node 0, 1 is free: cores 2-3 are held by "branch"; `lanes: 1` would fit, ..."
static int fail_cores(const struct search *search, uint32_t node, uint32_t found, struct candidate *room)
{
	cat_autofree char *text = NULL;
	size_t size;
	const char *separator = "; ";
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return cat_err_set(search->err, -ENOMEM, "no memory");
	uint32_t wanted = search->request->lanes;
	fprintf(out, "%u %s wanted", wanted, wanted == 1 ? "core" : "cores");
	if (node != ANY_NODE)
		fprintf(out, " on node %u", node);
	fprintf(out, ", %u free", found);
	write_reasons(out, search, node);
	if (found) {
		fprintf(out, "%s`lanes: %u`", separator, found);
		separator = ", or ";
	}
	for (uint32_t i = 0; node != ANY_NODE && i < search->host->node_count; i++) {
		uint32_t other = search->host->node[i].id;
		if (other == node || gather(search, other, other, room) < wanted)
			continue;
		fprintf(out, "%s`numa: prefer` (node %u has room)", separator, other);
		separator = ", or ";
		break;
	}
	if (sharing_helps(search, node, room)) {
		fprintf(out, "%s`share_cores: true` in every service concerned", separator);
		separator = ", or ";
	}
	fputs(*separator == ',' ? " would do" : "", out);
	if (fclose(out) != 0)
		return cat_err_set(search->err, -ENOMEM, "no memory");
	return cat_err_set(search->err, -ENOSPC, "%s", text);
}

// Pages of a size that are free or that the kernel can make of free memory.
static uint64_t obtainable(const struct cat_numa_node *node, uint64_t page_bytes)
{
	for (uint32_t i = 0; i < node->huge_count; i++) {
		if (node->huge[i].page_bytes != page_bytes)
			continue;
		// Free memory is scattered: not all of it makes 2 MiB pages, and hardly any 1 GiB ones.
		uint64_t raised = page_bytes <= 2u << 20 ? node->free_bytes / 8 * 7 / page_bytes : 0;
		return node->huge[i].free + raised;
	}
	return 0;
}

static bool memory_fits(const struct search *search, uint32_t id)
{
	const struct cat_request *request = search->request;
	const struct cat_numa_node *node = node_find(search->host, id);
	uint64_t normal = request->other_bytes + (request->huge_page_bytes ? 0 : request->region_bytes);
	uint64_t claimed = memory_claimed(search->taken, id);
	if (!node || claimed > node->memory_bytes || normal > node->memory_bytes - claimed)
		return false;
	if (!request->huge_page_bytes)
		return request->region_bytes <= node->free_bytes;
	uint64_t pages = (request->region_bytes + request->huge_page_bytes - 1) / request->huge_page_bytes;
	return pages <= obtainable(node, request->huge_page_bytes);
}

static int fail_memory(const struct search *search, uint32_t id)
{
	const struct cat_request *request = search->request;
	const struct cat_numa_node *node = node_find(search->host, id);
	uint64_t page = request->huge_page_bytes;
	if (!node)
		return cat_err_set(search->err, -ENOSPC, "node %u is not there; this host has %u", id,
				   search->host->node_count);
	uint64_t normal = request->other_bytes + (page ? 0 : request->region_bytes);
	uint64_t claimed = memory_claimed(search->taken, id);
	uint64_t pages = page ? (request->region_bytes + page - 1) / page : 0;
	if (page && pages > obtainable(node, page))
		return cat_err_set(
			search->err, -ENOSPC,
			"%" PRIu64 " huge %s of %s wanted on node %u, %" PRIu64
			" to be had; fewer `buffers`, `huge_pages: auto`, or pages reserved at boot would do",
			pages, pages == 1 ? "page" : "pages", page >= 1u << 30 ? "1 GiB" : "2 MiB", id,
			obtainable(node, page));
	if (claimed > node->memory_bytes || normal > node->memory_bytes - claimed)
		return cat_err_set(search->err, -ENOSPC,
				   "%" PRIu64 " MiB of memory wanted on node %u, which has %" PRIu64 " MiB, %" PRIu64
				   " MiB of them held by other services; less `memory`, `state` or `buffers` would do",
				   normal >> 20, id, node->memory_bytes >> 20, claimed >> 20);
	return cat_err_set(search->err, -ENOSPC,
			   "%" PRIu64 " MiB of packet memory wanted on node %u, where %" PRIu64
			   " MiB are free; fewer `buffers` would do",
			   request->region_bytes >> 20, id, node->free_bytes >> 20);
}

static void fill_claim(const struct cat_request *request, uint32_t node, struct cat_claim *claim)
{
	claim->node = node;
	claim->cpu_shared = request->share;
	claim->huge_page_bytes = request->huge_page_bytes;
	claim->memory_bytes = request->other_bytes;
	if (request->huge_page_bytes)
		claim->huge_pages =
			(uint32_t)((request->region_bytes + request->huge_page_bytes - 1) / request->huge_page_bytes);
	else
		claim->memory_bytes += request->region_bytes;
}

static int fail_pinned(const struct search *search, const char *what, struct candidate *room)
{
	uint32_t cpus[CAT_CPUS_MAX], count = gather(search, ANY_NODE, 0, room);
	char list[512];
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = i;
		for (; at > 0 && cpus[at - 1] > room[i].cpu; at--)
			cpus[at] = cpus[at - 1];
		cpus[at] = room[i].cpu;
	}
	return cat_err_set(search->err, -ENOSPC, "%s; free: %s", what,
			   count ? cat_cpu_list_format(cpus, count, list, sizeof(list)) : "none");
}

static int take_pinned(const struct search *search, struct candidate *room, struct cat_claim *claim)
{
	const struct cat_request *request = search->request;
	char what[256];
	for (uint32_t i = 0; i < request->pinned_count; i++) {
		uint32_t id = request->pinned[i];
		const struct cat_cpu *cpu = cat_topology_cpu(search->host, id);
		const struct cat_claim *holder =
			cpu ? core_holder(search->host, search->taken, cpu, request->share) : NULL;
		const char *why = !cpu            ? "is not there"
				  : !cpu->online  ? "is offline"
				  : !cpu->allowed ? "is outside of our cpuset"
						  : NULL;
		if (why || holder) {
			if (holder && !why)
				snprintf(what, sizeof(what), "core %u is held by \"%s\"", id, holder->owner);
			else
				snprintf(what, sizeof(what), "core %u %s", id, why);
			return fail_pinned(search, what, room);
		}
		uint32_t node = request->node >= 0 ? (uint32_t)request->node
						   : cat_topology_cpu(search->host, request->pinned[0])->node;
		if (request->node_strict && cpu->node != node)
			return cat_err_set(search->err, -ENOSPC,
					   "core %u is on node %u, the service on node %u; cores of node %u, or `numa: "
					   "prefer` would do",
					   id, cpu->node, node, node);
		claim->cpu[claim->cpu_count++] = id;
	}
	// Memory is near the lanes.
	uint32_t node = cat_topology_cpu(search->host, claim->cpu[0])->node;
	if (!memory_fits(search, node))
		return fail_memory(search, node);
	fill_claim(request, node, claim);
	return 0;
}

// How much better one node is than another where none is asked for: isolated cores, then free ones.
static uint64_t node_score(const struct candidate *cores, uint32_t count, uint32_t lanes)
{
	uint64_t isolated = 0;
	for (uint32_t i = 0; i < count && i < lanes; i++)
		isolated += !cores[i].not_isolated;
	return isolated << 32 | count;
}

// The node to use: the one asked for, the nearest to it that has room, or the one with most room. ANY_NODE: none alone.
static uint32_t choose_node(const struct search *search, struct candidate *room)
{
	const struct cat_request *request = search->request;
	const struct cat_numa_node *origin =
		request->node >= 0 ? node_find(search->host, (uint32_t)request->node) : NULL;
	uint32_t best = ANY_NODE, best_distance = UINT32_MAX;
	uint64_t best_score = 0;
	for (uint32_t i = 0; i < search->host->node_count; i++) {
		uint32_t id = search->host->node[i].id;
		uint32_t count = gather(search, id, id, room);
		uint32_t distance = origin ? origin->distance[id] : 0;
		uint64_t score = node_score(room, count, request->lanes);
		if (count < request->lanes || !memory_fits(search, id) ||
		    (request->node >= 0 && request->node_strict && id != (uint32_t)request->node))
			continue;
		if (best == ANY_NODE || distance < best_distance || (distance == best_distance && score > best_score)) {
			best = id;
			best_distance = distance;
			best_score = score;
		}
	}
	return best;
}

static int take_chosen(const struct search *search, struct candidate *room, struct cat_claim *claim)
{
	const struct cat_request *request = search->request;
	uint32_t wanted = request->node >= 0 ? (uint32_t)request->node : ANY_NODE;
	uint32_t node = choose_node(search, room);
	bool spread = node == ANY_NODE;
	if (spread && request->node_strict && wanted == ANY_NODE)
		wanted = search->host->node[0].id;
	// No node has room for all: lanes on several, memory on the first one's.
	uint32_t count = gather(search, spread && request->node_strict ? wanted : node,
				spread && wanted != ANY_NODE ? wanted : node, room);
	if (count < request->lanes)
		return fail_cores(search, request->node_strict ? wanted : ANY_NODE, count, room);
	if (spread)
		node = room[0].node;
	if (!memory_fits(search, node))
		return fail_memory(search, node);
	for (uint32_t i = 0; i < request->lanes; i++) {
		uint32_t at = claim->cpu_count++;
		for (; at > 0 && claim->cpu[at - 1] > room[i].cpu; at--)
			claim->cpu[at] = claim->cpu[at - 1];
		claim->cpu[at] = room[i].cpu;
	}
	fill_claim(request, node, claim);
	return 0;
}

int cat_alloc_choose(const struct cat_topology *host, const struct cat_reservations *taken,
		     const struct cat_request *request, struct cat_claim *ret_claim, struct cat_err *err)
{
	struct search search = {.host = host, .taken = taken, .request = request, .err = err};
	struct cat_claim claim = {0};
	uint32_t wanted = request->pinned ? request->pinned_count : request->lanes;
	if (wanted == 0 || wanted > CAT_CLAIM_CPUS_MAX)
		return cat_err_set(err, -EINVAL, "%u cores wanted, expected from 1 to %u", wanted, CAT_CLAIM_CPUS_MAX);
	if (request->node >= 0 && !node_find(host, (uint32_t)request->node))
		return fail_memory(&search, (uint32_t)request->node);
	struct candidate *room = calloc(host->cpu_count + 1, sizeof(*room));
	if (!room)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = request->pinned ? take_pinned(&search, room, &claim) : take_chosen(&search, room, &claim);
	free(room);
	if (r == 0)
		*ret_claim = claim;
	return r;
}
