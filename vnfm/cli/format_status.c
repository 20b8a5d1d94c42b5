// SPDX-License-Identifier: BSD-3-Clause
// The table of a service's traffic.
#include <string.h>
#include <time.h>

#include "format.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

static const char *paint(bool colour, const char *escape)
{
	return colour ? escape : "";
}

static const char *state_colour(const char *state)
{
	return !strcmp(state, "running") ? GREEN : YELLOW;
}

void format_services(FILE *out, const struct cat_node *body, int64_t now_ms, bool colour)
{
	const struct cat_node *list = cat_node_get(body, "services");
	if (!list || !list->count) {
		fputs("no service is up: `catena up FILE` brings one up\n", out);
		return;
	}
	fprintf(out, "%s%-20s %-10s %-9s %5s  %-10s %8s%s\n", paint(colour, BOLD), "SERVICE", "STATE", "FUNCTIONS",
		"LANES", "SINCE", "RESTARTS", paint(colour, PLAIN));
	for (const struct cat_node *s = list->first; s; s = s->next) {
		char age[FORMAT_TEXT_MAX], functions[FORMAT_TEXT_MAX];
		const char *state = format_text(s, "state", "?"), *error = format_text(s, "error", NULL);
		snprintf(functions, sizeof(functions), "%d/%d", (int)format_int(s, "functions_running"),
			 (int)format_int(s, "functions"));
		fprintf(out, "%-20s %s%-10s%s %-9s %5d  %-10s %8d\n", format_text(s, "service", "?"),
			paint(colour, state_colour(state)), state, paint(colour, PLAIN), functions,
			(int)format_int(s, "lanes"), format_age((now_ms - format_int(s, "since_ms")) / 1000, age),
			(int)format_int(s, "restarts"));
		if (error)
			fprintf(out, "  %s%s%s\n", paint(colour, YELLOW), error, paint(colour, PLAIN));
	}
}

static bool is_narrow(const struct format_style *style)
{
	return style->columns && style->columns < FORMAT_STATUS_COLUMNS;
}

static void print_direction(FILE *out, const struct cat_node *direction, bool narrow)
{
	char packets[FORMAT_TEXT_MAX], rate[FORMAT_TEXT_MAX], bits[FORMAT_TEXT_MAX], queue[FORMAT_TEXT_MAX] = "-";
	const struct cat_node *depth = cat_node_get(direction, "queue");
	if (depth)
		snprintf(queue, sizeof(queue), "%d", (int)depth->integer);
	fprintf(out, " %*s %7s", narrow ? 13 : 14, format_count((uint64_t)format_int(direction, "packets"), packets),
		format_scaled(format_real(cat_node_get(direction, "packets_per_s")), rate));
	if (!narrow)
		fprintf(out, " %7s", format_scaled(format_real(cat_node_get(direction, "bits_per_s")), bits));
	fprintf(out, " %6s ", queue);
}

static void print_titles(FILE *out, const struct format_style *style)
{
	bool narrow = is_narrow(style);
	const char *bits = narrow ? "" : "   BIT/S";
	int width = narrow ? 28 : 37, packets = narrow ? 13 : 14;
	fprintf(out, "\n%s%-10s %-9s  %-*s   %s\n", paint(style->colour, BOLD), "", "", width, "to the right --->",
		"<--- to the left");
	fprintf(out, "%-10s %-9s %*s %7s%s %6s  %*s %7s%s %6s%s\n", "HOP", "KIND", packets, "PACKETS", "PKT/S", bits,
		"QUEUE", packets, "PACKETS", "PKT/S", bits, "QUEUE", paint(style->colour, PLAIN));
}

// "  drops: no_route 12, ttl_expired 3 (1.2k/s)   nat_sessions 45". Without `all`, only gauges above 0.
static void print_extras(FILE *out, const struct cat_node *hop, bool all, bool colour)
{
	const struct cat_node *drops = cat_node_get(hop, "drops"), *gauges = cat_node_get(hop, "gauges");
	char text[FORMAT_TEXT_MAX], rate[FORMAT_TEXT_MAX];
	bool any = false;
	for (const struct cat_node *g = gauges ? gauges->first : NULL; g; g = g->next) {
		if (!all && format_real(g) == 0)
			continue;
		fprintf(out, "%s%s %s", any ? "   " : "           ", g->key,
			format_count((uint64_t)format_real(g), text));
		any = true;
	}
	if (drops && drops->count) {
		double per_s = format_real(cat_node_get(hop, "drops_per_s"));
		fprintf(out, "%s%sdropped:", any ? "   " : "           ", paint(colour, YELLOW));
		for (const struct cat_node *d = drops->first; d; d = d->next)
			fprintf(out, "%s %s %s", d == drops->first ? "" : ",", d->key,
				format_count((uint64_t)format_real(d), text));
		if (per_s > 0)
			fprintf(out, " (%s/s)", format_scaled(per_s, rate));
		fputs(paint(colour, PLAIN), out);
		any = true;
	}
	if (any)
		fputc('\n', out);
}

static void print_head(FILE *out, const struct cat_node *status, int64_t now_ms, bool colour)
{
	char age[FORMAT_TEXT_MAX], cores[128] = "";
	const struct cat_node *lanes = cat_node_get(status, "lanes");
	for (const struct cat_node *lane = lanes ? lanes->first : NULL; lane; lane = lane->next) {
		size_t used = strlen(cores);
		snprintf(cores + used, sizeof(cores) - used, "%s%d", used ? "," : "", (int)format_int(lane, "cpu"));
	}
	const char *state = format_text(status, "state", "?"), *error = format_text(status, "error", NULL);
	fprintf(out, "%sservice %s%s  %s%s%s for %s, %zu lane%s on core%s %s", paint(colour, BOLD),
		format_text(status, "service", "?"), paint(colour, PLAIN), paint(colour, state_colour(state)), state,
		paint(colour, PLAIN), format_age((now_ms - format_int(status, "since_ms")) / 1000, age),
		lanes ? lanes->count : 0, lanes && lanes->count == 1 ? "" : "s", lanes && lanes->count == 1 ? "" : "s",
		cores);
	if (cat_node_get(status, "up_ms"))
		fprintf(out, ", started in %.0f ms", format_real(cat_node_get(status, "up_ms")));
	fputc('\n', out);
	if (error)
		fprintf(out, "%s%s%s\n", paint(colour, YELLOW), error, paint(colour, PLAIN));
}

static void print_steps(FILE *out, const struct cat_node *status)
{
	const struct cat_node *steps = cat_node_get(status, "steps");
	fprintf(out, "\n%-12s %-16s %10s %10s\n", "STEP", "FUNCTION", "BEGAN", "TOOK");
	for (const struct cat_node *s = steps ? steps->first : NULL; s; s = s->next)
		fprintf(out, "%-12s %-16s %7.1f ms %7.1f ms\n", format_text(s, "step", "?"),
			format_text(s, "function", ""), format_real(cat_node_get(s, "start_ms")),
			format_real(cat_node_get(s, "ms")));
}

static void print_counters(FILE *out, const struct cat_node *owner, const char *name)
{
	const struct cat_node *counters = cat_node_get(owner, "counters");
	char text[FORMAT_TEXT_MAX];
	fprintf(out, "\n%s\n", name);
	for (const struct cat_node *c = counters ? counters->first : NULL; c; c = c->next)
		if (format_real(c) != 0)
			fprintf(out, "  %-32s %20s\n", c->key, format_count((uint64_t)format_real(c), text));
}

static bool several_paths(const struct cat_node *hops)
{
	for (const struct cat_node *hop = hops ? hops->first : NULL; hop; hop = hop->next)
		if (strcmp(format_text(hop, "path", ""), format_text(hops->first, "path", "")) != 0)
			return true;
	return false;
}

void format_status(FILE *out, const struct cat_node *status, int64_t now_ms, const struct format_style *style)
{
	bool verbose = style->verbose, colour = style->colour;
	const struct cat_node *hops = cat_node_get(status, "hops"), *functions = cat_node_get(status, "functions");
	const char *path = "";
	bool name_paths = several_paths(hops);
	print_head(out, status, now_ms, colour);
	print_titles(out, style);
	for (const struct cat_node *hop = hops ? hops->first : NULL; hop; hop = hop->next) {
		const char *its_path = format_text(hop, "path", ""), *state = format_text(hop, "state", "running");
		if (name_paths && strcmp(path, its_path) != 0)
			fprintf(out, "%spath %s%s\n", paint(colour, DIM), its_path, paint(colour, PLAIN));
		path = its_path;
		fprintf(out, "%-10s %-9s", format_text(hop, "name", "?"), format_text(hop, "kind", "port"));
		print_direction(out, cat_node_get(hop, "right"), is_narrow(style));
		print_direction(out, cat_node_get(hop, "left"), is_narrow(style));
		if (strcmp(state, "running") != 0)
			fprintf(out, " %s%s%s", paint(colour, YELLOW), state, paint(colour, PLAIN));
		if (format_int(hop, "restarts"))
			fprintf(out, " %s%d restart%s%s", paint(colour, YELLOW), (int)format_int(hop, "restarts"),
				format_int(hop, "restarts") == 1 ? "" : "s", paint(colour, PLAIN));
		fputc('\n', out);
		print_extras(out, hop, verbose, colour);
	}
	const struct cat_node *dataplane = cat_node_get(status, "dataplane"), *drops = cat_node_get(dataplane, "drops");
	if ((drops && drops->count) || verbose) {
		fputs("dataplane\n", out);
		print_extras(out, dataplane, verbose, colour);
	}
	if (!verbose)
		return;
	print_steps(out, status);
	for (const struct cat_node *f = functions ? functions->first : NULL; f; f = f->next)
		print_counters(out, f, format_text(f, "name", "?"));
	print_counters(out, dataplane, "dataplane");
}

void format_status_lines(FILE *out, const struct cat_node *status, int64_t now_ms)
{
	const struct cat_node *hops = cat_node_get(status, "hops");
	char clock[FORMAT_TEXT_MAX], rate[2][FORMAT_TEXT_MAX];
	format_clock(now_ms, clock);
	clock[8] = 0;
	for (const struct cat_node *hop = hops ? hops->first : NULL; hop; hop = hop->next) {
		const struct cat_node *right = cat_node_get(hop, "right"), *left = cat_node_get(hop, "left");
		const struct cat_node *drops = cat_node_get(hop, "drops");
		fprintf(out, "%s %s %-8s right %lld packets %s/s queue %d  left %lld packets %s/s queue %d", clock,
			format_text(status, "service", "?"), format_text(hop, "name", "?"),
			(long long)format_int(right, "packets"),
			format_scaled(format_real(cat_node_get(right, "packets_per_s")), rate[0]),
			(int)format_int(right, "queue"), (long long)format_int(left, "packets"),
			format_scaled(format_real(cat_node_get(left, "packets_per_s")), rate[1]),
			(int)format_int(left, "queue"));
		for (const struct cat_node *d = drops ? drops->first : NULL; d; d = d->next)
			fprintf(out, "%s %s %lld", d == drops->first ? "  dropped" : ",", d->key,
				(long long)format_real(d));
		fputc('\n', out);
	}
}
