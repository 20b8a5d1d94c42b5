// SPDX-License-Identifier: BSD-3-Clause
// What a generator sends because of what arrived: answers to ARP requests, so that functions find their neighbours
// behind it, and, where it is asked to reflect, every packet with its addresses and ports exchanged.
#ifndef GEN_ANSWER_H
#define GEN_ANSWER_H

#include <stdbool.h>

#include "cat_abi.h"
#include "cat_addr.h"

struct port_io;

struct gen_answers {
	struct cat_desc *desc;
	uint32_t size; // a power of two
	uint32_t put, taken;
};

// Room for at least that many. Where packets are reflected it must be as many as there are buffers: a chain that is
// full in both directions moves only as long as its ends take everything. Returns 0 or -ENOMEM.
int gen_answers_init(struct gen_answers *answers, uint32_t size);

// Turns a request for a neighbour into its answer. False: it is none. RFC 826; who asks for his own address (RFC 5227)
// gets none.
bool gen_answer_arp(uint8_t *data, uint32_t length, const struct cat_mac *mac);
// Exchanges the addresses and ports of IPv4 and IPv6. The flow hash and every checksum stay as they are. False: it is
// neither, or the descriptor's offsets are not within its data.
bool gen_answer_reflect(uint8_t *data, const struct cat_desc *desc);

// Takes in packets: what has an answer waits, as long as there is room, and the buffers of the rest are free again.
void gen_answers_take_in(struct gen_answers *answers, struct port_io *io, const struct cat_desc *desc, uint32_t count,
			 const struct cat_mac *mac, bool reflect);
// Gives at most max of those that wait.
uint32_t gen_answers_give(struct gen_answers *answers, struct cat_desc *ret_desc, uint32_t max);

#endif
