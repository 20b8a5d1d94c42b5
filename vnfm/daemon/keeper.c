// SPDX-License-Identifier: BSD-3-Clause
// How it works. Handing over is one way; the keeper reads in order, and what it was sent counts even if we die at once.
// Asking waits for the answer, a round trip between two local processes; a keeper that does not answer in KEEPER_MS is
// taken for dead. When the keeper dies, a new one is started and given everything again: we hold the same descriptors.
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../keeper/protocol.h"
#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "cat_msg.h"
#include "process.h"

#define KEEPER_MS 5000
#define KEEPER_BUFFER_BYTES (8 << 20)
// One that dies again and again is not worth a busy loop.
#define RESTART_MS 1000

struct keeper {
	struct cat_loop *loop;
	struct keeper_options options;
	char *program, *run_dir;
	int sock; // -1: there is none at the moment
	struct cat_source *watching, *timer, *child;
};

static void disconnect(struct keeper *keeper)
{
	cat_source_remove(keeper->watching);
	keeper->watching = NULL;
	if (keeper->sock >= 0)
		close(keeper->sock);
	keeper->sock = -1;
}

// Through the descriptor the path stays short whatever the run directory is.
static int socket_path(const struct keeper *keeper, char path[64], int *ret_directory, struct cat_err *err)
{
	*ret_directory = open(keeper->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_directory < 0)
		return cat_err_errno(err, "%s", keeper->run_dir);
	snprintf(path, 64, "/proc/self/fd/%d/%s", *ret_directory, KEEPER_SOCKET);
	return 0;
}

static void on_end(void *user, pid_t pid, int status)
{
	(void)pid, (void)status;
	struct keeper *keeper = user;
	keeper->child = NULL; // reaped; what follows is told by the connection's end
}

static int start(struct keeper *keeper, const char *path, struct cat_err *err)
{
	cat_autofd int listening = -1, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int r = null < 0 ? cat_err_errno(err, "/dev/null") : cat_msg_listen(path, 4, &listening, err);
	if (r < 0)
		return r;
	const char *const argv[] = {keeper->program, keeper->run_dir, NULL};
	pid_t pid = 0;
	r = process_spawn(argv, listening, null, &pid, err);
	if (r < 0)
		return r;
	cat_source_remove(keeper->child);
	keeper->child = cat_loop_add_child(keeper->loop, pid, on_end, keeper, err);
	return keeper->child ? 0 : err->code;
}

static void on_event(void *user, int fd, uint32_t events);

static int connect_to(struct keeper *keeper, bool may_start, struct cat_err *err)
{
	char path[64];
	cat_autofd int directory = -1;
	int r = socket_path(keeper, path, &directory, err);
	if (r < 0)
		return r;
	r = cat_msg_connect(path, &keeper->sock, err);
	if (r < 0 && may_start && (r == -ENOENT || r == -ECONNREFUSED)) {
		r = start(keeper, path, err);
		if (r == 0)
			r = cat_msg_connect(path, &keeper->sock, err);
	}
	if (r < 0)
		return cat_err_wrap(err, "catena-keeper");
	int bytes = KEEPER_BUFFER_BYTES;
	setsockopt(keeper->sock, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	keeper->watching = cat_loop_add_fd(keeper->loop, keeper->sock, EPOLLIN, on_event, keeper, err);
	if (!keeper->watching)
		disconnect(keeper);
	return keeper->watching ? 0 : err->code;
}

static void again(void *user)
{
	struct keeper *keeper = user;
	struct cat_err err = {0};
	keeper->timer = NULL;
	if (connect_to(keeper, true, &err) == 0) {
		keeper->options.lost(keeper->options.user);
		return;
	}
	cat_error("%s: an end of catenad would now end the services", err.message);
	keeper->timer = cat_loop_add_timer(keeper->loop, RESTART_MS, 0, again, keeper, &err);
}

static void lost(struct keeper *keeper)
{
	struct cat_err err = {0};
	disconnect(keeper);
	cat_warn("catena-keeper is gone: starting another one");
	if (!keeper->timer)
		keeper->timer = cat_loop_add_timer(keeper->loop, 0, 0, again, keeper, &err);
}

// Answers are read where they are waited for; what comes here is the end, or a complaint.
static void on_event(void *user, int fd, uint32_t events)
{
	(void)events;
	struct keeper *keeper = user;
	struct cat_err err = {0};
	cat_autonode struct cat_node *body = NULL;
	int fds[CAT_MSG_FDS_MAX];
	size_t count = 0;
	int r = cat_msg_receive(fd, &body, fds, &count, &err);
	if (r == -EAGAIN)
		return;
	if (r < 0) {
		lost(keeper);
		return;
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	const char *message = "an answer that nobody asked for";
	cat_node_read_string(body, "message", CAT_OPTIONAL, &message, NULL);
	cat_warn("catena-keeper: %s", message);
}

struct keeper *keeper_open(struct cat_loop *loop, const struct keeper_options *options, struct cat_err *err)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	if (keeper) {
		*keeper = (struct keeper){.loop = loop, .options = *options, .sock = -1};
		keeper->program = strdup(options->program);
		keeper->run_dir = strdup(options->run_dir);
	}
	if (!keeper || !keeper->program || !keeper->run_dir) {
		cat_err_set(err, -ENOMEM, "catena-keeper: no memory");
		keeper_close(keeper, false);
		return NULL;
	}
	if (connect_to(keeper, true, err) < 0) {
		keeper_close(keeper, false);
		return NULL;
	}
	return keeper;
}

static int send_waiting(struct keeper *keeper, const struct cat_node *body, const int *fds, size_t count,
			struct cat_err *err)
{
	uint64_t deadline = cat_now_ms() + KEEPER_MS;
	int r;
	while ((r = cat_msg_send(keeper->sock, body, fds, count, err)) == -EAGAIN && cat_now_ms() < deadline)
		poll(&(struct pollfd){.fd = keeper->sock, .events = POLLOUT}, 1, 100);
	return r < 0 ? cat_err_wrap(err, "catena-keeper") : 0;
}

static struct cat_node *message(const char *type)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	return body && cat_node_add_string(body, "type", type) ? cat_steal(body) : NULL;
}

void keeper_close(struct keeper *keeper, bool end)
{
	if (!keeper)
		return;
	if (end && keeper->sock >= 0) {
		cat_autonode struct cat_node *body = message("end");
		char path[64];
		cat_autofd int directory = -1;
		struct cat_err err = {0};
		if (body && send_waiting(keeper, body, NULL, 0, &err) == 0)
			// Its end closes the connection.
			poll(&(struct pollfd){.fd = keeper->sock, .events = POLLIN}, 1, KEEPER_MS);
		if (socket_path(keeper, path, &directory, &err) == 0)
			unlink(path);
	}
	disconnect(keeper);
	cat_source_remove(keeper->timer);
	cat_source_remove(keeper->child);
	free(keeper->program);
	free(keeper->run_dir);
	free(keeper);
}

int keeper_keep(struct keeper *keeper, const char *service, const char *name, int fd, struct cat_err *err)
{
	if (!keeper || keeper->sock < 0)
		return 0;
	cat_autonode struct cat_node *body = message("keep");
	struct cat_node *names = body ? cat_node_add_list(body, "names") : NULL;
	if (!names || !cat_node_add_format(names, NULL, "%s/%s", service, name))
		return cat_err_set(err, -ENOMEM, "catena-keeper: no memory");
	int r = send_waiting(keeper, body, &fd, 1, err);
	if (r == -EPIPE || r == -ECONNRESET)
		r = 0; // told by the connection's end, and made good then
	return r;
}

// The next message, within the deadline. An end of the connection is left for the loop to see.
static int receive(struct keeper *keeper, uint64_t deadline, struct cat_node **ret_body, int *ret_fds,
		   size_t *ret_count, struct cat_err *err)
{
	for (;;) {
		int r = cat_msg_receive(keeper->sock, ret_body, ret_fds, ret_count, err);
		if (r != -EAGAIN)
			return r;
		uint64_t now = cat_now_ms();
		if (now >= deadline)
			return cat_err_set(err, -ETIMEDOUT, "no answer in %d ms", KEEPER_MS);
		poll(&(struct pollfd){.fd = keeper->sock, .events = POLLIN}, 1, (int)(deadline - now));
	}
}

static int put_all(struct cat_fds *ret_fds, const struct cat_node *body, size_t skip, int *fds, size_t count,
		   struct cat_err *err)
{
	const struct cat_node *names = cat_node_get(body, "names");
	int r = !names || names->count != count ? cat_err_set(err, -EBADMSG, "names and descriptors differ") : 0;
	size_t i = 0;
	for (const struct cat_node *name = names ? names->first : NULL; r == 0 && name; name = name->next, i++)
		if (name->type == CAT_STRING && strlen(name->string) > skip)
			r = cat_fds_put(ret_fds, name->string + skip, cat_steal_fd(fds[i]), err);
	for (i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r;
}

// Sends a request and takes the answers up to the one of type `last`.
static int ask(struct keeper *keeper, const char *type, const char *prefix, const char *last, struct cat_fds *ret_fds,
	       struct cat_err *err)
{
	if (!keeper || keeper->sock < 0)
		return cat_err_set(err, -ENOTCONN, "catena-keeper does not run");
	uint64_t deadline = cat_now_ms() + KEEPER_MS;
	cat_autonode struct cat_node *request = message(type);
	if (!request || !cat_node_add_string(request, "prefix", prefix))
		return cat_err_set(err, -ENOMEM, "catena-keeper: no memory");
	int r = send_waiting(keeper, request, NULL, 0, err);
	while (r == 0) {
		cat_autonode struct cat_node *body = NULL;
		int fds[CAT_MSG_FDS_MAX];
		size_t count = 0;
		const char *got = "";
		r = receive(keeper, deadline, &body, fds, &count, err);
		if (r < 0)
			break;
		cat_node_read_string(body, "type", CAT_OPTIONAL, &got, NULL);
		if (!strcmp(got, "fds") && ret_fds) {
			r = put_all(ret_fds, body, strlen(prefix), fds, count, err);
			continue;
		}
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		if (!strcmp(got, last))
			return 0;
	}
	// An answer that comes later would be taken for the next one's.
	if (keeper->sock >= 0)
		lost(keeper);
	return cat_err_wrap(err, "catena-keeper");
}

void keeper_drop(struct keeper *keeper, const char *service, const char *name)
{
	struct cat_err err = {0};
	char prefix[CAT_FDS_NAME_MAX];
	snprintf(prefix, sizeof(prefix), "%s/%s", service, name ? name : "");
	if (keeper && keeper->sock >= 0 && ask(keeper, "drop", prefix, "dropped", NULL, &err) < 0)
		cat_warn("%s", err.message);
}

int keeper_give(struct keeper *keeper, const char *service, struct cat_fds *ret_fds, struct cat_err *err)
{
	char prefix[CAT_FDS_NAME_MAX];
	struct cat_fds fds = {0};
	snprintf(prefix, sizeof(prefix), "%s/", service);
	int r = ask(keeper, "give", prefix, "given", &fds, err);
	if (r < 0)
		cat_fds_finish(&fds);
	else
		*ret_fds = fds;
	return r;
}
