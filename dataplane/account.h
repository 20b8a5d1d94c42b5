// SPDX-License-Identifier: BSD-3-Clause
// What a function owes: the buffers that it took out of its rings and put into none.
//
// How it works
//
// Functions neither allocate nor free, and a commit publishes before it takes away (cat_abi.h). So what the workers of
// a function have taken (its own consumer indices) never exceeds what they have handed on (its own producer indices),
// and falls short of it by one burst at most. A function that keeps buffers, or hands on some that it was not given,
// shows in these sums however it goes about it, unless it keeps one for each that it makes up; those are found by the
// owner byte (owner.h) where they come back. The indices lie in memory that a neighbour of the same service maps too: a
// hostile one can make another function look guilty, but nobody outside of its service.
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "service.h"

// Buffers that a function may have taken and not handed on. None would do for honest ones.
#define ACCOUNT_QUOTA 64u

// After service_open: what was owed before is forgotten.
void account_open(struct service *service);
// Writes what is wrong into `message`. False: nothing is.
bool account_check(const struct service *service, const struct service_function *function, char *message, size_t size);
// For a function whose process is gone and whose workers were recovered. Puts right what the process may have written
// over its rings and pages, and takes back the buffers that are in no ring any more. Returns how many there were.
uint32_t account_settle(struct service *service, struct service_function *function);

#endif
