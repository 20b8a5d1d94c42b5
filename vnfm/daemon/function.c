// SPDX-License-Identifier: BSD-3-Clause
// What a function's containers are for: one has its packets, the other one, if there is one, stands by. Who has the
// packets is decided by the dataplane, which sees a process end before anybody else; what is decided here is what is
// started, when, and when to give up.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "container.h"

#define CONTROL_TARGET "/run/catena"
// Who ran for so long is started again at once, whatever ended it.
#define FUNCTION_STEADY_MS 1000

struct container *function_active(struct function *function)
{
	return &function->container[function->active];
}

struct container *function_other(struct function *function)
{
	return &function->container[!function->active];
}

enum function_state function_state(const struct function *function)
{
	return function->container[function->active].state;
}

bool function_gone(const struct function *function)
{
	return function->container[0].state == FUNCTION_DOWN && function->container[1].state == FUNCTION_DOWN;
}

static int read_policy(struct function *function, const struct cat_node *plan, struct cat_err *err)
{
	static const char *const words[] = {
		[ON_FAILURE_RESTART] = "restart", [ON_FAILURE_BYPASS] = "bypass", [ON_FAILURE_FAIL] = "fail"};
	const char *standby = "none", *on_failure = "restart";
	const struct cat_node *restart = NULL;
	int64_t limit = 0, window = 60000, backoff = SERVICE_BACKOFF_MIN_MS, hang = 0;
	int r = cat_node_read_string(plan, "standby", CAT_OPTIONAL, &standby, err);
	if (r == 0)
		r = cat_node_read_string(plan, "on_failure", CAT_OPTIONAL, &on_failure, err);
	if (r == 0)
		r = cat_node_read_int(plan, "hang_ms", CAT_OPTIONAL, 0, UINT32_MAX, &hang, err);
	if (r == 0)
		r = cat_node_read_map(plan, "restart", CAT_OPTIONAL, &restart, err);
	if (r == 0 && restart)
		r = cat_node_read_int(restart, "limit", CAT_OPTIONAL, 0, UINT32_MAX, &limit, err);
	if (r == 0 && restart)
		r = cat_node_read_int(restart, "window_ms", CAT_OPTIONAL, 1, UINT32_MAX, &window, err);
	if (r == 0 && restart)
		r = cat_node_read_int(restart, "backoff_ms", CAT_OPTIONAL, 1, UINT32_MAX, &backoff, err);
	if (r < 0)
		return r;
	struct policy *policy = &function->policy;
	*policy = (struct policy){.standby = !strcmp(standby, "warm"),
				  .limit = (uint32_t)limit,
				  .window_ms = (uint32_t)window,
				  .backoff_ms = (uint32_t)backoff,
				  .hang_ms = (uint32_t)hang};
	for (size_t i = 0; i < CAT_ARRAY_LEN(words); i++)
		if (!strcmp(on_failure, words[i]))
			policy->on_failure = (enum on_failure)i;
	return 0;
}

int function_init(struct function *function, struct service *service, const struct cat_node *plan, struct cat_err *err)
{
	*function = (struct function){.service = service, .listen = -1};
	int r = function_read_plan(function, plan, err);
	if (r == 0)
		r = read_policy(function, plan, err);
	if (r < 0)
		return r;
	function->control = cat_format("%s/functions/%s/control", service->directory, function->name);
	function->runtime_root = cat_format("%s/.runtime", service->manager->options->run_dir);
	if (!function->control || !function->runtime_root)
		return cat_err_set(err, -ENOMEM, "no memory");
	function->mount = (struct cat_container_mount){.source = function->control, .target = CONTROL_TARGET};
	for (unsigned slot = 0; r == 0 && slot < CAT_ARRAY_LEN(function->container); slot++)
		r = container_init(&function->container[slot], function, slot, err);
	return r;
}

void function_finish(struct function *function)
{
	cat_source_remove(function->watch);
	for (unsigned slot = 0; slot < CAT_ARRAY_LEN(function->container); slot++)
		if (function->container[slot].function)
			container_finish(&function->container[slot]);
	if (function->listen >= 0)
		close(function->listen);
	free(function->control);
	free(function->runtime_root);
}

void function_start(struct function *function)
{
	function->given_up = false;
	container_start(function_active(function));
}

void function_stop(struct function *function)
{
	for (unsigned slot = 0; slot < CAT_ARRAY_LEN(function->container); slot++)
		container_stop(&function->container[slot]);
}

// The standby has the packets already, or will have them as soon as the dataplane has seen the end.
static bool switch_to_standby(struct function *function)
{
	struct container *other = function_other(function);
	if (other->state != FUNCTION_STANDBY && (other->state != FUNCTION_ATTACHING || !other->pid))
		return false;
	function->active = !function->active;
	function->upgrading = false;
	container_expect(other);
	container_note(function_active(function));
	container_note(function_other(function));
	return true;
}

void function_replace(struct function *function)
{
	struct container *container = function_active(function);
	if (container->state == FUNCTION_WAITING || function->given_up) {
		function->given_up = false;
		function->window_restarts = 0;
		container_start(container);
		return;
	}
	container->at_once = true;
	if (container->state != FUNCTION_ATTACHING && container->state != FUNCTION_RUNNING)
		return;
	function->lost_us = now_us();
	switch_to_standby(function);
	container_remove(container);
}

// Nothing of what it was started with differs.
static bool is_current(struct container *container)
{
	struct cat_container_spec before = container->spec;
	struct cat_err err = {0};
	if (strcmp(container->image, container->function->image) != 0 || container_limits(container, &err) < 0)
		return false;
	bool same = before.memory_max_bytes == container->spec.memory_max_bytes &&
		    before.pids_max == container->spec.pids_max;
	container->spec.memory_max_bytes = before.memory_max_bytes;
	container->spec.pids_max = before.pids_max;
	return same;
}

void function_upgrade(struct function *function)
{
	struct container *active = function_active(function), *other = function_other(function);
	function->upgrading = false;
	if (active->state != FUNCTION_RUNNING) {
		function_replace(function);
		return;
	}
	if (is_current(active))
		return;
	function->upgrading = true;
	if (other->state == FUNCTION_DOWN) {
		container_start(other);
		return;
	}
	other->wanted = other->at_once = true;
	if (other->state == FUNCTION_WAITING)
		container_start(other);
	else if (other->state == FUNCTION_ATTACHING || other->state == FUNCTION_STANDBY)
		container_remove(other);
}

// The new one stands by: the old one finishes its burst and goes, and the dataplane takes the next in the queue.
static void hand_over(struct function *function)
{
	struct container *old = function_active(function), *new = function_other(function);
	service_event(function->service, function->name, "upgrade", "process %d with image %s takes over from %d",
		      new->pid, new->image, old->pid);
	function->upgrading = false;
	function->active = new->slot;
	function->lost_us = now_us();
	container_expect(new);
	old->wanted = function->policy.standby;
	old->at_once = true;
	container_note(new);
	container_note(old);
	container_retire(old);
}

int function_take_plan(struct function *function, struct cat_err *err)
{
	const struct cat_node *plan = service_plan_of(function->service->current.plan, function->name);
	const char *image = function->kind;
	int r = cat_node_read_string(plan, "image", CAT_OPTIONAL, &image, err);
	if (r < 0)
		return r;
	snprintf(function->image, sizeof(function->image), "%s", image);
	r = read_policy(function, plan, err);
	// What happened under another policy does not count.
	function->window_restarts = 0;
	hang_watch(function);
	return r;
}

void function_clear_queue(struct function *function)
{
	for (unsigned slot = 0; slot < CAT_ARRAY_LEN(function->container); slot++) {
		struct container *container = &function->container[slot];
		bool has_packets = slot == function->active && container->served && !container->ending;
		if (has_packets || (container->state != FUNCTION_ATTACHING && container->state != FUNCTION_STANDBY &&
				    container->state != FUNCTION_RUNNING))
			continue;
		if (container->pid)
			kill(container->pid, SIGKILL);
		container->at_once = true;
		container_remove(container);
	}
}

static void start_standby(struct function *function);

void function_settle(struct function *function)
{
	struct container *other = function_other(function);
	if (function->policy.standby && other->state == FUNCTION_STANDBY && !is_current(other)) {
		other->at_once = true;
		container_remove(other);
	} else if (function->policy.standby) {
		start_standby(function);
	} else if (other->state != FUNCTION_DOWN && !function->upgrading) {
		container_stop(other);
	}
}

void function_reported(struct function *function, pid_t pid, enum function_state state)
{
	for (unsigned slot = 0; slot < CAT_ARRAY_LEN(function->container); slot++) {
		struct container *container = &function->container[slot];
		if (container->pid == pid) {
			container_reported(container, state);
			return;
		}
	}
	function->reported[state == FUNCTION_STANDBY] = pid;
}

static void start_standby(struct function *function)
{
	struct container *other = function_other(function);
	if (function->policy.standby && other->state == FUNCTION_DOWN && function->service->state != SERVICE_STOPPING)
		container_start(other);
}

void function_on_up(struct container *container)
{
	struct function *function = container->function;
	struct service *service = function->service;
	if (container->state == FUNCTION_STANDBY && function->upgrading && is_current(container)) {
		hand_over(function);
		return;
	}
	if (container->state == FUNCTION_STANDBY) {
		service_event(service, function->name, "standby", "process %d stands by", container->pid);
		return;
	}
	function->generation++;
	if (function->lost_us)
		service_event(service, function->name, "running", "process %d has the packets after %.1f ms",
			      container->pid, (double)(now_us() - function->lost_us) / 1000);
	function->lost_us = 0;
	hang_watch(function);
	if (function->active != container->slot) {
		function->active = container->slot;
		container_note(function_other(function));
	}
	// A change may have come while this one was started.
	if (service->state == SERVICE_UPDATING && !function->configured && !is_current(container)) {
		function_upgrade(function);
		return;
	}
	start_standby(function);
	if (service->state == SERVICE_UPDATING)
		service_configured(service, function, NULL);
	else
		service_proceed(service);
}

static bool over_limit(struct function *function)
{
	const struct policy *policy = &function->policy;
	uint64_t now = cat_now_ms();
	if (now - function->window_start_ms >= policy->window_ms) {
		function->window_start_ms = now;
		function->window_restarts = 0;
	}
	function->window_restarts++;
	return policy->limit && function->window_restarts > policy->limit;
}

void function_condemn(struct function *function, pid_t pid)
{
	struct container *container = function_active(function), *other = function_other(function);
	if (other->pid == pid && pid) {
		kill(pid, SIGKILL);
		return;
	}
	// Who is not known yet is said again.
	if (container->pid != pid)
		return;
	if (container->state != FUNCTION_ATTACHING && container->state != FUNCTION_RUNNING)
		return;
	function->restarts++;
	if (function->policy.on_failure == ON_FAILURE_FAIL) {
		struct cat_err err = {0};
		cat_err_set(&err, -ECHILD, "function %s hangs or broke the rules of the rings", function->name);
		service_fail(function->service, &err);
		return;
	}
	function->given_up = over_limit(function);
	function->lost_us = now_us();
	if (switch_to_standby(function))
		function->given_up = false;
	container_remove(container);
}

// What an update waits for will not come.
static void fail_update(struct function *function, const char *message)
{
	struct cat_err err = {0};
	cat_err_set(&err, -ECHILD, "function %s: %s", function->name, message);
	function->upgrading = false;
	if (function->service->state == SERVICE_UPDATING)
		service_configured(function->service, function, &err);
}

void function_on_failed(struct container *container, const char *kind, const char *message)
{
	struct function *function = container->function;
	struct service *service = function->service;
	bool active = function->active == container->slot, served = container->served;
	bool standby = !active && !served;
	// It may be the job's, which is used again below.
	char why[CAT_ERR_MESSAGE_MAX];
	snprintf(why, sizeof(why), "%s", message);
	service_event(service, function->name, kind, "%s%s", standby ? "standby: " : "", message);
	struct cat_err err = {0};
	if (active && (service->state == SERVICE_STARTING || function->policy.on_failure == ON_FAILURE_FAIL)) {
		cat_err_set(&err, -ECHILD, "function %s: %s", function->name, message);
		service_fail(service, &err);
		return;
	}
	if (!standby) {
		function->restarts++;
		function->given_up = over_limit(function) && active;
		if (active && !function->lost_us)
			function->lost_us = now_us();
		if (active && switch_to_standby(function))
			function->given_up = false;
	}
	container_remove(container);
	if (standby ? function->upgrading : active && !function->configured && !served)
		fail_update(function, why);
}

void function_on_removed(struct container *container)
{
	struct function *function = container->function;
	struct service *service = function->service;
	if (!container->wanted || service->state == SERVICE_STOPPING) {
		service_proceed(service);
		return;
	}
	bool active = function->active == container->slot;
	if (!active && !function->policy.standby && !function->upgrading) {
		container_stop(container);
		return;
	}
	if (active && function->given_up) {
		service_event(service, function->name, "given-up",
			      "ended more than %u times within %u s: it stays down until the file or its "
			      "image changes",
			      function->policy.limit, function->policy.window_ms / 1000);
		container_stop(container);
		return;
	}
	uint32_t wait = 0;
	if (!container->at_once)
		wait = backoff_next(&container->backoff, FUNCTION_STEADY_MS, function->policy.backoff_ms);
	if (!container->at_once && active)
		service_event(service, function->name, "restart", "starts again in %u ms", wait);
	if (wait)
		container_start_later(container, wait);
	else
		container_start(container);
}
