// SPDX-License-Identifier: BSD-3-Clause
// How NICs spread flows over queues: as many as there are lanes, both directions of a flow in one, evenly.
#include "../test.h"

#include <rte_thash.h>
#include <stdlib.h>
#include <string.h>

#include "../../../dataplane/ports/ethdev_rss.h"
#include "cat_cleanup.h"

#define FLOWS 20000

static void test_choose(void **state)
{
	(void)state;
	static const struct {
		uint32_t lanes;
		bool nic;
		struct rte_eth_dev_info info;
		uint16_t rx, tx;
		bool hash;
		uint8_t key_size;
	} cases[] = {
		// A device that copies.
		{4,
		 false,
		 {.max_rx_queues = 16, .max_tx_queues = 16, .flow_type_rss_offloads = RTE_ETH_RSS_IP},
		 1,
		 1,
		 0,
		 0},
		// e1000e: one queue.
		{4, true, {.max_rx_queues = 1, .max_tx_queues = 1}, 1, 1, false, 0},
		{1,
		 true,
		 {.max_rx_queues = 16, .max_tx_queues = 16, .flow_type_rss_offloads = RTE_ETH_RSS_IP},
		 1,
		 1,
		 0,
		 0},
		// virtio without RSS: sends on all, receives on one.
		{4, true, {.max_rx_queues = 8, .max_tx_queues = 8}, 1, 4, false, 0},
		// X710, E810, and a VF with fewer queues than lanes.
		{4,
		 true,
		 {.max_rx_queues = 64,
		  .max_tx_queues = 64,
		  .flow_type_rss_offloads = RTE_ETH_RSS_IP,
		  .hash_key_size = 52},
		 4,
		 4,
		 true,
		 52},
		{6,
		 true,
		 {.max_rx_queues = 4,
		  .max_tx_queues = 4,
		  .flow_type_rss_offloads = RTE_ETH_RSS_TCP,
		  .hash_key_size = 40},
		 4,
		 4,
		 true,
		 40},
		// A key of an unknown size is the NIC's own.
		{4,
		 true,
		 {.max_rx_queues = 4,
		  .max_tx_queues = 0,
		  .flow_type_rss_offloads = RTE_ETH_RSS_UDP,
		  .hash_key_size = 65},
		 4,
		 1,
		 true,
		 0},
		// Hashes of what we do not ask for.
		{4,
		 true,
		 {.max_rx_queues = 4, .max_tx_queues = 4, .flow_type_rss_offloads = RTE_ETH_RSS_ESP},
		 1,
		 4,
		 0,
		 0},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct ethdev_queues queues;
		ethdev_queues_choose(&cases[i].info, cases[i].lanes, cases[i].nic, &queues);
		if (queues.rx != cases[i].rx || queues.tx != cases[i].tx || (queues.hash != 0) != cases[i].hash ||
		    queues.key_size != cases[i].key_size)
			fail_msg("case %zu: found %u, %u queues, hash %llx, key of %u", i, queues.rx, queues.tx,
				 (unsigned long long)queues.hash, queues.key_size);
		assert_int_equal(queues.hash & ~cases[i].info.flow_type_rss_offloads, 0);
	}
}

static uint32_t random_word(unsigned *seed)
{
	return (uint32_t)rand_r(seed) << 16 ^ (uint32_t)rand_r(seed);
}

// As the hardware does: Toeplitz over addresses and ports, both directions, of IPv4 (3 words) and IPv6 (9 words).
static void test_symmetric(void **state)
{
	(void)state;
	static const uint8_t sizes[] = {40, 52};
	for (size_t k = 0; k < CAT_ARRAY_LEN(sizes); k++) {
		const struct rte_eth_dev_info info = {.max_rx_queues = 4,
						      .max_tx_queues = 4,
						      .flow_type_rss_offloads = RTE_ETH_RSS_IP,
						      .hash_key_size = sizes[k],
						      .reta_size = 128};
		struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE] = {0};
		struct ethdev_queues queues;
		unsigned seed = 99, got[4] = {0};
		ethdev_queues_choose(&info, 4, true, &queues);
		// DPDK's own reads the key by words.
		_Alignas(uint32_t) uint8_t key[sizeof(queues.key)];
		memcpy(key, queues.key, sizeof(key));
		assert_int_equal(ethdev_table_fill(&info, queues.rx, table), 128);
		for (unsigned i = 0; i < FLOWS; i++) {
			uint32_t there[9], back[9], address = i % 2 ? 4 : 1;
			for (uint32_t w = 0; w < address; w++) {
				there[w] = back[address + w] = random_word(&seed);
				there[address + w] = back[w] = random_word(&seed);
			}
			uint32_t ports = random_word(&seed);
			there[2 * address] = ports;
			back[2 * address] = ports << 16 | ports >> 16;
			uint32_t hash = rte_softrss(there, 2 * address + 1, key);
			assert_int_equal(hash, rte_softrss(back, 2 * address + 1, key));
			uint32_t entry = hash % info.reta_size;
			got[table[entry / RTE_ETH_RETA_GROUP_SIZE].reta[entry % RTE_ETH_RETA_GROUP_SIZE]]++;
		}
		for (unsigned q = 0; q < 4; q++)
			assert_in_range(got[q], FLOWS / 4 * 9 / 10, FLOWS / 4 * 11 / 10);
	}
}

static void test_table(void **state)
{
	(void)state;
	static const uint16_t sizes[] = {0, 64, 128, 512};
	for (size_t s = 0; s < CAT_ARRAY_LEN(sizes); s++) {
		const struct rte_eth_dev_info info = {.reta_size = sizes[s]};
		struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE] = {0};
		unsigned count[3] = {0};
		assert_int_equal(ethdev_table_fill(&info, 3, table), sizes[s]);
		for (unsigned i = 0; i < sizes[s]; i++) {
			assert_true(table[i / 64].mask & UINT64_C(1) << i % 64);
			assert_true(table[i / 64].reta[i % 64] < 3);
			count[table[i / 64].reta[i % 64]]++;
		}
		assert_true(count[0] - count[2] <= 1);
	}
	const struct rte_eth_dev_info larger = {.reta_size = 2048};
	assert_int_equal(ethdev_table_fill(&larger, 3, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_symmetric),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests_name("dataplane/rss", tests, NULL, NULL);
}
