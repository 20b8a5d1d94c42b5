// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>

#include "cat_cleanup.h"
#include "container.h"

// What rule allows a system call: 0 none, 1 without a condition, 2 with one.
static int allowed(const json_t *profile, const char *name)
{
	size_t i, j;
	json_t *rule, *text;
	int found = 0;
	json_array_foreach(json_object_get(profile, "syscalls"), i, rule)
	{
		if (strcmp(json_string_value(json_object_get(rule, "action")), "SCMP_ACT_ALLOW") != 0)
			continue;
		json_array_foreach(json_object_get(rule, "names"), j,
				   text) if (strcmp(json_string_value(text), name) == 0) found =
			json_object_get(rule, "args") ? 2 : 1;
	}
	return found;
}

static void lets_through_and_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int allowed;
	} cases[] = {
		{"mount", 0},
		{"umount2", 0},
		{"pivot_root", 0},
		{"chroot", 0},
		{"open_tree", 0},
		{"move_mount", 0},
		{"fsopen", 0},
		{"mount_setattr", 0},
		{"ptrace", 0},
		{"process_vm_readv", 0},
		{"process_vm_writev", 0},
		{"pidfd_getfd", 0},
		{"kcmp", 0},
		{"bpf", 0},
		{"perf_event_open", 0},
		{"userfaultfd", 0},
		{"keyctl", 0},
		{"add_key", 0},
		{"request_key", 0},
		{"kexec_load", 0},
		{"kexec_file_load", 0},
		{"init_module", 0},
		{"finit_module", 0},
		{"delete_module", 0},
		{"unshare", 0},
		{"setns", 0},
		{"io_uring_setup", 0},
		{"io_uring_enter", 0},
		{"io_uring_register", 0},
		{"open_by_handle_at", 0},
		{"name_to_handle_at", 0},
		{"reboot", 0},
		{"swapon", 0},
		{"syslog", 0},
		{"acct", 0},
		{"quotactl", 0},
		{"settimeofday", 0},
		{"clock_settime", 0},
		{"adjtimex", 0},
		{"iopl", 0},
		{"ioperm", 0},
		{"modify_ldt", 0},
		{"mknod", 0},
		{"mknodat", 0},
		{"personality", 0},
		{"fanotify_init", 0},
		{"move_pages", 0},
		{"migrate_pages", 0},
		{"lookup_dcookie", 0},
		{"vhangup", 0},
		{"clone3", 0},
		{"clone", 2},
		{"socket", 2},
		{"sched_yield", 1},
		{"sched_setaffinity", 1},
		{"futex", 1},
		{"futex_waitv", 1},
		{"memfd_create", 1},
		{"mmap", 1},
		{"mbind", 1},
		{"set_mempolicy", 1},
		{"epoll_pwait", 1},
		{"execve", 1},
		{"exit_group", 1},
		{"recvmmsg", 1},
		{"setuid", 1},
		{"prctl", 1},
		{"rseq", 1},
		{"rt_sigreturn", 1},
		{"clock_nanosleep", 1},
	};
	json_t *profile = cat_seccomp_profile();
	assert_non_null(profile);
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++)
		if (allowed(profile, cases[i].name) != cases[i].allowed)
			fail_msg("%s: found %d, expected %d", cases[i].name, allowed(profile, cases[i].name),
				 cases[i].allowed);
	assert_string_equal(json_string_value(json_object_get(profile, "defaultAction")), "SCMP_ACT_ERRNO");
	assert_int_equal(json_integer_value(json_object_get(profile, "defaultErrnoRet")), EPERM);
	assert_int_equal(json_array_size(json_object_get(profile, "architectures")), 1);
	json_decref(profile);
}

static enum scmp_compare operation(const char *name)
{
	if (strcmp(name, "SCMP_CMP_EQ") == 0)
		return SCMP_CMP_EQ;
	assert_string_equal(name, "SCMP_CMP_MASKED_EQ");
	return SCMP_CMP_MASKED_EQ;
}

// A runtime hands the profile to libseccomp, which must take each rule of it.
static void libseccomp_takes_it(void **state)
{
	(void)state;
	json_t *profile = cat_seccomp_profile(), *rule, *name;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	assert_non_null(filter);
	size_t i, j, count = 0;
	json_array_foreach(json_object_get(profile, "syscalls"), i, rule)
	{
		const char *action = json_string_value(json_object_get(rule, "action"));
		uint32_t act =
			strcmp(action, "SCMP_ACT_ALLOW") == 0
				? SCMP_ACT_ALLOW
				: SCMP_ACT_ERRNO((uint32_t)json_integer_value(json_object_get(rule, "errnoRet")));
		const json_t *arg = json_array_get(json_object_get(rule, "args"), 0);
		struct scmp_arg_cmp compare = {0};
		if (arg)
			compare = (struct scmp_arg_cmp){
				.arg = (unsigned)json_integer_value(json_object_get(arg, "index")),
				.op = operation(json_string_value(json_object_get(arg, "op"))),
				.datum_a = (scmp_datum_t)json_integer_value(json_object_get(arg, "value")),
				.datum_b = (scmp_datum_t)json_integer_value(json_object_get(arg, "valueTwo")),
			};
		json_array_foreach(json_object_get(rule, "names"), j, name)
		{
			int number = seccomp_syscall_resolve_name(json_string_value(name));
			assert_true(number >= 0);
			int r = seccomp_rule_add_array(filter, act, number, arg ? 1 : 0, &compare);
			if (r < 0)
				fail_msg("%s: %s", json_string_value(name), strerror(-r));
			count++;
		}
	}
	assert_true(count > 200);
	seccomp_release(filter);
	json_decref(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lets_through_and_refuses),
		cmocka_unit_test(libseccomp_takes_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
