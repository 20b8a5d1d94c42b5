// SPDX-License-Identifier: BSD-3-Clause
// catena: the command line of the VNF manager.
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "cli.h"

static int set_up(struct cli *cli, struct cat_err *err)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0)
		return cat_err_errno(err, "/proc/self/exe");
	path[n] = 0;
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = 0;
	}
	if (!cli->options.run_dir)
		cli->options.run_dir = getenv("CATENA_RUN_DIR");
	if (!cli->options.run_dir || !*cli->options.run_dir)
		cli->options.run_dir = "/run/catena";
	cli->prefix = strdup(path);
	cli->socket =
		cli->options.socket ? strdup(cli->options.socket) : cat_format("%s/api.sock", cli->options.run_dir);
	if (!cli->prefix || !cli->socket)
		return cat_err_set(err, -1, "no memory");
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	cli->terminal = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
	cli->colour = cli->terminal && (!no_colour || !*no_colour);
	return 0;
}

int main(int argc, char **argv)
{
	struct cli cli = {0};
	struct cat_err err = {0};
	setlocale(LC_CTYPE, "");
	cat_log_set_component("catena");
	cat_log_set_level(CAT_LOG_WARNING);
	// A program of its own, with options of its own.
	if (argc > 1 && strcmp(argv[1], "bench") == 0)
		return cli_bench(argv + 1);
	int code = cli_parse(&cli, argc, argv, &err);
	if (code != EXIT_OK) {
		fprintf(stderr, "catena: %s\n", err.message);
		return code;
	}
	if (cli.options.help) {
		cat_autofree char *help = cli_help(cli.verb->run == verb_help ? NULL : cli.verb);
		fputs(help ? help : "", stdout);
		return EXIT_OK;
	}
	code = set_up(&cli, &err) < 0 ? cli_fail(&err) : cli.verb->run(&cli);
	free(cli.prefix);
	free(cli.socket);
	// What a full disk or a closed pipe swallowed was not said.
	if (fflush(stdout) != 0 && code == EXIT_OK)
		code = EXIT_FAILED;
	return code;
}
