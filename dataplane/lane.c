// SPDX-License-Identifier: BSD-3-Clause
// How it works
//
// A round goes from the back of the paths to the front, so that room is made before it is needed: buffers come back,
// packets leave, supply rings are filled, ports are read. Then the core is given to the functions' workers.
//
// Overload is dropped where it cost nothing yet: a port is read only as far as there is room in the first ring of its
// path, so that the device's or the kernel's own queue overflows (rx_missed). Only where packets of one port take
// several paths does one have to be taken in before it is known that its path is full (drop.ring_full). Between lanes
// it is the same: what is handed over and finds no room waits, and the lane that hands it over reads its ports no
// further.
//
// Within a round, full bursts from one source follow each other up to a ring's worth, because changing processes costs
// more than some hundred packets; but not for long, where a port has to copy them.
//
// Everything read from a ring that a function writes is copied first, and then the copy is checked.
#include "lane.h"

#include <sched.h>

#include "cat_desc.h"
#include "cat_parse.h"
#include "lane_idle.h"

#define TX_STUCK_NS 1000000u // what a port does not take within this time is dropped
#define SUPPLY_CHUNK 256u
#define FRAME_MIN 14u // an Ethernet header

static void drop(struct lane *l, uint32_t buf, enum dataplane_stat reason)
{
	cat_stats_add(l->io.stats, reason, 1);
	free_stack_push(&l->free, buf);
}

static void add_violations(struct lane *l, uint32_t function, uint32_t n)
{
	cat_stats_add(l->io.stats, STAT_VIOLATIONS, n);
	if (function == LANE_NO_FUNCTION)
		return;
	_Atomic uint64_t *v = &l->function[function].violations;
	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n, memory_order_relaxed);
}

static uint32_t ready(struct lane *l, struct cat_ring_end *end, uint32_t function)
{
	uint32_t n = cat_ring_ready(end);
	if (__builtin_expect(end->violations != 0, 0)) {
		add_violations(l, function, end->violations);
		end->violations = 0;
	}
	return n < CAT_BURST_MAX ? n : CAT_BURST_MAX;
}

// Copies n descriptors out of a ring and takes their buffers back from the functions. Those that fail the checks are
// left out. Returns how many are good.
static uint32_t take_back(struct lane *l, struct cat_ring_end *from, uint32_t n, uint32_t function, bool with_data)
{
	const struct region *region = l->shared->region;
	const struct owner_check check = {
		.owner = region->owner,
		.buffers = region->buffers,
		.stride = region->stride,
		.len_min = with_data ? FRAME_MIN : 0,
		.me = OWNER_LANE(l->id),
	};
	uint32_t at = from->index & from->mask, before_wrap = from->mask + 1 - at;
	if (before_wrap > n)
		before_wrap = n;
	uint32_t good = owner_take_back(&check, l->taken, &from->ring->slot[at], before_wrap);
	good += owner_take_back(&check, l->taken + good, from->ring->slot, n - before_wrap);
	cat_ring_release(from, n);
	if (__builtin_expect(good < n, 0)) {
		cat_stats_add(l->io.stats, DROP_BAD_DESCRIPTOR, n - good);
		add_violations(l, function, n - good);
	}
	return good;
}

static uint32_t take_returns(struct lane *l, uint32_t function)
{
	struct lane_function *f = &l->function[function];
	uint32_t n = ready(l, &f->ret, function);
	if (n == 0)
		return 0;
	uint32_t good = take_back(l, &f->ret, n, function, false);
	free_stack_push_block(&l->free, l->taken, good);
	return n;
}

static void wake_lane(struct lane *l)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&l->asleep, memory_order_relaxed))
		lane_wake(l);
}

// Offers packets to a port, or to the lane that has its queue. Returns how many were taken.
static uint32_t transmit(struct lane *l, uint32_t port_id, const struct cat_desc *desc, uint32_t n)
{
	struct port *port = &l->shared->port[port_id];
	uint32_t queue = port_queue_of_lane(port, l->id);
	if (queue < port->tx_queues)
		return port->driver->transmit(port, queue, &l->io, desc, n);
	uint32_t lane = port_lane_of_queue(port, queue % port->tx_queues), sent = 0;
	while (sent < n && handover_put(l->to[lane], &desc[sent], HANDOVER_TO_PORT | port_id))
		sent++;
	if (handover_publish(l->to[lane]))
		wake_lane(&l->shared->lane[lane]);
	return sent;
}

// After `sent` of `offered` were taken: whether the rest must be given up, and why. 0: let it wait.
static enum dataplane_stat stuck(struct lane *l, uint32_t port_id, uint32_t sent, uint32_t offered, uint64_t *since_ns)
{
	if (sent == offered) {
		*since_ns = 0;
		return 0;
	}
	struct port *port = &l->shared->port[port_id];
	if (!port->driver->link_up(port))
		return DROP_LINK_DOWN;
	if (sent || !*since_ns)
		*since_ns = l->io.now_ns;
	return l->io.now_ns - *since_ns > TX_STUCK_NS ? DROP_TX_FULL : 0;
}
static_assert(DROP_LINK_DOWN != 0 && DROP_TX_FULL != 0, "0 stands for none");

static void send_outgoing(struct lane *l, struct lane_end *e)
{
	struct lane_outgoing *o = &e->outgoing;
	uint32_t offered = o->count - o->at, sent = transmit(l, e->port, o->desc + o->at, offered);
	o->at += sent;
	enum dataplane_stat reason = stuck(l, e->port, sent, offered, &o->stuck_since_ns);
	if (__builtin_expect(reason != 0, 0)) {
		while (o->at < o->count)
			drop(l, o->desc[o->at++].buf, reason);
		o->stuck_since_ns = 0;
	}
	if (o->at == o->count)
		o->at = o->count = 0;
}

// Packets that come out of a path go to the port at this end.
static uint32_t take_from_path(struct lane *l, uint32_t end)
{
	struct lane_end *e = &l->end[end];
	struct lane_outgoing *o = &e->outgoing;
	if (o->count) {
		send_outgoing(l, e);
		if (o->count)
			return 0;
	}
	uint32_t n = ready(l, &e->from, e->function);
	if (n == 0)
		return 0;
	uint32_t good = take_back(l, &e->from, n, e->function, true);
	uint32_t sent = transmit(l, e->port, l->taken, good);
	if (__builtin_expect(sent < good, 0)) {
		o->count = good - sent;
		memcpy(o->desc, l->taken + sent, o->count * sizeof(*o->desc));
		send_outgoing(l, e);
	}
	return n;
}

// Puts a packet behind those staged for an end. The caller publishes.
static inline void stage(struct lane *l, struct lane_end *e, const struct cat_desc *desc)
{
	if (__builtin_expect(e->staged == e->room, 0)) {
		drop(l, desc->buf, DROP_RING_FULL);
		return;
	}
	l->shared->region->owner[desc->buf] = OWNER_LANE(l->id);
	*cat_ring_slot(&e->to, e->staged++) = *desc;
}

static void measure_room(struct lane *l, struct lane_end *e)
{
	e->room = cat_ring_room(&e->to);
	e->staged = 0;
	if (__builtin_expect(e->to.violations != 0, 0)) {
		add_violations(l, e->function, e->to.violations);
		e->to.violations = 0;
	}
}

static void publish(struct lane_end *e)
{
	if (e->staged == 0)
		return;
	cat_ring_publish(&e->to, e->staged);
	cat_ring_wake(&e->to);
	e->staged = e->room = 0;
}

// Lets the first of the n packets in l->taken enter that there is room for. The rest waits for it, and so in the end do
// the packets behind them at their port; only where that would hold up other paths, it is dropped.
static uint32_t enter(struct lane *l, struct lane_end *e, uint32_t n)
{
	bool wait = classifier_only(l->shared->classifier, e->port) != CLASSIFIER_NONE;
	if (wait && n > e->room - e->staged)
		n = e->room - e->staged;
	for (uint32_t i = 0; i < n; i++)
		stage(l, e, &l->taken[i]);
	return n;
}

// What another lane gave us: packets that enter here, and packets that leave by our queue of a port.
static uint32_t take_from_lane(struct lane *l, uint32_t other)
{
	struct handover *h = l->from[other];
	uint32_t n = handover_ready(h), done = 0;
	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < l->end_count; i++)
		measure_room(l, &l->end[i]);
	while (done < n) {
		uint32_t target = handover_peek(h, done)->target, run = 0;
		while (done + run < n && run < CAT_BURST_MAX && handover_peek(h, done + run)->target == target) {
			l->taken[run] = handover_peek(h, done + run)->desc;
			run++;
		}
		if (!(target & HANDOVER_TO_PORT)) {
			uint32_t entered = enter(l, &l->end[target], run);
			done += entered;
			if (entered < run)
				break;
			continue;
		}
		uint32_t port = target & ~HANDOVER_TO_PORT, sent = transmit(l, port, l->taken, run);
		enum dataplane_stat reason = stuck(l, port, sent, run, &l->stuck_since_ns[other]);
		if (reason) {
			for (uint32_t i = sent; i < run; i++)
				drop(l, l->taken[i].buf, reason);
			l->stuck_since_ns[other] = 0;
			sent = run;
		}
		done += sent;
		if (sent < run)
			break;
	}
	for (uint32_t i = 0; i < l->end_count; i++)
		publish(&l->end[i]);
	handover_release(h, done);
	return done;
}

static uint32_t fill_supply(struct lane *l, uint32_t function)
{
	struct cat_ring_end *supply = &l->function[function].supply;
	uint32_t room = cat_ring_room(supply);
	if (__builtin_expect(supply->violations != 0, 0)) {
		add_violations(l, function, supply->violations);
		supply->violations = 0;
	}
	if (room <= (supply->mask + 1) / 4)
		return 0;
	uint32_t n = free_stack_reserve(&l->free, room < SUPPLY_CHUNK ? room : SUPPLY_CHUNK);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t buf = free_stack_pop(&l->free);
		l->shared->region->owner[buf] = OWNER_LANE(l->id);
		*cat_ring_slot(supply, i) = (struct cat_desc){.buf = buf, .off = (uint16_t)l->shared->region->headroom};
	}
	cat_ring_publish(supply, n);
	return n;
}

static inline void parse(struct lane *l, struct cat_desc *desc)
{
	if (!(desc->flags & CAT_DESC_PARSED))
		cat_parse(desc, region_buffer(l->shared->region, desc->buf) + desc->off);
}

static void hand_over_or_stage(struct lane *l, uint32_t end, const struct cat_desc *desc)
{
	uint32_t lane = cat_lane_of(desc->hash, l->shared->lanes);
	if (lane == l->id)
		stage(l, &l->end[end], desc);
	else if (!handover_put(l->to[lane], desc, end))
		drop(l, desc->buf, DROP_RING_FULL);
}

// How many packets may be taken in. The lanes that may get some must have room for all of them; where there is only one
// path, its ring must too, and else one of them.
static uint32_t entering_max(struct lane *l, const struct port *port, const uint32_t *ends, uint32_t end_count)
{
	uint32_t max = l->shared->burst, room = 0;
	for (uint32_t i = 0; i < end_count; i++) {
		measure_room(l, &l->end[ends[i]]);
		room += l->end[ends[i]].room;
	}
	uint32_t only = classifier_only(l->shared->classifier, port->id);
	if (only != CLASSIFIER_NONE) {
		room = l->end[only].room;
		max = room < max ? room : max;
	}
	if (room == 0 && end_count)
		return 0;
	for (uint32_t lane = 0; lane < l->shared->lanes; lane++) {
		uint32_t free = l->to[lane] ? handover_room(l->to[lane]) : max;
		max = free < max ? free : max;
	}
	return max;
}

static void publish_to_lanes(struct lane *l)
{
	for (uint32_t lane = 0; lane < l->shared->lanes; lane++)
		if (l->to[lane] && handover_publish(l->to[lane]))
			wake_lane(&l->shared->lane[lane]);
}

static bool all_of_this_lane(const struct lane *l, const struct cat_desc *desc, uint32_t n)
{
	uint32_t lanes = l->shared->lanes, others = 0;
	for (uint32_t i = 0; i < n; i++)
		others |= cat_lane_of(desc[i].hash, lanes) ^ l->id;
	return others == 0;
}

// Enters all n packets in l->received. Returns their bytes.
static uint64_t enter_block(struct lane *l, struct lane_end *e, uint32_t n)
{
	owner_mark(l->shared->region->owner, l->received, n, OWNER_LANE(l->id));
	uint32_t at = e->to.index & e->to.mask, before_wrap = e->to.mask + 1 - at;
	if (before_wrap > n)
		before_wrap = n;
	uint64_t bytes = cat_desc_copy_block(&e->to.ring->slot[at], l->received, before_wrap);
	bytes += cat_desc_copy_block(e->to.ring->slot, l->received + before_wrap, n - before_wrap);
	e->staged = n;
	return bytes;
}

// All packets of the port enter at one end: the common case. A device or a generator that spreads flows as lanes do
// leaves nothing to decide for a packet.
static uint32_t receive_straight(struct lane *l, struct port *port, uint32_t queue, uint32_t end, uint64_t *bytes)
{
	uint32_t max = entering_max(l, port, &end, 1);
	if (max == 0) {
		l->blocked |= 1u << port->id;
		return 0;
	}
	uint32_t n = port->driver->receive(port, queue, &l->io, l->received, max);
	if (!port->driver->parses)
		for (uint32_t i = 0; i < n; i++)
			parse(l, &l->received[i]);
	if (l->shared->lanes == 1 || all_of_this_lane(l, l->received, n)) {
		*bytes += enter_block(l, &l->end[end], n);
	} else {
		for (uint32_t i = 0; i < n; i++) {
			*bytes += l->received[i].len;
			hand_over_or_stage(l, end, &l->received[i]);
		}
		publish_to_lanes(l);
	}
	publish(&l->end[end]);
	return n;
}

static uint32_t receive_sorted(struct lane *l, struct port *port, uint32_t queue, uint64_t *bytes)
{
	const struct classifier *classifier = l->shared->classifier;
	const uint32_t *ends, end_count = classifier_ends(classifier, port->id, &ends);
	uint32_t max = entering_max(l, port, ends, end_count);
	if (max == 0) {
		l->blocked |= 1u << port->id;
		return 0;
	}
	uint32_t n = port->driver->receive(port, queue, &l->io, l->received, max);
	for (uint32_t i = 0; i < n; i++) {
		struct cat_desc *desc = &l->received[i];
		parse(l, desc);
		*bytes += desc->len;
		const uint8_t *data = region_buffer(l->shared->region, desc->buf) + desc->off;
		uint32_t end = classifier_find(classifier, port->id, desc, data);
		if (end == CLASSIFIER_NONE)
			drop(l, desc->buf, DROP_NO_PATH);
		else
			hand_over_or_stage(l, end, desc);
	}
	for (uint32_t i = 0; i < end_count; i++)
		publish(&l->end[ends[i]]);
	publish_to_lanes(l);
	return n;
}

static uint32_t receive(struct lane *l, uint32_t port_id)
{
	struct port *port = &l->shared->port[port_id];
	uint32_t queue = port_queue_of_lane(port, l->id);
	if (queue >= port->rx_queues)
		return 0;
	uint64_t bytes = 0;
	uint32_t n, only = classifier_only(l->shared->classifier, port->id);
	l->blocked &= ~(1u << port->id);
	if (only != CLASSIFIER_NONE)
		n = receive_straight(l, port, queue, only, &bytes);
	else
		n = receive_sorted(l, port, queue, &bytes);
	if (n) {
		port_count(port, &l->io, PORT_RX_PACKETS, n);
		port_count(port, &l->io, PORT_RX_BYTES, bytes);
	}
	return n;
}

// Repeats bursts from one source while they are full.
static inline uint32_t repeat(struct lane *l, uint32_t (*burst)(struct lane *, uint32_t), uint32_t which)
{
	// The time counts from the end of the first burst: most rounds have only one, and need no look at the clock.
	uint64_t end_ns = 0;
	uint32_t total = 0, n;
	for (;;) {
		n = burst(l, which);
		total += n;
		if (n < l->shared->burst || total + n > l->shared->round_limit)
			return total;
		uint64_t now = lane_now_ns();
		end_ns = end_ns ? end_ns : now + l->shared->round_ns;
		if (now >= end_ns)
			return total;
	}
}

uint32_t lane_round(struct lane *l, uint64_t now_ns)
{
	struct lane_shared *shared = l->shared;
	uint32_t work = 0;
	l->io.now_ns = now_ns;
	for (uint32_t i = 0; i < l->function_count; i++)
		work += take_returns(l, i);
	for (uint32_t i = 0; i < l->end_count; i++)
		work += repeat(l, take_from_path, i);
	for (uint32_t i = 0; i < shared->lanes; i++)
		if (l->from[i])
			work += take_from_lane(l, i);
	if (atomic_load_explicit(&shared->supplying, memory_order_relaxed))
		for (uint32_t i = 0; i < l->function_count; i++)
			work += fill_supply(l, i);
	if (!atomic_load_explicit(&shared->receiving, memory_order_relaxed))
		return work;
	if (work)
		l->io.now_ns = lane_now_ns();
	for (uint32_t i = 0; i < shared->port_count; i++)
		work += repeat(l, receive, i);
	return work;
}
