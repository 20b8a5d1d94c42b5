// SPDX-License-Identifier: BSD-3-Clause
// Death at every store: a child works on shared memory and is stopped after each instruction; whenever the memory has
// changed, a copy of it is shown to a function that takes it over as a successor would.
#ifndef TEST_STEPS_H
#define TEST_STEPS_H

#include <stddef.h>
#include <stdint.h>

struct steps {
	void *memory; // what outlives the child: shared, `bytes` long
	size_t bytes;
	void (*prepare)(void *user);             // in the child, at full speed; NULL: nothing
	void (*work)(void *user);                // in the child, instruction by instruction
	void (*check)(void *user, void *memory); // in the parent, on a copy of the memory, 64-byte aligned
	void *user;
};

struct steps_result {
	uint64_t instructions, stores; // stores: instructions after which the memory differed
};

// Fails the test if the child ends otherwise than by returning from work.
struct steps_result steps_run(const struct steps *steps);
// Shared memory for a child, zeroed. The caller unmaps.
void *steps_memory(size_t bytes);

#endif
