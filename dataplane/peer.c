// SPDX-License-Identifier: BSD-3-Clause
// One function's process: who may connect, what it says, and what happens when it ends.
//
// What comes from the socket is untrusted. A process that is known is followed by its pidfd: that its socket is closed
// says nothing about its workers, so that rings are touched only after the whole process is gone.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "account.h"
#include "cat_log.h"
#include "cat_msg.h"
#include "control.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define MESSAGES_PER_ROUND 16u
#define MALFORMED_MAX 16u
#define VIOLATION_PERIOD_MS 1000u
#define LEAVING_MS 2000u // a process without a connection has so long to end

static void disconnect(struct peer *peer)
{
	cat_source_remove(peer->reading);
	peer->reading = NULL;
	if (peer->sock >= 0)
		close(peer->sock);
	peer->sock = -1;
}

// The process is gone, and with it everybody who could write what its workers wrote.
static void process_ended(void *user, int fd, uint32_t events)
{
	(void)fd, (void)events;
	struct peer *peer = user;
	bool was_attached = peer->state >= PEER_ATTACHED;
	cat_source_remove(peer->ending);
	peer->ending = NULL;
	close(peer->pidfd);
	peer->pidfd = -1;
	disconnect(peer);
	peer->state = PEER_NONE;
	peer->moving = false;
	char message[128] = "the process ended before it was attached";
	if (was_attached) {
		uint32_t torn = service_recover(&peer->control->service, peer->function);
		uint32_t kept = account_settle(&peer->control->service, peer->function);
		snprintf(message, sizeof(message),
			 "the process ended; packets that it may have left half changed: %u; buffers that it kept: %u",
			 torn, kept);
	}
	control_report(peer->control, peer, "lost", message, NULL);
	peer->pid = 0;
	control_peer_changed(peer->control);
	scale_proceed(peer->control);
	// The next one may come.
	cat_source_set_events(peer->listening, EPOLLIN);
}

static void leave(struct peer *peer, const char *why)
{
	cat_info("function %s: process %d: %s", peer->function->name, (int)peer->pid, why);
	disconnect(peer);
	if (peer->state == PEER_CONNECTED) {
		// It has none of our memory: nothing to wait for.
		cat_source_remove(peer->ending);
		peer->ending = NULL;
		close(peer->pidfd);
		peer->pidfd = -1;
		peer->state = PEER_NONE;
		control_report(peer->control, peer, "lost", why, NULL);
		peer->pid = 0;
		cat_source_set_events(peer->listening, EPOLLIN);
		return;
	}
	peer->state = PEER_LEAVING;
	peer->leaving_ms = cat_now_ms();
	control_peer_changed(peer->control);
}

static void try_attach(struct peer *peer)
{
	if (peer->state != PEER_CONNECTED || !peer->greeted || peer->config_fd < 0)
		return;
	struct cat_err err = {0};
	if (peer_send_attach(peer, &err) < 0) {
		// Parts of the memory may have arrived.
		peer->state = PEER_ATTACHED;
		leave(peer, err.message);
		return;
	}
	peer->state = PEER_ATTACHED;
	control_report(peer->control, peer, "attached", NULL, NULL);
}

static int take_hello(struct peer *peer, const struct cat_node *body, struct cat_err *err)
{
	int64_t abi = 0;
	const char *kind = "";
	int r = cat_node_read_int(body, "abi", CAT_REQUIRED, 0, UINT32_MAX, &abi, err);
	if (r == 0)
		r = cat_node_read_string(body, "kind", CAT_REQUIRED, &kind, err);
	if (r < 0)
		return r;
	if (abi != CAT_ABI_VERSION)
		return cat_err_set(err, -EPROTO, "it was built for ABI %" PRId64 ", expected %u: build the image anew",
				   abi, CAT_ABI_VERSION);
	if (strcmp(kind, peer->function->kind))
		return cat_err_set(err, -EPROTO, "it is a \"%.64s\", expected a \"%s\"", kind, peer->function->kind);
	peer->greeted = true;
	return 0;
}

static void note_malformed(struct peer *peer, const char *what)
{
	char message[256];
	snprintf(message, sizeof(message), "message that cannot be understood: %.200s", what);
	if (peer->malformed++ == 0)
		control_report(peer->control, peer, "violation", message, NULL);
	if (peer->malformed >= MALFORMED_MAX)
		leave(peer, "too many messages that cannot be understood");
}

static void handle(struct peer *peer, const struct cat_node *body)
{
	struct cat_err err = {0};
	const char *type = "", *message = NULL, *pointer = NULL;
	if (cat_node_read_string(body, "type", CAT_REQUIRED, &type, &err) < 0) {
		note_malformed(peer, err.message);
	} else if (!strcmp(type, "hello") && peer->state == PEER_CONNECTED && !peer->greeted) {
		if (take_hello(peer, body, &err) == 0) {
			try_attach(peer);
		} else {
			control_report(peer->control, peer, "rejected", err.message, NULL);
			leave(peer, err.message);
		}
	} else if (!strcmp(type, "running") && peer->state == PEER_ATTACHED) {
		peer->state = PEER_RUNNING;
		control_report(peer->control, peer, "running", NULL, NULL);
		control_peer_changed(peer->control);
	} else if (!strcmp(type, "moved") && peer->moving) {
		peer->moving = false;
		scale_proceed(peer->control);
	} else if (!strcmp(type, "configured") && peer->state == PEER_RUNNING) {
		control_report(peer->control, peer, "configured", NULL, NULL);
	} else if (!strcmp(type, "rejected") && peer->state >= PEER_ATTACHED) {
		if (cat_node_read_string(body, "message", CAT_REQUIRED, &message, &err) < 0 ||
		    cat_node_read_string(body, "pointer", CAT_OPTIONAL, &pointer, &err) < 0)
			note_malformed(peer, err.message);
		else
			control_report(peer->control, peer, "rejected", message, pointer);
	} else {
		note_malformed(peer, type);
	}
}

static void readable(void *user, int fd, uint32_t events)
{
	(void)events;
	struct peer *peer = user;
	for (unsigned i = 0; i < MESSAGES_PER_ROUND && peer->sock == fd; i++) {
		struct cat_err err = {0};
		cat_autonode struct cat_node *body = NULL;
		int fds[CAT_MSG_FDS_MAX];
		size_t fd_count = 0;
		int r = cat_msg_receive(fd, &body, fds, &fd_count, &err);
		if (r == -EAGAIN)
			return;
		if (r == -EBADMSG) {
			note_malformed(peer, err.message);
			continue;
		}
		if (r < 0) {
			leave(peer, r == -EPIPE ? "closed its connection" : err.message);
			return;
		}
		// Functions have nothing to hand to us.
		for (size_t k = 0; k < fd_count; k++)
			close(fds[k]);
		handle(peer, body);
	}
}

// Fails if the process is not who was announced, or is gone already.
static int identify(struct peer *peer, int sock, struct cat_err *err)
{
	struct ucred who;
	socklen_t size = sizeof(who);
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return cat_err_errno(err, "SO_PEERCRED");
	if (!peer->expected || who.uid != peer->uid)
		return cat_err_set(err, -EPERM, "found uid %u, expected %s%u", who.uid,
				   peer->expected ? "" : "nobody; last ", peer->uid);
	int pidfd = -1;
	size = sizeof(pidfd);
	if (getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0)
		pidfd = (int)syscall(SYS_pidfd_open, who.pid, 0);
	if (pidfd < 0)
		return cat_err_errno(err, "process %d", (int)who.pid);
	// One that died in the queue must not be taken for one whose worker is to be taken over from.
	if (poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 0) != 0) {
		close(pidfd);
		return cat_err_set(err, -ESRCH, "process %d has ended", (int)who.pid);
	}
	peer->pid = who.pid;
	peer->pidfd = pidfd;
	return 0;
}

static void connecting(void *user, int fd, uint32_t events)
{
	(void)events;
	struct peer *peer = user;
	struct cat_err err = {0};
	cat_autofd int sock = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (sock < 0)
		return;
	if (identify(peer, sock, &err) < 0) {
		cat_warn("function %s: connection refused: %s", peer->function->name, err.message);
		return;
	}
	peer->ending = cat_loop_add_fd(peer->control->loop, peer->pidfd, EPOLLIN, process_ended, peer, &err);
	if (peer->ending)
		peer->reading = cat_loop_add_fd(peer->control->loop, sock, EPOLLIN, readable, peer, &err);
	if (!peer->reading) {
		cat_error("function %s: %s", peer->function->name, err.message);
		cat_source_remove(peer->ending);
		peer->ending = NULL;
		close(peer->pidfd);
		peer->pidfd = -1;
		return;
	}
	peer->sock = cat_steal_fd(sock);
	peer->state = PEER_CONNECTED;
	peer->greeted = false;
	peer->malformed = 0;
	peer->condemned_ms = 0;
	// One process at a time; the next one waits in the backlog until this one is gone.
	cat_source_set_events(peer->listening, 0);
}

int peer_open(struct peer *peer, struct control *control, struct service_function *function, struct cat_err *err)
{
	*peer = (struct peer){.control = control, .function = function, .config_fd = -1, .sock = -1, .pidfd = -1};
	int fd = fd_table_get(&control->service.fds, err, "function/%s/listen", function->name);
	if (fd < 0)
		return err->code;
	// Who comes before the manager says whom to expect waits in the socket's queue.
	// The process may be gone again before it is accepted.
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return cat_err_errno(err, "function %s: socket", function->name);
	peer->listening = cat_loop_add_fd(control->loop, fd, 0, connecting, peer, err);
	return peer->listening ? 0 : err->code;
}

void peer_close(struct peer *peer)
{
	if (!peer->function)
		return;
	cat_source_remove(peer->listening);
	cat_source_remove(peer->ending);
	peer->listening = peer->ending = NULL;
	disconnect(peer);
	if (peer->pidfd >= 0)
		close(peer->pidfd);
	if (peer->config_fd >= 0)
		close(peer->config_fd);
	peer->pidfd = peer->config_fd = -1;
}

static int send_simple(const struct peer *peer, const char *type, const int *fds, size_t fd_count)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *body = cat_node_new_map();
	if (!body || !cat_node_add_string(body, "type", type))
		return -ENOMEM;
	int r = cat_msg_send(peer->sock, body, fds, fd_count, &err);
	if (r < 0)
		cat_warn("function %s: %s not sent: %s", peer->function->name, type, err.message);
	return r;
}

int peer_move(struct peer *peer)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *body = cat_node_new_map();
	struct cat_node *lanes = NULL;
	const struct lane_shared *shared = &peer->control->service.lanes;
	bool complete = body && cat_node_add_string(body, "type", "move") && (lanes = cat_node_add_list(body, "lanes"));
	for (uint32_t i = 0; complete && i < shared->lanes; i++)
		complete = cat_node_add_int(lanes, NULL, shared->lane[i].cpu);
	if (!complete)
		return -ENOMEM;
	int r = cat_msg_send(peer->sock, body, NULL, 0, &err);
	if (r < 0)
		cat_warn("function %s: move not sent: %s", peer->function->name, err.message);
	return r;
}

void peer_configure(struct peer *peer, int config_fd)
{
	if (peer->config_fd >= 0)
		close(peer->config_fd);
	peer->config_fd = config_fd;
	if (peer->state == PEER_CONNECTED)
		try_attach(peer);
	else if (peer->sock >= 0 && send_simple(peer, "configure", &config_fd, 1) < 0)
		control_report(peer->control, peer, "rejected", "the process does not take messages", NULL);
}

void peer_expect(struct peer *peer, uid_t uid)
{
	if (!peer->expected)
		cat_source_set_events(peer->listening, EPOLLIN);
	peer->expected = true;
	peer->uid = uid;
}

void peer_stop(struct peer *peer)
{
	if (peer->sock >= 0)
		send_simple(peer, "stop", NULL, 0);
}

// What is so bad that the process must go, whoever has heard of it before. NULL: nothing.
static const char *must_go(const struct peer *peer, char *message, size_t size)
{
	if (peer->state < PEER_ATTACHED)
		return NULL;
	if (account_check(&peer->control->service, peer->function, message, size))
		return message;
	// One that ends does so sooner.
	bool lingers = peer->state == PEER_LEAVING && cat_now_ms() - peer->leaving_ms > LEAVING_MS;
	return lingers ? "closed its connection, and does not end" : NULL;
}

// Again and again until it is gone: the manager may have been busy starting it.
static bool condemn(struct peer *peer)
{
	char message[128];
	uint64_t now = cat_now_ms();
	const char *why = must_go(peer, message, sizeof(message));
	if (why && now - peer->condemned_ms >= VIOLATION_PERIOD_MS) {
		peer->condemned_ms = now;
		control_report(peer->control, peer, "violation", why, NULL);
	}
	return why;
}

void peer_check(struct peer *peer)
{
	if (condemn(peer))
		return;
	uint64_t now = cat_now_ms(), total = service_violations(&peer->control->service, peer->function);
	if (total == peer->violations_reported || now - peer->violation_report_ms < VIOLATION_PERIOD_MS)
		return;
	char message[128];
	snprintf(message, sizeof(message),
		 "descriptors or ring indices that cannot be: %" PRIu64 " (%" PRIu64 " in all)",
		 total - peer->violations_reported, total);
	peer->violations_reported = total;
	peer->violation_report_ms = now;
	control_report(peer->control, peer, "violation", message, NULL);
}
