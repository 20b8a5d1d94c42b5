// SPDX-License-Identifier: BSD-3-Clause
// Descriptors by the block: copying them out of a ring with their checks, adding up lengths, naming their buffers. What
// the processor can do at once is chosen when the program runs; the results are the same everywhere.
#ifndef CAT_DESC_H
#define CAT_DESC_H

#include "cat_abi.h"

// Copies descriptors from shared memory to `to` and checks the copies, as burst_check in the SDK does for one: buffer
// index below `buffers`, data within `stride` bytes, parsed, and the headers that flags name within the data. Returns
// how many pass, beginning with the first; counting may stop up to 15 descriptors early, at a block of which one does
// not. Adds the lengths of those counted to *bytes.
uint32_t cat_desc_take(struct cat_desc *to, const struct cat_desc *from, uint32_t n, uint32_t buffers, uint32_t stride,
		       uint64_t *bytes);

// Copies n descriptors, which may not overlap. Returns the sum of their lengths.
uint64_t cat_desc_copy_block(struct cat_desc *to, const struct cat_desc *from, uint32_t n);

// Writes the descriptors' buffer indices one after the other. Returns the sum of their lengths.
uint64_t cat_desc_buffers(uint32_t *ret_index, const struct cat_desc *desc, uint32_t n);

#endif
