// SPDX-License-Identifier: BSD-3-Clause
// A file's worth of bytes in state memory, for what daemons keep (DHCP leases). It outlives the process.
//
// There are two places. A new version goes to the place that does not hold the current one, and counts once its
// sequence number is stored: at every instruction one whole version can be read. A sum over the bytes tells nonsense
// from what was kept. One thread at a time.
#ifndef CAT_KEEP_H
#define CAT_KEEP_H

#include <stddef.h>
#include <stdint.h>

// Bytes of memory for versions of up to `max` bytes.
size_t cat_keep_bytes(size_t max);
// `memory`: 64-byte aligned, `bytes` long, and always the same size. Keeps a copy. -E2BIG: it does not fit.
int cat_keep_store(void *memory, size_t bytes, const void *data, size_t size);
// What was stored last; it lies in the memory until the next but one is stored. NULL: nothing, or nonsense.
const void *cat_keep_load(const void *memory, size_t bytes, size_t *ret_size);

#endif
