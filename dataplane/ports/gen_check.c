// SPDX-License-Identifier: BSD-3-Clause
#include "gen_check.h"

#include <errno.h>
#include <stdlib.h>

#include "cat_control.h"

#define AHEAD 8u // packets whose mark is fetched before its turn

int gen_check_init(struct gen_check *check, uint32_t lanes)
{
	memset(check, 0, sizeof(*check));
	check->lanes = lanes;
	check->stream = calloc((size_t)CAT_PORTS_MAX * lanes, sizeof(*check->stream));
	return check->stream ? 0 : -ENOMEM;
}

void gen_check_finish(struct gen_check *check)
{
	for (uint32_t i = 0; check->stream && i < CAT_PORTS_MAX * check->lanes; i++)
		free(check->stream[i].seen);
	free(check->stream);
	check->stream = NULL;
}

void gen_check_begin(struct gen_check *check, uint8_t trial)
{
	for (uint32_t i = 0; i < CAT_PORTS_MAX * check->lanes; i++) {
		check->stream[i].next = 0;
		if (check->stream[i].seen)
			memset(check->stream[i].seen, 0, GEN_WINDOW / 8);
	}
	check->trial = trial;
	check->received = check->duplicates = check->reordered = check->foreign = 0;
	memset(&check->latency, 0, sizeof(check->latency));
}

static inline uint64_t *word_of(const struct gen_stream *s, uint32_t number)
{
	return &s->seen[number % GEN_WINDOW / 64];
}

// Marks the numbers from `first` up to `end` as seen or not: a run of bits, a word at a time.
static void mark_run(struct gen_stream *s, uint32_t first, uint32_t end, bool seen)
{
	if (end - first > GEN_WINDOW)
		first = end - GEN_WINDOW;
	while (first != end) {
		uint32_t bit = first % 64, n = 64 - bit;
		if (n > end - first)
			n = end - first;
		uint64_t mask = (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << bit, *word = word_of(s, first);
		*word = seen ? *word | mask : *word & ~mask;
		first += n;
	}
}

// A number that is not the expected one.
static void take_odd(struct gen_check *check, struct gen_stream *s, uint32_t number)
{
	int32_t ahead = (int32_t)(number - s->next);
	if (ahead > 0) {
		mark_run(s, s->next, number, false);
		mark_run(s, number, number + 1, true);
		s->next = number + 1;
		check->received++;
		return;
	}
	uint64_t bit = UINT64_C(1) << number % 64, *word = word_of(s, number);
	if (s->next - number > GEN_WINDOW) {
		check->foreign++;
	} else if (*word & bit) {
		check->duplicates++;
	} else {
		*word |= bit;
		check->reordered++;
		check->received++;
	}
}

static struct gen_stream *stream_of(struct gen_check *check, const struct gen_mark *mark)
{
	if (mark->magic != GEN_MARK_MAGIC || (uint8_t)(mark->trial_due >> 56) != check->trial ||
	    mark->port >= CAT_PORTS_MAX || mark->lane >= check->lanes)
		return NULL;
	struct gen_stream *s = &check->stream[mark->port * check->lanes + mark->lane];
	if (!s->seen)
		s->seen = calloc(GEN_WINDOW / 64, sizeof(uint64_t));
	return s->seen ? s : NULL;
}

static inline struct gen_mark read_mark(const struct cat_desc *desc, const uint8_t *region, uint32_t stride)
{
	struct gen_mark mark = {0};
	if (desc->len >= sizeof(mark))
		memcpy(&mark, region + (size_t)desc->buf * stride + desc->off + gen_mark_at(desc->len), sizeof(mark));
	return mark;
}

static inline void time_packet(struct gen_check *check, const struct gen_mark *mark, uint64_t now_ns)
{
	uint64_t due = mark->trial_due & GEN_DUE_MASK;
	if (due)
		cat_histogram_add(&check->latency, now_ns > due ? now_ns - due : 0);
}

void gen_check_packets(struct gen_check *check, const struct cat_desc *desc, uint32_t n, const uint8_t *region,
		       uint32_t stride, uint64_t now_ns)
{
	for (uint32_t i = 0; i < n;) {
		struct gen_mark mark = read_mark(&desc[i], region, stride);
		struct gen_stream *s = stream_of(check, &mark);
		if (!s) {
			check->foreign++;
			i++;
			continue;
		}
		if (mark.number != s->next) {
			take_odd(check, s, mark.number);
			time_packet(check, &mark, now_ns);
			i++;
			continue;
		}
		// The common case: a run of expected numbers of one sender.
		uint64_t sender;
		memcpy(&sender, &mark, sizeof(sender));
		uint32_t first = s->next, run = 0;
		uint8_t trial = check->trial;
		do {
			time_packet(check, &mark, now_ns);
			run++;
			if (i + run == n)
				break;
			if (i + run + AHEAD < n) {
				const struct cat_desc *d = &desc[i + run + AHEAD];
				__builtin_prefetch(region + (size_t)d->buf * stride + d->off + d->len - sizeof(mark));
			}
			mark = read_mark(&desc[i + run], region, stride);
			uint64_t head;
			memcpy(&head, &mark, sizeof(head));
			// Same magic, port and lane, and the next number: all in one word.
			sender += UINT64_C(1) << 32;
			if (head != sender || (uint8_t)(mark.trial_due >> 56) != trial)
				break;
		} while (true);
		s->next = first + run;
		mark_run(s, first, s->next, true);
		check->received += run;
		i += run;
	}
}
