// SPDX-License-Identifier: BSD-3-Clause
// What the other API and the services themselves do, told as occurrences of their instances.
#include <errno.h>
#include <string.h>

#include "cat_cleanup.h"
#include "saga.h"

static const struct {
	const char *name, *operation;
	bool automatic;
} operations[] = {
	{"up", "INSTANTIATE", false},
	{"down", "TERMINATE", false},
	{"restart", "HEAL", true},
};

static struct sol_resource *external_of(struct sol *sol, const struct sol_resource *instance)
{
	const char *id = doc_text(instance->doc, "operationId");
	struct sol_resource *occurrence = *id ? sol_find(sol, SOL_OCCURRENCE, id) : NULL;
	return occurrence && doc_flag(occurrence->doc, "external") ? occurrence : NULL;
}

static void begin(struct sol *sol, struct sol_resource *instance, const char *operation, bool automatic)
{
	const struct operation_request request = {.operation = operation, .automatic = automatic, .external = true};
	struct cat_err err = {0};
	struct sol_resource *occurrence = occurrence_start(sol, instance, &request, &err);
	if (occurrence)
		occurrence_event(sol, occurrence, SOL_BEGIN);
}

static void finish(struct sol *sol, struct sol_resource *occurrence, const struct cat_err *result)
{
	if (!result->code) {
		occurrence_event(sol, occurrence, SOL_DONE);
		return;
	}
	occurrence_set_error(occurrence, "service", result);
	if (occurrence_event(sol, occurrence, SOL_ERROR)) {
		occurrence_event(sol, occurrence, SOL_ROLLBACK);
		occurrence_event(sol, occurrence, SOL_DONE);
	}
}

static void set_state(struct sol *sol, struct sol_resource *instance, bool up)
{
	const struct service *service = instance_service(sol, instance);
	const struct cat_node *function = up && service && service->current.file
						  ? cat_node_find(cat_service_tree(service->current.file), "functions",
								  doc_text(instance->doc, "function"), NULL)
						  : NULL;
	doc_set_text(instance->doc, "state", up ? "INSTANTIATED" : "NOT_INSTANTIATED");
	doc_set_text(instance->doc, "vnfState", up ? "STARTED" : NULL);
	if (function)
		doc_set(instance->doc, "vnfConfigurableProperties", cat_node_get(function, "config"));
	if (up && service && doc_flag(instance->doc, "own"))
		doc_set_text(instance->doc, "text", service->current.text);
	sol_save(sol, instance);
}

static const char *operation_of(const char *name, const struct sol_resource *instance, bool *ret_automatic)
{
	*ret_automatic = false;
	for (size_t i = 0; i < CAT_ARRAY_LEN(operations); i++) {
		if (strcmp(operations[i].name, name) != 0)
			continue;
		*ret_automatic = operations[i].automatic;
		// What was up before, and comes up with a new manager or after failures, is healed.
		if (i == 0 && instance_is_up(instance)) {
			*ret_automatic = true;
			return "HEAL";
		}
		return operations[i].operation;
	}
	return "MODIFY_INFO";
}

void saga_observe(struct sol *sol, struct service *service, const char *name, const struct cat_err *result)
{
	if (sol->manager->stopping)
		return;
	if (!result && !strcmp(name, "up"))
		sol_sync(sol);
	for (struct sol_resource *r = sol->set[SOL_INSTANCE].first; r; r = r->next) {
		struct sol_resource *occurrence = external_of(sol, r);
		bool automatic, own = *doc_text(r->doc, "operationId") && !occurrence;
		if (own || strcmp(doc_text(r->doc, "service"), service->name) != 0)
			continue;
		if (!result) {
			const char *operation = operation_of(name, r, &automatic);
			begin(sol, r, operation, automatic);
			continue;
		}
		bool down = !strcmp(name, "down");
		if (!down && !result->code)
			set_state(sol, r, true);
		else if (down || (!service->ever_ran && result->code))
			set_state(sol, r, false);
		if (occurrence)
			finish(sol, occurrence, result);
	}
	// The service itself goes after this call.
	sol->dirty = true;
	saga_wake(sol);
}

void saga_observe_function(struct sol *sol, const char *service, const char *function, const char *kind)
{
	struct sol_resource *instance = instance_of(sol, service, function);
	const struct service *running = manager_service(sol->manager, service);
	if (!instance || !running || sol->manager->stopping)
		return;
	struct sol_resource *occurrence = external_of(sol, instance);
	if (!strcmp(kind, "died") && running->state == SERVICE_RUNNING && !*doc_text(instance->doc, "operationId"))
		begin(sol, instance, "HEAL", true);
	else if (!strcmp(kind, "running") && occurrence && !running->operation.active)
		finish(sol, occurrence, &(struct cat_err){0});
}

// Occurrences of an earlier manager: its own go on, those of the other API ended with it.
void saga_recover(struct sol *sol)
{
	struct cat_err gone = {0};
	cat_err_set(&gone, -ECANCELED, "the manager ended meanwhile");
	for (struct sol_resource *r = sol->set[SOL_OCCURRENCE].first; r; r = r->next) {
		enum sol_state state = occurrence_state(r);
		if (sol_state_final(state))
			continue;
		if (!doc_flag(r->doc, "external")) {
			if (state != SOL_FAILED_TEMP || strcmp(doc_text(r->doc, "onFailure"), "stop") != 0) {
				// It died between the failure and what follows from it.
				if (state == SOL_FAILED_TEMP && !doc_flag(r->doc, "undo"))
					occurrence_event(sol, r, SOL_ROLLBACK);
				saga_begin(sol, r);
			}
			continue;
		}
		occurrence_set_error(r, "service", &gone);
		if (!occurrence_event(sol, r, SOL_REFUSED)) {
			occurrence_event(sol, r, SOL_ERROR);
			occurrence_event(sol, r, SOL_FAIL);
		}
	}
}
