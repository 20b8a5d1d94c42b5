// SPDX-License-Identifier: BSD-3-Clause
// The dataplane's statistics page: first what concerns the whole service, then each port.
#ifndef STAT_INDEX_H
#define STAT_INDEX_H

#include "cat_control.h"
#include "cat_stats.h"

enum dataplane_stat {
	DROP_NO_PATH,        // no path of the plan takes the packet
	DROP_RING_FULL,      // the first function of its path does not keep up
	DROP_OVERSIZE,       // larger than a buffer
	DROP_SEGMENTED,      // one piece that the sender left to be cut into packets (GSO)
	DROP_LINK_DOWN,      // the port that it leaves by has no link
	DROP_TX_FULL,        // that port did not take it for too long
	DROP_BAD_DESCRIPTOR, // what a function gave failed the checks
	STAT_VIOLATIONS,     // the same and impossible ring indices
	GAUGE_FREE_BUFFERS,  // on this lane's stack; lane 0 counts the pool in
	STAT_PORTS,          // ports begin here
};

enum port_stat {
	PORT_RX_PACKETS,
	PORT_RX_BYTES,
	PORT_TX_PACKETS,
	PORT_TX_BYTES,
	PORT_RX_MISSED, // lost before we saw them: the kernel's or the device's queue was full
	PORT_STATS
};

#define STAT_OF_PORT(port, which) (STAT_PORTS + (port)*PORT_STATS + (which))
static_assert(STAT_OF_PORT(CAT_PORTS_MAX, 0) < CAT_STATS_MAX, "all ports fit the page");

#endif
