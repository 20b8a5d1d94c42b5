// SPDX-License-Identifier: BSD-3-Clause
// Flow tables: entries and index. See flow.h for how it works.
#include "flow.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BULK 32u // lookups under way at once: about as many misses as a core keeps in flight

// Callers' hashes may be poor in some bits; one multiplication spreads them (Knuth's multiplicative hashing).
static uint64_t mix(uint32_t hash)
{
	return (hash + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint32_t home_of(const struct cat_flow_table *table, uint64_t mixed)
{
	return (uint32_t)(mixed >> table->bucket_shift);
}

static uint16_t tag_of(uint64_t mixed)
{
	uint16_t tag = (uint16_t)(mixed >> 16);
	return tag ? tag : 1;
}

// A bit per slot whose tag is this one.
static uint32_t match(const struct flow_bucket *bucket, uint16_t tag)
{
#ifdef __SSE2__
	__m128i want = _mm_set1_epi16((short)tag);
	__m128i low = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)bucket->tag), want);
	__m128i high = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)(bucket->tag + FLOW_SLOTS - 8)), want);
	uint32_t first = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, _mm_setzero_si128()));
	uint32_t last = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(high, _mm_setzero_si128()));
	return first | last << (FLOW_SLOTS - 8);
#else
	uint32_t bits = 0;
	for (uint32_t i = 0; i < FLOW_SLOTS; i++)
		bits |= (uint32_t)(bucket->tag[i] == tag) << i;
	return bits;
#endif
}

static bool key_equal(const void *a, const void *b, uint32_t size)
{
	const uint8_t *p = a, *q = b;
	for (; size >= 8; size -= 8, p += 8, q += 8) {
		uint64_t x, y;
		memcpy(&x, p, 8);
		memcpy(&y, q, 8);
		if (x != y)
			return false;
	}
	return size == 0 || memcmp(p, q, 4) == 0;
}

// Looks from one bucket on, as far as keys were passed on.
static uint32_t find_from(const struct cat_flow_table *table, const void *key, uint32_t number, uint16_t tag)
{
	for (uint32_t i = 0; i <= table->bucket_mask; i++) {
		const struct flow_bucket *bucket = flow_bucket(table, number + i);
		for (uint32_t bits = match(bucket, tag); bits; bits &= bits - 1) {
			uint32_t index = bucket->entry[__builtin_ctz(bits)];
			if (key_equal(flow_entry(table, index)->data, key, table->layout.key_size))
				return index;
		}
		if (!bucket->passed)
			break;
	}
	return CAT_FLOW_NONE;
}

uint32_t cat_flow_find(const struct cat_flow_table *table, const void *key, uint32_t hash)
{
	uint64_t mixed = mix(hash);
	return find_from(table, key, home_of(table, mixed), tag_of(mixed));
}

void cat_flow_prefetch(const struct cat_flow_table *table, uint32_t hash)
{
	__builtin_prefetch(flow_bucket(table, home_of(table, mix(hash))));
}

// One window: all buckets on their way, then all entries that a tag points to, then the comparisons.
static void find_window(const struct cat_flow_table *table, const void *const *keys, const uint32_t *hashes,
			uint32_t count, uint32_t *ret_index)
{
	uint64_t mixed[BULK];
	for (uint32_t i = 0; i < count; i++) {
		mixed[i] = mix(hashes[i]);
		__builtin_prefetch(flow_bucket(table, home_of(table, mixed[i])));
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct flow_bucket *bucket = flow_bucket(table, home_of(table, mixed[i]));
		uint32_t bits = match(bucket, tag_of(mixed[i]));
		if (bits)
			__builtin_prefetch(flow_entry(table, bucket->entry[__builtin_ctz(bits)]));
	}
	for (uint32_t i = 0; i < count; i++)
		ret_index[i] = find_from(table, keys[i], home_of(table, mixed[i]), tag_of(mixed[i]));
}

void cat_flow_find_bulk(const struct cat_flow_table *table, const void *const *keys, const uint32_t *hashes,
			uint32_t count, uint32_t *ret_index)
{
	for (uint32_t i = 0; i < count; i += BULK)
		find_window(table, keys + i, hashes + i, count - i < BULK ? count - i : BULK, ret_index + i);
}

// The first bucket with room gets it. There are more slots than entries, so there is one.
void flow_index_insert(struct cat_flow_table *table, uint32_t index, uint32_t hash)
{
	uint64_t mixed = mix(hash);
	for (uint32_t number = home_of(table, mixed);; number++) {
		struct flow_bucket *bucket = flow_bucket(table, number);
		uint32_t free_slots = match(bucket, 0);
		if (free_slots) {
			uint32_t slot = (uint32_t)__builtin_ctz(free_slots);
			bucket->entry[slot] = index;
			bucket->tag[slot] = tag_of(mixed);
			return;
		}
		bucket->passed++;
	}
}

static void index_remove(struct cat_flow_table *table, uint32_t index, uint32_t hash)
{
	uint64_t mixed = mix(hash);
	uint16_t tag = tag_of(mixed);
	for (uint32_t number = home_of(table, mixed);; number++) {
		struct flow_bucket *bucket = flow_bucket(table, number);
		for (uint32_t bits = match(bucket, tag); bits; bits &= bits - 1) {
			uint32_t slot = (uint32_t)__builtin_ctz(bits);
			if (bucket->entry[slot] == index) {
				bucket->tag[slot] = 0;
				return;
			}
		}
		bucket->passed--;
	}
}

// A free entry: one that was used before, or else the lowest that never was.
static uint32_t take_entry(struct cat_flow_table *table)
{
	uint32_t index = table->free;
	if (index != CAT_FLOW_NONE)
		table->free = flow_link(table, index)->next;
	else if (table->used < table->layout.capacity)
		index = table->used++;
	return index;
}

uint32_t cat_flow_insert(struct cat_flow_table *table, const void *key, uint32_t hash, uint64_t expires_ms,
			 const void *value)
{
	uint32_t index = take_entry(table);
	if (index == CAT_FLOW_NONE)
		return CAT_FLOW_NONE;
	struct flow_entry *entry = flow_entry(table, index);
	entry->hash = hash;
	entry->expires_ms = expires_ms;
	memcpy(entry->data, key, table->layout.key_size);
	if (value)
		memcpy(entry->data + table->value_offset, value, table->layout.value_size);
	else
		memset(entry->data + table->value_offset, 0, table->layout.value_size);
	flow_index_insert(table, index, hash);
	flow_wheel_place(table, index);
	table->count++;
	atomic_store_explicit(&entry->state, FLOW_LIVE, memory_order_release);
	return index;
}

uint32_t cat_flow_add(struct cat_flow_table *table, const void *key, uint32_t hash, uint64_t expires_ms)
{
	return cat_flow_insert(table, key, hash, expires_ms, NULL);
}

void cat_flow_remove(struct cat_flow_table *table, uint32_t index)
{
	struct flow_entry *entry = flow_entry(table, index);
	if (!flow_live(entry))
		return;
	atomic_store_explicit(&entry->state, 0, memory_order_relaxed);
	// Nothing of what follows may become visible before the entry's end.
	atomic_signal_fence(memory_order_seq_cst);
	index_remove(table, index, entry->hash);
	flow_wheel_unlink(table, index);
	flow_link(table, index)->next = table->free;
	table->free = index;
	table->count--;
}

void *cat_flow_value(const struct cat_flow_table *table, uint32_t index)
{
	return flow_entry(table, index)->data + table->value_offset;
}

const void *cat_flow_key(const struct cat_flow_table *table, uint32_t index)
{
	return flow_entry(table, index)->data;
}

uint32_t cat_flow_count(const struct cat_flow_table *table)
{
	return table->count;
}

uint32_t cat_flow_capacity(const struct cat_flow_table *table)
{
	return table->layout.capacity;
}

uint32_t cat_flow_next(const struct cat_flow_table *table, uint32_t index)
{
	for (uint32_t i = index == CAT_FLOW_NONE ? 0 : index + 1; i < table->used; i++) {
		if (flow_live(flow_entry(table, i)))
			return i;
	}
	return CAT_FLOW_NONE;
}
