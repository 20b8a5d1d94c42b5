// SPDX-License-Identifier: BSD-3-Clause
#include "cat_msg.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cat_cleanup.h"

int cat_msg_send(int sock, const struct cat_node *body, const int *fds, size_t fd_count, struct cat_err *err)
{
	if (fd_count > CAT_MSG_FDS_MAX)
		return cat_err_set(err, -E2BIG, "message: found %zu descriptors, at most %u fit", fd_count,
				   CAT_MSG_FDS_MAX);
	cat_autofree char *text = cat_node_to_json(body, 0);
	if (!text)
		return cat_err_set(err, -ENOMEM, "message: no memory");
	size_t size = strlen(text);
	if (size > CAT_MSG_SIZE_MAX)
		return cat_err_set(err, -E2BIG, "message: found %zu bytes, at most %u fit", size, CAT_MSG_SIZE_MAX);

	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * CAT_MSG_FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = text, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd_count) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(head), fds, sizeof(int) * fd_count);
	}
	ssize_t n;
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? cat_err_errno(err, "sending a message") : 0;
}

// Collects the descriptors of a received message. False: more than fit.
static bool take_fds(struct msghdr *msg, int *fds, size_t *ret_count)
{
	bool whole = true;
	size_t count = 0;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
			if (count < CAT_MSG_FDS_MAX) {
				fds[count++] = fd;
			} else {
				close(fd);
				whole = false;
			}
		}
	}
	*ret_count = count;
	return whole;
}

int cat_msg_receive(int sock, struct cat_node **ret_body, int *ret_fds, size_t *ret_fd_count, struct cat_err *err)
{
	cat_autofree char *text = malloc(CAT_MSG_SIZE_MAX);
	if (!text)
		return cat_err_set(err, -ENOMEM, "message: no memory");
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * CAT_MSG_FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = text, .iov_len = CAT_MSG_SIZE_MAX};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control)};
	ssize_t n;
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ECONNRESET)
		return cat_err_set(err, -EPIPE, "the peer closed the connection");
	if (n < 0)
		return cat_err_errno(err, "receiving a message");

	int fds[CAT_MSG_FDS_MAX];
	size_t count;
	bool whole = take_fds(&msg, fds, &count) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
	int r = 0;
	cat_autonode struct cat_node *body = NULL;
	if (n == 0 && !count)
		return cat_err_set(err, -EPIPE, "the peer closed the connection");
	if (!whole)
		r = cat_err_set(err, -EBADMSG, "message: larger than accepted");
	else if (cat_tree_parse_json("message", text, (size_t)n, &body, err) < 0)
		r = -EBADMSG;
	else if (body->type != CAT_MAP)
		r = cat_err_set(err, -EBADMSG, "message: no map");
	if (r < 0) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		return r;
	}
	memcpy(ret_fds, fds, sizeof(int) * count);
	*ret_fd_count = count;
	*ret_body = cat_steal(body);
	return 0;
}

int cat_msg_pair(int ret_socks[2], struct cat_err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_socks) < 0)
		return cat_err_errno(err, "socket pair");
	return 0;
}

static int open_socket(const char *path, struct sockaddr_un *address, int *ret_sock, struct cat_err *err)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	size_t length = strlen(path);
	if (length >= sizeof(address->sun_path))
		return cat_err_set(err, -ENAMETOOLONG, "%s: found %zu bytes, a socket's path has at most %zu", path,
				   length, sizeof(address->sun_path) - 1);
	memcpy(address->sun_path, path, length);
	*ret_sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return *ret_sock < 0 ? cat_err_errno(err, "%s", path) : 0;
}

int cat_msg_listen(const char *path, int backlog, int *ret_sock, struct cat_err *err)
{
	struct sockaddr_un address;
	cat_autofd int sock = -1;
	int r = open_socket(path, &address, &sock, err);
	if (r < 0)
		return r;
	unlink(path);
	// The mode is right from the first moment: fchmod before bind decides it on Linux.
	if (fchmod(sock, 0600) < 0 || bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0600) < 0 || listen(sock, backlog) < 0)
		return cat_err_errno(err, "%s: listening", path);
	*ret_sock = cat_steal_fd(sock);
	return 0;
}

int cat_msg_connect(const char *path, int *ret_sock, struct cat_err *err)
{
	struct sockaddr_un address;
	cat_autofd int sock = -1;
	int r = open_socket(path, &address, &sock, err);
	if (r < 0)
		return r;
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		return cat_err_errno(err, "%s: connecting", path);
	*ret_sock = cat_steal_fd(sock);
	return 0;
}
