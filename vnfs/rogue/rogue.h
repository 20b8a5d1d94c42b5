// SPDX-License-Identifier: BSD-3-Clause
#ifndef ROGUE_H
#define ROGUE_H

#include <stdio.h>

#include "cat_vnf.h"

struct rogue_attempt {
	const char *name;
	int (*run)(void); // a negative errno: refused; else it succeeded
};
extern const struct rogue_attempt rogue_attempts[]; // ended by a NULL name
extern const struct cat_vnf_ops cat_rogue_ops;

// What the process is: capabilities, ids, visible processes, as lines "NAME: VALUE".
void rogue_describe(FILE *out);
// Opens for reading, then writing.
int rogue_open(const char *path);

#endif
