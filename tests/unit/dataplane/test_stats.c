// SPDX-License-Identifier: BSD-3-Clause
#include "cat_stats.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void refuses_what_does_not_fit(void **state)
{
	struct cat_stats_page *page = *state;
	const char *many[CAT_STATS_MAX + 1] = {0};
	for (unsigned i = 0; i < CAT_STATS_MAX - CAT_STAT_OWN + 1; i++)
		many[i] = "x";
	assert_int_equal(cat_stats_init(page, 1, many), -E2BIG);
	char name[CAT_STATS_NAME_MAX + 1] = {0};
	memset(name, 'n', CAT_STATS_NAME_MAX);
	assert_int_equal(cat_stats_init(page, 1, (const char *const[]){name, NULL}), -ENAMETOOLONG);
	assert_int_equal(atomic_load(&page->count), 0);
	many[CAT_STATS_MAX - CAT_STAT_OWN] = NULL;
	assert_int_equal(cat_stats_init(page, 1, many), CAT_STATS_MAX);
}

static void names_and_counts(void **state)
{
	struct cat_stats_page *page = *state;
	memset(page, 0, cat_stats_bytes(2));
	assert_int_equal(cat_stats_init(page, 2, (const char *const[]){"drop.ttl_expired", NULL}), CAT_STAT_OWN + 1);
	assert_string_equal(page->name[CAT_DROP_TORN], "drop.torn");
	assert_string_equal(page->name[CAT_STAT_OWN], "drop.ttl_expired");
	for (unsigned i = 0; i < CAT_STAT_OWN; i++)
		assert_true(page->name[i][0]);
	cat_stats_add(&page->lane[1], CAT_STAT_OWN, 3);
	cat_stats_add(&page->lane[1], CAT_STAT_OWN, 4);
	assert_int_equal(atomic_load(&page->lane[1].value[CAT_STAT_OWN]), 7);
	assert_int_equal(atomic_load(&page->lane[0].value[CAT_STAT_OWN]), 0);
}

static void renames(void **state)
{
	struct cat_stats_page *page = *state;
	memset(page, 0, cat_stats_bytes(2));
	int first = cat_stats_init(page, 2, (const char *const[]){"own", NULL});
	assert_int_equal(cat_stats_name(page, (uint32_t)first, (const char *const[]){"a", "b", NULL}), first + 2);
	assert_string_equal(page->name[first + 1], "b");
	assert_int_equal(atomic_load(&page->count), first + 2);
	char name[CAT_STATS_NAME_MAX + 1] = {0};
	memset(name, 'n', CAT_STATS_NAME_MAX);
	assert_int_equal(cat_stats_name(page, (uint32_t)first, (const char *const[]){name, NULL}), -ENAMETOOLONG);
	assert_int_equal(cat_stats_name(page, CAT_STATS_MAX, (const char *const[]){"a", NULL}), -E2BIG);
	assert_int_equal(atomic_load(&page->count), first + 2);
	assert_int_equal(cat_stats_name(page, (uint32_t)first, NULL), first);
	assert_int_equal(atomic_load(&page->count), first);
}

int main(void)
{
	void *page = aligned_alloc(64, cat_stats_bytes(2));
	if (!page)
		return 1;
	memset(page, 0, cat_stats_bytes(2));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(refuses_what_does_not_fit, page),
		cmocka_unit_test_prestate(names_and_counts, page),
		cmocka_unit_test_prestate(renames, page),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(page);
	return failed;
}
