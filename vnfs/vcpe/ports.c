// SPDX-License-Identifier: BSD-3-Clause
// Public ports: which are taken, and the choice of a new one.
#include <arpa/inet.h>

#include "cat_parse.h"
#include "nat.h"

#define EVEN_PORTS UINT64_C(0x5555555555555555)
// With several lanes each candidate costs a hash: so many are tried.
#define CANDIDATES_MAX 8192u
#define WELL_KNOWN_LAST 1023u

static uint64_t *words_of(const struct nat *nat, uint32_t slot, uint8_t protocol)
{
	return nat->ports + ((size_t)slot * NAT_PROTOCOLS + nat_protocol_index(protocol)) * NAT_PORT_WORDS;
}

void nat_port_mark(struct nat *nat, uint32_t slot, uint8_t protocol, uint16_t port)
{
	uint32_t p = ntohs(port);
	words_of(nat, slot, protocol)[p / 64] |= UINT64_C(1) << (p % 64);
}

bool nat_port_taken(const struct nat *nat, uint32_t slot, uint8_t protocol, uint16_t port)
{
	uint32_t p = ntohs(port);
	return words_of(nat, slot, protocol)[p / 64] >> (p % 64) & 1;
}

void nat_port_give(struct nat *nat, uint32_t slot, uint8_t protocol, uint16_t port)
{
	uint32_t p = ntohs(port);
	words_of(nat, slot, protocol)[p / 64] &= ~(UINT64_C(1) << (p % 64));
}

bool nat_port_meets_lane(const struct nat *nat, uint32_t address, uint16_t port, const struct nat_key *inner)
{
	if (nat->lanes == 1)
		return true;
	uint16_t far_port = inner->protocol == 1 ? port : inner->far_port;
	return cat_lane_of(cat_flow_hash4(address, inner->far, port, far_port, inner->protocol), nat->lanes) ==
	       nat->lane;
}

struct choice {
	struct nat *nat;
	const uint64_t *words;
	const struct nat_key *inner;
	uint32_t address;
	uint32_t first, last; // host order
	uint64_t parity;      // bits of a word that may be taken
	uint32_t candidates;  // left to try
};

// Bits of word w within first..last.
static uint64_t range_mask(const struct choice *c, uint32_t w)
{
	uint64_t mask = UINT64_MAX;
	if (w == c->first / 64)
		mask &= UINT64_MAX << (c->first % 64);
	if (w == c->last / 64)
		mask &= UINT64_MAX >> (63 - c->last % 64);
	return mask;
}

static uint16_t take_in_word(struct choice *c, uint32_t w, uint64_t allowed)
{
	uint64_t free_ports = ~c->words[w] & allowed & range_mask(c, w);
	while (free_ports && c->candidates) {
		uint32_t port = w * 64 + (uint32_t)__builtin_ctzll(free_ports);
		uint16_t wire = htons((uint16_t)port);
		if (c->nat->lanes == 1)
			return wire;
		// Lanes own pairs of ports in turn, so that parity does not depend on the lane.
		if (port / 2 % c->nat->lanes == c->nat->lane) {
			c->candidates--;
			if (nat_port_meets_lane(c->nat, c->address, wire, c->inner))
				return wire;
		}
		free_ports &= free_ports - 1;
	}
	return 0;
}

// From a random place on, around the range once.
static uint16_t take_in_range(struct choice *c)
{
	uint32_t words = c->last / 64 - c->first / 64 + 1;
	uint32_t start = c->first + nat_random(c->nat) % (c->last - c->first + 1);
	uint64_t upper = UINT64_MAX << (start % 64);
	uint16_t port = take_in_word(c, start / 64, c->parity & upper);
	for (uint32_t i = 1; !port && i < words; i++) {
		uint32_t w = start / 64 + i;
		port = take_in_word(c, w <= c->last / 64 ? w : w - words, c->parity);
	}
	return port ? port : take_in_word(c, start / 64, c->parity & ~upper);
}

uint16_t nat_port_take(struct nat *nat, const struct vcpe_config *config, uint32_t slot, const struct nat_key *inner)
{
	struct choice c = {
		.nat = nat,
		.words = words_of(nat, slot, inner->protocol),
		.inner = inner,
		.address = config->nat.pool[slot],
		.first = config->nat.port_first,
		.last = config->nat.port_last,
		.candidates = CANDIDATES_MAX,
	};
	bool icmp = nat_protocol_index(inner->protocol) == 2;
	uint16_t source = ntohs(inner->near_port), port = 0;
	if (icmp) {
		c.first = 1;
		c.last = UINT16_MAX;
	}
	// Parity (RFC 4787 REQ-4) and the range of well-known ports (REQ-3a) are kept while there are such ports.
	uint64_t parity = icmp ? UINT64_MAX : EVEN_PORTS << (source & 1);
	if (!icmp && source <= WELL_KNOWN_LAST && source && config->nat.port_first == WELL_KNOWN_LAST + 1) {
		c.first = 1;
		c.last = WELL_KNOWN_LAST;
		c.parity = parity;
		port = take_in_range(&c);
		c.first = config->nat.port_first;
		c.last = config->nat.port_last;
	}
	for (unsigned round = 0; !port && round < 2; round++) {
		c.parity = round ? UINT64_MAX : parity;
		c.candidates = CANDIDATES_MAX;
		port = take_in_range(&c);
	}
	if (port)
		nat_port_mark(nat, slot, inner->protocol, port);
	return port;
}
