// SPDX-License-Identifier: BSD-3-Clause
// How idling works
//
// While there is work, and a little longer, a lane yields its core between rounds, and never sleeps. Then it waits for
// the ports' descriptors, at most two milliseconds, because functions that have packets of their own (a retransmission,
// an answer of a daemon) have nothing to wake us with. A port without a descriptor is polled instead: every 100 us at
// first, and more seldom the longer it is silent.
#include "lane_idle.h"

#include <errno.h>
#include <poll.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "cat_cleanup.h"

#define IDLE_SPIN_NS 1000000u  // without work before the first sleep: a chain that was asleep takes some 100 us to wake
#define IDLE_SLEEP_NS 2000000u // longest sleep; each wake-up costs a virtual machine some 30 us
#define POLL_MIN_NS 100000u    // sleep where a port must be polled
#define POLL_MAX_NS 700000u    // with the time that a chain takes to wake, within a millisecond
#define POLL_SHARE 16u         // of the time that there was nothing to do
#define HOUSEKEEP_NS 10000000u

// Free buffers that a lane keeps to itself. Drivers that need mbufs take theirs from the pool.
#define STACK_WITH_MBUFS (4 * FREE_STACK_BULK)
#define STACK_MIN (2 * FREE_STACK_BULK + CAT_BURST_MAX)

uint64_t lane_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t stack_capacity(const struct lane_shared *shared)
{
	bool mbufs = false;
	for (uint32_t i = 0; i < shared->port_count; i++)
		mbufs |= shared->port[i].driver->needs_mbufs;
	uint32_t share = mbufs ? STACK_WITH_MBUFS : shared->region->buffers / shared->lanes;
	return share > STACK_MIN ? share : STACK_MIN;
}

static int make_handovers(struct lane *l)
{
	uint32_t lanes = l->shared->lanes;
	l->to = calloc(lanes, sizeof(struct handover *));
	l->from = calloc(lanes, sizeof(struct handover *));
	l->stuck_since_ns = calloc(lanes, sizeof(*l->stuck_since_ns));
	if (!l->to || !l->from || !l->stuck_since_ns)
		return -ENOMEM;
	for (uint32_t other = 0; other < lanes; other++) {
		if (other == l->id)
			continue;
		struct handover *h = aligned_alloc(CAT_CACHE_LINE, sizeof(*h));
		if (!h)
			return -ENOMEM;
		memset(h, 0, sizeof(*h));
		l->to[other] = h;
	}
	// Lanes are made in order; each pair is joined when its second one is there.
	for (uint32_t other = 0; other < l->id; other++) {
		l->from[other] = l->shared->lane[other].to[l->id];
		l->shared->lane[other].from[l->id] = l->to[other];
	}
	return 0;
}

int lane_init(struct lane *l, struct cat_stats_lane *stats, struct cat_err *err)
{
	l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->wake_fd < 0)
		return cat_err_errno(err, "lane %u: eventfd", l->id);
	l->free.capacity = stack_capacity(l->shared);
	l->free.index = calloc(l->free.capacity, sizeof(*l->free.index));
	l->free.pool = region_pool(l->shared->region);
	l->received = calloc(CAT_BURST_MAX, sizeof(*l->received));
	l->taken = calloc(CAT_BURST_MAX, sizeof(*l->taken));
	bool enough = l->free.index && l->received && l->taken && make_handovers(l) == 0;
	for (uint32_t i = 0; enough && i < l->end_count; i++) {
		l->end[i].outgoing.desc = calloc(CAT_BURST_MAX, sizeof(struct cat_desc));
		enough = l->end[i].outgoing.desc;
	}
	if (!enough)
		return cat_err_set(err, -ENOMEM, "lane %u: no memory", l->id);
	l->io = (struct port_io){.free = &l->free, .region = l->shared->region, .stats = stats, .lane = l->id};
	return 0;
}

void lane_finish(struct lane *l)
{
	for (uint32_t i = 0; i < l->end_count; i++)
		free(l->end[i].outgoing.desc);
	for (uint32_t i = 0; l->to && i < l->shared->lanes; i++)
		free(l->to[i]);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	free(l->to);
	free(l->from);
	free(l->stuck_since_ns);
	free(l->free.index);
	free(l->received);
	free(l->taken);
	free(l->function);
	free(l->end);
}

void lane_wake(struct lane *l)
{
	atomic_store_explicit(&l->asleep, false, memory_order_relaxed);
	uint64_t one = 1;
	if (write(l->wake_fd, &one, sizeof(one)) < 0) {
		// Full means that it is awake.
	}
}

static void housekeep(struct lane *l)
{
	struct lane_shared *shared = l->shared;
	uint64_t pooled = l->id == 0 ? rte_mempool_avail_count(shared->region->pool) : 0;
	cat_stats_set(l->io.stats, GAUGE_FREE_BUFFERS, l->free.count + pooled);
	for (uint32_t i = 0; i < shared->port_count; i++) {
		struct port *port = &shared->port[i];
		uint32_t queue = port_queue_of_lane(port, l->id);
		if (port->driver->housekeep && queue < port->rx_queues)
			port->driver->housekeep(port, queue, &l->io);
	}
}

static uint64_t poll_period(uint64_t idle_ns)
{
	uint64_t period = idle_ns / POLL_SHARE;
	return period < POLL_MIN_NS ? POLL_MIN_NS : period > POLL_MAX_NS ? POLL_MAX_NS : period;
}

static void sleep_for_work(struct lane *l, uint64_t idle_ns)
{
	struct lane_shared *shared = l->shared;
	struct pollfd fds[CAT_PORTS_MAX + 1] = {{.fd = l->wake_fd, .events = POLLIN}};
	nfds_t count = 1;
	uint64_t timeout_ns = IDLE_SLEEP_NS;
	bool receiving = atomic_load_explicit(&shared->receiving, memory_order_relaxed);
	for (uint32_t i = 0; receiving && i < shared->port_count; i++) {
		struct port *port = &shared->port[i];
		uint32_t queue = port_queue_of_lane(port, l->id);
		if (queue >= port->rx_queues || (l->blocked & 1u << i))
			continue;
		int fd = port->driver->wait_fd(port, queue);
		if (fd >= 0)
			fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
		else if (port->driver->needs_poll)
			timeout_ns = poll_period(idle_ns);
	}
	atomic_store_explicit(&l->asleep, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	bool handed_over = false;
	for (uint32_t i = 0; i < shared->lanes; i++)
		handed_over |= l->from[i] && handover_ready(l->from[i]);
	if (!handed_over) {
		struct timespec timeout = {.tv_nsec = (long)timeout_ns};
		ppoll(fds, count, &timeout, NULL);
	}
	atomic_store_explicit(&l->asleep, false, memory_order_relaxed);
	uint64_t ignored;
	if (fds[0].revents && read(l->wake_fd, &ignored, sizeof(ignored)) < 0) {
		// Another's wake-up came first.
	}
}

static void *lane_main(void *user)
{
	struct lane *l = user;
	struct lane_shared *shared = l->shared;
	// Some drivers keep things per DPDK thread; without a slot they use shared ones.
	bool registered = rte_thread_register() == 0;
	prctl(PR_SET_TIMERSLACK, 1000ul); // ns
	uint64_t worked = lane_now_ns(), kept = 0;
	while (!atomic_load_explicit(&shared->stopping, memory_order_relaxed)) {
		uint64_t now = lane_now_ns();
		if (lane_round(l, now))
			worked = now;
		if (now - kept > HOUSEKEEP_NS) {
			housekeep(l);
			kept = now;
		}
		if (shared->busy || now - worked < IDLE_SPIN_NS)
			sched_yield();
		else
			sleep_for_work(l, now - worked);
	}
	housekeep(l);
	if (registered)
		rte_thread_unregister();
	return NULL;
}

int lane_start(struct lane *l, struct cat_err *err)
{
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET((unsigned)l->cpu, &cpus);
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
	// Signals are the control thread's.
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int r = pthread_create(&l->thread, &attributes, lane_main, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (r)
		return cat_err_set(err, -r, "lane %u: cannot run on core %d: %s", l->id, l->cpu, strerror(r));
	char name[16];
	snprintf(name, sizeof(name), "lane-%u", l->id);
	pthread_setname_np(l->thread, name);
	l->running = true;
	return 0;
}

int lane_move(struct lane *l, int cpu, struct cat_err *err)
{
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET((unsigned)cpu, &cpus);
	int r = l->running ? pthread_setaffinity_np(l->thread, sizeof(cpus), &cpus) : 0;
	if (r)
		return cat_err_set(err, -r, "lane %u: cannot move to core %d: %s", l->id, cpu, strerror(r));
	l->cpu = cpu;
	return 0;
}

void lane_stop(struct lane *l)
{
	if (!l->running)
		return;
	lane_wake(l);
	pthread_join(l->thread, NULL);
	l->running = false;
}
