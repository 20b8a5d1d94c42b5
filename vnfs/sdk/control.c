// SPDX-License-Identifier: BSD-3-Clause
// The connection to the dataplane. The protocol is described in cat_control.h.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cat_control.h"
#include "cat_log.h"
#include "cat_memfd.h"
#include "cat_msg.h"
#include "config.h"
#include "process.h"

#define RETRY_MIN_MS 5
#define RETRY_MAX_MS 500

static void connect_now(struct cat_vnf *vnf);

void control_fail(struct cat_vnf *vnf, const struct cat_err *err)
{
	cat_error("%s", err->message);
	vnf->failed = true;
	cat_loop_quit(vnf->loop, 1);
}

static void on_retry(void *user)
{
	struct cat_vnf *vnf = user;
	vnf->retry_timer = NULL;
	connect_now(vnf);
}

static void retry_later(struct cat_vnf *vnf)
{
	struct cat_err err = {0};
	vnf->retry_timer = cat_loop_add_timer(vnf->loop, vnf->retry_ms, 0, on_retry, vnf, &err);
	if (!vnf->retry_timer)
		control_fail(vnf, &err);
	vnf->retry_ms = vnf->retry_ms * 2 < RETRY_MAX_MS ? vnf->retry_ms * 2 : RETRY_MAX_MS;
}

static void disconnect(struct cat_vnf *vnf)
{
	if (vnf->sock < 0)
		return;
	cat_source_remove(vnf->sock_source);
	vnf->sock_source = NULL;
	close(vnf->sock);
	vnf->sock = -1;
	attach_drop_fds(vnf);
}

static void say(struct cat_vnf *vnf, struct cat_node *body)
{
	struct cat_err err = {0};
	if (vnf->sock >= 0 && body && cat_msg_send(vnf->sock, body, NULL, 0, &err) < 0)
		cat_warn("the dataplane was not told: %s", err.message);
}

void control_say(struct cat_vnf *vnf, const char *type)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	cat_node_add_string(body, "type", type);
	say(vnf, body);
}

struct cat_node *control_problem(const struct cat_err *err)
{
	struct cat_node *body = cat_node_new_map();
	if (!body)
		return NULL;
	const char *message = err->message, *end = *message == '/' ? strstr(message, ": ") : NULL;
	cat_node_add_string(body, "message", end ? end + 2 : message);
	// "/" stands for the whole document, whose pointer is empty (RFC 6901, section 5).
	if (end)
		cat_node_add_format(body, "pointer", "%.*s", end - message == 1 ? 0 : (int)(end - message), message);
	return body;
}

void control_reject(struct cat_vnf *vnf, const struct cat_err *reason)
{
	cat_error("configuration rejected: %s", reason->message);
	cat_autonode struct cat_node *body = control_problem(reason);
	cat_node_add_string(body, "type", "rejected");
	say(vnf, body);
}

// The text of a configuration's memfd; the caller frees. Shared memory may change under a parser: only the copy counts.
static int read_text(int fd, char **ret_text, struct cat_err *err)
{
	void *address;
	size_t size;
	int result = cat_memfd_map(fd, 1, CAT_CONFIG_SIZE_MAX, PROT_READ, &address, &size, err);
	if (result < 0)
		return result;
	*ret_text = strndup(address, size);
	munmap(address, size);
	return *ret_text ? 0 : cat_err_set(err, -ENOMEM, "no memory");
}

static void configure(struct cat_vnf *vnf, int fd)
{
	struct cat_err err = {0};
	cat_autofree char *text = NULL;
	void *config;
	if (read_text(fd, &text, &err) < 0) {
		control_reject(vnf, &err);
		return;
	}
	if (vnf->started && vnf->config_text && strcmp(vnf->config_text, text) == 0) {
		control_say(vnf, "configured");
		return;
	}
	if (config_make(vnf->ops, "config", text, strlen(text), &config, &err) < 0) {
		control_reject(vnf, &err);
		return;
	}
	free(vnf->config_text);
	vnf->config_text = cat_steal(text);
	if (vnf->started) {
		swap_begin(vnf, config);
		return;
	}
	if (swap_first(vnf, config, &err) < 0) {
		control_reject(vnf, &err);
		control_fail(vnf, &err);
		return;
	}
	control_say(vnf, "running");
}

static void attach(struct cat_vnf *vnf, const struct cat_node *body)
{
	struct cat_err err = {0};
	cat_autofd int fd = attach_take_fd(vnf, "config");
	bool again = vnf->started;
	if (attach_take(vnf, body, &err) < 0) {
		control_fail(vnf, &err);
		return;
	}
	attach_drop_fds(vnf);
	if (again) {
		cat_info("attached again");
		control_say(vnf, "running");
	}
	configure(vnf, fd);
}

static void on_message(struct cat_vnf *vnf, const struct cat_node *body, const int *fds, size_t count)
{
	struct cat_err err = {0};
	const char *type = "";
	int result = cat_node_read_string(body, "type", CAT_REQUIRED, &type, &err);
	if (result == 0 && strcmp(type, "configure") == 0 && count == 1 && vnf->attached) {
		configure(vnf, fds[0]);
		close(fds[0]);
		return;
	}
	// Takes care of the descriptors whatever becomes of the message.
	int taken = attach_add_fds(vnf, body, fds, count, &err);
	if (result == 0)
		result = taken;
	if (result == 0 && strcmp(type, "attach") == 0) {
		attach(vnf, body);
	} else if (result == 0 && strcmp(type, "move") == 0) {
		result = attach_move(vnf, body, &err);
		if (result == 0)
			control_say(vnf, "moved");
	} else if (result == 0 && strcmp(type, "stop") == 0) {
		cat_loop_quit(vnf->loop, 0);
	} else if (result == 0 && strcmp(type, "fds") != 0) {
		result = cat_err_set(&err, -EINVAL, "unknown message \"%s\"", type);
	}
	if (result < 0) {
		cat_autonode struct cat_node *answer = cat_node_new_map();
		cat_node_add_string(answer, "type", "error");
		cat_node_add_string(answer, "message", err.message);
		say(vnf, answer);
	}
}

static void on_readable(void *user, int fd, uint32_t events)
{
	struct cat_vnf *vnf = user;
	(void)events;
	int fds[CAT_MSG_FDS_MAX];
	size_t count = 0;
	struct cat_err err = {0};
	cat_autonode struct cat_node *body = NULL;
	int result = cat_msg_receive(fd, &body, fds, &count, &err);
	if (result == -EAGAIN)
		return;
	if (result == 0) {
		on_message(vnf, body, fds, count);
		return;
	}
	if (result == -EBADMSG) {
		cat_warn("dataplane: %s", err.message);
		return;
	}
	cat_warn("connection to the dataplane lost: %s", err.message);
	disconnect(vnf);
	vnf->retry_ms = RETRY_MIN_MS;
	retry_later(vnf);
}

static void connect_now(struct cat_vnf *vnf)
{
	struct cat_err err = {0};
	if (cat_msg_connect(vnf->socket_path, &vnf->sock, &err) < 0) {
		vnf->sock = -1;
		// Once, not at every attempt.
		if (vnf->retry_ms == RETRY_MIN_MS)
			cat_info("waiting for the dataplane: %s", err.message);
		retry_later(vnf);
		return;
	}
	vnf->retry_ms = RETRY_MIN_MS;
	vnf->sock_source = cat_loop_add_fd(vnf->loop, vnf->sock, EPOLLIN, on_readable, vnf, &err);
	if (!vnf->sock_source) {
		control_fail(vnf, &err);
		return;
	}
	cat_autonode struct cat_node *hello = cat_node_new_map();
	cat_node_add_string(hello, "type", "hello");
	cat_node_add_int(hello, "abi", CAT_ABI_VERSION);
	cat_node_add_string(hello, "kind", vnf->ops->kind);
	cat_node_add_int(hello, "pid", getpid());
	say(vnf, hello);
}

int control_open(struct cat_vnf *vnf, struct cat_err *err)
{
	vnf->retry_ms = RETRY_MIN_MS;
	vnf->sock = -1;
	if (strlen(vnf->socket_path) == 0)
		return cat_err_set(err, -EINVAL, "--socket: found nothing, expected a path");
	connect_now(vnf);
	return 0;
}

void control_close(struct cat_vnf *vnf)
{
	disconnect(vnf);
	cat_source_remove(vnf->retry_timer);
	vnf->retry_timer = NULL;
	free(vnf->config_text);
	vnf->config_text = NULL;
}
