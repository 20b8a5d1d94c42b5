// SPDX-License-Identifier: BSD-3-Clause
// A service's dataplane process: started with its control socket, handed everything, listened to (cat_control.h).
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cat_cleanup.h"
#include "cat_control.h"
#include "cat_file.h"
#include "cat_log.h"
#include "cat_memfd.h"
#include "cat_msg.h"
#include "process.h"
#include "service.h"

// Room for the descriptors of the largest service while the dataplane is not reading yet.
#define CONTROL_BUFFER_BYTES (8 << 20)
// A dataplane that ended sooner than this is not replaced by itself: the service is started anew, with its back-off.
#define DATAPLANE_STEADY_US 300000u

static int send_map(struct service *service, struct cat_node *body, const int *fds, size_t count, struct cat_err *err)
{
	if (!body)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = cat_msg_send(service->dataplane.control, body, fds, count, err);
	return r < 0 ? cat_err_wrap(err, "telling the dataplane") : 0;
}

static struct cat_node *message(const char *type, const char *function)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	if (!body || !cat_node_add_string(body, "type", type) ||
	    (function && !cat_node_add_string(body, "function", function)))
		return NULL;
	return cat_steal(body);
}

// All of the service's memory and sockets, as many to a message as fit.
struct batch {
	struct service *service;
	struct cat_node *body, *names;
	int fds[CAT_MSG_FDS_MAX];
	size_t count;
};

static int batch_flush(struct batch *batch, struct cat_err *err)
{
	int r = batch->count ? send_map(batch->service, batch->body, batch->fds, batch->count, err) : 0;
	cat_node_free(batch->body);
	batch->body = batch->names = NULL;
	batch->count = 0;
	return r;
}

static int batch_add(struct batch *batch, const char *name, int fd, struct cat_err *err)
{
	if (!batch->body) {
		batch->body = message("fds", NULL);
		batch->names = batch->body ? cat_node_add_list(batch->body, "names") : NULL;
	}
	if (!batch->names || !cat_node_add_string(batch->names, NULL, name))
		return cat_err_set(err, -ENOMEM, "no memory");
	batch->fds[batch->count++] = fd;
	return batch->count == CAT_MSG_FDS_MAX ? batch_flush(batch, err) : 0;
}

static int send_fds(struct service *service, struct cat_err *err)
{
	struct batch batch = {.service = service};
	int r = 0;
	for (size_t i = 0; r == 0 && i < service->memory.count; i++)
		r = batch_add(&batch, service->memory.item[i].name, service->memory.item[i].fd, err);
	for (uint32_t i = 0; r == 0 && i < service->function_count; i++) {
		char name[MEMORY_NAME_MAX];
		snprintf(name, sizeof(name), "function/%s/listen", service->function[i].name);
		r = batch_add(&batch, name, service->function[i].listen, err);
	}
	if (r == 0)
		r = batch_flush(&batch, err);
	cat_node_free(batch.body);
	return r;
}

static int send_json(struct service *service, struct cat_node *body, const char *name, const struct cat_node *tree,
		     struct cat_err *err)
{
	cat_autofree char *json = tree ? cat_node_to_json(tree, 0) : strdup("{}");
	cat_autofd int fd = -1;
	int r = json ? cat_memfd_from(name, json, strlen(json), &fd, err) : cat_err_set(err, -ENOMEM, "no memory");
	return r < 0 ? r : send_map(service, body, &fd, 1, err);
}

int dataplane_configure(struct service *service, const struct function *function, const struct cat_node *config,
			struct cat_err *err)
{
	cat_autonode struct cat_node *body = message("configure", function->name);
	return send_json(service, body, "config", config, err);
}

int dataplane_measure(struct service *service, const struct cat_node *trial, struct cat_err *err)
{
	cat_autonode struct cat_node *body = message("measure", NULL);
	for (const struct cat_node *n = trial->first; body && n; n = n->next)
		if (strcmp(n->key, "type") != 0 && !cat_node_copy(body, n->key, n))
			return cat_err_set(err, -ENOMEM, "no memory");
	return send_map(service, body, NULL, 0, err);
}

int dataplane_audit(struct service *service, struct cat_err *err)
{
	cat_autonode struct cat_node *body = message("audit", NULL);
	return send_map(service, body, NULL, 0, err);
}

int dataplane_scale(struct service *service, struct cat_err *err)
{
	cat_autonode struct cat_node *body = message("scale", NULL);
	struct cat_node *lanes = body ? cat_node_add_list(body, "lanes") : NULL;
	for (uint32_t i = 0; lanes && i < service->lanes; i++)
		if (!cat_node_add_int(lanes, NULL, service_lane_core(service, i)))
			lanes = NULL;
	return lanes ? send_map(service, body, NULL, 0, err) : cat_err_set(err, -ENOMEM, "no memory");
}

int dataplane_open(struct service *service, struct cat_err *err)
{
	int r = send_fds(service, err);
	cat_autonode struct cat_node *open = message("open", NULL);
	if (r == 0)
		r = send_json(service, open, "plan", service->current.plan, err);
	const struct cat_node *plans = cat_node_get(service->current.plan, "functions");
	for (uint32_t i = 0; r == 0 && i < service->function_count; i++) {
		const struct function *function = &service->function[i];
		r = dataplane_configure(service, function, cat_node_get(cat_node_at(plans, i), "config"), err);
		cat_autonode struct cat_node *expect = message("expect", function->name);
		if (r == 0 && (!expect || !cat_node_add_int(expect, "uid", service->uid)))
			r = cat_err_set(err, -ENOMEM, "no memory");
		if (r == 0)
			r = send_map(service, expect, NULL, 0, err);
	}
	service->dataplane.told = r == 0;
	return r < 0 ? r : dataplane_note(service, err);
}

static void on_function(struct service *service, const struct cat_node *body)
{
	const char *name = "", *event = "", *text = "", *pointer = "";
	cat_node_read_string(body, "function", CAT_OPTIONAL, &name, NULL);
	cat_node_read_string(body, "event", CAT_OPTIONAL, &event, NULL);
	cat_node_read_string(body, "message", CAT_OPTIONAL, &text, NULL);
	cat_node_read_string(body, "pointer", CAT_OPTIONAL, &pointer, NULL);
	struct function *function = service_function(service, name);
	if (!function || service->state == SERVICE_STOPPING)
		return;
	int64_t pid = 0;
	cat_node_read_int(body, "pid", CAT_OPTIONAL, 0, INT32_MAX, &pid, NULL);
	if (!strcmp(event, "running")) {
		function_reported(function, (pid_t)pid, FUNCTION_RUNNING);
	} else if (!strcmp(event, "configured")) {
		service_configured(service, function, NULL);
	} else if (!strcmp(event, "rejected")) {
		struct cat_err err = {0};
		cat_err_set(&err, -EINVAL, "function %s: config%s: %s", name, pointer, text);
		service_configured(service, function, &err);
	} else if (!strcmp(event, "violation")) {
		service_event(service, name, "violation", "%s: it is replaced",
			      *text ? text : "broke the rules of the rings");
		function_condemn(function, (pid_t)pid);
	} else {
		cat_debug("service %s: function %s: %s %s", service->name, name, event, text);
	}
}

static void took_over(struct service *service)
{
	struct dataplane *dataplane = &service->dataplane;
	dataplane->replaces = false;
	cat_source_remove(service->timer);
	service->timer = NULL;
	service_event(service, NULL, "running", "dataplane (process %d) has the packets after %.1f ms", dataplane->pid,
		      (double)(now_us() - dataplane->start_us) / 1000);
}

static void on_message(struct service *service, const struct cat_node *body)
{
	const char *type = "", *text = "no reason given";
	cat_node_read_string(body, "type", CAT_OPTIONAL, &type, NULL);
	cat_node_read_string(body, "message", CAT_OPTIONAL, &text, NULL);
	struct dataplane *dataplane = &service->dataplane;
	if (!strcmp(type, "opened")) {
		dataplane->opened = true;
		service_step(service, "dataplane", NULL, dataplane->start_us, now_us() - dataplane->start_us);
	} else if (!strcmp(type, "running")) {
		dataplane->running = true;
		if (dataplane->replaces)
			took_over(service);
		service_proceed(service);
	} else if (!strcmp(type, "failed")) {
		struct cat_err err = {0};
		cat_err_set(&err, -EIO, "dataplane: %s", text);
		service_fail(service, &err);
	} else if (!strcmp(type, "drained")) {
		int64_t left = 0;
		cat_node_read_int(body, "left", CAT_OPTIONAL, 0, UINT32_MAX, &left, NULL);
		service_drained(service, (uint32_t)left);
	} else if (!strcmp(type, "function")) {
		on_function(service, body);
	} else if (!strcmp(type, "measured")) {
		service_measured(service, body);
	} else if (!strcmp(type, "audited")) {
		service_audited(service, body);
	} else if (!strcmp(type, "scaled")) {
		struct cat_err err = {0};
		int64_t us = 0;
		if (cat_node_get(body, "message"))
			cat_err_set(&err, -EINVAL, "dataplane: %s", text);
		cat_node_read_int(body, "us", CAT_OPTIONAL, 0, INT64_MAX, &us, NULL);
		service_scaled(service, (uint64_t)us, &err);
	} else if (!strcmp(type, "error")) {
		service_event(service, NULL, "error", "dataplane: %s", text);
	}
}

static void on_control(void *user, int fd, uint32_t events)
{
	(void)events;
	struct service *service = user;
	// A message may stop the service, and with it this socket.
	while (service->dataplane.control == fd) {
		cat_autonode struct cat_node *body = NULL;
		int fds[CAT_MSG_FDS_MAX];
		size_t count = 0;
		struct cat_err err = {0};
		int r = cat_msg_receive(fd, &body, fds, &count, &err);
		if (r == -EAGAIN)
			return;
		if (r < 0) {
			// Its end is told by its pidfd.
			cat_source_remove(service->dataplane.control_source);
			service->dataplane.control_source = NULL;
			return;
		}
		while (count)
			close(fds[--count]);
		on_message(service, body);
	}
}

void dataplane_leave(struct service *service)
{
	service_measured(service, NULL);
	service_audited(service, NULL);
	struct dataplane *dataplane = &service->dataplane;
	cat_source_remove(dataplane->control_source);
	cat_source_remove(dataplane->kill_timer);
	cat_source_remove(dataplane->child);
	log_pipe_close(dataplane->log);
	if (dataplane->control >= 0)
		close(dataplane->control);
	*dataplane = (struct dataplane){.control = -1};
}

static void forget(struct service *service)
{
	struct dataplane *dataplane = &service->dataplane;
	struct cat_err err = {0};
	if (dataplane->change && store_change_delete(service->manager->store, dataplane->change, &err) < 0)
		manager_store_failed(service->manager, &err);
	dataplane_leave(service);
	service_leave_lanes(service->manager, service->name);
}

static void replaced_too_late(void *user)
{
	struct service *service = user;
	service->timer = NULL;
	struct cat_err err = {0};
	cat_err_set(&err, -ETIMEDOUT, "the new dataplane did not carry packets within %d s", SERVICE_UP_MS / 1000);
	service_fail(service, &err);
}

// Another one in its place, with the same memory; the functions stay and connect to it. False: that would not help,
// because it had hardly run.
static bool replace(struct service *service, const char *how)
{
	struct dataplane *dataplane = &service->dataplane;
	struct cat_err err = {0};
	bool steady = dataplane->running && now_us() - dataplane->start_us > DATAPLANE_STEADY_US;
	if (service->state != SERVICE_RUNNING || service->draining || !steady)
		return false;
	pid_t old = dataplane->pid;
	forget(service);
	// Who waited in a queue of the old one would come before those who have packets.
	for (uint32_t i = 0; i < service->function_count; i++)
		function_clear_queue(&service->function[i]);
	service->timer = cat_loop_add_timer(service->manager->loop, SERVICE_UP_MS, 0, replaced_too_late, service, &err);
	if (!service->timer || dataplane_start(service, &err) < 0 || dataplane_open(service, &err) < 0) {
		service_fail(service, &err);
		return true;
	}
	service->dataplane.replaces = true;
	service_event(service, NULL, "died", "dataplane (process %d) %s: process %d takes over from it", old, how,
		      service->dataplane.pid);
	return true;
}

void dataplane_settle(struct service *service)
{
	struct cat_err err = {0};
	if (service->dataplane.child)
		return;
	// Between its start and the end of what it was told, there are no packets in it.
	if (service->dataplane.pid)
		kill(service->dataplane.pid, SIGKILL);
	if (replace(service, "ended while no manager ran"))
		return;
	forget(service);
	cat_err_set(&err, -EPIPE, "dataplane ended while no manager ran");
	service_fail(service, &err);
}

static void on_end(void *user, pid_t pid, int status)
{
	struct service *service = user;
	char how[64];
	if (status == -1)
		snprintf(how, sizeof(how), "ended");
	else if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "ended with code %d", WEXITSTATUS(status));
	service->dataplane.child = NULL;
	log_pipe_flush(service->dataplane.log);
	if (replace(service, how))
		return;
	forget(service);
	if (service->state == SERVICE_STOPPING) {
		service_proceed(service);
		return;
	}
	const char *last = logbook_last(service->log, "dataplane");
	struct cat_err err = {0};
	cat_err_set(&err, -EPIPE, "dataplane (process %d) %s%s%s", pid, how, last ? "; it said: " : "",
		    last ? last : "");
	service_fail(service, &err);
}

int dataplane_note(struct service *service, struct cat_err *err)
{
	struct dataplane *dataplane = &service->dataplane;
	struct store *store = service->manager->store;
	cat_autonode struct cat_node *detail = process_describe(dataplane->pid);
	if (!detail || !cat_node_add_int(detail, "since_ms", service->since_ms) ||
	    !cat_node_add_int(detail, "up_us", (int64_t)service->up_us) ||
	    !cat_node_add_int(detail, "restarts", service->restarts) ||
	    !cat_node_add_bool(detail, "told", dataplane->told))
		return cat_err_set(err, -ESRCH, "process %d: ended, or no memory", dataplane->pid);
	if (dataplane->change)
		return store_change_update(store, dataplane->change, detail, err);
	return store_change_add(store, service->name, "process", detail, &dataplane->change, err);
}

static int watch(struct service *service, struct cat_err *err)
{
	struct cat_loop *loop = service->manager->loop;
	struct dataplane *dataplane = &service->dataplane;
	dataplane->child = cat_loop_add_child(loop, dataplane->pid, on_end, service, err);
	dataplane->control_source = cat_loop_add_fd(loop, dataplane->control, EPOLLIN, on_control, service, err);
	return dataplane->child && dataplane->control_source ? 0 : err->code;
}

int dataplane_adopt(struct service *service, const struct store_change *change, struct cat_fds *held,
		    struct cat_err *err)
{
	struct dataplane *dataplane = &service->dataplane;
	int64_t since = service->since_ms, up = 0, restarts = 0;
	bool told = false;
	cat_node_read_bool(change->detail, "told", CAT_OPTIONAL, &told, NULL);
	cat_node_read_int(change->detail, "since_ms", CAT_OPTIONAL, 0, INT64_MAX, &since, NULL);
	cat_node_read_int(change->detail, "up_us", CAT_OPTIONAL, 0, INT64_MAX, &up, NULL);
	cat_node_read_int(change->detail, "restarts", CAT_OPTIONAL, 0, UINT32_MAX, &restarts, NULL);
	service->since_ms = since;
	service->up_us = (uint64_t)up;
	service->restarts = (uint32_t)restarts;
	*dataplane = (struct dataplane){.control = cat_fds_take(held, "dataplane/control"),
					.pid = process_find_described(change->detail),
					// It has run long enough to be replaced.
					.start_us = now_us() - DATAPLANE_STEADY_US - 1,
					.change = change->id,
					.told = told,
					.opened = true,
					.running = true};
	int log = cat_fds_take(held, "dataplane/log");
	if (log >= 0)
		dataplane->log = log_pipe_adopt(service->manager->loop, service->log, "dataplane", log, err);
	if (dataplane->control < 0 || !dataplane->log)
		return cat_err_set(err, -ENOENT, "its dataplane's descriptors: nobody holds them any more");
	// One that has died is replaced once everything else is in place.
	if (!dataplane->pid || !told) {
		dataplane->start_us = 0;
		return 0;
	}
	int r = watch(service, err);
	cat_autonode struct cat_node *report = message("report", NULL);
	return r < 0 ? r : send_map(service, report, NULL, 0, err);
}

// What DPDK needs of its own, in MiB: headers of packets, and queues of devices. It is asked for closely, because all
// of it is pinned as soon as a device is given to the IOMMU.
static void own_memory(const struct cat_node *plan, char *ret_mib, size_t mib_size, char *ret_node, size_t node_size)
{
	const struct cat_node *region = cat_node_get(plan, "region"), *ports = cat_node_get(plan, "ports"),
			      *lanes = cat_node_get(plan, "lanes");
	struct cat_err err = {0};
	int64_t buffers = 0, node = -1;
	// What is missing in a plan is said where the plan is read.
	cat_node_read_int(region, "buffers", CAT_OPTIONAL, 0, UINT32_MAX, &buffers, &err);
	cat_node_read_int(plan, "node", CAT_OPTIONAL, -1, CAT_NODES_MAX, &node, &err);
	size_t queues = (ports ? ports->count : 0) * (lanes ? lanes->count : 0);
	snprintf(ret_mib, mib_size, "%" PRIu64, 96 + ((uint64_t)buffers * 384 >> 20) + 16 * (uint64_t)queues);
	snprintf(ret_node, node_size, "%" PRId64, node);
}

int dataplane_start(struct service *service, struct cat_err *err)
{
	struct manager *manager = service->manager;
	struct dataplane *dataplane = &service->dataplane;
	int pair[2] = {-1, -1}, log_fd = -1;
	int r = cat_msg_pair(pair, err);
	if (r < 0)
		return r;
	int bytes = CONTROL_BUFFER_BYTES;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	*dataplane = (struct dataplane){.control = pair[0], .start_us = now_us()};
	dataplane->log = log_pipe_create(manager->loop, service->log, "dataplane", &log_fd, err);
	r = dataplane->log ? 0 : err->code;
	bool verbose = !strcmp(manager->options->log_level, "debug");
	char memory[24], node[24];
	own_memory(service->current.plan, memory, sizeof(memory), node, sizeof(node));
	const char *const argv[] = {manager->options->dataplane,  "--memory", memory, "--node", node,
				    verbose ? "--verbose" : NULL, NULL};
	if (r == 0)
		r = process_spawn(argv, pair[1], log_fd, &dataplane->pid, err);
	if (r == 0)
		service_join_lanes(service, dataplane->pid);
	if (r == 0)
		r = dataplane_note(service, err);
	if (r == 0)
		r = service_keep_dataplane(service, err);
	if (r == 0)
		r = watch(service, err);
	close(pair[1]);
	if (log_fd >= 0)
		close(log_fd);
	if (r == 0)
		return 0;
	// With its end watched, stopping goes the usual way; else at once.
	if (!dataplane->child) {
		if (dataplane->pid)
			process_kill(dataplane->pid);
		forget(service);
	}
	return r;
}

static void kill_now(void *user)
{
	struct service *service = user;
	service->dataplane.kill_timer = NULL;
	service_event(service, NULL, "killed", "dataplane (process %d) did not close in %d ms", service->dataplane.pid,
		      SERVICE_CLOSE_MS);
	kill(service->dataplane.pid, SIGKILL);
}

int dataplane_drain(struct service *service, struct cat_err *err)
{
	cat_autonode struct cat_node *drain = message("drain", NULL);
	return send_map(service, drain, NULL, 0, err);
}

void dataplane_stop(struct service *service)
{
	struct dataplane *dataplane = &service->dataplane;
	if (!dataplane->pid)
		return;
	struct cat_err err = {0};
	cat_autonode struct cat_node *close_message = message("close", NULL);
	if (send_map(service, close_message, NULL, 0, &err) < 0) {
		kill(dataplane->pid, SIGKILL);
		return;
	}
	dataplane->kill_timer =
		cat_loop_add_timer(service->manager->loop, SERVICE_CLOSE_MS, 0, kill_now, service, &err);
	if (!dataplane->kill_timer)
		kill(dataplane->pid, SIGKILL);
}
