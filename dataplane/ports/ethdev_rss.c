// SPDX-License-Identifier: BSD-3-Clause
#include "ethdev_rss.h"

#include <stdbool.h>

static uint16_t at_most(uint32_t wanted, uint16_t most)
{
	return wanted < most ? (uint16_t)wanted : most > 1 ? most : 1;
}

void ethdev_queues_choose(const struct rte_eth_dev_info *info, uint32_t lanes, bool nic, struct ethdev_queues *ret)
{
	struct ethdev_queues queues = {.rx = 1, .tx = 1};
	uint64_t hash = info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	if (nic) {
		queues.tx = at_most(lanes, info->max_tx_queues);
		// Without a hash some NICs would take queues in turn.
		queues.rx = hash ? at_most(lanes, info->max_rx_queues) : 1;
	}
	if (queues.rx > 1) {
		queues.hash = hash;
		queues.key_size = info->hash_key_size <= ETHDEV_KEY_MAX ? info->hash_key_size : 0;
	}
	// Toeplitz is linear: with the same two bytes over and over, the same bits of a sum do not care for their order
	// (Woo and Park, "Scalable TCP Session Monitoring with Symmetric Receive-side Scaling", 2012).
	for (unsigned i = 0; i < queues.key_size; i++)
		queues.key[i] = i % 2 ? 0x5a : 0x6d;
	*ret = queues;
}

uint16_t ethdev_table_fill(const struct rte_eth_dev_info *info, uint16_t queues,
			   struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE])
{
	if (info->reta_size > RTE_ETH_RSS_RETA_SIZE_512)
		return 0;
	for (uint16_t i = 0; i < info->reta_size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &table[i / RTE_ETH_RETA_GROUP_SIZE];
		group->mask |= UINT64_C(1) << i % RTE_ETH_RETA_GROUP_SIZE;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = i % queues;
	}
	return info->reta_size;
}
