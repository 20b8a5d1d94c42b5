// SPDX-License-Identifier: BSD-3-Clause
// A histogram of latencies: buckets of equal width within a power of two, so that every value is kept to 1/32 of
// itself, from a nanosecond to half an hour, in 9 KiB and a few instructions. Not thread safe; one lane, one histogram.
#ifndef CAT_HISTOGRAM_H
#define CAT_HISTOGRAM_H

#include <stdint.h>

#define CAT_HISTOGRAM_BITS 5u // 32 buckets a power of two
#define CAT_HISTOGRAM_BUCKETS ((41u - CAT_HISTOGRAM_BITS + 1) << CAT_HISTOGRAM_BITS)
#define CAT_HISTOGRAM_MAX ((UINT64_C(1) << 41) - 1) // ns; larger values count as this one

struct cat_histogram {
	uint64_t count, sum_ns, max_ns;
	uint64_t bucket[CAT_HISTOGRAM_BUCKETS];
};

// The bucket of a value.
static inline uint32_t cat_histogram_index(uint64_t ns)
{
	if (ns > CAT_HISTOGRAM_MAX)
		ns = CAT_HISTOGRAM_MAX;
	if (ns < 1u << CAT_HISTOGRAM_BITS)
		return (uint32_t)ns;
	uint32_t shift = 63u - CAT_HISTOGRAM_BITS - (uint32_t)__builtin_clzll(ns);
	return (shift << CAT_HISTOGRAM_BITS) + (uint32_t)(ns >> shift);
}

static inline void cat_histogram_add(struct cat_histogram *histogram, uint64_t ns)
{
	histogram->bucket[cat_histogram_index(ns)]++;
	histogram->count++;
	histogram->sum_ns += ns;
	if (ns > histogram->max_ns)
		histogram->max_ns = ns;
}

// The largest value that falls into a bucket.
uint64_t cat_histogram_upper(uint32_t index);

// Adds what another one has.
void cat_histogram_merge(struct cat_histogram *histogram, const struct cat_histogram *other);

// The value that `percent` (0 to 100) of all values are not above, as the upper end of its bucket and never above the
// largest value seen. 0: there are none.
uint64_t cat_histogram_percentile(const struct cat_histogram *histogram, double percent);

#endif
