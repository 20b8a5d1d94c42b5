// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "cat_cleanup.h"
#include "cat_loop.h"

struct trace {
	struct cat_loop *loop;
	struct cat_source *source, *other;
	int calls, status;
};

static void on_timer(void *user)
{
	struct trace *t = user;
	if (++t->calls == 3)
		cat_loop_quit(t->loop, 7);
}

static void runs_timers_until_told_to_quit(void **state)
{
	(void)state;
	struct trace t = {.loop = cat_loop_create(NULL)};
	assert_non_null(cat_loop_add_timer(t.loop, 0, 1, on_timer, &t, NULL));
	assert_int_equal(cat_loop_run(t.loop), 7);
	assert_int_equal(t.calls, 3);
	cat_loop_destroy(t.loop);
}

static void on_child(void *user, pid_t pid, int status)
{
	struct trace *t = user;
	(void)pid;
	t->status = status;
	cat_loop_quit(t->loop, 0);
}

static void reaps_a_child(void **state)
{
	(void)state;
	struct trace t = {.loop = cat_loop_create(NULL)};
	pid_t pid = fork();
	if (pid == 0)
		_exit(42);
	assert_non_null(cat_loop_add_child(t.loop, pid, on_child, &t, NULL));
	assert_int_equal(cat_loop_run(t.loop), 0);
	assert_true(WIFEXITED(t.status));
	assert_int_equal(WEXITSTATUS(t.status), 42);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	cat_loop_destroy(t.loop);
}

// Both ends are readable in one round; the first callback removes both sources.
static void on_readable(void *user, int fd, uint32_t events)
{
	struct trace *t = user;
	(void)fd;
	(void)events;
	t->calls++;
	cat_source_remove(t->source);
	cat_source_remove(t->other);
}

static void a_removed_source_is_not_called(void **state)
{
	(void)state;
	struct trace t = {.loop = cat_loop_create(NULL)};
	int a[2], b[2];
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	assert_int_equal(write(a[1], "x", 1), 1);
	assert_int_equal(write(b[1], "x", 1), 1);
	t.source = cat_loop_add_fd(t.loop, a[0], EPOLLIN, on_readable, &t, NULL);
	t.other = cat_loop_add_fd(t.loop, b[0], EPOLLIN, on_readable, &t, NULL);
	assert_int_equal(cat_loop_step(t.loop, 1000), 1);
	assert_int_equal(t.calls, 1);
	assert_int_equal(cat_loop_step(t.loop, 0), 0);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	cat_loop_destroy(t.loop);
}

static void on_signal(void *user, int signo)
{
	struct trace *t = user;
	t->status = signo;
	cat_loop_quit(t->loop, 0);
}

static void on_post(void *user)
{
	struct trace *t = user;
	t->calls++;
	raise(SIGUSR1);
}

static void *post_from_thread(void *user)
{
	struct trace *t = user;
	cat_loop_post(t->loop, on_post, t);
	return NULL;
}

static void takes_posts_of_other_threads_and_signals(void **state)
{
	(void)state;
	struct trace t = {.loop = cat_loop_create(NULL)};
	assert_non_null(cat_loop_add_signal(t.loop, SIGUSR1, on_signal, &t, NULL));
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, post_from_thread, &t), 0);
	assert_int_equal(cat_loop_run(t.loop), 0);
	pthread_join(thread, NULL);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.status, SIGUSR1);
	cat_loop_destroy(t.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_timers_until_told_to_quit),
		cmocka_unit_test(reaps_a_child),
		cmocka_unit_test(a_removed_source_is_not_called),
		cmocka_unit_test(takes_posts_of_other_threads_and_signals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
