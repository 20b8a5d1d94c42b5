// SPDX-License-Identifier: BSD-3-Clause
// Two-rate three-colour policing (RFC 2698, colour-blind) of each LAN address and direction.
#ifndef VCPE_POLICE_H
#define VCPE_POLICE_H

#include <rte_meter.h>

#include "cat_flow.h"
#include "config.h"

enum police_direction { POLICE_UP, POLICE_DOWN, POLICE_DIRECTIONS };

// Both directions of one subscriber share a cache line. All zero: buckets that are full.
struct police_meters {
	struct rte_meter_trtcm direction[POLICE_DIRECTIONS];
};

struct police {
	bool enabled;
	struct rte_meter_trtcm_profile profile; // its time is in nanoseconds
	struct police_meters *subscriber;       // by the low 16 bits of the IPv4 address
	struct cat_flow_table *subscriber6;     // by IPv6 address
	struct police_meters crowd;             // of IPv6 addresses beyond the table
	void *memory6;
};

int police_init(struct police *police, const struct vcpe_config *config, uint32_t lanes, struct cat_err *err);
void police_finish(struct police *police);
// A new configuration: what is in the buckets stays, as far as they hold it.
void police_configure(struct police *police, const struct vcpe_config *config, uint32_t lanes);
void police_expire(struct police *police, uint64_t now_ms);
struct police_meters *police_meters6(struct police *police, const uint8_t address[16], uint64_t now_ms);

static inline struct police_meters *police_meters4(struct police *police, uint32_t address)
{
	return &police->subscriber[__builtin_bswap32(address) & (VCPE_SUBSCRIBERS_MAX - 1)];
}

// size: bytes of the IP packet, as RFC 2698 counts.
static inline enum rte_color police_check(struct police *police, struct police_meters *meters,
					  enum police_direction direction, uint64_t now_us, uint32_t size)
{
	return rte_meter_trtcm_color_blind_check(&meters->direction[direction], &police->profile, now_us * 1000, size);
}

#endif
