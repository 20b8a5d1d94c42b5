// SPDX-License-Identifier: BSD-3-Clause
// Every kind of event is a descriptor in one epoll set: timerfd, signalfd, pidfd, and an eventfd for posts.
#include "cat_loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "cat_cleanup.h"

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_SIGNAL, SOURCE_CHILD, SOURCE_POST };

struct cat_source {
	struct cat_loop *loop;
	struct cat_source *next, **link;
	enum source_kind kind;
	int fd;
	bool removed; // freed after the round in which it was removed
	bool once;
	pid_t pid;
	void *user;
	union {
		cat_fd_fn fd_fn;
		cat_timer_fn timer_fn;
		cat_signal_fn signal_fn;
		cat_child_fn child_fn;
	};
};

struct post {
	struct post *next;
	cat_call_fn fn;
	void *user;
};

struct cat_loop {
	int epoll;
	bool quit;
	int code;
	struct cat_source *sources, *graveyard;
	pthread_mutex_t lock; // guards the posts
	struct post *first_post, **last_post;
	struct cat_source *post_source;
};

static struct cat_source *add_source(struct cat_loop *loop, enum source_kind kind, int fd, uint32_t events, void *user,
				     struct cat_err *err)
{
	struct cat_source *source = calloc(1, sizeof(*source));
	if (!source) {
		cat_err_set(err, -ENOMEM, "event source: no memory");
		return NULL;
	}
	*source = (struct cat_source){.loop = loop, .kind = kind, .fd = fd, .user = user};
	struct epoll_event event = {.events = events, .data.ptr = source};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		cat_err_errno(err, "event source");
		free(source);
		return NULL;
	}
	source->next = loop->sources;
	source->link = &loop->sources;
	if (source->next)
		source->next->link = &source->next;
	loop->sources = source;
	return source;
}

struct cat_loop *cat_loop_create(struct cat_err *err)
{
	struct cat_loop *loop = calloc(1, sizeof(*loop));
	if (!loop) {
		cat_err_set(err, -ENOMEM, "event loop: no memory");
		return NULL;
	}
	loop->last_post = &loop->first_post;
	pthread_mutex_init(&loop->lock, NULL);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	int fd = loop->epoll < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0) {
		cat_err_errno(err, "event loop");
		cat_loop_destroy(loop);
		return NULL;
	}
	loop->post_source = add_source(loop, SOURCE_POST, fd, EPOLLIN, NULL, err);
	if (!loop->post_source) {
		close(fd);
		cat_loop_destroy(loop);
		return NULL;
	}
	return loop;
}

static void bury(struct cat_loop *loop)
{
	while (loop->graveyard) {
		struct cat_source *source = loop->graveyard;
		loop->graveyard = source->next;
		free(source);
	}
}

void cat_loop_destroy(struct cat_loop *loop)
{
	if (!loop)
		return;
	while (loop->sources)
		cat_source_remove(loop->sources);
	bury(loop);
	while (loop->first_post) {
		struct post *post = loop->first_post;
		loop->first_post = post->next;
		free(post);
	}
	if (loop->epoll >= 0)
		close(loop->epoll);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

void cat_source_remove(struct cat_source *source)
{
	if (!source || source->removed)
		return;
	struct cat_loop *loop = source->loop;
	source->removed = true;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	if (source->kind != SOURCE_FD)
		close(source->fd);
	*source->link = source->next;
	if (source->next)
		source->next->link = source->link;
	source->next = loop->graveyard;
	loop->graveyard = source;
}

struct cat_source *cat_loop_add_fd(struct cat_loop *loop, int fd, uint32_t events, cat_fd_fn fn, void *user,
				   struct cat_err *err)
{
	struct cat_source *source = add_source(loop, SOURCE_FD, fd, events, user, err);
	if (source)
		source->fd_fn = fn;
	return source;
}

int cat_source_set_events(struct cat_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	return epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

static struct timespec to_timespec(uint64_t ms)
{
	return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

struct cat_source *cat_loop_add_timer(struct cat_loop *loop, uint64_t delay_ms, uint64_t period_ms, cat_timer_fn fn,
				      void *user, struct cat_err *err)
{
	cat_autofd int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct itimerspec spec = {.it_value = to_timespec(delay_ms), .it_interval = to_timespec(period_ms)};
	if (!delay_ms)
		spec.it_value.tv_nsec = 1; // zero would disarm
	if (fd < 0 || timerfd_settime(fd, 0, &spec, NULL) < 0) {
		cat_err_errno(err, "timer");
		return NULL;
	}
	struct cat_source *source = add_source(loop, SOURCE_TIMER, fd, EPOLLIN, user, err);
	if (!source)
		return NULL;
	cat_steal_fd(fd);
	source->timer_fn = fn;
	source->once = !period_ms;
	return source;
}

struct cat_source *cat_loop_add_signal(struct cat_loop *loop, int signo, cat_signal_fn fn, void *user,
				       struct cat_err *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signo);
	int r = pthread_sigmask(SIG_BLOCK, &set, NULL);
	cat_autofd int fd = r ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		cat_err_errno(err, "signal %d", signo);
		return NULL;
	}
	struct cat_source *source = add_source(loop, SOURCE_SIGNAL, fd, EPOLLIN, user, err);
	if (!source)
		return NULL;
	cat_steal_fd(fd);
	source->signal_fn = fn;
	return source;
}

struct cat_source *cat_loop_add_child(struct cat_loop *loop, pid_t pid, cat_child_fn fn, void *user,
				      struct cat_err *err)
{
	cat_autofd int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0) {
		cat_err_errno(err, "process %d", pid);
		return NULL;
	}
	struct cat_source *source = add_source(loop, SOURCE_CHILD, fd, EPOLLIN, user, err);
	if (!source)
		return NULL;
	cat_steal_fd(fd);
	source->pid = pid;
	source->child_fn = fn;
	return source;
}

int cat_loop_post(struct cat_loop *loop, cat_call_fn fn, void *user)
{
	struct post *post = malloc(sizeof(*post));
	if (!post)
		return -ENOMEM;
	*post = (struct post){.fn = fn, .user = user};
	pthread_mutex_lock(&loop->lock);
	*loop->last_post = post;
	loop->last_post = &post->next;
	pthread_mutex_unlock(&loop->lock);
	uint64_t one = 1;
	// A full counter is readable as well.
	ssize_t n = write(loop->post_source->fd, &one, sizeof(one));
	(void)n;
	return 0;
}

static void run_posts(struct cat_loop *loop)
{
	uint64_t count;
	ssize_t n = read(loop->post_source->fd, &count, sizeof(count));
	(void)n;
	pthread_mutex_lock(&loop->lock);
	struct post *post = loop->first_post;
	loop->first_post = NULL;
	loop->last_post = &loop->first_post;
	pthread_mutex_unlock(&loop->lock);
	while (post) {
		struct post *next = post->next;
		post->fn(post->user);
		free(post);
		post = next;
	}
}

static void on_child(struct cat_source *source)
{
	int status = -1;
	pid_t r;
	do {
		r = waitpid(source->pid, &status, WNOHANG);
	} while (r < 0 && errno == EINTR);
	if (r != source->pid)
		status = -1;
	// Remove first: fn may start another process and add a source for the same pid.
	cat_source_remove(source);
	source->child_fn(source->user, source->pid, status);
}

static void dispatch(struct cat_source *source, uint32_t events)
{
	switch (source->kind) {
	case SOURCE_FD:
		source->fd_fn(source->user, source->fd, events);
		break;
	case SOURCE_TIMER: {
		uint64_t ticks;
		if (read(source->fd, &ticks, sizeof(ticks)) != sizeof(ticks))
			break;
		if (source->once)
			cat_source_remove(source);
		source->timer_fn(source->user);
		break;
	}
	case SOURCE_SIGNAL: {
		struct signalfd_siginfo info;
		if (read(source->fd, &info, sizeof(info)) == sizeof(info))
			source->signal_fn(source->user, (int)info.ssi_signo);
		break;
	}
	case SOURCE_CHILD:
		on_child(source);
		break;
	case SOURCE_POST:
		run_posts(source->loop);
		break;
	}
}

int cat_loop_step(struct cat_loop *loop, int timeout_ms)
{
	struct epoll_event events[32];
	int n = epoll_wait(loop->epoll, events, CAT_ARRAY_LEN(events), timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	int called = 0;
	for (int i = 0; i < n; i++) {
		struct cat_source *source = events[i].data.ptr;
		// An earlier callback of this round may have removed it.
		if (source->removed)
			continue;
		dispatch(source, events[i].events);
		called++;
	}
	bury(loop);
	return called;
}

int cat_loop_run(struct cat_loop *loop)
{
	loop->quit = false;
	while (!loop->quit) {
		int r = cat_loop_step(loop, -1);
		if (r < 0)
			return r;
	}
	return loop->code;
}

void cat_loop_quit(struct cat_loop *loop, int code)
{
	loop->quit = true;
	loop->code = code;
}

uint64_t cat_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
