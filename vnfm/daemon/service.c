// SPDX-License-Identifier: BSD-3-Clause
#include "service.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "nic_watch.h"

const char *const service_state_names[] = {"starting", "running", "updating", "stopping", "waiting", "down"};

void backoff_started(struct backoff *backoff)
{
	backoff->started_ms = cat_now_ms();
}

uint32_t backoff_next(struct backoff *backoff, uint32_t steady_ms, uint32_t min_ms)
{
	if (cat_now_ms() - backoff->started_ms >= steady_ms)
		backoff->ms = 0;
	else if (!backoff->ms)
		backoff->ms = min_ms;
	else
		backoff->ms = backoff->ms * 2 < SERVICE_BACKOFF_MAX_MS ? backoff->ms * 2 : SERVICE_BACKOFF_MAX_MS;
	return backoff->ms;
}

void service_event(struct service *service, const char *function, const char *kind, const char *format, ...)
{
	char message[CAT_ERR_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	manager_event(service->manager, service->name, function, kind, "%s", message);
	// Under our own name: what a process said last is what it said itself.
	cat_autofree char *line = function ? cat_format("function %s: %s", function, message) : NULL;
	if (service->log)
		logbook_add(service->log, "catenad", line ? line : message);
}

void service_step(struct service *service, const char *name, const char *function, uint64_t start_us, uint64_t us)
{
	cat_debug("service %s: %s%s%s took %.1f ms", service->name, name, function ? " of " : "",
		  function ? function : "", (double)us / 1000);
	struct step step = {.name = name, .us = us};
	step.start_us = start_us > service->operation.start_us ? start_us - service->operation.start_us : 0;
	snprintf(step.function, sizeof(step.function), "%s", function ? function : "");
	if (service->step_count < SERVICE_STEPS_MAX)
		service->step[service->step_count++] = step;
	cat_autonode struct cat_node *line = cat_node_new_map();
	if (!line || !cat_node_add_string(line, "step", name) ||
	    (function && !cat_node_add_string(line, "function", function)) ||
	    !cat_node_add_real(line, "ms", (double)us / 1000))
		return;
	for (struct watcher *w = service->operation.watchers; w; w = w->next)
		if (w->progress)
			w->progress(w->user, line);
}

struct function *service_function(const struct service *service, const char *name)
{
	for (uint32_t i = 0; name && i < service->function_count; i++)
		if (!strcmp(service->function[i].name, name))
			return &service->function[i];
	return NULL;
}

static void version_finish(struct version *version)
{
	free(version->text);
	cat_service_free(version->file);
	cat_node_free(version->plan);
	*version = (struct version){0};
}

void service_free(struct service *service)
{
	struct manager *manager = service->manager;
	for (struct service **link = &manager->services; *link; link = &(*link)->next) {
		if (*link == service) {
			*link = service->next;
			manager->service_count--;
			break;
		}
	}
	cat_source_remove(service->timer);
	cat_node_free(service->measured);
	sampler_destroy(service->sampler);
	service_free_functions(service);
	memory_free(&service->memory);
	nics_finish(&service->nics);
	logbook_destroy(service->log);
	version_finish(&service->current);
	version_finish(&service->previous);
	cat_node_free(service->operation.changes);
	free(service->directory);
	free(service);
}

static struct service *create(struct manager *manager, const char *name, char *text, struct cat_service *file)
{
	struct service *service = calloc(1, sizeof(*service));
	if (!service)
		return NULL;
	service->manager = manager;
	snprintf(service->name, sizeof(service->name), "%s", name);
	service->current = (struct version){.text = text, .file = file};
	service->dataplane.control = -1;
	service->since_ms = wall_ms();
	service->directory = cat_format("%s/%s", manager->options->run_dir, name);
	service->next = manager->services;
	manager->services = service;
	manager->service_count++;
	if (!service->directory) {
		service->current = (struct version){0};
		service_free(service);
		return NULL;
	}
	return service;
}

static void operation_begin(struct service *service, const char *name, struct watcher *watcher)
{
	struct operation *operation = &service->operation;
	cat_node_free(operation->changes);
	*operation = (struct operation){.active = true, .name = name, .start_us = now_us(), .watchers = watcher};
	if (watcher)
		watcher->next = NULL;
	const struct manager_observer *observer = &service->manager->observer;
	if (observer->operation)
		observer->operation(observer->user, service, name, NULL);
}

void service_done(struct service *service, const struct cat_err *result)
{
	struct operation *operation = &service->operation;
	if (!operation->active)
		return;
	operation->active = false;
	const struct manager_observer *observer = &service->manager->observer;
	if (observer->operation)
		observer->operation(observer->user, service, operation->name, result);
	struct watcher *watcher = operation->watchers;
	operation->watchers = NULL;
	while (watcher) {
		struct watcher *next = watcher->next;
		watcher->done(watcher->user, service, operation->changes, result);
		watcher = next;
	}
}

static void refuse(struct watcher *watcher, struct cat_service *file, char *text, int code, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
static void refuse(struct watcher *watcher, struct cat_service *file, char *text, int code, const char *format, ...)
{
	struct cat_err err = {.code = code};
	va_list args;
	va_start(args, format);
	vsnprintf(err.message, sizeof(err.message), format, args);
	va_end(args);
	cat_service_free(file);
	free(text);
	if (watcher)
		watcher->done(watcher->user, NULL, NULL, &err);
}

static void put_again(struct service *service, char *text, struct cat_service *file, struct watcher *watcher)
{
	if (service->operation.active) {
		bool same = !strcmp(service->operation.name, "up") && !strcmp(service->current.text, text);
		if (!same) {
			refuse(watcher, file, text, -EBUSY,
			       "service %s: %s is under way: wait for its end or take it down", service->name,
			       service->operation.name);
			return;
		}
		cat_service_free(file);
		free(text);
		watcher->next = service->operation.watchers;
		service->operation.watchers = watcher;
		return;
	}
	if (service->state == SERVICE_RUNNING) {
		operation_begin(service, "update", watcher);
		service_update(service, text, file);
		return;
	}
	if (service->state == SERVICE_WAITING) {
		version_finish(&service->current);
		version_finish(&service->previous);
		service->current = (struct version){.text = text, .file = file};
		operation_begin(service, "up", watcher);
		service_start(service);
		return;
	}
	refuse(watcher, file, text, -EBUSY, "service %s is %s by itself: try again in a moment", service->name,
	       service_state_names[service->state]);
}

void service_put(struct manager *manager, const char *name, char *text, struct cat_service *file,
		 struct watcher *watcher)
{
	if (manager->stopping) {
		refuse(watcher, file, text, -ESHUTDOWN, "catenad is ending");
		return;
	}
	struct service *service = manager_service(manager, name);
	if (service) {
		put_again(service, text, file, watcher);
		return;
	}
	if (manager->service_count >= MANAGER_SERVICES_MAX) {
		refuse(watcher, file, text, -ENOSPC, "found %zu services, a manager runs at most %u",
		       manager->service_count, MANAGER_SERVICES_MAX);
		return;
	}
	service = create(manager, name, text, file);
	if (!service) {
		refuse(watcher, file, text, -ENOMEM, "service %s: no memory", name);
		return;
	}
	operation_begin(service, "up", watcher);
	service_start(service);
}

int service_create_stored(struct manager *manager, const struct store_service *stored, struct service **ret_service,
			  struct cat_err *err)
{
	struct cat_problems problems = {0};
	struct cat_service *file = NULL;
	int r = cat_service_parse(stored->name, stored->text, strlen(stored->text), manager->kinds, &file, &problems,
				  err);
	if (r < 0) {
		cat_autofree char *list = cat_problems_format(&problems, stored->name);
		r = cat_err_set(err, r, "service %s: its file is not valid any more: %s", stored->name,
				list ? list : "");
	}
	cat_problems_free(&problems);
	if (r < 0)
		return r;
	char *text = strdup(stored->text);
	struct service *service = text ? create(manager, stored->name, text, file) : NULL;
	if (!service) {
		free(text);
		cat_service_free(file);
		return cat_err_set(err, -ENOMEM, "service %s: no memory", stored->name);
	}
	if (stored->plan) {
		service->current.plan = cat_node_copy(NULL, NULL, stored->plan);
		const struct cat_node *lanes = cat_node_get(service->current.plan, "lanes");
		service->lanes = lanes ? (uint32_t)lanes->count : 0;
	}
	r = store_uid_range(manager->store, service->name, (uint32_t)manager->options->uid_base, OPTIONS_UID_LIMIT,
			    &service->uid, err);
	if (r < 0 || (stored->plan && !service->current.plan)) {
		service_free(service);
		return r < 0 ? r : cat_err_set(err, -ENOMEM, "service %s: no memory", stored->name);
	}
	*ret_service = service;
	return 0;
}

int service_load(struct manager *manager, const struct store_service *stored, struct cat_err *err)
{
	struct service *service = NULL;
	int r = service_create_stored(manager, stored, &service, err);
	if (r < 0)
		return r;
	service->ever_ran = true;
	operation_begin(service, "up", NULL);
	service_start(service);
	return 0;
}

static void too_late(void *user)
{
	struct service *service = user;
	service->timer = NULL;
	struct cat_err err = {0};
	const char *missing = service->dataplane.opened ? NULL : "the dataplane";
	for (uint32_t i = 0; !missing && i < service->function_count; i++)
		if (function_state(&service->function[i]) != FUNCTION_RUNNING)
			missing = service->function[i].name;
	cat_err_set(&err, -ETIMEDOUT, "%s did not run within %d s: see `catena logs %s`",
		    missing ? missing : "the dataplane", SERVICE_UP_MS / 1000, service->name);
	service_fail(service, &err);
}

static void collect_line(void *user, int64_t time_ms, const char *source, const char *text)
{
	const struct service *service = user;
	log_collector_add(service->manager->collector, time_ms, service->name, source, text);
}

int service_open_log(struct service *service, struct cat_err *err)
{
	if (cat_dir_create(service->directory, 0711, err) < 0)
		return err->code;
	if (service->log)
		return 0;
	cat_autofree char *path = cat_format("%s/log", service->directory);
	if (!path)
		return cat_err_set(err, -ENOMEM, "no memory");
	service->log = logbook_create(path, err);
	if (!service->log)
		return err->code;
	logbook_set_news(service->log, manager_news, service->manager);
	logbook_set_sink(service->log, collect_line, service);
	return 0;
}

void service_start(struct service *service)
{
	struct cat_err err = {0};
	uint64_t start = now_us();
	if (!service->operation.active)
		operation_begin(service, "restart", NULL);
	cat_source_remove(service->timer);
	service->state = SERVICE_STARTING;
	service->retry_now = false;
	service->step_count = 0;
	backoff_started(&service->backoff);
	service->timer = cat_loop_add_timer(service->manager->loop, SERVICE_UP_MS, 0, too_late, service, &err);
	if (!service->timer || service_plan(service, &err) < 0 || service_open_log(service, &err) < 0 ||
	    settings_apply(&service->settings, service->manager->store, service->name, service->current.plan, &err) <
		    0 ||
	    service_build_functions(service, &err) < 0) {
		service_fail(service, &err);
		return;
	}
	service_step(service, "plan", NULL, start, now_us() - start);
	if (dataplane_start(service, &err) < 0) {
		service_fail(service, &err);
		return;
	}
	for (uint32_t i = 0; i < service->function_count; i++)
		function_start(&service->function[i]);
	if (service->state == SERVICE_STARTING)
		service_prepare(service);
}

// For who finds it after us.
static void note_state(struct service *service, const char *state)
{
	struct cat_err err = {0};
	if (store_service_set_state(service->manager->store, service->name, state, &err) < 0)
		manager_store_failed(service->manager, &err);
}

static void note_end(struct service *service)
{
	static const char *const states[] = {
		[AFTER_REMOVE] = "stopping", [AFTER_RESTART] = "restarting", [AFTER_PARK] = "stopped"};
	note_state(service, states[service->after]);
}

void service_fail(struct service *service, const struct cat_err *err)
{
	if (service->state == SERVICE_STOPPING) {
		cat_debug("service %s: while stopping: %s", service->name, err->message);
		return;
	}
	// Attempts that fail for the same reason again and again would push everything else out of the events.
	bool told = service->state == SERVICE_STARTING && !strcmp(service->last_error.message, err->message);
	if (service->draining) {
		service_event(service, NULL, "failed", "%s", err->message);
		service_stop(service);
		return;
	}
	service->last_error = *err;
	if (service->operation.active && !service->operation.error.code)
		service->operation.error = *err;
	if (!told)
		service_event(service, NULL, "failed", "%s", err->message);
	if (service->previous.file) {
		// The changed file does not run: back to the one that did, as soon as no job reads its plan.
		service->go_back = true;
		service->after = AFTER_RESTART;
		service->retry_now = true;
	} else {
		service->after = service->ever_ran ? AFTER_RESTART : AFTER_REMOVE;
	}
	service_stop(service);
}

void service_stop(struct service *service)
{
	service->state = SERVICE_STOPPING;
	service->draining = false;
	note_end(service);
	cat_source_remove(service->timer);
	service->timer = NULL;
	dataplane_stop(service);
	for (uint32_t i = 0; i < service->function_count; i++)
		function_stop(&service->function[i]);
	service_proceed(service);
}

static bool host_is_free(const struct service *service)
{
	if (service->job || service->dataplane.pid)
		return false;
	for (uint32_t i = 0; i < service->function_count; i++)
		if (!function_gone(&service->function[i]))
			return false;
	return true;
}

static void now_runs(struct service *service)
{
	service->state = SERVICE_RUNNING;
	service->ever_ran = true;
	service->up_us = now_us() - service->operation.start_us;
	service->since_ms = wall_ms();
	service->last_error = (struct cat_err){0};
	cat_source_remove(service->timer);
	service->timer = NULL;
	version_finish(&service->previous);
	struct cat_err err = {0};
	if (dataplane_note(service, &err) < 0)
		manager_store_failed(service->manager, &err);
	note_state(service, "running");
	service_event(service, NULL, "running", "runs: %u functions on %u lane%s after %.0f ms",
		      service->function_count, service->lanes, service->lanes == 1 ? "" : "s",
		      (double)service->up_us / 1000);
	service->ports_down = service->ports_removed = 0;
	nic_watch_refresh(service->manager->nic_watch);
	struct cat_err result = service->operation.error;
	if (result.code)
		cat_err_set(&result, result.code, "%s; the version before runs again",
			    service->operation.error.message);
	service_done(service, &result);
}

void service_proceed(struct service *service)
{
	if (service->state == SERVICE_STARTING && service->dataplane.running) {
		for (uint32_t i = 0; i < service->function_count; i++)
			if (function_state(&service->function[i]) != FUNCTION_RUNNING)
				return;
		now_runs(service);
	} else if (service->state == SERVICE_STOPPING && host_is_free(service)) {
		service_clean(service);
	}
}

static void try_again(void *user)
{
	struct service *service = user;
	service->timer = NULL;
	service_start(service);
}

static void gone_for_good(struct service *service)
{
	struct manager *manager = service->manager;
	struct cat_err err = {0}, result = service->operation.error;
	int r;
	if (service->after == AFTER_REMOVE)
		r = store_service_delete(manager->store, service->name, &err);
	else
		r = store_service_set_state(manager->store, service->name, "stopped", &err);
	if (r < 0)
		manager_store_failed(manager, &err);
	service_event(service, NULL, "stopped", "is down after %.0f ms",
		      (double)(now_us() - service->operation.start_us) / 1000);
	service->state = SERVICE_DOWN;
	service_done(service, &result);
	service_free(service);
	manager_news(manager);
	manager_service_gone(manager);
}

void service_gone(struct service *service)
{
	if (service->after != AFTER_RESTART) {
		gone_for_good(service);
		return;
	}
	if (service->go_back && service->previous.file) {
		version_finish(&service->current);
		service->current = service->previous;
		service->previous = (struct version){0};
	}
	service->go_back = false;
	struct cat_err err = {0};
	uint32_t wait =
		service->retry_now ? 0 : backoff_next(&service->backoff, SERVICE_STEADY_MS, SERVICE_BACKOFF_MIN_MS);
	service->state = SERVICE_WAITING;
	if (!service->retry_now) {
		service->restarts++;
		if (wait < SERVICE_BACKOFF_MAX_MS)
			service_event(service, NULL, "restart", "starts again in %u ms", wait);
		// Who waits for an operation hears of its failure now, not after any number of attempts.
		struct cat_err result = service->operation.error;
		if (service->operation.active)
			service_done(service, &result);
	}
	service->timer = cat_loop_add_timer(service->manager->loop, wait, 0, try_again, service, &err);
	if (!service->timer)
		cat_error("service %s: %s", service->name, err.message);
}

void service_drained(struct service *service, uint32_t left)
{
	if (!service->draining)
		return;
	service_step(service, "drain", NULL, service->operation.start_us, now_us() - service->operation.start_us);
	if (left)
		service_event(service, NULL, "drained", "%u packets were still with functions", left);
	service_stop(service);
}

static void drain_too_late(void *user)
{
	struct service *service = user;
	service->timer = NULL;
	service_drained(service, 0);
}

// Lets what is under way leave before anything is stopped. False: there is nothing to wait for.
static bool drain(struct service *service)
{
	struct cat_err err = {0};
	if (service->state != SERVICE_RUNNING || dataplane_drain(service, &err) < 0)
		return false;
	note_end(service);
	cat_source_remove(service->timer);
	service->timer = cat_loop_add_timer(service->manager->loop, SERVICE_DRAIN_MS, 0, drain_too_late, service, &err);
	service->draining = service->timer;
	return service->draining;
}

void service_down(struct service *service, enum service_after after, struct watcher *watcher)
{
	if (service->operation.active && !strcmp(service->operation.name, "down")) {
		if (watcher) {
			watcher->next = service->operation.watchers;
			service->operation.watchers = watcher;
		}
		return;
	}
	struct cat_err canceled = {0};
	cat_err_set(&canceled, -ECANCELED, "service %s: %s was ended by `down`", service->name,
		    service->operation.name ? service->operation.name : "");
	service_done(service, &canceled);
	operation_begin(service, "down", watcher);
	version_finish(&service->previous);
	service->after = after;
	service->retry_now = false;
	switch (service->state) {
	case SERVICE_WAITING: // nothing of it is on the host but its directory
		service->state = SERVICE_STOPPING;
		cat_source_remove(service->timer);
		service->timer = NULL;
		service_proceed(service);
		break;
	case SERVICE_STOPPING:
		break;
	default:
		if (!drain(service))
			service_stop(service);
	}
}

const char *service_status_word(const struct service *service)
{
	if (service->state != SERVICE_RUNNING)
		return service_state_names[service->state];
	for (uint32_t i = 0; i < service->function_count; i++)
		if (function_state(&service->function[i]) != FUNCTION_RUNNING)
			return "degraded";
	return "running";
}
