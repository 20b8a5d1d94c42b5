// SPDX-License-Identifier: BSD-3-Clause
// Longest prefix match for IPv4 and IPv6: built once from all routes, then only read.
//
// How it works
//
// A multi-bit trie. The first bits of an address (12 in small tables, more in large ones) index an array of what
// follows: a value, or a node. A node decides six bits: `inner` has a bit for each of the 64 slots that leads to
// another node, `leaf` has a bit for each slot where a value begins that differs from the one before. Nodes of one
// parent lie side by side, and so do its values, so that a population count finds either: 24 bytes a node and two a
// value ("Poptrie", SIGCOMM 2015). A full Internet table takes a few megabytes, most of what a burst
// needs stays in the second-level cache, and nothing has to be reserved for prefixes that are not there.
//
// Lookups go through a whole burst level by level: what one level of all packets needs is prefetched while the others
// are looked at, so that cache misses overlap.
#ifndef FIB_H
#define FIB_H

#include <stddef.h>
#include <stdint.h>

#include "cat_err.h"

#define FIB_VALUE_MAX 0xfffeu
#define FIB_NONE 0xffffu // no route

struct fib;

struct fib_route {
	uint8_t addr[16]; // network order, host bits zero; IPv4 in the first four bytes
	uint8_t length;
	uint8_t note; // the caller's own
	uint16_t value;
};

// Puts routes into the order that fib_create wants: by address, then length, so that duplicates stand side by side.
void fib_sort(struct fib_route *routes, size_t count);
// Builds of sorted routes of one family without duplicates. Free with fib_destroy. -ENOMEM.
int fib_create(const struct fib_route *routes, size_t count, struct fib **ret_fib, struct cat_err *err);
void fib_destroy(struct fib *fib); // NULL is fine
size_t fib_bytes(const struct fib *fib);

// Addresses in host order; ret_value[i] is a route's value or FIB_NONE. count at most 256.
void fib_lookup4(const struct fib *fib, const uint32_t *addr, uint16_t *ret_value, uint32_t count);
// Addresses as they lie in packets.
void fib_lookup6(const struct fib *fib, const uint8_t *const *addr, uint16_t *ret_value, uint32_t count);

#endif
