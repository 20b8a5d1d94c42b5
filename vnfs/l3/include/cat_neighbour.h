// SPDX-License-Identifier: BSD-3-Clause
// An IP endpoint on the sides of a lane: addresses, ARP (RFC 826, 5227), neighbour discovery (RFC 4861), and what it
// takes to send a packet to a next hop. The router and the vCPE share it.
//
// How it works
//
// A lane has one cat_l3 with an interface per side and one table of neighbours in state memory (cat_flow.h), so that a
// successor knows its neighbours at once. Entries go through the states of RFC 4861, section 7.3.2, for both families:
//
//   INCOMPLETE  asked once a second, three times; then FAILED for a while, in which packets are refused
//   REACHABLE   confirmed less than 30 s ago
//   STALE       older; used as it is, and the first packet makes it DELAY. Forgotten after 20 minutes without use
//   DELAY       5 s for the confirmation to come by itself, then PROBE
//   PROBE       asked by unicast once a second, three times; then forgotten
//
// Only an answer that was asked for confirms (an ARP reply, or a solicited advertisement, to one of our addresses);
// whoever asks for one of our addresses becomes a STALE neighbour; anything else changes entries that exist, and only
// to STALE. Addresses off the interface's prefixes are not learnt.
//
// Packets to a neighbour that is not resolved yet are copied to private memory (CAT_L3_WAIT_PER_NEIGHBOUR, and
// CAT_L3_WAIT_MAX in all) while their buffers go back, and leave in buffers from supply when the answer comes.
//
// More than one lane: ARP has flow hash 0 and reaches lane 0 only, and discovery packets reach the lane of their
// addresses. Each lane keeps its own table and asks for itself, and shows what it asks for and what it learnt on its
// part of the board (cat_l3_board): one writer, the others read with acquire. A lane takes an answer as asked for
// if any lane asks for it, and on its ticks copies what others learnt about addresses that it asks for itself. A
// neighbour that lane 2 asks for is so known there at most a tick after the answer came to lane 0.
#ifndef CAT_NEIGHBOUR_H
#define CAT_NEIGHBOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cat_addr.h"
#include "cat_err.h"
#include "cat_tree.h"
#include "cat_vnf.h"

#define CAT_L3_ADDRESSES_MAX 16u        // of one interface, the link-local one included
#define CAT_L3_NEIGHBOURS_DEFAULT 4096u // of one lane
#define CAT_L3_WAIT_MAX 256u            // packets of one lane that wait for a neighbour
#define CAT_L3_WAIT_PER_NEIGHBOUR 8u
#define CAT_L3_MTU_DEFAULT 1500u
#define CAT_L3_MTU_MIN 576u // 1280 where there are IPv6 addresses (RFC 8200, section 5)
#define CAT_L3_MTU_MAX 9216u
#define CAT_L3_ETHERNET 14u // bytes of an Ethernet header

// What a side is in layer 3. Part of a configuration: made by config_create, then constant.
struct cat_l3_interface {
	enum cat_side side;
	struct cat_mac mac;
	uint16_t mtu; // of IP packets
	uint32_t count;
	struct cat_prefix address[CAT_L3_ADDRESSES_MAX]; // with host bits; IPv6 link-local included
};

// An interface without addresses. `mac` NULL: one is derived from `seed` and the side (locally administered, unicast,
// the same for the same seed). The seed should be the interface's first address as text: it is unique on its link.
void cat_l3_interface_init(struct cat_l3_interface *interface, enum cat_side side, const struct cat_mac *mac,
			   const char *seed);
// Adds an address that a host can have on a link: not unspecified, loopback, multicast or reserved, neither the
// network's nor its broadcast address, none twice, prefix length 1 to 32 or 128. -EINVAL, -ENOSPC with a message.
int cat_l3_interface_add(struct cat_l3_interface *interface, const struct cat_prefix *address, struct cat_err *err);
// After the last address: adds fe80::/64 with the interface identifier of the MAC (RFC 4291, appendix A) if there is an
// IPv6 address but no link-local one.
int cat_l3_interface_finish(struct cat_l3_interface *interface, struct cat_err *err);
// All of the above from {addresses: [...], mac: "...", mtu: N}; `node` NULL: no addresses. Refuses unknown keys.
int cat_l3_interface_read(const struct cat_node *node, enum cat_side side, struct cat_l3_interface *ret_interface,
			  struct cat_err *err);
// The address that `to` sees us by: of the same family, on the same prefix if there is one, else the first of at least
// its scope (RFC 6724 in short). NULL: the interface has none of the family.
const struct cat_addr *cat_l3_source_for(const struct cat_l3_interface *interface, const struct cat_addr *to);
// One of our own addresses.
bool cat_l3_is_own(const struct cat_l3_interface *interface, const struct cat_addr *addr);
// Within one of the interface's prefixes.
bool cat_l3_is_on_link(const struct cat_l3_interface *interface, const struct cat_addr *addr);

// The place where the lanes of one process show each other their neighbours. Belongs to a configuration. With one lane
// none is needed. NULL: no memory.
struct cat_l3_board *cat_l3_board_create(void);
void cat_l3_board_destroy(struct cat_l3_board *board); // NULL is fine

// Counters of a lane, to be put into the VNF's list with CAT_L3_COUNTERS, one after the other in this order.
enum cat_l3_stat {
	CAT_L3_DROP_NO_NEIGHBOUR,  // the next hop does not answer, or too many packets wait for it
	CAT_L3_DROP_BAD_CHECKSUM,  // of IPv4, or of an ICMP packet to us
	CAT_L3_DROP_BAD_NEIGHBOUR, // ARP and discovery packets that their RFCs say to ignore
	CAT_L3_REQUESTS,           // ARP requests and neighbour solicitations sent
	CAT_L3_REPLIES,            // ARP replies and neighbour advertisements sent
	CAT_L3_CONFLICTS,          // somebody else uses one of our addresses
	CAT_L3_WAITED,             // packets that waited for a neighbour (their buffers count as consumed)
	CAT_L3_WAIT_LOST,          // of them: given up
	CAT_L3_ECHO,               // echo requests answered
	CAT_L3_ICMP_SENT,          // ICMP errors sent
	CAT_L3_ICMP_LIMITED,       // ICMP errors not sent: rate limit
	CAT_L3_NEIGHBOURS,         // entries
	CAT_L3_STATS
};
#define CAT_L3_COUNTERS                                                                                                \
	"drop.no_neighbour", "drop.bad_checksum", "drop.bad_neighbour", "neighbour.requests", "neighbour.replies",     \
		"neighbour.conflicts", "neighbour.waited", "neighbour.wait_lost", "icmp.echo", "icmp.sent",            \
		"icmp.limited", "gauge.neighbours"

struct cat_l3;

struct cat_l3_options {
	const struct cat_l3_interface
		*interface[CAT_SIDES]; // lives until the next cat_l3_configure; NULL: no IP on that side
	struct cat_l3_board *board;    // NULL: one lane
	uint32_t stat;                 // index of CAT_L3_DROP_NO_NEIGHBOUR in the statistics page
	uint32_t neighbours;           // capacity of the table; 0: CAT_L3_NEIGHBOURS_DEFAULT
	uint32_t icmp_rate_pps;        // ICMP errors per second, of all lanes together; 0: 1000
	uint32_t icmp_burst;           // 0: 100
	// Further addresses that we answer ARP requests and solicitations for on that side (a NAT pool). NULL: none.
	bool (*proxy)(void *user, enum cat_side side, const struct cat_addr *target);
	// The MAC with which such an address is answered for, where it is not the side's own (NULL). NULL: always that.
	const struct cat_mac *(*answer_mac)(void *user, enum cat_side side, const struct cat_addr *target);
	// Where our own packets to `to` go. False: nowhere. NULL: ICMP goes back to the side and the station from which
	// the packet came that it is about.
	bool (*route)(void *user, const struct cat_addr *to, enum cat_side *ret_side, struct cat_addr *ret_next_hop);
	void *user;
};

// Bytes of state memory for a table of that many neighbours (0: the default).
size_t cat_l3_state_bytes(uint32_t neighbours);
// For lane_create: attaches to what a predecessor left at `memory` (64-byte aligned), or starts afresh. lane->region's
// geometry (stride) must be set. Free with cat_l3_destroy; the state stays.
int cat_l3_create(struct cat_lane *lane, void *memory, size_t bytes, const struct cat_l3_options *options,
		  struct cat_l3 **ret_l3, struct cat_err *err);
void cat_l3_destroy(struct cat_l3 *l3); // NULL is fine
// For lane_reconfigured: takes new interfaces and callbacks (neighbours and stat stay as they were), forgets neighbours
// that are no longer on a link, and announces the addresses. Does not allocate.
void cat_l3_configure(struct cat_l3 *l3, const struct cat_l3_options *options);
// For tick: timers, requests, packets that waited, announcements of our addresses after start.
void cat_l3_tick(struct cat_l3 *l3);

// ARP, and the messages of neighbour discovery (ICMPv6 types 133 to 137): if the packet is one, answers it, learns
// from it, and gives it back. True: it was one and is done with. False: not touched.
bool cat_l3_control(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from);

// Sends a packet of the burst to next_hop: an Ethernet header is put before desc->l3 and the packet emitted, or it
// waits for the neighbour, or it is dropped with a reason, and its sender told that the host is unreachable. Its turn
// in the burst must have come; it is done with afterwards. desc needs IPV4 or IPV6 set and l3 at least CAT_L3_ETHERNET.
// `from` is the side that it came from, or CAT_L3_NOBODY: its sender is not told (after a translation, because an error
// would quote what he never sent).
#define CAT_L3_NOBODY ((enum cat_side)CAT_SIDES)
void cat_l3_output(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from, enum cat_side to,
		   const struct cat_addr *next_hop);
// The same for a packet of our own in the buffer that cat_supply_peek showed (flags and l3 set; hash 0: the neighbour
// parses it). Until this call nothing was taken.
void cat_l3_output_supply(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side to, const struct cat_addr *next_hop);

// The fast path of cat_l3_output: twelve bytes (destination and source MAC) for a next hop that is resolved, or NULL,
// and then cat_l3_output is to be called. Valid until the burst's end. addr in network order.
struct cat_l3_cached4 {
	uint64_t stamp; // generation and side; 0: empty
	uint32_t addr;
	uint8_t macs[12];
};
struct cat_l3_cached6 {
	uint64_t stamp;
	uint8_t addr[16];
	uint8_t macs[12];
};
#define CAT_L3_CACHE_BITS 9u
#define CAT_L3_CACHE (1u << CAT_L3_CACHE_BITS)

// What the inline functions below read; the whole is private.
struct cat_l3_cache {
	uint64_t generation; // grows with every change that makes a cached entry wrong
	struct cat_l3_cached4 cached4[CAT_L3_CACHE];
	struct cat_l3_cached6 cached6[CAT_L3_CACHE];
};
// Of this l3, for its whole life.
struct cat_l3_cache *cat_l3_cache(struct cat_l3 *l3);
const uint8_t *cat_l3_resolve4_slow(struct cat_l3_cache *cache, enum cat_side side, uint32_t addr);
const uint8_t *cat_l3_resolve6_slow(struct cat_l3_cache *cache, enum cat_side side, const uint8_t addr[16]);

static inline const uint8_t *cat_l3_resolve4(struct cat_l3_cache *cache, enum cat_side side, uint32_t addr)
{
	const struct cat_l3_cached4 *c = &cache->cached4[addr * UINT32_C(0x9e3779b1) >> (32 - CAT_L3_CACHE_BITS)];
	if (__builtin_expect(c->addr == addr && c->stamp == (cache->generation << 1 | (uint64_t)side), 1))
		return c->macs;
	return cat_l3_resolve4_slow(cache, side, addr);
}

static inline uint32_t cat_l3_slot6(const uint8_t addr[16])
{
	uint64_t a, b;
	memcpy(&a, addr, 8);
	memcpy(&b, addr + 8, 8);
	return (uint32_t)((a ^ b) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - CAT_L3_CACHE_BITS));
}

static inline const uint8_t *cat_l3_resolve6(struct cat_l3_cache *cache, enum cat_side side, const uint8_t addr[16])
{
	const struct cat_l3_cached6 *c = &cache->cached6[cat_l3_slot6(addr)];
	if (__builtin_expect(c->stamp == (cache->generation << 1 | (uint64_t)side) && memcmp(c->addr, addr, 16) == 0,
			     1))
		return c->macs;
	return cat_l3_resolve6_slow(cache, side, addr);
}

// Puts the Ethernet header before l3 and moves the packet's start there (tags between are gone).
static inline void cat_l3_frame(const struct cat_lane *lane, struct cat_desc *desc, const uint8_t macs[12])
{
	uint8_t *header = cat_data(lane, desc) + desc->l3 - CAT_L3_ETHERNET;
	uint32_t cut = desc->l3 - CAT_L3_ETHERNET;
	memcpy(header, macs, 12);
	if (__builtin_expect(cut != 0, 0)) {
		const uint8_t type4[2] = {0x08, 0x00}, type6[2] = {0x86, 0xdd};
		memcpy(header + 12, desc->flags & CAT_DESC_IPV4 ? type4 : type6, 2);
		desc->off = (uint16_t)(desc->off + cut);
		desc->len = (uint16_t)(desc->len - cut);
		desc->l4 = (uint8_t)(desc->l4 > cut ? desc->l4 - cut : 0);
		desc->l3 = CAT_L3_ETHERNET;
		desc->flags &= (uint16_t)~CAT_DESC_VLAN;
	}
}

#endif
