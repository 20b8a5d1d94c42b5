// SPDX-License-Identifier: BSD-3-Clause
#include "cat_stats.h"

#include <errno.h>
#include <string.h>

const char *const cat_stat_names[CAT_STAT_OWN] = {
	[CAT_STAT_LEFT_RX_PACKETS] = "left.rx_packets",
	[CAT_STAT_LEFT_RX_BYTES] = "left.rx_bytes",
	[CAT_STAT_LEFT_TX_PACKETS] = "left.tx_packets",
	[CAT_STAT_LEFT_TX_BYTES] = "left.tx_bytes",
	[CAT_STAT_RIGHT_RX_PACKETS] = "right.rx_packets",
	[CAT_STAT_RIGHT_RX_BYTES] = "right.rx_bytes",
	[CAT_STAT_RIGHT_TX_PACKETS] = "right.tx_packets",
	[CAT_STAT_RIGHT_TX_BYTES] = "right.tx_bytes",
	[CAT_STAT_BURSTS] = "bursts",
	[CAT_STAT_SUPPLY_USED] = "supply_used",
	[CAT_STAT_PUNTED] = "punted",
	[CAT_STAT_BUSY_CYCLES] = "busy_cycles",
	[CAT_DROP_CONSUMED] = "consumed",
	[CAT_DROP_TORN] = "drop.torn",
	[CAT_DROP_BAD_DESC] = "drop.bad_descriptor",
	[CAT_DROP_MALFORMED] = "drop.malformed",
	[CAT_DROP_FRAGMENT] = "drop.fragment",
	[CAT_DROP_NO_SUPPLY] = "drop.no_supply",
	[CAT_DROP_PUNT_FULL] = "drop.punt_full",
};

int cat_stats_init(struct cat_stats_page *page, uint32_t lanes, const char *const *own)
{
	size_t own_count = 0;
	for (; own && own[own_count]; own_count++)
		if (strlen(own[own_count]) >= CAT_STATS_NAME_MAX)
			return -ENAMETOOLONG;
	if (CAT_STAT_OWN + own_count > CAT_STATS_MAX)
		return -E2BIG;
	page->version = CAT_STATS_VERSION;
	page->lanes = lanes;
	for (size_t i = 0; i < CAT_STAT_OWN; i++)
		strcpy(page->name[i], cat_stat_names[i]);
	for (size_t i = 0; i < own_count; i++)
		strcpy(page->name[CAT_STAT_OWN + i], own[i]);
	page->magic = CAT_STATS_MAGIC;
	uint32_t count = CAT_STAT_OWN + (uint32_t)own_count;
	atomic_store_explicit(&page->count, count, memory_order_release);
	return (int)count;
}
