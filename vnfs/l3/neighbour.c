// SPDX-License-Identifier: BSD-3-Clause
// The table of neighbours and its states (see "How it works" in cat_neighbour.h).
//
// An entry's MAC, state and count of requests are one 64-bit word, stored at once. Whatever makes a cached answer of
// the fast path wrong moves the generation on: a MAC that changes, an entry that goes, and REACHABLE becoming STALE, so
// that the first packet after it comes through the slow path and starts the confirmation.
#include <errno.h>

#include "l3.h"

#define ASK_INTERVAL_MS 1000u // RFC 1122, section 2.3.2.1; RETRANS_TIMER of RFC 4861
#define ASK_TRIES 3u          // MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT
#define ASK_AGAIN_MS 100u     // when supply was empty
#define REACHABLE_MS 30000u   // REACHABLE_TIME, of which 0.5 to 1.5 is taken
#define STALE_MS 1200000u
#define DELAY_MS 5000u  // DELAY_FIRST_PROBE_TIME
#define FAILED_MS 1000u // refuses packets without asking
#define LOCK_MS 1000u   // a MAC just confirmed is not replaced: the first of several answers counts
#define EXPIRE_BUDGET 256u

struct neighbour_key neighbour_key_of(enum cat_side side, const struct cat_addr *addr)
{
	struct neighbour_key key = {.family = addr->family, .side = (uint8_t)side};
	memcpy(key.addr, addr->byte, addr->family == AF_INET ? 4 : 16);
	return key;
}

static struct cat_addr addr_of(const struct neighbour_key *key)
{
	struct cat_addr addr = {.family = key->family};
	memcpy(addr.byte, key->addr, 16);
	return addr;
}

static uint32_t hash_of(const struct neighbour_key *key)
{
	uint64_t a, b;
	uint32_t c;
	memcpy(&a, key->addr, 8);
	memcpy(&b, key->addr + 8, 8);
	memcpy(&c, &key->family, 4);
	uint64_t h = (a ^ (b << 31 | b >> 33) ^ (uint64_t)c << 40) * UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 32;
	return (uint32_t)(h * UINT64_C(0xd6e8feb86659fd93) >> 32);
}

uint32_t neighbour_find(const struct cat_l3 *l3, const struct neighbour_key *key)
{
	return cat_flow_find(l3->table, key, hash_of(key));
}

static bool has_mac(unsigned state)
{
	return state != NEIGHBOUR_INCOMPLETE && state != NEIGHBOUR_FAILED;
}

// May be answered from the cache: using it needs no change of state.
static bool is_cacheable(unsigned state)
{
	return state == NEIGHBOUR_REACHABLE || state == NEIGHBOUR_DELAY || state == NEIGHBOUR_PROBE;
}

static uint64_t lifetime_ms(const struct cat_l3 *l3, unsigned state, const uint8_t mac[6])
{
	switch (state) {
	case NEIGHBOUR_REACHABLE:
		// Spread, so that neighbours confirmed at once are not asked at once (RFC 4861, section 6.3.2).
		return REACHABLE_MS / 2 + (l3_now_ms(l3) * 2654435761u + mac[5] * 40503u) % REACHABLE_MS;
	case NEIGHBOUR_STALE:
		return STALE_MS;
	case NEIGHBOUR_DELAY:
		return DELAY_MS;
	case NEIGHBOUR_FAILED:
		return FAILED_MS;
	default:
		return ASK_INTERVAL_MS;
	}
}

static void set(struct cat_l3 *l3, uint32_t index, const uint8_t mac[6], unsigned state)
{
	struct neighbour *n = neighbour_at(l3, index);
	union neighbour_word old = n->word, word = {.state = (uint8_t)state};
	memcpy(word.mac, mac, 6);
	if (is_cacheable(old.state) && (!is_cacheable(state) || memcmp(old.mac, mac, 6) != 0))
		l3->cache.generation++;
	l3->asking += !has_mac(state);
	l3->asking -= !has_mac(old.state);
	uint64_t now_ms = l3_now_ms(l3);
	// Its order does not matter to a successor: a wrong age makes it ask once more, or once less.
	n->since_ms = now_ms;
	n->word.all = word.all;
	cat_flow_set_expiry(l3->table, index, now_ms + lifetime_ms(l3, state, mac));
	board_publish(l3, cat_flow_key(l3->table, index), n);
}

static uint32_t add(struct cat_l3 *l3, const struct neighbour_key *key)
{
	uint32_t index = cat_flow_add(l3->table, key, hash_of(key), l3_now_ms(l3) + ASK_INTERVAL_MS);
	if (index != CAT_FLOW_NONE)
		l3->asking++;
	return index;
}

static void forget(struct cat_l3 *l3, uint32_t index)
{
	wait_drop(l3, index, false);
	board_clear(l3, cat_flow_key(l3->table, index));
	l3->asking -= !has_mac(neighbour_at(l3, index)->word.state);
	l3->cache.generation++;
	cat_flow_remove(l3->table, index);
}

// Sends the next request of an entry in INCOMPLETE or PROBE.
static void ask(struct cat_l3 *l3, uint32_t index)
{
	const struct neighbour_key *key = cat_flow_key(l3->table, index);
	struct neighbour *n = neighbour_at(l3, index);
	struct cat_addr target = addr_of(key);
	enum cat_side side = (enum cat_side)key->side;
	const uint8_t *mac = n->word.state == NEIGHBOUR_PROBE ? n->word.mac : NULL;
	bool sent = target.family == AF_INET ? arp_ask(l3, side, &target, mac) : nd_ask(l3, side, &target, mac);
	n->word.tries += sent;
	cat_flow_set_expiry(l3->table, index, l3_now_ms(l3) + (sent ? ASK_INTERVAL_MS : ASK_AGAIN_MS));
}

static void on_timer(void *user, struct cat_flow_table *table, uint32_t index)
{
	struct cat_l3 *l3 = user;
	static const uint8_t no_mac[6];
	struct neighbour *n = cat_flow_value(table, index);
	uint8_t mac[6];
	memcpy(mac, n->word.mac, 6);
	switch (n->word.state) {
	case NEIGHBOUR_INCOMPLETE:
		if (n->word.tries < ASK_TRIES) {
			ask(l3, index);
			return;
		}
		set(l3, index, no_mac, NEIGHBOUR_FAILED);
		wait_drop(l3, index, true);
		return;
	case NEIGHBOUR_REACHABLE:
		set(l3, index, mac, NEIGHBOUR_STALE);
		return;
	case NEIGHBOUR_DELAY:
		set(l3, index, mac, NEIGHBOUR_PROBE);
		ask(l3, index);
		return;
	case NEIGHBOUR_PROBE:
		if (n->word.tries < ASK_TRIES) {
			ask(l3, index);
			return;
		}
		break;
	default:
		break;
	}
	forget(l3, index);
}

// A lane may take an answer as asked for if it is asking, or another lane is.
static bool is_asked(const struct cat_l3 *l3, const struct neighbour_key *key, uint32_t index)
{
	if (index != CAT_FLOW_NONE) {
		unsigned state = neighbour_at(l3, index)->word.state;
		if (state == NEIGHBOUR_INCOMPLETE || state == NEIGHBOUR_PROBE)
			return true;
	}
	return board_asked(l3, key);
}

void neighbour_learn(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *addr, const uint8_t *mac,
		     enum neighbour_source source, bool override)
{
	const struct cat_l3_interface *interface = l3_interface(l3, side);
	if (!interface || l3_answers_for(l3, side, addr))
		return;
	struct neighbour_key key = neighbour_key_of(side, addr);
	uint32_t index = neighbour_find(l3, &key);
	uint8_t known[6];
	if (!mac) {
		// It says that it is there without saying where: that helps only if we know.
		if (index == CAT_FLOW_NONE || !has_mac(neighbour_at(l3, index)->word.state))
			return;
		memcpy(known, neighbour_at(l3, index)->word.mac, 6);
		mac = known;
	}
	bool confirms = source == LEARNT_REPLY && is_asked(l3, &key, index);
	if (index == CAT_FLOW_NONE) {
		if ((!confirms && source != LEARNT_REQUEST) || !cat_l3_is_on_link(interface, addr))
			return;
		index = add(l3, &key);
		if (index != CAT_FLOW_NONE)
			set(l3, index, mac, confirms ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE);
		return;
	}
	const struct neighbour *n = neighbour_at(l3, index);
	if (!has_mac(n->word.state)) {
		set(l3, index, mac, confirms ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE);
		wait_send(l3, index);
		return;
	}
	bool same = memcmp(n->word.mac, mac, 6) == 0;
	if (same) {
		if (confirms)
			set(l3, index, mac, NEIGHBOUR_REACHABLE);
	} else if (!override) {
		// RFC 4861, section 7.2.5: the cached MAC stays, and is to be confirmed.
		if (n->word.state == NEIGHBOUR_REACHABLE)
			set(l3, index, n->word.mac, NEIGHBOUR_STALE);
	} else if (confirms) {
		set(l3, index, mac, NEIGHBOUR_REACHABLE);
	} else if (n->word.state != NEIGHBOUR_REACHABLE || l3_now_ms(l3) - n->since_ms >= LOCK_MS) {
		set(l3, index, mac, NEIGHBOUR_STALE);
	}
}

// What another lane learnt about an address that this one knows or asks for.
static void on_news(struct cat_l3 *l3, const struct neighbour_key *key, const struct neighbour *theirs)
{
	uint32_t index = neighbour_find(l3, key);
	if (index == CAT_FLOW_NONE || !has_mac(theirs->word.state))
		return;
	const struct neighbour *mine = neighbour_at(l3, index);
	bool newer = theirs->since_ms >= mine->since_ms;
	if (!has_mac(mine->word.state)) {
		bool confirmed = theirs->word.state == NEIGHBOUR_REACHABLE;
		set(l3, index, theirs->word.mac, confirmed ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE);
		wait_send(l3, index);
	} else if (newer && theirs->word.state == NEIGHBOUR_REACHABLE && mine->word.state != NEIGHBOUR_REACHABLE) {
		set(l3, index, theirs->word.mac, NEIGHBOUR_REACHABLE);
	} else if (newer && memcmp(theirs->word.mac, mine->word.mac, 6) != 0) {
		set(l3, index, theirs->word.mac, NEIGHBOUR_STALE);
	}
}

// The MAC to send to now, or NULL. The first packet to a STALE neighbour starts its confirmation.
static const uint8_t *mac_to_use(struct cat_l3 *l3, uint32_t index)
{
	struct neighbour *n = neighbour_at(l3, index);
	if (!has_mac(n->word.state))
		return NULL;
	if (n->word.state == NEIGHBOUR_STALE) {
		uint8_t mac[6];
		memcpy(mac, n->word.mac, 6);
		set(l3, index, mac, NEIGHBOUR_DELAY);
	}
	return n->word.mac;
}

static const uint8_t *resolve(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *addr)
{
	struct neighbour_key key = neighbour_key_of(side, addr);
	uint32_t index = l3_interface(l3, side) ? neighbour_find(l3, &key) : CAT_FLOW_NONE;
	return index == CAT_FLOW_NONE ? NULL : mac_to_use(l3, index);
}

const uint8_t *cat_l3_resolve4_slow(struct cat_l3_cache *cache, enum cat_side side, uint32_t addr)
{
	struct cat_l3 *l3 = (struct cat_l3 *)cache;
	struct cat_addr a = {.family = AF_INET};
	memcpy(a.byte, &addr, 4);
	const uint8_t *mac = resolve(l3, side, &a);
	if (!mac)
		return NULL;
	struct cat_l3_cached4 *c = &cache->cached4[addr * UINT32_C(0x9e3779b1) >> (32 - CAT_L3_CACHE_BITS)];
	c->stamp = cache->generation << 1 | (uint64_t)side;
	c->addr = addr;
	memcpy(c->macs, mac, 6);
	memcpy(c->macs + 6, l3_interface(l3, side)->mac.byte, 6);
	return c->macs;
}

const uint8_t *cat_l3_resolve6_slow(struct cat_l3_cache *cache, enum cat_side side, const uint8_t addr[16])
{
	struct cat_l3 *l3 = (struct cat_l3 *)cache;
	struct cat_addr a = addr6(addr);
	const uint8_t *mac = resolve(l3, side, &a);
	if (!mac)
		return NULL;
	struct cat_l3_cached6 *c = &cache->cached6[cat_l3_slot6(addr)];
	c->stamp = cache->generation << 1 | (uint64_t)side;
	memcpy(c->addr, addr, 16);
	memcpy(c->macs, mac, 6);
	memcpy(c->macs + 6, l3_interface(l3, side)->mac.byte, 6);
	return c->macs;
}

// The entry for a next hop that has no MAC yet; asks for it if it is new. CAT_FLOW_NONE: there is no room for one.
static uint32_t entry_for(struct cat_l3 *l3, const struct neighbour_key *key)
{
	uint32_t index = neighbour_find(l3, key);
	if (index != CAT_FLOW_NONE)
		return index;
	// Whoever sends to every address of a large prefix must not push out or keep out real neighbours (RFC 6583).
	if (l3->asking >= cat_flow_capacity(l3->table) / 2)
		return CAT_FLOW_NONE;
	index = add(l3, key);
	if (index == CAT_FLOW_NONE)
		return CAT_FLOW_NONE;
	struct neighbour theirs;
	if (board_find(l3, key, &theirs)) {
		set(l3, index, theirs.word.mac, NEIGHBOUR_STALE);
		return index;
	}
	board_publish(l3, key, neighbour_at(l3, index));
	ask(l3, index);
	return index;
}

void cat_l3_output(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from, enum cat_side to,
		   const struct cat_addr *next_hop)
{
	const struct cat_l3_interface *interface = l3_interface(l3, to);
	struct neighbour_key key = neighbour_key_of(to, next_hop);
	uint32_t index = interface ? entry_for(l3, &key) : CAT_FLOW_NONE;
	const uint8_t *mac = index == CAT_FLOW_NONE ? NULL : mac_to_use(l3, index);
	if (mac) {
		uint8_t macs[12];
		memcpy(macs, mac, 6);
		memcpy(macs + 6, interface->mac.byte, 6);
		cat_l3_frame(l3->lane, desc, macs);
		cat_emit(l3->lane, desc, to);
		return;
	}
	bool tell = from != CAT_L3_NOBODY;
	if (index != CAT_FLOW_NONE && neighbour_at(l3, index)->word.state == NEIGHBOUR_FAILED) {
		if (tell)
			cat_icmp_error(l3, desc, from, CAT_ICMP_HOST_UNREACHABLE, 0);
	} else if (index != CAT_FLOW_NONE && wait_add(l3, index, desc, from, !tell)) {
		cat_drop(l3->lane, desc, CAT_DROP_CONSUMED);
		return;
	}
	cat_drop(l3->lane, desc, l3_reason(l3, CAT_L3_DROP_NO_NEIGHBOUR));
}

void cat_l3_output_supply(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side to, const struct cat_addr *next_hop)
{
	const struct cat_l3_interface *interface = l3_interface(l3, to);
	if (!interface)
		return;
	struct neighbour_key key = neighbour_key_of(to, next_hop);
	uint32_t index = neighbour_find(l3, &key);
	const uint8_t *mac = index == CAT_FLOW_NONE ? NULL : mac_to_use(l3, index);
	if (mac) {
		uint8_t macs[12];
		memcpy(macs, mac, 6);
		memcpy(macs + 6, interface->mac.byte, 6);
		uint16_t type = desc->flags & CAT_DESC_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
		cat_l3_frame(l3->lane, desc, macs);
		store16(cat_data(l3->lane, desc) + 12, type);
		if (!desc->hash)
			desc->flags = 0;
		cat_emit_supply(l3->lane, desc, to);
		return;
	}
	// Asking takes the buffer that the packet lies in: a copy comes first.
	if (index == CAT_FLOW_NONE) {
		if (l3->asking >= cat_flow_capacity(l3->table) / 2 || (index = add(l3, &key)) == CAT_FLOW_NONE)
			return;
		wait_add(l3, index, desc, to, true);
		board_publish(l3, &key, neighbour_at(l3, index));
		ask(l3, index);
	} else if (neighbour_at(l3, index)->word.state == NEIGHBOUR_INCOMPLETE) {
		wait_add(l3, index, desc, to, true);
	}
}

void neighbour_tick(struct cat_l3 *l3)
{
	cat_flow_expire(l3->table, l3_now_ms(l3), EXPIRE_BUDGET, on_timer, l3);
	if (l3->options.board && l3->lane->lanes > 1)
		board_news(l3, on_news);
	if (l3->wait.retry) {
		l3->wait.retry = false;
		for (uint32_t i = 0; i < CAT_L3_WAIT_MAX && !l3->wait.retry; i++) {
			uint32_t index = l3->wait.slot[i].neighbour;
			if (l3->wait.slot[i].used && has_mac(neighbour_at(l3, index)->word.state))
				wait_send(l3, index);
		}
	}
}

void neighbour_adopt(struct cat_l3 *l3)
{
	l3->asking = 0;
	for (uint32_t i = cat_flow_next(l3->table, CAT_FLOW_NONE); i != CAT_FLOW_NONE;
	     i = cat_flow_next(l3->table, i)) {
		const struct neighbour_key *key = cat_flow_key(l3->table, i);
		const struct cat_l3_interface *interface =
			key->side < CAT_SIDES ? l3->options.interface[key->side] : NULL;
		struct cat_addr addr = addr_of(key);
		l3->asking += !has_mac(neighbour_at(l3, i)->word.state);
		// A predecessor may have written anything.
		bool bad = neighbour_at(l3, i)->word.state > NEIGHBOUR_LAST || neighbour_find(l3, key) != i;
		if (bad || !interface || !cat_l3_is_on_link(interface, &addr) ||
		    l3_answers_for(l3, interface->side, &addr))
			forget(l3, i);
		else
			board_publish(l3, key, neighbour_at(l3, i));
	}
	l3->cache.generation++;
}
