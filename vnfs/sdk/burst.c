// SPDX-License-Identifier: BSD-3-Clause
// Bursts: take, check, process, commit. The protocol is described in cat_abi.h.
//
// A descriptor that fails its checks is given back in its turn, like any other packet, because progress counts packets
// in the order of the input ring. So a piece ends before a bad descriptor, which is dropped when it comes first.
#include "burst.h"

#include <stdio.h>
#include <stdlib.h>

#include "cat_desc.h"
#include "cat_parse.h"
#include "cat_recover.h"
#include "punt.h"

#define SENT_BACK_SHARE 4u // of a ring, kept for packets that go back where they came from
#define TAKE_EACH 4u       // descriptors looked at one by one after a block that did not pass

// Bytes that must follow l3 and l4, by flags: a fixed header of each kind, so that a VNF may read it without looking.
static uint32_t l3_need(uint16_t flags)
{
	// IPv4 is bit 0, IPv6 bit 1; both at once get the larger.
	return (UINT32_C(0x28281400) >> ((flags & 3u) * 8)) & 0xff;
}

static uint32_t l4_need(uint16_t flags)
{
	// TCP (20 bytes) is bit 2, UDP (8) bit 3, ICMP (8) bit 4.
	return (uint32_t)(UINT64_C(0x1408140814081400) >> ((flags >> 2 & 7u) * 8)) & 0xff;
}
static_assert(CAT_DESC_IPV4 == 1 && CAT_DESC_IPV6 == 2, "l3_need depends on it");
static_assert(CAT_DESC_TCP == 4 && CAT_DESC_UDP == 8 && CAT_DESC_ICMP == 16, "l4_need depends on it");

static bool in_region(const struct cat_lane *lane, const struct cat_desc *desc)
{
	return desc->buf < lane->buffers && (uint32_t)desc->off + desc->len <= lane->stride;
}

static bool offsets_fit(const struct cat_desc *desc)
{
	return desc->l3 + l3_need(desc->flags) <= desc->len && desc->l4 + l4_need(desc->flags) <= desc->len;
}

bool burst_check(const struct cat_lane *lane, struct cat_desc *desc)
{
	if (!in_region(lane, desc))
		return false;
	if (!(desc->flags & CAT_DESC_PARSED))
		cat_parse(desc, cat_data(lane, desc));
	return offsets_fit(desc);
}

// Copies n descriptors from `offset` behind the input's index; fewer if they wrap or one is bad. Sums up their lengths.
static uint32_t take(struct burst_engine *engine, const struct cat_ring_end *in, uint32_t offset, uint32_t n,
		     uint64_t *bytes)
{
	const struct cat_lane *lane = &engine->lane;
	uint32_t first = (in->index + offset) & in->mask;
	if (n > in->mask + 1 - first)
		n = in->mask + 1 - first;
	const struct cat_desc *source = &in->ring->slot[first];
	struct cat_desc *desc = engine->desc;
	uint32_t i = 0;
	while (i < n) {
		i += cat_desc_take(desc + i, source + i, n - i, lane->buffers, lane->stride, bytes);
		// Some by themselves: the rest of the piece, or a block with one that is not as it should be.
		for (uint32_t end = i + TAKE_EACH < n ? i + TAKE_EACH : n; i < end; i++) {
			desc[i] = source[i];
			__asm__("" : "+m"(desc[i]));
			if (!burst_check(lane, &desc[i]))
				return i;
			*bytes += desc[i].len;
		}
	}
	return i;
}

static void open_burst(struct cat_lane *lane, uint32_t input, uint32_t count)
{
	struct cat_worker_page *page = lane->page;
	lane->progress = 0;
	lane->sent_bytes[CAT_LEFT] = lane->sent_bytes[CAT_RIGHT] = 0;
	atomic_store_explicit(&page->progress, 0, memory_order_relaxed);
	page->input = input;
	page->count = count;
	atomic_store_explicit(&page->phase, CAT_COMMIT_OPEN, memory_order_release);
}

// Stores the indices of the page's target into the rings. Idempotent.
static void publish_target(struct cat_lane *lane)
{
	struct cat_worker_page *page = lane->page;
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		if (page->target.out_prod[side] != lane->out[side].index)
			cat_ring_publish(&lane->out[side], page->target.out_prod[side] - lane->out[side].index);
	}
	if (page->target.return_prod != lane->ret.index)
		cat_ring_publish(&lane->ret, page->target.return_prod - lane->ret.index);
	if (page->target.supply_cons != lane->supply.index)
		cat_ring_release(&lane->supply, page->target.supply_cons - lane->supply.index);
	if (page->input < CAT_SIDES) {
		struct cat_ring_end *in = &lane->in[page->input];
		cat_ring_release(in, page->target.input_cons - in->index);
	}
	atomic_store_explicit(&page->phase, CAT_COMMIT_IDLE, memory_order_release);
}

static void commit(struct cat_lane *lane, uint32_t handled)
{
	struct cat_worker_page *page = lane->page;
	uint64_t progress = lane->progress;
	if (page->input < CAT_SIDES)
		page->target.input_cons = lane->in[page->input].index + handled;
	for (uint32_t side = 0; side < CAT_SIDES; side++)
		page->target.out_prod[side] = lane->out[side].index + CAT_PROGRESS_OF(progress, side);
	page->target.return_prod = lane->ret.index + CAT_PROGRESS_OF(progress, CAT_TO_RETURN);
	page->target.supply_cons = lane->supply.index + CAT_PROGRESS_OF(progress, CAT_FROM_SUPPLY);
	atomic_store_explicit(&page->phase, CAT_COMMIT_FULL, memory_order_release);
	publish_target(lane);
}

// The packets of the input that were handed over.
static uint32_t handled_of(uint64_t progress)
{
	return CAT_PROGRESS_OF(progress, CAT_TO_LEFT) + CAT_PROGRESS_OF(progress, CAT_TO_RIGHT) +
	       CAT_PROGRESS_OF(progress, CAT_TO_RETURN) + CAT_PROGRESS_OF(progress, CAT_TO_HELD) -
	       CAT_PROGRESS_OF(progress, CAT_FROM_SUPPLY);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void count_sent(struct cat_lane *lane, enum cat_side side, uint32_t n)
{
	uint32_t packets = side == CAT_LEFT ? CAT_STAT_LEFT_TX_PACKETS : CAT_STAT_RIGHT_TX_PACKETS;
	cat_stats_add(lane->stats, packets, n);
	cat_stats_add(lane->stats, packets + 1, lane->sent_bytes[side]);
}

// Counts, commits, and wakes those who got something.
static void finish(struct burst_engine *engine, uint32_t handled)
{
	struct cat_lane *lane = &engine->lane;
	uint64_t progress = lane->progress;
	uint32_t supplied = CAT_PROGRESS_OF(progress, CAT_FROM_SUPPLY);
	if (supplied)
		cat_stats_add(lane->stats, CAT_STAT_SUPPLY_USED, supplied);
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		if (CAT_PROGRESS_OF(progress, side))
			count_sent(lane, side, CAT_PROGRESS_OF(progress, side));
	}
	commit(lane, handled);
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		if (CAT_PROGRESS_OF(progress, side))
			cat_ring_wake(&lane->out[side]);
	}
	if (CAT_PROGRESS_OF(progress, CAT_TO_RETURN))
		cat_ring_wake(&lane->ret);
	punt_flush(lane->punt);
}

// What a VNF's `process` must never do leaves packets in two places or in none. There is no way on from there but a
// crash, after which the successor puts the rings right.
static _Noreturn void broken(const struct burst_engine *engine, uint32_t handled, uint32_t count)
{
	fprintf(stderr, "%s: process handed over %u packets of a burst of %u; it must emit or drop each exactly once\n",
		engine->ops->kind, handled, count);
	abort();
}

// Lets the VNF handle n packets of the open burst, the first of them `offset` behind the input's index.
static void process_pieces(struct burst_engine *engine, enum cat_side side, uint32_t n, uint64_t *bytes)
{
	struct cat_lane *lane = &engine->lane;
	struct cat_burst burst = {.side = side, .desc = engine->desc};
	for (uint32_t done = 0; done < n;) {
		uint32_t want = n - done < BURST_PIECE ? n - done : BURST_PIECE;
		burst.count = take(engine, &lane->in[side], done, want, bytes);
		if (burst.count == 0) {
			// The first one is bad.
			cat_drop(lane, engine->desc, CAT_DROP_BAD_DESC);
			done++;
			continue;
		}
		engine->ops->process(lane, &burst);
		done += burst.count;
		uint32_t handled = handled_of(lane->progress);
		if (__builtin_expect(handled != done, 0))
			broken(engine, handled, done);
	}
}

// Any packet may leave on either side, so both outputs must have room for all of a burst. Were that all, two neighbours
// whose rings to each other are both full would wait for each other for ever: neither could take anything in, although
// what it holds for the other is not what stops that one. So packets on their way through leave a share of a ring free,
// which only packets that are sent back where they came from may fill: what comes from a neighbour can be taken in even
// though everything towards it is full.
uint32_t burst_room(struct cat_lane *lane, enum cat_side side)
{
	struct cat_ring_end *onward = &lane->out[side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT];
	uint32_t forth = cat_ring_room(onward), back = cat_ring_room(&lane->out[side]);
	uint32_t kept = (onward->mask + 1) / SENT_BACK_SHARE;
	forth = forth > kept ? forth - kept : 0;
	return least(least(forth, back), cat_ring_room(&lane->ret));
}

uint32_t burst_run(struct burst_engine *engine, enum cat_side side)
{
	struct cat_lane *lane = &engine->lane;
	uint32_t ready = cat_ring_ready(&lane->in[side]);
	if (!ready)
		return 0;
	uint32_t room = burst_room(lane, side);
	uint32_t n = least(least(ready, engine->limit), room);
	if (!n)
		return 0;
	uint64_t start = burst_cycles();
	lane->spare = least(room - n, CAT_SUPPLY_BURST_MAX);
	open_burst(lane, side, n);
	uint64_t bytes = 0;
	process_pieces(engine, side, n, &bytes);
	finish(engine, n);
	uint32_t packets = side == CAT_LEFT ? CAT_STAT_LEFT_RX_PACKETS : CAT_STAT_RIGHT_RX_PACKETS;
	cat_stats_add(lane->stats, packets, n);
	cat_stats_add(lane->stats, packets + 1, bytes);
	cat_stats_add(lane->stats, CAT_STAT_BURSTS, 1);
	cat_stats_add(lane->stats, CAT_STAT_BUSY_CYCLES, burst_cycles() - start);
	return n;
}

void burst_open_empty(struct burst_engine *engine)
{
	struct cat_lane *lane = &engine->lane;
	uint32_t room = least(cat_ring_room(&lane->out[CAT_LEFT]), cat_ring_room(&lane->out[CAT_RIGHT]));
	lane->spare = least(room, CAT_SUPPLY_BURST_MAX);
	open_burst(lane, CAT_NO_INPUT, 0);
}

void burst_close_empty(struct burst_engine *engine)
{
	uint32_t handled = handled_of(engine->lane.progress);
	if (handled)
		broken(engine, handled, 0);
	finish(engine, 0);
}

bool cat_supply_peek(struct cat_lane *lane, struct cat_desc *ret_desc)
{
	uint32_t used = CAT_PROGRESS_OF(lane->progress, CAT_FROM_SUPPLY);
	if (used < lane->spare && used < cat_ring_ready(&lane->supply)) {
		struct cat_desc desc = {.buf = cat_ring_slot(&lane->supply, used)->buf, .off = CAT_HEADROOM};
		if (desc.buf < lane->buffers) {
			*ret_desc = desc;
			return true;
		}
	}
	cat_stats_add(lane->stats, CAT_DROP_NO_SUPPLY, 1);
	return false;
}

void cat_emit_supply(struct cat_lane *lane, const struct cat_desc *desc, enum cat_side to)
{
	uint64_t progress = lane->progress;
	cat_desc_copy(cat_ring_slot(&lane->out[to], CAT_PROGRESS_OF(progress, to)), desc);
	lane->sent_bytes[to] += desc->len;
	cat_progress(lane, progress, CAT_PROGRESS_ONE(to) + CAT_PROGRESS_ONE(CAT_FROM_SUPPLY));
}

static struct cat_recover_ring recover_ring(const struct cat_ring_end *end)
{
	return (struct cat_recover_ring){.ring = end->ring, .size = end->mask + 1};
}

static uint32_t prod_of(const struct cat_ring_end *end)
{
	return atomic_load_explicit(&end->ring->prod, memory_order_acquire);
}

static uint32_t cons_of(const struct cat_ring_end *end)
{
	return atomic_load_explicit(&end->ring->cons, memory_order_acquire);
}

uint32_t burst_recover(struct cat_lane *lane)
{
	struct cat_recover_rings rings = {.ret = recover_ring(&lane->ret), .supply = recover_ring(&lane->supply)};
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		rings.input[side] = recover_ring(&lane->in[side]);
		rings.output[side] = recover_ring(&lane->out[side]);
	}
	struct cat_recover_result result = {0};
	// A page that contradicts its rings publishes nothing: the burst is done again from its input ring.
	cat_recover_worker(lane->page, &rings, &result);
	for (uint32_t side = 0; side < CAT_SIDES; side++) {
		lane->in[side].index = cons_of(&lane->in[side]);
		lane->out[side].index = prod_of(&lane->out[side]);
	}
	lane->ret.index = prod_of(&lane->ret);
	lane->supply.index = cons_of(&lane->supply);
	lane->progress = 0;
	cat_stats_add(lane->stats, CAT_DROP_TORN, result.torn);
	return result.torn;
}
