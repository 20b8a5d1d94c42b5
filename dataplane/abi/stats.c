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

// Checks names that are to stand from index `first` on. Returns their number.
static int check_names(uint32_t first, const char *const *names)
{
	size_t count = 0;
	for (; names && names[count]; count++)
		if (strlen(names[count]) >= CAT_STATS_NAME_MAX)
			return -ENAMETOOLONG;
	return first + count > CAT_STATS_MAX ? -E2BIG : (int)count;
}

int cat_stats_name(struct cat_stats_page *page, uint32_t first, const char *const *names)
{
	int count = check_names(first, names);
	if (count < 0)
		return count;
	// Readers see none of them while they change.
	atomic_store_explicit(&page->count, first, memory_order_seq_cst);
	for (int i = 0; i < count; i++)
		strcpy(page->name[first + (uint32_t)i], names[i]);
	atomic_store_explicit(&page->count, first + (uint32_t)count, memory_order_release);
	return (int)first + count;
}

int cat_stats_init(struct cat_stats_page *page, uint32_t lanes, const char *const *own)
{
	int result = check_names(CAT_STAT_OWN, own);
	if (result < 0)
		return result;
	page->version = CAT_STATS_VERSION;
	page->lanes = lanes;
	for (size_t i = 0; i < CAT_STAT_OWN; i++)
		strcpy(page->name[i], cat_stat_names[i]);
	page->magic = CAT_STATS_MAGIC;
	return cat_stats_name(page, CAT_STAT_OWN, own);
}
