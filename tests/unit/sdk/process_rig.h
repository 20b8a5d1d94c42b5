// SPDX-License-Identifier: BSD-3-Clause
// A dataplane played by a test, for one function's process: memory, a socket in a temporary directory, the messages,
// and the neighbours' ends of the rings. No root: normal pages.
#ifndef PROCESS_RIG_H
#define PROCESS_RIG_H

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "cat_abi.h"
#include "cat_cleanup.h"
#include "cat_control.h"
#include "cat_loop.h"
#include "cat_memfd.h"
#include "cat_msg.h"
#include "cat_ring.h"
#include "cat_stats.h"

#define RING 256u
#define SUPPLY_RING 64u
#define BUFFERS 512u
#define STRIDE 2112u
#define DEADLINE_MS 10000 // only a failure takes that long

enum { REGION, STATE, STATS, WORKER, RETURN, SUPPLY, LEFT_IN, LEFT_OUT, RIGHT_IN, RIGHT_OUT, MEMORIES };

static const struct {
	const char *name;
	bool ring;
	uint32_t size;
} memories[MEMORIES] = {
	[REGION] = {"region", false, BUFFERS *STRIDE},
	[STATE] = {"state", false, 1 << 20},
	[STATS] = {"stats", false, sizeof(struct cat_stats_page) + sizeof(struct cat_stats_lane)},
	[WORKER] = {"lane/0/worker", false, 4096},
	[RETURN] = {"lane/0/return", true, RING},
	[SUPPLY] = {"lane/0/supply", true, SUPPLY_RING},
	[LEFT_IN] = {"lane/0/left/in", true, RING},
	[LEFT_OUT] = {"lane/0/left/out", true, RING},
	[RIGHT_IN] = {"lane/0/right/in", true, RING},
	[RIGHT_OUT] = {"lane/0/right/out", true, RING},
};

struct fixture {
	char directory[32], path[64];
	int listen, sock;
	pid_t pid;
	int fd[MEMORIES];
	void *address[MEMORIES];
	struct cat_ring_end left_push, left_pop, right_push, right_pop;
};

static inline struct cat_ring_end attach_end(struct fixture *f, int memory, bool producer)
{
	struct cat_ring_end end;
	assert_int_equal(cat_ring_attach(&end, f->address[memory], cat_ring_bytes(RING), RING, producer), 0);
	return end;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->directory, "/tmp/catena-test-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/control.sock", f->directory);
	assert_int_equal(cat_msg_listen(f->path, 4, &f->listen, NULL), 0);
	f->sock = -1;
	for (int i = 0; i < MEMORIES; i++) {
		size_t size = memories[i].ring ? cat_ring_bytes(memories[i].size) : memories[i].size, mapped;
		assert_int_equal(cat_memfd_create(memories[i].name, size, 0, -1, &f->fd[i], NULL), 0);
		assert_int_equal(cat_memfd_map(f->fd[i], size, size + (1 << 21), PROT_READ | PROT_WRITE, &f->address[i],
					       &mapped, NULL),
				 0);
		if (memories[i].ring)
			cat_ring_format(f->address[i], memories[i].size);
	}
	f->left_push = attach_end(f, LEFT_IN, true);
	f->left_pop = attach_end(f, LEFT_OUT, false);
	f->right_push = attach_end(f, RIGHT_IN, true);
	f->right_pop = attach_end(f, RIGHT_OUT, false);
	*state = f;
	return 0;
}

// Runs a program with `--socket` in a process of its own; `in_child` may change it first (NULL: nothing to do).
static inline void spawn_program(struct fixture *f, const char *program, void (*in_child)(void))
{
	f->pid = fork();
	if (f->pid == 0) {
		if (in_child)
			in_child();
		execl(program, program, "--socket", f->path, (char *)NULL);
		_exit(127);
	}
	assert_true(f->pid > 0);
}

static inline int end_of(struct fixture *f)
{
	int status = 0;
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	f->pid = 0;
	return status;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	if (f->pid) {
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
	}
	close(f->sock);
	close(f->listen);
	unlink(f->path);
	rmdir(f->directory);
	free(f);
	return 0;
}

static inline void wait_readable(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
}

static inline struct cat_node *receive(struct fixture *f)
{
	int fds[CAT_MSG_FDS_MAX];
	size_t count = 0;
	struct cat_node *body = NULL;
	wait_readable(f->sock);
	assert_int_equal(cat_msg_receive(f->sock, &body, fds, &count, NULL), 0);
	assert_int_equal(count, 0);
	return body;
}

static inline void expect(struct fixture *f, const char *type)
{
	cat_autonode struct cat_node *body = receive(f);
	assert_string_equal(cat_node_get(body, "type")->string, type);
}

static inline void accept_hello(struct fixture *f, const char *kind)
{
	wait_readable(f->listen);
	f->sock = accept(f->listen, NULL, NULL);
	assert_true(f->sock >= 0);
	cat_autonode struct cat_node *body = receive(f);
	assert_string_equal(cat_node_get(body, "type")->string, "hello");
	assert_string_equal(cat_node_get(body, "kind")->string, kind);
	assert_int_equal(cat_node_get(body, "abi")->integer, CAT_ABI_VERSION);
}

// Descriptors in two messages, as many lanes would need.
static inline void send_attach(struct fixture *f, const char *config, uint32_t burst)
{
	int config_fd;
	assert_int_equal(cat_memfd_from("config", config, strlen(config), &config_fd, NULL), 0);
	cat_autonode struct cat_node *more = cat_node_new_map(), *body = cat_node_new_map();
	cat_node_add_string(more, "type", "fds");
	struct cat_node *names = cat_node_add_list(more, "names");
	for (int i = 0; i < 4; i++)
		cat_node_add_string(names, NULL, memories[i].name);
	assert_int_equal(cat_msg_send(f->sock, more, f->fd, 4, NULL), 0);
	cat_node_add_string(body, "type", "attach");
	cat_node_add_string(body, "function", "fn");
	struct cat_node *lanes = cat_node_add_list(body, "lanes");
	cpu_set_t cpus;
	sched_getaffinity(0, sizeof(cpus), &cpus);
	int cpu = 0;
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	cat_node_add_int(lanes, NULL, cpu);
	cat_node_add_int(body, "ring", RING);
	cat_node_add_int(body, "supply_ring", SUPPLY_RING);
	cat_node_add_int(body, "buffers", BUFFERS);
	cat_node_add_int(body, "stride", STRIDE);
	cat_node_add_string(body, "latency", "balanced");
	cat_node_add_string(body, "poll", "adaptive");
	cat_node_add_int(body, "burst", burst);
	names = cat_node_add_list(body, "names");
	int fds[MEMORIES + 1];
	size_t count = 0;
	for (int i = 4; i < MEMORIES; i++) {
		cat_node_add_string(names, NULL, memories[i].name);
		fds[count++] = f->fd[i];
	}
	cat_node_add_string(names, NULL, "config");
	fds[count++] = config_fd;
	assert_int_equal(cat_msg_send(f->sock, body, fds, count, NULL), 0);
	close(config_fd);
}

static inline void send_config(struct fixture *f, const char *config)
{
	int fd;
	assert_int_equal(cat_memfd_from("config", config, strlen(config), &fd, NULL), 0);
	cat_autonode struct cat_node *body = cat_node_new_map();
	cat_node_add_string(body, "type", "configure");
	assert_int_equal(cat_msg_send(f->sock, body, &fd, 1, NULL), 0);
	close(fd);
}

static inline void send_type(struct fixture *f, const char *type)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	cat_node_add_string(body, "type", type);
	assert_int_equal(cat_msg_send(f->sock, body, NULL, 0, NULL), 0);
}

#endif
