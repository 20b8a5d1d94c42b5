// SPDX-License-Identifier: BSD-3-Clause
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_control.h"
#include "cat_file.h"

#define STAT_MAX 4096

static int spawn_actions(posix_spawn_file_actions_t *actions, int control, int log_fd)
{
	int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, log_fd, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, log_fd, STDERR_FILENO);
	// Also clears close-on-exec if it is that descriptor already.
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, control, CAT_CONTROL_FD);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(actions, CAT_CONTROL_FD + 1);
	return r;
}

int process_spawn(const char *const *argv, int control, int log_fd, pid_t *ret_pid, struct cat_err *err)
{
	static const char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
						  NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	sigfillset(&all);
	sigemptyset(&none);
	int r = posix_spawn_file_actions_init(&actions);
	if (r)
		return cat_err_set(err, -r, "%s: %s", argv[0], strerror(r));
	r = posix_spawnattr_init(&attributes);
	if (r) {
		posix_spawn_file_actions_destroy(&actions);
		return cat_err_set(err, -r, "%s: %s", argv[0], strerror(r));
	}
	r = spawn_actions(&actions, control, log_fd);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(&attributes, &all);
	// A group of its own: what a terminal sends to us is not for it.
	if (r == 0)
		r = posix_spawnattr_setpgroup(&attributes, 0);
	if (r == 0)
		r = posix_spawnattr_setflags(&attributes,
					     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	pid_t pid = 0;
	if (r == 0)
		r = posix_spawn(&pid, argv[0], &actions, &attributes, (char *const *)argv, (char *const *)environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		return cat_err_set(err, -r, "starting %s: %s", argv[0], strerror(r));
	*ret_pid = pid;
	return 0;
}

void process_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

// Field 22 of /proc/PID/stat (proc(5)); the name in field 2 may contain anything, so count from its end. 0: no such
// process. *ret_ended: it only waits to be reaped.
static int64_t start_time(pid_t pid, bool *ret_ended)
{
	char path[64];
	cat_autofree char *text = NULL;
	size_t size = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (cat_file_read(AT_FDCWD, path, STAT_MAX, &text, &size, NULL) < 0)
		return 0;
	const char *p = strrchr(text, ')');
	*ret_ended = p && !strncmp(p, ") Z", 3);
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p ? strtoll(p, NULL, 10) : 0;
}

struct cat_node *process_describe(pid_t pid)
{
	bool ended = false;
	int64_t start = start_time(pid, &ended);
	cat_autonode struct cat_node *map = cat_node_new_map();
	if (!start || !map || !cat_node_add_int(map, "pid", pid) || !cat_node_add_int(map, "start_time", start))
		return NULL;
	return cat_steal(map);
}

pid_t process_find_described(const struct cat_node *description)
{
	int64_t pid = 0, start = 0;
	if (cat_node_read_int(description, "pid", CAT_REQUIRED, 2, INT32_MAX, &pid, NULL) < 0 ||
	    cat_node_read_int(description, "start_time", CAT_REQUIRED, 1, INT64_MAX, &start, NULL) < 0)
		return 0;
	bool ended = false;
	return start_time((pid_t)pid, &ended) == start && !ended ? (pid_t)pid : 0;
}

int process_kill_described(const struct cat_node *description, int timeout_ms, struct cat_err *err)
{
	int64_t pid = 0, start = 0;
	int r = cat_node_read_int(description, "pid", CAT_REQUIRED, 2, INT32_MAX, &pid, err);
	if (r == 0)
		r = cat_node_read_int(description, "start_time", CAT_REQUIRED, 1, INT64_MAX, &start, err);
	if (r < 0)
		return r;
	// With the pidfd open the number cannot pass to another process between the check and the signal.
	cat_autofd int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (fd < 0)
		return errno == ESRCH ? 0 : cat_err_errno(err, "process %d", (int)pid);
	bool ended = false;
	if (start_time((pid_t)pid, &ended) != start || ended)
		return 0;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
		return errno == ESRCH ? 0 : cat_err_errno(err, "killing process %d", (int)pid);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int n;
	do {
		n = poll(&wait, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 1 : cat_err_set(err, -ETIMEDOUT, "process %d does not end", (int)pid);
}
