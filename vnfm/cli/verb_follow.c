// SPDX-License-Identifier: BSD-3-Clause
// logs, events: what comes as lines.
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cli.h"
#include "format.h"

struct follower {
	bool json, colour;
	void (*print)(FILE *out, const struct cat_node *line, bool colour);
};

static int on_line(void *user, const char *text)
{
	const struct follower *follower = user;
	cat_autonode struct cat_node *line = NULL;
	if (follower->json)
		puts(text);
	else if (cat_tree_parse_json("answer", text, strlen(text), &line, NULL) == 0)
		follower->print(stdout, line, follower->colour);
	return fflush(stdout) != 0;
}

// Takes path over.
static int follow(struct cli *cli, char *path, struct follower *follower)
{
	cat_autofree char *owned = cli->options.follow ? cat_client_query(path, "follow", "true") : path;
	struct cat_err err = {0};
	struct cat_client *client = cli_connect(cli, &err);
	struct cat_client_reply reply = {0};
	const struct cat_client_request request = {.verb = "GET", .path = owned, .line = on_line, .user = follower};
	int code = EXIT_OK;
	follower->json = cli->options.json;
	follower->colour = cli->colour;
	if (!client || cat_client_send(client, &request, &reply, &err) < 0)
		code = cli_fail(&err);
	else if (reply.status != 200)
		code = cli_fail_reply(&reply, NULL);
	cat_node_free(reply.body);
	cat_client_destroy(client);
	return code;
}

int verb_logs(struct cli *cli)
{
	struct follower follower = {.print = format_log_line};
	cat_autofree char *service = strdup(cli->argument[0]);
	char *function = service ? strchr(service, '/') : NULL;
	if (function)
		*function++ = 0;
	char *path = service ? cat_client_path("services", service, "logs", NULL) : NULL;
	if (function)
		path = cat_client_query(path, "function", function);
	if (cli->options.tail)
		path = cat_client_query(path, "tail", cli->options.tail);
	return follow(cli, path, &follower);
}

int verb_events(struct cli *cli)
{
	struct follower follower = {.print = format_event};
	char *path = cli->argument_count ? cat_client_path("services", cli->argument[0], "events", NULL)
					 : cat_client_path("events", NULL);
	if (cli->options.tail)
		path = cat_client_query(path, "limit", cli->options.tail);
	return follow(cli, path, &follower);
}
