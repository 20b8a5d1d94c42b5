// SPDX-License-Identifier: BSD-3-Clause
// A single-threaded event loop over epoll: descriptors, timers, signals and children by pidfd.
#ifndef CAT_LOOP_H
#define CAT_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "cat_err.h"

struct cat_loop;
struct cat_source; // owned by the loop; dies with cat_source_remove or cat_loop_destroy

typedef void (*cat_fd_fn)(void *user, int fd, uint32_t events);
typedef void (*cat_timer_fn)(void *user);
typedef void (*cat_signal_fn)(void *user, int signo);
// status as waitpid(2) gives it; for a pid that is not our child, -1.
typedef void (*cat_child_fn)(void *user, pid_t pid, int status);
typedef void (*cat_call_fn)(void *user);

// NULL: err says why.
struct cat_loop *cat_loop_create(struct cat_err *err);
void cat_loop_destroy(struct cat_loop *loop);

// The descriptor stays the caller's. events: EPOLLIN, EPOLLOUT. NULL: err says why.
struct cat_source *cat_loop_add_fd(struct cat_loop *loop, int fd, uint32_t events, cat_fd_fn fn, void *user,
				   struct cat_err *err);
int cat_source_set_events(struct cat_source *source, uint32_t events);
// First after `delay_ms`, then every `period_ms` (0: once; the source then removes itself after fn).
struct cat_source *cat_loop_add_timer(struct cat_loop *loop, uint64_t delay_ms, uint64_t period_ms, cat_timer_fn fn,
				      void *user, struct cat_err *err);
// Blocks the signal for the thread and delivers it here.
struct cat_source *cat_loop_add_signal(struct cat_loop *loop, int signo, cat_signal_fn fn, void *user,
				       struct cat_err *err);
// Calls fn once when the process ends (reaping it if it is our child), then removes itself.
struct cat_source *cat_loop_add_child(struct cat_loop *loop, pid_t pid, cat_child_fn fn, void *user,
				      struct cat_err *err);
// Safe within any callback, for itself too. NULL is fine.
void cat_source_remove(struct cat_source *source);

// Runs fn on the loop's thread; may be called from any thread. 0 or -ENOMEM.
int cat_loop_post(struct cat_loop *loop, cat_call_fn fn, void *user);

// Runs until cat_loop_quit; returns its code.
int cat_loop_run(struct cat_loop *loop);
// One round: waits at most timeout_ms (-1: for ever). Returns the number of callbacks or a negative errno.
int cat_loop_step(struct cat_loop *loop, int timeout_ms);
void cat_loop_quit(struct cat_loop *loop, int code);

// CLOCK_MONOTONIC in milliseconds.
uint64_t cat_now_ms(void);

#endif
