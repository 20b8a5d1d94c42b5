// SPDX-License-Identifier: BSD-3-Clause
// catenad: the VNF manager.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "api.h"
#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "manager.h"
#include "method.h"
#include "metrics.h"
#include "package.h"

#define FLUSH_MS 2000

static void set_up_log(const struct options *options)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	cat_log_set_component("catenad");
	cat_log_set_json(!strcmp(options->log_format, "json"));
	for (int i = 0; i < (int)CAT_ARRAY_LEN(levels); i++)
		if (!strcmp(levels[i], options->log_level))
			cat_log_set_level((enum cat_log_level)i);
}

// One manager to a run directory. *ret_fd holds the lock until it is closed.
static int lock_run_dir(const struct options *options, int *ret_fd, struct cat_err *err)
{
	int r = cat_dir_create(options->run_dir, 0755, err);
	if (r < 0)
		return r;
	cat_autofree char *path = cat_format("%s/catenad.pid", options->run_dir);
	if (!path)
		return cat_err_set(err, -ENOMEM, "no memory");
	cat_autofd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return cat_err_errno(err, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		char pid[32] = "";
		ssize_t n = read(fd, pid, sizeof(pid) - 1);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = 0;
		return cat_err_set(err, -EBUSY,
				   "%s: catenad runs there already (process %s); give another --run-dir and "
				   "--state-dir for a second one",
				   options->run_dir, pid);
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", getpid()) < 0)
		return cat_err_errno(err, "%s", path);
	*ret_fd = cat_steal_fd(fd);
	return 0;
}

// systemd's readiness protocol (sd_notify(3)): one datagram.
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (!path || strlen(path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, strlen(path));
	if (address.sun_path[0] == '@')
		address.sun_path[0] = 0;
	cat_autofd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (fd >= 0)
		sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
}

// In the parent: waits until the child serves or says why not, then ends. In the child: *ret_ready is where to say so.
static int daemonise(int *ret_ready, struct cat_err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return cat_err_errno(err, "pipe");
	pid_t pid = fork();
	if (pid < 0)
		return cat_err_errno(err, "fork");
	if (pid == 0) {
		close(fds[0]);
		setsid();
		*ret_ready = fds[1];
		return 0;
	}
	close(fds[1]);
	char text[CAT_ERR_MESSAGE_MAX + 32];
	size_t used = 0;
	for (ssize_t n; used < sizeof(text) - 1; used += (size_t)n) {
		n = read(fds[0], text + used, sizeof(text) - 1 - used);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			break;
	}
	text[used] = 0;
	if (!strcmp(text, "ready"))
		_exit(0);
	fprintf(stderr, "catenad: %s\n", used ? text : "ended before it served");
	_exit(1);
}

static int to_log_file(const struct options *options, struct cat_err *err)
{
	cat_autofd int log = open(options->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	cat_autofd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (log < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
	    dup2(log, STDERR_FILENO) < 0)
		return cat_err_errno(err, "%s", options->log_file);
	return chdir("/") < 0 ? cat_err_errno(err, "/") : 0;
}

static void on_signal(void *user, int signo)
{
	cat_info("got signal %d (%s)", signo, sigabbrev_np(signo));
	manager_stop(user);
}

static int add_signals(struct manager *manager, struct cat_err *err)
{
	static const int signals[] = {SIGTERM, SIGINT};
	// Containers whose runtime has ended become our children: their exit codes come to us, and nobody else has to
	// reap them.
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (size_t i = 0; i < CAT_ARRAY_LEN(signals); i++)
		if (!cat_loop_add_signal(manager->loop, signals[i], on_signal, manager, err))
			return err->code;
	return 0;
}

static int serve(const struct options *options, int ready, struct cat_err *err)
{
	cat_autofd int lock = -1;
	int r = lock_run_dir(options, &lock, err);
	if (r < 0)
		return r;
	// A service of many lanes has hundreds of descriptors.
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	struct cat_loop *loop = cat_loop_create(err);
	struct manager *manager = loop ? manager_create(options, loop, err) : NULL;
	struct sol *sol = manager && add_signals(manager, err) == 0 ? sol_create(manager, err) : NULL;
	static const struct api_surface *const surfaces[] = {&sol_surface, &package_surface, &metrics_surface, NULL};
	if (sol)
		manager->api = api_create(manager, surfaces, err);
	bool serves = manager && manager->api;
	r = serves ? 0 : err->code < 0 ? err->code : -EIO;
	if (serves && ready >= 0)
		r = to_log_file(options, err);
	if (serves && r == 0)
		r = manager_start_services(manager, err);
	if (serves && r == 0) {
		sol_start(sol);
		cat_info("serves on %s", options->socket);
		notify("READY=1");
		if (ready >= 0) {
			ssize_t n = write(ready, "ready", 5);
			(void)n;
			close(ready);
		}
		r = cat_loop_run(loop);
		notify("STOPPING=1");
		api_flush(manager->api, FLUSH_MS);
		cat_info("ends");
	}
	if (manager) {
		api_destroy(manager->api);
		manager->api = NULL;
	}
	sol_destroy(sol);
	manager_destroy(manager);
	cat_loop_destroy(loop);
	cat_autofree char *pid_file = cat_format("%s/catenad.pid", options->run_dir);
	if (pid_file)
		unlink(pid_file);
	return r;
}

static int print_openapi(void)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *schema = sol_schema(&err);
	cat_autofree char *text = schema ? openapi_text(schema) : NULL;
	if (!text)
		fprintf(stderr, "catenad: %s\n", schema ? "no memory" : err.message);
	else
		fputs(text, stdout);
	return !text;
}

int main(int argc, char **argv)
{
	struct cat_err err = {0};
	struct options options;
	cat_autofree char *prefix = options_prefix(&err);
	if (!prefix || options_parse(&options, prefix, argc, argv, &err) < 0) {
		fprintf(stderr, "catenad: %s\n", err.message);
		return 2;
	}
	int code = 0, ready = -1;
	if (options.help) {
		cat_autofree char *help = options_help();
		fputs(help ? help : "", stdout);
	} else if (options.version) {
		printf("catenad %s\n", CATENA_VERSION);
	} else if (options.openapi) {
		code = print_openapi();
	} else if (geteuid() != 0) {
		fprintf(stderr, "catenad: makes containers and shared memory: run it as root\n");
		code = 1;
	} else {
		set_up_log(&options);
		umask(022);
		if ((options.daemonise && daemonise(&ready, &err) < 0) || serve(&options, ready, &err) < 0) {
			if (ready >= 0)
				dprintf(ready, "%s", err.message);
			else
				cat_error("%s", err.message);
			code = 1;
		}
	}
	options_free(&options);
	return code;
}
