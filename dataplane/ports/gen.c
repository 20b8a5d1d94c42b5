// SPDX-License-Identifier: BSD-3-Clause
// gen: generator and sink inline on the lane, for benchmarks. Every packet's bytes are written, as the functions may
// have changed them when the buffer was here last. What comes back is swallowed, but for requests for neighbours, or
// reflected. With sequence numbers every packet is looked at when it comes back (gen_check.h), and trials can be made:
// the manager sets a rate and a number of packets, and asks for the account.
#include <errno.h>
#include <stdlib.h>

#include "gen_answer.h"
#include "gen_check.h"
#include "gen_frame.h"
#include "port.h"

#define LINE 64u
#define ANSWERS 256u             // that wait on a lane
#define WINDOW_LOST_NS 10000000u // what has not come back after this time of silence is not waited for
#define PREFETCH 16u // packets ahead: buffers that made a round of the service are in the second-level cache

struct gen_lane {
	alignas(CAT_CACHE_LINE) uint32_t next; // flow
	uint32_t flow_count;
	uint32_t *flow;       // those of this lane, or NULL: all
	struct gen_mark mark; // of the next packet
	uint32_t trial;       // that the fields below are of
	uint64_t count;
	uint64_t rate_pps;
	uint64_t end_ns;       // nothing is sent after it
	uint64_t paid_ns;      // until when packets are accounted for
	uint64_t interval_fp;  // between two packets, in ns / 2^16; 0: all of a burst are due now
	_Atomic uint64_t sent; // writer: the lane, readers: control
	// Control asks for the account of a trial by its number; the lane copies it and answers with the number.
	_Atomic uint32_t asked, answered;
	struct gen_check check, account;
	struct gen_answers answers;
	uint64_t made, came; // since the beginning: how many are under way
	uint64_t came_ns;    // when `came` last grew
};

struct gen {
	struct gen_frame frame;
	struct gen_options options;
	uint32_t one_hash; // of flow 0
	// The trial to make. writer: control, readers: lanes; `trial` is stored last.
	uint64_t trial_rate_pps, trial_count, trial_length_ns;
	_Atomic uint32_t trial;
	struct gen_lane lane[];
};

// With several lanes a flow is made where its packets belong, so that none is handed over.
static int share_flows(struct gen *g, uint32_t lanes, struct cat_err *err)
{
	uint8_t data[sizeof(g->frame.data)];
	memcpy(data, g->frame.data, sizeof(data));
	for (uint32_t lane = 0; lane < lanes; lane++) {
		g->lane[lane].flow = calloc(g->options.flows, sizeof(uint32_t));
		if (!g->lane[lane].flow)
			return cat_err_set(err, -ENOMEM, "no memory for %u flows", g->options.flows);
	}
	for (uint32_t flow = 0; flow < g->options.flows; flow++) {
		uint32_t hash = gen_frame_set_flow(&g->frame, flow, data);
		struct gen_lane *l = &g->lane[cat_lane_of(hash, lanes)];
		l->flow[l->flow_count++] = flow;
	}
	return 0;
}

// Each lane has its share of `count` packets by its share of the flows; the shares add up.
static uint64_t share_of(const struct gen *g, uint32_t lane, uint64_t count)
{
	uint64_t before = 0, flows = g->options.flows;
	for (uint32_t i = 0; i < lane; i++)
		before += g->lane[i].flow_count;
	unsigned __int128 first = (unsigned __int128)count * before / flows;
	unsigned __int128 end = (unsigned __int128)count * (before + g->lane[lane].flow_count) / flows;
	return (uint64_t)(end - first);
}

static void gen_close(struct port *port)
{
	struct gen *g = port->priv;
	for (uint32_t lane = 0; g && lane < port->lanes; lane++) {
		free(g->lane[lane].flow);
		free(g->lane[lane].answers.desc);
		gen_check_finish(&g->lane[lane].check);
	}
	free(g);
	port->priv = NULL;
}

static int gen_open(struct port *port, const struct cat_node *options, struct cat_err *err)
{
	struct gen *g = aligned_alloc(CAT_CACHE_LINE, sizeof(*g) + port->lanes * sizeof(g->lane[0]));
	if (!g)
		return cat_err_set(err, -ENOMEM, "no memory for a generator");
	memset(g, 0, sizeof(*g) + port->lanes * sizeof(g->lane[0]));
	port->priv = g;
	port->rx_queues = port->tx_queues = port->lanes;
	uint32_t size_max = (port->region->stride - port->region->headroom) / LINE * LINE;
	int r = gen_options_read(options, size_max, &g->options, err);
	if (r < 0)
		goto fail;
	gen_frame_build(&g->options, &g->frame);
	g->one_hash = gen_frame_set_flow(&g->frame, 0, g->frame.data);
	for (uint32_t lane = 0; lane < port->lanes; lane++) {
		struct gen_lane *l = &g->lane[lane];
		l->flow_count = port->lanes == 1 ? g->options.flows : 0;
		l->rate_pps = g->options.rate_pps;
		l->end_ns = UINT64_MAX;
		l->mark = (struct gen_mark){.magic = GEN_MARK_MAGIC, .port = (uint8_t)port->id, .lane = (uint8_t)lane};
		if (g->options.sequence && gen_check_init(&l->check, port->lanes) < 0) {
			r = cat_err_set(err, -ENOMEM, "no memory for an account of packets");
			goto fail;
		}
		if (gen_answers_init(&l->answers, g->options.reflect ? port->region->buffers : ANSWERS) < 0) {
			r = cat_err_set(err, -ENOMEM, "no memory for a generator");
			goto fail;
		}
	}
	if (port->lanes > 1 && (r = share_flows(g, port->lanes, err)) < 0)
		goto fail;
	uint64_t count = g->options.send ? g->options.count : 0;
	for (uint32_t lane = 0; lane < port->lanes; lane++)
		g->lane[lane].count = count || !g->options.send ? share_of(g, lane, count) : UINT64_MAX;
	return 0;
fail:
	gen_close(port);
	return r;
}

// Follows the manager to the next trial.
static __attribute__((noinline)) void begin_trial(struct gen *g, struct gen_lane *l, const struct port_io *io,
						  uint32_t trial)
{
	l->trial = trial;
	l->mark.number = 0;
	l->count = share_of(g, io->lane, g->trial_count);
	l->rate_pps = g->trial_rate_pps;
	l->paid_ns = io->now_ns;
	l->end_ns = io->now_ns + g->trial_length_ns;
	atomic_store_explicit(&l->sent, 0, memory_order_relaxed);
	if (g->options.sequence)
		gen_check_begin(&l->check, (uint8_t)trial);
}

static inline void follow(struct gen *g, struct gen_lane *l, const struct port_io *io)
{
	uint32_t trial = atomic_load_explicit(&g->trial, memory_order_acquire);
	if (__builtin_expect(trial != l->trial, 0))
		begin_trial(g, l, io, trial);
	uint32_t asked = atomic_load_explicit(&l->asked, memory_order_relaxed);
	if (__builtin_expect(asked != atomic_load_explicit(&l->answered, memory_order_relaxed), 0)) {
		l->account = l->check;
		atomic_store_explicit(&l->answered, asked, memory_order_release);
	}
}

// How many packets may go now, by the rate and by the number that is left, and when the first of them is due. But for
// trials, a late lane does not catch up on more than a burst, so that the rate is a rate also after a pause.
static uint32_t allowance(struct gen_lane *l, const struct gen_options *o, uint64_t now_ns, uint32_t max,
			  uint64_t *ret_due_ns)
{
	*ret_due_ns = now_ns;
	l->interval_fp = 0;
	if (l->flow_count == 0 || now_ns >= l->end_ns)
		return 0;
	if (o->window) {
		if (l->made == l->came)
			l->came_ns = now_ns; // silence begins with the first that is under way
		if (l->made - l->came >= o->window && now_ns - l->came_ns < WINDOW_LOST_NS)
			return 0;
		if (l->made - l->came >= o->window)
			l->came = l->made;
		uint64_t may = o->window - (l->made - l->came);
		max = may < max ? (uint32_t)may : max;
	}
	uint64_t sent = atomic_load_explicit(&l->sent, memory_order_relaxed);
	if (l->count - sent < max)
		max = (uint32_t)(l->count - sent);
	if (!l->rate_pps)
		return max;
	// Lanes have a share of the rate by their share of the flows.
	uint64_t ns_for_all = UINT64_C(1000000000) * o->flows / l->flow_count;
	uint64_t due = (now_ns - l->paid_ns) * l->rate_pps / ns_for_all;
	if (due > max && l->trial) {
		// Nothing is forgiven in a trial: what is late goes as soon as it can, and its latency counts from when
		// it was due.
		due = max;
	} else if (due > max) {
		l->paid_ns = now_ns;
		return max;
	}
	*ret_due_ns = l->paid_ns;
	l->interval_fp = (ns_for_all << 16) / l->rate_pps;
	l->paid_ns += due * ns_for_all / l->rate_pps;
	return (uint32_t)due;
}

// What a packet needs besides the template's bytes; constants, so that each combination has its own loop.
struct make_what {
	bool one_line, one_flow, sequence, balance;
};

static inline __attribute__((always_inline)) void make(struct gen *g, struct gen_lane *l, struct port_io *io,
						       struct cat_desc *ret_desc, uint32_t n, uint64_t due_ns,
						       const struct make_what what)
{
	const struct gen_frame *f = &g->frame;
	struct cat_desc desc = f->desc;
	desc.off = (uint16_t)io->region->headroom;
	desc.hash = g->one_hash;
	uint32_t lines = (desc.len + LINE - 1) / LINE, next = l->next;
	struct gen_mark mark = l->mark;
	const uint64_t trial = (uint64_t)(uint8_t)l->trial << 56;
	const uint32_t mark_at = gen_mark_at(desc.len), timed = g->options.timed - 1;
	uint64_t later_fp = 0; // than due_ns
	const uint32_t *buffer = free_stack_pop_block(io->free, n);
	for (uint32_t i = 0; i < n; i++) {
		if (i + PREFETCH < n)
			__builtin_prefetch(region_buffer(io->region, buffer[i + PREFETCH]) + desc.off, 1);
		desc.buf = buffer[i];
		uint8_t *data = region_buffer(io->region, desc.buf) + desc.off;
		if (what.one_line)
			memcpy(data, f->data, LINE);
		else
			for (uint32_t at = 0; at < lines * LINE; at += LINE)
				memcpy(data + at, f->data + at, LINE);
		if (!what.one_flow) {
			desc.hash = gen_frame_set_flow(f, l->flow ? l->flow[next] : next, data);
			next = next + 1 == l->flow_count ? 0 : next + 1;
		}
		if (what.sequence) {
			mark.trial_due = trial | (mark.number & timed ? 0 : (due_ns + (later_fp >> 16)) & GEN_DUE_MASK);
			memcpy(data + mark_at, &mark, sizeof(mark));
			if (what.balance) {
				uint16_t balance = gen_mark_balance(&mark);
				memcpy(data + mark_at - GEN_BALANCE, &balance, sizeof(balance));
			}
			mark.number++;
			later_fp += l->interval_fp;
		}
		ret_desc[i] = desc;
	}
	l->next = next;
	l->mark = mark;
}

static uint32_t gen_receive(struct port *port, uint32_t queue, struct port_io *io, struct cat_desc *ret_desc,
			    uint32_t max)
{
	struct gen *g = port->priv;
	struct gen_lane *l = &g->lane[io->lane];
	uint64_t due_ns;
	(void)queue;
	follow(g, l, io);
	uint32_t answered = gen_answers_give(&l->answers, ret_desc, max);
	ret_desc += answered;
	max -= answered;
	if (g->options.reflect)
		return answered;
	uint32_t n = free_stack_reserve(io->free, allowance(l, &g->options, io->now_ns, max, &due_ns));
	if (n == 0)
		return answered;
	bool one_line = g->frame.desc.len <= LINE, one_flow = g->options.flows == 1;
	if (g->options.sequence && g->frame.l4_sum_at)
		make(g, l, io, ret_desc, n, due_ns, (struct make_what){false, false, true, true});
	else if (g->options.sequence && one_line && one_flow)
		make(g, l, io, ret_desc, n, due_ns, (struct make_what){true, true, true, false});
	else if (g->options.sequence && one_line)
		make(g, l, io, ret_desc, n, due_ns, (struct make_what){true, false, true, false});
	else if (g->options.sequence)
		make(g, l, io, ret_desc, n, due_ns, (struct make_what){false, false, true, false});
	else if (one_line && one_flow)
		make(g, l, io, ret_desc, n, due_ns, (struct make_what){true, true, false, false});
	else if (one_line)
		make(g, l, io, ret_desc, n, due_ns, (struct make_what){true, false, false, false});
	else
		make(g, l, io, ret_desc, n, due_ns, (struct make_what){false, one_flow, false, false});
	l->made += n;
	atomic_store_explicit(&l->sent, atomic_load_explicit(&l->sent, memory_order_relaxed) + n, memory_order_relaxed);
	return answered + n;
}

// While the path is full, nothing is received from us; what control asks for must not wait for that.
static void gen_housekeep(struct port *port, uint32_t queue, struct port_io *io)
{
	struct gen *g = port->priv;
	(void)queue;
	follow(g, &g->lane[io->lane], io);
}

static bool gen_link_up(struct port *port)
{
	(void)port;
	return true;
}

static int gen_wait_fd(struct port *port, uint32_t queue)
{
	(void)port, (void)queue;
	return -1;
}

// What of our own came back. By its numbers where it has some: what was dropped on the way is then known to be lost as
// soon as a later packet is here, and does not keep the window small for ever.
static void count_back(struct gen_lane *l, const struct port *port, const struct port_io *io, bool sequence,
		       uint32_t count)
{
	uint64_t under_way = l->made - l->came;
	uint64_t left = sequence ? l->mark.number - gen_check_next(&l->check, port->id, io->lane)
				 : under_way - (count < under_way ? count : under_way);
	if (left >= under_way)
		return;
	l->came = l->made - left;
	l->came_ns = io->now_ns;
}

static uint32_t gen_transmit(struct port *port, uint32_t queue, struct port_io *io, const struct cat_desc *desc,
			     uint32_t count)
{
	struct gen *g = port->priv;
	struct gen_lane *l = &g->lane[io->lane];
	if (g->options.sequence) {
		follow(g, l, io);
		gen_check_packets(&l->check, desc, count, io->region->base, io->region->stride, port_now_ns());
	}
	if (g->options.window)
		count_back(l, port, io, g->options.sequence, count);
	// Requests for neighbours are neither IPv4 nor IPv6, or not parsed yet.
	uint32_t others = 0;
	for (uint32_t i = 0; i < count; i++)
		others += !(desc[i].flags & (CAT_DESC_IPV4 | CAT_DESC_IPV6));
	if (!g->options.reflect && !others)
		return port_null.transmit(port, queue, io, desc, count);
	uint64_t bytes = 0;
	gen_answers_take_in(&l->answers, io, desc, count, &g->options.source_mac, g->options.reflect);
	for (uint32_t i = 0; i < count; i++)
		bytes += desc[i].len;
	port_count(port, io, PORT_TX_PACKETS, count);
	port_count(port, io, PORT_TX_BYTES, bytes);
	return count;
}

static int gen_trial_begin(struct port *port, const struct port_trial *trial, struct cat_err *err)
{
	struct gen *g = port->priv;
	if (!g->options.sequence)
		return cat_err_set(err, -EINVAL, "port %s: without sequence numbers nothing can be told of a trial",
				   port->name);
	if (trial->count && !g->options.send)
		return cat_err_set(err, -EINVAL, "port %s: it has send: false", port->name);
	g->trial_rate_pps = trial->rate_pps;
	g->trial_count = trial->count;
	g->trial_length_ns = trial->length_ns;
	atomic_store_explicit(&g->trial, trial->id, memory_order_release);
	return 0;
}

static bool gen_trial_ready(struct port *port)
{
	struct gen *g = port->priv;
	uint32_t trial = atomic_load_explicit(&g->trial, memory_order_relaxed);
	bool all = true;
	for (uint32_t lane = 0; lane < port->lanes; lane++) {
		struct gen_lane *l = &g->lane[lane];
		atomic_store_explicit(&l->asked, trial, memory_order_relaxed);
		all = all && atomic_load_explicit(&l->answered, memory_order_acquire) == trial;
	}
	return all;
}

static void gen_trial_end(struct port *port, struct port_account *ret)
{
	struct gen *g = port->priv;
	for (uint32_t lane = 0; lane < port->lanes; lane++) {
		struct gen_lane *l = &g->lane[lane];
		ret->sent += atomic_load_explicit(&l->sent, memory_order_relaxed);
		ret->received += l->account.received;
		ret->duplicates += l->account.duplicates;
		ret->reordered += l->account.reordered;
		ret->foreign += l->account.foreign;
		cat_histogram_merge(&ret->latency, &l->account.latency);
	}
}

const struct port_driver port_gen = {
	.name = "gen",
	.needs_poll = true,
	.parses = true,
	.open = gen_open,
	.close = gen_close,
	.receive = gen_receive,
	.transmit = gen_transmit,
	.link_up = gen_link_up,
	.wait_fd = gen_wait_fd,
	.housekeep = gen_housekeep,
	.trial_begin = gen_trial_begin,
	.trial_ready = gen_trial_ready,
	.trial_end = gen_trial_end,
};
