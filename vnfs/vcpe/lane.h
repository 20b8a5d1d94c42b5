// SPDX-License-Identifier: BSD-3-Clause
// A vCPE's lane, and the packet in hand while it is looked at off the fast path.
#ifndef VCPE_LANE_H
#define VCPE_LANE_H

#include <netinet/in.h>

#include "cat_fragments.h"
#include "cat_icmp.h"
#include "cat_neighbour.h"
#include "cat_parse.h"
#include "cat_vnf.h"
#include "config.h"
#include "counters.h"
#include "icmp.h"
#include "nat.h"
#include "police.h"
#include "rewrite.h"

#define VCPE_CHANNEL 0u // the tap

// What the container's kernel takes for its next hop: nobody on a wire has it.
extern const struct cat_mac vcpe_virtual_mac;
extern const struct cat_addr vcpe_virtual_gateway4, vcpe_virtual_gateway6;
#define VCPE_BATCH 256u // packets looked up at once: their keys stay in the first-level cache

// What was done to the first fragment of a datagram, and is to be done to the others.
struct vcpe_pieces {
	uint32_t source, destination; // as they left
	uint32_t next_hop;
	uint32_t host; // of the LAN, for policing
	uint8_t to;    // enum cat_side
	bool sent;
};

struct vcpe_lane {
	struct nat nat;
	struct cat_fragments fragments;
	struct police police;
	struct cat_l3 *l3;
	struct cat_l3_cache *cache; // of l3
	// Of the batch in hand.
	struct nat_key key[VCPE_BATCH];
	const void *keys[VCPE_BATCH];
	uint32_t hash[VCPE_BATCH];
	uint32_t found[VCPE_BATCH];
	uint32_t place[VCPE_BATCH]; // of a packet's key, or CAT_FLOW_NONE
};

// Where the packet in hand came from decides how it is given back.
struct packet {
	struct cat_lane *lane;
	struct vcpe_lane *v;
	const struct vcpe_config *config;
	struct cat_desc *desc;
	enum cat_side from;
	bool translated;            // it is not any more what its sender sent
	struct vcpe_pieces *pieces; // of a first fragment; NULL: a whole packet
	bool own;                   // of the container's kernel: a buffer from supply, not of the burst
};

static inline uint8_t *packet_l3(const struct packet *p)
{
	return cat_data(p->lane, p->desc) + p->desc->l3;
}

static inline uint8_t *packet_l4(const struct packet *p)
{
	return cat_data(p->lane, p->desc) + p->desc->l4;
}

static inline uint32_t packet_size(const struct packet *p)
{
	return (uint32_t)p->desc->len - p->desc->l3;
}

static inline void packet_count(const struct packet *p, uint32_t counter)
{
	cat_stats_add(p->lane->stats, counter, 1);
}

static inline void packet_drop(const struct packet *p, uint32_t reason)
{
	if (p->own)
		cat_stats_add(p->lane->stats, reason, 1);
	else
		cat_drop(p->lane, p->desc, reason);
}

static inline void packet_emit(const struct packet *p, enum cat_side to)
{
	if (p->own)
		cat_emit_supply(p->lane, p->desc, to);
	else
		cat_emit(p->lane, p->desc, to);
}

// To the container's kernel.
static inline void packet_punt(const struct packet *p)
{
	if (!p->own)
		cat_punt(p->lane, p->desc, VCPE_CHANNEL);
}

// The whole transport header lies within the packet (descriptors are checked for the offset only).
static inline bool desc_has_transport(const struct cat_desc *desc)
{
	uint32_t need = desc->flags & CAT_DESC_TCP ? 20 : 8;
	return (desc->flags & (CAT_DESC_TCP | CAT_DESC_UDP | CAT_DESC_ICMP)) && desc->l4 + need <= desc->len;
}

// The last step of a packet: to a neighbour, or dropped.
void hop_send4(struct packet *p, enum cat_side to, uint32_t next_hop);
void hop_send6(struct packet *p, enum cat_side to, const uint8_t next_hop[16]);
// Drops it for the reason and tells the sender (unless it is the container's own kernel).
void hop_refuse(struct packet *p, enum cat_icmp_error error, uint32_t argument, uint32_t reason);
// Answers an echo request.
void hop_echo(struct packet *p);
// Makes its frame one for the container's kernel.
void hop_address_to_kernel(struct packet *p);
// Sent to more than one station.
static inline bool hop_is_group(const struct packet *p)
{
	return cat_data(p->lane, p->desc)[0] & 1;
}

// IPv4 by side (out.c, in.c): the slow path, every check made.
void vcpe_ipv4_from_lan(struct packet *p);
void vcpe_ipv4_from_wan(struct packet *p);
// Translates for a session and sends; used by both paths.
void vcpe_send_out(struct packet *p, uint32_t session);
void vcpe_send_in(struct packet *p, uint32_t session);
// IPv6 (ipv6.c).
void vcpe_ipv6_from_lan(struct packet *p);
void vcpe_ipv6_from_wan(struct packet *p);
// From the container's kernel (inject.c).
void vcpe_inject(struct cat_lane *lane, unsigned channel, const uint8_t *frame, uint32_t length);
// Limits the MSS option of a SYN to what the WAN carries (RFC 6691 counts; RFC 879): ip_header is 20 or 40.
bool vcpe_clamp_mss(uint8_t *l4, uint32_t size, uint32_t mtu, uint32_t ip_header);
// A fragment: `whole` treats the first one of a datagram as if it were all.
void vcpe_fragment(struct packet *p, void (*whole)(struct packet *p));
// Keeps what became of a first fragment that is about to leave.
void vcpe_note_pieces(struct packet *p, enum cat_side to, uint32_t next_hop);
// The key of a TCP, UDP or ICMP query packet; near is its source (out) or destination. False: it has none.
bool vcpe_key(const struct cat_lane *lane, const struct cat_desc *desc, bool outbound, struct nat_key *ret_key);
// Drops it for the reason, and tells the sender by RFC 5508 REQ-8 where that is the reason's due.
void vcpe_refuse(struct packet *p, enum nat_result result);
// Polices and marks. False: red.
bool vcpe_police(struct packet *p, struct police_meters *meters, enum police_direction direction);
// Whether IPv4 packets may have this source or destination at all (RFC 1812, section 5.3.7).
bool vcpe_is_host_address(uint32_t address);

#endif
