// SPDX-License-Identifier: BSD-3-Clause
// status, version, help, completion: what is looked at.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cli.h"
#include "format.h"

#define WATCH_S 1

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int get_status(struct cli *cli, const char *name, struct cat_node **ret_body)
{
	return cli_get(cli,
		       name ? cat_client_path("services", name, "status", NULL) : cat_client_path("services", NULL),
		       ret_body);
}

static struct winsize window(void)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
		return (struct winsize){.ws_row = 24, .ws_col = 80};
	return size;
}

static void print_status(struct cli *cli, FILE *out, const char *name, const struct cat_node *body)
{
	const struct format_style style = {
		.colour = cli->colour, .verbose = cli->options.verbose, .columns = cli->terminal ? window().ws_col : 0};
	if (name)
		format_status(out, body, now_ms(), &style);
	else
		format_services(out, body, now_ms(), cli->colour);
}

// Rows of the terminal that a text takes: longer lines are folded.
static unsigned rows(const char *text, unsigned columns)
{
	unsigned count = 0, column = 0;
	for (bool escape = false; *text; text++) {
		if (*text == '\033')
			escape = true;
		else if (escape)
			escape = *text != 'm';
		else if (*text == '\n') {
			count++;
			column = 0;
		} else if (((unsigned char)*text & 0xc0) != 0x80 && ++column > columns) {
			count++;
			column = 1;
		}
	}
	return count;
}

// Draws over what was drawn before: up to its first row, each line cleared to its end, the rest cleared.
static void redraw(const char *text, unsigned *drawn)
{
	struct winsize size = window();
	if (*drawn >= size.ws_row)
		fputs("\033[H\033[2J", stdout);
	else if (*drawn)
		printf("\033[%uA\r", *drawn);
	for (const char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			break;
		printf("%.*s\033[K\n", (int)(end - line), line);
	}
	fputs("\033[J", stdout);
	fflush(stdout);
	*drawn = rows(text, size.ws_col);
}

static int watch(struct cli *cli, const char *name)
{
	unsigned drawn = 0;
	long left = -1;
	if (cli->options.count) {
		char *end = NULL;
		left = strtol(cli->options.count, &end, 10);
		if (*end || left < 1) {
			fprintf(stderr, "catena: --count: found \"%s\", expected a number from 1\n",
				cli->options.count);
			return EXIT_USAGE;
		}
	}
	struct timespec next;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		cat_autonode struct cat_node *body = NULL;
		int code = get_status(cli, name, &body);
		if (code != EXIT_OK)
			return code;
		if (cli->options.json) {
			cat_autofree char *json = cat_node_to_json(body, 0);
			puts(json ? json : "");
		} else if (!cli->terminal && name) {
			format_status_lines(stdout, body, now_ms());
		} else {
			char *text = NULL;
			size_t size = 0;
			FILE *out = open_memstream(&text, &size);
			if (!out)
				return EXIT_FAILED;
			print_status(cli, out, name, body);
			fclose(out);
			if (cli->terminal)
				redraw(text, &drawn);
			else
				fputs(text, stdout);
			free(text);
		}
		if (fflush(stdout) != 0)
			return EXIT_FAILED;
		if (left > 0 && --left == 0)
			return EXIT_OK;
		next.tv_sec += WATCH_S;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}

int verb_status(struct cli *cli)
{
	const char *name = cli->argument_count ? cli->argument[0] : NULL;
	if (cli->options.count && !cli->options.watch) {
		fprintf(stderr, "catena: --count goes with --watch\n");
		return EXIT_USAGE;
	}
	if (cli->options.watch)
		return watch(cli, name);
	cat_autonode struct cat_node *body = NULL;
	int code = get_status(cli, name, &body);
	if (code != EXIT_OK)
		return code;
	if (cli->options.json)
		cli_print_json(body);
	else
		print_status(cli, stdout, name, body);
	return EXIT_OK;
}

int verb_version(struct cli *cli)
{
	cat_autonode struct cat_node *body = NULL;
	bool runs = cli_manager_runs(cli);
	if (runs) {
		int code = cli_get(cli, cat_client_path("version", NULL), &body);
		if (code != EXIT_OK)
			return code;
	}
	if (cli->options.json) {
		cat_autonode struct cat_node *map = cat_node_new_map();
		if (map && cat_node_add_string(map, "catena", CATENA_VERSION) &&
		    (body ? cat_node_copy(map, "manager", body) : cat_node_add_null(map, "manager")))
			cli_print_json(map);
	} else {
		printf("catena %s\n", CATENA_VERSION);
		if (runs)
			printf("catenad %s, process %d, %s\n", format_text(body, "version", "?"),
			       (int)format_int(body, "pid"), cli->socket);
		else
			printf("no manager serves on %s\n", cli->socket);
	}
	return runs ? EXIT_OK : EXIT_NO_MANAGER;
}

int verb_help(struct cli *cli)
{
	const struct cli_verb *verb = cli->argument_count ? cli_verb_find(cli->argument[0]) : NULL;
	if (cli->argument_count && !verb) {
		fprintf(stderr, "catena: found \"%s\", which is no verb: see `catena help`\n", cli->argument[0]);
		return EXIT_USAGE;
	}
	cat_autofree char *text = cli_help(verb);
	fputs(text ? text : "", stdout);
	return EXIT_OK;
}

int verb_completion(struct cli *cli)
{
	(void)cli;
	cat_autofree char *text = cli_completion();
	fputs(text ? text : "", stdout);
	return EXIT_OK;
}
