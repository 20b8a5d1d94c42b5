// SPDX-License-Identifier: BSD-3-Clause
// Ports: where a service meets the outside. One driver a file under ports/, all in one table.
//
// A port has up to as many queues as there are lanes. Queue q belongs to one lane, and only that lane calls receive
// or transmit for it, so that drivers need no lock.
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>

#include <time.h>

#include "cat_abi.h"
#include "cat_histogram.h"
#include "cat_stats.h"
#include "cat_tree.h"
#include "free_stack.h"
#include "region.h"
#include "stat_index.h"

#define PORT_NAME_MAX 32u

struct port_driver;

struct port {
	const struct port_driver *driver;
	char name[PORT_NAME_MAX];
	uint32_t id;
	const char *device; // borrowed from the plan
	struct region *region;
	uint32_t lanes, burst;
	uint32_t rx_queues, tx_queues; // set by open: from 1 to `lanes`
	void *priv;                    // the driver's own
};

// What a lane gives a driver to work with.
struct port_io {
	struct free_stack *free;
	struct region *region;
	struct cat_stats_lane *stats;
	uint32_t lane;
	uint64_t now_ns; // CLOCK_MONOTONIC, read once a round
};

// CLOCK_MONOTONIC.
static inline uint64_t port_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// What a generator is to send in a trial.
struct port_trial {
	uint32_t id;        // of all ports that take part; not 0, not the last one's
	uint64_t rate_pps;  // 0: as fast as the service takes them
	uint64_t count;     // 0: nothing
	uint64_t length_ns; // nothing is sent later, were it due
};

// What became of a trial at one port: as sender, and as receiver of what others sent.
struct port_account {
	uint64_t sent;
	uint64_t received; // each packet once
	uint64_t duplicates, reordered, foreign;
	struct cat_histogram latency; // of those received that carried their time
};

struct port_driver {
	const char *name;
	bool needs_mbufs; // free buffers should be in the mempool rather than on stacks
	bool needs_poll;  // packets may come without anything to wait for
	bool parses;      // every descriptor that it gives is parsed
	int (*open)(struct port *port, const struct cat_node *options, struct cat_err *err);
	void (*close)(struct port *port);
	// At most max packets into ret_desc, whose buffers were free; flags 0 unless parsed. Counts what it drops
	// itself.
	uint32_t (*receive)(struct port *port, uint32_t queue, struct port_io *io, struct cat_desc *ret_desc,
			    uint32_t max);
	// Sends the first n and returns n: their buffers are free again, or the driver's. The rest is offered again.
	uint32_t (*transmit)(struct port *port, uint32_t queue, struct port_io *io, const struct cat_desc *desc,
			     uint32_t count);
	bool (*link_up)(struct port *port);
	// A descriptor that is readable when packets wait, or -1.
	int (*wait_fd)(struct port *port, uint32_t queue);
	// About every 10 ms, on the queue's lane: fetches counters that the kernel or the device keeps. NULL: none.
	void (*housekeep)(struct port *port, uint32_t queue, struct port_io *io);
	// Needed after open (CAP_...), or -1.
	int (*capability)(const struct port *port);
	// Control thread: whether the device was taken away and another has its name, which only a new process may
	// open. NULL: never.
	bool (*replaced)(const struct port *port);
	// Trials, for generators; NULL: the port makes none. Called by the control thread while lanes run. A trial
	// begins with what was accounted for before forgotten; trial_ready asks the lanes for their accounts and says
	// whether all have answered, which they do within a round; trial_end adds them to *ret.
	int (*trial_begin)(struct port *port, const struct port_trial *trial, struct cat_err *err);
	bool (*trial_ready)(struct port *port);
	void (*trial_end)(struct port *port, struct port_account *ret);
};

// Opens what the plan's entry {name, driver, device, options} says. `id`, region, lanes and burst are set by the
// caller.
int port_open(struct port *port, const struct cat_node *plan, struct cat_err *err);
void port_close(struct port *port);

// Queues are spread over the lanes, beginning with a different one for each port.
static inline uint32_t port_queue_of_lane(const struct port *port, uint32_t lane)
{
	return (lane + port->lanes - port->id % port->lanes) % port->lanes;
}

static inline uint32_t port_lane_of_queue(const struct port *port, uint32_t queue)
{
	return (queue + port->id) % port->lanes;
}

static inline void port_count(const struct port *port, struct port_io *io, enum port_stat which, uint64_t n)
{
	cat_stats_add(io->stats, STAT_OF_PORT(port->id, which), n);
}

extern const struct port_driver port_veth, port_gen, port_null, port_tap, port_memif, port_vhost, port_pcap, port_pci;

#endif
