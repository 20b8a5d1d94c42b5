// SPDX-License-Identifier: BSD-3-Clause
// What DPDK is told to make a port: bus, device name, and arguments.
#ifndef ETHDEV_ARGS_H
#define ETHDEV_ARGS_H

#include <stdint.h>

#include "cat_tree.h"

#define ETHDEV_NAME_MAX 64u
#define ETHDEV_TEXT_MAX 512u

enum ethdev_kind { ETHDEV_TAP, ETHDEV_MEMIF, ETHDEV_VHOST, ETHDEV_PCAP, ETHDEV_PCI };

struct ethdev_args {
	const char *bus;
	char name[ETHDEV_NAME_MAX];
	char text[ETHDEV_TEXT_MAX];
	uint32_t mtu; // 0: the device's own
};

// options: tap, memif, vhost: {mtu}; memif: {server}; vhost: {client}; pcap: {tx}; pci: {mtu}. NULL: none. `id` tells
// devices of one kind apart.
int ethdev_args_make(enum ethdev_kind kind, const char *device, uint32_t id, const struct cat_node *options,
		     struct ethdev_args *ret, struct cat_err *err);

#endif
