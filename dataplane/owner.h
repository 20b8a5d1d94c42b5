// SPDX-License-Identifier: BSD-3-Clause
// Whose each buffer is: one byte per buffer, private to the dataplane. A lane believes only what is marked as its own,
// so that a function cannot give a buffer back on two lanes at once.
//
// How it works
//
// Lanes take free buffers in the order in which they came back, so neighbouring descriptors mostly name neighbouring
// buffers. Sixteen such are marked or checked with one access to the array; any others one by one.
#ifndef OWNER_H
#define OWNER_H

#include "cat_abi.h"

#define OWNER_DATAPLANE 0u
#define OWNER_LANE(lane) ((uint8_t)((lane) + 1))

// What descriptors that come back are checked for.
struct owner_check {
	uint8_t *owner;
	uint32_t buffers, stride;
	uint32_t len_min; // at least this much data, within the buffer; 0: only the index counts
	uint8_t me;
};

// Copies n descriptors out of shared memory, checks the copies, and takes the buffers of those that pass back for the
// dataplane. The others are left out. Returns how many passed.
uint32_t owner_take_back(const struct owner_check *check, struct cat_desc *to, const struct cat_desc *from, uint32_t n);

// Marks the buffers of n descriptors, which are private and sound, as `whose`.
void owner_mark(uint8_t *owner, const struct cat_desc *desc, uint32_t n, uint8_t whose);

#endif
