// SPDX-License-Identifier: BSD-3-Clause
// Routes from the kernel of the container, where daemons put them, by rtnetlink(7).
//
// Changes come over one socket. When it says that some were lost (ENOBUFS), and at the start, all routes are read over
// another one, while changes go on being noted (rib_reread_begin).
#ifndef ROUTER_KERNEL_H
#define ROUTER_KERNEL_H

#include "cat_loop.h"
#include "rib.h"

struct nlmsghdr;

// What a message says about one route. Routes that the kernel or the configuration put there are none of ours.
struct kernel_route {
	struct cat_prefix prefix;
	struct rib_set set;
	bool gone;
};
// `interface`: the kernel's numbers of the sides. True: *ret_route was filled. False: it says nothing that matters.
bool kernel_parse(const struct nlmsghdr *message, const uint32_t interface[CAT_SIDES], struct kernel_route *ret_route);

struct kernel;
// Called after rib was changed; must not destroy the kernel.
typedef void (*kernel_changed_fn)(void *user);

// Begins to read. Free with kernel_close.
int kernel_open(struct cat_loop *loop, struct rib *rib, const uint32_t interface[CAT_SIDES], kernel_changed_fn changed,
		void *user, struct kernel **ret_kernel, struct cat_err *err);
// Reads all routes once more, and then removes those that are still stale.
void kernel_sweep(struct kernel *kernel);
void kernel_close(struct kernel *kernel); // NULL is fine

#endif
