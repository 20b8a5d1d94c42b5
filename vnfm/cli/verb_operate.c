// SPDX-License-Identifier: BSD-3-Clause
// heal, restart, scale, ops: operations on what runs, by the SOL003 interface (docs/sol003.md).
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cli.h"
#include "format.h"

#define API "/vnflcm/v2"
#define POLL_NS 50000000L

// One request; EXIT_OK with its answer, whose body the caller frees, or said. expected: the status that is no failure.
static int ask(struct cli *cli, const char *verb, const char *path, const char *body, unsigned expected,
	       struct cat_client_reply *ret_reply)
{
	struct cat_err err = {0};
	struct cat_client *client = cli_connect(cli, &err);
	struct cat_client_reply reply = {0};
	const struct cat_client_request request = {
		.verb = verb, .path = path, .body = body, .body_size = body ? strlen(body) : 0, .whole = true};
	int code = EXIT_OK;
	if (!client || cat_client_send(client, &request, &reply, &err) < 0)
		code = cli_fail(&err);
	else if (reply.status != expected)
		code = cli_fail_reply(&reply, NULL);
	else
		*ret_reply = reply;
	if (code != EXIT_OK)
		cat_node_free(reply.body);
	cat_client_destroy(client);
	return code;
}

static int get(struct cli *cli, const char *path, struct cat_node **ret_body)
{
	struct cat_client_reply reply = {0};
	int code = ask(cli, "GET", path, NULL, 200, &reply);
	*ret_body = reply.body;
	return code;
}

// The path of a URI that the manager gave: what is behind its root.
static const char *path_of(const char *uri)
{
	const char *path = strstr(uri, API "/");
	return path ? path : "";
}

// A whole list, page by page. Takes path over.
static int list(struct cli *cli, char *path, struct cat_node **ret_list)
{
	cat_autonode struct cat_node *all = cat_node_new_list();
	int code = path && all ? EXIT_OK : EXIT_FAILED;
	while (code == EXIT_OK && path) {
		struct cat_client_reply reply = {0};
		code = ask(cli, "GET", path, NULL, 200, &reply);
		for (struct cat_node *item = reply.body ? reply.body->first : NULL; item; item = item->next)
			if (!cat_node_copy(all, NULL, item))
				code = EXIT_FAILED;
		cat_node_free(reply.body);
		free(path);
		path = *reply.next ? strdup(path_of(reply.next)) : NULL;
	}
	free(path);
	if (code == EXIT_OK)
		*ret_list = cat_steal(all);
	return code;
}

static int no_function(const char *name)
{
	fprintf(stderr, "catena: there is no function \"%s\": expected SERVICE/FUNCTION, see `catena status`\n", name);
	return EXIT_NO_SERVICE;
}

// Ids of a service's instances, all or one function's; EXIT_OK with at least one.
static int find(struct cli *cli, const char *service, const char *function, struct cat_node **ret_ids)
{
	static const char place[] = "instantiatedVnfInfo/vnfcResourceInfo";
	cat_autonode struct cat_node *body = NULL, *ids = cat_node_new_list();
	cat_autofree char *name = cat_format("%s%s%s", service, function ? "/" : "", function ? function : "");
	cat_autofree char *filter = cat_format("(eq,%s/metadata/service,'%s')%s%s%s%s%s", place, service,
					       function ? ";(eq," : "", function ? place : "", function ? "/id,'" : "",
					       function ? function : "", function ? "')" : "");
	if (!name || !filter || strchr(name, '\''))
		return no_function(service);
	int code = list(cli, cat_client_query(strdup(API "/vnf_instances"), "filter", filter), &body);
	if (code != EXIT_OK)
		return code;
	for (const struct cat_node *i = body->first; ids && i; i = i->next)
		if (!cat_node_add_string(ids, NULL, format_text(i, "id", "")))
			return EXIT_FAILED;
	if (!ids || !ids->count)
		return no_function(name);
	*ret_ids = cat_steal(ids);
	return EXIT_OK;
}

static bool is_over(const char *state)
{
	return !strcmp(state, "COMPLETED") || !strcmp(state, "FAILED") || !strcmp(state, "ROLLED_BACK") ||
	       !strcmp(state, "FAILED_TEMP");
}

// Tells the states of the operation until it is over.
static int follow(struct cli *cli, const char *path, struct cat_node **ret_last)
{
	char told[32] = "";
	for (;;) {
		cat_autonode struct cat_node *body = NULL;
		int code = get(cli, path, &body);
		if (code != EXIT_OK)
			return code;
		const char *state = format_text(body, "operationState", "?");
		if (cli->terminal && !cli->options.json && strcmp(state, told) != 0)
			printf("  %s%-12s %s%s\n", cli->colour ? "\033[2m" : "", state,
			       format_text(body, "operation", ""), cli->colour ? "\033[0m" : "");
		fflush(stdout);
		snprintf(told, sizeof(told), "%s", state);
		if (is_over(state)) {
			*ret_last = cat_steal(body);
			return EXIT_OK;
		}
		nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
	}
}

static int run(struct cli *cli, const char *instance, const char *task, const char *body)
{
	cat_autofree char *path = cat_format(API "/vnf_instances/%s/%s", instance, task);
	cat_autonode struct cat_node *last = NULL;
	struct cat_client_reply reply = {0};
	int code = path ? ask(cli, "POST", path, body, 202, &reply) : EXIT_FAILED;
	cat_node_free(reply.body);
	if (code == EXIT_OK)
		code = follow(cli, path_of(reply.location), &last);
	if (code != EXIT_OK)
		return code;
	if (cli->options.json)
		cli_print_json(last);
	if (!strcmp(format_text(last, "operationState", ""), "COMPLETED"))
		return EXIT_OK;
	fprintf(stderr, "catena: %s: %s\n", format_text(last, "operationState", "?"),
		format_text(cat_node_get(last, "error"), "detail", "no reason given"));
	return EXIT_FAILED;
}

static int replace(struct cli *cli, bool all_allowed)
{
	cat_autofree char *service = strdup(cli->argument[0]);
	char *function = service ? strchr(service, '/') : NULL;
	cat_autonode struct cat_node *ids = NULL;
	if (!service || (!function && !all_allowed))
		return no_function(cli->argument[0]);
	if (function)
		*function++ = 0;
	int code = find(cli, service, function, &ids);
	size_t count = code == EXIT_OK ? ids->count : 0;
	for (const struct cat_node *id = ids ? ids->first : NULL; id && code == EXIT_OK; id = id->next)
		code = run(cli, id->string, "heal", "{\"cause\": \"asked for\"}");
	if (code == EXIT_OK && !cli->options.json)
		printf("%s: %zu function%s replaced\n", cli->argument[0], count, count == 1 ? "" : "s");
	return code;
}

int verb_heal(struct cli *cli)
{
	return replace(cli, false);
}

int verb_restart(struct cli *cli)
{
	return replace(cli, true);
}

int verb_scale(struct cli *cli)
{
	cat_autonode struct cat_node *ids = NULL;
	char *end = NULL;
	long lanes = strtol(cli->argument[1], &end, 10);
	if (*end || lanes < 1 || lanes > 64) {
		fprintf(stderr, "catena: found \"%s\", expected a number of lanes from 1\n", cli->argument[1]);
		return EXIT_USAGE;
	}
	cat_autofree char *body =
		cat_format("{\"scaleInfo\": [{\"aspectId\": \"lanes\", \"scaleLevel\": %ld}]}", lanes - 1);
	int code = find(cli, cli->argument[0], NULL, &ids);
	if (code == EXIT_OK)
		code = run(cli, ids->first->string, "scale_to_level", body);
	if (code == EXIT_OK && !cli->options.json)
		printf("service %s has %ld lane%s\n", cli->argument[0], lanes, lanes == 1 ? "" : "s");
	return code;
}

static void print_ops(const struct cat_node *ops, const struct cat_node *instances, const char *service)
{
	printf("%-36s  %-24s  %-15s %-12s %s\n", "ID", "STARTED", "OPERATION", "STATE", "OF");
	for (const struct cat_node *op = ops ? ops->first : NULL; op; op = op->next) {
		const char *id = format_text(op, "vnfInstanceId", ""), *name = id;
		for (const struct cat_node *i = instances ? instances->first : NULL; i; i = i->next)
			if (!strcmp(format_text(i, "id", ""), id))
				name = format_text(i, "vnfInstanceName", id);
		size_t length = service ? strlen(service) : 0;
		if (service && (strncmp(name, service, length) != 0 || (name[length] && name[length] != '/')))
			continue;
		printf("%-36s  %-24s  %-15s %-12s %s\n", format_text(op, "id", ""), format_text(op, "startTime", ""),
		       format_text(op, "operation", ""), format_text(op, "operationState", ""), name);
		const char *why = format_text(cat_node_get(op, "error"), "detail", NULL);
		if (why)
			printf("  %s\n", why);
	}
}

int verb_ops(struct cli *cli)
{
	cat_autonode struct cat_node *ops = NULL, *instances = NULL;
	const char *of = cli->argument_count ? cli->argument[0] : NULL;
	bool id = of && strlen(of) == 36 && strspn(of, "0123456789abcdef-") == 36;
	cat_autofree char *one = id ? cat_format(API "/vnf_lcm_op_occs/%s", of) : NULL;
	int code = id ? get(cli, one, &ops) : list(cli, strdup(API "/vnf_lcm_op_occs?all_fields"), &ops);
	if (code == EXIT_OK && !cli->options.json && !id)
		code = list(cli, strdup(API "/vnf_instances"), &instances);
	if (code != EXIT_OK)
		return code;
	if (cli->options.json || id)
		cli_print_json(ops);
	else
		print_ops(ops, instances, of);
	return EXIT_OK;
}
