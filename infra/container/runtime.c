// SPDX-License-Identifier: BSD-3-Clause
// The life of a container, by an OCI runtime's command line.
//
// What the runtime makes (its state, cgroups, processes) and what we make (the bundle) is undone together: every
// failure ends in the same deletion that an operator's `down` uses, so there is one way out.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_tree.h"
#include "cgroup.h"
#include "container.h"

#define CREATE_TIMEOUT_MS 30000
#define START_TIMEOUT_MS 5000
#define DELETE_TIMEOUT_MS 30000
#define CHECK_TIMEOUT_MS 5000
#define KILL_TIMEOUT_MS 5000
#define CGROUP_TIMEOUT_MS 2000
#define LOG_SIZE_MAX (256u << 10)
#define ARGUMENTS_MAX 16
#define TUN_PATH "/dev/net/tun"

enum verb { VERB_CREATE, VERB_RUN, VERB_START, VERB_DELETE };
static const char *const verb_names[] = {"create", "run", "start", "delete"};

// The last message of level error or fatal among JSON lines. The caller frees; NULL: none.
static char *last_error(char *log)
{
	char *found = NULL, *save = NULL;
	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		cat_autonode struct cat_node *entry = NULL;
		if (cat_tree_parse_json("log", line, strlen(line), &entry, NULL) < 0)
			continue;
		const char *level = NULL, *message = NULL;
		if (cat_node_read_string(entry, "level", CAT_REQUIRED, &level, NULL) < 0 ||
		    cat_node_read_string(entry, "msg", CAT_REQUIRED, &message, NULL) < 0)
			continue;
		if (strcmp(level, "error") != 0 && strcmp(level, "fatal") != 0)
			continue;
		free(found);
		found = strdup(message);
	}
	return found;
}

// Sets err from what the runtime wrote to its log, a descriptor that can be read from the start.
static int runtime_failed(const char *runtime, const char *verb, int log_fd, int status, struct cat_err *err)
{
	cat_autofree char *text = calloc(1, LOG_SIZE_MAX + 1);
	if (text && log_fd >= 0 && pread(log_fd, text, LOG_SIZE_MAX, 0) < 0)
		text[0] = '\0';
	cat_autofree char *message = text ? last_error(text) : NULL;
	if (message)
		return cat_err_set(err, -EIO, "%s %s: %s", runtime, verb, message);
	if (WIFSIGNALED(status))
		return cat_err_set(err, -EIO, "%s %s was ended by signal %d", runtime, verb, WTERMSIG(status));
	return cat_err_set(err, -EIO, "%s %s failed with status %d and said nothing", runtime, verb,
			   WEXITSTATUS(status));
}

// Runs one verb of the runtime. Its own messages go to a file of their own; out_fd is the container's.
static int run_verb(const struct cat_container_spec *spec, enum verb verb, const char *pid_file, int out_fd,
		    int timeout_ms, struct cat_err *err)
{
	cat_autofd int log_fd = memfd_create("runtime-log", MFD_CLOEXEC);
	// Named through us, because the runtime opens its log by path and inherits no descriptor.
	cat_autofree char *log = cat_format("/proc/%d/fd/%d", (int)getpid(), log_fd);
	if (log_fd < 0 || !log)
		return cat_err_errno(err, "the runtime's log");
	const char *argv[ARGUMENTS_MAX];
	size_t n = 0;
	argv[n++] = spec->runtime;
	argv[n++] = "--root";
	argv[n++] = spec->runtime_root;
	argv[n++] = "--log";
	argv[n++] = log;
	argv[n++] = "--log-format";
	argv[n++] = "json";
	argv[n++] = verb_names[verb];
	if (verb == VERB_RUN)
		argv[n++] = "--detach";
	if (verb == VERB_DELETE)
		argv[n++] = "--force";
	if (verb == VERB_RUN || verb == VERB_CREATE) {
		argv[n++] = "--bundle";
		argv[n++] = spec->directory;
		argv[n++] = "--pid-file";
		argv[n++] = pid_file;
	}
	argv[n++] = spec->id;
	argv[n] = NULL;
	int status;
	int r = cat_process_run(argv, out_fd, timeout_ms, &status, err);
	if (r < 0)
		return r;
	return status == 0 ? 0 : runtime_failed(spec->runtime, verb_names[verb], log_fd, status, err);
}

// The container's root user is nobody to the host: it must be let through each directory on the way to the image.
static int check_searchable(const char *path, struct cat_err *err)
{
	cat_autofree char *part = strdup(path);
	if (!part)
		return cat_err_set(err, -ENOMEM, "no memory");
	struct stat st;
	if (stat(part, &st) < 0)
		return cat_err_errno(err, "image root %s", part);
	if (!S_ISDIR(st.st_mode))
		return cat_err_set(err, -ENOTDIR, "image root %s is not a directory", path);
	for (;;) {
		if (stat(part[0] ? part : "/", &st) < 0)
			return cat_err_errno(err, "%s", part);
		if (!(st.st_mode & S_IXOTH))
			return cat_err_set(
				err, -EACCES,
				"%s has mode %04o: a container's unprivileged user cannot get to %s; chmod o+x %s",
				part, st.st_mode & 07777, path, part);
		char *slash = strrchr(part, '/');
		if (!slash)
			return 0;
		*slash = '\0';
	}
}

// A user namespace cannot make the device: the runtime binds the host's, with the host's mode.
static int check_tun(struct cat_err *err)
{
	struct stat st;
	if (stat(TUN_PATH, &st) < 0)
		return cat_err_errno(err, TUN_PATH " is needed (modprobe tun)");
	if ((st.st_mode & 0006) != 0006)
		return cat_err_set(err, -EACCES,
				   TUN_PATH " has mode %04o: expected 0666, as udev has it; chmod 666 " TUN_PATH,
				   st.st_mode & 07777);
	return 0;
}

// Parents are removed when the last container of a service goes, and must not go while another one is being made
// below them: makers hold this shared, removers alone.
static int lock_root(const struct cat_container_spec *spec, int operation, int *ret_fd, struct cat_err *err)
{
	cat_autofd int fd = open(spec->runtime_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cat_err_errno(err, "%s", spec->runtime_root);
	while (flock(fd, operation) < 0)
		if (errno != EINTR)
			return cat_err_errno(err, "lock of %s", spec->runtime_root);
	*ret_fd = cat_steal_fd(fd);
	return 0;
}

static int write_bundle(const struct cat_container_spec *spec, struct cat_err *err)
{
	struct cat_cgroups cgroups;
	int r = cat_cgroups_find("", &cgroups, err);
	if (r < 0)
		return r;
	if (cgroups.mode == CAT_CGROUP_NONE)
		return cat_err_set(err, -ENOTSUP, "no cgroup hierarchy is mounted: limits need one (/sys/fs/cgroup)");
	json_t *config = cat_bundle_config(spec, cat_cgroups_swap(&cgroups), err);
	if (!config)
		return err ? err->code : -EINVAL;
	cat_autofree char *text = json_dumps(config, JSON_INDENT(1));
	json_decref(config);
	cat_autofree char *path = cat_format("%s/config.json", spec->directory);
	if (!text || !path)
		return cat_err_set(err, -ENOMEM, "no memory");
	cat_autofd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return cat_err_errno(err, "%s", path);
	return cat_file_write(AT_FDCWD, path, text, err);
}

static int read_pid(const char *path, pid_t *ret_pid, struct cat_err *err)
{
	long long pid;
	int r = cat_file_read_int(AT_FDCWD, path, &pid, err);
	if (r < 0)
		return r;
	if (pid <= 1 || pid > INT32_MAX)
		return cat_err_set(err, -EBADMSG, "%s: %lld is no process id", path, pid);
	*ret_pid = (pid_t)pid;
	return 0;
}

// -EEXIST: a container, or a bundle, of that name is there already; it is not ours to undo.
static int claim(const struct cat_container_spec *spec, struct cat_err *err)
{
	cat_autofree char *state = cat_format("%s/%s", spec->runtime_root, spec->id);
	cat_autofree char *parent = strdup(spec->directory);
	if (!state || !parent)
		return cat_err_set(err, -ENOMEM, "no memory");
	if (access(state, F_OK) == 0)
		return cat_err_set(err, -EEXIST, "a container %s exists already (%s)", spec->id, state);
	char *slash = strrchr(parent, '/');
	*slash = '\0';
	int r = parent[0] ? cat_dir_create(parent, 0711, err) : 0;
	if (r < 0)
		return r;
	if (mkdir(spec->directory, 0711) < 0)
		return cat_err_errno(err, "bundle %s", spec->directory);
	return 0;
}

static int make(const struct cat_container_spec *spec, enum verb verb, pid_t *ret_pid, struct cat_err *err)
{
	cat_autofree char *pid_file = cat_format("%s/pid", spec->directory);
	if (!pid_file)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = check_searchable(spec->image_root, err);
	if (r == 0 && spec->tun)
		r = check_tun(err);
	if (r < 0)
		return r;
	r = cat_dir_create(spec->runtime_root, 0711, err);
	if (r < 0)
		return r;
	cat_autofd int lock = -1;
	r = lock_root(spec, LOCK_SH, &lock, err);
	if (r < 0)
		return r;
	r = claim(spec, err);
	if (r < 0)
		return r;
	r = write_bundle(spec, err);
	if (r == 0)
		r = run_verb(spec, verb, pid_file, spec->log_fd, CREATE_TIMEOUT_MS, err);
	if (r == 0)
		r = read_pid(pid_file, ret_pid, err);
	if (r == 0)
		return 0;
	// The lock goes first: deletion takes it alone.
	close(cat_steal_fd(lock));
	struct cat_err undo = {0};
	if (cat_container_delete(spec, &undo) < 0 && err) {
		struct cat_err first = *err;
		cat_err_set(err, first.code, "%s; and undoing it: %s", first.message, undo.message);
	}
	return r;
}

static int checked_make(const struct cat_container_spec *spec, enum verb verb, pid_t *ret_pid, struct cat_err *err)
{
	struct cat_err own = {0};
	if (!err)
		err = &own;
	int r = cat_bundle_check(spec, err);
	if (r == 0)
		r = make(spec, verb, ret_pid, err);
	if (r < 0)
		cat_err_wrap(err, "container %s", spec->id ? spec->id : "");
	return r;
}

int cat_container_create(const struct cat_container_spec *spec, pid_t *ret_pid, struct cat_err *err)
{
	return checked_make(spec, VERB_CREATE, ret_pid, err);
}

int cat_container_run(const struct cat_container_spec *spec, pid_t *ret_pid, struct cat_err *err)
{
	return checked_make(spec, VERB_RUN, ret_pid, err);
}

int cat_container_start(const struct cat_container_spec *spec, struct cat_err *err)
{
	int r = cat_bundle_check_names(spec, err);
	if (r == 0)
		r = run_verb(spec, VERB_START, NULL, -1, START_TIMEOUT_MS, err);
	if (r < 0)
		cat_err_wrap(err, "container %s", spec->id ? spec->id : "");
	return r;
}

static int delete_state(const struct cat_container_spec *spec, struct cat_err *err)
{
	cat_autofree char *state = cat_format("%s/%s", spec->runtime_root, spec->id);
	if (!state)
		return cat_err_set(err, -ENOMEM, "no memory");
	if (access(state, F_OK) < 0)
		return 0;
	struct cat_err refused = {0};
	run_verb(spec, VERB_DELETE, NULL, -1, DELETE_TIMEOUT_MS, &refused);
	// A runtime that was killed half way leaves a state that it refuses to read, and then to delete. Its processes
	// are gone, so this is all there is.
	if (access(state, F_OK) == 0)
		return cat_dir_remove(state, err);
	return 0;
}

static int delete_all(const struct cat_container_spec *spec, struct cat_err *err)
{
	struct cat_cgroups cgroups;
	int r = cat_bundle_check_names(spec, err);
	if (r == 0)
		r = cat_cgroups_find("", &cgroups, err);
	if (r < 0)
		return r;
	// Killing here rather than by the runtime, which looks every 100 ms whether the process has ended.
	r = cat_cgroup_kill(&cgroups, spec->cgroup, KILL_TIMEOUT_MS, err);
	if (r < 0)
		return r;
	r = delete_state(spec, err);
	if (r < 0)
		return r;
	cat_autofd int lock = -1;
	r = lock_root(spec, LOCK_EX, &lock, err);
	// Without a runtime root nothing is being made below it.
	if (r == 0 || r == -ENOENT)
		r = cat_cgroup_remove(&cgroups, spec->cgroup, CGROUP_TIMEOUT_MS, err);
	int removed = cat_dir_remove(spec->directory, r < 0 ? NULL : err);
	return r < 0 ? r : removed;
}

int cat_container_delete(const struct cat_container_spec *spec, struct cat_err *err)
{
	int r = delete_all(spec, err);
	if (r < 0)
		cat_err_wrap(err, "container %s", spec->id ? spec->id : "");
	return r;
}

int cat_container_check_runtime(const char *runtime, struct cat_err *err)
{
	struct cat_cgroups cgroups;
	int r = cat_cgroups_find("", &cgroups, err);
	if (r < 0)
		return r;
	cat_autofd int out = memfd_create("runtime-version", MFD_CLOEXEC);
	if (out < 0)
		return cat_err_errno(err, "memfd");
	int status;
	r = cat_process_run((const char *[]){runtime, "--version", NULL}, out, CHECK_TIMEOUT_MS, &status, err);
	if (r < 0)
		return r;
	char text[1024] = "";
	if (pread(out, text, sizeof(text) - 1, 0) < 0 || status != 0 || !strstr(text, "spec: 1."))
		return cat_err_set(
			err, -ENOTSUP,
			"%s --version tells of no OCI runtime specification 1.x: expected runc, crun or the like",
			runtime);
	if (strncmp(text, "crun version", 12) == 0 && cgroups.mode == CAT_CGROUP_HYBRID)
		return cat_err_set(
			err, -ENOTSUP,
			"%s refuses hosts with hybrid cgroups (v1 and v2 mounted together): use runc, or boot with "
			"systemd.unified_cgroup_hierarchy=1",
			runtime);
	return 0;
}
