// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cat_lane_local.h"
#include "tagger.h"

static const uint8_t plain[60] = "DDDDDDSSSSSS\x08\x06 anything";

static void test_a_bad_configuration(void **state)
{
	(void)state;
	struct cat_err err = {0};
	assert_null(cat_lane_local_create(&tagger_ops, "{\"vlan\": 5000}", NULL, &err));
	assert_string_equal(err.message, "/vlan: found 5000, expected an integer from 1 to 4094");
}

static void test_there_and_back(void **state)
{
	(void)state;
	struct cat_lane_local *local = cat_lane_local_create(&tagger_ops, "{\"vlan\": 258}", NULL, NULL);
	const void *frames[] = {plain};
	uint32_t lengths[] = {sizeof(plain)};
	uint8_t got[100];

	assert_int_equal(cat_lane_local_push(local, CAT_LEFT, frames, lengths, 1), 0);
	assert_int_equal(cat_lane_local_pop(local, CAT_RIGHT, got, sizeof(got), NULL), 64);
	assert_memory_equal(got, "DDDDDDSSSSSS\x81\x00\x01\x02\x08\x06 anything", 27);

	frames[0] = got;
	lengths[0] = 64;
	assert_int_equal(cat_lane_local_push(local, CAT_RIGHT, frames, lengths, 1), 0);
	assert_int_equal(cat_lane_local_pop(local, CAT_LEFT, got, sizeof(got), NULL), 60);
	assert_memory_equal(got, plain, sizeof(plain));

	// Without the tag nothing comes back.
	assert_int_equal(cat_lane_local_push(local, CAT_RIGHT, frames, lengths, 1), 0);
	assert_int_equal(cat_lane_local_pop(local, CAT_LEFT, got, sizeof(got), NULL), -EAGAIN);
	assert_int_equal(cat_lane_local_counter(local, "drop.other_vlan"), 1);
	assert_int_equal(cat_lane_local_missing(local), 0);
	cat_lane_local_destroy(local);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bad_configuration),
		cmocka_unit_test(test_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
