// SPDX-License-Identifier: BSD-3-Clause
// The host and who has what of it.
#include <stdlib.h>
#include <string.h>

#include "format.h"

static const char *holder_of_cpu(const struct cat_node *claims, int64_t cpu)
{
	for (const struct cat_node *claim = claims ? claims->first : NULL; claim; claim = claim->next) {
		const struct cat_node *cpus = cat_node_get(claim, "cpus");
		for (const struct cat_node *c = cpus ? cpus->first : NULL; c; c = c->next)
			if (c->type == CAT_INT && c->integer == cpu)
				return format_text(claim, "owner", "?");
	}
	return NULL;
}

static const char *holder_of_device(const struct cat_node *claims, const char *name, const char *bdf)
{
	for (const struct cat_node *claim = claims ? claims->first : NULL; claim; claim = claim->next) {
		const struct cat_node *devices = cat_node_get(claim, "devices");
		for (const struct cat_node *d = devices ? devices->first : NULL; d; d = d->next)
			if (d->type == CAT_STRING &&
			    ((*name && !strcmp(d->string, name)) || (*bdf && !strcmp(d->string, bdf))))
				return format_text(claim, "owner", "?");
	}
	return NULL;
}

static bool flag(const struct cat_node *map, const char *key)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_BOOL && node->boolean;
}

static void print_nodes(FILE *out, const struct cat_node *host)
{
	const struct cat_node *nodes = cat_node_get(host, "nodes");
	char total[FORMAT_TEXT_MAX], free_text[FORMAT_TEXT_MAX], size[FORMAT_TEXT_MAX];
	for (const struct cat_node *node = nodes ? nodes->first : NULL; node; node = node->next) {
		fprintf(out, "node %d   memory %s, %s free", (int)format_int(node, "id"),
			format_bytes((uint64_t)format_int(node, "memory_bytes"), total),
			format_bytes((uint64_t)format_int(node, "free_bytes"), free_text));
		const struct cat_node *pages = cat_node_get(node, "huge_pages");
		for (const struct cat_node *huge = pages ? pages->first : NULL; huge; huge = huge->next)
			fprintf(out, "; huge pages of %s: %d, %d free",
				format_bytes((uint64_t)format_int(huge, "page_bytes"), size),
				(int)format_int(huge, "total"), (int)format_int(huge, "free"));
		fputc('\n', out);
	}
}

static void print_cpus(FILE *out, const struct cat_node *host, const struct cat_node *claims)
{
	const struct cat_node *cpus = cat_node_get(host, "cpus");
	fprintf(out, "\n%-5s %-5s %-5s %-20s %s\n", "CORE", "NODE", "PHYS", "HELD BY", "");
	for (const struct cat_node *cpu = cpus ? cpus->first : NULL; cpu; cpu = cpu->next) {
		int64_t id = format_int(cpu, "id");
		const char *holder = holder_of_cpu(claims, id);
		fprintf(out, "%-5d %-5d %-5d %-20s", (int)id, (int)format_int(cpu, "node"),
			(int)format_int(cpu, "core"), holder ? holder : "-");
		if (!flag(cpu, "online"))
			fputs(" offline", out);
		else if (!flag(cpu, "allowed"))
			fputs(" not ours to use", out);
		if (flag(cpu, "isolated"))
			fputs(" isolated", out);
		if (flag(cpu, "nohz_full"))
			fputs(" nohz_full", out);
		fputc('\n', out);
	}
}

static void print_nics(FILE *out, const struct cat_node *host, const struct cat_node *claims)
{
	const struct cat_node *nics = cat_node_get(host, "nics");
	if (!nics || !nics->count)
		return;
	fprintf(out, "\n%-16s %-13s %-10s %-5s %-8s %-9s %-20s\n", "INTERFACE", "PCI", "DRIVER", "NODE", "LINK", "VFS",
		"HELD BY");
	for (const struct cat_node *nic = nics->first; nic; nic = nic->next) {
		const char *name = format_text(nic, "name", ""), *bdf = format_text(nic, "bdf", "");
		const char *driver = format_text(nic, "driver", ""), *holder = holder_of_device(claims, name, bdf);
		char vfs[FORMAT_TEXT_MAX] = "-", node[FORMAT_TEXT_MAX] = "-";
		if (format_int(nic, "vfs_max"))
			snprintf(vfs, sizeof(vfs), "%d of %d", (int)format_int(nic, "vfs"),
				 (int)format_int(nic, "vfs_max"));
		if (format_int(nic, "node") >= 0)
			snprintf(node, sizeof(node), "%d", (int)format_int(nic, "node"));
		fprintf(out, "%-16s %-13s %-10s %-5s %-8s %-9s %-20s\n", *name ? name : "-", *bdf ? bdf : "-",
			*driver ? driver : "-", node, flag(nic, "link") ? "up" : "down", vfs, holder ? holder : "-");
	}
}

static void print_claims(FILE *out, const struct cat_node *claims)
{
	char memory[FORMAT_TEXT_MAX], size[FORMAT_TEXT_MAX];
	if (!claims || !claims->count)
		return;
	fprintf(out, "\n%-20s %-5s %-16s %-22s %-10s\n", "SERVICE", "NODE", "CORES", "HUGE PAGES", "MEMORY");
	for (const struct cat_node *claim = claims->first; claim; claim = claim->next) {
		char cores[64] = "", pages[64] = "-";
		const struct cat_node *cpus = cat_node_get(claim, "cpus");
		for (const struct cat_node *cpu = cpus ? cpus->first : NULL; cpu; cpu = cpu->next) {
			size_t used = strlen(cores);
			snprintf(cores + used, sizeof(cores) - used, "%s%d", used ? "," : "", (int)cpu->integer);
		}
		if (format_int(claim, "huge_pages"))
			snprintf(pages, sizeof(pages), "%d of %s", (int)format_int(claim, "huge_pages"),
				 format_bytes((uint64_t)format_int(claim, "huge_page_bytes"), size));
		fprintf(out, "%-20s %-5d %-16s %-22s %-10s%s\n", format_text(claim, "owner", "?"),
			(int)format_int(claim, "node"), cores, pages,
			format_bytes((uint64_t)format_int(claim, "memory_bytes"), memory),
			flag(claim, "share_cores") ? "  shares its cores" : "");
	}
}

void format_host(FILE *out, const struct cat_node *host)
{
	const struct cat_node *claims = cat_node_get(host, "reservations");
	fprintf(out, "%s, kernel %s\n", format_text(host, "model", "unknown processor"),
		format_text(host, "kernel", "?"));
	print_nodes(out, host);
	print_cpus(out, host, claims);
	print_nics(out, host, claims);
	print_claims(out, claims);
}

void format_quiet(FILE *out, const struct cat_quiet *quiet, bool colour)
{
	static const struct {
		const char *word, *on;
	} states[] = {{"ok", "\033[32m"}, {"NOISY", "\033[31m"}, {"-", ""}};
	char *lanes = malloc(5 * CAT_CPUS_MAX + 1);
	if (lanes)
		fprintf(out, "cores for lanes: %s\n\n",
			cat_cpu_list_format(quiet->lane, quiet->lane_count, lanes, 5 * CAT_CPUS_MAX + 1));
	free(lanes);
	for (uint32_t i = 0; i < quiet->finding_count; i++) {
		const struct cat_quiet_finding *finding = &quiet->finding[i];
		fprintf(out, "%s%-6s%s %-15s %s\n", colour ? states[finding->state].on : "",
			states[finding->state].word, colour ? "\033[0m" : "", finding->name, finding->found);
		if (finding->state == CAT_QUIET_NOISY)
			fprintf(out, "%-6s %-15s   wanted: %s\n%-6s %-15s   # %s\n", "", "", finding->expected, "", "",
				finding->remedy);
	}
	if (quiet->noisy)
		fprintf(out, "\n%u of %u disturb lanes\n", quiet->noisy, quiet->finding_count);
	else
		fprintf(out, "\nnothing known disturbs lanes\n");
}
