// SPDX-License-Identifier: BSD-3-Clause
// Whether a node has the memory.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"

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

static uint64_t pages_of(const struct cat_request *request)
{
	uint64_t page = request->huge_page_bytes;
	return page ? (request->region_bytes + page - 1) / page : 0;
}

static uint64_t normal_of(const struct cat_request *request)
{
	return request->other_bytes + (request->huge_page_bytes ? 0 : request->region_bytes);
}

bool memory_fits(const struct search *search, uint32_t id)
{
	const struct cat_request *request = search->request;
	const struct cat_numa_node *node = node_find(search->host, id);
	uint64_t claimed = memory_claimed(search->taken, id);
	if (!node || claimed > node->memory_bytes || normal_of(request) > node->memory_bytes - claimed)
		return false;
	return request->huge_page_bytes ? pages_of(request) <= obtainable(node, request->huge_page_bytes)
					: request->region_bytes <= node->free_bytes;
}

// " (held: 512 MiB by "a", 3 huge pages by "b")", or nothing.
static void write_holders(FILE *out, const struct search *search, uint32_t id, uint64_t page_bytes)
{
	const char *separator = " (held: ";
	for (uint32_t i = 0; i < search->taken->count; i++) {
		const struct cat_claim *claim = &search->taken->claim[i];
		bool pages = page_bytes && claim->huge_page_bytes == page_bytes;
		if (claim->node != id || (page_bytes ? !pages : !claim->memory_bytes))
			continue;
		if (page_bytes)
			fprintf(out, "%s%u by \"%s\"", separator, claim->huge_pages, claim->owner);
		else
			fprintf(out, "%s%" PRIu64 " MiB by \"%s\"", separator, claim->memory_bytes >> 20, claim->owner);
		separator = ", ";
	}
	fputs(*separator == ',' ? ")" : "", out);
}

// ", or `node: 1`": another node that has it all.
static void write_other_node(FILE *out, const struct search *search, uint32_t id)
{
	const struct cat_request *request = search->request;
	for (uint32_t i = 0; i < search->host->node_count; i++) {
		uint32_t other = search->host->node[i].id;
		if (other == id || !memory_fits(search, other) || cores_on(search, other) < request->lanes)
			continue;
		fprintf(out, ", or `node: %u`", other);
		return;
	}
}

static void write_missing(FILE *out, const struct search *search, const struct cat_numa_node *node)
{
	const struct cat_request *request = search->request;
	uint64_t page = request->huge_page_bytes, pages = pages_of(request), normal = normal_of(request);
	uint64_t claimed = memory_claimed(search->taken, node->id);
	uint64_t there = page ? obtainable(node, page) : 0;
	if (page && pages > there) {
		fprintf(out, "%" PRIu64 " huge %s of %s wanted on node %u, %" PRIu64 " to be had", pages,
			pages == 1 ? "page" : "pages", page >= 1u << 30 ? "1 GiB" : "2 MiB", node->id, there);
		write_holders(out, search, node->id, page);
		if (there)
			fprintf(out, "; `buffers` of at most %" PRIu64 " MiB", there * (page >> 20));
		else
			fputs("; fewer `buffers`", out);
		fputs(", `huge_pages: auto`, or pages reserved at boot", out);
	} else if (claimed > node->memory_bytes || normal > node->memory_bytes - claimed) {
		fprintf(out,
			"%" PRIu64 " MiB of memory wanted on node %u, which has %" PRIu64 " MiB, %" PRIu64
			" MiB of them held by other services",
			normal >> 20, node->id, node->memory_bytes >> 20, claimed >> 20);
		write_holders(out, search, node->id, 0);
		fprintf(out, "; less `memory`, `state` or `buffers` (%" PRIu64 " MiB in all)",
			node->memory_bytes > claimed ? (node->memory_bytes - claimed) >> 20 : 0);
	} else {
		fprintf(out,
			"%" PRIu64 " MiB of packet memory wanted on node %u, where %" PRIu64
			" MiB are free; fewer `buffers`",
			request->region_bytes >> 20, node->id, node->free_bytes >> 20);
	}
	write_other_node(out, search, node->id);
	fputs(" would do", out);
}

int fail_memory(const struct search *search, uint32_t id)
{
	cat_autofree char *text = NULL;
	size_t size;
	const struct cat_numa_node *node = node_find(search->host, id);
	if (!node)
		return cat_err_set(search->err, -ENOSPC, "node %u is not there; this host has %u", id,
				   search->host->node_count);
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return cat_err_set(search->err, -ENOMEM, "no memory");
	write_missing(out, search, node);
	if (fclose(out) != 0)
		return cat_err_set(search->err, -ENOMEM, "no memory");
	return cat_err_set(search->err, -ENOSPC, "%s", text);
}

void fill_memory(const struct cat_request *request, uint32_t node, struct cat_claim *claim)
{
	claim->node = node;
	claim->cpu_shared = request->share;
	claim->huge_page_bytes = request->huge_page_bytes;
	claim->huge_pages = (uint32_t)pages_of(request);
	claim->memory_bytes = normal_of(request);
}
