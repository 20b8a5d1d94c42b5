// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fault.h"

void tally_blocked(struct tally *tally, uint64_t ns)
{
	uint64_t *more = realloc(tally->blocked_ns, (tally->blocked_count + 1) * sizeof(*more));
	if (!more)
		return;
	tally->blocked_ns = more;
	more[tally->blocked_count++] = ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static double percentile_ms(const struct tally *tally, uint32_t percent)
{
	if (!tally->blocked_count)
		return 0;
	uint32_t at = (uint32_t)((uint64_t)tally->blocked_count * percent / 100);
	if (at >= tally->blocked_count)
		at = tally->blocked_count - 1;
	return (double)tally->blocked_ns[at] / 1e6;
}

void tally_print(const struct tally *tally, const char *scenario)
{
	qsort(tally->blocked_ns, tally->blocked_count, sizeof(*tally->blocked_ns), compare);
	printf("{\"scenario\": \"%s\", \"runs\": %" PRIu32 ", \"leaked\": %" PRIu64 ", \"duplicated\": %" PRIu64
	       ", \"lost\": %" PRIu64 ", \"unexplained\": %" PRIu64 ", \"reordered\": %" PRIu64
	       ", \"connections_broken\": null, \"blocked_ms\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}}\n",
	       scenario, tally->runs, tally->leaked, tally->duplicated, tally->lost, tally->unexplained,
	       tally->reordered, percentile_ms(tally, 50), percentile_ms(tally, 99), percentile_ms(tally, 100));
}

void tally_finish(struct tally *tally)
{
	free(tally->blocked_ns);
	tally->blocked_ns = NULL;
}
