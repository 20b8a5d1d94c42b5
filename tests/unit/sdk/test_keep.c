// SPDX-License-Identifier: BSD-3-Clause
// What is kept for daemons: one whole version at any moment, and no nonsense.
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cat_keep.h"
#include "steps.h"
#include "test.h"

#define TEXT_MAX 200u
#define VERSIONS 6u

static void limits(void **state)
{
	(void)state;
	size_t bytes = cat_keep_bytes(TEXT_MAX), size = 99;
	char text[TEXT_MAX + 64] = "";
	void *memory = aligned_alloc(64, bytes);
	assert_non_null(memory);
	memset(memory, 0, bytes);
	assert_null(cat_keep_load(memory, bytes, &size));
	assert_int_equal(size, 99);
	assert_int_equal(cat_keep_store(memory, bytes, text, 257), -E2BIG);
	assert_int_equal(cat_keep_store(memory, bytes, text, TEXT_MAX), 0);
	assert_int_equal(cat_keep_store(memory, 64, text, 1), -E2BIG);
	assert_null(cat_keep_load(memory, 64, &size));
	assert_int_equal(cat_keep_store(memory, bytes, NULL, 0), 0);
	assert_non_null(cat_keep_load(memory, bytes, &size));
	assert_int_equal(size, 0);
	free(memory);
}

static size_t version(uint32_t number, char text[TEXT_MAX])
{
	memset(text, (int)('a' + number), TEXT_MAX);
	return number * 17 % 40 + 1;
}

static void nonsense_is_not_believed(void **state)
{
	(void)state;
	unsigned seed = 1;
	size_t bytes = cat_keep_bytes(TEXT_MAX), size;
	uint32_t believed = 0;
	for (uint32_t round = 0; round < 20000; round++) {
		char text[TEXT_MAX], other[TEXT_MAX];
		uint8_t *memory = aligned_alloc(64, bytes);
		assert_non_null(memory);
		memset(memory, 0, bytes);
		size_t length = version(3, text), other_length = version(4, other);
		assert_int_equal(cat_keep_store(memory, bytes, text, length), 0);
		if (round % 2)
			assert_int_equal(cat_keep_store(memory, bytes, other, other_length), 0);
		size_t range = round % 3 ? 64 : bytes;
		for (uint32_t i = 0; i < round % 50; i++)
			memory[(size_t)rand_r(&seed) % range] = (uint8_t)rand_r(&seed);
		const void *found = cat_keep_load(memory, bytes, &size);
		if (found) {
			believed++;
			assert_true((size == length && memcmp(found, text, length) == 0) ||
				    (size == other_length && memcmp(found, other, other_length) == 0));
		}
		// It goes on from there.
		assert_int_equal(cat_keep_store(memory, bytes, text, length), 0);
		found = cat_keep_load(memory, bytes, &size);
		assert_non_null(found);
		assert_int_equal(size, length);
		assert_memory_equal(found, text, length);
		free(memory);
	}
	assert_in_range(believed, 1000, 19999);
}

static size_t area_bytes(void)
{
	return cat_keep_bytes(TEXT_MAX);
}

static void work(void *user)
{
	uint8_t *memory = user;
	uint32_t *done = (uint32_t *)(memory + area_bytes());
	for (uint32_t i = 0; i < VERSIONS; i++) {
		char text[TEXT_MAX];
		size_t length = version(i, text);
		cat_keep_store(memory, area_bytes(), text, length);
		*done = i + 1;
	}
}

// The version before or the one under way, whole.
static void check(void *user, void *memory)
{
	(void)user;
	uint32_t done = *(uint32_t *)((uint8_t *)memory + area_bytes());
	char before[TEXT_MAX], after[TEXT_MAX];
	size_t size, was = version(done - 1, before), is = version(done, after);
	const void *found = cat_keep_load(memory, area_bytes(), &size);
	bool old = found ? done && size == was && memcmp(found, before, was) == 0 : done == 0;
	bool new = found &&size == is &&memcmp(found, after, is) == 0;
	assert_true(old || new);
}

static void dies_at_every_store(void **state)
{
	(void)state;
	size_t bytes = area_bytes() + 64;
	void *memory = steps_memory(bytes);
	const struct steps steps = {memory, bytes, NULL, work, check, memory};
	assert_true(steps_run(&steps).stores > 5 * VERSIONS);
	munmap(memory, bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),
		cmocka_unit_test(nonsense_is_not_believed),
		cmocka_unit_test(dies_at_every_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
