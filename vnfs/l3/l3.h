// SPDX-License-Identifier: BSD-3-Clause
// What the files of this library share.
#ifndef L3_H
#define L3_H

#include "cat_icmp.h"
#include "cat_neighbour.h"

bool l3_is_link_local(const struct cat_addr *addr);

#endif
