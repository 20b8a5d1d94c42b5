// SPDX-License-Identifier: BSD-3-Clause
// The generator's frames: one template, and what changes from flow to flow.
//
// Flow i has its number in the low half of its source address (beyond 65,536 flows in the upper half, too). The same
// amount is taken out of the IPv4 identification and of the source port, so that every checksum of the template holds
// for all flows.
#ifndef GEN_FRAME_H
#define GEN_FRAME_H

#include <stdbool.h>
#include <string.h>

#include "cat_addr.h"
#include "cat_parse.h"
#include "cat_tree.h"

#define GEN_SIZE_MIN 60u // without the frame check sequence
#define GEN_SIZE_MAX 9018u
#define GEN_FLOWS_MAX (1u << 24)
#define GEN_FCS 4u // sizes in options count it, as line rates do

struct gen_options {
	uint32_t size; // of the frame, with its check sequence
	uint32_t flows;
	bool tcp, ipv6;
	struct cat_mac source_mac, destination_mac;
	struct cat_addr source, destination;
	uint16_t destination_port;
	uint64_t rate_pps; // 0: as fast as the service takes them
	uint64_t count;    // 0: for ever
	bool sequence;     // a 32-bit number in the last bytes of each frame
};

// {size, flows, template: udp|tcp, source_mac, destination_mac, source, destination, destination_port, rate, count,
// sequence}, all optional. NULL: all defaults. size_max: what fits a buffer.
int gen_options_read(const struct cat_node *options, uint32_t size_max, struct gen_options *ret, struct cat_err *err);

struct gen_frame {
	alignas(64) uint8_t data[GEN_SIZE_MAX + 64];
	struct cat_desc desc; // parsed; buf, off and hash are the sender's to set
	uint32_t address_at;  // of the last 32 bits of the source address
	uint32_t id_at;       // 0: IPv6 has none
	uint32_t sport_at;
	uint32_t address; // of flow 0, host order; flow numbers are added to it
	uint16_t id, sport;
	uint32_t destination; // IPv4, as it lies in the packet
	uint16_t dport;
	uint8_t protocol;
	bool ipv6;
};

void gen_frame_build(const struct gen_options *options, struct gen_frame *ret);

static inline void gen_put16(uint8_t *p, uint32_t v)
{
	uint16_t be = __builtin_bswap16((uint16_t)v);
	memcpy(p, &be, 2);
}

// a - b in one's complement arithmetic (RFC 1071).
static inline uint16_t gen_subtract(uint16_t a, uint32_t b)
{
	uint32_t v = a + 2 * 0xffffu - (b & 0xffff) - (b >> 16);
	v = (v & 0xffff) + (v >> 16);
	return (uint16_t)((v & 0xffff) + (v >> 16));
}

// The flow hash of a frame of IPv6 as written.
uint32_t gen_frame_hash6(const struct gen_frame *frame, const uint8_t *data);

// Writes flow `flow` into a copy of the template; returns its flow hash.
static inline uint32_t gen_frame_set_flow(const struct gen_frame *frame, uint32_t flow, uint8_t *data)
{
	uint32_t address = __builtin_bswap32(frame->address + flow);
	uint16_t sport = __builtin_bswap16(gen_subtract(frame->sport, flow));
	memcpy(data + frame->address_at, &address, sizeof(address));
	memcpy(data + frame->sport_at, &sport, sizeof(sport));
	if (frame->ipv6)
		return gen_frame_hash6(frame, data);
	gen_put16(data + frame->id_at, gen_subtract(frame->id, flow));
	return cat_flow_hash4(address, frame->destination, sport, frame->dport, frame->protocol);
}

#endif
