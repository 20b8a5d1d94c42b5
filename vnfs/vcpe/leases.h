// SPDX-License-Identifier: BSD-3-Clause
// The DHCP server's leases, kept in state memory: its file dies with the container.
#ifndef VCPE_LEASES_H
#define VCPE_LEASES_H

#include "cat_daemon.h"
#include "cat_keep.h"

// A lease takes some 80 bytes, and dnsmasq gives out 1,000 at most.
#define VCPE_LEASES_MAX (128u << 10)

struct leases;

// At the start of the first lane's state; other lanes have none.
static inline size_t vcpe_leases_bytes(uint32_t lane)
{
	return lane == 0 ? cat_keep_bytes(VCPE_LEASES_MAX) : 0;
}

// Writes what a predecessor kept to `path`, before the server starts, and watches the file from then on. NULL: err.
struct leases *leases_open(struct cat_vnf *vnf, const char *path, struct cat_err *err);
void leases_close(struct leases *leases); // NULL is fine

#endif
