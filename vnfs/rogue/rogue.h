// SPDX-License-Identifier: BSD-3-Clause
#ifndef ROGUE_H
#define ROGUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "cat_vnf.h"

struct rogue_attempt {
	const char *name;
	int (*run)(void); // a negative errno: refused; else it succeeded
};
extern const struct rogue_attempt rogue_attempts[]; // ended by a NULL name
extern const struct cat_vnf_ops cat_rogue_ops;

// Says once what came of it: a negative errno, or 0: it succeeded.
void rogue_tried(const char *name, int result);

// Memory that is shared with others: rings, pages, packets.
#define ROGUE_MEMORY_MAX 512u
struct rogue_memory {
	void *address;
	size_t size;
	int fd;
};
const struct rogue_memory *rogue_memory(unsigned *ret_count);

// Attacks go on until others are asked for, by bit. period_ms: only in every second such period of the monotonic clock;
// 0: always.
void rogue_attack(uint32_t bits, uint32_t period_ms);
// The attack's bit, or a negative errno: there is none of that name.
int rogue_attack_bit(const char *name);
// process() is to stand still.
extern _Atomic bool rogue_stalls;

// What the process is: capabilities, ids, visible processes, as lines "NAME: VALUE".
void rogue_describe(FILE *out);
// Opens for reading, then writing.
int rogue_open(const char *path);

#endif
