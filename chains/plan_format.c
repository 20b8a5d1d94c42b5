// SPDX-License-Identifier: BSD-3-Clause
// The plan as a person reads it: every path drawn as a chain, then where it runs and what it takes.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "plan_draw.h"

static const char *bytes_text(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 1024 && unit + 1 < CAT_ARRAY_LEN(units)) {
		value /= 1024;
		unit++;
	}
	bool whole = value == (double)(uint64_t)value || value >= 100;
	snprintf(text, size, whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return text;
}

static void label(const struct canvas *canvas, const char *text)
{
	fprintf(canvas->out, "  %s%-10s%s", paint(canvas, DIM), text, paint(canvas, PLAIN));
}

static void write_head(const struct canvas *canvas, const struct cat_node *plan)
{
	size_t lanes = cat_node_get(plan, "lanes")->count;
	const struct cat_node *functions = cat_node_get(plan, "functions"), *ports = cat_node_get(plan, "ports");
	fprintf(canvas->out, "%s%s%s %s·%s %zu %s, %zu %s, %zu %s\n\n", paint(canvas, BOLD), text_of(plan, "service"),
		paint(canvas, PLAIN), paint(canvas, DIM), paint(canvas, PLAIN), functions->count,
		functions->count == 1 ? "function" : "functions", ports->count, ports->count == 1 ? "port" : "ports",
		lanes, lanes == 1 ? "lane" : "lanes");
}

// Cores as a list, such as "1-3,8"; of one node, or of all (-1); lanes themselves, or with `idle` their other threads.
static size_t list_cores(const struct cat_node *lanes, int64_t node, bool idle, bool isolated_only, char *text,
			 size_t size)
{
	uint32_t cpu[CAT_CPUS_MAX];
	size_t count = 0;
	for (const struct cat_node *n = lanes->first; n; n = n->next) {
		const struct cat_node *others = idle ? cat_node_get(n, "idle_siblings")->first : NULL;
		if ((node >= 0 && int_of(n, "node", -1) != node) ||
		    (isolated_only && !cat_node_get(n, "isolated")->boolean))
			continue;
		for (int64_t id = idle ? (others ? others->integer : -1) : int_of(n, "cpu", 0); id >= 0;) {
			size_t at = count;
			for (; at > 0 && cpu[at - 1] > (uint32_t)id; at--)
				cpu[at] = cpu[at - 1];
			cpu[at] = (uint32_t)id;
			count += count < CAT_ARRAY_LEN(cpu) - 1;
			others = others ? others->next : NULL;
			id = others ? others->integer : -1;
		}
	}
	cat_cpu_list_format(cpu, count, text, size);
	return count;
}

static void write_lanes(const struct canvas *canvas, const struct cat_node *plan)
{
	const struct cat_node *lanes = cat_node_get(plan, "lanes");
	char text[512];
	const char *separator = "";
	label(canvas, "lanes");
	for (int64_t node = 0; node < CAT_NODES_MAX; node++) {
		size_t count = list_cores(lanes, node, false, false, text, sizeof(text));
		if (!count)
			continue;
		fprintf(canvas->out, "%s%s %s%s%s on node %s%" PRId64 "%s", separator, count == 1 ? "core" : "cores",
			paint(canvas, BOLD), text, paint(canvas, PLAIN), paint(canvas, BOLD), node,
			paint(canvas, PLAIN));
		separator = ", ";
	}
	separator = " (";
	if (list_cores(lanes, -1, false, true, text, sizeof(text))) {
		fprintf(canvas->out, "%s%s isolated", separator, text);
		separator = "; ";
	}
	if (list_cores(lanes, -1, true, false, text, sizeof(text))) {
		fprintf(canvas->out, "%s%s idle beside them", separator, text);
		separator = "; ";
	}
	fprintf(canvas->out, "%s; each runs the dataplane and every function%s\n", *separator == ';' ? ")" : "",
		cat_node_get(plan, "share_cores")->boolean ? ", shared with other services" : "");
	label(canvas, "pace");
	fprintf(canvas->out, "%s: bursts of up to %" PRId64 ", rings of %" PRId64 "; %s\n", text_of(plan, "latency"),
		int_of(plan, "burst", 0), int_of(plan, "ring", 0),
		strcmp(text_of(plan, "poll"), "busy") == 0 ? "polls always" : "sleeps when idle");
}

static void write_packets(const struct canvas *canvas, const struct cat_node *plan)
{
	const struct cat_node *region = cat_node_get(plan, "region");
	uint64_t page = (uint64_t)int_of(region, "page_bytes", 0);
	char total[32], page_text[32];
	label(canvas, "packets");
	fprintf(canvas->out, "%" PRId64 " buffers of %" PRId64 " B, %s%s%s in ", int_of(region, "buffers", 0),
		int_of(region, "stride", 0), paint(canvas, BOLD),
		bytes_text((uint64_t)int_of(region, "bytes", 0), total, sizeof(total)), paint(canvas, PLAIN));
	if (page > 4096)
		fprintf(canvas->out, "%" PRId64 " huge %s of %s", int_of(region, "pages", 0),
			int_of(region, "pages", 0) == 1 ? "page" : "pages",
			bytes_text(page, page_text, sizeof(page_text)));
	else
		fprintf(canvas->out, "%snormal pages%s", paint(canvas, YELLOW), paint(canvas, PLAIN));
	fprintf(canvas->out, " on node %" PRId64 "\n", int_of(plan, "node", 0));
}

static void write_memory(const struct canvas *canvas, const struct cat_node *plan)
{
	static const struct {
		const char *key, *label;
	} parts[] = {
		{"rings_bytes", "rings"},
		{"stats_bytes", "statistics"},
		{"state_bytes", "state"},
		{"containers_bytes", "containers, at most"},
	};
	const struct cat_node *memory = cat_node_get(plan, "memory");
	label(canvas, "memory");
	for (size_t i = 0; i < CAT_ARRAY_LEN(parts); i++) {
		char text[32];
		fprintf(canvas->out, "%s%s %s", i ? " + " : "",
			bytes_text((uint64_t)int_of(memory, parts[i].key, 0), text, sizeof(text)), parts[i].label);
	}
	fputs("\n\n", canvas->out);
}

// Widest of a column, so that it can be aligned.
static int column_width(const struct cat_node *list, const char *key, const char *head)
{
	size_t width = strlen(head);
	for (const struct cat_node *n = list->first; n; n = n->next) {
		size_t length = strlen(text_of(n, key));
		width = length > width ? length : width;
	}
	return (int)width;
}

static void write_functions(const struct canvas *canvas, const struct cat_node *plan)
{
	const struct cat_node *functions = cat_node_get(plan, "functions");
	int name = column_width(functions, "name", "function"), image = column_width(functions, "image", "image");
	fprintf(canvas->out, "  %s%-*s  %-*s  %9s  %9s  %5s  privileges%s\n", paint(canvas, DIM), name, "function",
		image, "image", "memory", "state", "pids", paint(canvas, PLAIN));
	for (const struct cat_node *n = functions->first; n; n = n->next) {
		char memory[32], state[32];
		const struct cat_node *capabilities = cat_node_get(n, "capabilities");
		fprintf(canvas->out, "  %-*s  %-*s  %9s  %9s  %5" PRId64 "  ", name, text_of(n, "name"), image,
			text_of(n, "image"), bytes_text((uint64_t)int_of(n, "memory_bytes", 0), memory, sizeof(memory)),
			bytes_text((uint64_t)int_of(n, "state_bytes", 0), state, sizeof(state)), int_of(n, "pids", 0));
		for (const struct cat_node *m = capabilities->first; m; m = m->next)
			fprintf(canvas->out, "%s%s", m == capabilities->first ? "" : ", ", m->string);
		bool tun = cat_node_get(n, "tun")->boolean;
		if (tun)
			fprintf(canvas->out, "%s/dev/net/tun", capabilities->first ? ", " : "");
		fprintf(canvas->out, "%s\n", tun || capabilities->first ? "" : "none");
	}
}

static void write_warnings(const struct canvas *canvas, const struct cat_node *plan)
{
	const struct cat_node *warnings = cat_node_get(plan, "warnings");
	fputs(warnings->first ? "\n" : "", canvas->out);
	for (const struct cat_node *n = warnings->first; n; n = n->next)
		fprintf(canvas->out, "  %s!%s %s\n", paint(canvas, YELLOW), paint(canvas, PLAIN), n->string);
}

char *cat_plan_format(const struct cat_node *plan, bool colour)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	const struct canvas canvas = {.out = out, .colour = colour};
	write_head(&canvas, plan);
	int r = 0;
	for (const struct cat_node *n = cat_node_get(plan, "paths")->first; n && r == 0; n = n->next)
		r = path_draw(&canvas, plan, n);
	fprintf(out, "  %sthe numbers: how often a packet is copied there%s\n\n", paint(&canvas, DIM),
		paint(&canvas, PLAIN));
	write_lanes(&canvas, plan);
	write_packets(&canvas, plan);
	write_memory(&canvas, plan);
	write_functions(&canvas, plan);
	write_warnings(&canvas, plan);
	if (fclose(out) != 0 || r < 0) {
		free(text);
		return NULL;
	}
	return text;
}
