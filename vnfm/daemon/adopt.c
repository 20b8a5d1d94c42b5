// SPDX-License-Identifier: BSD-3-Clause
// Taking over services that run, from a manager that ended or died. What was done is in the store; descriptors are with
// the keeper; whether the processes of the notes are still the same ones is checked by their start times. What the
// dataplane said meanwhile waits in its socket, which never was closed.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_log.h"
#include "container.h"
#include "keeper.h"
#include "nic_watch.h"

static int keep(struct service *service, int fd, struct cat_err *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static int keep(struct service *service, int fd, struct cat_err *err, const char *format, ...)
{
	char name[CAT_FDS_NAME_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	return fd < 0 ? 0 : keeper_keep(service->manager->keeper, service->name, name, fd, err);
}

int service_keep_memory(struct service *service, struct cat_err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < service->memory.count; i++)
		r = keep(service, service->memory.item[i].fd, err, "%s", service->memory.item[i].name);
	return r;
}

int service_keep_dataplane(struct service *service, struct cat_err *err)
{
	int r = keep(service, service->dataplane.control, err, "dataplane/control");
	if (r == 0 && service->dataplane.log)
		r = keep(service, log_pipe_fd(service->dataplane.log), err, "dataplane/log");
	return r;
}

int service_keep_all(struct service *service, struct cat_err *err)
{
	int r = service_keep_memory(service, err);
	if (r == 0)
		r = service_keep_dataplane(service, err);
	for (uint32_t i = 0; r == 0 && i < service->function_count; i++) {
		const struct function *function = &service->function[i];
		r = keep(service, function->listen, err, "function/%s/listen", function->name);
		for (unsigned slot = 0; r == 0 && slot < CAT_ARRAY_LEN(function->container); slot++)
			if (function->container[slot].log)
				r = keep(service, log_pipe_fd(function->container[slot].log), err, "function/%s/log/%u",
					 function->name, slot);
	}
	return r;
}

static const struct store_change *find(const struct store_changes *changes, const char *service, const char *kind)
{
	for (size_t i = 0; i < changes->count; i++)
		if (!strcmp(changes->item[i].service, service) && !strcmp(changes->item[i].kind, kind))
			return &changes->item[i];
	return NULL;
}

static int take_settings(struct service *service, const struct store_changes *changes, struct cat_err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < changes->count; i++) {
		const struct store_change *change = &changes->item[i];
		if (!strcmp(change->service, service->name) && !strcmp(change->kind, "setting"))
			r = settings_adopt(&service->settings, change->id, change->detail, err);
	}
	return r;
}

// Its containers as they were noted; one whose process is gone is brought to its end as if we had seen it.
static int take_function(struct function *function, const struct store_changes *changes, struct cat_fds *held,
			 struct cat_err *err)
{
	struct service *service = function->service;
	char name[CAT_FDS_NAME_MAX];
	snprintf(name, sizeof(name), "function/%s/listen", function->name);
	function->listen = cat_fds_take(held, name);
	if (function->listen < 0)
		return cat_err_set(err, -ENOENT, "%s: nobody holds it any more", name);
	function->configured = true;
	for (size_t i = 0; i < changes->count; i++) {
		const struct store_change *change = &changes->item[i];
		const char *of = "";
		int64_t slot = 0, restarts = 0;
		bool active = false;
		if (strcmp(change->service, service->name) != 0 || strcmp(change->kind, "container") != 0 ||
		    cat_node_read_string(change->detail, "function", CAT_REQUIRED, &of, NULL) < 0 ||
		    strcmp(of, function->name) != 0 ||
		    cat_node_read_int(change->detail, "slot", CAT_REQUIRED, 0, 1, &slot, NULL) < 0)
			continue;
		cat_node_read_bool(change->detail, "active", CAT_OPTIONAL, &active, NULL);
		cat_node_read_int(change->detail, "restarts", CAT_OPTIONAL, 0, UINT32_MAX, &restarts, NULL);
		if (active)
			function->active = (unsigned)slot;
		if (restarts > function->restarts)
			function->restarts = (uint32_t)restarts;
		snprintf(name, sizeof(name), "function/%s/log/%u", function->name, (unsigned)slot);
		struct container *container = &function->container[slot];
		if (!container_adopt(container, change->detail, change->id, cat_fds_take(held, name)))
			container->state = FUNCTION_ATTACHING;
	}
	return 0;
}

// What is not as it should be, once everything else is in place.
static void settle(struct service *service)
{
	for (uint32_t i = 0; i < service->function_count; i++) {
		struct function *function = &service->function[i];
		for (unsigned slot = 0; slot < CAT_ARRAY_LEN(function->container); slot++) {
			struct container *container = &function->container[slot];
			if (container->state == FUNCTION_ATTACHING && !container->child)
				function_on_failed(container, "died", "ended while no manager ran");
		}
		// Between the removal of one and the start of the next.
		if (function_gone(function) && service->state == SERVICE_RUNNING)
			function_start(function);
	}
}

static int take_all(struct service *service, const struct store_changes *changes, struct cat_fds *held,
		    struct cat_err *err)
{
	const struct store_change *process = find(changes, service->name, "process");
	if (!process)
		return cat_err_set(err, -ESRCH, "its dataplane was never started");
	int r = service_open_log(service, err);
	if (r == 0)
		r = service_build_functions(service, err);
	if (r == 0)
		r = service_adopt_huge(service, find(changes, service->name, "huge"), err);
	if (r == 0)
		r = memory_create(service->current.plan, held, &service->memory, err);
	if (r == 0)
		r = take_settings(service, changes, err);
	if (r == 0)
		r = dataplane_adopt(service, process, held, err);
	for (uint32_t i = 0; r == 0 && i < service->function_count; i++)
		r = take_function(&service->function[i], changes, held, err);
	return r;
}

// Without touching anything that runs: what was taken is only ours.
static void give_up(struct service *service)
{
	settings_forget(&service->settings);
	dataplane_leave(service);
	service_free(service);
}

static bool adoptable(const struct store_service *stored)
{
	return stored->plan && (!strcmp(stored->state, "running") || !strcmp(stored->state, "updating"));
}

bool service_adopt(struct manager *manager, const struct store_service *stored, const struct store_changes *changes)
{
	struct cat_err err = {0};
	struct cat_fds held = {0};
	if (!adoptable(stored))
		return false;
	uint64_t start = now_us();
	struct service *service = NULL;
	int r = service_create_stored(manager, stored, &service, &err);
	if (r == 0)
		r = keeper_give(manager->keeper, stored->name, &held, &err);
	if (r == 0)
		r = take_all(service, changes, &held, &err);
	cat_fds_finish(&held);
	if (r < 0) {
		if (service)
			give_up(service);
		manager_event(manager, stored->name, NULL, "lost", "cannot be taken over: %s; it is started anew",
			      err.message);
		return false;
	}
	service->state = SERVICE_RUNNING;
	service->ever_ran = true;
	service_event(service, NULL, "adopted", "taken over from the manager before in %.1f ms: %u functions run on",
		      (double)(now_us() - start) / 1000, service->function_count);
	settle(service);
	nic_watch_refresh(manager->nic_watch);
	if (service->state == SERVICE_RUNNING)
		dataplane_settle(service);
	// A change that was under way has been forgotten: what is in the store is in force again.
	if (service->state == SERVICE_RUNNING && !strcmp(stored->state, "updating"))
		service_reapply(service);
	return true;
}
