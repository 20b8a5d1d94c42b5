// SPDX-License-Identifier: BSD-3-Clause
// The life of a function's container: started, watched by its pidfd, started again with back-off when it ends.
#include "function.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "cat_cleanup.h"
#include "cat_log.h"

// A container that does not report itself running in this time after its start is replaced.
#define FUNCTION_ATTACH_MS 10000

const char *const function_state_names[] = {"down", "starting", "attaching", "running", "stopping", "waiting"};

static void begin_removal(struct function *function);

bool function_gone(const struct function *function)
{
	return function->state == FUNCTION_DOWN;
}

static void forget_change(struct function *function)
{
	struct cat_err err = {0};
	struct manager *manager = function->service->manager;
	if (function->change && store_change_delete(manager->store, function->change, &err) < 0)
		manager_store_failed(manager, &err);
	function->change = 0;
}

static int note_change(struct function *function, struct cat_err *err)
{
	if (function->change)
		return 0;
	cat_autonode struct cat_node *detail = cat_node_new_map();
	if (!detail || !cat_node_add_string(detail, "id", function->id) ||
	    !cat_node_add_string(detail, "directory", function->directory) ||
	    !cat_node_add_string(detail, "runtime", function->spec.runtime) ||
	    !cat_node_add_string(detail, "runtime_root", function->runtime_root) ||
	    !cat_node_add_string(detail, "cgroup", function->cgroup) ||
	    !cat_node_add_string(detail, "root", function->root))
		return cat_err_set(err, -ENOMEM, "no memory");
	struct service *service = function->service;
	return store_change_add(service->manager->store, service->name, "container", detail, &function->change, err);
}

static void stop_timer(struct function *function)
{
	cat_source_remove(function->timer);
	function->timer = NULL;
}

// It could not be started, or ended: on the way up that is the end of it, later it is tried again.
static void failed(struct function *function, const char *kind, const char *message)
{
	struct service *service = function->service;
	service_event(service, function->name, kind, "%s", message);
	if (service->state == SERVICE_STARTING) {
		struct cat_err err = {0};
		cat_err_set(&err, -ECHILD, "function %s: %s", function->name, message);
		service_fail(service, &err);
		return;
	}
	function->restarts++;
	begin_removal(function);
}

static void try_again(void *user)
{
	struct function *function = user;
	function->timer = NULL;
	function_start(function);
}

static void removal_done(void *user)
{
	struct function *function = user;
	struct service *service = function->service;
	struct cat_err err = {0};
	function->job = false;
	// A runtime leaves its containers to us; one that ended unwatched is still to be reaped.
	if (function->job_pid)
		waitpid(function->job_pid, NULL, WNOHANG);
	function->job_pid = 0;
	if (function->job_result < 0)
		service_event(service, function->name, "left", "%s", function->job_err.message);
	else if (!function->mounted)
		forget_change(function);
	log_pipe_close(function->log);
	function->log = NULL;
	if (!function->wanted || service->state == SERVICE_STOPPING) {
		// A stop may have come while the container was removed for a restart: the mount is still there.
		if (function->mounted && function->job_result == 0) {
			begin_removal(function);
			return;
		}
		function->state = FUNCTION_DOWN;
		service_proceed(service);
		return;
	}
	uint32_t wait = function->replace ? 0 : backoff_next(&function->backoff);
	if (!function->replace)
		service_event(service, function->name, "restart", "starts again in %u ms", wait);
	function->replace = false;
	function->state = FUNCTION_WAITING;
	function->timer = cat_loop_add_timer(service->manager->loop, wait, 0, try_again, function, &err);
	if (!function->timer)
		cat_error("service %s: function %s: %s", service->name, function->name, err.message);
}

static void begin_removal(struct function *function)
{
	stop_timer(function);
	cat_source_remove(function->child);
	function->child = NULL;
	function->pid = 0;
	function->state = FUNCTION_STOPPING;
	function->reported = false;
	function->keep_mount = function->wanted && function->service->state != SERVICE_STOPPING;
	function->job = true;
	if (pool_submit(function->service->manager->pool, function_remove_work, removal_done, function) < 0) {
		function_remove_work(function);
		removal_done(function);
	}
}

// What its log ends with is the best reason there is.
static void say_end(struct function *function, const char *what)
{
	log_pipe_flush(function->log);
	const char *last = function->service->log ? logbook_last(function->service->log, function->name) : NULL;
	char message[CAT_ERR_MESSAGE_MAX];
	snprintf(message, sizeof(message), "%s%s%s", what, last ? "; it said: " : "", last ? last : "");
	failed(function, "died", message);
}

static void on_end(void *user, pid_t pid, int status)
{
	struct function *function = user;
	function->child = NULL; // removed itself
	if (function->state == FUNCTION_STOPPING || function->state == FUNCTION_DOWN)
		return;
	char how[64] = "ended", what[128];
	if (status != -1 && WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(status));
	else if (status != -1)
		snprintf(how, sizeof(how), "ended with code %d", WEXITSTATUS(status));
	snprintf(what, sizeof(what), "process %d %s%s", pid, how,
		 function->state == FUNCTION_ATTACHING ? " before it ran" : "");
	function->job_pid = 0; // reaped
	function->pid = 0;
	if (function->replace)
		begin_removal(function);
	else
		say_end(function, what);
}

static void attach_too_late(void *user)
{
	struct function *function = user;
	function->timer = NULL;
	say_end(function, "did not attach in time");
}

static void run_done(void *user)
{
	struct function *function = user;
	struct service *service = function->service;
	function->job = false;
	if (function->log_fd >= 0) {
		close(function->log_fd);
		function->log_fd = -1;
	}
	if (!function->wanted || service->state == SERVICE_STOPPING || function->replace) {
		begin_removal(function);
		return;
	}
	if (function->job_result < 0) {
		failed(function, "failed", function->job_err.message);
		return;
	}
	service_step(service, "image", function->name, function->start_us, function->job_mount_us);
	service_step(service, "container", function->name, function->start_us + function->job_mount_us,
		     function->job_run_us);
	struct cat_err err = {0};
	function->state = FUNCTION_ATTACHING;
	function->pid = function->job_pid;
	function->child = cat_loop_add_child(service->manager->loop, function->pid, on_end, function, &err);
	if (!function->child) {
		say_end(function, "ended at once");
		return;
	}
	if (function->reported)
		function_running(function);
	else
		function->timer = cat_loop_add_timer(service->manager->loop, FUNCTION_ATTACH_MS, 0, attach_too_late,
						     function, &err);
}

void function_start(struct function *function)
{
	struct service *service = function->service;
	struct cat_err err = {0};
	function->wanted = true;
	function->reported = false;
	function->state = FUNCTION_STARTING;
	function->generation++;
	function->start_us = now_us();
	backoff_started(&function->backoff);
	function->log = log_pipe_create(service->manager->loop, service->log, function->name, &function->log_fd, &err);
	if (!function->log || function_limits(function, &err) < 0 || note_change(function, &err) < 0 ||
	    function_listen(function, &err) < 0) {
		if (function->log_fd >= 0)
			close(function->log_fd);
		function->log_fd = -1;
		failed(function, "failed", err.message);
		return;
	}
	function->spec.log_fd = function->log_fd;
	function->job = true;
	if (pool_submit(service->manager->pool, function_run_work, run_done, function) < 0) {
		function->job = false;
		failed(function, "failed", "no memory");
	}
}

void function_stop(struct function *function)
{
	function->wanted = false;
	stop_timer(function);
	switch (function->state) {
	case FUNCTION_DOWN:
	case FUNCTION_STARTING: // the job's end goes on
	case FUNCTION_STOPPING:
		if (function->state == FUNCTION_STARTING && !function->job)
			begin_removal(function);
		break;
	default:
		begin_removal(function);
	}
}

void function_replace(struct function *function)
{
	function->replace = true;
	if (function->state == FUNCTION_ATTACHING || function->state == FUNCTION_RUNNING)
		begin_removal(function);
	else if (function->state == FUNCTION_WAITING) {
		stop_timer(function);
		function_start(function);
	}
}

void function_running(struct function *function)
{
	function->reported = true;
	if (function->state != FUNCTION_ATTACHING)
		return;
	stop_timer(function);
	function->state = FUNCTION_RUNNING;
	service_step(function->service, "attach", function->name, function->start_us, now_us() - function->start_us);
	if (function->restarts)
		service_event(function->service, function->name, "running", "runs again, process %d", function->pid);
	if (function->service->state == SERVICE_UPDATING)
		service_configured(function->service, function, NULL);
	else
		service_proceed(function->service);
}

void function_finish(struct function *function)
{
	stop_timer(function);
	cat_source_remove(function->child);
	log_pipe_close(function->log);
	if (function->listen >= 0)
		close(function->listen);
	if (function->log_fd >= 0)
		close(function->log_fd);
	char **const lists[] = {function->argv, function->environ};
	for (size_t i = 0; i < CAT_ARRAY_LEN(lists); i++) {
		for (char **p = lists[i]; p && *p; p++)
			free(*p);
		free(lists[i]);
	}
	char *const texts[] = {function->id,      function->directory, function->root,
			       function->control, function->cgroup,    function->runtime_root};
	for (size_t i = 0; i < CAT_ARRAY_LEN(texts); i++)
		free(texts[i]);
}
