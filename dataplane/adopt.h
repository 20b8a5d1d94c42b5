// SPDX-License-Identifier: BSD-3-Clause
// Which buffers are under way, read from the rings themselves: for a dataplane that takes over from one that died, and
// for the audit of one that runs.
#ifndef ADOPT_H
#define ADOPT_H

#include <stdbool.h>

#include "fd_table.h"

struct adopt_shape {
	uint32_t ring, supply_ring; // slots
	uint32_t buffers, lanes;
};

struct adopt_result {
	uint32_t under_way;  // buffers in a ring
	uint32_t duplicated; // found more than once in the last look
	uint32_t impossible; // descriptors beyond the region, and rings whose indices cannot be
	bool still;          // no index moved during the last look
};

// Marks in whose[buffer] (zeroed by the caller) the lane whose rings hold it, as OWNER_LANE. Rings are found in the
// table by their names (cat_control.h). Waits a little for the workers to come to rest; where they do not, whose[] has
// all buffers that are in rings none the less, as long as nobody takes buffers out of them.
int adopt_scan(const struct fd_table *fds, const struct adopt_shape *shape, uint8_t *whose, struct adopt_result *ret,
	       struct cat_err *err);

#endif
