// SPDX-License-Identifier: BSD-3-Clause
// Functions in one process, without what Catena puts between them: the library form of each, called one after the other
// on bursts that come from a port and go to a port. The ports are the dataplane's own drivers, so that what makes and
// swallows the packets costs the same here as in a service.
#ifndef FUSED_CHAIN_H
#define FUSED_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_err.h"

#define FUSED_FUNCTIONS_MAX 16u

struct fused_function {
	const char *kind;   // "null", "vcpe", "firewall" or "router"
	const char *config; // JSON text, NULL: none
};

struct fused_options {
	struct fused_function function[FUSED_FUNCTIONS_MAX];
	uint32_t functions;
	const char *port[2]; // JSON text {driver, options}: the left and the right end
	uint32_t burst;
	uint32_t state_mib; // of each function
	bool rings;         // with rings, checks, statistics and commits between the functions
};

struct fused_chain;

// NULL: err says why. fused_chain_destroy frees it.
struct fused_chain *fused_chain_create(const struct fused_options *options, struct cat_err *err);
void fused_chain_destroy(struct fused_chain *chain);
// One burst from each end through all functions. Returns the packets that left at either end.
uint32_t fused_chain_round(struct fused_chain *chain);
// Moves the functions' clock to now and lets them do what is due.
void fused_chain_tick(struct fused_chain *chain);
// Packets that the ports have made and taken, and those that a function dropped.
struct fused_count {
	uint64_t received, sent, dropped;
};
struct fused_count fused_chain_count(const struct fused_chain *chain);
// Prints the functions' counters that are not 0 to standard error, for people.
void fused_chain_print(struct fused_chain *chain);

#endif
