// SPDX-License-Identifier: BSD-3-Clause
#include "fused_chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cat_cleanup.h"
#include "cat_eal.h"
#include "cat_firewall.h"
#include "cat_lane_local.h"
#include "cat_parse.h"
#include "cat_router.h"
#include "cat_tree.h"
#include "cat_vcpe.h"
#include "null.h"
#include "port.h"

#define BUFFERS 8192u
#define RING 2048u // a burst fits, whatever ticks have sent before it

struct fused_chain {
	struct fused_options options;
	struct cat_lane_local *lane[FUSED_FUNCTIONS_MAX];
	struct region region; // of the lanes, as port drivers see it
	struct free_stack free;
	struct port port[CAT_SIDES];
	struct cat_stats_lane stats;
	struct port_io io;
	struct cat_desc desc[CAT_BURST_MAX];
};

static const struct cat_vnf_ops *const kinds[] = {&null_ops, &cat_vcpe_ops, &cat_firewall_ops, &cat_router_ops};
static const struct port_driver *const drivers[] = {&port_gen, &port_null};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// What the lanes' region has is the pool behind the ports' free stack: what a function drops goes there.
static uint32_t pool_take(void *user, uint32_t *ret_index, uint32_t n)
{
	struct cat_desc desc[FREE_STACK_BULK];
	if (n > FREE_STACK_BULK || cat_lane_local_take(user, desc, n) < 0)
		return 0;
	cat_desc_buffers(ret_index, desc, n);
	return n;
}

static void pool_give(void *user, const uint32_t *index, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		cat_lane_local_give(user, &(struct cat_desc){.buf = index[i]}, 1);
}

static int open_port(struct fused_chain *chain, enum cat_side side, struct cat_err *err)
{
	cat_autonode struct cat_node *plan = NULL;
	const char *text = chain->options.port[side], *name = NULL;
	int r = cat_tree_parse_json("port", text, strlen(text), &plan, err);
	if (r == 0)
		r = cat_node_read_string(plan, "driver", CAT_REQUIRED, &name, err);
	if (r < 0)
		return r;
	struct port *port = &chain->port[side];
	*port = (struct port){
		.id = side, .region = &chain->region, .lanes = 1, .burst = chain->options.burst, .device = ""};
	for (size_t i = 0; i < CAT_ARRAY_LEN(drivers); i++)
		if (!strcmp(drivers[i]->name, name))
			port->driver = drivers[i];
	if (!port->driver)
		return cat_err_set(err, -EINVAL, "port driver \"%s\": expected gen or null", name);
	r = port->driver->open(port, cat_node_get(plan, "options"), err);
	if (r < 0)
		port->driver = NULL;
	return r;
}

static const struct cat_vnf_ops *kind_of(const char *name)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(kinds); i++)
		if (!strcmp(kinds[i]->kind, name))
			return kinds[i];
	return NULL;
}

static int create_lane(struct fused_chain *chain, uint32_t at, struct cat_err *err)
{
	const struct fused_function *f = &chain->options.function[at];
	const struct cat_vnf_ops *ops = kind_of(f->kind);
	if (!ops)
		return cat_err_set(err, -EINVAL, "there is no function of kind \"%s\"", f->kind);
	if (ops->eal) {
		int r = cat_eal_init_for_tests();
		if (r < 0)
			return cat_err_set(err, r, "DPDK did not start");
	}
	struct cat_lane_local_options options = {
		.buffers = BUFFERS,
		.ring = RING,
		.state_bytes = (size_t)chain->options.state_mib << 20,
		.huge_pages = true,
		.region_of = at ? chain->lane[0] : NULL,
	};
	chain->lane[at] = cat_lane_local_create(ops, f->config, &options, err);
	if (!chain->lane[at])
		return cat_err_wrap(err, "%s", f->kind);
	if (chain->options.rings && at && cat_lane_local_link(chain->lane[at - 1], chain->lane[at]) < 0)
		return cat_err_set(err, -EINVAL, "two lanes cannot be joined");
	return 0;
}

static int build(struct fused_chain *chain, struct cat_err *err)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < chain->options.functions; i++)
		r = create_lane(chain, i, err);
	if (r < 0)
		return r;
	const struct cat_lane *lane = cat_lane_local_lane(chain->lane[0]);
	chain->region = (struct region){
		.base = lane->region, .buffers = BUFFERS, .stride = lane->stride, .headroom = CAT_HEADROOM, .fd = -1};
	chain->free = (struct free_stack){.capacity = BUFFERS,
					  .index = calloc(BUFFERS, sizeof(uint32_t)),
					  .pool = {chain->lane[0], pool_take, pool_give}};
	if (!chain->free.index)
		return cat_err_set(err, -ENOMEM, "no memory");
	chain->io = (struct port_io){.free = &chain->free, .region = &chain->region, .stats = &chain->stats};
	for (uint32_t side = 0; r == 0 && side < CAT_SIDES; side++)
		r = open_port(chain, side, err);
	fused_chain_tick(chain);
	return r;
}

struct fused_chain *fused_chain_create(const struct fused_options *options, struct cat_err *err)
{
	struct fused_chain *chain = aligned_alloc(64, (sizeof(*chain) + 63) & ~(size_t)63);
	if (!chain) {
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	memset(chain, 0, sizeof(*chain));
	chain->options = *options;
	if (build(chain, err) < 0) {
		fused_chain_destroy(chain);
		return NULL;
	}
	return chain;
}

void fused_chain_destroy(struct fused_chain *chain)
{
	if (!chain)
		return;
	for (uint32_t side = 0; side < CAT_SIDES; side++)
		if (chain->port[side].driver)
			chain->port[side].driver->close(&chain->port[side]);
	if (chain->free.index)
		free_stack_flush(&chain->free);
	for (uint32_t i = 0; i < chain->options.functions; i++)
		cat_lane_local_destroy(chain->lane[i]);
	free(chain->free.index);
	free(chain);
}

static void parse(const struct fused_chain *chain, struct cat_desc *desc, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!(desc[i].flags & CAT_DESC_PARSED))
			cat_parse(&desc[i], region_buffer(&chain->region, desc[i].buf) + desc[i].off);
}

static uint32_t send(struct fused_chain *chain, enum cat_side side, const struct cat_burst *burst)
{
	struct port *port = &chain->port[side];
	uint32_t sent = port->driver->transmit(port, 0, &chain->io, burst->desc, burst->count);
	// There is nobody to keep for later what a port does not take.
	cat_lane_local_give(chain->lane[0], burst->desc + sent, burst->count - sent);
	return sent;
}

// Calls the functions one after the other, from function `at` on in the direction of the burst. What a function sends
// back the way the burst came (an answer to ARP, an ICMP error) goes that way afterwards. Returns the packets that left
// at either end.
static uint32_t pass(struct fused_chain *chain, uint32_t at, struct cat_burst burst)
{
	enum cat_side back = burst.side, forth = (enum cat_side) !back;
	struct cat_burst out[CAT_SIDES];
	struct cat_desc keep[CAT_BURST_MAX];
	uint32_t functions = chain->options.functions, kept[FUSED_FUNCTIONS_MAX], keepers = 0, total = 0, used = 0;
	uint32_t keeper[FUSED_FUNCTIONS_MAX];
	for (; at < functions && burst.count; at += forth == CAT_RIGHT ? 1 : UINT32_MAX) {
		cat_lane_local_run(chain->lane[at], &burst, out);
		burst = out[forth];
		if (__builtin_expect(out[back].count != 0, 0) && used + out[back].count <= CAT_BURST_MAX) {
			cat_desc_copy_block(keep + used, out[back].desc, out[back].count);
			used += out[back].count;
			kept[keepers] = out[back].count;
			keeper[keepers++] = at;
		} else {
			cat_lane_local_give(chain->lane[0], out[back].desc, out[back].count);
		}
	}
	if (burst.count)
		total += send(chain, forth, &burst);
	for (uint32_t i = 0, first = 0; i < keepers; first += kept[i++]) {
		struct cat_burst answer = {.side = forth, .count = kept[i], .desc = keep + first};
		uint32_t next = keeper[i] + (forth == CAT_RIGHT ? UINT32_MAX : 1);
		total += next < functions ? pass(chain, next, answer) : send(chain, back, &answer);
	}
	return total;
}

// What ticks have sent lies in the rings.
static void pass_own(struct fused_chain *chain, uint32_t at)
{
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		struct cat_burst burst = {.side = (enum cat_side) !side, .desc = chain->desc};
		uint32_t next = at + (side == CAT_RIGHT ? 1 : UINT32_MAX);
		burst.count = cat_lane_local_collect(chain->lane[at], (enum cat_side)side, chain->desc, CAT_BURST_MAX);
		parse(chain, chain->desc, burst.count);
		if (burst.count && next < chain->options.functions)
			pass(chain, next, burst);
		else if (burst.count)
			send(chain, (enum cat_side)side, &burst);
	}
}

void fused_chain_tick(struct fused_chain *chain)
{
	uint64_t now = now_ns();
	chain->io.now_ns = now;
	for (uint32_t i = 0; i < chain->options.functions; i++) {
		uint64_t then = cat_lane_local_lane(chain->lane[i])->now_us;
		if (now / 1000 > then)
			cat_lane_local_advance(chain->lane[i], now / 1000 - then);
		if (!chain->options.rings)
			pass_own(chain, i);
	}
}

// The same by rings, as a worker does it.
static uint32_t through_rings(struct fused_chain *chain, enum cat_side from, uint32_t n)
{
	uint32_t functions = chain->options.functions, first = from == CAT_LEFT ? 0 : functions - 1;
	if (n && cat_lane_local_offer(chain->lane[first], from, chain->desc, n) < 0)
		abort(); // every round empties it
	for (uint32_t i = 0; i < functions; i++)
		cat_lane_local_burst(chain->lane[from == CAT_LEFT ? i : functions - 1 - i], from);
	return cat_lane_local_collect(chain->lane[functions - 1 - first], (enum cat_side) !from, chain->desc,
				      CAT_BURST_MAX);
}

static uint32_t one_direction(struct fused_chain *chain, enum cat_side from)
{
	struct port *source = &chain->port[from];
	uint32_t n = source->driver->receive(source, 0, &chain->io, chain->desc, chain->options.burst);
	if (!source->driver->parses)
		parse(chain, chain->desc, n);
	if (n)
		port_count(source, &chain->io, PORT_RX_PACKETS, n);
	struct cat_burst burst = {.side = from, .count = n, .desc = chain->desc};
	if (chain->options.rings) {
		burst.count = through_rings(chain, from, n);
		return burst.count ? send(chain, (enum cat_side) !from, &burst) : 0;
	}
	return n ? pass(chain, from == CAT_LEFT ? 0 : chain->options.functions - 1, burst) : 0;
}

uint32_t fused_chain_round(struct fused_chain *chain)
{
	return one_direction(chain, CAT_LEFT) + one_direction(chain, CAT_RIGHT);
}

struct fused_count fused_chain_count(const struct fused_chain *chain)
{
	struct fused_count count = {0};
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		count.received += chain->stats.value[STAT_OF_PORT(side, PORT_RX_PACKETS)];
		count.sent += chain->stats.value[STAT_OF_PORT(side, PORT_TX_PACKETS)];
	}
	count.dropped = count.received - count.sent;
	return count;
}

static void print_counter(struct cat_lane_local *lane, const char *kind, const char *name)
{
	uint64_t value = cat_lane_local_counter(lane, name);
	if (value && value != UINT64_MAX)
		fprintf(stderr, "  %-10s %-32s %20llu\n", kind, name, (unsigned long long)value);
}

void fused_chain_print(struct fused_chain *chain)
{
	for (uint32_t f = 0; f < chain->options.functions; f++) {
		const char *kind = chain->options.function[f].kind;
		for (uint32_t i = 0; i < CAT_STAT_OWN; i++)
			print_counter(chain->lane[f], kind, cat_stat_names[i]);
		for (const char *const *name = kind_of(kind)->counters; name && *name; name++)
			print_counter(chain->lane[f], kind, *name);
	}
}
