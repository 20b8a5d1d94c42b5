// SPDX-License-Identifier: BSD-3-Clause
// Cgroups of containers, below every hierarchy that the host has mounted.
//
// The runtime makes them and sets the limits. What it leaves (the parents, and everything when it crashes) is ended and
// removed here.
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_loop.h"

#define MOUNTINFO_SIZE_MAX (4u << 20)
#define PROCS_SIZE_MAX (16u << 20)

// The text between the n-th blank and the next one. False: the line is shorter.
static bool field(const char *line, unsigned n, const char **ret_start, size_t *ret_length)
{
	while (n--) {
		line = strchr(line, ' ');
		if (!line)
			return false;
		line++;
	}
	*ret_start = line;
	*ret_length = strcspn(line, " ");
	return true;
}

// Undoes the kernel's octal escapes (\040 for a blank) in place.
static void unescape(char *text)
{
	char *out = text;
	for (const char *in = text; *in; out++) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] && in[3]) {
			*out = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
}

// Of a v1 hierarchy's super options ("rw,cpu,cpuacct") those that are controllers.
static void keep_controllers(const char *options, char *ret_controllers, size_t size)
{
	static const char *const ignored[] = {"rw", "ro", "xattr", "clone_children", "noprefix"};
	ret_controllers[0] = '\0';
	for (size_t length; *options; options += length + (options[length] == ',')) {
		length = strcspn(options, ",");
		bool skip = memchr(options, '=', length) && strncmp(options, "name=", 5) != 0;
		for (size_t i = 0; i < CAT_ARRAY_LEN(ignored); i++)
			skip |= strlen(ignored[i]) == length && memcmp(ignored[i], options, length) == 0;
		size_t used = strlen(ret_controllers);
		if (!skip && used + length + 2 <= size)
			snprintf(ret_controllers + used, size - used, "%s%.*s", used ? "," : "", (int)length, options);
	}
}

// One line of mountinfo (proc_pid_mountinfo(5)): id parent major:minor root mount-point options [tags] - type source
// super.
static void read_mount(const char *root, char *line, struct cat_cgroups *cgroups)
{
	char *separator = strstr(line, " - ");
	const char *type, *super, *point;
	size_t type_length, super_length, point_length;
	if (!separator)
		return;
	*separator = '\0';
	if (!field(separator + 3, 0, &type, &type_length) || !field(separator + 3, 2, &super, &super_length) ||
	    !field(line, 4, &point, &point_length))
		return;
	bool v2 = type_length == 7 && memcmp(type, "cgroup2", 7) == 0;
	if (!v2 && !(type_length == 6 && memcmp(type, "cgroup", 6) == 0))
		return;
	if (cgroups->count == CAT_CGROUP_MOUNTS_MAX)
		return;
	struct cat_cgroup_mount *mount = &cgroups->mount[cgroups->count];
	int length = snprintf(mount->path, sizeof(mount->path), "%s%.*s", root, (int)point_length, point);
	if (length < 0 || (size_t)length >= sizeof(mount->path))
		return;
	unescape(mount->path);
	// A hierarchy may be mounted at two places; one is enough.
	for (uint32_t i = 0; i < cgroups->count; i++)
		if (strcmp(cgroups->mount[i].path, mount->path) == 0 || (v2 && cgroups->mount[i].v2))
			return;
	mount->v2 = v2;
	mount->controllers[0] = '\0';
	if (!v2)
		keep_controllers(super, mount->controllers, sizeof(mount->controllers));
	cgroups->count++;
}

int cat_cgroups_find(const char *root, struct cat_cgroups *ret_cgroups, struct cat_err *err)
{
	cat_autofree char *path = cat_format("%s/proc/self/mountinfo", root);
	if (!path)
		return cat_err_set(err, -ENOMEM, "no memory");
	cat_autofree char *text = NULL;
	size_t size;
	int r = cat_file_read(AT_FDCWD, path, MOUNTINFO_SIZE_MAX, &text, &size, err);
	if (r < 0)
		return r;
	memset(ret_cgroups, 0, sizeof(*ret_cgroups));
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		read_mount(root, line, ret_cgroups);
	bool v1 = false, v2 = false;
	for (uint32_t i = 0; i < ret_cgroups->count; i++) {
		v2 |= ret_cgroups->mount[i].v2;
		// The hierarchy that systemd names its own has no controllers, and does not make a host a v1 host.
		v1 |= !ret_cgroups->mount[i].v2 && strncmp(ret_cgroups->mount[i].controllers, "name=", 5) != 0;
	}
	ret_cgroups->mode = v1 && v2 ? CAT_CGROUP_HYBRID : v1 ? CAT_CGROUP_V1 : v2 ? CAT_CGROUP_V2 : CAT_CGROUP_NONE;
	return 0;
}

const struct cat_cgroup_mount *cat_cgroups_v1(const struct cat_cgroups *cgroups, const char *controller)
{
	size_t length = strlen(controller);
	for (uint32_t i = 0; i < cgroups->count; i++) {
		const char *list = cgroups->mount[i].controllers;
		for (size_t n; *list; list += n + (list[n] == ',')) {
			n = strcspn(list, ",");
			if (n == length && memcmp(list, controller, n) == 0)
				return &cgroups->mount[i];
		}
	}
	return NULL;
}

bool cat_cgroups_swap(const struct cat_cgroups *cgroups)
{
	const struct cat_cgroup_mount *memory = cat_cgroups_v1(cgroups, "memory");
	if (!memory)
		return cgroups->mode == CAT_CGROUP_V2;
	cat_autofree char *path = cat_format("%s/memory.memsw.limit_in_bytes", memory->path);
	return path && access(path, F_OK) == 0;
}

bool cat_cgroup_valid(const char *group)
{
	if (!group || !group[0] || strlen(group) >= 512)
		return false;
	for (size_t length; *group; group += length) {
		length = strcspn(group, "/");
		if (length == 0 || group[0] == '.')
			return false;
		for (size_t i = 0; i < length; i++)
			if ((unsigned char)group[i] <= ' ' || group[i] == '\\' || group[i] == 0x7f)
				return false;
		if (group[length] == '/' && !group[++length])
			return false;
	}
	return true;
}

// Calls fn for the directory and everything below it, deepest first.
typedef int (*group_fn)(void *user, const char *path);
static int walk(const char *path, unsigned depth, group_fn fn, void *user)
{
	cat_autodir DIR *directory = opendir(path);
	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	int result = 0;
	for (struct dirent *entry; depth < CAT_CGROUP_DEPTH_MAX && (entry = readdir(directory));) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		cat_autofree char *child = cat_format("%s/%s", path, entry->d_name);
		int r = child ? walk(child, depth + 1, fn, user) : -ENOMEM;
		if (r < 0)
			result = r;
	}
	int r = fn(user, path);
	return r < 0 ? r : result;
}

struct killing {
	uint64_t deadline;
	pid_t left; // one that has not ended
};

// The next number of a cgroup.procs; 0: there is none. A process of a pid namespace that we do not see is listed as 0.
static pid_t next_pid(char **text)
{
	while (**text) {
		char *end = *text;
		long pid = strtol(*text, &end, 10);
		end += strcspn(end, "\n");
		*text = end + (*end == '\n');
		if (pid > 0)
			return (pid_t)pid;
	}
	return 0;
}

static void wait_end(struct killing *killing, pid_t pid)
{
	cat_autofd int pidfd = pidfd_open(pid, 0);
	if (pidfd < 0)
		return;
	uint64_t now = cat_now_ms();
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	if (poll(&p, 1, now < killing->deadline ? (int)(killing->deadline - now) : 0) == 0)
		killing->left = pid;
}

static int set_frozen(const char *path, const char *state)
{
	cat_autofree char *file = cat_format("%s/freezer.state", path);
	if (!file || access(file, F_OK) < 0)
		return 0;
	return cat_file_write(AT_FDCWD, file, state, NULL);
}

static int kill_group(void *user, const char *path)
{
	struct killing *killing = user;
	cat_autofree char *all = cat_format("%s/cgroup.kill", path);
	cat_autofree char *procs = cat_format("%s/cgroup.procs", path);
	if (!all || !procs)
		return -ENOMEM;
	for (;;) {
		// Either stops a process from forking away while the list is gone through.
		if (access(all, F_OK) == 0)
			cat_file_write(AT_FDCWD, all, "1", NULL);
		set_frozen(path, "FROZEN");
		cat_autofree char *text = NULL;
		int r = cat_file_read(AT_FDCWD, procs, PROCS_SIZE_MAX, &text, NULL, NULL);
		char *next = r < 0 ? NULL : text;
		for (pid_t pid; next && (pid = next_pid(&next));)
			kill(pid, SIGKILL);
		// A frozen process dies only when it is let go.
		set_frozen(path, "THAWED");
		if (r < 0 || !text)
			return r == -ENOENT || r == -ENODEV ? 0 : r;
		next = text;
		bool empty = true;
		for (pid_t pid; (pid = next_pid(&next)); empty = false)
			wait_end(killing, pid);
		if (empty)
			return 0;
		if (cat_now_ms() >= killing->deadline)
			return -EBUSY;
	}
}

int cat_cgroup_kill(const struct cat_cgroups *cgroups, const char *group, int timeout_ms, struct cat_err *err)
{
	if (!cat_cgroup_valid(group))
		return cat_err_set(err, -EINVAL, "\"%s\" cannot be a cgroup", group ? group : "");
	struct killing killing = {.deadline = cat_now_ms() + (uint64_t)timeout_ms};
	for (uint32_t i = 0; i < cgroups->count; i++) {
		cat_autofree char *path = cat_format("%s/%s", cgroups->mount[i].path, group);
		int r = path ? walk(path, 0, kill_group, &killing) : -ENOMEM;
		if (r == -EBUSY)
			return cat_err_set(err, r, "%s: process %d cannot be ended", path, (int)killing.left);
		if (r < 0)
			return cat_err_set(err, r, "%s: %s", path ? path : group, strerror(-r));
	}
	return 0;
}

static int remove_group(void *user, const char *path)
{
	const uint64_t *deadline = user;
	for (;;) {
		if (rmdir(path) == 0 || errno == ENOENT)
			return 0;
		// The kernel lets go of an ended process a moment after it has told of its end.
		if (errno != EBUSY || cat_now_ms() >= *deadline)
			return -errno;
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
}

int cat_cgroup_remove(const struct cat_cgroups *cgroups, const char *group, int timeout_ms, struct cat_err *err)
{
	if (!cat_cgroup_valid(group))
		return cat_err_set(err, -EINVAL, "\"%s\" cannot be a cgroup", group ? group : "");
	uint64_t deadline = cat_now_ms() + (uint64_t)timeout_ms;
	int result = 0;
	for (uint32_t i = 0; i < cgroups->count; i++) {
		cat_autofree char *path = cat_format("%s/%s", cgroups->mount[i].path, group);
		if (!path)
			return cat_err_set(err, -ENOMEM, "no memory");
		int r = walk(path, 0, remove_group, &deadline);
		if (r < 0)
			result = cat_err_set(err, r, "cgroup %s cannot be removed: %s", path, strerror(-r));
		size_t top = strlen(cgroups->mount[i].path);
		for (char *slash; (slash = strrchr(path, '/')) && (size_t)(slash - path) > top;) {
			*slash = '\0';
			if (rmdir(path) < 0 && errno != ENOENT)
				break;
		}
	}
	return result;
}
