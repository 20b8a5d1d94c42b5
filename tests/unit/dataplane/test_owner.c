// SPDX-License-Identifier: BSD-3-Clause
// Taking buffers back from functions, one bad descriptor at every place among good ones, in runs of neighbours and in
// disorder.
#include "owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cat_cleanup.h"
#include "cat_desc.h"

#define BUFFERS 200u
#define STRIDE 2112u
#define COUNT 53u // three groups of the widest kind, and more
#define ME 3u
#define OTHER 4u

struct fixture {
	uint8_t owner[BUFFERS];
	struct cat_desc desc[COUNT], taken[COUNT];
};

static const struct cat_desc sound = {.off = 128, .len = 60};

static struct owner_check check_of(struct fixture *f, uint32_t len_min)
{
	return (struct owner_check){
		.owner = f->owner, .buffers = BUFFERS, .stride = STRIDE, .len_min = len_min, .me = ME};
}

// Neighbours from `first` on, or every third buffer backwards.
static void fill(struct fixture *f, uint32_t first, bool run)
{
	memset(f, 0, sizeof(*f));
	for (uint32_t i = 0; i < COUNT; i++) {
		f->desc[i] = sound;
		f->desc[i].buf = run ? first + i : BUFFERS - 1 - 3 * i;
		f->desc[i].hash = i;
	}
	owner_mark(f->owner, f->desc, COUNT, ME);
}

static uint32_t owned(const struct fixture *f)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < BUFFERS; i++)
		n += f->owner[i] == ME;
	return n;
}

static void marks_each_and_nothing_else(void **state)
{
	(void)state;
	struct fixture f;
	for (uint32_t run = 0; run < 2; run++) {
		fill(&f, 7, run);
		assert_int_equal(owned(&f), COUNT);
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(f.owner[f.desc[i].buf], ME);
	}
}

static void takes_back_what_was_given_out(void **state)
{
	(void)state;
	struct fixture f;
	// The last buffers, too.
	const uint32_t first[] = {0, 5, BUFFERS - COUNT};
	for (size_t k = 0; k < CAT_ARRAY_LEN(first); k++) {
		for (uint32_t run = 0; run < 2; run++) {
			fill(&f, first[k], run);
			struct owner_check check = check_of(&f, 14);
			assert_int_equal(owner_take_back(&check, f.taken, f.desc, COUNT), COUNT);
			assert_memory_equal(f.taken, f.desc, sizeof(f.desc));
			assert_int_equal(owned(&f), 0);
			// Nothing a second time.
			assert_int_equal(owner_take_back(&check, f.taken, f.desc, COUNT), 0);
		}
	}
}

static void leaves_out_one_bad_descriptor(void **state)
{
	(void)state;
	static const struct {
		uint32_t buf; // 0: as it was
		uint16_t off, len;
		bool only_with_data;
	} table[] = {
		{BUFFERS, 128, 60, false}, {UINT32_MAX, 128, 60, false}, {BUFFERS - 8, 128, 60, false}, // not ours
		{0, 128, 13, true},        {0, 2100, 60, true},          {0, UINT16_MAX, 60, true},
		{0, 1, UINT16_MAX, true},
	};
	struct fixture f;
	for (size_t k = 0; k < CAT_ARRAY_LEN(table); k++) {
		for (uint32_t place = 0; place < 2 * COUNT; place++) {
			uint32_t at = place / 2;
			for (uint32_t with_data = 0; with_data < 2; with_data++) {
				fill(&f, 2, place % 2);
				f.owner[BUFFERS - 8] = OTHER;
				uint32_t buf = f.desc[at].buf, before = owned(&f);
				struct cat_desc *desc = &f.desc[at];
				desc->buf = table[k].buf ? table[k].buf : buf;
				desc->off = table[k].off;
				desc->len = table[k].len;
				bool good = table[k].only_with_data && !with_data;
				struct owner_check check = check_of(&f, with_data ? 14 : 0);
				uint32_t n = owner_take_back(&check, f.taken, f.desc, COUNT);
				assert_int_equal(n, good ? COUNT : COUNT - 1);
				assert_int_equal(owned(&f), before - n);
				assert_int_equal(f.owner[BUFFERS - 8], OTHER);
				// The others, in their order.
				for (uint32_t i = 0; i < n; i++)
					assert_int_equal(f.taken[i].hash, i + (!good && i >= at));
			}
		}
	}
}

// The same buffer twice among those that come back together.
static void takes_nothing_twice(void **state)
{
	(void)state;
	struct fixture f;
	for (uint32_t place = 1; place < COUNT; place++) {
		fill(&f, 2, true);
		f.desc[place].buf = f.desc[place - 1].buf;
		struct owner_check check = check_of(&f, 14);
		assert_int_equal(owner_take_back(&check, f.taken, f.desc, COUNT), COUNT - 1);
		assert_int_equal(owned(&f), 1);
	}
}

static void sums_and_names(void **state)
{
	(void)state;
	struct fixture f;
	for (uint32_t n = 0; n <= COUNT; n++) {
		fill(&f, 2, false);
		uint64_t sum = 0;
		uint32_t index[COUNT + 1];
		index[n] = UINT32_MAX;
		for (uint32_t i = 0; i < n; i++) {
			f.desc[i] = (struct cat_desc){.buf = i * 7,
						      .off = UINT16_MAX,
						      .len = (uint16_t)(65535 - i),
						      .hash = UINT32_MAX,
						      .l3 = 255,
						      .l4 = 255,
						      .flags = UINT16_MAX};
			sum += f.desc[i].len;
		}
		assert_int_equal(cat_desc_buffers(index, f.desc, n), sum);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(index[i], i * 7);
		assert_int_equal(index[n], UINT32_MAX);
		memset(f.taken, 0, sizeof(f.taken));
		assert_int_equal(cat_desc_copy_block(f.taken, f.desc, n), sum);
		assert_memory_equal(f.taken, f.desc, n * sizeof(f.desc[0]));
		if (n < COUNT)
			assert_int_equal(f.taken[n].len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_each_and_nothing_else),
		cmocka_unit_test(takes_back_what_was_given_out),
		cmocka_unit_test(leaves_out_one_bad_descriptor),
		cmocka_unit_test(takes_nothing_twice),
		cmocka_unit_test(sums_and_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
