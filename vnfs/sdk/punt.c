// SPDX-License-Identifier: BSD-3-Clause
#include "punt.h"

#include <stdlib.h>
#include <string.h>

static int queue_init(struct punt_queue *queue, uint32_t frame_max)
{
	size_t bytes = (cat_ring_bytes(PUNT_RING) + 63) & ~(size_t)63;
	queue->ring = aligned_alloc(64, bytes);
	queue->frames = malloc((size_t)PUNT_RING * frame_max);
	queue->frame_max = frame_max;
	if (!queue->ring || !queue->frames)
		return -1;
	memset(queue->ring, 0, bytes);
	cat_ring_format(queue->ring, PUNT_RING);
	if (cat_ring_attach(&queue->producer, queue->ring, bytes, PUNT_RING, true) < 0)
		return -1;
	return cat_ring_attach(&queue->consumer, queue->ring, bytes, PUNT_RING, false);
}

static void queue_finish(struct punt_queue *queue)
{
	free(queue->ring);
	free(queue->frames);
}

struct punt *punt_create(uint32_t frame_max, uint32_t lanes)
{
	struct punt *punt = calloc(1, sizeof(*punt));
	if (!punt)
		return NULL;
	punt->interval_us = UINT64_C(1000000) * lanes / PUNT_RATE_PPS;
	if (queue_init(&punt->out, frame_max) < 0 || queue_init(&punt->in, frame_max) < 0) {
		punt_destroy(punt);
		return NULL;
	}
	return punt;
}

void punt_destroy(struct punt *punt)
{
	if (!punt)
		return;
	queue_finish(&punt->out);
	queue_finish(&punt->in);
	free(punt);
}

// Fills the slot `ahead` of what is published. False: no room, or the frame is too long.
static bool fill(struct punt_queue *queue, uint32_t ahead, unsigned channel, const void *frame, uint32_t length)
{
	if (length > queue->frame_max || cat_ring_room(&queue->producer) <= ahead)
		return false;
	uint32_t slot = (queue->producer.index + ahead) & queue->producer.mask;
	memcpy(queue->frames + (size_t)slot * queue->frame_max, frame, length);
	queue->ring->slot[slot] = (struct cat_desc){.buf = channel, .len = (uint16_t)length};
	return true;
}

bool punt_queue_put(struct punt_queue *queue, unsigned channel, const void *frame, uint32_t length)
{
	if (!fill(queue, 0, channel, frame, length))
		return false;
	cat_ring_publish(&queue->producer, 1);
	cat_ring_wake(&queue->producer);
	return true;
}

const uint8_t *punt_queue_peek(struct punt_queue *queue, unsigned *ret_channel, uint32_t *ret_length)
{
	if (!cat_ring_ready(&queue->consumer))
		return NULL;
	const struct cat_desc *desc = cat_ring_slot(&queue->consumer, 0);
	*ret_channel = desc->buf;
	*ret_length = desc->len;
	return queue->frames + (size_t)(queue->consumer.index & queue->consumer.mask) * queue->frame_max;
}

void punt_queue_drop(struct punt_queue *queue)
{
	cat_ring_release(&queue->consumer, 1);
}

void punt_publish(struct punt *punt)
{
	cat_ring_publish(&punt->out.producer, punt->pending);
	punt->pending = 0;
	cat_ring_wake(&punt->out.producer);
}

// Whether the channel's rate allows one more frame: the generic cell rate algorithm (ITU-T I.371) with one time per
// channel, the one at which a sender that had kept to the rate would send its next frame.
static bool within_rate(struct punt *punt, unsigned channel, uint64_t now_us)
{
	uint64_t due = punt->due_us[channel];
	if (due < now_us)
		due = now_us;
	if (due - now_us > (PUNT_BURST - 1) * punt->interval_us)
		return false;
	punt->due_us[channel] = due + punt->interval_us;
	return true;
}

bool cat_punt_copy(struct cat_lane *lane, const struct cat_desc *desc, unsigned channel)
{
	struct punt *punt = lane->punt;
	if (channel >= CAT_CHANNELS_MAX || !within_rate(punt, channel, lane->now_us))
		return false;
	if (!fill(&punt->out, punt->pending, channel, cat_data(lane, desc), desc->len))
		return false;
	punt->pending++;
	cat_stats_add(lane->stats, CAT_STAT_PUNTED, 1);
	return true;
}

void cat_punt(struct cat_lane *lane, const struct cat_desc *desc, unsigned channel)
{
	cat_drop(lane, desc, cat_punt_copy(lane, desc, channel) ? CAT_DROP_CONSUMED : CAT_DROP_PUNT_FULL);
}
