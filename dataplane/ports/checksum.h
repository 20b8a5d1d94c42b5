// SPDX-License-Identifier: BSD-3-Clause
// Finishes a checksum that the sender's kernel left to a device (virtio's NEEDS_CSUM, the kernel's CHECKSUM_PARTIAL):
// the field holds the pseudo-header's sum, and what is missing is the sum from csum_start to the end.
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// Internet checksum (RFC 1071) of size bytes, not complemented, in the order in which it lies in memory.
static inline uint16_t checksum_sum(const uint8_t *data, uint32_t size)
{
	uint64_t sum = 0;
	uint32_t i = 0;
	for (; i + 4 <= size; i += 4) {
		uint32_t word;
		memcpy(&word, data + i, 4);
		sum += word;
	}
	if (size & 3) {
		uint32_t word = 0;
		memcpy(&word, data + i, size & 3);
		sum += word;
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// False: start and offset do not lie in the packet.
static inline bool checksum_finish(uint8_t *data, uint32_t len, uint32_t start, uint32_t offset)
{
	if (start >= len || len - start < 2 || offset > len - start - 2)
		return false;
	uint16_t csum = (uint16_t)~checksum_sum(data + start, len - start);
	// 0 would say that there is no checksum (RFC 768); elsewhere both mean the same.
	if (csum == 0)
		csum = 0xffff;
	memcpy(data + start + offset, &csum, sizeof(csum));
	return true;
}

#endif
