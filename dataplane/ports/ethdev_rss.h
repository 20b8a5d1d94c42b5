// SPDX-License-Identifier: BSD-3-Clause
// How a NIC spreads what it receives over queues, of which each lane has one.
//
// A flow's lane is that of the dataplane's own symmetric hash, because functions choose ports by it; a lane hands a
// packet of another lane's flow over. So what the NIC does need not agree with it, and a NIC that cannot spread is no
// worse than one that can but for the work of one lane. What it must not do is to give packets of one flow to several
// queues, which would reorder them. With a symmetric hash both directions of a flow are taken in by one lane.
#ifndef ETHDEV_RSS_H
#define ETHDEV_RSS_H

#include <rte_ethdev.h>
#include <stdbool.h>
#include <stdint.h>

#define ETHDEV_KEY_MAX 64u

struct ethdev_queues {
	uint16_t rx, tx;
	uint64_t hash;    // RTE_ETH_RSS_..., 0: everything is received by one queue
	uint8_t key_size; // 0: the NIC's own key, which is not symmetric
	uint8_t key[ETHDEV_KEY_MAX];
};

// For a NIC as it describes itself. A device that copies its packets has one queue each way.
void ethdev_queues_choose(const struct rte_eth_dev_info *info, uint32_t lanes, bool nic, struct ethdev_queues *ret);
// Fills the table by which hashes become queues, so that each gets as many. Returns how many entries it has.
uint16_t ethdev_table_fill(const struct rte_eth_dev_info *info, uint16_t queues,
			   struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE]);

#endif
