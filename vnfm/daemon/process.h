// SPDX-License-Identifier: BSD-3-Clause
// Processes of our own, and knowing one again after a restart: by pid and start time, for pids are used again.
#ifndef VNFM_PROCESS_H
#define VNFM_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "cat_err.h"
#include "cat_tree.h"

// Starts argv[0] with `control` as descriptor CAT_CONTROL_FD, both outputs to log_fd, nothing else inherited, no signal
// blocked.
int process_spawn(const char *const *argv, int control, int log_fd, pid_t *ret_pid, struct cat_err *err);
// Kills and reaps a child.
void process_kill(pid_t pid);
// {pid, start_time}: what process_kill_described wants. NULL: no memory, or no such process. The caller frees.
struct cat_node *process_describe(pid_t pid);
// The described process if it still is the same one, else 0.
pid_t process_find_described(const struct cat_node *description);
// Kills the process if it is still the same one, and waits for its end (it need not be a child). 1: killed, 0: gone
// before.
int process_kill_described(const struct cat_node *description, int timeout_ms, struct cat_err *err);

#endif
