// SPDX-License-Identifier: BSD-3-Clause
// The control thread: the manager on one side, a socket per function on the other (cat_control.h).
#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>
#include <sys/types.h>

#include "cat_loop.h"
#include "measure.h"
#include "service.h"

struct control;

enum peer_state {
	PEER_NONE,      // nobody is connected
	PEER_CONNECTED, // before hello, or waiting for its configuration
	PEER_ATTACHED,  // it has its memory
	PEER_RUNNING,
	PEER_LEAVING, // its socket is closed, its process may still run
};

// A function's process.
struct peer {
	struct control *control;
	struct service_function *function;
	enum peer_state state;
	bool expected; // uid is set
	uid_t uid;
	bool greeted;
	int config_fd; // the configuration to be in force, or -1
	int sock, pidfd;
	pid_t pid;
	unsigned malformed; // messages from this process that could not be read
	uint64_t violations_reported, violation_report_ms;
	uint64_t condemned_ms,
		leaving_ms; // when it was last said that this process must go; when it closed its connection
	bool moving;        // it was told to move its workers, and has not answered
	struct cat_source *listening, *reading, *ending;
};

struct control {
	struct cat_loop *loop;
	int sock; // to the manager
	struct service service;
	bool opened, all_running, draining;
	uint64_t drain_deadline_ms;
	struct cat_source *ticking, *drain_ticking;
	struct measure measure;
	bool scaling; // some peer moves
	uint64_t scale_start_us;
	struct peer peer[CAT_FUNCTIONS_MAX];
	int exit_code;
};

// Runs until the manager closes the service or goes away; returns the exit code.
int control_run(int sock);

// Tells the manager about a function. message and pointer may be NULL, pid 0.
void control_report(struct control *control, const struct peer *peer, const char *event, const char *message,
		    const char *pointer);
// Some function's state has changed: ports receive once all run.
void control_peer_changed(struct control *control);

// Begins to listen for a function's process.
int peer_open(struct peer *peer, struct control *control, struct service_function *function, struct cat_err *err);
void peer_close(struct peer *peer);
// Takes the descriptor.
void peer_configure(struct peer *peer, int config_fd);
void peer_expect(struct peer *peer, uid_t uid);
// Asks the process to end.
void peer_stop(struct peer *peer);
// Reports violations, at most once a second.
void peer_check(struct peer *peer);

// scale.c: takes "scale", and tells the manager when the last function has moved. A negative errno: nothing was done.
int scale_begin(struct control *control, const struct cat_node *body, struct cat_err *err);
// A peer has moved or is gone.
void scale_proceed(struct control *control);
// Asks a process to move its workers to where the lanes are.
int peer_move(struct peer *peer);

// Sends a message of this type with the number or the message, where there is one.
void control_answer(struct control *control, const char *type, const char *key, int64_t value, const char *message);

// Sends "attach" with all of a function's memory. Returns 0 or a negative errno.
int peer_send_attach(const struct peer *peer, struct cat_err *err);

#endif
