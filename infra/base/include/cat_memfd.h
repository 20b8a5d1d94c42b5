// SPDX-License-Identifier: BSD-3-Clause
// Shared memory by sealed memfd (memfd_create(2), fcntl(2) F_ADD_SEALS).
#ifndef CAT_MEMFD_H
#define CAT_MEMFD_H

#include <stddef.h>
#include <stdint.h>

#include "cat_err.h"

#define CAT_MEMFD_NODES_MAX 1024u // NUMA nodes that can be named

// Creates a memfd of `size` bytes (rounded up to page_size), zeroed, sealed against shrinking, growing and further
// seals: whoever holds it cannot make a neighbour's access fault. page_size: 0 for normal pages, else
// 2 MiB or 1 GiB (hugetlb). node >= 0 binds the memory to that NUMA node (mbind), -1 does not.
// Huge pages are touched, and checked one by one to lie on the node.
// Errors: -ENOMEM (message says how many huge pages are missing), -EXDEV (a page on another node), -EINVAL.
int cat_memfd_create(const char *name, size_t size, size_t page_size, int node, int *ret_fd, struct cat_err *err);

// A sealed, read-only copy of data (F_SEAL_WRITE too).
int cat_memfd_from(const char *name, const void *data, size_t size, int *ret_fd, struct cat_err *err);

// Maps the whole descriptor. Refuses one that is not sealed against shrinking (-EPERM), is smaller than
// min_size (-ERANGE), or larger than max_size (-E2BIG).
// protection: PROT_READ or PROT_READ|PROT_WRITE. The caller unmaps with munmap(*ret_address, *ret_size).
int cat_memfd_map(int fd, size_t min_size, size_t max_size, int protection, void **ret_address, size_t *ret_size,
		  struct cat_err *err);
// The same at that address if it is free, else anywhere. hint: a multiple of the page size, or NULL.
int cat_memfd_map_at(void *hint, int fd, size_t min_size, size_t max_size, int protection, void **ret_address,
		     size_t *ret_size, struct cat_err *err);

// Checks that every page of mapped memory that is there lies on a node. page_size: bytes, of the mapping's pages. 0
// also where the kernel does not tell. -EXDEV: one is elsewhere, the message says which.
int cat_memory_on_node(void *memory, size_t size, size_t page_size, int node, struct cat_err *err);

#endif
