// SPDX-License-Identifier: BSD-3-Clause
// What a refused sender is told: a TCP reset, or ICMP "administratively prohibited".
#ifndef FIREWALL_REJECT_H
#define FIREWALL_REJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_abi.h"

#define FW_REJECT_BYTES_MAX 1400u // of an answer, Ethernet included

// Makes the answer to a packet at `answer` (FW_REJECT_BYTES_MAX bytes), to be sent back to where the packet came from.
// Returns its length; 0: a packet that must not be answered (RFC 1122, section 3.2.2; RFC 4443, section 2.4 (e)).
uint32_t fw_reject_make(const struct cat_desc *desc, const uint8_t *data, uint8_t *answer);

// A bucket of tokens: `rate` per second, and as many at once.
struct fw_bucket {
	uint64_t tokens; // in millionths
	uint64_t filled_us;
};

static inline bool fw_bucket_take(struct fw_bucket *bucket, uint32_t rate, uint64_t now_us)
{
	uint64_t most = (uint64_t)rate * 1000000, passed = now_us - bucket->filled_us;
	// More than a second fills it.
	bucket->tokens += passed > 1000000 ? most : passed * rate;
	bucket->filled_us = now_us;
	if (bucket->tokens > most)
		bucket->tokens = most;
	if (bucket->tokens < 1000000)
		return false;
	bucket->tokens -= 1000000;
	return true;
}

#endif
