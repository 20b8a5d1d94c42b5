// SPDX-License-Identifier: BSD-3-Clause
#include "cat_fragments.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cat_parse.h"

#define PAYLOAD_MAX 65535u
#define EXPIRE_BUDGET 64u

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct datagram_key {
	uint8_t source[16], destination[16];
	uint32_t identification;
	uint8_t protocol, family, side, zero;
};
static_assert(sizeof(struct datagram_key) == 40, "no padding in a key");

int cat_fragments_init(struct cat_fragments *fragments, uint32_t stride, uint16_t overlap, struct cat_err *err)
{
	const struct cat_flow_layout layout = {
		.version = 1,
		.key_size = sizeof(struct datagram_key),
		.value_size = sizeof(struct cat_datagram),
		.capacity = CAT_DATAGRAMS_MAX,
	};
	bool adopted;
	*fragments = (struct cat_fragments){
		.oldest = CAT_FLOW_NONE, .newest = CAT_FLOW_NONE, .room = stride, .overlap = overlap};
	fragments->bytes = cat_flow_bytes(&layout);
	void *memory = mmap(NULL, fragments->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return cat_err_errno(err, "memory for fragments");
	fragments->memory = memory;
	fragments->copies = malloc((size_t)CAT_HELD_MAX * stride);
	if (!fragments->copies)
		return cat_err_set(err, -ENOMEM, "no memory for fragments");
	for (uint16_t i = 0; i < CAT_HELD_MAX; i++)
		fragments->held[i].next = (uint16_t)(i + 1);
	return cat_flow_attach(memory, fragments->bytes, &layout, &fragments->table, &adopted, err);
}

void cat_fragments_finish(struct cat_fragments *fragments)
{
	if (fragments->memory)
		munmap(fragments->memory, fragments->bytes);
	free(fragments->copies);
	*fragments = (struct cat_fragments){0};
}

static uint32_t hash_of(const struct datagram_key *key)
{
	uint64_t word[sizeof(*key) / 8], h = 0;
	memcpy(word, key, sizeof(word));
	for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		h = (h ^ word[i] ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32);
}

static uint16_t get_copy(struct cat_fragments *fragments, struct cat_datagram *datagram)
{
	uint16_t slot = datagram->held;
	datagram->held = fragments->held[slot].next;
	datagram->held_count--;
	fragments->held[slot].next = fragments->free;
	fragments->free = slot;
	return slot;
}

static void drop_copies(struct cat_fragments *fragments, struct cat_datagram *datagram)
{
	for (; datagram->held_count; fragments->lost++)
		get_copy(fragments, datagram);
}

// What follows from a datagram that is about to be forgotten.
static void unlink_datagram(struct cat_fragments *fragments, struct cat_datagram *datagram)
{
	drop_copies(fragments, datagram);
	if (datagram->older != CAT_FLOW_NONE)
		cat_datagram_at(fragments, datagram->older)->newer = datagram->newer;
	else
		fragments->oldest = datagram->newer;
	if (datagram->newer != CAT_FLOW_NONE)
		cat_datagram_at(fragments, datagram->newer)->older = datagram->older;
	else
		fragments->newest = datagram->older;
}

static void forget(struct cat_fragments *fragments, uint32_t index)
{
	unlink_datagram(fragments, cat_datagram_at(fragments, index));
	cat_flow_remove(fragments->table, index);
}

static void on_expired(void *user, struct cat_flow_table *table, uint32_t index)
{
	unlink_datagram(user, cat_flow_value(table, index));
}

void cat_fragments_expire(struct cat_fragments *fragments, uint64_t now_ms)
{
	cat_flow_expire(fragments->table, now_ms, EXPIRE_BUDGET, on_expired, fragments);
}

static uint32_t add_datagram(struct cat_fragments *fragments, const struct datagram_key *key, uint32_t hash,
			     uint64_t now_ms)
{
	// The oldest has had the longest time to become whole.
	if (cat_flow_count(fragments->table) == CAT_DATAGRAMS_MAX)
		forget(fragments, fragments->oldest);
	uint32_t index = cat_flow_add(fragments->table, key, hash, now_ms + CAT_FRAGMENTS_MS);
	struct cat_datagram *datagram = cat_datagram_at(fragments, index);
	datagram->held = CAT_HELD_MAX;
	datagram->older = fragments->newest;
	datagram->newer = CAT_FLOW_NONE;
	if (fragments->newest != CAT_FLOW_NONE)
		cat_datagram_at(fragments, fragments->newest)->newer = index;
	else
		fragments->oldest = index;
	fragments->newest = index;
	return index;
}

static bool read_fragment4(const struct cat_desc *desc, const uint8_t *ip, struct datagram_key *key,
			   struct cat_fragment *fragment)
{
	uint32_t header = (ip[0] & 15u) * 4, word = get16(ip + 6);
	uint32_t length = (uint32_t)(desc->len - desc->l3);
	if (length <= header || header < 20)
		return false;
	memcpy(key->source, ip + 12, 4);
	memcpy(key->destination, ip + 16, 4);
	key->identification = get16(ip + 4);
	key->protocol = ip[9];
	key->family = 4;
	fragment->start = (word & 0x1fff) * 8;
	fragment->end = fragment->start + length - header;
	fragment->more = word & 0x2000;
	// The header counts in the length of the whole (RFC 791, section 3.1).
	return fragment->end + header <= PAYLOAD_MAX;
}

// The headers before the fragment header are every fragment's own; the parser has checked their way.
static bool read_fragment6(const struct cat_desc *desc, const uint8_t *ip, struct datagram_key *key,
			   struct cat_fragment *fragment)
{
	uint32_t at = 40, length = (uint32_t)(desc->len - desc->l3);
	uint8_t protocol = ip[6];
	while (protocol != IPPROTO_FRAGMENT) {
		if (at + 8 > length)
			return false;
		uint32_t size = protocol == IPPROTO_AH ? (ip[at + 1] + 2u) * 4 : (ip[at + 1] + 1u) * 8;
		protocol = ip[at];
		at += size;
	}
	if (at + 8 >= length)
		return false;
	uint32_t word = get16(ip + at + 2);
	memcpy(key->source, ip + 8, 16);
	memcpy(key->destination, ip + 24, 16);
	key->identification = get32(ip + at + 4);
	key->family = 6;
	fragment->start = word & 0xfff8;
	fragment->end = fragment->start + length - at - 8;
	fragment->more = word & 1;
	return fragment->end + at - 40 <= PAYLOAD_MAX;
}

enum noted { NOTED_NEW, NOTED_COPY, NOTED_OVERLAP, NOTED_TOO_MANY };

// Puts the fragment's bytes to those that were seen.
static enum noted note_piece(struct cat_datagram *datagram, const struct cat_fragment *fragment)
{
	uint32_t at = datagram->piece_count;
	while (at > 0 && datagram->piece[at - 1].start >= fragment->start)
		at--;
	const struct cat_piece *before = at > 0 ? &datagram->piece[at - 1] : NULL;
	const struct cat_piece *behind = at < datagram->piece_count ? &datagram->piece[at] : NULL;
	bool last = !fragment->more;
	if (behind && behind->start == fragment->start && behind->end == fragment->end)
		return last == (datagram->total == fragment->end) ? NOTED_COPY : NOTED_OVERLAP;
	if ((before && before->end > fragment->start) || (behind && behind->start < fragment->end))
		return NOTED_OVERLAP;
	// Nothing lies behind the end, and there is one end.
	if (last && (datagram->total || behind))
		return NOTED_OVERLAP;
	if (datagram->total && fragment->end > datagram->total)
		return NOTED_OVERLAP;
	if (datagram->piece_count == CAT_PIECES_MAX)
		return NOTED_TOO_MANY;
	memmove(&datagram->piece[at + 1], &datagram->piece[at],
		(datagram->piece_count - at) * sizeof(datagram->piece[0]));
	datagram->piece[at] = (struct cat_piece){(uint16_t)fragment->start, (uint16_t)fragment->end};
	datagram->piece_count++;
	datagram->seen += fragment->end - fragment->start;
	if (last)
		datagram->total = fragment->end;
	return NOTED_NEW;
}

uint32_t cat_fragments_note(struct cat_fragments *fragments, const struct cat_desc *desc, const uint8_t *data,
			    enum cat_side side, uint64_t now_ms, struct cat_fragment *ret_fragment,
			    uint16_t *ret_reason)
{
	struct datagram_key key = {.side = (uint8_t)side};
	const uint8_t *ip = data + desc->l3;
	bool sound = desc->flags & CAT_DESC_IPV4 ? read_fragment4(desc, ip, &key, ret_fragment)
						 : read_fragment6(desc, ip, &key, ret_fragment);
	// All but the last are whole units of eight bytes (RFC 791, section 3.2; RFC 8200, section 4.5).
	if (!sound || (ret_fragment->more && (ret_fragment->end - ret_fragment->start) % 8)) {
		*ret_reason = CAT_DROP_MALFORMED;
		return CAT_FLOW_NONE;
	}
	uint32_t hash = hash_of(&key), index = cat_flow_find(fragments->table, &key, hash);
	if (index == CAT_FLOW_NONE)
		index = add_datagram(fragments, &key, hash, now_ms);
	struct cat_datagram *datagram = cat_datagram_at(fragments, index);
	if (datagram->fate == CAT_FATE_DROP) {
		*ret_reason = datagram->reason;
		return CAT_FLOW_NONE;
	}
	enum noted noted = note_piece(datagram, ret_fragment);
	if (noted == NOTED_NEW)
		return index;
	*ret_reason = noted == NOTED_OVERLAP ? fragments->overlap : CAT_DROP_FRAGMENT;
	if (noted != NOTED_COPY)
		cat_fragments_discard(fragments, index, *ret_reason);
	return CAT_FLOW_NONE;
}

bool cat_fragments_hold(struct cat_fragments *fragments, uint32_t index, const struct cat_desc *desc,
			const uint8_t *data)
{
	struct cat_datagram *datagram = cat_datagram_at(fragments, index);
	uint16_t slot = fragments->free;
	if (slot == CAT_HELD_MAX || datagram->held_count == CAT_HELD_PER_DATAGRAM || desc->len > fragments->room)
		return false;
	fragments->free = fragments->held[slot].next;
	fragments->held[slot].length = desc->len;
	memcpy(fragments->copies + (size_t)slot * fragments->room, data, desc->len);
	// In the order of their arrival.
	uint16_t *link = &datagram->held;
	for (unsigned i = 0; i < datagram->held_count; i++)
		link = &fragments->held[*link].next;
	*link = slot;
	fragments->held[slot].next = CAT_HELD_MAX;
	datagram->held_count++;
	return true;
}

bool cat_fragments_next(struct cat_fragments *fragments, uint32_t index, struct cat_lane *lane,
			struct cat_desc *ret_desc)
{
	struct cat_datagram *datagram = cat_datagram_at(fragments, index);
	if (!datagram->held_count)
		return false;
	uint16_t length = fragments->held[datagram->held].length;
	if (!cat_supply_peek(lane, ret_desc) || (uint32_t)ret_desc->off + length > lane->stride) {
		drop_copies(fragments, datagram);
		return false;
	}
	uint16_t slot = get_copy(fragments, datagram);
	memcpy(cat_data(lane, ret_desc), fragments->copies + (size_t)slot * fragments->room, length);
	ret_desc->len = length;
	cat_parse(ret_desc, cat_data(lane, ret_desc));
	return true;
}

void cat_fragments_discard(struct cat_fragments *fragments, uint32_t index, uint16_t reason)
{
	struct cat_datagram *datagram = cat_datagram_at(fragments, index);
	drop_copies(fragments, datagram);
	datagram->fate = CAT_FATE_DROP;
	datagram->reason = reason;
}

void cat_fragments_settle(struct cat_fragments *fragments, uint32_t index)
{
	const struct cat_datagram *datagram = cat_datagram_at(fragments, index);
	if (datagram->fate == CAT_FATE_PASS && datagram->total && datagram->seen == datagram->total)
		forget(fragments, index);
}
