// SPDX-License-Identifier: BSD-3-Clause
// What is missing, who holds it, and what would fit.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"

static void write_reason(FILE *out, const char **separator, const uint32_t *cpus, uint32_t count, const char *reason)
{
	char list[512];
	if (!count)
		return;
	fprintf(out, "%s%s %s %s %s", *separator, count == 1 ? "core" : "cores",
		cat_cpu_list_format(cpus, count, list, sizeof(list)), count == 1 ? "is" : "are", reason);
	*separator = ", ";
}

// Why the cores of a node (or of all) cannot be had, each reason once.
static void write_reasons(FILE *out, const struct search *search, uint32_t node)
{
	const struct cat_topology *host = search->host;
	uint32_t cpus[CAT_CPUS_MAX], count;
	const char *separator = ": ";
	for (uint32_t c = 0; c < search->taken->count; c++) {
		const struct cat_claim *claim = &search->taken->claim[c];
		char reason[CAT_OWNER_MAX + 32];
		count = 0;
		for (uint32_t i = 0; i < claim->cpu_count; i++) {
			const struct cat_cpu *cpu = cat_topology_cpu(host, claim->cpu[i]);
			if (cpu && (node == ANY_NODE || cpu->node == node) &&
			    !(search->request->share && claim->cpu_shared))
				cpus[count++] = cpu->id;
		}
		snprintf(reason, sizeof(reason), "held by \"%s\"", claim->owner);
		write_reason(out, &separator, cpus, count, reason);
	}
	for (int pass = 0; pass < 2; pass++) {
		count = 0;
		for (uint32_t i = 0; i < host->cpu_count && count < CAT_CPUS_MAX; i++) {
			const struct cat_cpu *cpu = &host->cpu[i];
			if ((node == ANY_NODE || cpu->node == node) &&
			    (pass == 0 ? !cpu->online : cpu->online && !cpu->allowed))
				cpus[count++] = cpu->id;
		}
		write_reason(out, &separator, cpus, count, pass == 0 ? "offline" : "outside of our cpuset");
	}
}

// Would the cores be enough if everybody shared?
static bool sharing_helps(const struct search *search, uint32_t node)
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
	bool helps = cores_gather(&again) == 0 && cores_on(&again, node) >= shared.lanes;
	free(again.core);
	free(all.claim);
	return helps;
}

static void write_other_node(FILE *out, const struct search *search, uint32_t node, const char **separator)
{
	for (uint32_t i = 0; node != ANY_NODE && i < search->host->node_count; i++) {
		uint32_t other = search->host->node[i].id;
		if (other == node || cores_on(search, other) < search->request->lanes || !memory_fits(search, other))
			continue;
		fprintf(out, "%s`numa: prefer` (node %u has room)", *separator, other);
		*separator = ", or ";
		return;
	}
	// No other node alone, but all together.
	if (node == ANY_NODE || cores_on(search, ANY_NODE) < search->request->lanes)
		return;
	fprintf(out, "%s`numa: prefer` (lanes on several nodes)", *separator);
	*separator = ", or ";
}

// "3 cores wanted on node 0, 1 free: cores 2-3 are held by "branch"; `lanes: 1`, or ... would do"
int fail_cores(const struct search *search, uint32_t node)
{
	cat_autofree char *text = NULL;
	size_t size;
	const char *separator = "; ";
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return cat_err_set(search->err, -ENOMEM, "no memory");
	uint32_t wanted = search->request->lanes, found = cores_on(search, node);
	fprintf(out, "%u %s wanted", wanted, wanted == 1 ? "core" : "cores");
	if (node != ANY_NODE)
		fprintf(out, " on node %u", node);
	fprintf(out, ", %u free", found);
	write_reasons(out, search, node);
	if (found) {
		fprintf(out, "%s`lanes: %u`", separator, found);
		separator = ", or ";
	}
	write_other_node(out, search, node, &separator);
	if (sharing_helps(search, node)) {
		fprintf(out, "%s`share_cores: true` in every service concerned", separator);
		separator = ", or ";
	}
	fputs(*separator == ',' ? " would do" : "", out);
	if (fclose(out) != 0)
		return cat_err_set(search->err, -ENOMEM, "no memory");
	return cat_err_set(search->err, -ENOSPC, "%s", text);
}

int fail_pinned(const struct search *search, const char *what)
{
	uint32_t cpus[CAT_CPUS_MAX], count = 0;
	char list[512];
	for (uint32_t i = 0; i < search->core_count && count < CAT_CPUS_MAX; i++) {
		uint32_t at = count++;
		for (; at > 0 && cpus[at - 1] > search->core[i].cpu; at--)
			cpus[at] = cpus[at - 1];
		cpus[at] = search->core[i].cpu;
	}
	return cat_err_set(search->err, -ENOSPC, "%s; free: %s", what,
			   count ? cat_cpu_list_format(cpus, count, list, sizeof(list)) : "none");
}

int fail_interleave(const struct search *search, const uint32_t *node, uint32_t count, uint32_t each)
{
	uint32_t least = UINT32_MAX, poorest = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t found = cores_on(search, node[i]);
		if (found < least) {
			least = found;
			poorest = node[i];
		}
	}
	char fewer[32] = "";
	if (least)
		snprintf(fewer, sizeof(fewer), "`lanes: %u`, or ", least * count);
	bool enough = cores_on(search, ANY_NODE) >= search->request->lanes;
	return cat_err_set(
		search->err, -ENOSPC, "%u lanes over %u nodes are %u cores on each, node %u has %u free; %s%s would do",
		search->request->lanes, count, each, poorest, least, fewer, enough ? "`numa: prefer`" : "fewer lanes");
}
