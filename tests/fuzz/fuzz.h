// SPDX-License-Identifier: BSD-3-Clause
// What a fuzz target defines, for libFuzzer or for replay.c.
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
