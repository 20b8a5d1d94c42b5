// SPDX-License-Identifier: BSD-3-Clause
// How the host's NICs are read and changed.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "nic.h"

// A PF with hundreds of VFs tells about all of them in one message.
#define REPLY_MAX (1u << 20)
#define REPLY_TIMEOUT_S 10
#define REPLIES_MAX 100000u

int nic_write(const struct cat_nic_io *io, struct cat_err *err, const char *text, const char *format, ...)
{
	char path[PATH_MAX], full[PATH_MAX];
	struct cat_err one = {0};
	va_list args;
	va_start(args, format);
	int length = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(path) || !sysfs_path(io->root, full, sizeof(full), "%s", path))
		return cat_err_set(err, -ENAMETOOLONG, "%s: too long a path", io->root);
	int r = io->write ? io->write(io->user, path, text) : cat_file_write(AT_FDCWD, full, text, &one);
	return r < 0 ? cat_err_set(err, r, "writing \"%.*s\" to /%s: %s", (int)strcspn(text, "\n"), text, path,
				   strerror(-r))
		     : 0;
}

static int ask_kernel(struct nlmsghdr *request, cat_netlink_fn reply, void *user)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	const struct timeval timeout = {.tv_sec = REPLY_TIMEOUT_S};
	cat_autofree char *buffer = malloc(REPLY_MAX);
	int r = buffer ? 0 : -ENOMEM;
	if (r == 0 && (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
		       setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
		       mnl_socket_sendto(socket, request, request->nlmsg_len) < 0))
		r = -errno;
	bool more = r == 0;
	for (uint32_t i = 0; more && i < REPLIES_MAX; i++) {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, REPLY_MAX);
		int left = (int)n;
		if (n < 0) {
			r = errno == EAGAIN ? -ETIMEDOUT : -errno;
			break;
		}
		for (struct nlmsghdr *m = (void *)buffer; more && mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_seq != request->nlmsg_seq)
				continue;
			if (m->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *error = mnl_nlmsg_get_payload(m);
				if (mnl_nlmsg_get_payload_len(m) >= sizeof(*error) && error->error)
					r = error->error;
				more = false;
			} else if (m->nlmsg_type == NLMSG_DONE) {
				more = false;
			} else if (reply && r == 0) {
				r = reply(m, user);
			}
		}
	}
	mnl_socket_close(socket);
	return r;
}

int nic_talk(const struct cat_nic_io *io, struct nlmsghdr *request, cat_netlink_fn reply, void *user)
{
	request->nlmsg_seq = 1;
	return io->talk ? io->talk(io->user, request, reply, user) : ask_kernel(request, reply, user);
}

bool nic_there(const struct cat_nic_io *io, const char *bdf)
{
	char path[PATH_MAX];
	return *bdf && sysfs_path(io->root, path, sizeof(path), PCI_DIR "/%s", bdf) && access(path, F_OK) == 0;
}

void nic_vf_bdf(const struct cat_nic_io *io, const char *pf, uint32_t vf, char ret_bdf[CAT_BDF_MAX])
{
	char name[NAME_MAX + 1];
	sysfs_link(io->root, name, sizeof(name), PCI_DIR "/%s/virtfn%u", pf, vf);
	snprintf(ret_bdf, CAT_BDF_MAX, "%.15s", name);
}

void nic_driver(const struct cat_nic_io *io, const char *bdf, char *ret_driver, size_t size)
{
	sysfs_link(io->root, ret_driver, size, PCI_DIR "/%s/driver", bdf);
}

void cat_nic_interface(const struct cat_nic_io *io, const char *bdf, char *ret_name, size_t size)
{
	char path[PATH_MAX];
	ret_name[0] = '\0';
	cat_autodir DIR *dir = sysfs_path(io->root, path, sizeof(path), PCI_DIR "/%s/net", bdf) ? opendir(path) : NULL;
	for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		if (entry->d_name[0] != '.' && (!*ret_name || strcmp(entry->d_name, ret_name) < 0))
			snprintf(ret_name, size, "%s", entry->d_name);
}
