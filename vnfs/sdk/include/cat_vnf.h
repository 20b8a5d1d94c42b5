// SPDX-License-Identifier: BSD-3-Clause
// Writing a VNF: one const struct of operations, and cat_vnf_main.
//
// A process runs one worker thread per lane, pinned to the lane's core, and one control thread. The worker calls
// process with bursts, and between bursts tick and inject. These three do not log, allocate, lock or make system
// calls. Everything else runs on the control thread.
//
// The library form (cat_lane_local.h) calls the same operations without processes, rings or root: unit tests,
// fuzzers and the fused benchmark use it.
#ifndef CAT_VNF_H
#define CAT_VNF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_abi.h"
#include "cat_desc.h"
#include "cat_err.h"
#include "cat_ring.h"
#include "cat_stats.h"
#include "cat_tree.h"

#define CAT_VNF_ABI 1u

struct cat_vnf; // the process: cat_daemon.h takes it
struct cat_eal; // DPDK's EAL: cat_eal.h

// What a worker works with. Operations read the public part and use the functions below.
struct cat_lane {
	// For the VNF.
	const void *config; // what config_create made; constant within a burst
	void *priv;         // what lane_create made
	void *state;        // this lane's share of the state memory (64-byte aligned), outlives the process
	size_t state_bytes;
	struct cat_stats_lane *stats;
	uint32_t id, lanes;  // this lane, and how many there are
	uint64_t now_us;     // CLOCK_MONOTONIC (the same for a successor), read once per burst
	struct cat_vnf *vnf; // NULL in the library form

	// For the inline functions below.
	uint8_t *region;
	uint32_t stride, buffers;
	uint64_t progress;
	uint64_t sent_bytes[CAT_SIDES]; // in this burst
	uint32_t spare;                 // room in every output ring beyond what the burst's own packets may take
	struct cat_worker_page *page;
	struct cat_ring_end in[CAT_SIDES], out[CAT_SIDES], ret, supply;
	void *punt; // ring to the control thread
};

// Packets from one side, already checked: indices in range, data inside the buffer, offsets inside the data
// where the flags say that they are valid, parsed (CAT_DESC_PARSED). desc is the worker's own copy.
struct cat_burst {
	enum cat_side side;
	uint32_t count; // 1 .. CAT_BURST_MAX
	struct cat_desc *desc;
};

struct cat_vnf_ops {
	uint32_t abi;     // CAT_VNF_ABI
	const char *kind; // "firewall"
	// `&cat_eal` if the VNF uses libraries of DPDK (rte_acl, rte_fib, ...), with the memory that they need; NULL:
	// the process starts without, and 100 ms sooner.
	const struct cat_eal *eal;
	uint32_t eal_memory_mb;
	// Own counters and drop reasons ("drop.ttl_expired"), index CAT_STAT_OWN onwards; ended by NULL.
	const char *const *counters;

	// Checks `config` completely and makes of it an object that process reads. Nothing of the running
	// configuration is touched. `config` may be NULL or an empty map (all defaults). Errors: cat_node_error.
	int (*config_create)(const struct cat_node *config, void **ret_config, struct cat_err *err);
	// Called when no worker uses it any more. May be called for a config that was never in force.
	void (*config_destroy)(void *config);

	// Counters that a configuration brings along ("rule.web"), behind `counters`; ended by NULL, and the
	// configuration's. When it is replaced, lane_reconfigured moves the values to where the new names are. NULL:
	// none.
	const char *const *(*counter_names)(const void *config);

	// Private memory of a lane, and attaching to its state: lane->config, state, id, lanes are set. NULL: none.
	int (*lane_create)(struct cat_lane *lane, struct cat_err *err);
	void (*lane_destroy)(struct cat_lane *lane);
	// On the worker, after lane->config was replaced (between bursts). NULL: nothing to do.
	void (*lane_reconfigured)(struct cat_lane *lane, const void *old_config);

	// Must emit, drop, punt or hold every packet exactly once, in order. A packet's bytes may be changed
	// only between the previous packet's emission and its own (see cat_abi.h: a crash costs one packet).
	void (*process)(struct cat_lane *lane, struct cat_burst *burst);
	// About every 10 ms while awake and at least every 100 ms asleep: expire, retransmit. May emit from supply.
	// NULL: none.
	void (*tick)(struct cat_lane *lane);
	// A frame that the control side (a tap) sends: emit it from supply, or ignore it. NULL: none.
	void (*inject)(struct cat_lane *lane, unsigned channel, const uint8_t *frame, uint32_t length);

	// Control thread: after the first configuration, before workers run: taps, daemons. NULL: none.
	int (*control_start)(struct cat_vnf *vnf, const void *config, struct cat_err *err);
	// Control thread: before a configuration takes the place of another one: what control side and workers agree on
	// is put into it. The next control_reconfigured is about it. Errors refuse it. NULL: nothing to do.
	int (*control_prepare)(struct cat_vnf *vnf, void *config, struct cat_err *err);
	// Control thread: after a configuration is in force.
	void (*control_reconfigured)(struct cat_vnf *vnf, const void *config);
	void (*control_stop)(struct cat_vnf *vnf);
};

// The four-line main: return cat_vnf_main(argc, argv, &ops). Options: --check FILE (reads a configuration, prints the
// error as JSON {message, pointer}, exits 0 or 1), --socket PATH, --version, --help. Returns the exit code.
int cat_vnf_main(int argc, char **argv, const struct cat_vnf_ops *ops);

static inline uint8_t *cat_buffer(const struct cat_lane *lane, const struct cat_desc *desc)
{
	return lane->region + (size_t)desc->buf * lane->stride;
}

static inline uint8_t *cat_data(const struct cat_lane *lane, const struct cat_desc *desc)
{
	return cat_buffer(lane, desc) + desc->off;
}

// One store that makes the packet's hand-over known to a successor. `progress` is what stood in lane->progress.
static inline void cat_progress(struct cat_lane *lane, uint64_t progress, uint64_t step)
{
	lane->progress = progress + step;
	atomic_store_explicit(&lane->page->progress, progress + step, memory_order_release);
}

// A descriptor in one piece: one load and one store, where an assignment may be taken apart field by field.
static inline void cat_desc_copy(struct cat_desc *to, const struct cat_desc *from)
{
	typedef uint64_t whole __attribute__((vector_size(16), aligned(4), may_alias));
	*(whole *)to = *(const whole *)from;
}

// Hands the next packet of the burst to the left or right neighbour. Never fails: a burst is only as large as the
// room in every output ring.
static inline void cat_emit(struct cat_lane *lane, const struct cat_desc *desc, enum cat_side to)
{
	// Read once: the compiler cannot know that the copy does not change it.
	uint64_t progress = lane->progress;
	cat_desc_copy(cat_ring_slot(&lane->out[to], CAT_PROGRESS_OF(progress, to)), desc);
	lane->sent_bytes[to] += desc->len;
	cat_progress(lane, progress, CAT_PROGRESS_ONE(to));
}

// Hands the next `count` packets of the burst, which lie one after the other from `desc` on, to one neighbour at once.
// For packets whose bytes process has not changed since the last hand-over: all of them become known to a successor
// with one store, and after a crash before it, the first of them is lost and the others are processed again.
static inline void cat_emit_run(struct cat_lane *lane, const struct cat_desc *desc, uint32_t count, enum cat_side to)
{
	uint64_t progress = lane->progress;
	const struct cat_ring_end *out = &lane->out[to];
	uint32_t at = (out->index + CAT_PROGRESS_OF(progress, to)) & out->mask, before_wrap = out->mask + 1 - at;
	if (before_wrap > count)
		before_wrap = count;
	uint64_t bytes = cat_desc_copy_block(&out->ring->slot[at], desc, before_wrap);
	if (__builtin_expect(before_wrap < count, 0))
		bytes += cat_desc_copy_block(out->ring->slot, desc + before_wrap, count - before_wrap);
	lane->sent_bytes[to] += bytes;
	cat_progress(lane, progress, count * CAT_PROGRESS_ONE(to));
}

// Gives the next packet of the burst back. reason: CAT_DROP_... or CAT_STAT_OWN + n; counted here.
static inline void cat_drop(struct cat_lane *lane, const struct cat_desc *desc, uint32_t reason)
{
	uint64_t progress = lane->progress;
	struct cat_desc *slot = cat_ring_slot(&lane->ret, CAT_PROGRESS_OF(progress, CAT_TO_RETURN));
	cat_desc_copy(slot, desc);
	slot->flags = (uint16_t)reason;
	cat_stats_add(lane->stats, reason, 1);
	cat_progress(lane, progress, CAT_PROGRESS_ONE(CAT_TO_RETURN));
}

// Looks at the next empty buffer: off is CAT_HEADROOM, len 0, flags 0. False (and drop.no_supply counted) when
// there is none or the outputs are full. Nothing is taken until cat_emit_supply; calling it again gives the same
// buffer.
bool cat_supply_peek(struct cat_lane *lane, struct cat_desc *ret_desc);
// Sends the peeked buffer, filled by the caller (off, len, and flags/l3/l4/hash or 0 for "parse it").
void cat_emit_supply(struct cat_lane *lane, const struct cat_desc *desc, enum cat_side to);

// Copies the packet to the control thread's channel (a tap), at most the policed rate, and gives the buffer back as
// CAT_DROP_CONSUMED, or CAT_DROP_PUNT_FULL.
void cat_punt(struct cat_lane *lane, const struct cat_desc *desc, unsigned channel);
// The same without giving the packet back: the caller still emits or drops it. False: queue full.
bool cat_punt_copy(struct cat_lane *lane, const struct cat_desc *desc, unsigned channel);

#endif
