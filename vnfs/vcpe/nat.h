// SPDX-License-Identifier: BSD-3-Clause
// NAPT44: sessions, mappings and ports of one lane (RFC 4787, RFC 5382, RFC 5508).
//
// How it works
//
// A session is one 5-tuple as the LAN sees it (`inner` table) and as the WAN sees it (`outer` table, which leads to the
// session). A mapping joins an internal endpoint (address, port, protocol) to a public one for as long as any session
// uses it, whatever the remote end (endpoint-independent mapping): `mapping` finds it by the internal endpoint,
// `endpoint` by the public one. `permit` counts sessions per (public endpoint, remote address), which is what
// address-dependent filtering asks for. Sessions of static forwarding rules have no mapping: the rule is it.
//
// The five tables lie in state memory. A session is whole when it stands in `inner`; everything else can be made again
// from there, and nat_reconcile does so when a successor takes over and when the configuration changes.
//
// With several lanes a packet's lane follows from the symmetric hash of its 5-tuple. A new public port is chosen so
// that the return traffic has a hash of this lane; lanes own disjoint ports. An internal endpoint that talks to remote
// ends whose hashes cannot meet here with one port gets a further mapping ("variant").
//
// Addresses and ports are in network order throughout.
#ifndef VCPE_NAT_H
#define VCPE_NAT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_flow.h"
#include "config.h"

#define NAT_STATE_VERSION 1u
#define NAT_VARIANTS_MAX 32u

// near: the LAN host (inner) or the public endpoint (outer); far: the remote end. ICMP queries have their
// identifier as both ports.
struct nat_key {
	uint32_t near, far;
	uint16_t near_port, far_port;
	uint8_t protocol;
	uint8_t variant; // of a mapping, else 0
	uint16_t zero;
};

// What a TCP session has seen so far.
enum nat_tcp {
	NAT_TCP_SYN_OUT = 1 << 0,
	NAT_TCP_SYN_IN = 1 << 1,
	NAT_TCP_ESTABLISHED = 1 << 2,
	NAT_TCP_FIN_OUT = 1 << 3,
	NAT_TCP_FIN_IN = 1 << 4,
	NAT_TCP_RST = 1 << 5,
};

// Sessions whose packets need more than translation and the gateway: they leave the fast path.
enum nat_session_flag {
	NAT_SESSION_LOCAL = 1 << 0,   // of the gateway itself: answers go to the control thread
	NAT_SESSION_HAIRPIN = 1 << 1, // the remote end is a public address of ours
	NAT_SESSION_ON_LINK = 1 << 2, // the remote end is in the WAN's subnet
};

// With the key and the table's own header it fills one cache line.
struct nat_session {
	uint32_t address; // the public endpoint
	uint16_t port;
	uint8_t tcp;      // nat_tcp
	uint8_t timer;    // vcpe_timer
	uint32_t outer;   // index in the outer table
	uint32_t mapping; // index in the mapping table; CAT_FLOW_NONE: of a forwarding rule
	uint32_t inner_hash, outer_hash;
	uint16_t address_delta; // what leaving changes in a sum over the address, one's complement
	uint16_t port_delta;    // the same for the port
	uint16_t touched;       // when its end was last put off: that end, in units of 1,024 ms
	uint16_t flags;         // nat_session_flag
};
static_assert(sizeof(struct nat_session) == 32, "a session's place");

struct nat_mapping {
	uint32_t address; // the public endpoint
	uint16_t port;
	uint16_t slot; // of the address in the pool
	uint32_t sessions;
	uint32_t endpoint; // index in the endpoint table
};

struct nat_subscriber {
	uint32_t sessions;
	uint32_t pool; // 1 + index of its pool address; 0: not chosen yet
};

enum nat_result { NAT_OK, NAT_NO_SESSION, NAT_FILTERED, NAT_QUOTA, NAT_PORTS, NAT_TABLE };

struct nat {
	struct cat_flow_table *inner, *outer, *mapping, *endpoint, *permit;
	uint64_t *ports;                         // taken ports: per pool address and protocol a bit each
	uint64_t *live_sessions, *live_mappings; // marks for nat_reconcile
	struct nat_subscriber *subscriber;       // by the low 16 bits of the LAN address
	uint32_t subscribers;                    // with at least one session
	bool permits;                            // the filter needs `permit`
	uint32_t lane, lanes;
	uint64_t random;
	uint64_t created, expired; // sessions, ever
};

// Attaches to the lane's state memory (or makes it anew) and reconciles. Returns 0, -ENOSPC, -ENOMEM.
int nat_init(struct nat *nat, const struct vcpe_config *config, void *state, size_t state_bytes, uint32_t lane,
	     uint32_t lanes, uint64_t now_ms, struct cat_err *err);
void nat_finish(struct nat *nat);
// Brings everything that follows from the sessions in line with them and the configuration; ends those that do not fit.
void nat_reconcile(struct nat *nat, const struct vcpe_config *config);
// Whether a change from one to the other needs nat_reconcile.
bool nat_config_differs(const struct vcpe_config *from, const struct vcpe_config *to);
// Ends sessions whose time has come.
void nat_expire(struct nat *nat, uint64_t now_ms, uint32_t budget);

uint32_t nat_hash(const struct nat_key *key);

// A session for a packet from the LAN (inner key), made if it may be. opens: the packet may begin a session (no TCP, or
// a SYN); others do so only where a forwarding rule says what they belong to.
enum nat_result nat_open_out(struct nat *nat, const struct vcpe_config *config, const struct nat_key *inner, bool opens,
			     uint64_t now_ms, uint32_t *ret_session);
// A session for a packet from outside (outer key) that a rule, or a mapping and the filter, let in.
enum nat_result nat_open_in(struct nat *nat, const struct vcpe_config *config, const struct nat_key *outer, bool opens,
			    uint64_t now_ms, uint32_t *ret_session);
// Where a packet from outside would go, without making a session: rule, or mapping and filter.
enum nat_result nat_admit(struct nat *nat, const struct vcpe_config *config, const struct nat_key *outer,
			  uint32_t *ret_address, uint16_t *ret_port);
// Existing sessions. CAT_FLOW_NONE: none.
uint32_t nat_find_inner(const struct nat *nat, const struct nat_key *inner);
uint32_t nat_find_outer(const struct nat *nat, const struct nat_key *outer);

static inline struct nat_session *nat_session(const struct nat *nat, uint32_t index)
{
	return cat_flow_value(nat->inner, index);
}

static inline const struct nat_key *nat_session_key(const struct nat *nat, uint32_t index)
{
	return cat_flow_key(nat->inner, index);
}

// The session that an entry of the outer table leads to.
static inline uint32_t nat_session_of(const struct nat *nat, uint32_t outer)
{
	return *(const uint32_t *)cat_flow_value(nat->outer, outer);
}

// The state after a packet with these TCP flags (RFC 5382 REQ-2, RFC 7857 section 2).
uint8_t nat_tcp_next(uint8_t state, uint8_t flags, bool outbound);
enum vcpe_timer nat_tcp_timer(uint8_t state);

// Puts off the session's end, to the second.
static inline void nat_touch(struct nat *nat, const struct vcpe_config *config, uint32_t index,
			     struct nat_session *session, uint64_t now_ms)
{
	uint64_t expires = now_ms + config->nat.timeout_ms[session->timer];
	uint16_t touched = (uint16_t)(expires >> 10);
	if (__builtin_expect(touched != session->touched, 0)) {
		session->touched = touched;
		cat_flow_set_expiry(nat->inner, index, expires);
	}
}

#define NAT_TCP_FIN 0x01u
#define NAT_TCP_SYN 0x02u
#define NAT_TCP_RESET 0x04u
#define NAT_TCP_ACK 0x10u

// On each TCP packet; most change nothing.
static inline void nat_track_tcp(struct nat_session *session, uint8_t flags, bool outbound)
{
	const uint8_t quiet = NAT_TCP_SYN_OUT | NAT_TCP_SYN_IN | NAT_TCP_ESTABLISHED;
	if (__builtin_expect((flags & (NAT_TCP_FIN | NAT_TCP_SYN | NAT_TCP_RESET)) == 0 && session->tcp == quiet, 1))
		return;
	session->tcp = nat_tcp_next(session->tcp, flags, outbound);
	session->timer = (uint8_t)nat_tcp_timer(session->tcp);
}

// Parts that nat_reconcile shares with the rest.
static inline struct nat_subscriber *nat_subscriber_of(const struct nat *nat, uint32_t address)
{
	return &nat->subscriber[__builtin_bswap32(address) & (VCPE_SUBSCRIBERS_MAX - 1)];
}
const struct vcpe_forward *nat_rule_of_public(const struct vcpe_config *config, const struct nat_key *outer);
const struct vcpe_forward *nat_rule_of_host(const struct vcpe_config *config, const struct nat_key *inner);
struct nat_key nat_outer_key(const struct nat_session *session, const struct nat_key *inner);
struct nat_key nat_permit_key(const struct nat_session *session, const struct nat_key *inner);
// Counts the session at subscriber and filter. False: the filter's table is full.
bool nat_account(struct nat *nat, const struct vcpe_config *config, const struct nat_session *session,
		 const struct nat_key *inner);
// Sets what follows from both endpoints: hashes, checksum differences, flags.
void nat_session_derive(const struct vcpe_config *config, struct nat_session *session, const struct nat_key *inner);
bool nat_slot_of(const struct vcpe_config *config, uint32_t address, uint32_t *ret_slot);

// Ports (ports.c). slot: index of the pool address. taken ones are marked until given back.
#define NAT_PORT_WORDS 1024u
#define NAT_PROTOCOLS 3u
static inline unsigned nat_protocol_index(uint8_t protocol)
{
	return protocol == 6 ? 0 : protocol == 17 ? 1 : 2;
}
// For a remote end and internal port; 0: none left.
uint16_t nat_port_take(struct nat *nat, const struct vcpe_config *config, uint32_t slot, const struct nat_key *inner);
void nat_port_mark(struct nat *nat, uint32_t slot, uint8_t protocol, uint16_t port);
bool nat_port_taken(const struct nat *nat, uint32_t slot, uint8_t protocol, uint16_t port);
void nat_port_give(struct nat *nat, uint32_t slot, uint8_t protocol, uint16_t port);
// Whether the return traffic of this session meets this lane.
bool nat_port_meets_lane(const struct nat *nat, uint32_t address, uint16_t port, const struct nat_key *inner);

static inline uint32_t nat_random(struct nat *nat)
{
	// xorshift64*: seeded from the kernel; ports are to be hard to guess (RFC 6056), not secret.
	nat->random ^= nat->random >> 12;
	nat->random ^= nat->random << 25;
	nat->random ^= nat->random >> 27;
	return (uint32_t)((nat->random * UINT64_C(2685821657736338717)) >> 32);
}

#endif
