// SPDX-License-Identifier: BSD-3-Clause
#include "cat_histogram.h"

#include <assert.h>

static_assert(CAT_HISTOGRAM_BUCKETS == 37 * 32, "the last bucket ends at CAT_HISTOGRAM_MAX");

uint64_t cat_histogram_upper(uint32_t index)
{
	if (index < 1u << CAT_HISTOGRAM_BITS)
		return index;
	uint32_t shift = (index >> CAT_HISTOGRAM_BITS) - 1;
	uint64_t low = (uint64_t)(index - (shift << CAT_HISTOGRAM_BITS)) << shift;
	return low + (UINT64_C(1) << shift) - 1;
}

void cat_histogram_merge(struct cat_histogram *histogram, const struct cat_histogram *other)
{
	histogram->count += other->count;
	histogram->sum_ns += other->sum_ns;
	if (other->max_ns > histogram->max_ns)
		histogram->max_ns = other->max_ns;
	for (uint32_t i = 0; i < CAT_HISTOGRAM_BUCKETS; i++)
		histogram->bucket[i] += other->bucket[i];
}

uint64_t cat_histogram_percentile(const struct cat_histogram *histogram, double percent)
{
	if (histogram->count == 0)
		return 0;
	double wanted = (double)histogram->count * percent / 100;
	uint64_t seen = 0;
	for (uint32_t i = 0; i < CAT_HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (histogram->bucket[i] && (double)seen >= wanted) {
			uint64_t upper = cat_histogram_upper(i);
			return upper < histogram->max_ns ? upper : histogram->max_ns;
		}
	}
	return histogram->max_ns;
}
