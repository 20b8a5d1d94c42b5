// SPDX-License-Identifier: BSD-3-Clause
// gen: generator and sink inline on the lane, for benchmarks. Every packet's bytes are written, as the functions may
// have changed them when the buffer was here last. What comes back is swallowed, but for requests for neighbours, or
// reflected.
#include <errno.h>
#include <stdlib.h>

#include "gen_answer.h"
#include "gen_frame.h"
#include "port.h"

#define LINE 64u
#define PREFETCH 16u // packets ahead: buffers that made a round of the service are in the second-level cache

struct gen_lane {
	alignas(CAT_CACHE_LINE) uint32_t next; // flow
	uint32_t flow_count;
	uint32_t *flow; // those of this lane, or NULL: all
	uint32_t sequence;
	uint64_t sent;
	uint64_t count;
	uint64_t rate_pps;
	uint64_t paid_ns; // until when packets are accounted for
	struct gen_answers answers;
};

struct gen {
	struct gen_frame frame;
	struct gen_options options;
	uint32_t one_hash; // of flow 0
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

// Each lane has its share of the packets, by its share of the flows.
static void share_count(struct gen *g, uint32_t lanes)
{
	uint64_t left = g->options.count;
	uint32_t flows = g->options.flows;
	for (uint32_t lane = 0; lane < lanes; lane++) {
		struct gen_lane *l = &g->lane[lane];
		uint64_t share = flows ? (uint64_t)((unsigned __int128)left * l->flow_count / flows) : 0;
		l->count = g->options.count ? share : UINT64_MAX;
		left -= share;
		flows -= l->flow_count;
	}
}

static void gen_close(struct port *port)
{
	struct gen *g = port->priv;
	for (uint32_t lane = 0; g && lane < port->lanes; lane++)
		free(g->lane[lane].flow);
	for (uint32_t lane = 0; g && lane < port->lanes; lane++)
		free(g->lane[lane].answers.desc);
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
		l->answers.desc = calloc(GEN_ANSWERS, sizeof(*l->answers.desc));
		if (!l->answers.desc) {
			r = cat_err_set(err, -ENOMEM, "no memory for a generator");
			goto fail;
		}
	}
	if (port->lanes > 1 && (r = share_flows(g, port->lanes, err)) < 0)
		goto fail;
	share_count(g, port->lanes);
	return 0;
fail:
	gen_close(port);
	return r;
}

// How many packets may go now, by the rate and by the number that is left. A late lane does not catch up on more than
// a burst, so that the rate is a rate also after a pause.
static uint32_t allowance(struct gen_lane *l, const struct gen_options *o, uint64_t now_ns, uint32_t max)
{
	if (l->flow_count == 0)
		return 0;
	if (l->count - l->sent < max)
		max = (uint32_t)(l->count - l->sent);
	if (!l->rate_pps)
		return max;
	// Lanes have a share of the rate by their share of the flows.
	uint64_t ns_for_all = UINT64_C(1000000000) * o->flows / l->flow_count;
	uint64_t due = (now_ns - l->paid_ns) * l->rate_pps / ns_for_all;
	if (due > max) {
		l->paid_ns = now_ns;
		return max;
	}
	l->paid_ns += due * ns_for_all / l->rate_pps;
	return (uint32_t)due;
}

static inline __attribute__((always_inline)) void make(struct gen *g, struct gen_lane *l, struct port_io *io,
						       struct cat_desc *ret_desc, uint32_t n, bool one_line,
						       bool one_flow, bool sequence)
{
	const struct gen_frame *f = &g->frame;
	struct cat_desc desc = f->desc;
	desc.off = (uint16_t)io->region->headroom;
	desc.hash = g->one_hash;
	uint32_t lines = (desc.len + LINE - 1) / LINE, next = l->next;
	const uint32_t *buffer = free_stack_pop_block(io->free, n);
	for (uint32_t i = 0; i < n; i++) {
		if (i + PREFETCH < n)
			__builtin_prefetch(region_buffer(io->region, buffer[i + PREFETCH]) + desc.off, 1);
		desc.buf = buffer[i];
		uint8_t *data = region_buffer(io->region, desc.buf) + desc.off;
		if (one_line)
			memcpy(data, f->data, LINE);
		else
			for (uint32_t at = 0; at < lines * LINE; at += LINE)
				memcpy(data + at, f->data + at, LINE);
		if (!one_flow) {
			desc.hash = gen_frame_set_flow(f, l->flow ? l->flow[next] : next, data);
			next = next + 1 == l->flow_count ? 0 : next + 1;
		}
		if (sequence) {
			uint32_t number = __builtin_bswap32(l->sequence++);
			memcpy(data + desc.len - sizeof(number), &number, sizeof(number));
		}
		ret_desc[i] = desc;
	}
	l->next = next;
}

static uint32_t gen_receive(struct port *port, uint32_t queue, struct port_io *io, struct cat_desc *ret_desc,
			    uint32_t max)
{
	struct gen *g = port->priv;
	struct gen_lane *l = &g->lane[io->lane];
	(void)queue;
	uint32_t answered = gen_answers_give(&l->answers, ret_desc, max);
	ret_desc += answered;
	max -= answered;
	if (g->options.reflect)
		return answered;
	uint32_t n = free_stack_reserve(io->free, allowance(l, &g->options, io->now_ns, max));
	bool one_line = g->frame.desc.len <= LINE, one_flow = g->options.flows == 1;
	if (g->options.sequence)
		make(g, l, io, ret_desc, n, one_line, one_flow, true);
	else if (one_line && one_flow)
		make(g, l, io, ret_desc, n, true, true, false);
	else if (one_line)
		make(g, l, io, ret_desc, n, true, false, false);
	else
		make(g, l, io, ret_desc, n, false, one_flow, false);
	l->sent += n;
	return answered + n;
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

static uint32_t gen_transmit(struct port *port, uint32_t queue, struct port_io *io, const struct cat_desc *desc,
			     uint32_t count)
{
	struct gen *g = port->priv;
	uint32_t flags = 0;
	for (uint32_t i = 0; i < count; i++)
		flags |= desc[i].flags;
	if (!g->options.reflect && !(flags & CAT_DESC_OTHER))
		return port_null.transmit(port, queue, io, desc, count);
	uint64_t bytes = 0;
	count = gen_answers_take_in(&g->lane[io->lane].answers, io, desc, count, &g->options.source_mac,
				    g->options.reflect);
	for (uint32_t i = 0; i < count; i++)
		bytes += desc[i].len;
	port_count(port, io, PORT_TX_PACKETS, count);
	port_count(port, io, PORT_TX_BYTES, bytes);
	return count;
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
};
