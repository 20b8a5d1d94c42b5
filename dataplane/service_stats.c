// SPDX-License-Identifier: BSD-3-Clause
#include "service_stats.h"

#include <errno.h>
#include <stdio.h>

static const char *const names[STAT_PORTS] = {
	[DROP_NO_PATH] = "drop.no_path",
	[DROP_RING_FULL] = "drop.ring_full",
	[DROP_OVERSIZE] = "drop.oversize",
	[DROP_SEGMENTED] = "drop.segmented",
	[DROP_LINK_DOWN] = "drop.link_down",
	[DROP_TX_FULL] = "drop.tx_full",
	[DROP_BAD_DESCRIPTOR] = "drop.bad_descriptor",
	[STAT_VIOLATIONS] = "violations",
	[GAUGE_FREE_BUFFERS] = "gauge.free_buffers",
};

static const char *const port_names[PORT_STATS] = {
	[PORT_RX_PACKETS] = "rx_packets", [PORT_RX_BYTES] = "rx_bytes",   [PORT_TX_PACKETS] = "tx_packets",
	[PORT_TX_BYTES] = "tx_bytes",     [PORT_RX_MISSED] = "rx_missed",
};

int service_stats_init(struct cat_stats_page *page, const struct lane_shared *shared, struct cat_err *err)
{
	page->version = CAT_STATS_VERSION;
	page->lanes = shared->lanes;
	for (uint32_t i = 0; i < STAT_PORTS; i++)
		snprintf(page->name[i], CAT_STATS_NAME_MAX, "%s", names[i]);
	for (uint32_t port = 0; port < shared->port_count; port++)
		for (uint32_t i = 0; i < PORT_STATS; i++) {
			int n = snprintf(page->name[STAT_OF_PORT(port, i)], CAT_STATS_NAME_MAX, "port.%s.%s",
					 shared->port[port].name, port_names[i]);
			if (n >= (int)CAT_STATS_NAME_MAX)
				return cat_err_set(err, -ENAMETOOLONG, "port %s: its name is too long for a counter's",
						   shared->port[port].name);
		}
	page->magic = CAT_STATS_MAGIC;
	atomic_store_explicit(&page->count, STAT_OF_PORT(shared->port_count, 0), memory_order_release);
	return 0;
}
