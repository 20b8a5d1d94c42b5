// SPDX-License-Identifier: BSD-3-Clause
// Life-cycle operation occurrences: what an operation is, how far it came, and why it failed.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "method.h"

enum sol_state occurrence_state(const struct sol_resource *occurrence)
{
	enum sol_state state = SOL_FAILED;
	sol_state_find(doc_text(occurrence->doc, "operationState"), &state);
	return state;
}

static bool enter(struct sol_resource *occurrence, enum sol_state state)
{
	char now[DOC_TIME_MAX];
	return doc_set_text(occurrence->doc, "operationState", sol_state_names[state]) &&
	       doc_set_text(occurrence->doc, "entered", doc_time(wall_ms(), now));
}

// The instance is free for the next operation once nothing follows.
static void release(struct sol *sol, const struct sol_resource *occurrence)
{
	struct sol_resource *instance = sol_find(sol, SOL_INSTANCE, doc_text(occurrence->doc, "instance"));
	if (!instance || strcmp(doc_text(instance->doc, "operationId"), occurrence->id) != 0)
		return;
	doc_set_text(instance->doc, "operationId", NULL);
	sol_save(sol, instance);
}

bool occurrence_event(struct sol *sol, struct sol_resource *occurrence, enum sol_event event)
{
	enum sol_state next;
	if (!sol_state_next(occurrence_state(occurrence), event, &next))
		return false;
	if (!enter(occurrence, next))
		manager_store_failed(sol->manager, &(struct cat_err){.code = -ENOMEM, .message = "no memory"});
	// A cancellation is over when it has taken effect.
	if (next != SOL_PROCESSING && next != SOL_ROLLING_BACK)
		doc_set_bool(occurrence->doc, "cancel", false);
	if (next == SOL_PROCESSING)
		doc_set(occurrence->doc, "error", NULL);
	struct cat_err err = {0};
	bool whole = store_begin(sol->manager->store, &err) == 0;
	sol_save(sol, occurrence);
	if (sol_state_final(next))
		release(sol, occurrence);
	if (whole && store_commit(sol->manager->store, &err) < 0)
		manager_store_failed(sol->manager, &err);
	notify_occurrence(sol, occurrence);
	return true;
}

void occurrence_set_error(struct sol_resource *occurrence, const char *step, const struct cat_err *err)
{
	cat_autonode struct cat_node *error = cat_node_new_map();
	if (error && cat_node_add_string(error, "title", "the operation failed") &&
	    cat_node_add_int(error, "status", api_status_of(err->code)) &&
	    cat_node_add_format(error, "detail", "step %s: %s", step, err->message))
		doc_set(occurrence->doc, "error", error);
}

void occurrence_forget_old(struct sol *sol)
{
	struct sol_set *set = &sol->set[SOL_OCCURRENCE];
	for (struct sol_resource *r = set->first, *next; r && set->count > SOL_OCCURRENCES_MAX; r = next) {
		next = r->next;
		if (sol_state_final(occurrence_state(r)))
			sol_remove(sol, r);
	}
}

// What of the host it adds, removes or changes (clause 5.5.3.12): the function's container.
static bool add_changes(struct cat_node *doc, const struct sol_resource *instance, const char *operation)
{
	const char *type = !strcmp(operation, "INSTANTIATE") ? "ADDED"
			   : !strcmp(operation, "TERMINATE") ? "REMOVED"
							     : "MODIFIED";
	if (!strcmp(operation, "MODIFY_INFO"))
		return true;
	const char *function = doc_text(instance->doc, "function");
	struct cat_node *changes = cat_node_add_map(doc, "resourceChanges");
	struct cat_node *list = changes ? cat_node_add_list(changes, "affectedVnfcs") : NULL;
	struct cat_node *vnfc = list ? cat_node_add_map(list, NULL) : NULL, *handle = NULL;
	return vnfc && cat_node_add_string(vnfc, "id", *function ? function : "vnf") &&
	       cat_node_add_string(vnfc, "vduId", doc_text(instance->doc, "kind")) &&
	       cat_node_add_string(vnfc, "changeType", type) && (handle = cat_node_add_map(vnfc, "computeResource")) &&
	       cat_node_add_string(handle, "vimConnectionId", SOL_VIM) &&
	       cat_node_add_format(handle, "resourceId", "%s.%s", doc_text(instance->doc, "service"), function);
}

static bool fill(struct cat_node *doc, const struct sol_resource *instance, const struct operation_request *operation)
{
	char now[DOC_TIME_MAX];
	doc_time(wall_ms(), now);
	const char *on_failure = doc_text(cat_node_get(operation->params, "additionalParams"), "onFailure");
	return cat_node_add_string(doc, "operation", operation->operation) &&
	       cat_node_add_string(doc, "operationState", sol_state_names[SOL_STARTING]) &&
	       cat_node_add_string(doc, "entered", now) && cat_node_add_string(doc, "started", now) &&
	       cat_node_add_string(doc, "instance", instance->id) &&
	       cat_node_add_string(doc, "service", doc_text(instance->doc, "service")) &&
	       cat_node_add_string(doc, "function", doc_text(instance->doc, "function")) &&
	       cat_node_add_bool(doc, "automatic", operation->automatic) &&
	       cat_node_add_bool(doc, "external", operation->external) && doc_set(doc, "params", operation->params) &&
	       (!operation->wanted || cat_node_add_string(doc, "wanted", operation->wanted)) &&
	       (!operation->before || cat_node_add_string(doc, "before", operation->before)) &&
	       doc_set(doc, "after", operation->after) && doc_set(doc, "changedInfo", operation->changed_info) &&
	       doc_set(doc, "changedExtConnectivity", operation->changed_connectivity) &&
	       (!*on_failure || cat_node_add_string(doc, "onFailure", on_failure)) &&
	       cat_node_add_int(doc, "step", 0) && add_changes(doc, instance, operation->operation);
}

struct sol_resource *occurrence_start(struct sol *sol, struct sol_resource *instance,
				      const struct operation_request *operation, struct cat_err *err)
{
	if (*doc_text(instance->doc, "operationId")) {
		cat_err_set(err, -EBUSY, "the operation %s of the instance is under way: wait for its end",
			    doc_text(instance->doc, "operationId"));
		return NULL;
	}
	occurrence_forget_old(sol);
	struct cat_node *doc = cat_node_new_map();
	if (!doc || !fill(doc, instance, operation)) {
		cat_node_free(doc);
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	struct sol_resource *occurrence = sol_add(sol, SOL_OCCURRENCE, doc, err);
	if (!occurrence)
		return NULL;
	if (!doc_set_text(instance->doc, "operationId", occurrence->id) || sol_save(sol, instance) < 0) {
		cat_err_set(err, -EIO, "the store cannot be written");
		doc_set_text(instance->doc, "operationId", NULL);
		sol_remove(sol, occurrence);
		return NULL;
	}
	notify_occurrence(sol, occurrence);
	if (!operation->external)
		saga_begin(sol, occurrence);
	return occurrence;
}

// operationParams would be left out too, but the conformance tests' schema has them mandatory.
static const char *const excluded[] = {"error", "resourceChanges", "changedInfo", "changedExtConnectivity", NULL};
static const char *const mandatory[] = {
	"id",        "operationState",        "stateEnteredTime", "startTime",       "vnfInstanceId",
	"operation", "isAutomaticInvocation", "operationParams",  "isCancelPending", "_links",
	NULL};

void list_occurrences(struct sol_call *call)
{
	reply_list(call, &(struct sol_list){.view = view_occurrence, .defaults = excluded, .mandatory = mandatory});
}

void get_occurrence(struct sol_call *call)
{
	reply_resource(call, 200, view_occurrence(call->sol, call->resource, call->v1));
}

// Retry, rollback, fail, cancel: legal as the table says; what the other API does cannot be steered from here.
static bool steer(struct sol_call *call, enum sol_event event)
{
	enum sol_state next, state = occurrence_state(call->resource);
	if (doc_flag(call->resource->doc, "external")) {
		reply_problem(call, 409, "the operation is the other API's: steer it there");
		return false;
	}
	if (sol_state_next(state, event, &next))
		return true;
	reply_problem(call, 409, "%s is not possible in the state %s", sol_event_names[event], sol_state_names[state]);
	return false;
}

static void follow(struct sol_call *call, enum sol_event event)
{
	if (!steer(call, event))
		return;
	if (event == SOL_ROLLBACK)
		doc_set_bool(call->resource->doc, "undo", true);
	occurrence_event(call->sol, call->resource, event);
	saga_begin(call->sol, call->resource);
	api_reply_empty(call->request, 202);
}

void task_retry(struct sol_call *call)
{
	follow(call, SOL_RETRY);
}

void task_rollback(struct sol_call *call)
{
	follow(call, SOL_ROLLBACK);
}

void task_fail(struct sol_call *call)
{
	if (!steer(call, SOL_FAIL))
		return;
	occurrence_event(call->sol, call->resource, SOL_FAIL);
	reply_resource(call, 200, view_occurrence(call->sol, call->resource, call->v1));
}

void task_cancel(struct sol_call *call)
{
	if (!steer(call, SOL_CANCEL))
		return;
	doc_set_text(call->resource->doc, "cancelMode", doc_text(call->body, "cancelMode"));
	doc_set_bool(call->resource->doc, "cancel", true);
	sol_save(call->sol, call->resource);
	saga_wake(call->sol);
	api_reply_empty(call->request, 202);
}
