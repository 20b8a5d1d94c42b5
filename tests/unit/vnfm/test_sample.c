// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "sample.h"

#define LANES 2

static struct cat_stats_page *new_page(void)
{
	struct cat_stats_page *page = aligned_alloc(64, cat_stats_bytes(LANES));
	assert_non_null(page);
	memset(page, 0, cat_stats_bytes(LANES));
	static const char *const own[] = {"drop.own", NULL};
	assert_true(cat_stats_init(page, LANES, own) > 0);
	return page;
}

// A page is its owner's word: it may say anything.
static void believes_no_page(void **state)
{
	(void)state;
	struct cat_stats_page *page = new_page();
	char name[CAT_STATS_NAME_MAX];
	assert_int_equal(stats_count(NULL), 0);
	assert_int_equal(stats_count(page), CAT_STAT_OWN + 1);
	atomic_store(&page->count, 4000000000u);
	assert_int_equal(stats_count(page), CAT_STATS_MAX);
	memset(page->name[0], 'a', CAT_STATS_NAME_MAX);
	assert_int_equal(strlen(stats_name(page, 0, name)), CAT_STATS_NAME_MAX - 1);
	strcpy(page->name[1], "a\033[2J b");
	assert_string_equal(stats_name(page, 1, name), "a?[2J?b");
	page->magic = 0;
	assert_int_equal(stats_count(page), 0);
	uint32_t counter = 77;
	assert_false(stats_find(page, "drop.own", &counter));
	assert_int_equal(counter, 77);
	free(page);
}

static void tells_rates_between_two_samples(void **state)
{
	(void)state;
	struct cat_stats_page *page = new_page();
	const struct cat_stats_page *pages[] = {NULL, page};
	struct sampler *sampler = sampler_create(2, LANES);
	uint32_t counter = 0;
	assert_true(stats_find(page, "drop.own", &counter));
	sampler_take(sampler, pages, 1000000);
	assert_true(sampler_rate(sampler, 1, counter) == 0);
	cat_stats_add(&page->lane[0], counter, 100);
	cat_stats_add(&page->lane[1], counter, 50);
	sampler_take(sampler, pages, 1500000);
	assert_true(sampler_rate(sampler, 1, counter) == 300);
	assert_true(sampler_lane_rate(sampler, 1, counter, 1) == 100);
	assert_true(sampler_rate(sampler, 0, counter) == 0);
	assert_true(sampler_rate(sampler, 2, counter) == 0);
	assert_int_equal(stats_total(page, counter, LANES), 150);
	// A successor began anew.
	cat_stats_set(&page->lane[0], counter, 1);
	sampler_take(sampler, pages, 2500000);
	assert_true(sampler_rate(sampler, 1, counter) == 0);
	sampler_destroy(sampler);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(believes_no_page),
		cmocka_unit_test(tells_rates_between_two_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
