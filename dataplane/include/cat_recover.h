// SPDX-License-Identifier: BSD-3-Clause
// Takes over from a worker that died: brings its rings to a point between two packets (see "Burst commit" in
// cat_abi.h). Only for workers whose process is gone: the pages and indices are the dead worker's to write. The
// dataplane does it when it sees the process end, and the successor when it attaches; whoever comes second finds
// nothing to do. May itself be interrupted at any point and done again.
#ifndef CAT_RECOVER_H
#define CAT_RECOVER_H

#include "cat_abi.h"

struct cat_recover_ring {
	struct cat_ring *ring;
	uint32_t size; // as agreed at creation, not as the ring says now
};

// All rings of a worker, named as the worker sees them.
struct cat_recover_rings {
	struct cat_recover_ring input[CAT_SIDES], output[CAT_SIDES], ret, supply;
};

struct cat_recover_result {
	uint32_t published; // packets whose hand-over the worker had not published yet
	uint32_t torn;      // 0 or 1: given back, because it may be half changed
};

// Returns 0, or -EINVAL if the page contradicts itself or the rings: then nothing is published, and the burst stays
// in its input ring.
int cat_recover_worker(struct cat_worker_page *page, const struct cat_recover_rings *rings,
		       struct cat_recover_result *ret_result);

#endif
