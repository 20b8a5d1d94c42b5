// SPDX-License-Identifier: BSD-3-Clause
// A changed file over a running service: only what differs is done. New configurations are in force when every function
// has taken its own; if one refuses, those that took theirs get the old one back.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_plan.h"
#include "service.h"

static bool listed(const struct cat_node *changes, const char *key)
{
	const struct cat_node *list = cat_node_get(changes, key);
	return list && list->count;
}

static bool contains(const struct cat_node *list, const char *name)
{
	for (const struct cat_node *item = list ? list->first : NULL; item; item = item->next)
		if (item->type == CAT_STRING && !strcmp(item->string, name))
			return true;
	return false;
}

// A function of another kind or with more state needs other memory and another plan in the dataplane.
static bool same_memory(const struct cat_node *from, const struct cat_node *to)
{
	static const char *const keys[] = {"kind", "state_bytes"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(keys); i++) {
		const struct cat_node *a = cat_node_get(from, keys[i]), *b = cat_node_get(to, keys[i]);
		if (!a != !b || (a && !cat_node_equal(a, b)))
			return false;
	}
	return from && to;
}

static bool needs_restart(const struct service *service, const struct cat_node *changes, const struct cat_node *plan)
{
	const struct cat_node *restart = cat_node_get(changes, "restart");
	if ((restart && restart->boolean) || listed(changes, "add") || listed(changes, "remove"))
		return true;
	const struct cat_node *replace = cat_node_get(changes, "replace");
	for (const struct cat_node *name = replace ? replace->first : NULL; name; name = name->next)
		if (!same_memory(service_plan_of(service->current.plan, name->string),
				 service_plan_of(plan, name->string)))
			return true;
	return false;
}

// The running service's placement with what the new plan says of its functions.
static struct cat_node *merge_plans(const struct cat_node *current, const struct cat_node *wanted)
{
	static const char *const taken[] = {"image",      "memory_bytes", "pids",    "config", "standby",
					    "on_failure", "restart",      "hang_ms", "volume"};
	cat_autonode struct cat_node *plan = cat_node_copy(NULL, NULL, current);
	const struct cat_node *list = cat_node_get(plan, "functions");
	for (struct cat_node *function = list ? list->first : NULL; function; function = function->next) {
		const struct cat_node *source = service_plan_of(wanted, cat_node_get(function, "name")->string);
		for (size_t i = 0; i < CAT_ARRAY_LEN(taken); i++) {
			const struct cat_node *value = cat_node_get(source, taken[i]);
			struct cat_node *old = cat_node_get(function, taken[i]);
			if (old)
				cat_node_free(cat_node_detach(old));
			if (value && !cat_node_copy(function, taken[i], value))
				return NULL;
		}
	}
	static const char *const whole[] = {"memory", "active", "scaling"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(whole); i++) {
		const struct cat_node *value = cat_node_get(wanted, whole[i]);
		struct cat_node *old = cat_node_get(plan, whole[i]);
		if (!value || !old)
			continue;
		cat_node_free(cat_node_detach(old));
		if (!cat_node_copy(plan, whole[i], value))
			return NULL;
	}
	return cat_steal(plan);
}

static void keep_previous(struct service *service, struct version *next)
{
	service->previous = service->current;
	service->current = *next;
	*next = (struct version){0};
}

static void version_free(struct version *version)
{
	free(version->text);
	cat_service_free(version->file);
	cat_node_free(version->plan);
	*version = (struct version){0};
}

// What the plan takes of the host may have changed with the functions' limits.
static int keep_changed(struct service *service, struct cat_err *err)
{
	struct store *store = service->manager->store;
	struct cat_claim claim = {0};
	int r = cat_plan_claim(service->current.plan, &claim, err);
	if (r == 0)
		r = store_begin(store, err);
	if (r < 0)
		return r;
	r = store_service_put(store, service->name, service->current.text, service->current.plan, "running", err);
	if (r == 0)
		r = store_reservation_put(store, &claim, err);
	if (r == 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}

static void finish_update(struct service *service, const struct cat_err *result)
{
	struct cat_err err = {0};
	cat_source_remove(service->timer);
	service->timer = NULL;
	service->state = SERVICE_RUNNING;
	service->pending = 0;
	service->scaling = false;
	for (uint32_t i = 0; i < service->function_count; i++) {
		service->function[i].configured = true;
		function_settle(&service->function[i]);
	}
	if (!result->code) {
		version_free(&service->previous);
		if (keep_changed(service, &err) < 0)
			manager_store_failed(service->manager, &err);
		service_event(service, NULL, "changed", "took the changed file");
	} else {
		if (store_service_set_state(service->manager->store, service->name, "running", &err) < 0)
			manager_store_failed(service->manager, &err);
		service_event(service, NULL, "unchanged", "%s", result->message);
	}
	service_done(service, result);
}

// Gives the functions that differ what the current version says of them, and waits for each of them if `wait`.
static int give(struct service *service, bool wait, struct cat_err *err)
{
	const struct cat_node *changes = service->operation.changes;
	const struct cat_node *configure = cat_node_get(changes, "configure"),
			      *replace = cat_node_get(changes, "replace");
	service->pending = 0;
	service->scaling = false;
	if (cat_node_get(changes, "scale")) {
		int s = dataplane_scale(service, err);
		if (s < 0)
			return s;
		service->scaling = wait;
		service->pending = wait;
	}
	for (uint32_t i = 0; i < service->function_count; i++) {
		struct function *function = &service->function[i];
		bool anew = contains(replace, function->name);
		function->configured = true;
		int p = function_take_plan(function, err);
		if (p < 0)
			return p;
		if (!anew && !contains(configure, function->name))
			continue;
		const struct cat_node *plan = service_plan_of(service->current.plan, function->name);
		// One that is replaced finds its configuration when it comes, and takes its limits when it starts.
		int r = dataplane_configure(service, function, cat_node_get(plan, "config"), err);
		if (r < 0)
			return r;
		if (function->given_up)
			function_replace(function);
		else if (anew)
			function_upgrade(function);
		if (wait) {
			function->configured = false;
			service->pending++;
		}
	}
	return 0;
}

// What was changed already is changed back; answers to that are not waited for: this was in force before.
static void go_back(struct service *service, const struct cat_err *why)
{
	struct version refused = service->current;
	struct cat_err err = {0}, reason = *why;
	service->current = service->previous;
	service->previous = (struct version){0};
	version_free(&refused);
	if (give(service, false, &err) < 0)
		service_fail(service, &err);
	else
		finish_update(service, &reason);
}

static void too_late(void *user)
{
	struct service *service = user;
	struct cat_err err = {0};
	service->timer = NULL;
	if (service->scaling)
		cat_err_set(&err, -ETIMEDOUT, "not every function moved its lanes within %d s", SERVICE_UP_MS / 1000);
	for (uint32_t i = 0; !err.code && i < service->function_count; i++)
		if (!service->function[i].configured)
			cat_err_set(&err, -ETIMEDOUT, "function %s did not take the change within %d s",
				    service->function[i].name, SERVICE_UP_MS / 1000);
	go_back(service, &err);
}

void service_configured(struct service *service, struct function *function, const struct cat_err *rejected)
{
	if (service->state == SERVICE_STARTING && rejected) {
		service_fail(service, rejected);
		return;
	}

	if (service->state != SERVICE_UPDATING || function->configured) {
		if (rejected)
			service_event(service, function->name, "rejected", "%s", rejected->message);
		return;
	}
	if (rejected) {
		go_back(service, rejected);
		return;
	}
	// The answer of one that is being replaced says nothing of the one that comes.
	if (function->upgrading || function_state(function) != FUNCTION_RUNNING)
		return;
	function->configured = true;
	service_step(service, "configure", function->name, service->operation.start_us,
		     now_us() - service->operation.start_us);
	if (--service->pending == 0)
		finish_update(service, &(struct cat_err){0});
}

void service_scaled(struct service *service, uint64_t us, const struct cat_err *failed)
{
	if (service->state != SERVICE_UPDATING || !service->scaling) {
		if (failed->code)
			service_event(service, NULL, "error", "%s", failed->message);
		return;
	}
	service->scaling = false;
	if (failed->code) {
		go_back(service, failed);
		return;
	}
	service_step(service, "scale", NULL, now_us() - us, us);
	service_event(service, NULL, "scaled", "%u lanes run on %u core%s, after %.1f ms", service->lanes,
		      service_cores(service), service_cores(service) == 1 ? "" : "s", (double)us / 1000);
	if (--service->pending == 0)
		finish_update(service, &(struct cat_err){0});
}

void service_reapply(struct service *service)
{
	struct cat_err err = {0};
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < service->function_count; i++) {
		const struct function *function = &service->function[i];
		const struct cat_node *plan = service_plan_of(service->current.plan, function->name);
		r = dataplane_configure(service, function, cat_node_get(plan, "config"), &err);
	}
	// A manager that ended may have sent the lanes elsewhere.
	if (r == 0 && cat_node_get(service->current.plan, "active"))
		r = dataplane_scale(service, &err);
	if (r == 0)
		r = store_service_set_state(service->manager->store, service->name, "running", &err);
	service_event(service, NULL, r < 0 ? "error" : "unchanged", "%s",
		      r < 0 ? err.message : "a change that was under way is undone");
}

void service_update(struct service *service, char *text, struct cat_service *file)
{
	struct version next = {.text = text, .file = file};
	struct cat_err err = {0};
	struct cat_node *changes = cat_service_diff(service->current.file, file);
	service->operation.changes = changes;
	const struct cat_node *unchanged = cat_node_get(changes, "unchanged");
	if (!changes) {
		cat_err_set(&err, -ENOMEM, "service %s: no memory", service->name);
	} else if (unchanged && unchanged->boolean) {
		version_free(&next);
		service_done(service, &err);
		return;
	}
	cat_autonode struct cat_node *plan = NULL;
	// A plan that is not to be had must not cost the service that runs.
	if (!err.code && service_make_plan(service->manager, file, !service->no_huge, &plan, &err) == 0 &&
	    !needs_restart(service, changes, plan)) {
		next.plan = merge_plans(service->current.plan, plan);
		if (!next.plan)
			cat_err_set(&err, -ENOMEM, "service %s: no memory", service->name);
	}
	if (err.code) {
		version_free(&next);
		service_done(service, &err);
		return;
	}
	bool restart = !next.plan;
	service->step_count = 0;
	keep_previous(service, &next);
	if (restart) {
		service_event(service, NULL, "restart",
			      "the changed file needs it: ports, lanes, paths or functions differ");
		service->after = AFTER_RESTART;
		service->retry_now = true;
		service_stop(service);
		return;
	}
	service->state = SERVICE_UPDATING;
	if (store_service_set_state(service->manager->store, service->name, "updating", &err) < 0)
		manager_store_failed(service->manager, &err);
	service->timer = cat_loop_add_timer(service->manager->loop, SERVICE_UP_MS, 0, too_late, service, &err);
	if (!service->timer || give(service, true, &err) < 0)
		go_back(service, &err);
	else if (!service->pending)
		finish_update(service, &err);
}
