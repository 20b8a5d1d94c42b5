// SPDX-License-Identifier: BSD-3-Clause
// The process of a VNF: what its control thread keeps. Only the control thread touches it, except where said.
//
// How it works
//
// The control thread connects to the dataplane (control.c), receives memory and configuration (attach.c), and starts a
// worker thread per lane (worker.c). Workers know nothing of the socket: when the dataplane restarts, they go
// on with what their neighbours send, and the control thread connects again.
//
// A configuration is made on the control thread and put into each worker's `next_config`. A worker takes it over
// between two bursts and says so in `taken_config`; when all have, the old one is destroyed.
#ifndef PROCESS_H
#define PROCESS_H

#include <pthread.h>
#include <time.h>

#include "burst.h"
#include "cat_daemon.h"
#include "cat_loop.h"
#include "punt.h"

#define NAME_MAX_BYTES 64u
#define MAPPINGS_MAX (4u + CAT_LANES_MAX * 7u)

struct mapping {
	char name[NAME_MAX_BYTES];
	void *address;
	size_t size;
	uint64_t device, inode; // which memfd it is
};

struct worker {
	struct burst_engine engine; // writer: the worker thread, once it runs
	struct cat_vnf *vnf;
	pthread_t thread;
	bool running;
	bool busy; // never sleeps
	uint32_t cpu;
	uint32_t round_limit;               // packets of one side between two yields
	uint32_t round_us;                  // the same in time
	_Atomic bool stop;                  // writer: control thread
	_Atomic(const void *) next_config;  // writer: control thread
	_Atomic(const void *) taken_config; // writer: worker
};

// A descriptor that came with a message, until it is used.
struct named_fd {
	char name[NAME_MAX_BYTES];
	int fd;
};

struct tap {
	int fd; // -1: none
	struct cat_source *source;
	struct cat_vnf *vnf;
	unsigned channel;
};

// What "attach" says in numbers; the same again from a restarted dataplane.
struct attachment {
	char function[NAME_MAX_BYTES];
	uint32_t lanes, ring, supply_ring, buffers, stride, burst;
	uint32_t cpu[CAT_LANES_MAX];
	uint32_t round_us;
	bool busy;
};

// The state memory's pages, brought in behind the start.
struct prefault {
	struct cat_source *timer;
	uint8_t *memory;
	size_t bytes, done;
};

struct daemon;

struct cat_vnf {
	const struct cat_vnf_ops *ops;
	struct cat_loop *loop;
	void *user; // the VNF's (cat_vnf_user)
	const char *socket_path;
	int sock; // -1: not connected
	struct cat_source *sock_source, *retry_timer;
	uint64_t retry_ms;
	struct named_fd fds[MAPPINGS_MAX];
	size_t fd_count;

	bool attached; // memory is mapped
	bool failed;   // the exit code will say so
	bool started;  // the first configuration was taken, workers run
	struct attachment attachment;
	struct mapping mappings[MAPPINGS_MAX];
	size_t mapping_count;
	struct worker *workers; // attachment.lanes of them
	struct cat_stats_page *stats;
	uint32_t counters; // names that do not depend on the configuration
	uint32_t lanes_created;

	char *config_text;         // last taken, so that the same again changes nothing
	void *config, *old_config; // in force, and the one that workers may still read
	void *waiting_config;      // came while another was being taken over
	bool is_swapping, is_waiting;
	struct cat_source *swap_timer;
	struct prefault prefault;

	struct tap taps[CAT_CHANNELS_MAX];
	pthread_mutex_t tap_lock;         // guards taps[].fd: punt threads write to them
	struct punt_thread *punt_threads; // run while there are taps
	uint32_t punt_thread_count;
	_Atomic bool punt_stop;
	struct daemon *daemons[CAT_CHANNELS_MAX];
};

// control.c
int control_open(struct cat_vnf *vnf, struct cat_err *err);
void control_close(struct cat_vnf *vnf);
// Tells the dataplane; a lost connection is not an error here.
void control_say(struct cat_vnf *vnf, const char *type);
void control_reject(struct cat_vnf *vnf, const struct cat_err *reason);
// {message, pointer}: what cat_node_error put before the message becomes `pointer`. NULL: no memory; the caller frees.
struct cat_node *control_problem(const struct cat_err *err);
// Ends the process with an error.
void control_fail(struct cat_vnf *vnf, const struct cat_err *err);

// attach.c
// Keeps a message's descriptors by the names in its list `names`. Owns them from the call on, also on failure.
int attach_add_fds(struct cat_vnf *vnf, const struct cat_node *body, const int *fds, size_t count, struct cat_err *err);
// Maps what "attach" names. -EINVAL: message or memory contradict themselves; -ESTALE: other memory than is mapped.
// Attaching to the memory in hand again, as a restarted dataplane asks for, changes nothing.
int attach_take(struct cat_vnf *vnf, const struct cat_node *body, struct cat_err *err);
// Moves the workers to other cores, as "move" says.
int attach_move(struct cat_vnf *vnf, const struct cat_node *body, struct cat_err *err);
// The descriptor of this name, which is the caller's from now on; -1: none.
int attach_take_fd(struct cat_vnf *vnf, const char *name);
// Closes the descriptors that nobody took.
void attach_drop_fds(struct cat_vnf *vnf);
void attach_release(struct cat_vnf *vnf);

// swap.c
// Brings the first configuration into force: lanes, taps and daemons, workers.
int swap_first(struct cat_vnf *vnf, void *config, struct cat_err *err);
// Replaces the configuration of running workers; says "configured" when it is in force.
void swap_begin(struct cat_vnf *vnf, void *config);
void swap_finish(struct cat_vnf *vnf); // at the end: nothing runs any more

static inline uint64_t monotonic_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

// prefault.c
void prefault_start(struct cat_vnf *vnf);
void prefault_stop(struct cat_vnf *vnf);

// worker.c
int worker_start(struct worker *worker, struct cat_err *err);
// Finishes the burst under way and joins the thread.
void worker_stop(struct worker *worker);
// Makes a sleeping worker look around.
void worker_nudge(struct worker *worker);
// Gives the thread, running or not yet, another core. -EINVAL: that is not ours to use.
int worker_move(struct worker *worker, uint32_t cpu, struct cat_err *err);

// tap.c
void taps_close(struct cat_vnf *vnf);

// daemon.c: ends all, waits at most a second.
void daemons_stop(struct cat_vnf *vnf);

#endif
