// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "saga.h"

static void on_done(void *user, const struct service *service, const struct cat_node *changes,
		    const struct cat_err *result)
{
	struct sol_run *run = user;
	(void)service;
	(void)changes;
	run->answered = true;
	run->result = *result;
	saga_wake(run->sol);
}

static struct service *service_of(struct sol *sol, const struct sol_resource *occurrence)
{
	return manager_service(sol->manager, doc_text(occurrence->doc, "service"));
}

static struct sol_resource *instance_of_occurrence(struct sol *sol, const struct sol_resource *occurrence)
{
	return sol_find(sol, SOL_INSTANCE, doc_text(occurrence->doc, "instance"));
}

static bool is_own(struct sol *sol, const struct sol_resource *occurrence)
{
	const struct sol_resource *instance = instance_of_occurrence(sol, occurrence);
	return instance && doc_flag(instance->doc, "own");
}

static enum saga_result too_late(const struct sol_run *run, const char *what, struct cat_err *err)
{
	if (cat_now_ms() - run->since_ms < SAGA_WAIT_MS)
		return SAGA_BUSY;
	cat_err_set(err, -ETIMEDOUT, "%s not within %d s", what, SAGA_WAIT_MS / 1000);
	return SAGA_FAILED;
}

static enum saga_result answer_of(struct sol_run *run, struct cat_err *err)
{
	if (!run->answered)
		return SAGA_BUSY; // a service bounds its operations
	run->called = run->answered = false;
	*err = run->result;
	return run->result.code ? SAGA_FAILED : SAGA_DONE;
}

static void call(struct sol *sol, struct sol_run *run)
{
	run->sol = sol;
	run->called = true;
	run->answered = false;
	run->watcher = (struct watcher){.done = on_done, .user = run};
}

// The service shall run as the text says.
static enum saga_result put(struct sol *sol, struct sol_resource *occurrence, const char *text, struct cat_err *err)
{
	struct sol_run *run = occurrence->run;
	const struct service *service = service_of(sol, occurrence);
	if (run->called)
		return answer_of(run, err);
	if (service && service->state == SERVICE_RUNNING && !service->operation.active &&
	    !strcmp(service->current.text, text))
		return SAGA_DONE;
	if (service &&
	    (service->operation.active || (service->state != SERVICE_RUNNING && service->state != SERVICE_WAITING)))
		return too_late(run, "the service was not ready", err);
	struct cat_problems problems = {0};
	struct cat_service *file = NULL;
	int r = cat_service_parse("service file", text, strlen(text), sol->manager->kinds, &file, &problems, err);
	if (r < 0 && problems.count)
		cat_err_set(err, r, "the service file is not valid: %s: %s", problems.item[0].pointer,
			    problems.item[0].message);
	cat_problems_free(&problems);
	char *copy = r == 0 ? strdup(text) : NULL;
	if (r < 0 || !copy) {
		cat_service_free(file);
		if (r == 0)
			cat_err_set(err, -ENOMEM, "no memory");
		return SAGA_FAILED;
	}
	call(sol, run);
	service_put(sol->manager, doc_text(occurrence->doc, "service"), copy, file, &run->watcher);
	return answer_of(run, err);
}

static enum saga_result remove_service(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	struct sol_run *run = occurrence->run;
	struct service *service = service_of(sol, occurrence);
	if (run->called)
		return answer_of(run, err);
	if (!service)
		return SAGA_DONE;
	call(sol, run);
	service_down(service, AFTER_REMOVE, &run->watcher);
	return answer_of(run, err);
}

// Whether the host has what is asked for: known before anything is touched.
static enum saga_result check(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	const char *text = doc_text(occurrence->doc, "wanted");
	if (!*text)
		return SAGA_DONE;
	struct cat_problems problems = {0};
	struct cat_service *file = NULL;
	cat_autonode struct cat_node *plan = NULL;
	int r = cat_service_parse("service file", text, strlen(text), sol->manager->kinds, &file, &problems, err);
	cat_problems_free(&problems);
	if (r == 0)
		r = service_make_plan(sol->manager, file, true, &plan, err);
	cat_service_free(file);
	return r < 0 ? SAGA_FAILED : SAGA_DONE;
}

static enum saga_result apply(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	const char *text = doc_text(occurrence->doc, "wanted");
	return *text ? put(sol, occurrence, text, err) : SAGA_DONE;
}

static enum saga_result unapply(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	const char *before = doc_text(occurrence->doc, "before");
	if (!*doc_text(occurrence->doc, "wanted"))
		return SAGA_DONE;
	return *before ? put(sol, occurrence, before, err) : remove_service(sol, occurrence, err);
}

static enum saga_result bring_back(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	const char *before = doc_text(occurrence->doc, "before");
	return *before ? put(sol, occurrence, before, err) : SAGA_DONE;
}

static struct function *function_of(struct sol *sol, const struct sol_resource *occurrence)
{
	const struct service *service = service_of(sol, occurrence);
	return service ? service_function(service, doc_text(occurrence->doc, "function")) : NULL;
}

static enum saga_result halt(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	if (is_own(sol, occurrence))
		return remove_service(sol, occurrence, err);
	struct function *function = function_of(sol, occurrence);
	if (!function || function_state(function) == FUNCTION_DOWN)
		return SAGA_DONE;
	if (function->container[function->active].wanted)
		function_stop(function);
	return too_late(occurrence->run, "the function was not stopped", err);
}

static enum saga_result resume(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	if (is_own(sol, occurrence))
		return put(sol, occurrence, doc_text(occurrence->doc, "before"), err);
	struct function *function = function_of(sol, occurrence);
	if (!function) {
		cat_err_set(err, -ENOENT, "the service does not run");
		return SAGA_FAILED;
	}
	if (function_state(function) == FUNCTION_RUNNING)
		return SAGA_DONE;
	if (function_state(function) == FUNCTION_DOWN && function->service->state == SERVICE_RUNNING)
		function_start(function);
	return too_late(occurrence->run, "the function did not run", err);
}

static enum saga_result replace(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	struct sol_run *run = occurrence->run;
	struct function *function = function_of(sol, occurrence);
	if (!function) {
		cat_err_set(err, -ENOENT, "the service does not run");
		return SAGA_FAILED;
	}
	if (!run->called) {
		if (function->service->state != SERVICE_RUNNING)
			return too_late(run, "the service was not ready", err);
		run->called = true;
		run->generation = function->generation;
		function_replace(function);
		return SAGA_BUSY;
	}
	if (function_state(function) == FUNCTION_RUNNING && function->generation != run->generation) {
		run->called = false;
		return SAGA_DONE;
	}
	return too_late(run, "the function did not run again", err);
}

static bool remember(struct sol_resource *occurrence, const struct sol_resource *instance)
{
	const struct cat_node *after = cat_node_get(occurrence->doc, "after");
	if (cat_node_get(occurrence->doc, "restore"))
		return true;
	struct cat_node *restore = cat_node_add_map(occurrence->doc, "restore");
	for (const struct cat_node *item = after ? after->first : NULL; restore && item; item = item->next) {
		const struct cat_node *old = cat_node_get(instance->doc, item->key);
		if (!(old ? cat_node_copy(restore, item->key, old) : cat_node_add_null(restore, item->key)))
			return false;
	}
	return restore;
}

static enum saga_result save_both(struct sol *sol, struct sol_resource *occurrence, struct sol_resource *instance,
				  struct cat_err *err)
{
	if (store_begin(sol->manager->store, err) < 0)
		return SAGA_FAILED;
	if (sol_save(sol, occurrence) < 0 || sol_save(sol, instance) < 0) {
		store_rollback(sol->manager->store);
		cat_err_set(err, -EIO, "the store cannot be written");
		return SAGA_FAILED;
	}
	return store_commit(sol->manager->store, err) < 0 ? SAGA_FAILED : SAGA_DONE;
}

static enum saga_result record(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	struct sol_resource *instance = instance_of_occurrence(sol, occurrence);
	if (!instance || !remember(occurrence, instance) ||
	    !doc_merge(instance->doc, cat_node_get(occurrence->doc, "after"))) {
		cat_err_set(err, instance ? -ENOMEM : -ENOENT, instance ? "no memory" : "the instance is gone");
		return SAGA_FAILED;
	}
	return save_both(sol, occurrence, instance, err);
}

static enum saga_result unrecord(struct sol *sol, struct sol_resource *occurrence, struct cat_err *err)
{
	struct sol_resource *instance = instance_of_occurrence(sol, occurrence);
	const struct cat_node *restore = cat_node_get(occurrence->doc, "restore");
	for (const struct cat_node *item = instance && restore ? restore->first : NULL; item; item = item->next) {
		if (!doc_set(instance->doc, item->key, item->type == CAT_NULL ? NULL : item)) {
			cat_err_set(err, -ENOMEM, "no memory");
			return SAGA_FAILED;
		}
	}
	if (!instance || !restore)
		return SAGA_DONE;
	doc_set(occurrence->doc, "restore", NULL);
	return save_both(sol, occurrence, instance, err);
}

#define CHANGE                                                                                                         \
	{                                                                                                              \
		{"plan", check, NULL}, {"service", apply, unapply},                                                    \
		{                                                                                                      \
			"record", record, unrecord                                                                     \
		}                                                                                                      \
	}
static const struct saga table[] = {
	{"INSTANTIATE", CHANGE},
	{"SCALE", CHANGE},
	{"SCALE_TO_LEVEL", CHANGE},
	{"CHANGE_FLAVOUR", CHANGE},
	{"CHANGE_EXT_CONN", CHANGE},
	{"CHANGE_VNFPKG", CHANGE},
	{"MODIFY_INFO", CHANGE},
	{"TERMINATE", {{"down", remove_service, bring_back}, {"record", record, unrecord}}},
	{"HEAL", {{"replace", replace, NULL}, {"record", record, unrecord}}},
	{"START", {{"start", resume, halt}, {"record", record, unrecord}}},
	{"STOP", {{"stop", halt, resume}, {"record", record, unrecord}}},
};

const struct saga *saga_find(const char *operation)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++)
		if (!strcmp(table[i].operation, operation))
			return &table[i];
	return NULL;
}
