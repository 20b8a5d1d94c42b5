// SPDX-License-Identifier: BSD-3-Clause
// What the files of this library share: the lane's endpoint, its neighbours, the packets that wait, the board.
#ifndef L3_H
#define L3_H

#include <arpa/inet.h>

#include "cat_flow.h"
#include "cat_icmp.h"
#include "cat_neighbour.h"

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_ARP 0x0806u
#define ETHERTYPE_IPV6 0x86ddu
#define PROTOCOL_ICMP 1u
#define PROTOCOL_ICMPV6 58u
#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define ICMP_HEADER 8u
#define OUR_TTL 64u

static inline uint16_t load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void store32(uint8_t *p, uint32_t v)
{
	store16(p, v >> 16);
	store16(p + 2, v);
}

// Checksums are kept as they lie in the packet (cat_csum.h).
static inline void store_csum(uint8_t *p, uint16_t csum)
{
	memcpy(p, &csum, 2);
}

static inline struct cat_addr addr4(const uint8_t *p)
{
	struct cat_addr a = {.family = AF_INET};
	memcpy(a.byte, p, 4);
	return a;
}

static inline struct cat_addr addr6(const uint8_t *p)
{
	struct cat_addr a = {.family = AF_INET6};
	memcpy(a.byte, p, 16);
	return a;
}

// Neighbours. Zero is what a successor finds of an entry whose maker died before filling it: it asks anew.
enum neighbour_state {
	NEIGHBOUR_INCOMPLETE = 0,
	NEIGHBOUR_REACHABLE,
	NEIGHBOUR_STALE,
	NEIGHBOUR_DELAY,
	NEIGHBOUR_PROBE,
	NEIGHBOUR_FAILED,
	NEIGHBOUR_LAST = NEIGHBOUR_FAILED
};

struct neighbour_key {
	uint8_t addr[16]; // IPv4 in the first four bytes
	uint8_t family, side;
	uint8_t zero[2];
};
static_assert(sizeof(struct neighbour_key) == 20, "key of the neighbour table");

// One word, so that it changes in one store: whoever dies leaves the old or the new one.
union neighbour_word {
	struct {
		uint8_t mac[6];
		uint8_t state;
		uint8_t tries; // requests sent in INCOMPLETE or PROBE
	};
	uint64_t all;
};

struct neighbour {
	union neighbour_word word;
	uint64_t since_ms; // of the last confirmation or change of state
};
#define NEIGHBOUR_VERSION 1u

// How an address and a MAC came to us.
enum neighbour_source {
	LEARNT_REPLY,   // an answer to a question of ours
	LEARNT_REQUEST, // somebody asks for one of our addresses
	LEARNT_OTHER,   // said to everybody
};

// Packets that wait, in private memory.
#define WAIT_NONE UINT16_MAX
struct wait_slot {
	struct cat_desc desc; // off and buf unused; l3 is CAT_L3_ETHERNET
	uint32_t neighbour;
	uint16_t next;
	uint8_t from;
	bool own, used; // own: made by us, nobody to be told
};
struct wait_list {
	uint16_t head, tail, count;
};
struct wait {
	struct wait_slot slot[CAT_L3_WAIT_MAX];
	uint16_t free;
	uint32_t room;          // bytes of a frame
	bool retry;             // some neighbour is known, and supply was too short to send all
	uint8_t *frames;        // CAT_L3_WAIT_MAX times room
	struct wait_list *list; // by neighbour
};

// What an ICMP error is about.
struct icmp_subject {
	const uint8_t *ip; // the IP header
	uint32_t len;      // from there
	uint32_t l4;       // offset from there, 0: unknown
	uint16_t flags;    // of the descriptor
	const uint8_t *macs;
	enum cat_side from;
};

struct cat_l3 {
	struct cat_l3_cache cache; // first: the fast path has only this
	struct cat_lane *lane;
	struct cat_l3_options options;
	struct cat_flow_table *table;
	struct wait wait;
	uint32_t asking; // entries INCOMPLETE or FAILED
	uint32_t icmp_tokens_milli;
	uint64_t icmp_filled_us;
	uint16_t ipv4_id;
	uint64_t board_seen[CAT_LANES_MAX]; // versions of the others' parts
	struct {
		uint8_t left; // announcements to come
		uint64_t due_ms, defended_ms;
	} announce[CAT_SIDES];
};

static inline uint64_t l3_now_ms(const struct cat_l3 *l3)
{
	return l3->lane->now_us / 1000;
}

static inline void l3_count(const struct cat_l3 *l3, enum cat_l3_stat stat)
{
	cat_stats_add(l3->lane->stats, l3->options.stat + (uint32_t)stat, 1);
}

static inline uint32_t l3_reason(const struct cat_l3 *l3, enum cat_l3_stat stat)
{
	return l3->options.stat + (uint32_t)stat;
}

static inline const struct cat_l3_interface *l3_interface(const struct cat_l3 *l3, enum cat_side side)
{
	return l3->options.interface[side];
}

static inline struct neighbour *neighbour_at(const struct cat_l3 *l3, uint32_t index)
{
	return cat_flow_value(l3->table, index);
}

// interface.c
bool l3_is_link_local(const struct cat_addr *addr);
// The broadcast address of one of the interface's IPv4 prefixes.
bool l3_is_subnet_broadcast(const struct cat_l3_interface *interface, const struct cat_addr *addr);
// Ours to answer for: own, or proxied.
bool l3_answers_for(const struct cat_l3 *l3, enum cat_side side, const struct cat_addr *addr);
// With which MAC.
const struct cat_mac *l3_answer_mac(const struct cat_l3 *l3, enum cat_side side, const struct cat_addr *addr);

// neighbour.c
struct neighbour_key neighbour_key_of(enum cat_side side, const struct cat_addr *addr);
uint32_t neighbour_find(const struct cat_l3 *l3, const struct neighbour_key *key);
// mac NULL: it did not say. override: the new MAC counts although another is known (RFC 4861, section 7.2.5).
void neighbour_learn(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *addr, const uint8_t *mac,
		     enum neighbour_source source, bool override);
// Timers, news from other lanes, packets that wait for supply.
void neighbour_tick(struct cat_l3 *l3);
// Counts what a predecessor or an older configuration left, and forgets what is not on a link now.
void neighbour_adopt(struct cat_l3 *l3);

// endpoint.c
// Somebody else uses one of our addresses: counted, and ours is announced again, at most once in 10 s.
void l3_conflict(struct cat_l3 *l3, enum cat_side side);

// Of both protocols. False: no supply. mac NULL: to everybody.
bool arp_ask(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *target, const uint8_t *mac);
bool arp_announce(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *own);
bool arp_input(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from);
bool nd_ask(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *target, const uint8_t *mac);
// An unsolicited advertisement; before the first of all a solicitation for duplicate address detection (RFC 4862).
bool nd_announce(struct cat_l3 *l3, enum cat_side side, const struct cat_addr *own, bool first);
bool nd_input(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from);

// wait.c
int wait_init(struct wait *wait, uint32_t neighbours, uint32_t room, struct cat_err *err);
void wait_finish(struct wait *wait);
// Copies the frame from desc->l3 on. False: no room, nothing was kept.
bool wait_add(struct cat_l3 *l3, uint32_t neighbour, const struct cat_desc *desc, enum cat_side from, bool own);
// Sends what waits for a neighbour whose MAC is known; what supply does not suffice for waits for the next tick.
void wait_send(struct cat_l3 *l3, uint32_t neighbour);
// Gives up; tells the senders if `tell`.
void wait_drop(struct cat_l3 *l3, uint32_t neighbour, bool tell);

// board.c
void board_publish(struct cat_l3 *l3, const struct neighbour_key *key, const struct neighbour *n);
void board_clear(struct cat_l3 *l3, const struct neighbour_key *key);
// What another lane knows. False: nothing with a MAC.
bool board_find(const struct cat_l3 *l3, const struct neighbour_key *key, struct neighbour *ret_neighbour);
// Another lane asks for it.
bool board_asked(const struct cat_l3 *l3, const struct neighbour_key *key);
typedef void (*board_news_fn)(struct cat_l3 *l3, const struct neighbour_key *key, const struct neighbour *theirs);
// Calls fn for what stands on parts of other lanes that changed since the last call.
void board_news(struct cat_l3 *l3, board_news_fn fn);

// icmp.c
void icmp_send_error(struct cat_l3 *l3, const struct icmp_subject *subject, enum cat_icmp_error error,
		     uint32_t argument);
// Where a packet of our own to `to` goes that answers one which came from that side. Where options->route is NULL: back
// there, and *ret_next_hop.family is 0: to the station that it came from. False: nowhere.
bool icmp_way_back(const struct cat_l3 *l3, const struct cat_addr *to, enum cat_side from, enum cat_side *ret_side,
		   struct cat_addr *ret_next_hop);

#endif
