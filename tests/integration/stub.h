// SPDX-License-Identifier: BSD-3-Clause
// A function by hand, to do what a real one never would. Runs in a child process, which ends with _exit.
#ifndef STUB_H
#define STUB_H

#include "cat_ring.h"
#include "cat_tree.h"

struct stub {
	int sock;
	uint8_t *region;
	uint32_t stride;
	struct cat_worker_page *page;
	struct cat_ring_end in[CAT_SIDES], out[CAT_SIDES], ret, supply; // of lane 0
};

// All end the process with code 99 and a message when something is not as it should be.
void stub_connect(struct stub *stub, const char *path);
void stub_send(struct stub *stub, const char *json);
// Sends hello as `kind`, maps what attach brings, says that it runs.
void stub_run(struct stub *stub, const char *path, const char *kind);
// Waits for n descriptors on a ring.
void stub_wait(struct cat_ring_end *end, uint32_t n);
// True when the other side closes the connection within 5 s.
bool stub_closed(struct stub *stub);

#endif
