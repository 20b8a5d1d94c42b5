// SPDX-License-Identifier: BSD-3-Clause
// top: what a service does right now, by hop and lane.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cat_cleanup.h"
#include "cli.h"
#include "format.h"

static double rate(const struct cat_node *map, const char *key, const char *name)
{
	return format_real(cat_node_find(map, key, name, NULL));
}

static void print_hops(FILE *out, const struct cat_node *status, bool colour)
{
	const struct cat_node *hops = cat_node_get(status, "hops"), *lanes = cat_node_get(status, "lanes");
	char a[FORMAT_TEXT_MAX], b[FORMAT_TEXT_MAX], c[FORMAT_TEXT_MAX];
	fprintf(out, "%s%-10s %-12s %9s %9s %8s %7s %7s %9s%s\n", colour ? "\033[1m" : "", "PATH", "HOP", "PKT/S >",
		"< PKT/S", "DROP/S", "QUEUE >", "< QUEUE", "CYCLES/PKT", colour ? "\033[0m" : "");
	for (const struct cat_node *hop = hops ? hops->first : NULL; hop; hop = hop->next) {
		const char *name = format_text(hop, "name", "?");
		const struct cat_node *right = cat_node_get(hop, "right"), *left = cat_node_get(hop, "left");
		double packets = 0, cycles = 0;
		for (const struct cat_node *lane = lanes ? lanes->first : NULL; lane; lane = lane->next) {
			packets += rate(lane, "packets_per_s", name);
			cycles += rate(lane, "busy_cycles_per_s", name);
		}
		fprintf(out, "%-10s %-12s %9s %9s %8s %7d %7d ", format_text(hop, "path", ""), name,
			format_scaled(format_real(cat_node_get(right, "packets_per_s")), a),
			format_scaled(format_real(cat_node_get(left, "packets_per_s")), b),
			format_scaled(format_real(cat_node_get(hop, "drops_per_s")), c),
			(int)format_int(right, "queue"), (int)format_int(left, "queue"));
		if (packets > 0)
			fprintf(out, "%10.1f\n", cycles / packets);
		else
			fprintf(out, "%10s\n", "-");
	}
}

static void print_lanes(FILE *out, const struct cat_node *status, bool colour)
{
	const struct cat_node *lanes = cat_node_get(status, "lanes"), *functions = cat_node_get(status, "functions");
	char a[FORMAT_TEXT_MAX];
	fprintf(out, "\n%s%-5s %-5s %-12s %9s %10s%s\n", colour ? "\033[1m" : "", "LANE", "CORE", "FUNCTION", "PKT/S",
		"CYCLES/PKT", colour ? "\033[0m" : "");
	for (const struct cat_node *lane = lanes ? lanes->first : NULL; lane; lane = lane->next) {
		for (const struct cat_node *f = functions ? functions->first : NULL; f; f = f->next) {
			const char *name = format_text(f, "name", "?");
			double packets = rate(lane, "packets_per_s", name),
			       cycles = rate(lane, "busy_cycles_per_s", name);
			char each[FORMAT_TEXT_MAX] = "-";
			if (packets > 0)
				snprintf(each, sizeof(each), "%.1f", cycles / packets);
			fprintf(out, "%-5d %-5d %-12s %9s %10s\n", (int)format_int(lane, "lane"),
				(int)format_int(lane, "cpu"), name, format_scaled(packets, a), each);
		}
	}
}

static void print_one(struct cli *cli, const struct cat_node *status)
{
	if (cli->options.json) {
		cat_autofree char *json = cat_node_to_json(status, 0);
		puts(json ? json : "");
		return;
	}
	// From the top of the screen, and what is left of the last time is cleared.
	if (cli->terminal)
		fputs("\033[H\033[J", stdout);
	printf("service %s  %s\n\n", format_text(status, "service", "?"), format_text(status, "state", "?"));
	print_hops(stdout, status, cli->colour);
	print_lanes(stdout, status, cli->colour);
}

int verb_top(struct cli *cli)
{
	long left = -1;
	char *end = NULL;
	if (cli->options.count && ((left = strtol(cli->options.count, &end, 10)) < 1 || *end)) {
		fprintf(stderr, "catena: --count: found \"%s\", expected a number from 1\n", cli->options.count);
		return EXIT_USAGE;
	}
	struct timespec next;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		cat_autonode struct cat_node *status = NULL;
		int code = cli_get(cli, cat_client_path("services", cli->argument[0], "status", NULL), &status);
		if (code != EXIT_OK)
			return code;
		print_one(cli, status);
		if (fflush(stdout) != 0)
			return EXIT_FAILED;
		if (left > 0 && --left == 0)
			return EXIT_OK;
		next.tv_sec++;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}
