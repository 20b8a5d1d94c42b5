// SPDX-License-Identifier: BSD-3-Clause
// A lane: one worker thread on its core. It carries packets between the ports and the first and last functions of each
// path, takes back what functions return, and keeps them supplied with empty buffers.
#ifndef LANE_H
#define LANE_H

#include <pthread.h>
#include <stdbool.h>

#include "cat_ring.h"
#include "classifier.h"
#include "handover.h"
#include "port.h"
#include "region.h"

#define LANE_NO_FUNCTION UINT32_MAX

// What all lanes share. Constant while they run but for the flags.
struct lane_shared {
	struct region *region;
	struct port port[CAT_PORTS_MAX];
	uint32_t port_count;
	struct classifier *classifier;
	uint32_t lanes, burst;
	uint32_t round_limit; // packets from one source between two yields; its first burst is done in any case
	uint32_t round_ns;    // after that no further burst is begun from the same source
	bool busy;            // never sleep
	// writer: control thread, readers: lanes
	_Atomic bool receiving; // take packets from the ports
	_Atomic bool supplying; // fill supply rings
	_Atomic bool stopping;
	struct lane *lane; // lanes
};

// A function's worker on this lane, as far as it concerns us.
struct lane_function {
	struct cat_ring_end ret, supply;
	_Atomic uint64_t violations; // writer: lane, reader: control thread
};

// Packets on their way to a port. What it does not take at once waits, and stops what comes behind it.
struct lane_outgoing {
	struct cat_desc *desc; // CAT_BURST_MAX
	uint32_t at, count;
	uint64_t stuck_since_ns; // 0: it moves
};

// An end of a path on this lane.
struct lane_end {
	struct cat_ring_end to;   // packets that enter here
	struct cat_ring_end from; // packets that leave here
	uint32_t port;
	uint32_t function; // the neighbour, or LANE_NO_FUNCTION on a path of ports alone
	uint32_t room, staged;
	struct lane_outgoing outgoing;
};

struct lane {
	struct lane_shared *shared;
	uint32_t id;
	int cpu;
	struct lane_function *function;
	uint32_t function_count;
	struct lane_end *end;
	uint32_t end_count;

	struct free_stack free;
	struct port_io io;
	uint32_t blocked;                  // ports whose packets wait because their path is full, by bit
	struct cat_desc *received, *taken; // CAT_BURST_MAX
	struct handover **to, **from;      // by lane; NULL for ourselves
	uint64_t *stuck_since_ns;          // by lane: what it handed over for a port waits
	_Atomic bool asleep;               // writers: this lane, and who wakes it
	int wake_fd;
	pthread_t thread;
	bool running;
};

// Allocates what a lane needs beyond the arrays above, which the caller has filled; lane->shared, id and cpu too.
int lane_init(struct lane *lane, struct cat_stats_lane *stats, struct cat_err *err);
// Starts the thread on its core. -EINVAL: the core is not ours to use.
int lane_start(struct lane *lane, struct cat_err *err);
// Moves the thread to another core, whatever it is doing. -EINVAL: that is not ours to use; it stays where it was.
int lane_move(struct lane *lane, int cpu, struct cat_err *err);
// Waits for the thread to end after shared->stopping was set.
void lane_stop(struct lane *lane);
// Frees all that belongs to the lane, the arrays included.
void lane_finish(struct lane *lane);

// CLOCK_MONOTONIC.
uint64_t lane_now_ns(void);
// One round of work, without sleeping; returns how much there was.
uint32_t lane_round(struct lane *lane, uint64_t now_ns);

#endif
