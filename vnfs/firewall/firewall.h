// SPDX-License-Identifier: BSD-3-Clause
// A lane of the firewall.
#ifndef FIREWALL_H
#define FIREWALL_H

#include "cat_fragments.h"
#include "cat_vnf.h"
#include "config.h"
#include "conn.h"
#include "log.h"
#include "packet.h"
#include "reject.h"

// Packets handled at a time, so that what is known of them stays in the first-level cache.
#define FW_CHUNK 128u

// What is known of the first fragment of a TCP segment; all zero for other datagrams.
struct fw_pieces {
	struct fw_key key;
	uint32_t hash, seq; // seq: where byte 0 of the datagram would lie in sequence space
	bool tcp, from_high;
};
static_assert(sizeof(struct fw_pieces) <= CAT_DATAGRAM_USER, "fits a datagram's entry");

// Private memory of a lane.
struct fw_lane {
	struct fw_table table;
	struct fw_bucket rejects;
	struct fw_log log;
	struct cat_fragments fragments;
	uint32_t limit;  // connections of this lane
	uint32_t now_ms; // of the burst; wraps

	// What is under way.
	struct fw_packet packet[FW_CHUNK];
	uint32_t lookup[FW_CHUNK]; // packets that may have a connection
	const void *key[FW_CHUNK];
	uint32_t hash[FW_CHUNK], found[FW_CHUNK];
	uint32_t asked[FW_FAMILIES][FW_CHUNK]; // packets that the rules are asked about
	uint32_t asked_count[FW_FAMILIES];
	union fw_acl_input input[FW_CHUNK];
	const uint8_t *input_at[FW_CHUNK];
	uint32_t result[FW_CHUNK];
};

void fw_process(struct cat_lane *lane, struct cat_burst *burst);

// Levels, for the statistics page.
void fw_gauges(struct cat_lane *lane);

#endif
