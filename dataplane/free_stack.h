// SPDX-License-Identifier: BSD-3-Clause
// A lane's own stack of free buffers, by index. Last in, first out: the buffer just given back is the one still in
// the cache. Blocks keep their order: neighbours in memory that are given out together come back as neighbours. What
// does not fit spills to the shared pool in bulk, and comes from there in bulk.
#ifndef FREE_STACK_H
#define FREE_STACK_H

#include <stdint.h>
#include <string.h>

#include "cat_desc.h"

#define FREE_STACK_BULK 256u // moved to or from the pool at once

// The pool behind the stacks. Both may be called by every lane at the same time.
struct free_pool {
	void *user;
	// Takes exactly n and returns n, or returns 0.
	uint32_t (*take)(void *user, uint32_t *ret_index, uint32_t n);
	void (*give)(void *user, const uint32_t *index, uint32_t n);
};

struct free_stack {
	uint32_t count;
	uint32_t capacity; // at least 2 * FREE_STACK_BULK
	uint32_t *index;   // capacity
	struct free_pool pool;
};

// Takes from the pool, in ever smaller pieces when it runs dry.
static inline void free_stack_refill(struct free_stack *stack, uint32_t n)
{
	for (uint32_t bulk = FREE_STACK_BULK; bulk && stack->count < n;) {
		if (stack->count + bulk <= stack->capacity &&
		    stack->pool.take(stack->pool.user, stack->index + stack->count, bulk) == bulk)
			stack->count += bulk;
		else
			bulk /= 2;
	}
}

// Makes n available if it can; returns how many of them are. n is at most capacity.
static inline uint32_t free_stack_reserve(struct free_stack *stack, uint32_t n)
{
	if (__builtin_expect(stack->count < n, 0))
		free_stack_refill(stack, n);
	return stack->count < n ? stack->count : n;
}

// After free_stack_reserve: the next of those reserved.
static inline uint32_t free_stack_pop(struct free_stack *stack)
{
	return stack->index[--stack->count];
}

// After free_stack_reserve: the next n of those reserved, in the order in which they came. Valid until something is
// pushed.
static inline const uint32_t *free_stack_pop_block(struct free_stack *stack, uint32_t n)
{
	stack->count -= n;
	return stack->index + stack->count;
}

static inline void free_stack_push(struct free_stack *stack, uint32_t index)
{
	if (__builtin_expect(stack->count == stack->capacity, 0)) {
		// The oldest go: they are the coldest.
		stack->pool.give(stack->pool.user, stack->index, FREE_STACK_BULK);
		stack->count -= FREE_STACK_BULK;
		memmove(stack->index, stack->index + FREE_STACK_BULK, stack->count * sizeof(*stack->index));
	}
	stack->index[stack->count++] = index;
}

// Pushes the buffers of n descriptors, the first of them first. Returns the sum of the descriptors' lengths.
static inline uint64_t free_stack_push_block(struct free_stack *stack, const struct cat_desc *desc, uint32_t n)
{
	uint32_t fit = stack->capacity - stack->count < n ? stack->capacity - stack->count : n;
	uint64_t bytes = cat_desc_buffers(stack->index + stack->count, desc, fit);
	stack->count += fit;
	for (uint32_t i = fit; i < n; i++) {
		free_stack_push(stack, desc[i].buf);
		bytes += desc[i].len;
	}
	return bytes;
}

// Gives everything to the pool.
static inline void free_stack_flush(struct free_stack *stack)
{
	if (stack->count)
		stack->pool.give(stack->pool.user, stack->index, stack->count);
	stack->count = 0;
}

#endif
