// SPDX-License-Identifier: BSD-3-Clause
// What tests with real containers share: a place of their own, a container from a specification, and the proof that
// nothing is left.
#ifndef CONTAINER_TEST_H
#define CONTAINER_TEST_H

#include "../unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cat_cleanup.h"
#include "cat_container.h"
#include "cat_file.h"
#include "cat_image.h"
#include "cat_loop.h"
#include "cgroup.h"

#define UID_BASE 2147418112u // far from what others on the host map
#define END_TIMEOUT_MS 10000

struct fixture {
	char base[64];     // everything of ours is below it
	char cgroup[32];   // and below this one
	char root[128];    // image root: the probe and mount points
	char runtime[128]; // the runtime's state
	struct cat_cgroups cgroups;
};

struct container {
	struct cat_container_spec spec;
	char id[64], directory[192], cgroup[64];
	const char *argv[4];
	uint32_t cpu;
	int log;
	pid_t pid;
};

static const char *const environment[] = {"PATH=/usr/bin", "CATENA=1", NULL};

static inline void copy_file(const char *from, const char *to, mode_t mode)
{
	cat_autofree char *data = NULL;
	size_t size;
	struct cat_err err = {0};
	if (cat_file_read(AT_FDCWD, from, 64u << 20, &data, &size, &err) < 0 ||
	    cat_file_replace(to, data, size, mode, &err) < 0)
		fail_msg("%s", err.message);
}

static inline int set_up(void **state)
{
	if (!getenv("CONTAINER_PROBE")) {
		fputs("CONTAINER_PROBE must name the probe: run this by meson test\n", stderr);
		return -1;
	}
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f)
		return -1;
	snprintf(f->base, sizeof(f->base), "/tmp/catena-container-test-XXXXXX");
	if (!mkdtemp(f->base) || chmod(f->base, 0711) < 0)
		return -1;
	snprintf(f->cgroup, sizeof(f->cgroup), "catena-test-%d", (int)getpid());
	snprintf(f->root, sizeof(f->root), "%s/root", f->base);
	snprintf(f->runtime, sizeof(f->runtime), "%s/runtime", f->base);
	static const char *const directories[] = {"", "/proc", "/sys", "/dev", "/tmp", "/run"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(directories); i++) {
		cat_autofree char *path = cat_format("%s%s", f->root, directories[i]);
		if (mkdir(path, 0755) < 0)
			return -1;
	}
	cat_autofree char *probe = cat_format("%s/probe", f->root);
	copy_file(getenv("CONTAINER_PROBE"), probe, 0755);
	struct cat_err err = {0};
	if (cat_cgroups_find("", &f->cgroups, &err) < 0)
		return -1;
	// Containers' first processes become our children, so that their end can be read.
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	struct cat_err err = {0};
	cat_cgroup_kill(&f->cgroups, f->cgroup, 5000, &err);
	cat_cgroup_remove(&f->cgroups, f->cgroup, 2000, &err);
	cat_autofree char *mount = cat_format("%s/mount", f->base);
	cat_image_unmount(mount, &err);
	int r = cat_dir_remove(f->base, &err);
	free(f);
	return r;
}

static inline void prepare(const struct fixture *f, struct container *c, const char *name, const char *mode)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->id, sizeof(c->id), "%s-%s", f->cgroup, name);
	snprintf(c->directory, sizeof(c->directory), "%s/bundle/%s", f->base, name);
	snprintf(c->cgroup, sizeof(c->cgroup), "%s/%s", f->cgroup, name);
	c->argv[0] = "/probe";
	c->argv[1] = mode;
	c->log = memfd_create("container-log", MFD_CLOEXEC);
	assert_true(c->log >= 0);
	c->spec = (struct cat_container_spec){
		.id = c->id,
		.directory = c->directory,
		.runtime = getenv("CATENA_RUNTIME") ? getenv("CATENA_RUNTIME") : "runc",
		.runtime_root = f->runtime,
		.image_root = f->root,
		.argv = c->argv,
		.environ = environment,
		.hostname = name,
		.cgroup = c->cgroup,
		.uid_base = UID_BASE,
		.cpus = &c->cpu,
		.cpu_count = 1,
		.node = 0,
		.memory_max_bytes = 64 << 20,
		.pids_max = 32,
		.log_fd = c->log,
	};
}

static inline void run(struct container *c)
{
	struct cat_err err = {0};
	if (cat_container_run(&c->spec, &c->pid, &err) < 0)
		fail_msg("%s", err.message);
}

static inline void delete (struct container *c)
{
	struct cat_err err = {0};
	if (cat_container_delete(&c->spec, &err) < 0)
		fail_msg("%s", err.message);
	close(c->log);
}

// Waits for the end of the container's first process. Returns its status as waitpid(2) has it.
static inline int await(struct container *c)
{
	int pidfd = pidfd_open(c->pid, 0);
	assert_true(pidfd >= 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int n = poll(&p, 1, END_TIMEOUT_MS);
	close(pidfd);
	if (n != 1)
		fail_msg("container %s did not end", c->id);
	int status = 0;
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	return status;
}

// What the container wrote. The caller frees.
static inline char *output(const struct container *c)
{
	char *text = calloc(1, 65536);
	assert_non_null(text);
	assert_true(pread(c->log, text, 65535, 0) >= 0);
	return text;
}

// Waits until the container has written a line.
static inline void await_line(const struct container *c, const char *line)
{
	for (uint64_t deadline = cat_now_ms() + END_TIMEOUT_MS; cat_now_ms() < deadline; poll(NULL, 0, 1)) {
		cat_autofree char *text = output(c);
		if (strstr(text, line))
			return;
	}
	fail_msg("container %s did not say \"%s\"", c->id, line);
}

static inline void expect(const char *text, const char *line)
{
	cat_autofree char *whole = cat_format("\n%s\n", line);
	cat_autofree char *all = cat_format("\n%s", text);
	if (strstr(all, whole))
		return;
	fputs(text, stderr);
	fail_msg("no line \"%s\" in what is above", line);
}

static inline size_t count_lines(const char *text, const char *start)
{
	cat_autofree char *pattern = cat_format("\n%s ", start);
	cat_autofree char *all = cat_format("\n%s", text);
	size_t count = 0;
	for (const char *p = all; (p = strstr(p, pattern)); p++)
		count++;
	return count;
}

// Nothing of ours: no mount, no cgroup, no bundle, no state of the runtime.
static inline void expect_nothing_left(const struct fixture *f)
{
	cat_autofree char *mounts = NULL;
	assert_int_equal(cat_file_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mounts, NULL, NULL), 0);
	if (strstr(mounts, f->base))
		fail_msg("a mount is left:\n%s", mounts);
	for (uint32_t i = 0; i < f->cgroups.count; i++) {
		cat_autofree char *path = cat_format("%s/%s", f->cgroups.mount[i].path, f->cgroup);
		if (access(path, F_OK) == 0)
			fail_msg("%s is left", path);
	}
	static const char *const directories[] = {"bundle", "runtime"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(directories); i++) {
		cat_autofree char *path = cat_format("%s/%s", f->base, directories[i]);
		cat_autodir DIR *directory = opendir(path);
		for (struct dirent *entry; directory && (entry = readdir(directory));)
			if (entry->d_name[0] != '.')
				fail_msg("%s/%s is left", path, entry->d_name);
	}
}

#endif
