// SPDX-License-Identifier: BSD-3-Clause
// Running a program to its end, with nothing inherited by accident and never for longer than allowed.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_loop.h"
#include "container.h"

// A manager started by hand may have a PATH without the directories of system tools.
#define SYSTEM_DIRECTORIES "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static char *find_below(const char *directories, const char *name)
{
	while (directories && *directories) {
		size_t length = strcspn(directories, ":");
		char *path = cat_format("%.*s/%s", (int)length, directories, name);
		if (!path || (directories[0] == '/' && access(path, X_OK) == 0))
			return path;
		free(path);
		directories += length;
		directories += *directories == ':';
	}
	return NULL;
}

char *cat_process_find(const char *name, struct cat_err *err)
{
	if (strchr(name, '/')) {
		if (access(name, X_OK) < 0) {
			cat_err_errno(err, "%s cannot be executed", name);
			return NULL;
		}
		char *copy = strdup(name);
		if (!copy)
			cat_err_set(err, -ENOMEM, "no memory");
		return copy;
	}
	char *path = find_below(getenv("PATH"), name);
	if (!path)
		path = find_below(SYSTEM_DIRECTORIES, name);
	if (!path)
		cat_err_set(err, -ENOENT, "%s is not in PATH: install it, or give another runtime with its path", name);
	return path;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	sigfillset(&all);
	sigemptyset(&none);
	int r = posix_spawnattr_setsigdefault(attributes, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attributes, &none);
	// A group of its own, so that whatever it starts can be ended with it.
	if (r == 0)
		r = posix_spawnattr_setpgroup(attributes, 0);
	if (r == 0)
		r = posix_spawnattr_setflags(attributes,
					     POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	return r;
}

static int set_descriptors(posix_spawn_file_actions_t *actions, int out_fd)
{
	int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0 && out_fd < 0)
		r = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	else if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, out_fd, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	return r;
}

static int spawn(const char *path, const char *const *argv, int out_fd, pid_t *ret_pid)
{
	// Nothing of the manager's environment: a runtime hands LISTEN_FDS and NOTIFY_SOCKET on to the container.
	static const char *const environment[] = {"PATH=" SYSTEM_DIRECTORIES, NULL};
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	int r = posix_spawnattr_init(&attributes);
	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0) {
		posix_spawnattr_destroy(&attributes);
		return -r;
	}
	r = set_attributes(&attributes);
	if (r == 0)
		r = set_descriptors(&actions, out_fd);
	if (r == 0)
		r = posix_spawn(ret_pid, path, &actions, &attributes, (char *const *)argv, (char *const *)environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

// Waits until the process has ended. -ETIMEDOUT, or 0; it is not reaped.
static int wait_end(int pidfd, int timeout_ms)
{
	uint64_t deadline = cat_now_ms() + (uint64_t)timeout_ms;
	for (;;) {
		uint64_t now = cat_now_ms();
		struct pollfd p = {.fd = pidfd, .events = POLLIN};
		int n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);
		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int reap(pid_t pid, int *ret_status)
{
	pid_t r;
	do
		r = waitpid(pid, ret_status, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int cat_process_run(const char *const *argv, int out_fd, int timeout_ms, int *ret_status, struct cat_err *err)
{
	cat_autofree char *path = cat_process_find(argv[0], err);
	if (!path)
		return err ? err->code : -ENOENT;
	pid_t pid = 0;
	int r = spawn(path, argv, out_fd, &pid);
	if (r < 0 || pid <= 0)
		return cat_err_set(err, r, "%s cannot be started: %s", path, strerror(-r));
	cat_autofd int pidfd = pidfd_open(pid, 0);
	int ended = pidfd < 0 ? -errno : wait_end(pidfd, timeout_ms);
	if (ended < 0)
		kill(-pid, SIGKILL);
	r = reap(pid, ret_status);
	if (ended == -ETIMEDOUT)
		return cat_err_set(err, ended, "%s did not end within %d ms and was killed", path, timeout_ms);
	if (ended < 0 || r < 0)
		return cat_err_set(err, ended < 0 ? ended : r, "waiting for %s: %s", path,
				   strerror(ended < 0 ? -ended : -r));
	return 0;
}
