// SPDX-License-Identifier: BSD-3-Clause
// The generator's frames: one template, and what changes from flow to flow.
//
// Flow i comes from host i mod `hosts`, goes to destination i mod `destinations`, and takes i / hosts off the source
// port. The checksums of the template are corrected by what these differ from those of flow 0.
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
#define GEN_TIMED_MAX 65536u
#define GEN_FCS 4u // sizes in options count it, as line rates do

struct gen_options {
	uint32_t size; // of the frame, with its check sequence
	uint32_t flows;
	uint32_t hosts, destinations; // powers of two
	uint32_t destination_step;    // between the last 32 bits of two destinations
	bool tcp, ipv6;
	struct cat_mac source_mac, destination_mac;
	struct cat_addr source, destination;
	uint16_t destination_port;
	uint64_t rate_pps; // 0: as fast as the service takes them
	uint64_t count;    // 0: for ever
	bool send;         // false: a sink alone
	bool sequence;     // frames are marked and accounted for (gen_check.h)
	uint32_t timed;    // one frame in so many carries its time; a power of two
	uint32_t window;   // most packets under way on a lane, where what is sent comes back; 0: any
	bool reflect;      // sends back what arrives, and nothing of its own
};

// {size, flows, template: udp|tcp, source_mac, destination_mac, source, destination, destination_port, rate, count,
// send, sequence, timed, hosts, destinations, destination_step, window,
// reflect}, all optional. NULL: all defaults. size_max:
// what fits a buffer.
int gen_options_read(const struct cat_node *options, uint32_t size_max, struct gen_options *ret, struct cat_err *err);

struct gen_frame {
	alignas(64) uint8_t data[GEN_SIZE_MAX + 64];
	struct cat_desc desc; // parsed; buf, off and hash are the sender's to set
	// The last 32 bits of the addresses of flow 0, in host order, and where they stand.
	uint32_t source, destination, step;
	uint32_t source_at, destination_at, sport_at;
	uint32_t host_mask, host_bits, destination_mask;
	uint32_t l3_sum_at, l4_sum_at; // 0: there is none
	uint16_t l3_sum, l4_sum;       // what they would be if source, destination and source port were 0
	uint16_t sport, dport;         // dport as it lies in the packet
	uint8_t protocol;
	bool ipv6;
};

void gen_frame_build(const struct gen_options *options, struct gen_frame *ret);

static inline void gen_put16(uint8_t *p, uint32_t v)
{
	uint16_t be = __builtin_bswap16((uint16_t)v);
	memcpy(p, &be, 2);
}

// What is added to a checksum's field when these numbers are taken out of what it covers, or the other way round: a - b
// - c - d in one's complement arithmetic (RFC 1071), never 0.
static inline uint16_t gen_subtract(uint16_t a, uint32_t b, uint32_t c, uint32_t d)
{
	uint32_t v = a + 6 * 0xffffu - (b & 0xffff) - (b >> 16) - (c & 0xffff) - (c >> 16) - (d & 0xffff) - (d >> 16);
	v = (v & 0xffff) + (v >> 16);
	return (uint16_t)((v & 0xffff) + (v >> 16));
}

// The flow hash of a frame of IPv6 as written.
uint32_t gen_frame_hash6(const struct gen_frame *frame, const uint8_t *data);

// Writes flow `flow` into a copy of the template; returns its flow hash.
static inline uint32_t gen_frame_set_flow(const struct gen_frame *f, uint32_t flow, uint8_t *data)
{
	uint32_t from = f->source + (flow & f->host_mask);
	uint32_t to = f->destination + (flow & f->destination_mask) * f->step;
	uint16_t port = (uint16_t)(f->sport - (flow >> f->host_bits));
	uint32_t source = __builtin_bswap32(from), destination = __builtin_bswap32(to);
	uint16_t sport = __builtin_bswap16(port);
	memcpy(data + f->source_at, &source, sizeof(source));
	memcpy(data + f->destination_at, &destination, sizeof(destination));
	memcpy(data + f->sport_at, &sport, sizeof(sport));
	if (f->l4_sum_at)
		gen_put16(data + f->l4_sum_at, gen_subtract(f->l4_sum, from, to, port));
	if (f->ipv6)
		return gen_frame_hash6(f, data);
	gen_put16(data + f->l3_sum_at, gen_subtract(f->l3_sum, from, to, 0));
	return cat_flow_hash4(source, destination, sport, f->dport, f->protocol);
}

#endif
