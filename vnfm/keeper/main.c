// SPDX-License-Identifier: BSD-3-Clause
// catena-keeper: holds the descriptors of running services, so that they outlive catenad. It is started by catenad with
// a listening socket as descriptor 3, and does so little that there is nothing to upgrade, restart or get wrong in it.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "cat_cleanup.h"
#include "cat_fds.h"
#include "cat_file.h"
#include "cat_loop.h"
#include "cat_msg.h"
#include "protocol.h"

#define SEND_MS 5000
#define LAST_MESSAGES 4096u
// Of all processes of the host this is about the last one whose end would free anything.
#define OOM_SCORE "-900"

struct keeper {
	struct cat_loop *loop;
	struct cat_fds fds;
	int manager;
	struct cat_source *reading;
};

static void disconnect(struct keeper *keeper)
{
	cat_source_remove(keeper->reading);
	keeper->reading = NULL;
	if (keeper->manager >= 0)
		close(keeper->manager);
	keeper->manager = -1;
}

// The manager waits for what it asked for, but must not keep us for ever if it does not read.
static int send_waiting(const struct keeper *keeper, const struct cat_node *body, const int *fds, size_t count)
{
	struct cat_err err = {0};
	uint64_t deadline = cat_now_ms() + SEND_MS;
	int r;
	while ((r = cat_msg_send(keeper->manager, body, fds, count, &err)) == -EAGAIN && cat_now_ms() < deadline)
		poll(&(struct pollfd){.fd = keeper->manager, .events = POLLOUT}, 1, 100);
	return r;
}

static int answer(struct keeper *keeper, const char *type, const char *key, int64_t count, const char *message)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	if (!body || !cat_node_add_string(body, "type", type) || (key && !cat_node_add_int(body, key, count)) ||
	    (message && !cat_node_add_string(body, "message", message)))
		return -ENOMEM;
	return send_waiting(keeper, body, NULL, 0);
}

static int take_keep(struct keeper *keeper, const struct cat_node *body, int *fds, size_t count, struct cat_err *err)
{
	const struct cat_node *names = cat_node_get(body, "names");
	if (!names || names->type != CAT_LIST || names->count != count)
		return cat_err_set(err, -EINVAL, "keep: found %zu descriptors, expected as many as names", count);
	int r = 0;
	size_t i = 0;
	for (const struct cat_node *name = names->first; r == 0 && name; name = name->next, i++)
		if (name->type == CAT_STRING)
			r = cat_fds_put(&keeper->fds, name->string, cat_steal_fd(fds[i]), err);
	return r;
}

// As many to a message as fit.
static int send_batch(struct keeper *keeper, const char *prefix, size_t *next, size_t *sent)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	struct cat_node *names = body ? cat_node_add_list(body, "names") : NULL;
	int fds[CAT_MSG_FDS_MAX];
	size_t count = 0;
	if (!names || !cat_node_add_string(body, "type", "fds"))
		return -ENOMEM;
	for (; *next < keeper->fds.count && count < CAT_MSG_FDS_MAX; (*next)++) {
		const struct cat_fd_entry *entry = &keeper->fds.entry[*next];
		if (strncmp(entry->name, prefix, strlen(prefix)) != 0)
			continue;
		if (!cat_node_add_string(names, NULL, entry->name))
			return -ENOMEM;
		fds[count++] = entry->fd;
	}
	*sent += count;
	return count ? send_waiting(keeper, body, fds, count) : 0;
}

static int take_give(struct keeper *keeper, const struct cat_node *body, struct cat_err *err)
{
	const char *prefix = "";
	size_t next = 0, sent = 0;
	int r = cat_node_read_string(body, "prefix", CAT_REQUIRED, &prefix, err);
	if (r < 0)
		return r;
	while (r == 0 && next < keeper->fds.count)
		r = send_batch(keeper, prefix, &next, &sent);
	if (r == 0)
		r = answer(keeper, "given", "count", (int64_t)sent, NULL);
	if (r < 0)
		disconnect(keeper);
	return 0;
}

static int take_drop(struct keeper *keeper, const struct cat_node *body, struct cat_err *err)
{
	const char *prefix = "";
	int r = cat_node_read_string(body, "prefix", CAT_REQUIRED, &prefix, err);
	if (r < 0)
		return r;
	if (answer(keeper, "dropped", "count", (int64_t)cat_fds_drop(&keeper->fds, prefix), NULL) < 0)
		disconnect(keeper);
	return 0;
}

static void take(struct keeper *keeper, const struct cat_node *body, int *fds, size_t count)
{
	struct cat_err err = {0};
	const char *type = "";
	int r = cat_node_read_string(body, "type", CAT_REQUIRED, &type, &err);
	if (r == 0 && !strcmp(type, "keep"))
		r = take_keep(keeper, body, fds, count, &err);
	else if (r == 0 && !strcmp(type, "give"))
		r = take_give(keeper, body, &err);
	else if (r == 0 && !strcmp(type, "drop"))
		r = take_drop(keeper, body, &err);
	else if (r == 0 && !strcmp(type, "end"))
		cat_loop_quit(keeper->loop, 0);
	else if (r == 0)
		r = cat_err_set(&err, -EINVAL, "there is no message \"%.64s\"", type);
	if (r < 0 && keeper->manager >= 0 && answer(keeper, "error", NULL, 0, err.message) < 0)
		disconnect(keeper);
}

// One message. False: there is none now, or the manager is gone.
static bool take_one(struct keeper *keeper)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *body = NULL;
	int fds[CAT_MSG_FDS_MAX];
	size_t count = 0;
	int r = keeper->manager < 0 ? -EAGAIN : cat_msg_receive(keeper->manager, &body, fds, &count, &err);
	if (r == -EAGAIN)
		return false;
	if (r == -EBADMSG)
		return true;
	if (r < 0) {
		disconnect(keeper);
		return false;
	}
	take(keeper, body, fds, count);
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return true;
}

static void readable(void *user, int fd, uint32_t events)
{
	(void)fd, (void)events;
	take_one(user);
}

static void connecting(void *user, int fd, uint32_t events)
{
	(void)events;
	struct keeper *keeper = user;
	struct cat_err err = {0};
	cat_autofd int sock = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ucred who;
	socklen_t size = sizeof(who);
	// The socket's mode keeps others out; this keeps out who was given it.
	if (sock < 0 || getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || who.uid != geteuid())
		return;
	// What the one before handed over with its last breath counts.
	for (unsigned i = 0; i < LAST_MESSAGES && take_one(keeper); i++)
		;
	disconnect(keeper);
	keeper->reading = cat_loop_add_fd(keeper->loop, sock, EPOLLIN, readable, keeper, &err);
	if (keeper->reading)
		keeper->manager = cat_steal_fd(sock);
}

static bool is_listening(int fd)
{
	int value = 0;
	socklen_t size = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("catena-keeper " CATENA_VERSION);
		return 0;
	}
	if (argc > 2 || !is_listening(KEEPER_LISTEN_FD)) {
		fputs("catena-keeper [RUN-DIR] holds descriptors for catenad, which starts it with a listening socket "
		      "as descriptor 3; the run directory only tells whose it is\n",
		      stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	// Without the right to it, it is as likely as others.
	cat_file_write(AT_FDCWD, "/proc/self/oom_score_adj", OOM_SCORE, NULL);
	struct cat_err err = {0};
	struct keeper keeper = {.manager = -1, .loop = cat_loop_create(&err)};
	int code = 1;
	if (keeper.loop && cat_loop_add_fd(keeper.loop, KEEPER_LISTEN_FD, EPOLLIN, connecting, &keeper, &err))
		code = cat_loop_run(keeper.loop);
	else
		fprintf(stderr, "catena-keeper: %s\n", err.message);
	disconnect(&keeper);
	cat_fds_finish(&keeper.fds);
	cat_loop_destroy(keeper.loop);
	return code;
}
