// SPDX-License-Identifier: BSD-3-Clause
// The little of rtnetlink(7) that a VNF needs in its own network namespace.
#ifndef NETLINK_H
#define NETLINK_H

#include <stdint.h>

#include "cat_addr.h"
#include "cat_err.h"

struct mnl_socket;

int netlink_open(struct mnl_socket **ret_socket, struct cat_err *err);
void netlink_close(struct mnl_socket *socket); // NULL is fine
// Brings the interface up. mac NULL and mtu 0 leave those as they are.
int netlink_link_up(struct mnl_socket *socket, uint32_t index, const struct cat_mac *mac, uint32_t mtu,
		    struct cat_err *err);
// IPv6 addresses are usable at once, without duplicate address detection: nobody else is on a tap.
int netlink_address_add(struct mnl_socket *socket, uint32_t index, const struct cat_prefix *address,
			struct cat_err *err);
int netlink_default_route_add(struct mnl_socket *socket, uint32_t index, const struct cat_addr *gateway,
			      struct cat_err *err);

#endif
