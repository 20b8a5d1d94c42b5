// SPDX-License-Identifier: BSD-3-Clause
// package: kinds of functions as CSAR files.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cli.h"
#include "csar.h"
#include "descriptor.h"
#include "format.h"

// Where the manager looks, or would.
struct places {
	char *kinds, *images;
	bool manager;
};

static int find_places(struct cli *cli, struct places *places)
{
	cat_autonode struct cat_node *version = NULL;
	const char *kinds = cli->options.kinds ? cli->options.kinds : getenv("CATENA_KINDS"),
		   *images = getenv("CATENA_IMAGES");
	places->manager = cli_manager_runs(cli);
	if (places->manager) {
		int code = cli_get(cli, cat_client_path("version", NULL), &version);
		if (code != EXIT_OK)
			return code;
		kinds = cli->options.kinds ? cli->options.kinds : format_text(version, "kinds", NULL);
		images = format_text(version, "images", NULL);
	}
	places->kinds = kinds && *kinds ? strdup(kinds) : cat_format("%s/share/catena/kinds", cli->prefix);
	places->images = images && *images ? strdup(images) : cat_format("%s/share/catena/images", cli->prefix);
	return places->kinds && places->images ? EXIT_OK : EXIT_FAILED;
}

static int list(struct cli *cli, const struct places *places)
{
	const char *const directories[] = {places->kinds, NULL};
	struct cat_err err = {0};
	struct cat_kinds *kinds = cat_kinds_load(directories, &err);
	cat_autonode struct cat_node *all = cat_node_new_list();
	if (!kinds)
		return cli_fail(&err);
	if (!cli->options.json)
		printf("%-16s %-12s %-36s %s\n", "KIND", "SOFTWARE", "VNFD", "");
	for (const char *const *name = cat_kinds_names(kinds); *name; name++) {
		struct descriptor d;
		descriptor_read(kinds, *name, &d);
		const char *text = format_text(d.tree, "description", "");
		struct cat_node *map = all ? cat_node_add_map(all, NULL) : NULL;
		if (!cli->options.json)
			printf("%-16s %-12s %-36s %s\n", *name, d.software_version, d.id, text);
		else if (!map || !cat_node_add_string(map, "kind", *name) ||
			 !cat_node_add_string(map, "vnfdId", d.id) ||
			 !cat_node_add_string(map, "softwareVersion", d.software_version) ||
			 !cat_node_add_string(map, "description", text))
			cat_node_free(cat_steal(all));
	}
	cat_kinds_free(kinds);
	if (cli->options.json && all)
		cli_print_json(all);
	return EXIT_OK;
}

// A manager that runs reads the kinds anew.
static int tell(struct cli *cli)
{
	struct cat_err err = {0};
	cat_autofree char *path = cat_client_path("packages", NULL);
	struct cat_client *client = cli_connect(cli, &err);
	struct cat_client_reply reply = {0};
	int code = EXIT_OK;
	if (!client ||
	    cat_client_send(client, &(struct cat_client_request){.verb = "POST", .path = path}, &reply, &err) < 0)
		code = cli_fail(&err);
	else if (reply.status != 200)
		code = cli_fail_reply(&reply, NULL);
	cat_node_free(reply.body);
	cat_client_destroy(client);
	return code;
}

static int import(struct cli *cli, const struct places *places)
{
	const struct csar_places where = {.kinds = places->kinds, .images = places->images};
	struct cat_err err = {0};
	char kind[33] = "";
	if (csar_import(&where, cli->argument[1], cli->options.force, kind, &err) < 0) {
		cli_fail(&err);
		return err.code == -EBADMSG || err.code == -E2BIG ? EXIT_INVALID : EXIT_FAILED;
	}
	int code = places->manager ? tell(cli) : EXIT_OK;
	if (code == EXIT_OK && cli->options.json)
		printf("{\"kind\": \"%s\"}\n", kind);
	else if (code == EXIT_OK)
		printf("kind %s is installed\n", kind);
	return code;
}

static int export(struct cli *cli, const struct places *places)
{
	const struct csar_places where = {.kinds = places->kinds, .images = places->images};
	struct cat_err err = {0};
	if (csar_export(&where, cli->argument[1], cli->argument[2], &err) < 0)
		return cli_fail(&err);
	if (!cli->options.json)
		printf("%s holds the kind %s\n", cli->argument[2], cli->argument[1]);
	return EXIT_OK;
}

int verb_package(struct cli *cli)
{
	static const struct {
		const char *name;
		int arguments;
		int (*run)(struct cli *cli, const struct places *places);
	} table[] = {{"list", 1, list}, {"export", 3, export}, {"import", 2, import}};
	struct places places = {0};
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++) {
		if (strcmp(table[i].name, cli->argument[0]) != 0 || table[i].arguments != cli->argument_count)
			continue;
		int code = find_places(cli, &places);
		if (code == EXIT_OK)
			code = table[i].run(cli, &places);
		free(places.kinds);
		free(places.images);
		return code;
	}
	fprintf(stderr, "catena: usage: catena package %s\n", cli->verb->arguments);
	return EXIT_USAGE;
}
