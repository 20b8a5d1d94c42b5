// SPDX-License-Identifier: BSD-3-Clause
// Keeps the kernel from handing us packets glued together: the senders' GSO on the other end of a veth, and GRO and LRO
// on ours.
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_err.h"

struct offload {
	int program, link; // XDP; -1: not attached
	bool restore_gro, restore_lro;
};

// Does what the interface's driver can, and logs what it cannot.
void offload_stop(const char *interface, int ifindex, struct offload *ret);
void offload_restore(const char *interface, struct offload *offload);

#endif
