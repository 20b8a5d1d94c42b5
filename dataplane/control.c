// SPDX-License-Identifier: BSD-3-Clause
// The manager's side: one table of messages. A message that fails changes nothing and is answered with "error".
#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cat_log.h"
#include "cat_memfd.h"
#include "cat_msg.h"
#include "privileges.h"

#define TICK_MS 50u
#define DRAIN_TICK_MS 5u
#define DRAIN_MS 1000u

static void send_body(struct control *c, struct cat_node *body)
{
	struct cat_err err = {0};
	if (!body || cat_msg_send(c->sock, body, NULL, 0, &err) < 0)
		cat_warn("message to the manager lost: %s", body ? err.message : "no memory");
	cat_node_free(body);
}

static struct cat_node *new_body(const char *type)
{
	struct cat_node *body = cat_node_new_map();
	if (body && !cat_node_add_string(body, "type", type)) {
		cat_node_free(body);
		return NULL;
	}
	return body;
}

static void send_simple(struct control *c, const char *type, const char *message)
{
	struct cat_node *body = new_body(type);
	if (body && message && !cat_node_add_string(body, "message", message)) {
		cat_node_free(body);
		body = NULL;
	}
	send_body(c, body);
}

void control_report(struct control *c, const struct peer *peer, const char *event, const char *message,
		    const char *pointer)
{
	cat_info("function %s: %s%s%s", peer->function->name, event, message ? ": " : "", message ? message : "");
	struct cat_node *body = new_body("function");
	bool complete = body && cat_node_add_string(body, "function", peer->function->name) &&
			cat_node_add_string(body, "event", event) &&
			(!message || cat_node_add_string(body, "message", message)) &&
			(!pointer || cat_node_add_string(body, "pointer", pointer)) &&
			(!peer->pid || cat_node_add_int(body, "pid", peer->pid));
	if (!complete) {
		cat_node_free(body);
		body = NULL;
	}
	send_body(c, body);
}

void control_peer_changed(struct control *c)
{
	bool all = c->opened;
	for (uint32_t i = 0; i < c->service.function_count; i++)
		all = all && c->peer[i].state == PEER_RUNNING;
	if (all && !c->all_running) {
		if (!c->draining)
			atomic_store(&c->service.lanes.receiving, true);
		send_simple(c, "running", NULL);
	}
	// A lost function does not stop the ports: its ring fills, and they are read no further.
	c->all_running = all;
}

static void tick(void *user)
{
	struct control *c = user;
	for (uint32_t i = 0; i < c->service.function_count; i++)
		peer_check(&c->peer[i]);
	for (uint32_t i = 0; i < c->service.lanes.port_count; i++) {
		struct port *port = &c->service.lanes.port[i];
		if (!port->driver->replaced || !port->driver->replaced(port))
			continue;
		// We gave up the rights to open it again. The next dataplane has them, and takes over as from one that
		// died.
		cat_error("port %s: there is another interface %s now: the next dataplane opens it", port->name,
			  port->device);
		cat_loop_quit(c->loop, 1);
	}
}

static int read_memfd_json(int fd, const char *what, struct cat_node **ret, struct cat_err *err)
{
	void *text;
	size_t size;
	int r = cat_memfd_map(fd, 1, CAT_CONFIG_SIZE_MAX, PROT_READ, &text, &size, err);
	if (r < 0)
		return cat_err_wrap(err, "%s", what);
	// The memory is a whole number of pages.
	r = cat_tree_parse_json(what, text, strnlen(text, size), ret, err);
	munmap(text, size);
	return r;
}

static int open_rest(struct control *c, struct cat_err *err)
{
	for (uint32_t i = 0; i < c->service.function_count; i++) {
		int r = peer_open(&c->peer[i], c, &c->service.function[i], err);
		if (r < 0)
			return r;
	}
	c->ticking = cat_loop_add_timer(c->loop, TICK_MS, TICK_MS, tick, c, err);
	if (!c->ticking)
		return err->code;
	// Lanes inherit what is left.
	int r = privileges_drop(&c->service, err);
	return r < 0 ? r : service_start(&c->service, err);
}

static int handle_open(struct control *c, const struct cat_node *body, int *fds, size_t fd_count, struct cat_err *err)
{
	(void)body;
	if (c->opened)
		return cat_err_set(err, -EBUSY, "open: the service is open already");
	if (fd_count != 1)
		return cat_err_set(err, -EINVAL, "open: found %zu descriptors, expected the plan's", fd_count);
	struct cat_node *plan = NULL;
	int r = read_memfd_json(fds[0], "plan", &plan, err);
	if (r == 0)
		r = service_open(&c->service, plan, err);
	if (r == 0)
		r = open_rest(c, err);
	if (r < 0) {
		cat_error("%s", err->message);
		send_simple(c, "failed", err->message);
		// What is half open is of no use to anybody.
		cat_loop_quit(c->loop, 1);
		return 0;
	}
	c->opened = true;
	struct cat_node *opened = new_body("opened");
	if (opened && !cat_node_add_int(opened, "adopted", c->service.adopted)) {
		cat_node_free(opened);
		opened = NULL;
	}
	send_body(c, opened);
	control_peer_changed(c);
	return 0;
}

static int handle_fds(struct control *c, const struct cat_node *body, int *fds, size_t fd_count, struct cat_err *err)
{
	int r = fd_table_add(&c->service.fds, cat_node_get(body, "names"), fds, fd_count, err);
	for (size_t i = 0; i < fd_count; i++)
		fds[i] = -1;
	return r;
}

static int find_peer(struct control *c, const struct cat_node *body, struct peer **ret, struct cat_err *err)
{
	const char *name;
	int r = cat_node_read_string(body, "function", CAT_REQUIRED, &name, err);
	if (r < 0)
		return r;
	struct service_function *f = service_find(&c->service, name);
	if (!f || !c->opened)
		return cat_err_set(err, -ENOENT, "there is no function \"%.64s\"", name);
	*ret = &c->peer[f - c->service.function];
	return 0;
}

static int handle_configure(struct control *c, const struct cat_node *body, int *fds, size_t fd_count,
			    struct cat_err *err)
{
	struct peer *peer = NULL;
	int r = find_peer(c, body, &peer, err);
	if (r < 0)
		return r;
	if (fd_count != 1)
		return cat_err_set(err, -EINVAL, "configure: found %zu descriptors, expected the configuration's",
				   fd_count);
	peer_configure(peer, cat_steal_fd(fds[0]));
	return 0;
}

static int handle_expect(struct control *c, const struct cat_node *body, int *fds, size_t fd_count, struct cat_err *err)
{
	(void)fds, (void)fd_count;
	struct peer *peer = NULL;
	int64_t uid = 0;
	int r = find_peer(c, body, &peer, err);
	if (r == 0)
		r = cat_node_read_int(body, "uid", CAT_REQUIRED, 0, UINT32_MAX - 1, &uid, err);
	if (r < 0)
		return r;
	peer_expect(peer, (uid_t)uid);
	return 0;
}

static void drain_tick(void *user)
{
	struct control *c = user;
	uint32_t left = service_outstanding(&c->service);
	if (left && cat_now_ms() < c->drain_deadline_ms)
		return;
	cat_source_remove(c->drain_ticking);
	c->drain_ticking = NULL;
	struct cat_node *body = new_body("drained");
	if (body && !cat_node_add_int(body, "left", left)) {
		cat_node_free(body);
		body = NULL;
	}
	send_body(c, body);
}

static int handle_drain(struct control *c, const struct cat_node *body, int *fds, size_t fd_count, struct cat_err *err)
{
	(void)body, (void)fds, (void)fd_count;
	if (!c->opened)
		return cat_err_set(err, -EINVAL, "drain: the service is not open");
	atomic_store(&c->service.lanes.receiving, false);
	atomic_store(&c->service.lanes.supplying, false);
	c->draining = true;
	c->drain_deadline_ms = cat_now_ms() + DRAIN_MS;
	if (!c->drain_ticking)
		c->drain_ticking = cat_loop_add_timer(c->loop, DRAIN_TICK_MS, DRAIN_TICK_MS, drain_tick, c, err);
	return c->drain_ticking ? 0 : err->code;
}

static int handle_audit(struct control *c, const struct cat_node *body, int *fds, size_t fd_count, struct cat_err *err)
{
	(void)body, (void)fds, (void)fd_count;
	struct service_audit audit = {0};
	int r = c->opened ? service_audit(&c->service, &audit, err)
			  : cat_err_set(err, -EINVAL, "the service is not open");
	if (r < 0) {
		send_simple(c, "audited", err->message);
		return 0;
	}
	struct cat_node *answer = new_body("audited");
	if (answer &&
	    !(cat_node_add_int(answer, "buffers", audit.buffers) && cat_node_add_int(answer, "free", audit.free) &&
	      cat_node_add_int(answer, "under_way", audit.under_way) &&
	      cat_node_add_int(answer, "leaked", audit.leaked) &&
	      cat_node_add_int(answer, "duplicated", audit.duplicated) &&
	      cat_node_add_bool(answer, "still", audit.still))) {
		cat_node_free(answer);
		answer = NULL;
	}
	send_body(c, answer);
	return 0;
}

static int handle_scale(struct control *c, const struct cat_node *body, int *fds, size_t fd_count, struct cat_err *err)
{
	(void)fds, (void)fd_count;
	struct cat_err why = {0};
	int r = c->opened ? scale_begin(c, body, &why) : cat_err_set(&why, -EINVAL, "the service is not open");
	(void)err;
	if (r < 0)
		control_answer(c, "scaled", NULL, 0, why.message);
	return 0;
}

void control_answer(struct control *c, const char *type, const char *key, int64_t value, const char *message)
{
	struct cat_node *body = new_body(type);
	if (body && ((key && !cat_node_add_int(body, key, value)) ||
		     (message && !cat_node_add_string(body, "message", message)))) {
		cat_node_free(body);
		body = NULL;
	}
	send_body(c, body);
}

static void measured(void *user, struct cat_node *result, const struct cat_err *err)
{
	struct control *c = user;
	struct cat_node *body = result ? result : cat_node_new_map();
	if (!body || !cat_node_add_string(body, "type", "measured") ||
	    (err && !cat_node_add_string(body, "message", err->message))) {
		cat_node_free(body);
		body = NULL;
	}
	send_body(c, body);
}

static int handle_measure(struct control *c, const struct cat_node *body, int *fds, size_t fd_count,
			  struct cat_err *err)
{
	(void)fds, (void)fd_count;
	int r = c->all_running ? 0 : cat_err_set(err, -EAGAIN, "not every function runs");
	if (r == 0)
		r = measure_begin(&c->measure, c->loop, &c->service, body, measured, c, err);
	if (r < 0)
		measured(c, NULL, err);
	return 0;
}

// A manager that has just taken over knows none of this.
static int handle_report(struct control *c, const struct cat_node *body, int *fds, size_t fd_count, struct cat_err *err)
{
	(void)body, (void)fds, (void)fd_count;
	if (!c->opened)
		return cat_err_set(err, -EINVAL, "report: the service is not open");
	for (uint32_t i = 0; i < c->service.function_count; i++)
		if (c->peer[i].state == PEER_RUNNING)
			control_report(c, &c->peer[i], "running", NULL, NULL);
	if (c->all_running)
		send_simple(c, "running", NULL);
	return 0;
}

static int handle_close(struct control *c, const struct cat_node *body, int *fds, size_t fd_count, struct cat_err *err)
{
	(void)body, (void)fds, (void)fd_count, (void)err;
	for (uint32_t i = 0; i < c->service.function_count; i++)
		peer_stop(&c->peer[i]);
	cat_loop_quit(c->loop, 0);
	return 0;
}

static const struct {
	const char *type;
	// Descriptors that stay in fds are closed afterwards.
	int (*handle)(struct control *c, const struct cat_node *body, int *fds, size_t fd_count, struct cat_err *err);
} messages[] = {
	{"fds", handle_fds},       {"open", handle_open},       {"configure", handle_configure},
	{"expect", handle_expect}, {"drain", handle_drain},     {"report", handle_report},
	{"close", handle_close},   {"measure", handle_measure}, {"audit", handle_audit},
	{"scale", handle_scale},
};

static void handle(struct control *c, const struct cat_node *body, int *fds, size_t fd_count)
{
	struct cat_err err = {0};
	const char *type = "";
	int r = cat_node_read_string(body, "type", CAT_REQUIRED, &type, &err);
	size_t i = 0;
	while (i < CAT_ARRAY_LEN(messages) && strcmp(messages[i].type, type))
		i++;
	if (r == 0 && i == CAT_ARRAY_LEN(messages))
		r = cat_err_set(&err, -EINVAL, "there is no message \"%.64s\"", type);
	if (r == 0)
		r = messages[i].handle(c, body, fds, fd_count, &err);
	if (r < 0) {
		cat_warn("manager: %s: %s", type, err.message);
		send_simple(c, "error", err.message);
	}
	for (size_t k = 0; k < fd_count; k++)
		if (fds[k] >= 0)
			close(fds[k]);
}

static void readable(void *user, int fd, uint32_t events)
{
	(void)events;
	struct control *c = user;
	struct cat_err err = {0};
	cat_autonode struct cat_node *body = NULL;
	int fds[CAT_MSG_FDS_MAX];
	size_t fd_count = 0;
	int r = cat_msg_receive(fd, &body, fds, &fd_count, &err);
	if (r == 0) {
		handle(c, body, fds, fd_count);
	} else if (r == -EBADMSG) {
		cat_warn("manager: %s", err.message);
		send_simple(c, "error", err.message);
	} else if (r != -EAGAIN) {
		// Nobody could reach us any more: without a manager a service ends.
		cat_error("the manager is gone: %s", r == -EPIPE ? "it closed the connection" : err.message);
		cat_loop_quit(c->loop, 1);
	}
}

int control_run(int sock)
{
	struct cat_err err = {0};
	struct control *c = calloc(1, sizeof(*c));
	int code = 1;
	if (!c) {
		cat_error("no memory");
		return 1;
	}
	c->sock = sock;
	c->loop = cat_loop_create(&err);
	if (c->loop && cat_loop_add_fd(c->loop, sock, EPOLLIN, readable, c, &err))
		code = cat_loop_run(c->loop);
	else
		cat_error("%s", err.message);
	measure_stop(&c->measure);
	for (uint32_t i = 0; i < c->service.function_count; i++)
		peer_close(&c->peer[i]);
	service_close(&c->service);
	cat_loop_destroy(c->loop);
	free(c);
	return code;
}
