// SPDX-License-Identifier: BSD-3-Clause
// The flow table against a list that does the same slowly; adoption, repair, expiry, limits.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../vnfs/sdk/flow.h"
#include "cat_cleanup.h"

struct key {
	uint32_t word[4];
};

struct value {
	uint64_t number;
	uint32_t more;
};

struct fixture {
	struct cat_flow_layout layout;
	size_t bytes;
	void *memory;
	struct cat_flow_table *table;
};

static void open_table(struct fixture *f, uint32_t key_size, uint32_t capacity)
{
	f->layout = (struct cat_flow_layout){1, key_size, sizeof(struct value), capacity};
	f->bytes = cat_flow_bytes(&f->layout);
	assert_true(f->bytes > 0);
	f->memory = aligned_alloc(64, f->bytes);
	memset(f->memory, 0xa5, f->bytes);
	bool adopted = true;
	struct cat_err err = {0};
	assert_int_equal(cat_flow_attach(f->memory, f->bytes, &f->layout, &f->table, &adopted, &err), 0);
	assert_false(adopted);
}

static void attach_again(struct fixture *f)
{
	// At another address, as in a successor.
	void *copy = aligned_alloc(64, f->bytes);
	memcpy(copy, f->memory, f->bytes);
	memset(f->memory, 0xee, f->bytes);
	free(f->memory);
	f->memory = copy;
	bool adopted = false;
	assert_int_equal(cat_flow_attach(f->memory, f->bytes, &f->layout, &f->table, &adopted, NULL), 0);
	assert_true(adopted);
}

static struct key key_of(uint32_t number)
{
	return (struct key){{number, number * 7, 0, ~number}};
}

// Few different values, so that buckets overflow.
static uint32_t poor_hash(uint32_t number)
{
	return number % 5;
}

static uint32_t good_hash(uint32_t number)
{
	return number * 2654435761u;
}

static void test_layout(void **state)
{
	(void)state;
	static const struct {
		struct cat_flow_layout layout;
		int expected;
	} table[] = {
		{{1, 0, 8, 10}, -EINVAL},
		{{1, 52, 8, 10}, -EINVAL},
		{{1, 6, 8, 10}, -EINVAL},
		{{1, 16, 8, 0}, -EINVAL},
		{{1, 16, FLOW_VALUE_MAX + 1, 10}, -EINVAL},
		{{1, 16, 8, FLOW_CAPACITY_MAX + 1}, -EINVAL},
		{{1, 16, 8, 100000}, -ENOSPC},
		{{1, 16, 8, 10}, 0},
		{{1, 4, 0, 1}, 0},
		{{1, 48, 100, 10}, 0},
	};
	void *memory = aligned_alloc(64, 65536);
	memset(memory, 0, 65536);
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++) {
		struct cat_flow_table *flow;
		bool adopted;
		struct cat_err err = {0};
		assert_int_equal(cat_flow_attach(memory, 65536, &table[i].layout, &flow, &adopted, &err),
				 table[i].expected);
		assert_int_equal(err.code, table[i].expected);
		assert_int_equal(cat_flow_bytes(&table[i].layout) == 0, table[i].expected == -EINVAL);
	}
	struct cat_flow_table *flow;
	bool adopted;
	assert_int_equal(cat_flow_attach((char *)memory + 8, 60000, &table[7].layout, &flow, &adopted, NULL), -EINVAL);
	free(memory);
}

#define NUMBERS 600u
#define CAPACITY 400u

struct model {
	bool live;
	uint32_t index;
	uint64_t number;
};

static void compare(const struct fixture *f, const struct model *model, uint32_t (*hash)(uint32_t))
{
	struct key keys[NUMBERS];
	const void *pointers[NUMBERS];
	uint32_t hashes[NUMBERS], found[NUMBERS], live = 0, walked = 0;
	for (uint32_t n = 0; n < NUMBERS; n++) {
		keys[n] = key_of(n);
		pointers[n] = &keys[n];
		hashes[n] = hash(n);
		live += model[n].live;
	}
	cat_flow_find_bulk(f->table, pointers, hashes, NUMBERS, found);
	for (uint32_t n = 0; n < NUMBERS; n++) {
		assert_int_equal(found[n], model[n].live ? model[n].index : CAT_FLOW_NONE);
		assert_int_equal(found[n], cat_flow_find(f->table, &keys[n], hashes[n]));
		if (!model[n].live)
			continue;
		const struct value *value = cat_flow_value(f->table, found[n]);
		assert_int_equal(value->number, model[n].number);
		assert_int_equal(value->more, n);
		assert_memory_equal(cat_flow_key(f->table, found[n]), &keys[n], sizeof(keys[n]));
	}
	assert_int_equal(cat_flow_count(f->table), live);
	for (uint32_t i = cat_flow_next(f->table, CAT_FLOW_NONE); i != CAT_FLOW_NONE; i = cat_flow_next(f->table, i))
		walked++;
	assert_int_equal(walked, live);
}

static void random_operations(uint32_t (*hash)(uint32_t))
{
	struct fixture f;
	open_table(&f, sizeof(struct key), CAPACITY);
	struct model *model = calloc(NUMBERS, sizeof(*model));
	for (uint32_t round = 0; round < 40000; round++) {
		uint32_t n = (uint32_t)rand() % NUMBERS;
		struct key key = key_of(n);
		if (model[n].live) {
			cat_flow_remove(f.table, model[n].index);
			model[n].live = false;
		} else {
			bool full = cat_flow_count(f.table) == CAPACITY;
			uint32_t index = cat_flow_add(f.table, &key, hash(n), 1000000);
			assert_int_equal(index == CAT_FLOW_NONE, full);
			if (full)
				continue;
			assert_true(index < CAPACITY);
			struct value *value = cat_flow_value(f.table, index);
			assert_int_equal(value->number, 0);
			assert_int_equal(value->more, 0);
			*value = (struct value){round, n};
			model[n] = (struct model){true, index, round};
		}
		if (round % 1000 == 999)
			compare(&f, model, hash);
		if (round % 5000 == 4999) {
			attach_again(&f);
			compare(&f, model, hash);
		}
	}
	free(model);
	free(f.memory);
}

static void test_random(void **state)
{
	(void)state;
	random_operations(good_hash);
}

static void test_random_poor_hash(void **state)
{
	(void)state;
	random_operations(poor_hash);
}

static void test_full(void **state)
{
	(void)state;
	struct fixture f;
	open_table(&f, 16, 1000);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t n = 0; n < 1000; n++) {
			struct key key = key_of(n);
			assert_int_not_equal(cat_flow_add(f.table, &key, poor_hash(n), 50), CAT_FLOW_NONE);
		}
		struct key key = key_of(1000);
		assert_int_equal(cat_flow_add(f.table, &key, poor_hash(1000), 50), CAT_FLOW_NONE);
		assert_int_equal(cat_flow_count(f.table), 1000);
		assert_int_equal(cat_flow_capacity(f.table), 1000);
		for (uint32_t i = 0; i < 1000; i++)
			cat_flow_remove(f.table, i);
		assert_int_equal(cat_flow_count(f.table), 0);
		assert_int_equal(cat_flow_next(f.table, CAT_FLOW_NONE), CAT_FLOW_NONE);
		// Removing what is not there changes nothing.
		cat_flow_remove(f.table, 3);
		assert_int_equal(cat_flow_count(f.table), 0);
	}
	free(f.memory);
}

static void test_key_sizes(void **state)
{
	(void)state;
	for (uint32_t size = 4; size <= CAT_FLOW_KEY_MAX; size += 4) {
		struct fixture f;
		open_table(&f, size, 10);
		uint8_t key[CAT_FLOW_KEY_MAX] = {0}, other[CAT_FLOW_KEY_MAX] = {0};
		other[size - 1] = 1;
		uint32_t a = cat_flow_add(f.table, key, 9, 0), b = cat_flow_add(f.table, other, 9, 0);
		assert_int_not_equal(a, b);
		assert_int_equal(cat_flow_find(f.table, key, 9), a);
		assert_int_equal(cat_flow_find(f.table, other, 9), b);
		other[0] ^= 2;
		assert_int_equal(cat_flow_find(f.table, other, 9), CAT_FLOW_NONE);
		free(f.memory);
	}
}

// A predecessor that died at any instruction: the derived parts hold anything, entries are live or not.
static void test_repair(void **state)
{
	(void)state;
	struct fixture f;
	open_table(&f, sizeof(struct key), CAPACITY);
	struct model *model = calloc(NUMBERS, sizeof(*model));
	for (uint32_t n = 0; n < CAPACITY; n++) {
		struct key key = key_of(n);
		model[n] = (struct model){true, cat_flow_add(f.table, &key, good_hash(n), 1000 + n), n};
		*(struct value *)cat_flow_value(f.table, model[n].index) = (struct value){n, n};
	}
	// Half removed: its state is stored first.
	for (uint32_t n = 0; n < CAPACITY; n += 3) {
		flow_entry(f.table, model[n].index)->state = 0;
		model[n].live = false;
	}
	for (size_t i = 0; i < f.table->entries - f.table->buckets; i++)
		((uint8_t *)f.table)[f.table->buckets + i] = (uint8_t)rand();
	memset(f.table->head, 0x11, sizeof(f.table->head));
	memset(f.table->occupied, 0x22, sizeof(f.table->occupied));
	f.table->count = 12345;
	f.table->free = 99999;
	// Half added: everything but the state.
	struct key key = key_of(0);
	memcpy(flow_entry(f.table, model[0].index)->data, &key, sizeof(key));
	attach_again(&f);
	compare(&f, model, good_hash);
	// Every free entry can be had, and then no more.
	uint32_t had = 0;
	for (uint32_t n = 0; n < NUMBERS; n++) {
		key = key_of(n);
		if (!model[n].live && cat_flow_add(f.table, &key, good_hash(n), 5000) != CAT_FLOW_NONE)
			had++;
	}
	assert_int_equal(had, (CAPACITY + 2) / 3);
	assert_int_equal(cat_flow_expire(f.table, 10000, UINT32_MAX, NULL, NULL) >= CAPACITY, 1);
	assert_int_equal(cat_flow_count(f.table), 0);
	free(model);
	free(f.memory);
}

static void test_other_layout_starts_afresh(void **state)
{
	(void)state;
	struct fixture f;
	open_table(&f, 16, 100);
	struct key key = key_of(1);
	cat_flow_add(f.table, &key, 1, 1);
	struct cat_flow_layout other[] = {{2, 16, sizeof(struct value), 100},
					  {1, 12, sizeof(struct value), 100},
					  {1, 16, 8, 100},
					  {1, 16, sizeof(struct value), 99}};
	for (size_t i = 0; i < CAT_ARRAY_LEN(other); i++) {
		bool adopted = true;
		assert_int_equal(cat_flow_attach(f.memory, f.bytes, &other[i], &f.table, &adopted, NULL), 0);
		assert_false(adopted);
		assert_int_equal(cat_flow_count(f.table), 0);
	}
	free(f.memory);
}

struct expiries {
	uint64_t now;
	uint32_t count, prolonged;
	uint64_t latest_by; // the most that one was late
	const uint64_t *due;
};

static void expired(void *user, struct cat_flow_table *table, uint32_t index)
{
	struct expiries *e = user;
	const struct value *value = cat_flow_value(table, index);
	uint64_t due = e->due[value->more];
	assert_true(due <= e->now);
	if (e->now - due > e->latest_by)
		e->latest_by = e->now - due;
	e->count++;
}

// Lives from nothing to beyond the wheel's last turn, checked at every step of the clock.
static void test_expiry(void **state)
{
	(void)state;
	enum { FLOWS = 3000 };
	struct fixture f;
	open_table(&f, 16, FLOWS);
	uint64_t *due = calloc(FLOWS, sizeof(*due));
	uint64_t now = 123456789;
	struct expiries e = {.due = due};
	// As at a start long after the machine's.
	cat_flow_expire(f.table, now, 100, expired, &e);
	for (uint32_t n = 0; n < FLOWS; n++) {
		static const uint64_t span[] = {100, 5000, 2000000, 300000000, 900000000};
		due[n] = now + (uint64_t)rand() % span[n % 5];
		struct key key = key_of(n);
		uint32_t index = cat_flow_add(f.table, &key, good_hash(n), due[n]);
		((struct value *)cat_flow_value(f.table, index))->more = n;
		// Some change their minds, in both directions.
		if (n % 4 == 0)
			due[n] += (uint64_t)rand() % 100000;
		if (n % 4 == 1)
			due[n] = now + (due[n] - now) / 3;
		cat_flow_set_expiry(f.table, index, due[n]);
	}
	uint64_t step = 3;
	while (cat_flow_count(f.table)) {
		now += step;
		e.now = now;
		e.latest_by = 0;
		cat_flow_expire(f.table, now, UINT32_MAX, expired, &e);
		assert_true(e.latest_by < step + 16);
		uint32_t left = 0;
		for (uint32_t n = 0; n < FLOWS; n++)
			left += due[n] + 16 > now;
		assert_true(cat_flow_count(f.table) <= left);
		step += step / 50 + 1;
	}
	assert_int_equal(e.count, FLOWS);
	free(due);
	free(f.memory);
}

static void test_expiry_budget(void **state)
{
	(void)state;
	struct fixture f;
	open_table(&f, 16, 1000);
	for (uint32_t n = 0; n < 1000; n++) {
		struct key key = key_of(n);
		cat_flow_add(f.table, &key, good_hash(n), 10000 + n % 7);
	}
	uint32_t rounds = 0;
	while (cat_flow_count(f.table)) {
		uint32_t before = cat_flow_count(f.table);
		assert_true(cat_flow_expire(f.table, 20000, 64, NULL, NULL) <= 64);
		assert_true(before - cat_flow_count(f.table) <= 64);
		assert_true(++rounds < 100);
	}
	free(f.memory);
}

static void prolong_or_remove_next(void *user, struct cat_flow_table *table, uint32_t index)
{
	struct expiries *e = user;
	if (index % 3 == 0) {
		cat_flow_set_expiry(table, index, e->now + 1000);
		e->prolonged++;
	} else if (index % 3 == 1) {
		cat_flow_remove(table, index);
		cat_flow_remove(table, index + 1);
	}
	e->count++;
}

static void test_expired_function_may_change_the_table(void **state)
{
	(void)state;
	struct fixture f;
	open_table(&f, 16, 300);
	for (uint32_t n = 0; n < 300; n++) {
		struct key key = key_of(n);
		cat_flow_add(f.table, &key, good_hash(n), 500);
	}
	struct expiries e = {.now = 600};
	cat_flow_expire(f.table, 600, 10000, prolong_or_remove_next, &e);
	assert_int_equal(e.prolonged, 100);
	assert_int_equal(cat_flow_count(f.table), 100);
	cat_flow_expire(f.table, 1599, 10000, NULL, NULL);
	assert_int_equal(cat_flow_count(f.table), 100);
	cat_flow_expire(f.table, 1616, 10000, NULL, NULL);
	assert_int_equal(cat_flow_count(f.table), 0);
	free(f.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_poor_hash),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_key_sizes),
		cmocka_unit_test(test_repair),
		cmocka_unit_test(test_other_layout_starts_afresh),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_expiry_budget),
		cmocka_unit_test(test_expired_function_may_change_the_table),
	};
	srand(2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
