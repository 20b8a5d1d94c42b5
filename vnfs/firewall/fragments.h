// SPDX-License-Identifier: BSD-3-Clause
// Fragments by virtual reassembly: the first fragment of a datagram, which alone has ports, is judged like a whole
// packet, and the others share its lot.
//
// How it works
//
// A datagram is known by source, destination, identification and, for IPv4, protocol (RFC 791, section 2.3; RFC 8200,
// section 4.5), and by the side it came from. Its entry says what was decided and which bytes were seen. Fragments that
// come before the first one are copied into memory of the process and their buffers given back, so that a datagram that
// never becomes whole holds nothing of the service's memory, and a crash loses no buffer; they leave from supply once
// the first one has passed.
//
// A datagram with fragments that overlap is discarded, and all that still comes of it (RFC 5722; RFC 8200,
// section 4.5). An exact copy of a fragment is dropped by itself. Everything is bounded: datagrams, fragments of one,
// copies; what is too much makes the oldest datagram go.
#ifndef FIREWALL_FRAGMENTS_H
#define FIREWALL_FRAGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_flow.h"
#include "cat_vnf.h"
#include "packet.h"

#define FW_DATAGRAMS_MAX 1024u
#define FW_PIECES_MAX 64u        // fragments of one datagram: 64 KiB in pieces of 1,024 bytes
#define FW_HELD_MAX 128u         // copies, of all datagrams
#define FW_HELD_PER_DATAGRAM 48u // 64 KiB behind its first fragment with an MTU of 1500
#define FW_FRAGMENTS_MS 30000u   // a datagram is forgotten so long after its first arrival

enum fw_fate { FW_FATE_OPEN, FW_FATE_PASS, FW_FATE_DROP };

struct fw_piece {
	uint16_t start, end; // bytes of the payload
};

struct fw_datagram {
	uint8_t fate;        // enum fw_fate
	uint8_t piece_count; // in order
	uint8_t held_count;
	bool tcp, from_high;
	uint16_t reason; // of FW_FATE_DROP
	uint16_t held;   // the first copy; FW_HELD_MAX: none
	uint32_t total;  // payload bytes; 0: the last one has not come
	uint32_t seen;   // bytes in `piece`
	uint32_t older, newer;
	// Of the first fragment, if it is TCP's: where its payload lies in sequence space.
	struct fw_key key;
	uint32_t hash, seq;
	struct fw_piece piece[FW_PIECES_MAX];
};

struct fw_held {
	uint16_t next;
	uint16_t length;
};

struct fw_fragments {
	struct cat_flow_table *table;
	void *memory;
	size_t bytes;
	uint32_t oldest, newest; // datagrams, by arrival
	uint32_t room;           // bytes of a copy
	uint8_t *copies;
	struct fw_held held[FW_HELD_MAX];
	uint16_t free;
	uint64_t lost; // copies that did not leave
};

// What a fragment says of itself.
struct fw_fragment {
	uint32_t start, end; // bytes of the payload
	bool more;
};

// -ENOMEM. `stride`: of the region's buffers.
int fw_fragments_init(struct fw_fragments *fragments, uint32_t stride, struct cat_err *err);
void fw_fragments_finish(struct fw_fragments *fragments);
void fw_fragments_expire(struct fw_fragments *fragments, uint64_t now_ms);

// Takes note of a fragment (CAT_DESC_FRAG set) that entered on `side`. The datagram's index; or CAT_FLOW_NONE, and the
// packet is to be dropped for *ret_reason.
uint32_t fw_fragments_note(struct fw_fragments *fragments, const struct cat_desc *desc, const uint8_t *data,
			   enum cat_side side, uint64_t now_ms, struct fw_fragment *ret_fragment, uint16_t *ret_reason);
static inline struct fw_datagram *fw_datagram_at(const struct fw_fragments *fragments, uint32_t index)
{
	return cat_flow_value(fragments->table, index);
}
// Keeps a copy until the first fragment has come. False: there is no room.
bool fw_fragments_hold(struct fw_fragments *fragments, uint32_t index, const struct cat_desc *desc,
		       const uint8_t *data);
// Lets the copies go, to `to`. Those for which there is no supply are lost.
void fw_fragments_release(struct fw_fragments *fragments, uint32_t index, struct cat_lane *lane, enum cat_side to);
// The datagram is discarded: so is what is still to come of it, for that reason.
void fw_fragments_discard(struct fw_fragments *fragments, uint32_t index, uint16_t reason);
// Forgets a datagram of which every byte was seen.
void fw_fragments_settle(struct fw_fragments *fragments, uint32_t index);

#endif
