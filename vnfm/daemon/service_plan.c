// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_control.h"
#include "cat_plan.h"
#include "service.h"

int service_make_plan(struct manager *manager, const struct cat_service *file, bool huge, struct cat_node **ret_plan,
		      struct cat_err *err)
{
	struct cat_topology *host = NULL;
	struct cat_reservations taken = {0};
	int r = store_reservations_load(manager->store, &taken, err);
	if (r == 0) {
		// What it holds itself it may have again.
		cat_reservations_remove(&taken, cat_service_name(file));
		r = cat_topology_read("/", &host, err);
	}
	for (uint32_t i = 0; r == 0 && !huge && i < host->node_count; i++)
		host->node[i].huge_count = 0;
	if (r == 0)
		r = cat_plan_make(file, host, &taken, ret_plan, err);
	cat_topology_free(host);
	cat_reservations_free(&taken);
	return r;
}

// Everything or nothing: the service, what it takes, and its ids.
static int write_down(struct service *service, const struct cat_claim *claim, struct cat_err *err)
{
	struct manager *manager = service->manager;
	uint32_t base = (uint32_t)manager->options->uid_base;
	int r = store_begin(manager->store, err);
	if (r < 0)
		return r;
	r = store_service_put(manager->store, service->name, service->current.text, service->current.plan,
			      service->ever_ran ? "restarting" : "starting", err);
	if (r == 0)
		r = store_reservation_put(manager->store, claim, err);
	if (r == 0)
		r = store_uid_range(manager->store, service->name, base, OPTIONS_UID_LIMIT, &service->uid, err);
	if (r == 0)
		return store_commit(manager->store, err);
	store_rollback(manager->store);
	return r;
}

int service_note_plan(struct service *service, struct cat_err *err)
{
	struct cat_claim claim = {0};
	int r = cat_plan_claim(service->current.plan, &claim, err);
	return r < 0 ? r : write_down(service, &claim, err);
}

int service_plan(struct service *service, struct cat_err *err)
{
	cat_autonode struct cat_node *plan = NULL;
	int r = service_make_plan(service->manager, service->current.file, !service->no_huge, &plan, err);
	if (r < 0)
		return r;
	cat_node_free(service->current.plan);
	service->current.plan = cat_steal(plan);
	const struct cat_node *lanes = cat_node_get(service->current.plan, "lanes");
	service->lanes = lanes ? (uint32_t)lanes->count : 0;
	return service_note_plan(service, err);
}

uint32_t service_cores(const struct service *service)
{
	const struct cat_node *active = cat_node_get(service->current.plan, "active");
	bool sound = active && active->type == CAT_INT && active->integer > 0 && active->integer <= service->lanes;
	return sound ? (uint32_t)active->integer : service->lanes;
}

int service_lane_core(const struct service *service, uint32_t lane)
{
	uint32_t cores = service_cores(service);
	const struct cat_node *lanes = cat_node_get(service->current.plan, "lanes");
	const struct cat_node *cpu = cores ? cat_node_get(cat_node_at(lanes, lane % cores), "cpu") : NULL;
	return cpu && cpu->type == CAT_INT ? (int)cpu->integer : -1;
}

int service_build_functions(struct service *service, struct cat_err *err)
{
	service_free_functions(service);
	const struct cat_node *list = cat_node_get(service->current.plan, "functions");
	if (!list || !list->count)
		return 0;
	if (list->count > CAT_FUNCTIONS_MAX)
		return cat_err_set(err, -E2BIG, "found %zu functions, at most %u are possible", list->count,
				   CAT_FUNCTIONS_MAX);
	service->function = calloc(list->count, sizeof(*service->function));
	if (!service->function)
		return cat_err_set(err, -ENOMEM, "functions: no memory");
	for (const struct cat_node *plan = list->first; plan; plan = plan->next) {
		struct function *function = &service->function[service->function_count++];
		int r = function_init(function, service, plan, err);
		if (r < 0)
			return cat_err_wrap(err, "function %s", function->name);
	}
	return 0;
}

void service_free_functions(struct service *service)
{
	for (uint32_t i = 0; i < service->function_count; i++)
		function_finish(&service->function[i]);
	free(service->function);
	service->function = NULL;
	service->function_count = 0;
}

struct cat_node *service_plan_of(const struct cat_node *plan, const char *function)
{
	const struct cat_node *list = cat_node_get(plan, "functions");
	for (struct cat_node *item = list ? list->first : NULL; item; item = item->next) {
		const struct cat_node *name = cat_node_get(item, "name");
		if (name && name->type == CAT_STRING && !strcmp(name->string, function))
			return item;
	}
	return NULL;
}
