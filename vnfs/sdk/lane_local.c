// SPDX-License-Identifier: BSD-3-Clause
// The library form of a VNF: a lane with both its neighbours played by the caller, all in private memory.
//
// How many buffers the lane holds follows from the rings' indices alone: what went in (pushed, or taken from supply)
// less what came out (both outputs and the return ring).
#include "cat_lane_local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "burst.h"
#include "cat_parse.h"
#include "config.h"
#include "local_region.h"
#include "punt.h"

#define BUFFERS 4096u
#define STRIDE 2112u
#define RING 2048u
#define STATE_BYTES (16u << 20)
#define SUPPLY_RING 256u
#define SUPPLY_LEVEL 64u // empty buffers that the lane finds at most
#define START_US 1000000u

struct cat_lane_local {
	struct burst_engine engine;
	struct local_region *region;
	struct cat_ring *in[CAT_SIDES], *out[CAT_SIDES], *ret, *supply;
	// The neighbours' ends.
	struct cat_ring_end push[CAT_SIDES], pop[CAT_SIDES], ret_pop, supply_push;
	struct cat_stats_page *stats;
	uint32_t counters; // names that do not depend on the configuration
	struct cat_worker_page *page;
	void *config, *own_state;
	bool lane_created;
	struct cat_desc flat[CAT_SIDES][CAT_BURST_MAX]; // what left by cat_lane_local_run, where it wrapped in the ring
};

static void *zeroed(size_t size)
{
	size = (size + 63) & ~(size_t)63;
	void *p = aligned_alloc(64, size);
	if (p)
		memset(p, 0, size);
	return p;
}

static void buffer_give(struct cat_lane_local *local, uint32_t buf)
{
	local_region_give(local->region, buf, local->engine.ops->kind);
}

// What the dataplane does: collects returned buffers, keeps the supply filled.
static void serve(struct cat_lane_local *local)
{
	for (uint32_t n = cat_ring_ready(&local->ret_pop); n; n--) {
		buffer_give(local, cat_ring_slot(&local->ret_pop, 0)->buf);
		cat_ring_release(&local->ret_pop, 1);
	}
	uint32_t stocked = SUPPLY_RING - cat_ring_room(&local->supply_push);
	for (; stocked < SUPPLY_LEVEL && local->region->free_count; stocked++) {
		*cat_ring_slot(&local->supply_push, 0) = (struct cat_desc){.buf = local_region_take(local->region)};
		cat_ring_publish(&local->supply_push, 1);
	}
}

static int make_ring(struct cat_ring **ret_ring, uint32_t size, struct cat_ring_end *producer,
		     struct cat_ring_end *consumer)
{
	size_t bytes = cat_ring_bytes(size);
	*ret_ring = zeroed(bytes);
	if (!*ret_ring)
		return -ENOMEM;
	cat_ring_format(*ret_ring, size);
	int result = cat_ring_attach(producer, *ret_ring, bytes, size, true);
	return result < 0 ? result : cat_ring_attach(consumer, *ret_ring, bytes, size, false);
}

static int make_rings(struct cat_lane_local *local, uint32_t size, struct cat_err *err)
{
	struct cat_lane *lane = &local->engine.lane;
	int result = 0;
	for (uint32_t side = 0; side < CAT_SIDES && result == 0; side++) {
		result = make_ring(&local->in[side], size, &local->push[side], &lane->in[side]);
		if (result == 0)
			result = make_ring(&local->out[side], size, &lane->out[side], &local->pop[side]);
	}
	if (result == 0)
		result = make_ring(&local->ret, size, &lane->ret, &local->ret_pop);
	if (result == 0)
		result = make_ring(&local->supply, SUPPLY_RING, &local->supply_push, &lane->supply);
	return result < 0 ? cat_err_set(err, result, "rings of %u slots: no memory, or not a power of two up to %u",
					size, CAT_RING_SIZE_MAX)
			  : 0;
}

static int make_memory(struct cat_lane_local *local, const struct cat_lane_local_options *options, struct cat_err *err)
{
	struct cat_lane *lane = &local->engine.lane;
	if (options->region_of) {
		local->region = options->region_of->region;
		local->region->users++;
	} else {
		local->region = local_region_create(options->buffers ? options->buffers : BUFFERS,
						    options->stride ? options->stride : STRIDE, options->huge_pages);
	}
	local->stats = zeroed(cat_stats_bytes(1));
	local->page = zeroed(sizeof(*local->page));
	lane->state_bytes = options->state_bytes ? options->state_bytes : STATE_BYTES;
	// Mapped, not allocated: most of it is never touched, and need not be cleared.
	if (!options->state) {
		local->own_state =
			mmap(NULL, lane->state_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (local->own_state == MAP_FAILED)
			local->own_state = NULL;
	}
	lane->state = options->state ? options->state : local->own_state;
	if (!local->region || !local->stats || !local->page || !lane->state)
		return cat_err_set(err, -ENOMEM, "no memory for a lane");
	lane->punt = punt_create(local->region->stride, options->lanes ? options->lanes : 1);
	if (!lane->punt)
		return cat_err_set(err, -ENOMEM, "no memory for a lane");
	int result = cat_stats_init(local->stats, 1, local->engine.ops->counters);
	if (result < 0)
		return cat_err_set(err, result, "%s: too many counters, or a name that is too long",
				   local->engine.ops->kind);
	local->counters = (uint32_t)result;
	local->page->magic = CAT_WORKER_MAGIC;
	local->page->version = CAT_ABI_VERSION;
	lane->stats = &local->stats->lane[0];
	lane->page = local->page;
	lane->region = local->region->data;
	lane->stride = local->region->stride;
	lane->buffers = local->region->buffers;
	lane->id = options->id;
	lane->lanes = options->lanes ? options->lanes : 1;
	lane->now_us = START_US;
	return 0;
}

static int make_config(const struct cat_vnf_ops *ops, const char *json, void **ret_config, struct cat_err *err)
{
	return config_make(ops, "config", json, json ? strlen(json) : 0, ret_config, err);
}

static int name_counters(struct cat_lane_local *local, struct cat_err *err)
{
	const struct cat_vnf_ops *ops = local->engine.ops;
	if (!ops->counter_names)
		return 0;
	int result = cat_stats_name(local->stats, local->counters, ops->counter_names(local->config));
	return result < 0 ? cat_err_set(err, result, "%s: too many counters, or a name that is too long", ops->kind)
			  : 0;
}

static int build(struct cat_lane_local *local, const char *config_json, const struct cat_lane_local_options *options,
		 struct cat_err *err)
{
	const struct cat_vnf_ops *ops = local->engine.ops;
	if (ops->abi != CAT_VNF_ABI)
		return cat_err_set(err, -EINVAL, "%s: made for version %u of the VNF interface, this is %u", ops->kind,
				   ops->abi, CAT_VNF_ABI);
	int result = make_memory(local, options, err);
	if (result == 0)
		result = make_rings(local, options->ring ? options->ring : RING, err);
	if (result == 0)
		result = make_config(ops, config_json, &local->config, err);
	if (result == 0)
		result = name_counters(local, err);
	if (result < 0)
		return result;
	struct cat_lane *lane = &local->engine.lane;
	local->engine.limit = CAT_BURST_MAX;
	lane->config = local->config;
	if (ops->lane_create) {
		result = ops->lane_create(lane, err);
		if (result < 0)
			return result;
	}
	local->lane_created = true;
	serve(local);
	return 0;
}

struct cat_lane_local *cat_lane_local_create(const struct cat_vnf_ops *ops, const char *config_json,
					     const struct cat_lane_local_options *options, struct cat_err *err)
{
	static const struct cat_lane_local_options defaults;
	struct cat_lane_local *local = zeroed(sizeof(*local));
	if (!local) {
		cat_err_set(err, -ENOMEM, "no memory for a lane");
		return NULL;
	}
	local->engine.ops = ops;
	if (build(local, config_json, options ? options : &defaults, err) < 0) {
		cat_lane_local_destroy(local);
		return NULL;
	}
	return local;
}

// Buffers that lie in the lane's rings go back to the region, which other lanes may go on using.
static void drain(struct cat_lane_local *local, struct cat_ring_end *end)
{
	if (!end->ring)
		return;
	for (uint32_t n = cat_ring_ready(end); n; n--) {
		buffer_give(local, cat_ring_slot(end, 0)->buf);
		cat_ring_release(end, 1);
	}
}

void cat_lane_local_destroy(struct cat_lane_local *local)
{
	if (!local)
		return;
	const struct cat_vnf_ops *ops = local->engine.ops;
	struct cat_lane *lane = &local->engine.lane;
	if (local->lane_created && ops->lane_destroy)
		ops->lane_destroy(lane);
	if (local->config)
		ops->config_destroy(local->config);
	// The rings of a link are the left lane's; nobody reads them any more.
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		struct cat_ring *ring = local->out[side];
		if (ring &&
		    cat_ring_attach(&local->pop[side], ring, cat_ring_bytes(ring->size), ring->size, false) == 0)
			drain(local, &local->pop[side]);
	}
	drain(local, &lane->supply);
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		free(local->in[side]);
		free(local->out[side]);
	}
	free(local->ret);
	free(local->supply);
	free(local->stats);
	free(local->page);
	if (local->own_state)
		munmap(local->own_state, lane->state_bytes);
	punt_destroy(lane->punt);
	local_region_put(local->region);
	free(local);
}

struct cat_lane *cat_lane_local_lane(struct cat_lane_local *local)
{
	return &local->engine.lane;
}

int cat_lane_local_configure(struct cat_lane_local *local, const char *config_json, struct cat_err *err)
{
	const struct cat_vnf_ops *ops = local->engine.ops;
	void *config;
	int result = make_config(ops, config_json, &config, err);
	if (result < 0)
		return result;
	void *old = local->config;
	local->config = config;
	local->engine.lane.config = config;
	if (ops->lane_reconfigured)
		ops->lane_reconfigured(&local->engine.lane, old);
	ops->config_destroy(old);
	return name_counters(local, err);
}

void cat_lane_local_advance(struct cat_lane_local *local, uint64_t us)
{
	local->engine.lane.now_us += us;
	if (!local->engine.ops->tick)
		return;
	burst_open_empty(&local->engine);
	local->engine.ops->tick(&local->engine.lane);
	burst_close_empty(&local->engine);
	serve(local);
}

int cat_lane_local_push(struct cat_lane_local *local, enum cat_side from, const void *const *frames,
			const uint32_t *lengths, uint32_t count)
{
	struct cat_lane *lane = &local->engine.lane;
	if (!local->push[from].ring)
		return -ENOLINK;
	if (count > CAT_BURST_MAX || count > local->region->free_count || count > cat_ring_room(&local->push[from]) ||
	    count > burst_room(lane, from))
		return -ENOBUFS;
	for (uint32_t i = 0; i < count; i++) {
		if (lengths[i] > lane->stride - CAT_HEADROOM)
			return -EMSGSIZE;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct cat_desc desc = {
			.buf = local_region_take(local->region), .off = CAT_HEADROOM, .len = (uint16_t)lengths[i]};
		memcpy(cat_data(lane, &desc), frames[i], lengths[i]);
		*cat_ring_slot(&local->push[from], i) = desc;
	}
	cat_ring_publish(&local->push[from], count);
	burst_run(&local->engine, from);
	serve(local);
	return 0;
}

int cat_lane_local_pop(struct cat_lane_local *local, enum cat_side side, void *ret_frame, uint32_t max,
		       struct cat_desc *ret_desc)
{
	struct cat_ring_end *end = &local->pop[side];
	if (!end->ring || !cat_ring_ready(end))
		return -EAGAIN;
	struct cat_desc desc = *cat_ring_slot(end, 0);
	if (desc.buf >= local->region->buffers || (uint32_t)desc.off + desc.len > local->region->stride) {
		fprintf(stderr, "%s: sent a descriptor that is not within its buffer\n", local->engine.ops->kind);
		abort();
	}
	memcpy(ret_frame, cat_data(&local->engine.lane, &desc), desc.len < max ? desc.len : max);
	cat_ring_release(end, 1);
	buffer_give(local, desc.buf);
	if (ret_desc)
		*ret_desc = desc;
	return desc.len;
}

int cat_lane_local_pop_punt(struct cat_lane_local *local, unsigned *ret_channel, void *ret_frame, uint32_t max)
{
	struct punt *punt = local->engine.lane.punt;
	uint32_t length;
	const uint8_t *frame = punt_queue_peek(&punt->out, ret_channel, &length);
	if (!frame)
		return -EAGAIN;
	memcpy(ret_frame, frame, length < max ? length : max);
	punt_queue_drop(&punt->out);
	return (int)length;
}

void cat_lane_local_inject(struct cat_lane_local *local, unsigned channel, const void *frame, uint32_t length)
{
	if (!local->engine.ops->inject)
		return;
	burst_open_empty(&local->engine);
	local->engine.ops->inject(&local->engine.lane, channel, frame, length);
	burst_close_empty(&local->engine);
	serve(local);
}

uint64_t cat_lane_local_counter(struct cat_lane_local *local, const char *name)
{
	uint32_t count = atomic_load_explicit(&local->stats->count, memory_order_acquire);
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(local->stats->name[i], name) == 0)
			return atomic_load_explicit(&local->stats->lane[0].value[i], memory_order_relaxed);
	}
	return UINT64_MAX;
}

uint32_t cat_lane_local_missing(struct cat_lane_local *local)
{
	const struct cat_lane *lane = &local->engine.lane;
	return lane->in[CAT_LEFT].index + lane->in[CAT_RIGHT].index + lane->supply.index - lane->out[CAT_LEFT].index -
	       lane->out[CAT_RIGHT].index - lane->ret.index;
}

int cat_lane_local_take(struct cat_lane_local *local, struct cat_desc *ret_desc, uint32_t count)
{
	if (count > local->region->free_count)
		return -ENOBUFS;
	for (uint32_t i = 0; i < count; i++)
		ret_desc[i] = (struct cat_desc){.buf = local_region_take(local->region), .off = CAT_HEADROOM};
	return 0;
}

void cat_lane_local_give(struct cat_lane_local *local, const struct cat_desc *desc, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		buffer_give(local, desc[i].buf);
}

int cat_lane_local_link(struct cat_lane_local *left, struct cat_lane_local *right)
{
	struct cat_lane *from = &left->engine.lane, *to = &right->engine.lane;
	uint32_t size = from->out[CAT_RIGHT].mask + 1;
	if (left->region != right->region || size != to->in[CAT_LEFT].mask + 1 || !left->pop[CAT_RIGHT].ring ||
	    !right->push[CAT_LEFT].ring)
		return -EINVAL;
	size_t bytes = cat_ring_bytes(size);
	cat_ring_attach(&to->in[CAT_LEFT], left->out[CAT_RIGHT], bytes, size, false);
	cat_ring_attach(&to->out[CAT_LEFT], left->in[CAT_RIGHT], bytes, size, true);
	free(right->in[CAT_LEFT]);
	free(right->out[CAT_LEFT]);
	right->in[CAT_LEFT] = right->out[CAT_LEFT] = NULL;
	memset(&left->push[CAT_RIGHT], 0, sizeof(left->push[CAT_RIGHT]));
	memset(&left->pop[CAT_RIGHT], 0, sizeof(left->pop[CAT_RIGHT]));
	memset(&right->push[CAT_LEFT], 0, sizeof(right->push[CAT_LEFT]));
	memset(&right->pop[CAT_LEFT], 0, sizeof(right->pop[CAT_LEFT]));
	return 0;
}

int cat_lane_local_offer(struct cat_lane_local *local, enum cat_side from, const struct cat_desc *desc, uint32_t count)
{
	struct cat_ring_end *end = &local->push[from];
	if (!end->ring || count > cat_ring_room(end))
		return -ENOBUFS;
	for (uint32_t i = 0; i < count; i++)
		cat_desc_copy(cat_ring_slot(end, i), &desc[i]);
	cat_ring_publish(end, count);
	return 0;
}

uint32_t cat_lane_local_burst(struct cat_lane_local *local, enum cat_side from)
{
	uint32_t n = burst_run(&local->engine, from);
	serve(local);
	return n;
}

uint32_t cat_lane_local_collect(struct cat_lane_local *local, enum cat_side side, struct cat_desc *ret_desc,
				uint32_t max)
{
	struct cat_ring_end *end = &local->pop[side];
	uint32_t ready = end->ring ? cat_ring_ready(end) : 0, n = ready < max ? ready : max;
	for (uint32_t i = 0; i < n; i++)
		cat_desc_copy(&ret_desc[i], cat_ring_slot(end, i));
	if (n)
		cat_ring_release(end, n);
	return n;
}

// Where the packets of one output stand in one piece.
static struct cat_desc *flatten(struct cat_lane_local *local, enum cat_side side, uint32_t count)
{
	const struct cat_ring_end *out = &local->engine.lane.out[side];
	struct cat_desc *first = cat_ring_slot(&local->engine.lane.out[side], 0);
	uint32_t before_wrap = out->mask + 1 - (out->index & out->mask);
	if (__builtin_expect(count <= before_wrap, 1))
		return first;
	cat_desc_copy_block(local->flat[side], first, before_wrap);
	cat_desc_copy_block(local->flat[side] + before_wrap, out->ring->slot, count - before_wrap);
	return local->flat[side];
}

// Packets that a function makes itself are parsed by who takes them in.
static void parse_all(const struct cat_lane *lane, struct cat_burst *burst)
{
	for (uint32_t i = 0; i < burst->count; i++)
		if (!(burst->desc[i].flags & CAT_DESC_PARSED))
			cat_parse(&burst->desc[i], cat_data(lane, &burst->desc[i]));
}

void cat_lane_local_run(struct cat_lane_local *local, struct cat_burst *burst, struct cat_burst ret_out[CAT_SIDES])
{
	struct cat_lane *lane = &local->engine.lane;
	lane->progress = 0;
	lane->spare = CAT_BURST_MAX - burst->count;
	local->engine.ops->process(lane, burst);
	uint32_t supplied = CAT_PROGRESS_OF(lane->progress, CAT_FROM_SUPPLY);
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		uint32_t count = CAT_PROGRESS_OF(lane->progress, side);
		ret_out[side] = (struct cat_burst){.side = (enum cat_side) !side,
						   .count = count,
						   .desc = flatten(local, (enum cat_side)side, count)};
	}
	for (uint32_t i = 0; i < CAT_PROGRESS_OF(lane->progress, CAT_TO_RETURN); i++)
		buffer_give(local, cat_ring_slot(&lane->ret, i)->buf);
	// Packets that are as they came, which is nearly all, have been parsed.
	if (ret_out[burst->side].count || supplied)
		parse_all(lane, &ret_out[burst->side]);
	if (__builtin_expect(supplied != 0, 0)) {
		parse_all(lane, &ret_out[!burst->side]);
		cat_ring_release(&lane->supply, supplied);
		serve(local);
	}
}
