// SPDX-License-Identifier: BSD-3-Clause
// Packets of real captures, for tests that must survive whatever is in them.
#ifndef TEST_CAPTURES_H
#define TEST_CAPTURES_H

#include <stdint.h>

typedef void (*captures_fn)(void *user, const uint8_t *frame, uint32_t length);
// Calls fn for every packet of every classic capture file in CATENA_TEST_DATA/pcaps (else ../shared/data/pcaps beside
// the source). The link type is not looked at: to a network function all bytes are hostile. Returns how many; -1: there
// is no such directory.
int captures_each(captures_fn fn, void *user);

#endif
