// SPDX-License-Identifier: BSD-3-Clause
// Frames between a worker and its process's control side: private rings with a copy of each frame.
//
// Each direction is a ring like those between neighbours (cat_ring.h), in private memory, whose descriptors hold the
// frame's length in len and the channel in buf; the frame lies in the slot's own place. A worker hands its frames over
// at the end of a burst, so that it rings the bell once for all of them.
#ifndef PUNT_H
#define PUNT_H

#include "cat_daemon.h"
#include "cat_vnf.h"

#define PUNT_RING 128u            // frames in each direction
#define PUNT_RATE_PPS 10000u      // of a channel, over all lanes
#define PUNT_BURST 256u           // frames that a channel may send at once after a rest
#define PUNT_CHANNEL_NONE 0xffffu // a message without a frame: only wakes the worker

struct punt_queue {
	struct cat_ring *ring;
	struct cat_ring_end producer, consumer;
	uint8_t *frames;
	uint32_t frame_max;
};

struct punt {
	struct punt_queue out, in; // seen from the worker
	uint32_t pending;          // frames in `out` that are not published yet
	uint64_t interval_us;      // between two frames at the policed rate of this lane
	uint64_t due_us[CAT_CHANNELS_MAX];
};

// NULL: no memory. frame_max: longest frame.
struct punt *punt_create(uint32_t frame_max, uint32_t lanes);
void punt_destroy(struct punt *punt);

// Worker. Publishes the frames of a burst.
void punt_publish(struct punt *punt);
static inline void punt_flush(struct punt *punt)
{
	if (__builtin_expect(punt->pending != 0, 0))
		punt_publish(punt);
}

// Puts one frame in and rings the bell. False: full, or the frame is too long.
bool punt_queue_put(struct punt_queue *queue, unsigned channel, const void *frame, uint32_t length);
// The next frame, valid until punt_queue_drop. NULL: none.
const uint8_t *punt_queue_peek(struct punt_queue *queue, unsigned *ret_channel, uint32_t *ret_length);
void punt_queue_drop(struct punt_queue *queue);

#endif
