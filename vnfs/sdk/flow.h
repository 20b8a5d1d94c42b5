// SPDX-License-Identifier: BSD-3-Clause
// Layout of a flow table in state memory, shared by flow.c (index and entries) and flow_wheel.c (expiry).
//
// How it works
//
// The entries are the truth: an entry whose `state` is FLOW_LIVE is in the table, and nothing else is. `state` is
// stored last (release) when an entry is added and first when it is removed, so that at every instruction the set of
// live entries is whole. Everything else (buckets, free list, wheel, counts) is derived, and whoever attaches builds
// it anew from the entries: one pass, after which no half-done operation of a predecessor can be seen. Nothing
// in the table is a pointer, so that it may lie at another address in the successor.
//
// Entries are taken in order: no entry from `used` on was ever live, and its page need not exist. So a new table costs
// no more than its header, however large it is, and the pass of a successor looks at `used` entries. `used` grows
// before the entry becomes live, and is believed only up to the capacity: a predecessor may have written anything, of
// which the worst that can come is that entries are lost.
//
// The index is an open hash table of 64-byte buckets: ten 16-bit tags, ten entry numbers, and how many keys that belong
// here or before went on to the next bucket because this one was full. A lookup costs one cache line of index and
// one line of entry; it goes on to the next bucket only while that count is not zero.
//
// The wheel has three levels of 256 slots of 16 ms, 4.1 s and 17.5 min. Lists are doubly linked in an array of
// their own, so that unlinking does not touch other entries. Prolonging an entry's life only changes its
// `expires_ms`: when its slot comes round it is put where it belongs now.
#ifndef FLOW_H
#define FLOW_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "cat_flow.h"

#define FLOW_MAGIC 0x57464c43u // "CLFW"
#define FLOW_FORMAT 2u         // of this file's structures
#define FLOW_LIVE 0x4556494cu  // "LIVE"
#define FLOW_SLOTS 10u
#define FLOW_LOAD 6u // entries per bucket at most, on average
#define FLOW_CAPACITY_MAX (1u << 28)
#define FLOW_VALUE_MAX (64u << 10)

#define WHEEL_TICK_SHIFT 4 // 16 ms
#define WHEEL_BITS 8
#define WHEEL_SLOTS (1u << WHEEL_BITS)
#define WHEEL_LEVELS 3u
#define WHEEL_HEAD UINT32_C(0x80000000) // in a link's prev: the list's number, not an entry

struct flow_bucket {
	uint16_t tag[FLOW_SLOTS]; // 0: empty
	uint32_t passed;          // keys that went on to the next bucket
	uint32_t entry[FLOW_SLOTS];
};
static_assert(sizeof(struct flow_bucket) == 64, "a bucket is a cache line");

struct flow_link {
	uint32_t next, prev; // in the wheel; next alone in the free list
};

struct flow_entry {
	_Atomic uint32_t state;
	uint32_t hash;
	uint64_t expires_ms;
	uint8_t data[]; // key, padded to 8, value
};
static_assert(sizeof(struct flow_entry) == 16, "entry layout");

struct cat_flow_table {
	_Atomic uint32_t magic; // stored last when the table is made
	uint32_t format;
	struct cat_flow_layout layout;
	uint32_t bucket_shift; // of the mixed 64-bit hash
	uint32_t bucket_mask;
	uint32_t value_offset; // in an entry's data
	uint32_t entry_stride;
	uint64_t buckets, links, entries; // offsets from the table's start
	uint32_t count, free;
	uint32_t used; // entries that were ever live lie below
	uint32_t pad;
	uint64_t tick;                                     // the wheel's time: everything before was looked at
	uint64_t occupied[WHEEL_LEVELS][WHEEL_SLOTS / 64]; // a bit per list: it is not empty
	uint32_t head[WHEEL_LEVELS * WHEEL_SLOTS];
};
static_assert(sizeof(struct cat_flow_layout) == 16, "layout in state memory");
static_assert(offsetof(struct cat_flow_table, buckets) == 40, "table layout");

static inline struct flow_bucket *flow_bucket(const struct cat_flow_table *table, uint32_t number)
{
	return (struct flow_bucket *)((uintptr_t)table + table->buckets) + (number & table->bucket_mask);
}

static inline struct flow_link *flow_link(const struct cat_flow_table *table, uint32_t index)
{
	return (struct flow_link *)((uintptr_t)table + table->links) + index;
}

static inline struct flow_entry *flow_entry(const struct cat_flow_table *table, uint32_t index)
{
	return (struct flow_entry *)((uintptr_t)table + table->entries + (uint64_t)index * table->entry_stride);
}

static inline bool flow_live(const struct flow_entry *entry)
{
	return atomic_load_explicit(&entry->state, memory_order_relaxed) == FLOW_LIVE;
}

// Makes an entry found by its hash.
void flow_index_insert(struct cat_flow_table *table, uint32_t index, uint32_t hash);

// Makes all lists empty.
void flow_wheel_clear(struct cat_flow_table *table);
// Links an entry that is in no list where its expires_ms belongs.
void flow_wheel_place(struct cat_flow_table *table, uint32_t index);
void flow_wheel_unlink(struct cat_flow_table *table, uint32_t index);

#endif
