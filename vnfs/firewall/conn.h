// SPDX-License-Identifier: BSD-3-Clause
// The connection table: a flow table in state memory, and two lists in which entries stand that may be given up when
// the table is full: those that nobody answered yet, and those that have ended. The longest waiting goes first.
#ifndef FIREWALL_CONN_H
#define FIREWALL_CONN_H

#include "cat_flow.h"
#include "config.h"
#include "packet.h"
#include "sources.h"
#include "tcp.h"

#define FW_CONN_VERSION 2u // of struct fw_conn and struct fw_key

enum fw_list { FW_LIST_HALF_OPEN, FW_LIST_ENDED, FW_LISTS, FW_LIST_NONE = FW_LISTS };

// The value of a table entry; lies in state memory and outlives the process.
struct fw_conn {
	struct fw_tcp tcp; // for other protocols only tcp.state counts
	uint32_t older, newer;
	uint32_t touched_ms; // when the expiry was last set; wraps
	uint8_t list;        // enum fw_list
	uint8_t from_high;   // 1: the key's high end opened it
	uint8_t counted;     // in `sources`
	uint8_t pad;
	uint32_t judged; // fingerprint of the rules that let it in
	uint32_t unused;
};
static_assert(sizeof(struct fw_conn) == 64, "layout in state memory: with its key and header two cache lines");

struct fw_table {
	struct cat_flow_table *flows;
	struct fw_sources sources;
	struct {
		uint32_t oldest, newest, count;
	} list[FW_LISTS];
	// Grow with every addition and removal: what was looked up before may no longer hold.
	uint32_t added, removed;
	uint64_t expired;
};

// Attaches to the table in state memory or makes a new one, as large as the memory allows. Connections that make no
// sense are forgotten, and none lives on beyond longest_ms from now.
int fw_table_attach(struct fw_table *table, void *memory, size_t bytes, uint64_t now_ms, uint64_t longest_ms,
		    struct cat_err *err);

void fw_table_finish(struct fw_table *table);
// Counts connections by source from now on, or stops; all that are there are counted.
void fw_table_count_sources(struct fw_table *table, bool on);

static inline struct fw_conn *fw_conn_at(const struct fw_table *table, uint32_t index)
{
	return cat_flow_value(table->flows, index);
}

// Adds a connection that is not there, as `made` says, at the end of the list of half-open ones. *ret_evicted: others
// that had to go. CAT_FLOW_NONE: full (limit: connections at most), and none is half open or ended.
uint32_t fw_conn_add(struct fw_table *table, const struct fw_packet *packet, const struct fw_conn *made, uint32_t limit,
		     uint64_t expires_ms, uint32_t *ret_evicted);
void fw_conn_remove(struct fw_table *table, uint32_t index);
// Puts a connection, as the newest, into the list that its state asks for.
void fw_conn_list(struct fw_table *table, uint32_t index, enum fw_list list);
void fw_conn_expire(struct fw_table *table, uint64_t now_ms, uint32_t budget);

#endif
