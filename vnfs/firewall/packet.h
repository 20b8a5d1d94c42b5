// SPDX-License-Identifier: BSD-3-Clause
// What the firewall wants to know of a packet: which connection it would belong to, and how it is to be treated.
#ifndef FIREWALL_PACKET_H
#define FIREWALL_PACKET_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "acl.h"
#include "cat_abi.h"
#include "config.h"

// Names a connection: both ends in an order that does not depend on the direction. `side` is where the low end lives,
// so that a packet that comes from the wrong side belongs to no connection, and traffic that another function sends
// back through the firewall is a connection of its own. Addresses and ports in network order; IPv4 in the first four
// bytes.
//
// For ICMP queries both ports are the identifier, and `query` says what is asked and which end asks, so that a request
// from the other end is another connection.
struct fw_key {
	uint8_t low[16], high[16];
	uint16_t low_port, high_port;
	uint8_t protocol;
	uint8_t family; // enum fw_family
	uint8_t side;
	uint8_t query; // 0: no ICMP query
};
static_assert(sizeof(struct fw_key) == 40, "no padding in a key");

enum fw_kind {
	FW_TCP,
	FW_UDP,
	FW_QUERY,  // an ICMP request that is answered
	FW_ANSWER, // and what answers it
	FW_OTHER,  // any other transport
	FW_TRACKED_LAST = FW_OTHER,
	FW_ERROR,     // an ICMP error; the key is that of the packet that it quotes
	FW_UNTRACKED, // ICMP that neither asks, answers, nor reports: rules alone decide
	FW_FRAGMENT,  // goes with the first of its datagram
	FW_PASS,      // `counter` is counted
	FW_REFUSE,    // `counter` is the drop reason
};

struct fw_packet {
	struct fw_key key;
	uint32_t hash;
	uint8_t kind;
	bool from_high; // the packet's source is the key's high end
	uint16_t counter;
	uint32_t connection; // entry of the flow table
	uint32_t match;      // what fw_acl_classify said
	// Of the quoted TCP segment, host order; FW_ERROR with protocol TCP only.
	uint32_t quoted_seq;
};

// Fills key, hash, kind, from_high, counter of ret_packet from a parsed packet that enters on `side`.
void fw_packet_read(const struct fw_config *config, const struct cat_desc *desc, const uint8_t *data,
		    enum cat_side side, struct fw_packet *ret_packet);
// The same for the first fragment of a datagram, as if it were whole.
void fw_packet_read_first(const struct fw_config *config, const struct cat_desc *desc, const uint8_t *data,
			  enum cat_side side, struct fw_packet *ret_packet);
// What the rules are asked about it. Only for IPv4 or IPv6 with l4 set.
void fw_packet_input4(const struct cat_desc *desc, const uint8_t *data, struct fw_acl_input4 *ret_input);
void fw_packet_input6(const struct cat_desc *desc, const uint8_t *data, const struct fw_packet *packet,
		      struct fw_acl_input6 *ret_input);

// The same about the packet that opened a connection, from what its key says.
void fw_key_input(const struct fw_key *key, bool from_high, union fw_acl_input *ret_input);

static inline uint16_t fw_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t fw_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#endif
