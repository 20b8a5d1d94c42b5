// SPDX-License-Identifier: BSD-3-Clause
// Makes programs that were built to own their cores share them: a library to preload into dpdk-testpmd and OVS.
//
// A thread that polls without pause keeps its neighbours on the core waiting for whole time slices of the scheduler,
// with a ring's worth of packets moved in each. With this library a thread gives up the core once nothing came from
// all the queues that it polls, or once a queue took nothing: then somebody else has to run before there is work.
//
// How it works: DPDK calls a port's receive and transmit functions through rte_eth_fp_ops, a table that
// rte_eth_dev_start() fills. After that call the entries are replaced by functions that call the original and look at
// how many packets it moved. OVS does not use ethdev for its vhost-user ports: rte_vhost_dequeue_burst() and
// rte_vhost_enqueue_burst() are replaced as a whole, which a dynamic linker does for a preloaded library by itself.
//
// CATENA_YIELD_AFTER is the number of polls in turn that find nothing before a thread yields: the number of queues
// that a thread polls. CATENA_YIELD_FULL=0 leaves out yielding when a queue is full.
#include <dlfcn.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_ethdev.h>
#include <rte_vhost.h>

#define PORTS_MAX 24u
#define AFTER_MAX 1000000u

static struct {
	eth_rx_burst_t receive[PORTS_MAX];
	eth_tx_burst_t transmit[PORTS_MAX];
	uint32_t after;
	bool full;
} hook = {.after = 1, .full = true};

static __thread uint32_t empty_polls;

static inline void polled(uint16_t got)
{
	if (got) {
		empty_polls = 0;
	} else if (++empty_polls >= hook.after) {
		empty_polls = 0;
		sched_yield();
	}
}

static inline void sent(uint16_t taken, uint16_t offered)
{
	if (!taken && offered && hook.full)
		sched_yield();
}

// The table's functions are told a queue, not a port: so there is one pair of them for each port.
#define PORT(N)                                                                                                        \
	static uint16_t receive_##N(void *queue, struct rte_mbuf **packets, uint16_t n)                                \
	{                                                                                                              \
		uint16_t got = hook.receive[N](queue, packets, n);                                                     \
		polled(got);                                                                                           \
		return got;                                                                                            \
	}                                                                                                              \
	static uint16_t transmit_##N(void *queue, struct rte_mbuf **packets, uint16_t n)                               \
	{                                                                                                              \
		uint16_t taken = hook.transmit[N](queue, packets, n);                                                  \
		sent(taken, n);                                                                                        \
		return taken;                                                                                          \
	}
#define EACH_PORT(X)                                                                                                   \
	X(0)                                                                                                           \
	X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) \
		X(21) X(22) X(23)
EACH_PORT(PORT)

#define RECEIVE(N) receive_##N,
#define TRANSMIT(N) transmit_##N,
static const eth_rx_burst_t receives[PORTS_MAX] = {EACH_PORT(RECEIVE)};
static const eth_tx_burst_t transmits[PORTS_MAX] = {EACH_PORT(TRANSMIT)};

// The function that this library stands in front of.
static void *original(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);
	if (!found) {
		fprintf(stderr, "yield: %s: not found: the program does not use DPDK's shared libraries\n", name);
		abort();
	}
	return found;
}

__attribute__((constructor)) static void read_environment(void)
{
	const char *after = getenv("CATENA_YIELD_AFTER"), *full = getenv("CATENA_YIELD_FULL");
	unsigned long polls = after ? strtoul(after, NULL, 10) : 1;
	hook.after = polls && polls <= AFTER_MAX ? (uint32_t)polls : 1;
	hook.full = !full || *full != '0';
}

int rte_eth_dev_start(uint16_t port)
{
	int (*start)(uint16_t) = (int (*)(uint16_t))original("rte_eth_dev_start");
	int error = start(port);
	if (error || port >= PORTS_MAX)
		return error;
	// A program may hold the table itself (a copy relocation), so the one that everybody uses is asked for.
	struct rte_eth_fp_ops *table = dlsym(RTLD_DEFAULT, "rte_eth_fp_ops");
	if (!table)
		abort();
	// Starting resets the entries, so they are never ours here; a secondary start of a started port leaves them.
	if (table[port].rx_pkt_burst != receives[port]) {
		hook.receive[port] = table[port].rx_pkt_burst;
		hook.transmit[port] = table[port].tx_pkt_burst;
		table[port].rx_pkt_burst = receives[port];
		table[port].tx_pkt_burst = transmits[port];
	}
	return 0;
}

uint16_t rte_vhost_dequeue_burst(int device, uint16_t queue, struct rte_mempool *pool, struct rte_mbuf **packets,
				 uint16_t n)
{
	static uint16_t (*call)(int, uint16_t, struct rte_mempool *, struct rte_mbuf **, uint16_t);
	if (!call)
		call = (uint16_t(*)(int, uint16_t, struct rte_mempool *, struct rte_mbuf **, uint16_t))original(
			"rte_vhost_dequeue_burst");
	uint16_t got = call(device, queue, pool, packets, n);
	polled(got);
	return got;
}

uint16_t rte_vhost_enqueue_burst(int device, uint16_t queue, struct rte_mbuf **packets, uint16_t n)
{
	static uint16_t (*call)(int, uint16_t, struct rte_mbuf **, uint16_t);
	if (!call)
		call = (uint16_t(*)(int, uint16_t, struct rte_mbuf **, uint16_t))original("rte_vhost_enqueue_burst");
	uint16_t taken = call(device, queue, packets, n);
	sent(taken, n);
	return taken;
}
