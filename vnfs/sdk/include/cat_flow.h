// SPDX-License-Identifier: BSD-3-Clause
// Flow tables in state memory: position independent, one writer, expiry by a timing wheel. They outlive the process.
//
// A table maps a key of fixed size to an entry: an index that stays the same for the entry's life, and value_size
// bytes. Lookups come in bulk, so that cache misses overlap. A successor attaches to what it finds if magic, version
// and layout agree, and otherwise starts afresh (and says so).
#ifndef CAT_FLOW_H
#define CAT_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_err.h"

#define CAT_FLOW_KEY_MAX 48u // bytes, a multiple of 4
#define CAT_FLOW_NONE UINT32_MAX

struct cat_flow_table; // lies in state memory

struct cat_flow_layout {
	uint32_t version; // of the value's structure
	uint32_t key_size;
	uint32_t value_size; // bytes
	uint32_t capacity;   // entries
};

// Bytes that a table of this layout takes.
size_t cat_flow_bytes(const struct cat_flow_layout *layout);
// Attaches to the table at `memory` (64-byte aligned) or makes a new, empty one. *ret_adopted: entries were kept.
// Repairs what a predecessor left half done. Whatever the memory holds, the table is sound afterwards; what keys and
// values say is the caller's to check. A new table touches none of its memory but the header. -ENOSPC: bytes too few;
// -EINVAL: layout.
int cat_flow_attach(void *memory, size_t bytes, const struct cat_flow_layout *layout, struct cat_flow_table **ret_table,
		    bool *ret_adopted, struct cat_err *err);

// The entry's index or CAT_FLOW_NONE.
uint32_t cat_flow_find(const struct cat_flow_table *table, const void *key, uint32_t hash);
// ret_index[i] as cat_flow_find. Prefetches in stages. What the burst itself adds or removes meanwhile is not seen:
// find again before adding.
void cat_flow_find_bulk(const struct cat_flow_table *table, const void *const *keys, const uint32_t *hashes,
			uint32_t count, uint32_t *ret_index);
// Fetches what a lookup of this hash will look at first.
void cat_flow_prefetch(const struct cat_flow_table *table, uint32_t hash);
// Adds a key that is not there, with a copy of `value` (value_size bytes; NULL: zeroes). CAT_FLOW_NONE: table full. The
// entry appears whole or not at all, at whatever instruction the process dies: what a successor must not find half
// filled belongs into `value`.
uint32_t cat_flow_insert(struct cat_flow_table *table, const void *key, uint32_t hash, uint64_t expires_ms,
			 const void *value);
// The same with a value of zeroes.
uint32_t cat_flow_add(struct cat_flow_table *table, const void *key, uint32_t hash, uint64_t expires_ms);
void cat_flow_remove(struct cat_flow_table *table, uint32_t index);
void *cat_flow_value(const struct cat_flow_table *table, uint32_t index);
const void *cat_flow_key(const struct cat_flow_table *table, uint32_t index);
// Sets when the entry ends. Putting it off is one store: the wheel is looked at only when the old time comes.
void cat_flow_set_expiry(struct cat_flow_table *table, uint32_t index, uint64_t expires_ms);
// When it ends, unless it is put off.
uint64_t cat_flow_expires_ms(const struct cat_flow_table *table, uint32_t index);
uint32_t cat_flow_count(const struct cat_flow_table *table);
uint32_t cat_flow_capacity(const struct cat_flow_table *table);
// Calls fn (may be NULL) for each entry whose time has come, at most 16 ms late, then removes it, unless fn has put its
// end off. fn may remove entries. Looks at no more than `budget` entries and returns how many it looked at; call often.
typedef void (*cat_flow_expired_fn)(void *user, struct cat_flow_table *table, uint32_t index);
uint32_t cat_flow_expire(struct cat_flow_table *table, uint64_t now_ms, uint32_t budget, cat_flow_expired_fn fn,
			 void *user);
// Walks entries: start with CAT_FLOW_NONE; ends with CAT_FLOW_NONE. The entry in hand may be removed.
uint32_t cat_flow_next(const struct cat_flow_table *table, uint32_t index);

#endif
