// SPDX-License-Identifier: BSD-3-Clause
#include "fib.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STRIDE 6u
#define SLOTS (1u << STRIDE)
#define DIRECT_BITS_SMALL 12u
#define DIRECT_BITS_LARGE 18u // so that one node more decides a /24
#define LARGE 4096u           // routes
#define IS_VALUE UINT32_C(0x80000000)
#define HUGE_PAGE (2u << 20)
#define LOOKUP_MAX 256u
#define SKIP_MAX 58u // bits that fit beside their number

typedef unsigned __int128 u128;

// With leaf 0, and inner not all ones, it is a node that skips: inner holds the bits that an address must have, from
// the top, and in its lowest six bits how many they are; first_node is what follows, first_value counts if they differ.
struct fib_node {
	uint64_t inner, leaf;
	uint32_t first_node, first_value;
};

struct fib {
	uint32_t direct_bits, node_count, value_count;
	uint32_t *direct; // a node's number, or a value with IS_VALUE
	struct fib_node *node;
	uint16_t *value;
};

struct build {
	struct fib *fib;
	const struct fib_route *route;
	uint32_t node_room, value_room;
	bool failed;
};

// A part of the routes that share their first bits, and what is left of them to decide.
struct range {
	size_t from, to;
};

static int compare(const void *a, const void *b)
{
	const struct fib_route *x = a, *y = b;
	int order = memcmp(x->addr, y->addr, 16);
	return order ? order : (int)x->length - (int)y->length;
}

void fib_sort(struct fib_route *routes, size_t count)
{
	if (count)
		qsort(routes, count, sizeof(*routes), compare);
}

static u128 key_of(const uint8_t addr[16])
{
	uint64_t high, low;
	memcpy(&high, addr, 8);
	memcpy(&low, addr + 8, 8);
	return (u128)__builtin_bswap64(high) << 64 | __builtin_bswap64(low);
}

// `bits` bits from `depth` on. Bits beyond the address's end read as zero.
static uint32_t slot_of(const struct fib_route *route, uint32_t depth, uint32_t bits)
{
	return depth >= 128 ? 0 : (uint32_t)((key_of(route->addr) << depth) >> (128 - bits));
}

static uint32_t take_nodes(struct build *b, uint32_t count)
{
	struct fib *fib = b->fib;
	if (fib->node_count + count > b->node_room) {
		uint32_t room = (fib->node_count + count) * 2;
		struct fib_node *grown = realloc(fib->node, (size_t)room * sizeof(*grown));
		if (!grown) {
			b->failed = true;
			return 0;
		}
		fib->node = grown;
		b->node_room = room;
	}
	uint32_t first = fib->node_count;
	memset(&fib->node[first], 0, count * sizeof(*fib->node));
	fib->node_count += count;
	return first;
}

static uint32_t add_value(struct build *b, uint16_t value)
{
	struct fib *fib = b->fib;
	if (fib->value_count == b->value_room) {
		uint32_t room = b->value_room ? b->value_room * 2 : 64;
		uint16_t *grown = realloc(fib->value, (size_t)room * sizeof(*grown));
		if (!grown) {
			b->failed = true;
			return 0;
		}
		fib->value = grown;
		b->value_room = room;
	}
	fib->value[fib->value_count] = value;
	return fib->value_count++;
}

// Spreads the routes of a range over 2^bits slots: values of those that end here, sub-ranges of the longer ones.
// Shorter prefixes stand before the longer ones that they contain, so that later values overwrite rightly.
static void spread(const struct build *b, struct range range, uint32_t depth, uint32_t bits, uint16_t *value,
		   struct range *deeper)
{
	for (size_t i = range.from; i < range.to; i++) {
		const struct fib_route *route = &b->route[i];
		uint32_t slot = slot_of(route, depth, bits);
		if (route->length <= depth + bits) {
			uint32_t n = 1u << (depth + bits - route->length);
			for (uint32_t s = slot; s < slot + n; s++)
				value[s] = route->value;
		} else {
			if (deeper[slot].from == deeper[slot].to)
				deeper[slot].from = i;
			deeper[slot].to = i + 1;
		}
	}
}

// How many bits from `depth` on are the same in all routes of the range, and end none of them. In sorted order the
// shortest of routes that lie within each other comes first, and the first and the last differ most.
static uint32_t common_bits(const struct build *b, struct range range, uint32_t depth)
{
	const struct fib_route *first = &b->route[range.from], *last = &b->route[range.to - 1];
	u128 differ = key_of(first->addr) ^ key_of(last->addr);
	uint64_t high = (uint64_t)(differ >> 64), low = (uint64_t)differ;
	uint32_t same = high ? (uint32_t)__builtin_clzll(high) : low ? 64u + (uint32_t)__builtin_clzll(low) : 128u;
	uint32_t end = first->length - 1u;
	same = same < end ? same : end;
	return same > depth ? same - depth : 0;
}

static void fill_node(struct build *b, uint32_t number, struct range range, uint32_t depth, uint16_t inherited);

// A node that skips bits which are the same in all routes below it.
static void fill_skip(struct build *b, uint32_t number, struct range range, uint32_t depth, uint32_t bits,
		      uint16_t inherited)
{
	uint32_t n = bits < SKIP_MAX ? bits : SKIP_MAX;
	uint64_t key = (uint64_t)((key_of(b->route[range.from].addr) << depth) >> 64) >> (64 - n) << (64 - n);
	uint32_t child = take_nodes(b, 1), value = add_value(b, inherited);
	if (b->failed)
		return;
	b->fib->node[number] = (struct fib_node){.inner = key | n, .first_node = child, .first_value = value};
	fill_node(b, child, range, depth + n, inherited);
}

// Recursion is at most as deep as an address has strides.
static void fill_node(struct build *b, uint32_t number, struct range range, uint32_t depth, uint16_t inherited)
{
	uint32_t same = common_bits(b, range, depth);
	if (same >= STRIDE) {
		fill_skip(b, number, range, depth, same, inherited);
		return;
	}
	uint16_t value[SLOTS];
	struct range deeper[SLOTS] = {0};
	uint64_t inner = 0, leaf = 0;
	for (uint32_t s = 0; s < SLOTS; s++)
		value[s] = inherited;
	spread(b, range, depth, STRIDE, value, deeper);
	uint32_t first_value = 0;
	bool any = false;
	uint16_t last = 0;
	for (uint32_t s = 0; s < SLOTS; s++) {
		if (deeper[s].to > deeper[s].from) {
			inner |= UINT64_C(1) << s;
			continue;
		}
		if (any && value[s] == last)
			continue;
		uint32_t at = add_value(b, value[s]);
		first_value = any ? first_value : at;
		leaf |= UINT64_C(1) << s;
		last = value[s];
		any = true;
	}
	uint32_t first_node = inner ? take_nodes(b, (uint32_t)__builtin_popcountll(inner)) : 0;
	if (b->failed)
		return;
	b->fib->node[number] = (struct fib_node){inner, leaf, first_node, first_value};
	for (uint32_t s = 0, child = first_node; s < SLOTS; s++)
		if (inner >> s & 1)
			fill_node(b, child++, deeper[s], depth + STRIDE, value[s]);
}

static void fill_direct(struct build *b, size_t count)
{
	struct fib *fib = b->fib;
	uint32_t slots = 1u << fib->direct_bits;
	uint16_t *value = malloc(slots * sizeof(*value));
	struct range *deeper = calloc(slots, sizeof(*deeper));
	fib->direct = malloc(slots * sizeof(*fib->direct));
	b->failed = !value || !deeper || !fib->direct;
	if (!b->failed) {
		for (uint32_t s = 0; s < slots; s++)
			value[s] = FIB_NONE;
		spread(b, (struct range){0, count}, 0, fib->direct_bits, value, deeper);
		for (uint32_t s = 0; s < slots && !b->failed; s++) {
			if (deeper[s].from == deeper[s].to) {
				fib->direct[s] = IS_VALUE | value[s];
				continue;
			}
			uint32_t number = take_nodes(b, 1);
			fib->direct[s] = number;
			if (!b->failed)
				fill_node(b, number, deeper[s], fib->direct_bits, value[s]);
		}
	}
	free(value);
	free(deeper);
}

// Gives back what growing left over; large arrays move to huge pages where the system has them to give.
static void *settle(void *array, size_t size)
{
	if (size < HUGE_PAGE) {
		void *fitted = realloc(array, size ? size : 1);
		return fitted ? fitted : array;
	}
	void *moved = aligned_alloc(HUGE_PAGE, (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1));
	if (!moved)
		return array;
	madvise(moved, size, MADV_HUGEPAGE);
	memcpy(moved, array, size);
	free(array);
	return moved;
}

int fib_create(const struct fib_route *routes, size_t count, struct fib **ret_fib, struct cat_err *err)
{
	struct fib *fib = calloc(1, sizeof(*fib));
	if (!fib)
		return cat_err_set(err, -ENOMEM, "no memory for %zu routes", count);
	fib->direct_bits = count > LARGE ? DIRECT_BITS_LARGE : DIRECT_BITS_SMALL;
	struct build b = {.fib = fib, .route = routes};
	fill_direct(&b, count);
	if (b.failed) {
		fib_destroy(fib);
		return cat_err_set(err, -ENOMEM, "no memory for %zu routes", count);
	}
	fib->node = settle(fib->node, fib->node_count * sizeof(*fib->node));
	fib->value = settle(fib->value, fib->value_count * sizeof(*fib->value));
	*ret_fib = fib;
	return 0;
}

void fib_destroy(struct fib *fib)
{
	if (!fib)
		return;
	free(fib->direct);
	free(fib->node);
	free(fib->value);
	free(fib);
}

size_t fib_bytes(const struct fib *fib)
{
	return sizeof(*fib) + sizeof(*fib->direct) * ((size_t)1 << fib->direct_bits) +
	       sizeof(*fib->node) * fib->node_count + sizeof(*fib->value) * fib->value_count;
}

// Where a packet's lookup stands.
struct walk {
	uint32_t at;   // the node's number, at the end the value's
	uint32_t used; // bits that the last step decided
};

// One step down for an address whose next bits are the highest of `rest`. True: to another node.
static inline bool step(const struct fib *fib, struct walk *walk, uint64_t rest)
{
	const struct fib_node *node = &fib->node[walk->at];
	if (__builtin_expect(!node->leaf && (node->inner & 63) != 63, 0)) {
		uint32_t bits = node->inner & 63;
		bool inner = (rest ^ node->inner) >> (64 - bits) == 0;
		walk->used = bits;
		walk->at = inner ? node->first_node : node->first_value;
		return inner;
	}
	uint32_t slot = (uint32_t)(rest >> (64 - STRIDE));
	uint64_t below = (UINT64_C(2) << slot) - 1;
	bool inner = node->inner >> slot & 1;
	uint64_t bits = inner ? node->inner : node->leaf;
	uint32_t first = inner ? node->first_node : node->first_value;
	walk->used = STRIDE;
	walk->at = first + (uint32_t)__builtin_popcountll(bits & below) - 1;
	return inner;
}

void fib_lookup4(const struct fib *fib, const uint32_t *addr, uint16_t *ret_value, uint32_t count)
{
	struct walk walk[LOOKUP_MAX];
	uint64_t rest[LOOKUP_MAX];
	uint8_t active[LOOKUP_MAX];
	uint32_t n = 0, shift = 32 - fib->direct_bits;
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(&fib->direct[addr[i] >> shift]);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t d = fib->direct[addr[i] >> shift];
		ret_value[i] = (uint16_t)d;
		walk[i].at = d;
		rest[i] = (uint64_t)addr[i] << 32 << fib->direct_bits;
		active[n] = (uint8_t)i;
		if (!(d & IS_VALUE)) {
			__builtin_prefetch(&fib->node[d]);
			n++;
		}
	}
	while (n) {
		uint32_t left = 0;
		for (uint32_t k = 0; k < n; k++) {
			uint32_t i = active[k];
			bool inner = step(fib, &walk[i], rest[i]);
			rest[i] <<= walk[i].used;
			active[left] = (uint8_t)i;
			left += inner;
			if (inner)
				__builtin_prefetch(&fib->node[walk[i].at]);
			else
				ret_value[i] = fib->value[walk[i].at];
		}
		n = left;
	}
}

void fib_lookup6(const struct fib *fib, const uint8_t *const *addr, uint16_t *ret_value, uint32_t count)
{
	u128 rest[LOOKUP_MAX];
	struct walk walk[LOOKUP_MAX];
	uint8_t active[LOOKUP_MAX];
	uint32_t n = 0;
	for (uint32_t i = 0; i < count; i++) {
		u128 key = key_of(addr[i]);
		uint32_t d = fib->direct[(uint32_t)(key >> (128 - fib->direct_bits))];
		ret_value[i] = (uint16_t)d;
		walk[i].at = d;
		rest[i] = key << fib->direct_bits;
		active[n] = (uint8_t)i;
		if (!(d & IS_VALUE)) {
			__builtin_prefetch(&fib->node[d]);
			n++;
		}
	}
	while (n) {
		uint32_t left = 0;
		for (uint32_t k = 0; k < n; k++) {
			uint32_t i = active[k];
			bool inner = step(fib, &walk[i], (uint64_t)(rest[i] >> 64));
			rest[i] <<= walk[i].used;
			active[left] = (uint8_t)i;
			left += inner;
			if (inner)
				__builtin_prefetch(&fib->node[walk[i].at]);
			else
				ret_value[i] = fib->value[walk[i].at];
		}
		n = left;
	}
}
