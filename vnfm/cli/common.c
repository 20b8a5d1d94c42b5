// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cli.h"

int cli_fail(const struct cat_err *err)
{
	fprintf(stderr, "catena: %s\n", err->message);
	return err->code == -ENOTCONN ? EXIT_NO_MANAGER : EXIT_FAILED;
}

static int64_t number(const struct cat_node *map, const char *key)
{
	int64_t value = 0;
	cat_node_read_int(map, key, CAT_OPTIONAL, 0, INT64_MAX, &value, NULL);
	return value;
}

int cli_fail_reply(const struct cat_client_reply *reply, const char *file)
{
	const struct cat_node *problems = cat_node_get(reply->body, "problems");
	for (const struct cat_node *item = problems ? problems->first : NULL; item; item = item->next) {
		const char *message = "";
		cat_node_read_string(item, "message", CAT_OPTIONAL, &message, NULL);
		fprintf(stderr, "%s:%d:%d: %s\n", file ? file : "service file", (int)number(item, "line"),
			(int)number(item, "column"), message);
	}
	fprintf(stderr, "catena: %s\n", cat_client_problem(reply));
	if (problems && problems->count)
		return EXIT_INVALID;
	return reply->status == 404 ? EXIT_NO_SERVICE : EXIT_FAILED;
}

struct cat_client *cli_connect(struct cli *cli, struct cat_err *err)
{
	return cat_client_create(cli->socket, err);
}

int cli_get(struct cli *cli, char *path, struct cat_node **ret_body)
{
	cat_autofree char *owned = path;
	struct cat_err err = {0};
	struct cat_client *client = cli_connect(cli, &err);
	struct cat_client_reply reply = {0};
	int code = EXIT_OK;
	if (!client ||
	    cat_client_send(client, &(struct cat_client_request){.verb = "GET", .path = owned}, &reply, &err) < 0)
		code = cli_fail(&err);
	else if (reply.status != 200 || !reply.body)
		code = cli_fail_reply(&reply, NULL);
	else
		*ret_body = cat_steal(reply.body);
	cat_node_free(reply.body);
	cat_client_destroy(client);
	return code;
}

bool cli_manager_runs(struct cli *cli)
{
	cat_autofree char *path = cat_client_path("version", NULL);
	struct cat_client *client = cli_connect(cli, NULL);
	struct cat_client_reply reply = {0};
	bool runs = client && cat_client_send(client, &(struct cat_client_request){.verb = "GET", .path = path}, &reply,
					      NULL) == 0;
	cat_node_free(reply.body);
	cat_client_destroy(client);
	return runs;
}

int cli_start_manager(struct cli *cli)
{
	extern char **environ;
	cat_autofree char *path = cat_format("%s/bin/catenad", cli->prefix);
	if (!path)
		return EXIT_FAILED;
	if (geteuid() != 0) {
		fprintf(stderr, "catena: no manager serves on %s, and only root can start one: start catenad as root\n",
			cli->socket);
		return EXIT_NO_MANAGER;
	}
	const char *argv[] = {path,
			      "--daemonise",
			      "--run-dir",
			      cli->options.run_dir,
			      "--socket",
			      cli->socket,
			      cli->options.kinds ? "--kinds" : NULL,
			      cli->options.kinds,
			      NULL};
	pid_t pid = 0;
	int status = 0, r = posix_spawn(&pid, path, NULL, NULL, (char *const *)(uintptr_t)argv, environ);
	if (r) {
		fprintf(stderr, "catena: no manager serves on %s, and %s cannot be started: %s\n", cli->socket, path,
			strerror(r));
		return EXIT_NO_MANAGER;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	// It said itself what was wrong.
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return EXIT_NO_MANAGER;
	fprintf(stderr, "no manager was running: started catenad (its log: %s/catenad.log)\n", cli->options.run_dir);
	return EXIT_OK;
}

// The kinds that are installed beside this program, or where the operator says.
static struct cat_kinds *load_kinds(struct cli *cli, struct cat_err *err)
{
	const char *given = cli->options.kinds ? cli->options.kinds : getenv("CATENA_KINDS");
	cat_autofree char *installed = cat_format("%s/share/catena/kinds", cli->prefix);
	const char *const directories[] = {given && *given ? given : installed, NULL};
	return cat_kinds_load(directories, err);
}

int cli_read_service(struct cli *cli, const char *path, char **ret_text, size_t *ret_size,
		     struct cat_service **ret_service)
{
	struct cat_err err = {0};
	cat_autofree char *text = NULL;
	size_t size = 0;
	bool is_input = !strcmp(path, "-");
	const char *name = is_input ? "standard input" : path;
	if (cat_file_read(AT_FDCWD, is_input ? "/dev/stdin" : path, CAT_TREE_TEXT_MAX, &text, &size, &err) < 0)
		return cli_fail(&err);
	struct cat_kinds *kinds = load_kinds(cli, &err);
	if (!kinds)
		return cli_fail(&err);
	struct cat_problems problems = {0};
	int r = cat_service_parse(name, text, size, kinds, ret_service, &problems, &err);
	cat_kinds_free(kinds);
	if (r == 0) {
		cat_problems_free(&problems);
		*ret_text = cat_steal(text);
		*ret_size = size;
		return EXIT_OK;
	}
	if (problems.count) {
		cat_autofree char *list = cat_problems_format(&problems, name);
		fprintf(stderr, "%scatena: %s: %zu problem%s\n", list ? list : "", name, problems.count,
			problems.count == 1 ? "" : "s");
	} else {
		fprintf(stderr, "catena: %s\n", err.message);
	}
	cat_problems_free(&problems);
	return r == -EINVAL ? EXIT_INVALID : EXIT_FAILED;
}

void cli_print_json(const struct cat_node *node)
{
	cat_autofree char *json = cat_node_to_json(node, 2);
	puts(json ? json : "");
}
