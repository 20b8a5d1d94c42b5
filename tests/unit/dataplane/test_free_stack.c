// SPDX-License-Identifier: BSD-3-Clause
#include "free_stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define BUFFERS 2000u
#define CAPACITY (3 * FREE_STACK_BULK)

// A pool that knows where every buffer is, so that one handed out twice shows at once.
struct pool {
	uint32_t index[BUFFERS], count;
	uint8_t pooled[BUFFERS];
};

static uint32_t take(void *user, uint32_t *ret_index, uint32_t n)
{
	struct pool *pool = user;
	if (n > pool->count)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		ret_index[i] = pool->index[--pool->count];
		assert_int_equal(pool->pooled[ret_index[i]], 1);
		pool->pooled[ret_index[i]] = 0;
	}
	return n;
}

static void give(void *user, const uint32_t *index, uint32_t n)
{
	struct pool *pool = user;
	for (uint32_t i = 0; i < n; i++) {
		assert_true(index[i] < BUFFERS);
		assert_int_equal(pool->pooled[index[i]], 0);
		pool->pooled[index[i]] = 1;
		pool->index[pool->count++] = index[i];
	}
}

static struct pool *pool_create(void)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	assert_non_null(pool);
	for (uint32_t i = 0; i < BUFFERS; i++)
		give(pool, &i, 1);
	return pool;
}

static void gives_what_there_is(void **state)
{
	(void)state;
	struct pool *pool = pool_create();
	uint32_t index[CAPACITY], out[BUFFERS];
	struct free_stack stack = {.capacity = CAPACITY, .index = index, .pool = {pool, take, give}};
	assert_int_equal(free_stack_reserve(&stack, 0), 0);
	assert_int_equal(pool->count, BUFFERS);
	uint32_t got = 0;
	for (uint32_t n; (n = free_stack_reserve(&stack, 300)) > 0;)
		for (uint32_t i = 0; i < n; i++)
			out[got++] = free_stack_pop(&stack);
	// To the very last one, although it is no whole bulk.
	assert_int_equal(got, BUFFERS);
	assert_int_equal(free_stack_reserve(&stack, 1), 0);
	for (uint32_t i = 0; i < got; i++) {
		free_stack_push(&stack, out[i]);
		assert_true(stack.count <= CAPACITY);
	}
	free_stack_flush(&stack);
	assert_int_equal(pool->count, BUFFERS);
	free(pool);
}

static void is_last_in_first_out_within_capacity(void **state)
{
	(void)state;
	struct pool *pool = pool_create();
	uint32_t index[CAPACITY];
	struct free_stack stack = {.capacity = CAPACITY, .index = index, .pool = {pool, take, give}};
	assert_int_equal(free_stack_reserve(&stack, CAPACITY), CAPACITY);
	uint32_t top = stack.index[CAPACITY - 1];
	assert_int_equal(free_stack_pop(&stack), top);
	free_stack_push(&stack, top);
	assert_int_equal(free_stack_pop(&stack), top);
	free_stack_push(&stack, top);
	// One more than fits: the coldest bulk goes.
	uint32_t extra, bottom = stack.index[0], kept = stack.index[FREE_STACK_BULK];
	assert_int_equal(take(pool, &extra, 1), 1);
	free_stack_push(&stack, extra);
	assert_int_equal(stack.count, CAPACITY - FREE_STACK_BULK + 1);
	assert_int_equal(pool->pooled[bottom], 1);
	assert_int_equal(stack.index[0], kept);
	assert_int_equal(free_stack_pop(&stack), extra);
	free(pool);
}

static void blocks_keep_their_order(void **state)
{
	(void)state;
	struct pool *pool = pool_create();
	uint32_t index[CAPACITY];
	struct free_stack stack = {.capacity = CAPACITY, .index = index, .pool = {pool, take, give}};
	struct cat_desc desc[CAPACITY];
	assert_int_equal(free_stack_reserve(&stack, CAPACITY), CAPACITY);
	const uint32_t *block = free_stack_pop_block(&stack, 100);
	for (uint32_t i = 0; i < 100; i++)
		desc[i] = (struct cat_desc){.buf = block[i]};
	assert_int_equal(stack.count, CAPACITY - 100);
	free_stack_push_block(&stack, desc, 100);
	block = free_stack_pop_block(&stack, 100);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(block[i], desc[i].buf);
	free_stack_push_block(&stack, desc, 100);
	// Ten more than fit: the coldest bulk goes, and all ten are there.
	free_stack_pop_block(&stack, 10);
	for (uint32_t i = 0; i < 10; i++)
		desc[i] = (struct cat_desc){.buf = stack.index[stack.count + i]};
	uint32_t more[10];
	assert_int_equal(take(pool, more, 10), 10);
	for (uint32_t i = 0; i < 10; i++)
		desc[10 + i] = (struct cat_desc){.buf = more[i]};
	uint32_t pooled = pool->count;
	free_stack_push_block(&stack, desc, 20);
	assert_int_equal(pool->count, pooled + FREE_STACK_BULK);
	assert_int_equal(stack.count, CAPACITY + 10 - FREE_STACK_BULK);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(stack.index[stack.count - 20 + i], desc[i].buf);
	free_stack_flush(&stack);
	assert_int_equal(pool->count, BUFFERS);
	free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_what_there_is),
		cmocka_unit_test(blocks_keep_their_order),
		cmocka_unit_test(is_last_in_first_out_within_capacity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
