// SPDX-License-Identifier: BSD-3-Clause
// A fuzz target defines this function: it takes any bytes, and ends the process (abort, or a sanitizer) where
// something is wrong with how they were taken. libFuzzer calls it, or replay.c.
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What must hold whatever the input is.
#define must(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

#endif
