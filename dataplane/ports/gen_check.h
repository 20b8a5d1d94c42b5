// SPDX-License-Identifier: BSD-3-Clause
// What generated packets carry so that their receiver can tell what became of them, and the receiver's account.
//
// How it works. The last 16 bytes of a packet are a mark: which trial and which sender (port and lane), a number that
// grows by one with every packet of that sender, and for some packets the time when they were due. The receiver keeps
// for each sender the next number that it expects and a window of those before it. A packet is the expected one, or it
// comes after a gap, or it is late: then the window says whether it was missed (reordered) or seen (a duplicate). What
// was lost is what was sent less what was counted once.
//
// Where a checksum covers the mark, two bytes before it make up for it, so that the checksum of the template holds.
#ifndef GEN_CHECK_H
#define GEN_CHECK_H

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "cat_abi.h"
#include "cat_histogram.h"

#define GEN_MARK_MAGIC 0xca7eu
#define GEN_WINDOW 65536u // numbers before the expected one that are told apart

struct gen_mark {
	uint16_t magic;
	uint8_t port, lane; // of the sender
	uint32_t number;
	uint64_t trial_due; // trial in the upper 8 bits, then ns of CLOCK_MONOTONIC; 0 in the lower 56: not timed
};
static_assert(sizeof(struct gen_mark) == 16, "two words");

#define GEN_BALANCE 2u // bytes before a mark that is covered by a checksum
#define GEN_DUE_MASK ((UINT64_C(1) << 56) - 1)

// Where the mark lies in a frame of that length: at an even distance from the headers.
static inline uint32_t gen_mark_at(uint32_t len)
{
	return (len - (uint32_t)sizeof(struct gen_mark)) & ~1u;
}

// What, added to the words of the mark, leaves any checksum over them as it was over zeros.
static inline uint16_t gen_mark_balance(const struct gen_mark *mark)
{
	uint64_t word[2];
	memcpy(word, mark, sizeof(word));
	uint64_t sum = (word[0] & UINT32_MAX) + (word[0] >> 32) + (word[1] & UINT32_MAX) + (word[1] >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

// One sender as a receiver sees it.
struct gen_stream {
	uint32_t next;  // expected
	uint64_t *seen; // GEN_WINDOW bits, by number
};

// A receiver's account of one trial, on one lane.
struct gen_check {
	uint8_t trial;
	uint32_t lanes;            // of senders
	struct gen_stream *stream; // by port and lane of the sender; windows are made when it is first heard of
	uint64_t received;         // each packet once
	uint64_t duplicates, reordered;
	uint64_t foreign; // no mark of this trial, or a number beyond the window
	struct cat_histogram latency;
};

// Returns 0 or -ENOMEM.
int gen_check_init(struct gen_check *check, uint32_t lanes);
void gen_check_finish(struct gen_check *check);
// Forgets everything and expects packets of that trial.
void gen_check_begin(struct gen_check *check, uint8_t trial);

// The number after the highest one that came from that sender.
static inline uint32_t gen_check_next(const struct gen_check *check, uint32_t port, uint32_t lane)
{
	return check->stream[port * check->lanes + lane].next;
}

// Accounts for n packets. now_ns: CLOCK_MONOTONIC.
void gen_check_packets(struct gen_check *check, const struct cat_desc *desc, uint32_t n, const uint8_t *region,
		       uint32_t stride, uint64_t now_ns);

#endif
