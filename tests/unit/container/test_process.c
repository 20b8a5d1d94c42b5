// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cat_cleanup.h"
#include "cat_loop.h"
#include "container.h"

static void absent_programs_are_named(void **state)
{
	(void)state;
	struct cat_err err = {0};
	int status;
	assert_int_equal(cat_process_run((const char *[]){"no-such-program", NULL}, -1, 1000, &status, &err), -ENOENT);
	assert_non_null(strstr(err.message, "no-such-program is not in PATH"));
	assert_int_equal(cat_process_run((const char *[]){"/etc/passwd", NULL}, -1, 1000, &status, &err), -EACCES);
	assert_int_equal(cat_process_run((const char *[]){"/", NULL}, -1, 1000, &status, &err), -EACCES);
}

// Also what it started: the shell's child would hold the output open for an hour.
static void hung_programs_are_killed(void **state)
{
	(void)state;
	struct cat_err err = {0};
	int status, ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	uint64_t start = cat_now_ms();
	const char *const argv[] = {"sh", "-c", "sleep 3600 & wait", NULL};
	assert_int_equal(cat_process_run(argv, ends[1], 50, &status, &err), -ETIMEDOUT);
	assert_true(cat_now_ms() - start < 5000);
	assert_non_null(strstr(err.message, "did not end within 50 ms and was killed"));
	close(ends[1]);
	char byte;
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

static void nothing_is_inherited(void **state)
{
	(void)state;
	sigset_t blocked, old;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &old);
	setenv("NOTIFY_SOCKET", "/run/notify", 1);
	int leak = open("/dev/null", O_RDONLY); // without O_CLOEXEC
	int out = memfd_create("out", MFD_CLOEXEC);
	int status;
	struct cat_err err = {0};
	const char *const argv[] = {"sh", "-c",
				    "grep SigBlk /proc/self/status; env | grep NOTIFY; ls /proc/self/fd; exit 7", NULL};
	assert_int_equal(cat_process_run(argv, out, 5000, &status, &err), 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(WEXITSTATUS(status), 7);
	char text[512] = "";
	assert_true(pread(out, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "SigBlk:\t0000000000000000\n0\n1\n2\n3\n");
	close(leak);
	close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_programs_are_named),
		cmocka_unit_test(hung_programs_are_killed),
		cmocka_unit_test(nothing_is_inherited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
