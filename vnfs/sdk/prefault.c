// SPDX-License-Identifier: BSD-3-Clause
// Brings the pages of the state memory in behind the start. A table of a hundred MiB would hold the first packet up for
// most of a second if its pages were made before it, and later packets one by one if they were not made at all.
#include <string.h>
#include <sys/mman.h>

#include "process.h"

#define DELAY_MS 300        // the chain starts meanwhile
#define SLICE_BYTES 262144u // some 10 us where the host has the memory at hand, a millisecond where it has not
#define REST_MIN_MS 2
#define REST_SHARE 4u // rests that many times as long as it worked: workers share the core

#ifdef MADV_POPULATE_WRITE

static void on_timer(void *user)
{
	struct cat_vnf *vnf = user;
	struct prefault *p = &vnf->prefault;
	p->timer = NULL;
	size_t left = p->bytes - p->done, slice = left < SLICE_BYTES ? left : SLICE_BYTES;
	uint64_t begin_us = monotonic_us();
	// Whatever stops this (a limit of the container, say) stops no packet: pages come when they are touched.
	if (slice == 0 || madvise(p->memory + p->done, slice, MADV_POPULATE_WRITE) < 0)
		return;
	p->done += slice;
	uint64_t rest_ms = REST_MIN_MS + (monotonic_us() - begin_us) * REST_SHARE / 1000;
	p->timer = cat_loop_add_timer(vnf->loop, rest_ms, 0, on_timer, vnf, NULL);
}

void prefault_start(struct cat_vnf *vnf)
{
	for (size_t i = 0; i < vnf->mapping_count; i++) {
		if (strcmp(vnf->mappings[i].name, "state") == 0) {
			vnf->prefault.memory = vnf->mappings[i].address;
			vnf->prefault.bytes = vnf->mappings[i].size;
		}
	}
	vnf->prefault.timer = cat_loop_add_timer(vnf->loop, DELAY_MS, 0, on_timer, vnf, NULL);
}

#else

// Kernels before 5.14 bring pages in when they are touched.
void prefault_start(struct cat_vnf *vnf)
{
	(void)vnf;
}

#endif

void prefault_stop(struct cat_vnf *vnf)
{
	cat_source_remove(vnf->prefault.timer);
	vnf->prefault.timer = NULL;
}
