// SPDX-License-Identifier: BSD-3-Clause
// Where lanes show each other their neighbours: per lane a small hash table that only this lane writes.
//
// How it works
//
// A slot is a sequence lock: odd while it is being written; a reader takes the words between two equal even
// values of `seq`. A neighbour lies within PROBES slots of its place; when these are taken by others, the first of them
// is overwritten. So a lookup may miss what another lane knows: then this lane waits for the answer to its own
// request, or asks again. `version` grows with every change, so that a lane whose neighbours are quiet costs the
// others one load per tick.
#include <sys/mman.h>

#include "l3.h"

#define SLOTS 1024u
#define PROBES 8u
#define WORDS 5u

struct board_slot {
	_Atomic uint64_t seq;         // writer: the part's lane, readers: other lanes
	_Atomic uint64_t word[WORDS]; // key (24 bytes), word, since_ms; all zero: empty
};

struct board_part {
	alignas(CAT_CACHE_LINE) _Atomic uint64_t version;
	alignas(CAT_CACHE_LINE) struct board_slot slot[SLOTS];
};

struct cat_l3_board {
	struct board_part part[CAT_LANES_MAX];
};

// What a slot holds.
struct board_entry {
	uint64_t key[3];
	struct neighbour neighbour;
};
static_assert(sizeof(struct board_entry) == WORDS * 8, "an entry is the words of a slot");

struct cat_l3_board *cat_l3_board_create(void)
{
	// Mapped, not allocated: what no lane writes takes no memory, and it is aligned.
	void *memory =
		mmap(NULL, sizeof(struct cat_l3_board), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

void cat_l3_board_destroy(struct cat_l3_board *board)
{
	if (board)
		munmap(board, sizeof(*board));
}

static struct board_entry entry_of(const struct neighbour_key *key, const struct neighbour *n)
{
	struct board_entry e = {.neighbour = *n};
	memcpy(e.key, key, sizeof(*key));
	return e;
}

static uint32_t place_of(const struct board_entry *e)
{
	uint64_t h = (e->key[0] ^ (e->key[1] << 17 | e->key[1] >> 47) ^ e->key[2] << 40) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32) & (SLOTS - 1);
}

// The writer's own slots need no lock.
static bool same_key(const struct board_slot *slot, const struct board_entry *e)
{
	for (unsigned i = 0; i < 3; i++)
		if (atomic_load_explicit(&slot->word[i], memory_order_relaxed) != e->key[i])
			return false;
	return true;
}

static bool is_empty(const struct board_slot *slot)
{
	// The family in the key's last word is never zero.
	return atomic_load_explicit(&slot->word[2], memory_order_relaxed) == 0;
}

static void write_slot(struct board_part *part, struct board_slot *slot, const struct board_entry *e)
{
	uint64_t words[WORDS];
	memcpy(words, e, sizeof(words));
	uint64_t seq = atomic_load_explicit(&slot->seq, memory_order_relaxed);
	atomic_store_explicit(&slot->seq, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (unsigned i = 0; i < WORDS; i++)
		atomic_store_explicit(&slot->word[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&slot->seq, seq + 2, memory_order_release);
	uint64_t version = atomic_load_explicit(&part->version, memory_order_relaxed);
	atomic_store_explicit(&part->version, version + 1, memory_order_release);
}

// False: empty, or being written just now.
static bool read_slot(const struct board_slot *slot, struct board_entry *ret_entry)
{
	uint64_t words[WORDS];
	uint64_t seq = atomic_load_explicit(&slot->seq, memory_order_acquire);
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = atomic_load_explicit(&slot->word[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	if ((seq & 1) || atomic_load_explicit(&slot->seq, memory_order_relaxed) != seq || words[2] == 0)
		return false;
	memcpy(ret_entry, words, sizeof(words));
	return true;
}

static bool in_use(const struct cat_l3 *l3)
{
	return l3->options.board && l3->lane->lanes > 1;
}

void board_publish(struct cat_l3 *l3, const struct neighbour_key *key, const struct neighbour *n)
{
	if (!in_use(l3))
		return;
	struct board_part *part = &l3->options.board->part[l3->lane->id];
	const struct board_entry e = entry_of(key, n);
	uint32_t place = place_of(&e);
	struct board_slot *chosen = NULL;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct board_slot *slot = &part->slot[(place + i) & (SLOTS - 1)];
		if (same_key(slot, &e)) {
			chosen = slot;
			break;
		}
		if (!chosen && is_empty(slot))
			chosen = slot;
	}
	write_slot(part, chosen ? chosen : &part->slot[place], &e);
}

void board_clear(struct cat_l3 *l3, const struct neighbour_key *key)
{
	if (!in_use(l3))
		return;
	static const struct board_entry empty;
	static const struct neighbour none;
	struct board_part *part = &l3->options.board->part[l3->lane->id];
	const struct board_entry e = entry_of(key, &none);
	for (uint32_t i = 0; i < PROBES; i++) {
		struct board_slot *slot = &part->slot[(place_of(&e) + i) & (SLOTS - 1)];
		if (same_key(slot, &e))
			write_slot(part, slot, &empty);
	}
}

// On one lane's part.
static bool find_on(const struct board_part *part, const struct board_entry *wanted, struct neighbour *ret_neighbour)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		struct board_entry e;
		if (read_slot(&part->slot[(place_of(wanted) + i) & (SLOTS - 1)], &e) &&
		    memcmp(e.key, wanted->key, sizeof(e.key)) == 0) {
			*ret_neighbour = e.neighbour;
			return true;
		}
	}
	return false;
}

bool board_find(const struct cat_l3 *l3, const struct neighbour_key *key, struct neighbour *ret_neighbour)
{
	static const struct neighbour none;
	if (!in_use(l3))
		return false;
	const struct board_entry wanted = entry_of(key, &none);
	for (uint32_t lane = 0; lane < l3->lane->lanes; lane++) {
		struct neighbour n;
		if (lane != l3->lane->id && find_on(&l3->options.board->part[lane], &wanted, &n) &&
		    n.word.state != NEIGHBOUR_INCOMPLETE && n.word.state != NEIGHBOUR_FAILED) {
			*ret_neighbour = n;
			return true;
		}
	}
	return false;
}

bool board_asked(const struct cat_l3 *l3, const struct neighbour_key *key)
{
	static const struct neighbour none;
	if (!in_use(l3))
		return false;
	const struct board_entry wanted = entry_of(key, &none);
	for (uint32_t lane = 0; lane < l3->lane->lanes; lane++) {
		struct neighbour n;
		if (lane != l3->lane->id && find_on(&l3->options.board->part[lane], &wanted, &n) &&
		    (n.word.state == NEIGHBOUR_INCOMPLETE || n.word.state == NEIGHBOUR_PROBE))
			return true;
	}
	return false;
}

void board_news(struct cat_l3 *l3, board_news_fn fn)
{
	for (uint32_t lane = 0; lane < l3->lane->lanes; lane++) {
		const struct board_part *part = &l3->options.board->part[lane];
		uint64_t version = atomic_load_explicit(&part->version, memory_order_acquire);
		if (lane == l3->lane->id || version == l3->board_seen[lane])
			continue;
		l3->board_seen[lane] = version;
		for (uint32_t i = 0; i < SLOTS; i++) {
			struct board_entry e;
			struct neighbour_key key;
			if (!read_slot(&part->slot[i], &e))
				continue;
			memcpy(&key, e.key, sizeof(key));
			fn(l3, &key, &e.neighbour);
		}
	}
}
