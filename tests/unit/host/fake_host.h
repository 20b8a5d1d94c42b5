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

// Servers as people have them (fake_servers.c).
// Two sockets of 28 cores with 2 threads, cpu N and N + 56 are one core. X710 ens1f0 on node 0 with 64 VFs, E810 ens5f0
// on node 1 with 64, ConnectX-6 ens7f0np0 on node 1 with 8. All NICs are up.
void fake_dual_xeon(struct fake_host *host);
// Two sockets of 64 cores with 2 threads as 4 nodes each (NPS4), two L3 clusters of 8 cores a node. E810 enp193s0f0 on
// node 6, without VFs, 128 are possible.
void fake_epyc_nps4(struct fake_host *host);
// One socket of 80 cores, no threads, no L3 told. X710 enP3p1s0f0 with 4 VFs.
void fake_arm(struct fake_host *host);
// Two cpus, no nodes, no huge pages, eth0 and eth1 that belong to no device.
void fake_vm(struct fake_host *host);

struct cat_topology *fake_topology(const struct fake_host *host);

#endif
