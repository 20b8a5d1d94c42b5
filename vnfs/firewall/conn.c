// SPDX-License-Identifier: BSD-3-Clause
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

#define AGE_COUNTS (1u << 16)

static void unlink_conn(struct fw_table *table, struct fw_conn *conn)
{
	if (conn->list >= FW_LISTS)
		return;
	__typeof__(&table->list[0]) list = &table->list[conn->list];
	if (conn->older != CAT_FLOW_NONE)
		fw_conn_at(table, conn->older)->newer = conn->newer;
	else
		list->oldest = conn->newer;
	if (conn->newer != CAT_FLOW_NONE)
		fw_conn_at(table, conn->newer)->older = conn->older;
	else
		list->newest = conn->older;
	list->count--;
	conn->list = FW_LIST_NONE;
}

static void append_conn(struct fw_table *table, uint32_t index, struct fw_conn *conn, uint8_t number)
{
	__typeof__(&table->list[0]) list = &table->list[number];
	conn->list = number;
	conn->older = list->newest;
	conn->newer = CAT_FLOW_NONE;
	if (list->newest != CAT_FLOW_NONE)
		fw_conn_at(table, list->newest)->newer = index;
	else
		list->oldest = index;
	list->newest = index;
	list->count++;
}

void fw_conn_list(struct fw_table *table, uint32_t index, enum fw_list list)
{
	struct fw_conn *conn = fw_conn_at(table, index);
	unlink_conn(table, conn);
	if (list < FW_LISTS)
		append_conn(table, index, conn, (uint8_t)list);
}

static enum fw_list list_of(uint8_t state)
{
	switch (state) {
	case FW_UNREPLIED:
	case FW_SYN_SENT:
	case FW_SYN_CROSSED:
	case FW_SYN_RECEIVED:
		return FW_LIST_HALF_OPEN;
	case FW_TIME_WAIT:
	case FW_CLOSED:
		return FW_LIST_ENDED;
	default:
		return FW_LIST_NONE;
	}
}

struct aged {
	uint32_t index, touched_ms;
};

// Sorts by age, the oldest first: two passes of counting by 16 bits each. A successor may find a million half-open
// connections after a flood, and packets wait for it. `spare` holds as many; `from_ms` is no later than any time.
static void sort_aged(struct aged *aged, struct aged *spare, uint32_t count, uint32_t from_ms, uint32_t *counts)
{
	for (unsigned shift = 0; shift < 32; shift += 16) {
		memset(counts, 0, AGE_COUNTS * sizeof(*counts));
		for (uint32_t i = 0; i < count; i++)
			counts[(aged[i].touched_ms - from_ms) >> shift & (AGE_COUNTS - 1)]++;
		for (uint32_t i = 0, at = 0; i < AGE_COUNTS; i++) {
			uint32_t n = counts[i];
			counts[i] = at;
			at += n;
		}
		for (uint32_t i = 0; i < count; i++)
			spare[counts[(aged[i].touched_ms - from_ms) >> shift & (AGE_COUNTS - 1)]++] = aged[i];
		struct aged *swap = aged;
		aged = spare;
		spare = swap;
	}
}

// What a predecessor left is checked for what could do harm: it may have written anything. An entry under the wrong
// hash is never found, and ends in its time.
static bool mend(struct fw_table *table, uint32_t index, uint64_t latest_ms)
{
	const struct fw_key *key = cat_flow_key(table->flows, index);
	struct fw_conn *conn = fw_conn_at(table, index);
	if (key->family >= FW_FAMILIES || key->side >= CAT_SIDES || !fw_tcp_mend(&conn->tcp))
		return false;
	conn->list = FW_LIST_NONE;
	conn->from_high &= 1;
	conn->counted = 0;
	if (cat_flow_expires_ms(table->flows, index) > latest_ms)
		cat_flow_set_expiry(table->flows, index, latest_ms);
	return true;
}

// The lists of a predecessor may be half changed, so that they are made anew from what the entries say.
static int adopt(struct fw_table *table, uint64_t now_ms, uint64_t latest_ms, struct cat_err *err)
{
	uint32_t count = 0, total = cat_flow_count(table->flows);
	cat_autofree struct aged *aged = malloc(2 * ((size_t)total + 1) * sizeof(*aged));
	cat_autofree uint32_t *counts = malloc(AGE_COUNTS * sizeof(*counts));
	if (!aged || !counts)
		return cat_err_set(err, -ENOMEM, "no memory to take over %u connections", total);
	for (uint32_t i = cat_flow_next(table->flows, CAT_FLOW_NONE); i != CAT_FLOW_NONE;
	     i = cat_flow_next(table->flows, i)) {
		const struct fw_conn *conn = fw_conn_at(table, i);
		if (!mend(table, i, latest_ms))
			cat_flow_remove(table->flows, i);
		else if (list_of(conn->tcp.state) != FW_LIST_NONE && count < total)
			aged[count++] = (struct aged){i, conn->touched_ms};
	}
	// Times wrap: half the circle back from now lies before all of them.
	sort_aged(aged, aged + total + 1, count, (uint32_t)now_ms - INT32_MAX, counts);
	for (uint32_t i = 0; i < count; i++) {
		struct fw_conn *conn = fw_conn_at(table, aged[i].index);
		append_conn(table, aged[i].index, conn, (uint8_t)list_of(conn->tcp.state));
	}
	return 0;
}

int fw_table_attach(struct fw_table *table, void *memory, size_t bytes, uint64_t now_ms, uint64_t longest_ms,
		    struct cat_err *err)
{
	struct cat_flow_layout layout = {
		.version = FW_CONN_VERSION,
		.key_size = sizeof(struct fw_key),
		.value_size = sizeof(struct fw_conn),
	};
	// The capacity follows from the memory alone, so that a change of the configuration does not change the layout.
	uint32_t low = 0, high = FW_CONNECTIONS_MAX;
	while (low < high) {
		layout.capacity = low + (high - low + 1) / 2;
		if (cat_flow_bytes(&layout) <= bytes)
			low = layout.capacity;
		else
			high = layout.capacity - 1;
	}
	if (!low)
		return cat_err_set(err, -ENOSPC,
				   "%zu bytes of state memory hold no connection; raise the function's \"state\"",
				   bytes);
	layout.capacity = low;
	*table = (struct fw_table){0};
	for (unsigned i = 0; i < FW_LISTS; i++)
		table->list[i].oldest = table->list[i].newest = CAT_FLOW_NONE;
	bool adopted;
	int r = cat_flow_attach(memory, bytes, &layout, &table->flows, &adopted, err);
	if (r < 0 || (r = fw_sources_init(&table->sources, layout.capacity, err)) < 0)
		return r;
	r = adopt(table, now_ms, now_ms + longest_ms, err);
	if (r < 0)
		fw_table_finish(table);
	return r;
}

void fw_table_finish(struct fw_table *table)
{
	fw_sources_finish(&table->sources);
}

void fw_table_count_sources(struct fw_table *table, bool on)
{
	if (on == (table->sources.table != NULL))
		return;
	fw_sources_count(&table->sources, on);
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(table->flows, i)) != CAT_FLOW_NONE;) {
		struct fw_conn *conn = fw_conn_at(table, i);
		conn->counted = fw_sources_add(&table->sources, cat_flow_key(table->flows, i), conn->from_high);
	}
}

// What follows from a connection that is about to go.
static void release(struct fw_table *table, uint32_t index)
{
	struct fw_conn *conn = fw_conn_at(table, index);
	unlink_conn(table, conn);
	if (conn->counted)
		fw_sources_remove(&table->sources, cat_flow_key(table->flows, index), conn->from_high);
	table->removed++;
}

void fw_conn_remove(struct fw_table *table, uint32_t index)
{
	release(table, index);
	cat_flow_remove(table->flows, index);
}

static bool evict(struct fw_table *table)
{
	for (unsigned i = 0; i < FW_LISTS; i++) {
		if (table->list[i].oldest == CAT_FLOW_NONE)
			continue;
		fw_conn_remove(table, table->list[i].oldest);
		return true;
	}
	return false;
}

uint32_t fw_conn_add(struct fw_table *table, const struct fw_packet *packet, const struct fw_conn *made, uint32_t limit,
		     uint64_t expires_ms, uint32_t *ret_evicted)
{
	*ret_evicted = 0;
	while (cat_flow_count(table->flows) >= limit) {
		// A limit that was lowered is reached step by step: no packet pays for thousands of removals.
		if (*ret_evicted == 2)
			break;
		if (!evict(table))
			return CAT_FLOW_NONE;
		++*ret_evicted;
	}
	uint32_t index = cat_flow_insert(table->flows, &packet->key, packet->hash, expires_ms, made);
	if (index == CAT_FLOW_NONE && evict(table)) {
		++*ret_evicted;
		index = cat_flow_insert(table->flows, &packet->key, packet->hash, expires_ms, made);
	}
	if (index == CAT_FLOW_NONE)
		return CAT_FLOW_NONE;
	struct fw_conn *conn = fw_conn_at(table, index);
	append_conn(table, index, conn, FW_LIST_HALF_OPEN);
	conn->counted = fw_sources_add(&table->sources, &packet->key, packet->from_high);
	table->added++;
	return index;
}

static void expired(void *user, struct cat_flow_table *flows, uint32_t index)
{
	struct fw_table *table = user;
	(void)flows;
	release(table, index);
	table->expired++;
}

void fw_conn_expire(struct fw_table *table, uint64_t now_ms, uint32_t budget)
{
	cat_flow_expire(table->flows, now_ms, budget, expired, table);
}
