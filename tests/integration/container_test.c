// SPDX-License-Identifier: BSD-3-Clause
// Real containers by the real runtime: what a function finds inside, what it is refused, what is left behind.
#include "container.h"

#include <linux/capability.h>
#include <pthread.h>

#define CYCLES 50
#define PARALLEL 4

static void sees_and_is_refused(void **state)
{
	struct fixture *f = *state;
	struct container waiting, c;
	prepare(f, &waiting, "waiting", "wait");
	run(&waiting);
	prepare(f, &c, "report", "report");
	char sibling[16];
	snprintf(sibling, sizeof(sibling), "%d", (int)waiting.pid);
	c.argv[2] = sibling;
	cat_autofree char *bound = cat_format("%s/bound", f->base);
	assert_int_equal(cat_file_replace(bound, "x", 1, 0666, NULL), 0);
	struct cat_container_mount mount = {.source = bound, .target = "/run/bound"};
	c.spec.mount = &mount;
	c.spec.mount_count = 1;
	c.spec.capabilities = 1ull << CAP_NET_RAW | 1ull << CAP_NET_BIND_SERVICE;
	run(&c);
	assert_int_equal(await(&c), 0);
	cat_autofree char *text = output(&c);
	static const char *const expected[] = {
		"hostname report",
		// CAP_NET_RAW (13) and CAP_NET_BIND_SERVICE (10).
		"CapEff: 0000000000002400",
		"CapPrm: 0000000000002400",
		"CapBnd: 0000000000002400",
		"CapInh: 0000000000000000",
		"CapAmb: 0000000000000000",
		"NoNewPrivs: 1",
		"Seccomp: 2",
		"Threads: 1",
		"Cpus_allowed_list: 0",
		"Mems_allowed_list: 0",
		"Uid: 0 0 0 0",
		"uid_map          0 2147418112      65536",
		"gid_map          0 2147418112      65536",
		"process 1",
		"interface lo",
		"environ CATENA=1",
		"sched_yield ok",
		"sched_setaffinity ok",
		"futex ok",
		"futex_waitv EAGAIN",
		"memfd ok",
		"mmap ok",
		"seal ok",
		"thread ok",
		"fork ok",
		"netlink ok",
		"tmp_write ok",
		"run_write ok",
		"null_write ok",
		"urandom ok",
		"cpus_read ok",
		"bound_read ok",
		"bound_write EROFS",
		"mount EPERM",
		"umount EPERM",
		"pivot_root EPERM",
		"chroot EPERM",
		"ptrace EPERM",
		"bpf EPERM",
		"unshare EPERM",
		"setns EPERM",
		"clone_newuser EPERM",
		"clone3 ENOSYS",
		"keyctl EPERM",
		"add_key EPERM",
		"userfaultfd EPERM",
		"perf_event_open EPERM",
		"io_uring_setup EPERM",
		"init_module EPERM",
		"kexec_load EPERM",
		"open_by_handle_at EPERM",
		"process_vm_readv EPERM",
		"mknod EPERM",
		"syslog EPERM",
		"vsock EPERM",
		"alg EPERM",
		"root_write EROFS",
		"sys_write EACCES",
		"dev_write EROFS",
		"kallsyms 0",
		"tmp_exec EACCES",
		"tun_open ENOENT",
		"sibling_root ENOENT",
		"sibling_fd ENOENT",
		"sibling_mem ENOENT",
		"sibling_kill ESRCH",
		"end ok",
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(expected); i++)
		expect(text, expected[i]);
	// Not on every kernel.
	assert_null(strstr(text, "sysrq_write ok"));
	assert_null(strstr(text, "kcore ok"));
	assert_int_equal(count_lines(text, "process"), 1);
	assert_int_equal(count_lines(text, "interface"), 1);
	// Input, output, error, and the one that reads the directory.
	assert_int_equal(count_lines(text, "fd"), 4);
	assert_int_equal(count_lines(text, "environ"), 3); // the runtime adds HOME
	delete (&c);
	delete (&waiting);
	expect_nothing_left(f);
}

static void gets_tun_when_asked(void **state)
{
	struct fixture *f = *state;
	struct container c;
	prepare(f, &c, "tun", "report");
	c.spec.tun = true;
	c.spec.capabilities = 1ull << CAP_NET_ADMIN;
	run(&c);
	assert_int_equal(await(&c), 0);
	cat_autofree char *text = output(&c);
	expect(text, "tun_open ok");
	expect(text, "tun_create ok");
	expect(text, "CapEff: 0000000000001000");
	// Allowed by the capability, but /proc/sys is read-only.
	expect(text, "sys_write EROFS");
	delete (&c);
	expect_nothing_left(f);
}

// The kernel's count of processes that it has killed in the container for want of memory.
static bool oom_kill_seen(const struct fixture *f, const struct container *c)
{
	const struct cat_cgroup_mount *v1 = cat_cgroups_v1(&f->cgroups, "memory");
	cat_autofree char *path = cat_format("%s/%s/%s", v1 ? v1->path : f->cgroups.mount[0].path, c->cgroup,
					     v1 ? "memory.oom_control" : "memory.events");
	cat_autofree char *text = NULL;
	struct cat_err err = {0};
	if (cat_file_read(AT_FDCWD, path, 4096, &text, NULL, &err) < 0)
		fail_msg("%s", err.message);
	char *count = strstr(text, "\noom_kill ");
	return count && atoi(count + 10) > 0;
}

static void is_held_to_its_memory(void **state)
{
	struct fixture *f = *state;
	struct container c;
	prepare(f, &c, "eat", "eat");
	run(&c);
	int status = await(&c);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_true(oom_kill_seen(f, &c));
	delete (&c);
	expect_nothing_left(f);
}

static void is_held_to_its_processes(void **state)
{
	struct fixture *f = *state;
	struct container c;
	prepare(f, &c, "multiply", "multiply");
	run(&c);
	assert_int_equal(await(&c), 0);
	cat_autofree char *text = output(&c);
	expect(text, "forks 31");
	expect(text, "fork EAGAIN");
	delete (&c);
	expect_nothing_left(f);
}

static void creates_then_starts(void **state)
{
	struct fixture *f = *state;
	struct container c;
	struct cat_err err = {0};
	prepare(f, &c, "two", "report");
	assert_int_equal(cat_container_create(&c.spec, &c.pid, &err), 0);
	cat_autofree char *before = output(&c);
	assert_string_equal(before, "");
	assert_int_equal(cat_container_start(&c.spec, &err), 0);
	assert_int_equal(await(&c), 0);
	cat_autofree char *text = output(&c);
	expect(text, "end ok");
	// A second one of that name is refused and leaves the first alone.
	assert_int_equal(cat_container_create(&c.spec, &c.pid, &err), -EEXIST);
	assert_int_equal(access(c.directory, F_OK), 0);
	delete (&c);
	// Absent: fine.
	assert_int_equal(cat_container_delete(&c.spec, &err), 0);
	expect_nothing_left(f);
}

static void leaves_nothing_after_cycles(void **state)
{
	struct fixture *f = *state;
	uint64_t start = cat_now_ms(), running = 0;
	for (int i = 0; i < CYCLES; i++) {
		struct container c;
		prepare(f, &c, "cycle", "wait");
		uint64_t before = cat_now_ms();
		run(&c);
		running += cat_now_ms() - before;
		await_line(&c, "waiting");
		delete (&c);
		expect_nothing_left(f);
		// It has ended, and is ours to reap.
		assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	print_message("%d cycles: run %.1f ms, whole cycle %.1f ms\n", CYCLES, (double)running / CYCLES,
		      (double)(cat_now_ms() - start) / CYCLES);
}

struct job {
	struct container c;
	int result;
	struct cat_err err;
};

static void *run_one(void *user)
{
	struct job *job = user;
	for (int i = 0; i < 5 && job->result == 0; i++) {
		job->result = cat_container_run(&job->c.spec, &job->c.pid, &job->err);
		if (job->result == 0)
			job->result = cat_container_delete(&job->c.spec, &job->err);
	}
	return NULL;
}

// Parents that one removes are parents that another is about to use.
static void runs_several_at_once(void **state)
{
	struct fixture *f = *state;
	struct job job[PARALLEL] = {0};
	pthread_t thread[PARALLEL];
	for (int i = 0; i < PARALLEL; i++) {
		char name[16];
		snprintf(name, sizeof(name), "job%d", i);
		prepare(f, &job[i].c, name, "wait");
		job[i].c.spec.hostname = "job";
		job[i].c.spec.uid_base = UID_BASE - (uint32_t)i * 65536;
	}
	uint64_t start = cat_now_ms();
	for (int i = 0; i < PARALLEL; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, run_one, &job[i]), 0);
	for (int i = 0; i < PARALLEL; i++)
		pthread_join(thread[i], NULL);
	print_message("%d side by side: %.1f ms for each run and delete\n", PARALLEL,
		      (double)(cat_now_ms() - start) / (PARALLEL * 5));
	for (int i = 0; i < PARALLEL; i++) {
		if (job[i].result < 0)
			fail_msg("%s", job[i].err.message);
		close(job[i].c.log);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	expect_nothing_left(f);
}

// A runtime of our own that writes a message and fails, ignores everything, or says that all is well.
static char *write_runtime(const struct fixture *f, const char *script)
{
	char *path = cat_format("%s/fake-runtime", f->base);
	assert_int_equal(cat_file_replace(path, script, strlen(script), 0755, NULL), 0);
	return path;
}

static void undoes_failures(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *runtime, *script, *root, *program;
		int code;
		const char *message;
	} cases[] = {
		{.runtime = "no-such-runtime", .code = -ENOENT, .message = "no-such-runtime is not in PATH"},
		{.runtime = "/no/such/runtime", .code = -ENOENT, .message = "/no/such/runtime cannot be executed"},
		{.runtime = "/bin/false", .code = -EIO, .message = "failed with status 1 and said nothing"},
		{.script = "#!/bin/sh\necho '{\"level\":\"error\",\"msg\":\"out of luck\"}' >\"$4\"\nexit 1\n",
		 .code = -EIO,
		 .message = "run: out of luck"},
		{.script = "#!/bin/sh\nexit 0\n", .code = -ENOENT, .message = "/pid"},
		{.script = "#!/bin/sh\nkill -9 $$\n", .code = -EIO, .message = "was ended by signal 9"},
		// The container is there and runs when the runtime fails.
		{.script = "#!/bin/sh\nrunc \"$@\"\nexit 1\n", .code = -EIO, .message = "failed with status 1"},
		{.root = "/no/such/root", .code = -ENOENT, .message = "image root /no/such/root"},
		{.program = "/no/such/program", .code = -EIO, .message = "/no/such/program"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct container c;
		struct cat_err err = {0};
		prepare(f, &c, "fails", "wait");
		cat_autofree char *script = cases[i].script ? write_runtime(f, cases[i].script) : NULL;
		if (script)
			c.spec.runtime = script;
		if (cases[i].runtime)
			c.spec.runtime = cases[i].runtime;
		if (cases[i].root)
			c.spec.image_root = cases[i].root;
		if (cases[i].program)
			c.argv[0] = cases[i].program;
		int r = cat_container_run(&c.spec, &c.pid, &err);
		if (r != cases[i].code || !strstr(err.message, cases[i].message))
			fail_msg("case %zu: %d \"%s\"", i, r, err.message);
		close(c.log);
		expect_nothing_left(f);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

// Whatever a crash left half made can be deleted.
static void deletes_what_a_crash_left(void **state)
{
	struct fixture *f = *state;
	struct container c;
	prepare(f, &c, "crashed", "wait");
	run(&c);
	await_line(&c, "waiting");
	// runc's name for its state, and crun's.
	cat_autofree char *runc = cat_format("%s/%s/state.json", f->runtime, c.id);
	cat_autofree char *crun = cat_format("%s/%s/status", f->runtime, c.id);
	assert_int_equal(truncate(access(runc, F_OK) == 0 ? runc : crun, 10), 0);
	delete (&c);
	assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	expect_nothing_left(f);
}

static void unsearchable_image_is_explained(void **state)
{
	struct fixture *f = *state;
	struct container c;
	struct cat_err err = {0};
	prepare(f, &c, "closed", "wait");
	assert_int_equal(chmod(f->base, 0700), 0);
	assert_int_equal(cat_container_run(&c.spec, &c.pid, &err), -EACCES);
	assert_int_equal(chmod(f->base, 0711), 0);
	assert_non_null(strstr(err.message, "chmod o+x /tmp/catena-container-test-"));
	close(c.log);
	expect_nothing_left(f);
}

static void runtime_is_checked(void **state)
{
	struct fixture *f = *state;
	struct cat_err err = {0};
	assert_int_equal(cat_container_check_runtime("runc", &err), 0);
	assert_int_equal(cat_container_check_runtime("/bin/true", &err), -ENOTSUP);
	assert_int_equal(cat_container_check_runtime("no-such-runtime", &err), -ENOENT);
	cat_autofree char *crun = write_runtime(f, "#!/bin/sh\necho 'crun version 1.8.1'\necho 'spec: 1.0.0'\n");
	int r = cat_container_check_runtime(crun, &err);
	assert_int_equal(r, f->cgroups.mode == CAT_CGROUP_HYBRID ? -ENOTSUP : 0);
}

int main(void)
{
	if (geteuid() != 0) {
		fputs("skipped: containers need root\n", stderr);
		return 77;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runtime_is_checked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sees_and_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gets_tun_when_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(is_held_to_its_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(is_held_to_its_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(creates_then_starts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(undoes_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unsearchable_image_is_explained, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deletes_what_a_crash_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(runs_several_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(leaves_nothing_after_cycles, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
