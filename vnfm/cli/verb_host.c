// SPDX-License-Identifier: BSD-3-Clause
// host: the machine, what disturbs its lanes, and a copy of what is known of it.
#include <stdlib.h>
#include <string.h>

#include "cat_quiet.h"
#include "cat_topology.h"
#include "cli.h"
#include "format.h"

static const char *host_root(const struct cli *cli)
{
	return cli->options.host ? cli->options.host : "/";
}

static int show(struct cli *cli)
{
	cat_autonode struct cat_node *body = NULL;
	int code = EXIT_OK;
	if (!cli->options.host && cli_manager_runs(cli)) {
		code = cli_get(cli, cat_client_path("host", NULL), &body);
	} else {
		struct cat_err err = {0};
		struct cat_topology *host = NULL;
		if (cat_topology_read(host_root(cli), &host, &err) < 0)
			return cli_fail(&err);
		body = cat_topology_tree(host);
		cat_topology_free(host);
	}
	if (code != EXIT_OK)
		return code;
	if (cli->options.json)
		cli_print_json(body);
	else
		format_host(stdout, body);
	return EXIT_OK;
}

static int check(struct cli *cli)
{
	struct cat_err err = {0};
	struct cat_topology *host = NULL;
	if (cat_topology_read(host_root(cli), &host, &err) < 0)
		return cli_fail(&err);
	cat_autofree struct cat_quiet *quiet = cat_quiet_check(host_root(cli), host);
	cat_topology_free(host);
	cat_autonode struct cat_node *tree = quiet && cli->options.json ? cat_quiet_tree(quiet) : NULL;
	if (!quiet || (cli->options.json && !tree)) {
		cat_err_set(&err, -ENOMEM, "no memory");
		return cli_fail(&err);
	}
	if (tree)
		cli_print_json(tree);
	else
		format_quiet(stdout, quiet, cli->colour);
	return quiet->noisy ? EXIT_NOISY : EXIT_OK;
}

static int record(struct cli *cli, const char *directory)
{
	struct cat_err err = {0};
	if (cat_host_record(host_root(cli), directory, &err) < 0)
		return cli_fail(&err);
	if (!cli->options.json)
		printf("recorded in %s: `catena plan FILE --host %s` plans for this host\n", directory, directory);
	return EXIT_OK;
}

int verb_host(struct cli *cli)
{
	const char *what = cli->argument[0];
	if (cli->argument_count == 0)
		return show(cli);
	if (strcmp(what, "check") == 0 && cli->argument_count == 1)
		return check(cli);
	if (strcmp(what, "record") == 0 && cli->argument_count == 2)
		return record(cli, cli->argument[1]);
	fprintf(stderr, "catena: usage: catena host [check | record DIR]\n");
	return EXIT_USAGE;
}
