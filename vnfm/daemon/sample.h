// SPDX-License-Identifier: BSD-3-Clause
// The counters of a service's statistics pages now and a moment ago, for rates. Page 0 is the dataplane's, page i + 1
// the one of function i. What stands in a page is its owner's word: names and counts are bounded here.
#ifndef VNFM_SAMPLE_H
#define VNFM_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_stats.h"

struct sampler;

// NULL: no memory.
struct sampler *sampler_create(uint32_t pages, uint32_t lanes);
void sampler_destroy(struct sampler *sampler);
// page[i] may be NULL. Call once in a while; rates are those between the last two calls.
void sampler_take(struct sampler *sampler, const struct cat_stats_page *const *page, uint64_t at_us);
// Growth per second of the counter's sum over all lanes; 0 before the second sample.
double sampler_rate(const struct sampler *sampler, uint32_t page, uint32_t counter);
double sampler_lane_rate(const struct sampler *sampler, uint32_t page, uint32_t counter, uint32_t lane);

// Number of counters in the page, at most CAT_STATS_MAX; 0 for a page not yet set up (or NULL).
uint32_t stats_count(const struct cat_stats_page *page);
// The counter's name with anything unprintable replaced; text has CAT_STATS_NAME_MAX bytes.
const char *stats_name(const struct cat_stats_page *page, uint32_t counter, char *text);
// Sum over `lanes` lanes.
uint64_t stats_total(const struct cat_stats_page *page, uint32_t counter, uint32_t lanes);
// By name; false: the page has no such counter.
bool stats_find(const struct cat_stats_page *page, const char *name, uint32_t *ret_counter);

// The time stamp counter that busy cycles are counted with; 0: the processor has none that is known.
uint64_t sample_ticks(void);

#endif
