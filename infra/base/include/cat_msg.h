// SPDX-License-Identifier: BSD-3-Clause
// Messages between Catena's processes: one JSON object with descriptors (SCM_RIGHTS) per datagram on a
// SOCK_SEQPACKET unix socket. What is larger than a message travels as a sealed memfd (cat_memfd.h).
#ifndef CAT_MSG_H
#define CAT_MSG_H

#include <stddef.h>

#include "cat_err.h"
#include "cat_tree.h"

#define CAT_MSG_SIZE_MAX (64u << 10) // bytes of JSON
#define CAT_MSG_FDS_MAX 64u

// Sends without blocking. The descriptors stay the caller's.
// Errors: -EAGAIN (the peer does not read), -EPIPE, -E2BIG.
int cat_msg_send(int sock, const struct cat_node *body, const int *fds, size_t fd_count, struct cat_err *err);

// Receives one message. *ret_fds has room for CAT_MSG_FDS_MAX; received descriptors (close-on-exec) belong to
// the caller. *ret_body is always a map; the caller frees.
// Returns 0, -EAGAIN (nothing there on a non-blocking socket), -EPIPE (peer closed), -EBADMSG (not a JSON map,
// truncated, too many descriptors: everything received was closed), or another negative errno.
int cat_msg_receive(int sock, struct cat_node **ret_body, int *ret_fds, size_t *ret_fd_count, struct cat_err *err);

// A pair of connected non-blocking close-on-exec sockets.
int cat_msg_pair(int ret_socks[2], struct cat_err *err);
// Listens at a path (unlinked before), mode 0600. The caller closes, and unlinks the path.
int cat_msg_listen(const char *path, int backlog, int *ret_sock, struct cat_err *err);
int cat_msg_connect(const char *path, int *ret_sock, struct cat_err *err);

#endif
