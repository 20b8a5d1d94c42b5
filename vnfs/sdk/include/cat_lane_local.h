// SPDX-License-Identifier: BSD-3-Clause
// A lane in private memory: the library form of a VNF for unit tests, fuzzers and the fused benchmark.
#ifndef CAT_LANE_LOCAL_H
#define CAT_LANE_LOCAL_H

#include "cat_vnf.h"

struct cat_lane_local_options {
	uint32_t buffers;   // 0: 4096
	uint32_t stride;    // 0: 2112
	uint32_t ring;      // 0: 2048
	size_t state_bytes; // 0: 16 MiB
	// State memory of a predecessor, state_bytes long, 64-byte aligned; stays the caller's. NULL: own, zeroed.
	void *state;
	uint32_t id, lanes; // lanes 0: 1
	bool huge_pages;    // packet memory in huge pages where there are any free
	// Shared with another lane so that packets can pass between them without a copy; NULL: own memory.
	struct cat_lane_local *region_of;
};

// A buffer that is given back twice, or a burst whose packets were not each handed over once, is the VNF's fault and
// ends the program with a message.
struct cat_lane_local;

// Creates configuration (JSON text, NULL: none), lane and private rings. NULL options: defaults.
// NULL: err says why. Needs no EAL unless the VNF does (tests of those call cat_eal_init_for_tests once).
struct cat_lane_local *cat_lane_local_create(const struct cat_vnf_ops *ops, const char *config_json,
					     const struct cat_lane_local_options *options, struct cat_err *err);
void cat_lane_local_destroy(struct cat_lane_local *local);
struct cat_lane *cat_lane_local_lane(struct cat_lane_local *local);
// Replaces the configuration as a running process would.
int cat_lane_local_configure(struct cat_lane_local *local, const char *config_json, struct cat_err *err);
// The clock (lane->now_us) stands still until this moves it; then tick runs.
void cat_lane_local_advance(struct cat_lane_local *local, uint64_t us);

// Copies frames into free buffers, runs process on them as one burst, commits. -ENOBUFS: too many.
int cat_lane_local_push(struct cat_lane_local *local, enum cat_side from, const void *const *frames,
			const uint32_t *lengths, uint32_t count);
// Takes the next packet that left on that side: copies at most max bytes; returns its length, -EAGAIN if none.
// Its buffer is free again.
int cat_lane_local_pop(struct cat_lane_local *local, enum cat_side side, void *ret_frame, uint32_t max,
		       struct cat_desc *ret_desc);
// The next frame punted to the control thread. -EAGAIN if none.
int cat_lane_local_pop_punt(struct cat_lane_local *local, unsigned *ret_channel, void *ret_frame, uint32_t max);
void cat_lane_local_inject(struct cat_lane_local *local, unsigned channel, const void *frame, uint32_t length);
// A counter by name ("drop.malformed"); UINT64_MAX if there is none of this name.
uint64_t cat_lane_local_counter(struct cat_lane_local *local, const char *name);
// Buffers neither free nor waiting in an output: 0 unless the VNF lost one (or holds it).
uint32_t cat_lane_local_missing(struct cat_lane_local *local);

// Takes `count` free buffers for a burst of the caller's own (off CAT_HEADROOM, len 0). -ENOBUFS: too few, none taken.
int cat_lane_local_take(struct cat_lane_local *local, struct cat_desc *ret_desc, uint32_t count);
// Gives buffers back.
void cat_lane_local_give(struct cat_lane_local *local, const struct cat_desc *desc, uint32_t count);

// Chains in one process. Joins two lanes that share a region and have not been used: what leaves `left` on its right
// enters `right` on its left, and the other way round. Packets then enter and leave at the chain's ends only.
// -EINVAL: no common region, different rings, or joined already.
int cat_lane_local_link(struct cat_lane_local *left, struct cat_lane_local *right);
// Puts descriptors of taken buffers into the ring of that side. -ENOBUFS: no room for all of them, none put in.
int cat_lane_local_offer(struct cat_lane_local *local, enum cat_side from, const struct cat_desc *desc, uint32_t count);
// One burst from that side, with everything that a worker does for it. Returns the packets that it took.
uint32_t cat_lane_local_burst(struct cat_lane_local *local, enum cat_side from);
// Takes descriptors that left on that side; their buffers are the caller's to give back.
uint32_t cat_lane_local_collect(struct cat_lane_local *local, enum cat_side side, struct cat_desc *ret_desc,
				uint32_t max);

// For the fused benchmark: runs process on a caller-made burst of at most half the ring, without any ring traffic,
// statistics of the burst or commit. ret_out[side] is what left on that side, as the neighbour there would take it in:
// valid until the next call, and the buffers are the caller's. Buffers of dropped packets are free again. Not to be
// mixed with a burst that is open.
void cat_lane_local_run(struct cat_lane_local *local, struct cat_burst *burst, struct cat_burst ret_out[CAT_SIDES]);

#endif
