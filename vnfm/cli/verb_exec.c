// SPDX-License-Identifier: BSD-3-Clause
// exec: a program in a function's container, by the OCI runtime that runs it.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cli.h"
#include "format.h"

static const char *container_of(const struct cat_node *status, const char *function)
{
	const struct cat_node *list = cat_node_get(status, "functions");
	for (const struct cat_node *item = list ? list->first : NULL; item; item = item->next)
		if (!strcmp(format_text(item, "name", ""), function))
			return format_text(item, "container", NULL);
	return NULL;
}

int verb_exec(struct cli *cli)
{
	cat_autofree char *service = strdup(cli->argument[0]);
	char *function = service ? strchr(service, '/') : NULL;
	cat_autonode struct cat_node *status = NULL, *version = NULL;
	if (!function) {
		fprintf(stderr, "catena: found \"%s\", expected SERVICE/FUNCTION\n", cli->argument[0]);
		return EXIT_USAGE;
	}
	*function++ = 0;
	int code = cli_get(cli, cat_client_path("services", service, "status", NULL), &status);
	if (code == EXIT_OK)
		code = cli_get(cli, cat_client_path("version", NULL), &version);
	if (code != EXIT_OK)
		return code;
	const char *container = container_of(status, function), *runtime = format_text(version, "runtime", "runc");
	cat_autofree char *root = cat_format("%s/.runtime", format_text(version, "run_dir", "/run/catena"));
	if (!container || !root) {
		fprintf(stderr, "catena: the service %s has no function \"%s\"\n", service, function);
		return EXIT_NO_SERVICE;
	}
	const char *argv[CLI_ARGUMENTS_MAX + 8] = {runtime, "--root", root, "exec"};
	size_t count = 4;
	if (cli->terminal && isatty(STDIN_FILENO))
		argv[count++] = "--tty";
	argv[count++] = container;
	for (int i = 1; i < cli->argument_count; i++)
		argv[count++] = cli->argument[i];
	argv[count] = NULL;
	fflush(stdout);
	execvp(runtime, (char *const *)(uintptr_t)argv);
	fprintf(stderr, "catena: %s: %s\n", runtime, strerror(errno));
	return EXIT_FAILED;
}
