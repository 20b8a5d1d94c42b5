// SPDX-License-Identifier: BSD-3-Clause
// Flow tables: what follows from a layout, attaching to memory, and repair. See flow.h for how it works.
#include "flow.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define AHEAD 16u // entries whose buckets are fetched before they are needed

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static int check_layout(const struct cat_flow_layout *layout, struct cat_err *err)
{
	if (layout->key_size == 0 || layout->key_size > CAT_FLOW_KEY_MAX || layout->key_size % 4)
		return cat_err_set(err, -EINVAL, "flow table: key of %u bytes, expected a multiple of 4 up to %u",
				   layout->key_size, CAT_FLOW_KEY_MAX);
	if (layout->value_size > FLOW_VALUE_MAX)
		return cat_err_set(err, -EINVAL, "flow table: value of %u bytes, expected at most %u",
				   layout->value_size, FLOW_VALUE_MAX);
	if (layout->capacity == 0 || layout->capacity > FLOW_CAPACITY_MAX)
		return cat_err_set(err, -EINVAL, "flow table: capacity of %u entries, expected 1 to %u",
				   layout->capacity, FLOW_CAPACITY_MAX);
	return 0;
}

// What follows from the layout. Returns the table's size.
static size_t derive(struct cat_flow_table *table, const struct cat_flow_layout *layout)
{
	table->format = FLOW_FORMAT;
	table->layout = *layout;
	uint32_t bits = 1;
	while ((UINT64_C(1) << bits) * FLOW_LOAD < layout->capacity)
		bits++;
	table->bucket_shift = 64 - bits;
	table->bucket_mask = (1u << bits) - 1;
	table->value_offset = (uint32_t)round_up(layout->key_size, 8);
	// Small entries do not straddle cache lines.
	size_t stride = sizeof(struct flow_entry) + table->value_offset + round_up(layout->value_size, 8);
	table->entry_stride = (uint32_t)round_up(stride, stride <= 32 ? 32 : 64);
	table->buckets = round_up(sizeof(*table), 64);
	table->links = table->buckets + (uint64_t)(table->bucket_mask + 1) * sizeof(struct flow_bucket);
	table->entries = round_up(table->links + (uint64_t)layout->capacity * sizeof(struct flow_link), 64);
	return round_up(table->entries + (uint64_t)layout->capacity * table->entry_stride, 64);
}

size_t cat_flow_bytes(const struct cat_flow_layout *layout)
{
	struct cat_flow_table table;
	return check_layout(layout, NULL) < 0 ? 0 : derive(&table, layout);
}

// Zeroes memory. Pages of a shared mapping are given back for it, so that it costs nothing where there are none yet,
// and no page is made to exist by it.
static void clear(void *memory, size_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)memory, end = start + bytes;
	uintptr_t first = round_up(start, page), last = end / page * page;
	if (first >= last || madvise((void *)first, last - first, MADV_REMOVE) < 0) {
		memset(memory, 0, bytes);
		return;
	}
	memset(memory, 0, first - start);
	memset((void *)last, 0, end - last);
}

// Builds everything that follows from the live entries.
static void rebuild(struct cat_flow_table *table)
{
	memset(flow_bucket(table, 0), 0, (size_t)(table->bucket_mask + 1) * sizeof(struct flow_bucket));
	flow_wheel_clear(table);
	table->count = 0;
	table->free = CAT_FLOW_NONE;
	if (table->used > table->layout.capacity)
		table->used = table->layout.capacity;
	// Backwards, so that the free list starts with the lowest entries.
	for (uint32_t index = table->used; index-- > 0;) {
		struct flow_entry *entry = flow_entry(table, index);
		if (index >= AHEAD)
			cat_flow_prefetch(table, flow_entry(table, index - AHEAD)->hash);
		if (flow_live(entry)) {
			flow_index_insert(table, index, entry->hash);
			flow_wheel_place(table, index);
			table->count++;
		} else {
			atomic_store_explicit(&entry->state, 0, memory_order_relaxed);
			flow_link(table, index)->next = table->free;
			table->free = index;
		}
	}
}

int cat_flow_attach(void *memory, size_t bytes, const struct cat_flow_layout *layout, struct cat_flow_table **ret_table,
		    bool *ret_adopted, struct cat_err *err)
{
	int result = check_layout(layout, err);
	if (result < 0)
		return result;
	if ((uintptr_t)memory % 64)
		return cat_err_set(err, -EINVAL, "flow table: its memory is not aligned to 64 bytes");
	size_t need = cat_flow_bytes(layout);
	if (bytes < need)
		return cat_err_set(err, -ENOSPC, "flow table: %u entries need %zu bytes, the state memory has %zu",
				   layout->capacity, need, bytes);

	struct cat_flow_table *table = memory;
	bool adopted = atomic_load_explicit(&table->magic, memory_order_acquire) == FLOW_MAGIC &&
		       table->format == FLOW_FORMAT && memcmp(&table->layout, layout, sizeof(*layout)) == 0;
	if (adopted) {
		derive(table, layout);
		rebuild(table);
	} else {
		// The magic goes first: dying in here makes a fresh start, not a mixture.
		atomic_store_explicit(&table->magic, 0, memory_order_seq_cst);
		clear(memory, need);
		derive(table, layout);
		flow_wheel_clear(table);
		table->free = CAT_FLOW_NONE;
	}
	atomic_store_explicit(&table->magic, FLOW_MAGIC, memory_order_release);
	*ret_table = table;
	*ret_adopted = adopted;
	return 0;
}
