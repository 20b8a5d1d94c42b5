// SPDX-License-Identifier: BSD-3-Clause
// Daemons beside a VNF: started, watched, started again; what they print goes to our log.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "cat_log.h"
#include "process.h"

#define RESTART_MIN_MS 100u
#define RESTART_MAX_MS 5000u
#define SETTLED_MS 10000u // who lived that long starts over with the shortest wait
#define STOP_MS 1000u
#define LINE_MAX_BYTES 1024u

struct daemon {
	struct cat_vnf *vnf;
	unsigned handle;
	char **argv;
	const char *name; // in argv[0], behind its last slash
	pid_t pid;        // 0: does not run
	int output;       // -1: none
	struct cat_source *output_source, *child, *timer;
	uint64_t started_ms, wait_ms;
	cat_daemon_ended_fn ended;
	void *ended_user;
	bool stopping;
	char line[LINE_MAX_BYTES];
	size_t length;
};

static void launch(struct daemon *daemon);

static void free_daemon(struct daemon *daemon)
{
	cat_source_remove(daemon->timer);
	cat_source_remove(daemon->child);
	cat_source_remove(daemon->output_source);
	if (daemon->output >= 0)
		close(daemon->output);
	for (size_t i = 0; daemon->argv && daemon->argv[i]; i++)
		free(daemon->argv[i]);
	free(daemon->argv);
	daemon->vnf->daemons[daemon->handle] = NULL;
	free(daemon);
}

static void print_line(struct daemon *daemon)
{
	cat_info("%s: %.*s", daemon->name, (int)daemon->length, daemon->line);
	daemon->length = 0;
}

static void on_output(void *user, int fd, uint32_t events)
{
	struct daemon *daemon = user;
	(void)events;
	char text[4096];
	ssize_t n = read(fd, text, sizeof(text));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		cat_source_remove(daemon->output_source);
		daemon->output_source = NULL;
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (text[i] != '\n')
			daemon->line[daemon->length++] = text[i];
		if (text[i] == '\n' || daemon->length == LINE_MAX_BYTES)
			print_line(daemon);
	}
}

static void on_restart(void *user)
{
	struct daemon *daemon = user;
	daemon->timer = NULL;
	launch(daemon);
}

static void restart_later(struct daemon *daemon)
{
	struct cat_err err = {0};
	daemon->timer = cat_loop_add_timer(daemon->vnf->loop, daemon->wait_ms, 0, on_restart, daemon, &err);
	if (!daemon->timer)
		cat_error("%s is not started again: %s", daemon->name, err.message);
	daemon->wait_ms = daemon->wait_ms * 2 < RESTART_MAX_MS ? daemon->wait_ms * 2 : RESTART_MAX_MS;
}

static void on_end(void *user, pid_t pid, int status)
{
	struct daemon *daemon = user;
	(void)pid;
	daemon->child = NULL;
	daemon->pid = 0;
	if (daemon->output_source)
		on_output(daemon, daemon->output, 0);
	if (daemon->length)
		print_line(daemon);
	cat_source_remove(daemon->output_source);
	daemon->output_source = NULL;
	close(daemon->output);
	daemon->output = -1;
	if (daemon->stopping) {
		free_daemon(daemon);
		return;
	}
	if (WIFSIGNALED(status))
		cat_warn("%s was ended by signal %d", daemon->name, WTERMSIG(status));
	else
		cat_warn("%s ended with code %d", daemon->name, WEXITSTATUS(status));
	if (cat_now_ms() - daemon->started_ms >= SETTLED_MS)
		daemon->wait_ms = RESTART_MIN_MS;
	restart_later(daemon);
	if (daemon->ended)
		daemon->ended(daemon->ended_user);
}

// In the child: only what is safe after a fork in a program with threads.
static _Noreturn void become(const struct daemon *daemon, int output)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int null = open("/dev/null", O_RDONLY);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execvp(daemon->argv[0], daemon->argv);
	const char *text = strerrordesc_np(errno);
	ssize_t n = write(STDERR_FILENO, text, strlen(text));
	(void)n;
	_exit(127);
}

static int spawn(struct daemon *daemon, struct cat_err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return cat_err_errno(err, "%s", daemon->name);
	cat_autofd int ours = ends[0], theirs = ends[1];
	fcntl(ours, F_SETFL, O_NONBLOCK);
	pid_t pid = fork();
	if (pid < 0)
		return cat_err_errno(err, "%s: fork", daemon->name);
	if (pid == 0)
		become(daemon, theirs);
	daemon->child = cat_loop_add_child(daemon->vnf->loop, pid, on_end, daemon, err);
	if (daemon->child)
		daemon->output_source = cat_loop_add_fd(daemon->vnf->loop, ours, EPOLLIN, on_output, daemon, err);
	if (!daemon->child || !daemon->output_source) {
		kill(pid, SIGKILL);
		cat_source_remove(daemon->child);
		daemon->child = NULL;
		waitpid(pid, NULL, 0);
		return err->code;
	}
	daemon->pid = pid;
	daemon->output = cat_steal_fd(ours);
	daemon->started_ms = cat_now_ms();
	cat_info("%s started (process %d)", daemon->name, pid);
	return 0;
}

static void launch(struct daemon *daemon)
{
	struct cat_err err = {0};
	if (spawn(daemon, &err) < 0) {
		cat_error("%s", err.message);
		restart_later(daemon);
	}
}

static char **copy_argv(const char *const *argv)
{
	size_t count = 0;
	while (argv[count])
		count++;
	char **copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = strdup(argv[i]);
		if (!copy[i]) {
			while (i--)
				free(copy[i]);
			free(copy);
			return NULL;
		}
	}
	return copy;
}

int cat_daemon_start(struct cat_vnf *vnf, const char *const *argv, struct cat_err *err)
{
	if (!argv[0])
		return cat_err_set(err, -EINVAL, "a daemon without a name");
	unsigned handle = 0;
	while (handle < CAT_ARRAY_LEN(vnf->daemons) && vnf->daemons[handle])
		handle++;
	if (handle == CAT_ARRAY_LEN(vnf->daemons))
		return cat_err_set(err, -ENOSPC, "%s: more than %zu daemons", argv[0], CAT_ARRAY_LEN(vnf->daemons));
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	if (!daemon)
		return cat_err_set(err, -ENOMEM, "no memory");
	daemon->vnf = vnf;
	daemon->handle = handle;
	daemon->output = -1;
	daemon->wait_ms = RESTART_MIN_MS;
	vnf->daemons[handle] = daemon;
	daemon->argv = copy_argv(argv);
	if (!daemon->argv || !daemon->argv[0]) {
		free_daemon(daemon);
		return cat_err_set(err, -ENOMEM, "no memory");
	}
	const char *slash = strrchr(daemon->argv[0], '/');
	daemon->name = slash ? slash + 1 : daemon->argv[0];
	struct cat_err local = {0};
	int result = spawn(daemon, &local);
	if (result < 0) {
		free_daemon(daemon);
		return cat_err_set(err, result, "%s", local.message);
	}
	return (int)handle;
}

static void on_stop_timer(void *user)
{
	struct daemon *daemon = user;
	daemon->timer = NULL;
	if (daemon->pid)
		kill(daemon->pid, SIGKILL);
}

static struct daemon *daemon_of(const struct cat_vnf *vnf, int handle)
{
	return handle >= 0 && (size_t)handle < CAT_ARRAY_LEN(vnf->daemons) ? vnf->daemons[handle] : NULL;
}

void cat_daemon_on_end(struct cat_vnf *vnf, int handle, cat_daemon_ended_fn fn, void *user)
{
	struct daemon *daemon = daemon_of(vnf, handle);
	if (!daemon)
		return;
	daemon->ended = fn;
	daemon->ended_user = user;
}

void cat_daemon_stop(struct cat_vnf *vnf, int handle)
{
	struct daemon *daemon = daemon_of(vnf, handle);
	if (!daemon || daemon->stopping)
		return;
	daemon->stopping = true;
	cat_source_remove(daemon->timer);
	daemon->timer = NULL;
	if (!daemon->pid) {
		free_daemon(daemon);
		return;
	}
	kill(daemon->pid, SIGTERM);
	daemon->timer = cat_loop_add_timer(vnf->loop, STOP_MS, 0, on_stop_timer, daemon, NULL);
}

void cat_daemon_restart(struct cat_vnf *vnf, int handle)
{
	struct daemon *daemon = daemon_of(vnf, handle);
	// One that does not run just now is about to be started.
	if (daemon && daemon->pid && !daemon->stopping)
		kill(daemon->pid, SIGKILL);
}

static bool any_daemon(const struct cat_vnf *vnf)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(vnf->daemons); i++) {
		if (vnf->daemons[i])
			return true;
	}
	return false;
}

void daemons_stop(struct cat_vnf *vnf)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(vnf->daemons); i++)
		cat_daemon_stop(vnf, (int)i);
	// on_stop_timer ends those that do not go.
	for (uint64_t deadline = cat_now_ms() + 2 * STOP_MS; any_daemon(vnf) && cat_now_ms() < deadline;)
		cat_loop_step(vnf->loop, 50);
	for (size_t i = 0; i < CAT_ARRAY_LEN(vnf->daemons); i++) {
		if (vnf->daemons[i])
			free_daemon(vnf->daemons[i]);
	}
}
