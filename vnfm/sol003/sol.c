// SPDX-License-Identifier: BSD-3-Clause
#include "sol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "sol_schema.h"

static void on_event(void *user, const char *service, const char *function, const char *kind, const char *message)
{
	if (service)
		fault_event(user, service, function, kind, message);
	if (service && function)
		saga_observe_function(user, service, function, kind);
}

static void on_operation(void *user, struct service *service, const char *name, const struct cat_err *result)
{
	saga_observe(user, service, name, result);
}

struct cat_node *sol_schema(struct cat_err *err)
{
	struct cat_node *schema = NULL;
	if (cat_tree_parse_json("schema.json", sol_schema_text, sizeof(sol_schema_text), &schema, err) < 0)
		return NULL;
	return schema;
}

struct sol *sol_create(struct manager *manager, struct cat_err *err)
{
	struct sol *sol = calloc(1, sizeof(*sol));
	if (!sol) {
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	sol->manager = manager;
	manager->sol = sol;
	sol->schema = sol_schema(err);
	if (!sol->schema || !(sol->sender = sender_create(sol, err)) || sol_load(sol, err) < 0 ||
	    performance_start(sol, err) < 0) {
		sol_destroy(sol);
		return NULL;
	}
	manager->observer = (struct manager_observer){.event = on_event, .operation = on_operation, .user = sol};
	return sol;
}

void sol_start(struct sol *sol)
{
	saga_recover(sol);
	sol->dirty = true;
	saga_wake(sol);
	sender_wake(sol->sender);
}
