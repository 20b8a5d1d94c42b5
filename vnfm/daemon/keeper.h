// SPDX-License-Identifier: BSD-3-Clause
// The manager's side of catena-keeper, the process that holds the descriptors of running services.
#ifndef VNFM_KEEPER_H
#define VNFM_KEEPER_H

#include <stdbool.h>

#include "cat_err.h"
#include "cat_fds.h"
#include "cat_loop.h"

struct keeper;

struct keeper_options {
	const char *program, *run_dir;
	// The keeper died: a new one runs, and wants to be given everything again.
	void (*lost)(void *user);
	void *user;
};

// Connects to the keeper of the run directory; starts one if there is none. NULL: err says why.
struct keeper *keeper_open(struct cat_loop *loop, const struct keeper_options *options, struct cat_err *err);
// Lets it go on for the next manager, or ends it. NULL is fine.
void keeper_close(struct keeper *keeper, bool end);

// Puts a copy into its hands under "SERVICE/name". Without a keeper it returns 0: what runs goes on, and a new keeper
// gets everything.
int keeper_keep(struct keeper *keeper, const char *service, const char *name, int fd, struct cat_err *err);
// Has it close what it holds of the service, or one of them. When it returns they are closed.
void keeper_drop(struct keeper *keeper, const char *service, const char *name);
// Copies of all that it holds of the service, by name without "SERVICE/". The caller finishes them.
int keeper_give(struct keeper *keeper, const char *service, struct cat_fds *ret_fds, struct cat_err *err);

#endif
