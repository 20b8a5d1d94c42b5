// SPDX-License-Identifier: BSD-3-Clause
#include "container.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "keeper.h"
#include "process.h"

// A container that does not report itself in this time after its start is replaced.
#define CONTAINER_ATTACH_MS 30000
// One that stands by waits at the dataplane's socket; what is wrong with it shows in this time.
#define CONTAINER_SETTLE_MS 300
#define CONTAINER_RETIRE_MS 1000

const char *const function_state_names[] = {"down",     "starting", "attaching", "running",
					    "stopping", "waiting",  "standby"};

static void forget_change(struct container *container)
{
	struct cat_err err = {0};
	struct manager *manager = container->function->service->manager;
	if (container->change && store_change_delete(manager->store, container->change, &err) < 0)
		manager_store_failed(manager, &err);
	container->change = 0;
}

// What it takes to remove it, and to know it again while it runs.
static int note_change(struct container *container, struct cat_err *err)
{
	struct service *service = container->function->service;
	const struct cat_container_spec *spec = &container->spec;
	cat_autonode struct cat_node *detail = container->pid ? process_describe(container->pid) : cat_node_new_map();
	if (!detail && container->pid)
		return 0; // ended in this moment; its end is told
	if (!detail || !cat_node_add_string(detail, "id", spec->id) ||
	    !cat_node_add_string(detail, "directory", spec->directory) ||
	    !cat_node_add_string(detail, "runtime", spec->runtime) ||
	    !cat_node_add_string(detail, "runtime_root", spec->runtime_root) ||
	    !cat_node_add_string(detail, "cgroup", spec->cgroup) ||
	    !cat_node_add_string(detail, "root", container->root) ||
	    !cat_node_add_string(detail, "function", container->function->name) ||
	    !cat_node_add_int(detail, "slot", container->slot) ||
	    !cat_node_add_string(detail, "image", container->image) ||
	    !cat_node_add_string(detail, "state", function_state_names[container->state]) ||
	    !cat_node_add_bool(detail, "active", container->function->active == container->slot) ||
	    !cat_node_add_int(detail, "restarts", container->function->restarts))
		return cat_err_set(err, -ENOMEM, "no memory");
	struct store *store = service->manager->store;
	if (container->change)
		return store_change_update(store, container->change, detail, err);
	return store_change_add(store, service->name, "container", detail, &container->change, err);
}

void container_note(struct container *container)
{
	struct cat_err err = {0};
	if (container->change && note_change(container, &err) < 0)
		manager_store_failed(container->function->service->manager, &err);
}

int container_init(struct container *container, struct function *function, unsigned slot, struct cat_err *err)
{
	const struct service *service = function->service;
	const struct manager *manager = service->manager;
	const char *name = function->name;
	char suffix[16] = "";
	struct cat_container_spec *spec = &container->spec;
	*container = (struct container){.function = function, .slot = slot, .log_fd = -1, .spec = container->spec};
	// No function's name has an underscore.
	if (slot)
		snprintf(suffix, sizeof(suffix), "_%u", slot);
	container->id = cat_format("%s-%s.%s%s", manager->prefix, service->name, name, suffix);
	container->directory = cat_format("%s/functions/%s/bundle%s", service->directory, name, suffix);
	container->root = cat_format("%s/functions/%s/root%s", service->directory, name, suffix);
	container->cgroup = cat_format("%s/%s/%s%s", manager->prefix, service->name, name, suffix);
	if (!container->id || !container->directory || !container->root || !container->cgroup)
		return cat_err_set(err, -ENOMEM, "no memory");
	spec->id = container->id;
	spec->directory = container->directory;
	spec->image_root = container->root;
	spec->cgroup = container->cgroup;
	spec->runtime = manager->options->runtime;
	spec->runtime_root = function->runtime_root;
	spec->hostname = name;
	spec->uid_base = service->uid;
	spec->mount = &function->mount;
	spec->mount_count = 1;
	return 0;
}

static void stop_timer(struct container *container)
{
	cat_source_remove(container->timer);
	container->timer = NULL;
}

static void try_again(void *user)
{
	struct container *container = user;
	container->timer = NULL;
	container_start(container);
}

void container_start_later(struct container *container, uint32_t wait_ms)
{
	struct cat_err err = {0};
	container->state = FUNCTION_WAITING;
	container->timer =
		cat_loop_add_timer(container->function->service->manager->loop, wait_ms, 0, try_again, container, &err);
	if (!container->timer)
		cat_error("function %s: %s", container->function->name, err.message);
}

static void removal_done(void *user)
{
	struct container *container = user;
	struct service *service = container->function->service;
	container->job = false;
	// Its process is gone with the container. It is ours to reap if it was not seen to end.
	if (container->job_pid)
		waitpid(container->job_pid, NULL, WNOHANG);
	container->job_pid = 0;
	if (container->job_result < 0)
		service_event(service, container->function->name, "left", "%s", container->job_err.message);
	else if (!container->mounted)
		forget_change(container);
	log_pipe_close(container->log);
	container->log = NULL;
	// A stop may have come while the container was removed for a restart: the mount is still there.
	// Or it is to start with another image.
	if (container->mounted && container->job_result == 0 &&
	    (!container->wanted || service->state == SERVICE_STOPPING ||
	     strcmp(container->image, container->function->image) != 0)) {
		container_remove(container);
		return;
	}
	container->state = FUNCTION_DOWN;
	container->ending = false;
	function_on_removed(container);
}

void container_remove(struct container *container)
{
	const struct function *function = container->function;
	struct service *service = function->service;
	stop_timer(container);
	cat_source_remove(container->child);
	container->child = NULL;
	container->pid = 0;
	container->state = FUNCTION_STOPPING;
	container->keep_mount =
		container->wanted && service->state != SERVICE_STOPPING && !strcmp(container->image, function->image);
	container->job = true;
	if (pool_submit(service->manager->pool, container_remove_work, removal_done, container) < 0) {
		container_remove_work(container);
		removal_done(container);
	}
}

// What its log ends with is the best reason there is.
static void say_end(struct container *container, const char *what)
{
	const struct function *function = container->function;
	log_pipe_flush(container->log);
	const char *last = function->service->log ? logbook_last(function->service->log, function->name) : NULL;
	char message[CAT_ERR_MESSAGE_MAX];
	snprintf(message, sizeof(message), "%s%s%s", what, last ? "; it said: " : "", last ? last : "");
	function_on_failed(container, "died", message);
}

static void on_end(void *user, pid_t pid, int status)
{
	struct container *container = user;
	container->child = NULL; // removed itself
	if (container->state == FUNCTION_STOPPING || container->state == FUNCTION_DOWN)
		return;
	char how[64] = "ended", what[128];
	if (status != -1 && WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(status));
	else if (status != -1)
		snprintf(how, sizeof(how), "ended with code %d", WEXITSTATUS(status));
	snprintf(what, sizeof(what), "process %d %s%s", pid, how,
		 container->state == FUNCTION_ATTACHING ? " before it ran" : "");
	container->job_pid = 0; // reaped
	container->pid = 0;
	if (container->ending)
		container_remove(container);
	else
		say_end(container, what);
}

static void attach_too_late(void *user)
{
	struct container *container = user;
	container->timer = NULL;
	say_end(container, "did not attach in time");
}

// Follows its process. False: it has ended already.
static bool watch(struct container *container, pid_t pid, struct cat_err *err)
{
	container->pid = pid;
	container->child = cat_loop_add_child(container->function->service->manager->loop, pid, on_end, container, err);
	return container->child;
}

static void settled(void *user)
{
	struct container *container = user;
	container->timer = NULL;
	container_reported(container, FUNCTION_STANDBY);
}

static void set_timer(struct container *container, uint32_t ms, cat_timer_fn fn)
{
	struct cat_err err = {0};
	stop_timer(container);
	container->timer = cat_loop_add_timer(container->function->service->manager->loop, ms, 0, fn, container, &err);
	if (!container->timer)
		cat_error("function %s: %s", container->function->name, err.message);
}

void container_expect(struct container *container)
{
	if (container->state != FUNCTION_STANDBY && container->state != FUNCTION_ATTACHING)
		return;
	container->state = FUNCTION_ATTACHING;
	set_timer(container, CONTAINER_ATTACH_MS, attach_too_late);
}

static void retire_too_late(void *user)
{
	struct container *container = user;
	container->timer = NULL;
	container_remove(container);
}

void container_retire(struct container *container)
{
	container->ending = true;
	if (!container->pid || kill(container->pid, SIGTERM) < 0)
		container_remove(container);
	else
		set_timer(container, CONTAINER_RETIRE_MS, retire_too_late);
}

static void wait_for_report(struct container *container)
{
	struct function *function = container->function;
	container->state = FUNCTION_ATTACHING;
	for (size_t i = 0; i < CAT_ARRAY_LEN(function->reported); i++) {
		if (function->reported[i] != container->pid)
			continue;
		function->reported[i] = 0;
		container_reported(container, i ? FUNCTION_STANDBY : FUNCTION_RUNNING);
		return;
	}
	bool active = function->active == container->slot;
	set_timer(container, active ? CONTAINER_ATTACH_MS : CONTAINER_SETTLE_MS, active ? attach_too_late : settled);
}

static void run_done(void *user)
{
	struct container *container = user;
	struct function *function = container->function;
	struct service *service = function->service;
	struct cat_err err = {0};
	container->job = false;
	if (container->log_fd >= 0) {
		close(container->log_fd);
		container->log_fd = -1;
	}
	if (!container->wanted || service->state == SERVICE_STOPPING || container->at_once) {
		container_remove(container);
		return;
	}
	if (container->job_result < 0) {
		function_on_failed(container, "failed", container->job_err.message);
		return;
	}
	service_step(service, "image", function->name, container->start_us, container->job_mount_us);
	service_step(service, "container", function->name, container->start_us + container->job_mount_us,
		     container->job_run_us);
	if (!watch(container, container->job_pid, &err)) {
		container->state = FUNCTION_ATTACHING;
		say_end(container, "ended at once");
		return;
	}
	wait_for_report(container);
	container_note(container);
}

// The next start reads what to run from the image then.
static void forget_image(struct container *container)
{
	char ***const lists[] = {&container->argv, &container->environ};
	for (size_t i = 0; i < CAT_ARRAY_LEN(lists); i++) {
		for (char **p = *lists[i]; p && *p; p++)
			free(*p);
		free(*lists[i]);
		*lists[i] = NULL;
	}
}

void container_start(struct container *container)
{
	struct function *function = container->function;
	struct service *service = function->service;
	struct cat_err err = {0};
	char name[CAT_FDS_NAME_MAX];
	stop_timer(container);
	container->wanted = true;
	container->at_once = container->ending = container->served = false;
	container->state = FUNCTION_STARTING;
	container->start_us = now_us();
	if (strcmp(container->image, function->image) != 0)
		forget_image(container);
	snprintf(container->image, sizeof(container->image), "%s", function->image);
	backoff_started(&container->backoff);
	container->log =
		log_pipe_create(service->manager->loop, service->log, function->name, &container->log_fd, &err);
	snprintf(name, sizeof(name), "function/%s/log/%u", function->name, container->slot);
	if (!container->log ||
	    keeper_keep(service->manager->keeper, service->name, name, log_pipe_fd(container->log), &err) < 0 ||
	    container_limits(container, &err) < 0 || note_change(container, &err) < 0 ||
	    function_listen(function, &err) < 0) {
		if (container->log_fd >= 0)
			close(container->log_fd);
		container->log_fd = -1;
		function_on_failed(container, "failed", err.message);
		return;
	}
	container->spec.log_fd = container->log_fd;
	container->job = true;
	if (pool_submit(service->manager->pool, container_run_work, run_done, container) < 0) {
		container->job = false;
		function_on_failed(container, "failed", "no memory");
	}
}

void container_stop(struct container *container)
{
	container->wanted = false;
	stop_timer(container);
	switch (container->state) {
	case FUNCTION_DOWN:
		// Kept for a start that does not come.
		if (container->mounted)
			container_remove(container);
		break;
	case FUNCTION_STARTING: // the job's end goes on
	case FUNCTION_STOPPING:
		if (container->state == FUNCTION_STARTING && !container->job)
			container_remove(container);
		break;
	default:
		container_remove(container);
	}
}

void container_reported(struct container *container, enum function_state state)
{
	if (container->state != FUNCTION_ATTACHING && container->state != FUNCTION_STANDBY)
		return;
	bool attached = container->state == FUNCTION_ATTACHING;
	stop_timer(container);
	container->state = state;
	container->served = state == FUNCTION_RUNNING;
	if (attached && state == FUNCTION_RUNNING)
		service_step(container->function->service, "attach", container->function->name, container->start_us,
			     now_us() - container->start_us);
	function_on_up(container);
	container_note(container);
}

bool container_adopt(struct container *container, const struct cat_node *detail, int64_t change, int log_fd)
{
	struct function *function = container->function;
	struct service *service = function->service;
	struct cat_err err = {0};
	const char *image = function->image;
	cat_autofd int fd = log_fd;
	container->change = change;
	container->wanted = container->mounted = true;
	cat_node_read_string(detail, "image", CAT_OPTIONAL, &image, NULL);
	snprintf(container->image, sizeof(container->image), "%s", image);
	const char *state = "";
	cat_node_read_string(detail, "state", CAT_OPTIONAL, &state, NULL);
	container->served = !strcmp(state, function_state_names[FUNCTION_RUNNING]);
	container->start_us = now_us();
	backoff_started(&container->backoff);
	if (fd >= 0)
		container->log =
			log_pipe_adopt(service->manager->loop, service->log, function->name, cat_steal_fd(fd), &err);
	container_limits(container, &err);
	pid_t pid = process_find_described(detail);
	if (!pid || !container->log || !watch(container, pid, &err))
		return false;
	// Whether it runs or stands by is what the dataplane says.
	wait_for_report(container);
	return true;
}

void container_finish(struct container *container)
{
	stop_timer(container);
	cat_source_remove(container->child);
	log_pipe_close(container->log);
	if (container->log_fd >= 0)
		close(container->log_fd);
	forget_image(container);
	char *const texts[] = {container->id, container->directory, container->root, container->cgroup};
	for (size_t i = 0; i < CAT_ARRAY_LEN(texts); i++)
		free(texts[i]);
}
