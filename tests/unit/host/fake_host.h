// SPDX-License-Identifier: BSD-3-Clause
// Trees with sys/ and proc/ of machines that are not here.
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <limits.h>

#include "cat_topology.h"

struct fake_host {
	char root[64]; // below /tmp, removed by fake_host_finish
};

// Writes a file or a symbolic link below the root, with its directories.
void fake_file(const struct fake_host *host, const char *path, const char *text);
void fake_link(const struct fake_host *host, const char *path, const char *target);
void fake_remove(const struct fake_host *host, const char *path);

// An empty tree.
void fake_host_init(struct fake_host *host);
void fake_host_finish(struct fake_host *host);

// Two sockets of 4 cores with 2 threads each: cpu N and N + 8 are one core, even cores are on node 0, odd ones on
// node 1. 64 GiB and 512 huge pages of 2 MiB a node, two of 1 GiB on node 1. Cores 2, 3 and their siblings are
// isolated. NICs: eno1 (node 0, not virtualised), ens1f0 (node 1, 2 VFs of 64: one driven by the kernel as ens1f0v0,
// one by vfio-pci), a virtio interface eth9, veth pairs lan0 and wan0 without a device.
void fake_two_sockets(struct fake_host *host);
// Two cores, one node, no SMT, 4 GiB, no huge pages but the size of 2 MiB; lan0, wan0, in0, out0, u0, s0.
void fake_small(struct fake_host *host);

struct cat_topology *fake_topology(const struct fake_host *host);

#endif
