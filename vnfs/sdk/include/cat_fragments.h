// SPDX-License-Identifier: BSD-3-Clause
// Fragments by virtual reassembly: the first fragment of a datagram, which alone has ports, is treated like a
// whole packet, and the others share its lot. For VNFs that look at ports.
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
#ifndef CAT_FRAGMENTS_H
#define CAT_FRAGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_flow.h"
#include "cat_vnf.h"

#define CAT_DATAGRAMS_MAX 1024u
#define CAT_PIECES_MAX 64u        // fragments of one datagram: 64 KiB in pieces of 1,024 bytes
#define CAT_HELD_MAX 128u         // copies, of all datagrams
#define CAT_HELD_PER_DATAGRAM 48u // 64 KiB behind its first fragment with an MTU of 1500
#define CAT_DATAGRAM_USER 64u     // bytes
#define CAT_FRAGMENTS_MS 30000u   // a datagram is forgotten so long after its first arrival

enum cat_fate { CAT_FATE_OPEN, CAT_FATE_PASS, CAT_FATE_DROP };

struct cat_piece {
	uint16_t start, end; // bytes of the payload
};

struct cat_datagram {
	uint8_t fate;        // enum cat_fate
	uint8_t piece_count; // in order
	uint8_t held_count;
	uint16_t reason; // of CAT_FATE_DROP
	uint16_t held;   // the first copy; CAT_HELD_MAX: none
	uint32_t total;  // payload bytes; 0: the last one has not come
	uint32_t seen;   // bytes in `piece`
	uint32_t older, newer;
	// What the VNF wants to know of the first fragment when the others come; zeroed at first.
	_Alignas(8) uint8_t user[CAT_DATAGRAM_USER];
	struct cat_piece piece[CAT_PIECES_MAX];
};

struct cat_held {
	uint16_t next;
	uint16_t length;
};

struct cat_fragments {
	struct cat_flow_table *table;
	void *memory;
	size_t bytes;
	uint32_t oldest, newest; // datagrams, by arrival
	uint32_t room;           // bytes of a copy
	uint8_t *copies;
	struct cat_held held[CAT_HELD_MAX];
	uint16_t free;
	uint16_t overlap; // drop reason
	uint64_t lost;    // copies that did not leave
};

// What a fragment says of itself.
struct cat_fragment {
	uint32_t start, end; // bytes of the payload
	bool more;
};

// -ENOMEM. `stride`: of the region's buffers. `overlap`: the drop reason for fragments that overlap.
int cat_fragments_init(struct cat_fragments *fragments, uint32_t stride, uint16_t overlap, struct cat_err *err);
void cat_fragments_finish(struct cat_fragments *fragments);
void cat_fragments_expire(struct cat_fragments *fragments, uint64_t now_ms);

// Takes note of a fragment (CAT_DESC_FRAG set) that entered on `side`. The datagram's index; or CAT_FLOW_NONE, and the
// packet is to be dropped for *ret_reason.
uint32_t cat_fragments_note(struct cat_fragments *fragments, const struct cat_desc *desc, const uint8_t *data,
			    enum cat_side side, uint64_t now_ms, struct cat_fragment *ret_fragment,
			    uint16_t *ret_reason);
static inline struct cat_datagram *cat_datagram_at(const struct cat_fragments *fragments, uint32_t index)
{
	return cat_flow_value(fragments->table, index);
}
// Keeps a copy until the first fragment has come. False: there is no room.
bool cat_fragments_hold(struct cat_fragments *fragments, uint32_t index, const struct cat_desc *desc,
			const uint8_t *data);
// The next copy, in the order of their arrival: copied into a buffer from supply, of which it fills off, len and flags
// (cat_parse), to be sent by the caller. False: there is none, or no supply, and then all that is left is lost.
bool cat_fragments_next(struct cat_fragments *fragments, uint32_t index, struct cat_lane *lane,
			struct cat_desc *ret_desc);
// The datagram is discarded: so is what is still to come of it, for that reason.
void cat_fragments_discard(struct cat_fragments *fragments, uint32_t index, uint16_t reason);
// Forgets a datagram of which every byte was seen.
void cat_fragments_settle(struct cat_fragments *fragments, uint32_t index);

#endif
