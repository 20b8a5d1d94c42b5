// SPDX-License-Identifier: BSD-3-Clause
// What the files of the host model share.
#ifndef HOST_H
#define HOST_H

#include <stddef.h>

#include "cat_alloc.h"
#include "cat_topology.h"

// Reads ROOT/PATH as text without trailing blanks; "" where the file is missing, unreadable or too long.
void sysfs_text(const char *root, char *ret_text, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
// Reads ROOT/PATH as an integer, or gives `otherwise`.
long long sysfs_int(const char *root, long long otherwise, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// Last component of what the symbolic link ROOT/PATH points to; "" where there is none.
void sysfs_link(const char *root, char *ret_name, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
// Absolute path of ROOT/PATH in room of PATH_MAX; false if it is too long.
bool sysfs_path(const char *root, char *ret_path, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

// Adds the NICs to a topology.
int nics_read(const char *root, struct cat_topology *topology, struct cat_err *err);

// Who holds a core of the same physical core as cpu, other than sharers when `share`; NULL: nobody.
const struct cat_claim *core_holder(const struct cat_topology *host, const struct cat_reservations *taken,
				    const struct cat_cpu *cpu, bool share);
// Memory that claims take on a node, packet memory in huge pages not counted.
uint64_t memory_claimed(const struct cat_reservations *taken, uint32_t node);
const struct cat_numa_node *node_find(const struct cat_topology *host, uint32_t id);

// cat_huge_reserve and cat_huge_release below a root.
int huge_reserve_at(const char *root, uint32_t node, uint64_t page_bytes, uint32_t pages, uint32_t *ret_added,
		    struct cat_err *err);
int huge_release_at(const char *root, uint32_t node, uint64_t page_bytes, uint32_t pages, struct cat_err *err);

#endif
