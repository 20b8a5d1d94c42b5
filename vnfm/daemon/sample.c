// SPDX-License-Identifier: BSD-3-Clause
#include "sample.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES 2

struct sampler {
	uint32_t pages, lanes;
	unsigned taken; // in all; the last is at (taken - 1) % SAMPLES
	uint64_t at_us[SAMPLES];
	uint64_t value[]; // [sample][page][lane][counter]
};

static uint64_t *slot(const struct sampler *sampler, unsigned sample, uint32_t page, uint32_t lane)
{
	size_t row = ((size_t)sample * sampler->pages + page) * sampler->lanes + lane;
	return (uint64_t *)(uintptr_t)sampler->value + row * CAT_STATS_MAX;
}

struct sampler *sampler_create(uint32_t pages, uint32_t lanes)
{
	size_t values = (size_t)SAMPLES * pages * lanes * CAT_STATS_MAX;
	struct sampler *sampler = calloc(1, sizeof(*sampler) + values * sizeof(uint64_t));
	if (sampler) {
		sampler->pages = pages;
		sampler->lanes = lanes;
	}
	return sampler;
}

void sampler_destroy(struct sampler *sampler)
{
	free(sampler);
}

void sampler_take(struct sampler *sampler, const struct cat_stats_page *const *page, uint64_t at_us)
{
	unsigned sample = sampler->taken++ % SAMPLES;
	sampler->at_us[sample] = at_us;
	for (uint32_t i = 0; i < sampler->pages; i++) {
		uint32_t count = stats_count(page[i]);
		for (uint32_t lane = 0; lane < sampler->lanes; lane++) {
			uint64_t *to = slot(sampler, sample, i, lane);
			for (uint32_t c = 0; c < count; c++)
				to[c] = atomic_load_explicit(&page[i]->lane[lane].value[c], memory_order_relaxed);
			memset(to + count, 0, (CAT_STATS_MAX - count) * sizeof(*to));
		}
	}
}

double sampler_lane_rate(const struct sampler *sampler, uint32_t page, uint32_t counter, uint32_t lane)
{
	if (!sampler || sampler->taken < SAMPLES || page >= sampler->pages || lane >= sampler->lanes ||
	    counter >= CAT_STATS_MAX)
		return 0;
	unsigned last = (sampler->taken - 1) % SAMPLES, before = (sampler->taken - 2) % SAMPLES;
	uint64_t us = sampler->at_us[last] - sampler->at_us[before];
	uint64_t now = slot(sampler, last, page, lane)[counter], then = slot(sampler, before, page, lane)[counter];
	// A counter that fell was set to zero by a new owner.
	return us && now > then ? (double)(now - then) * 1e6 / (double)us : 0;
}

double sampler_rate(const struct sampler *sampler, uint32_t page, uint32_t counter)
{
	double rate = 0;
	for (uint32_t lane = 0; sampler && lane < sampler->lanes; lane++)
		rate += sampler_lane_rate(sampler, page, counter, lane);
	return rate;
}

uint32_t stats_count(const struct cat_stats_page *page)
{
	if (!page || page->magic != CAT_STATS_MAGIC || page->version != CAT_STATS_VERSION)
		return 0;
	uint32_t count = atomic_load_explicit(&page->count, memory_order_acquire);
	return count < CAT_STATS_MAX ? count : CAT_STATS_MAX;
}

const char *stats_name(const struct cat_stats_page *page, uint32_t counter, char *text)
{
	size_t i = 0;
	for (; i < CAT_STATS_NAME_MAX - 1 && page->name[counter][i]; i++) {
		char c = page->name[counter][i];
		text[i] = c > ' ' && c < 0x7f ? c : '?';
	}
	text[i] = 0;
	return text;
}

uint64_t stats_total(const struct cat_stats_page *page, uint32_t counter, uint32_t lanes)
{
	uint64_t total = 0;
	for (uint32_t lane = 0; lane < lanes; lane++)
		total += atomic_load_explicit(&page->lane[lane].value[counter], memory_order_relaxed);
	return total;
}

uint64_t sample_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t value;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
	return value;
#else
	return 0;
#endif
}

bool stats_find(const struct cat_stats_page *page, const char *name, uint32_t *ret_counter)
{
	uint32_t count = stats_count(page);
	for (uint32_t i = 0; i < count; i++) {
		if (!strncmp(page->name[i], name, CAT_STATS_NAME_MAX)) {
			*ret_counter = i;
			return true;
		}
	}
	return false;
}
