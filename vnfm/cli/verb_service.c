// SPDX-License-Identifier: BSD-3-Clause
// validate, plan, up, upgrade, down: what is done with service files.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_alloc.h"
#include "cat_cleanup.h"
#include "cat_plan.h"
#include "cli.h"
#include "format.h"

static void print_valid(const char *file, const char *service)
{
	cat_autonode struct cat_node *map = cat_node_new_map();
	if (map && cat_node_add_string(map, "file", file) && cat_node_add_string(map, "service", service) &&
	    cat_node_add_bool(map, "valid", true))
		cli_print_json(map);
}

int verb_validate(struct cli *cli)
{
	int worst = EXIT_OK;
	for (int i = 0; i < cli->argument_count; i++) {
		cat_autofree char *text = NULL;
		size_t size = 0;
		struct cat_service *service = NULL;
		int code = cli_read_service(cli, cli->argument[i], &text, &size, &service);
		if (code == EXIT_OK && cli->options.json)
			print_valid(cli->argument[i], cat_service_name(service));
		else if (code == EXIT_OK)
			printf("%s: service %s is valid\n", cli->argument[i], cat_service_name(service));
		else
			worst = code;
		cat_service_free(service);
	}
	return worst;
}

static int plan_here(struct cli *cli, const struct cat_service *service, struct cat_node **ret_plan)
{
	struct cat_err err = {0};
	struct cat_topology *host = NULL;
	struct cat_reservations none = {0};
	const char *root = cli->options.host ? cli->options.host : "/";
	int r = cat_topology_read(root, &host, &err);
	if (r == 0)
		r = cat_plan_make(service, host, &none, ret_plan, &err);
	cat_topology_free(host);
	return r < 0 ? cli_fail(&err) : EXIT_OK;
}

static int plan_there(struct cli *cli, const char *file, const char *text, size_t size, struct cat_node **ret_plan)
{
	struct cat_err err = {0};
	cat_autofree char *path = cat_client_path("plan", NULL);
	struct cat_client *client = cli_connect(cli, &err);
	struct cat_client_reply reply = {0};
	const struct cat_client_request request = {.verb = "POST", .path = path, .body = text, .body_size = size};
	int code = EXIT_OK;
	if (!client || cat_client_send(client, &request, &reply, &err) < 0)
		code = cli_fail(&err);
	else if (reply.status != 200)
		code = cli_fail_reply(&reply, file);
	else
		*ret_plan = cat_steal(reply.body);
	cat_node_free(reply.body);
	cat_client_destroy(client);
	return code;
}

int verb_plan(struct cli *cli)
{
	cat_autofree char *text = NULL;
	size_t size = 0;
	struct cat_service *service = NULL;
	cat_autonode struct cat_node *plan = NULL;
	int code = cli_read_service(cli, cli->argument[0], &text, &size, &service);
	if (code == EXIT_OK && !cli->options.host && cli_manager_runs(cli))
		code = plan_there(cli, cli->argument[0], text, size, &plan);
	else if (code == EXIT_OK)
		code = plan_here(cli, service, &plan);
	cat_service_free(service);
	if (code != EXIT_OK)
		return code;
	if (cli->options.json) {
		cli_print_json(plan);
		return EXIT_OK;
	}
	cat_autofree char *out = cat_plan_format(plan, cli->colour);
	fputs(out ? out : "", stdout);
	return EXIT_OK;
}

// The lines of an operation: steps, and at the end {"result"} or {"problem"}.
struct progress {
	bool show, colour;
	struct cat_node *last;
};

static int on_line(void *user, const char *text)
{
	struct progress *progress = user;
	cat_autonode struct cat_node *line = NULL;
	if (cat_tree_parse_json("answer", text, strlen(text), &line, NULL) < 0)
		return 0;
	const char *step = NULL, *function = NULL;
	const struct cat_node *ms = cat_node_get(line, "ms");
	cat_node_read_string(line, "step", CAT_OPTIONAL, &step, NULL);
	cat_node_read_string(line, "function", CAT_OPTIONAL, &function, NULL);
	if (!step) {
		cat_node_free(progress->last);
		progress->last = cat_steal(line);
	} else if (progress->show) {
		printf("  %s%-10s %-16s %7.1f ms%s\n", progress->colour ? "\033[2m" : "", step,
		       function ? function : "", format_real(ms), progress->colour ? "\033[0m" : "");
		fflush(stdout);
	}
	return 0;
}

static int send_operation(struct cli *cli, const char *verb, const char *name, const char *text, size_t size, bool show,
			  struct cat_node **ret_result, const char *file)
{
	struct cat_err err = {0};
	struct progress progress = {.show = show, .colour = cli->colour};
	cat_autofree char *path = cat_client_path("services", name, NULL);
	struct cat_client *client = cli_connect(cli, &err);
	struct cat_client_reply reply = {0};
	const struct cat_client_request request = {.verb = verb,
						   .path = path,
						   .body = text,
						   .body_size = size,
						   .accept = "application/jsonl",
						   .line = on_line,
						   .user = &progress};
	int code = EXIT_OK;
	const struct cat_node *result = NULL, *problem = NULL;
	if (!client || cat_client_send(client, &request, &reply, &err) < 0) {
		code = cli_fail(&err);
	} else if (reply.status >= 300) {
		code = cli_fail_reply(&reply, file);
	} else if ((problem = cat_node_get(progress.last, "problem")) != NULL) {
		struct cat_client_reply told = {.status = 0, .body = (struct cat_node *)(uintptr_t)problem};
		code = cli_fail_reply(&told, file);
	} else if ((result = cat_node_get(progress.last, "result")) != NULL) {
		*ret_result = cat_node_copy(NULL, NULL, result);
	} else {
		cat_err_set(&err, -EPIPE, "the manager went away before it was done: see its log");
		code = cli_fail(&err);
	}
	cat_node_free(progress.last);
	cat_node_free(reply.body);
	cat_client_destroy(client);
	return code;
}

static void join(const struct cat_node *list, const char *what, char *text, size_t size)
{
	for (const struct cat_node *item = list ? list->first : NULL; item; item = item->next) {
		size_t used = strlen(text);
		snprintf(text + used, size - used, "%s%s",
			 item != list->first ? ", "
			 : used              ? "; "
					     : "",
			 item == list->first ? what : "");
		used = strlen(text);
		snprintf(text + used, size - used, "%s", item->string);
	}
}

static void say_up(const char *name, const struct cat_node *result)
{
	const struct cat_node *changes = cat_node_get(result, "changes");
	const struct cat_node *unchanged = cat_node_get(changes, "unchanged"),
			      *restart = cat_node_get(changes, "restart");
	if (unchanged && unchanged->boolean) {
		printf("service %s runs as the file says: nothing to do\n", name);
		return;
	}
	char text[1024] = "";
	join(cat_node_get(changes, "configure"), "configured ", text, sizeof(text));
	join(cat_node_get(changes, "replace"), "replaced ", text, sizeof(text));
	join(cat_node_get(changes, "add"), "added ", text, sizeof(text));
	join(cat_node_get(changes, "remove"), "removed ", text, sizeof(text));
	if (changes && !(restart && restart->boolean) && *text) {
		printf("service %s changed while it ran: %s\n", name, text);
		return;
	}
	int64_t functions = 0;
	cat_node_read_int(result, "functions", CAT_OPTIONAL, 0, INT64_MAX, &functions, NULL);
	printf("service %s %s: %d function%s, %.0f ms%s%s\n", name, changes ? "was made anew and runs" : "runs",
	       (int)functions, functions == 1 ? "" : "s", format_real(cat_node_get(result, "up_ms")), *text ? "; " : "",
	       text);
}

int verb_up(struct cli *cli)
{
	cat_autofree char *text = NULL;
	size_t size = 0;
	struct cat_service *service = NULL;
	int code = cli_read_service(cli, cli->argument[0], &text, &size, &service);
	if (code == EXIT_OK && !cli->options.no_start && !cli_manager_runs(cli))
		code = cli_start_manager(cli);
	cat_autonode struct cat_node *result = NULL;
	if (code == EXIT_OK)
		code = send_operation(cli, "PUT", cat_service_name(service), text, size,
				      !cli->options.json && (cli->options.verbose || cli->terminal), &result,
				      cli->argument[0]);
	if (code == EXIT_OK && cli->options.json)
		cli_print_json(result);
	else if (code == EXIT_OK)
		say_up(cat_service_name(service), result);
	cat_service_free(service);
	return code;
}

// The text of the service's file with another image of one function; the caller frees.
static int with_image(struct cli *cli, const char *name, const char *function, char **ret_text)
{
	cat_autonode struct cat_node *body = NULL, *file = NULL;
	struct cat_err err = {0};
	const char *text = "";
	int code = cli_get(cli, cat_client_path("services", name, NULL), &body);
	if (code != EXIT_OK)
		return code;
	int r = cat_node_read_string(body, "file", CAT_REQUIRED, &text, &err);
	if (r == 0)
		r = cat_tree_parse_yaml(name, text, strlen(text), &file, &err);
	struct cat_node *of = r == 0 ? cat_node_find(file, "functions", function, NULL) : NULL;
	if (r == 0 && (!of || of->type != CAT_MAP))
		r = cat_err_set(&err, -ENOENT, "service %s has no function \"%s\"", name, function);
	if (r < 0)
		return cli_fail(&err);
	struct cat_node *old = cat_node_get(of, "image");
	if (old)
		cat_node_free(cat_node_detach(old));
	*ret_text = cat_node_add_string(of, "image", cli->options.image) ? cat_node_to_json(file, 1) : NULL;
	if (!*ret_text)
		cat_err_set(&err, -ENOMEM, "no memory");
	return *ret_text ? EXIT_OK : cli_fail(&err);
}

int verb_upgrade(struct cli *cli)
{
	cat_autofree char *name = strdup(cli->argument[0]), *text = NULL;
	cat_autonode struct cat_node *result = NULL;
	char *slash = name ? strchr(name, '/') : NULL;
	if (!slash || !slash[1] || !cli->options.image) {
		fprintf(stderr, "catena: name the function and its new image: SERVICE/FUNCTION --image TAG\n");
		return EXIT_USAGE;
	}
	*slash = 0;
	int code = with_image(cli, name, slash + 1, &text);
	if (code == EXIT_OK)
		code = send_operation(cli, "PUT", name, text, strlen(text), cli->terminal && !cli->options.json,
				      &result, NULL);
	if (code == EXIT_OK && cli->options.json)
		cli_print_json(result);
	else if (code == EXIT_OK)
		say_up(name, result);
	return code;
}

static int down_one(struct cli *cli, const char *name)
{
	cat_autonode struct cat_node *result = NULL;
	int code = send_operation(cli, "DELETE", name, NULL, 0, false, &result, NULL);
	if (code == EXIT_OK && cli->options.json)
		printf("{\"service\": \"%s\", \"state\": \"down\"}\n", name);
	else if (code == EXIT_OK)
		printf("service %s is down\n", name);
	return code;
}

int verb_down(struct cli *cli)
{
	int worst = EXIT_OK;
	if (cli->options.all == (cli->argument_count > 0)) {
		fprintf(stderr, "catena: name the services to take down, or give --all\n");
		return EXIT_USAGE;
	}
	for (int i = 0; i < cli->argument_count; i++) {
		int code = down_one(cli, cli->argument[i]);
		worst = code != EXIT_OK ? code : worst;
	}
	if (!cli->options.all)
		return worst;
	cat_autonode struct cat_node *body = NULL;
	worst = cli_get(cli, cat_client_path("services", NULL), &body);
	const struct cat_node *list = cat_node_get(body, "services");
	if (list && !list->count)
		puts("no service is up");
	for (const struct cat_node *item = list ? list->first : NULL; item; item = item->next) {
		const char *name = "";
		cat_node_read_string(item, "service", CAT_OPTIONAL, &name, NULL);
		int code = down_one(cli, name);
		worst = code != EXIT_OK ? code : worst;
	}
	return worst;
}
