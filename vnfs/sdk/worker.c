// SPDX-License-Identifier: BSD-3-Clause
// The worker thread of a lane.
//
// All workers of a chain, and the dataplane's, share one core. Each does one burst per side and then gives the core to
// the next (sched_yield), so that a burst runs through the whole chain while its packets are in the cache, and nobody
// polls while another has work. After some hundred rounds without work it sleeps until a neighbour rings.
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "cat_eal.h"
#include "cat_log.h"
#include "process.h"

#define IDLE_ROUNDS 300u   // empty rounds before sleeping
#define TICK_US 10000u     // between ticks while awake
#define SLEEP_US 100000u   // longest sleep
#define BLOCKED_NS 100000u // pause while a full ring downstream holds packets back
#define INJECT_BURST 32u   // frames from the control side in one round

static void take_config(struct worker *worker)
{
	struct cat_lane *lane = &worker->engine.lane;
	const void *next = atomic_load_explicit(&worker->next_config, memory_order_acquire);
	if (__builtin_expect(next == lane->config, 1))
		return;
	const void *old = lane->config;
	lane->config = next;
	if (worker->engine.ops->lane_reconfigured)
		worker->engine.ops->lane_reconfigured(lane, old);
	atomic_store_explicit(&worker->taken_config, next, memory_order_release);
}

// Frames from taps. Returns how many messages there were.
static uint32_t inject(struct worker *worker)
{
	struct cat_lane *lane = &worker->engine.lane;
	struct punt *punt = lane->punt;
	if (__builtin_expect(!cat_ring_ready(&punt->in.consumer), 1))
		return 0;
	uint32_t n = 0;
	burst_open_empty(&worker->engine);
	for (; n < INJECT_BURST; n++) {
		unsigned channel;
		uint32_t length;
		const uint8_t *frame = punt_queue_peek(&punt->in, &channel, &length);
		if (!frame)
			break;
		if (channel != PUNT_CHANNEL_NONE && worker->engine.ops->inject)
			worker->engine.ops->inject(lane, channel, frame, length);
		punt_queue_drop(&punt->in);
	}
	burst_close_empty(&worker->engine);
	return n;
}

static void tick(struct worker *worker)
{
	if (!worker->engine.ops->tick)
		return;
	burst_open_empty(&worker->engine);
	worker->engine.ops->tick(&worker->engine.lane);
	burst_close_empty(&worker->engine);
}

// Nothing was done for a while. A full ring downstream rings no bell when it empties, so that case is a short pause.
static void rest(struct worker *worker)
{
	struct cat_lane *lane = &worker->engine.lane;
	struct cat_ring_end *ends[] = {&lane->in[CAT_LEFT], &lane->in[CAT_RIGHT],
				       &((struct punt *)lane->punt)->in.consumer};
	atomic_store_explicit(&lane->page->asleep, 1, memory_order_relaxed);
	if (cat_ring_ready(ends[0]) || cat_ring_ready(ends[1])) {
		struct timespec pause = {.tv_nsec = BLOCKED_NS};
		nanosleep(&pause, NULL);
	} else {
		cat_ring_sleep(ends, 3, SLEEP_US);
	}
	atomic_store_explicit(&lane->page->asleep, 0, memory_order_relaxed);
}

// Bursts as long as they are full, up to a ring's worth: what waits here would not come sooner to its destination for
// leaving the core to others in between, and switching processes costs more than some hundred packets. But not for
// long: the other side waits as well.
static uint32_t run_side(struct worker *worker, enum cat_side side)
{
	struct cat_lane *lane = &worker->engine.lane;
	uint64_t start = lane->now_us;
	uint32_t total = 0, n;
	do {
		n = burst_run(&worker->engine, side);
		total += n;
		if (n < worker->engine.limit || total + n > worker->round_limit)
			break;
		lane->now_us = monotonic_us();
	} while (lane->now_us - start < worker->round_us);
	return total;
}

static void run(struct worker *worker)
{
	struct cat_lane *lane = &worker->engine.lane;
	uint64_t heartbeat = atomic_load_explicit(&lane->page->heartbeat, memory_order_relaxed);
	uint64_t next_tick = 0;
	uint32_t idle = 0;
	while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
		atomic_store_explicit(&lane->page->heartbeat, ++heartbeat, memory_order_relaxed);
		take_config(worker);
		lane->now_us = monotonic_us();
		uint32_t done = run_side(worker, CAT_LEFT);
		done += run_side(worker, CAT_RIGHT);
		done += inject(worker);
		if (lane->now_us >= next_tick) {
			next_tick = lane->now_us + TICK_US;
			tick(worker);
		}
		idle = done ? 0 : idle + 1;
		sched_yield();
		if (idle > IDLE_ROUNDS && !worker->busy)
			rest(worker);
	}
}

static void *thread_main(void *user)
{
	struct worker *worker = user;
	const struct cat_eal *eal = worker->engine.ops->eal;
	// The default slack of 50 us would be added to every short pause.
	prctl(PR_SET_TIMERSLACK, 1000UL);
	if (eal) {
		struct cat_err err = {0};
		if (eal->thread_start(&err) < 0) {
			// Libraries work without, only slower.
			cat_warn("lane %u: %s", worker->engine.lane.id, err.message);
			eal = NULL;
		}
	}
	run(worker);
	if (eal)
		eal->thread_stop();
	return NULL;
}

int worker_start(struct worker *worker, struct cat_err *err)
{
	const void *config = worker->engine.lane.config;
	atomic_store(&worker->next_config, config);
	atomic_store(&worker->taken_config, config);
	atomic_store(&worker->stop, false);
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(worker->cpu, &cpus);
	pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
	int number = pthread_create(&worker->thread, &attributes, thread_main, worker);
	pthread_attr_destroy(&attributes);
	if (number)
		return cat_err_set(err, -number, "lane %u: a thread on processor %u: %s", worker->engine.lane.id,
				   worker->cpu, strerror(number));
	worker->running = true;
	char name[16];
	snprintf(name, sizeof(name), "lane-%u", worker->engine.lane.id);
	pthread_setname_np(worker->thread, name);
	return 0;
}

int worker_move(struct worker *worker, uint32_t cpu, struct cat_err *err)
{
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	int number = worker->running ? pthread_setaffinity_np(worker->thread, sizeof(cpus), &cpus) : 0;
	if (number)
		return cat_err_set(err, -number, "lane %u: moving to processor %u: %s", worker->engine.lane.id, cpu,
				   strerror(number));
	worker->cpu = cpu;
	return 0;
}

void worker_nudge(struct worker *worker)
{
	punt_queue_put(&((struct punt *)worker->engine.lane.punt)->in, PUNT_CHANNEL_NONE, "", 0);
}

void worker_stop(struct worker *worker)
{
	if (!worker->running)
		return;
	atomic_store(&worker->stop, true);
	worker_nudge(worker);
	pthread_join(worker->thread, NULL);
	worker->running = false;
}
