// SPDX-License-Identifier: BSD-3-Clause
// The vCPE's own counters and drop reasons; docs/vnf/vcpe.md says what each means.
#ifndef VCPE_COUNTERS_H
#define VCPE_COUNTERS_H

#include "cat_neighbour.h"
#include "cat_stats.h"

#define VCPE_COUNTERS(X)                                                                                               \
	X(DROP_VLAN, "drop.vlan")                                                                                      \
	X(DROP_NOT_FOR_US, "drop.not_for_us")                                                                          \
	X(DROP_BAD_ADDRESS, "drop.bad_address")                                                                        \
	X(DROP_SPOOFED, "drop.spoofed")                                                                                \
	X(DROP_TTL, "drop.ttl_expired")                                                                                \
	X(DROP_TOO_BIG, "drop.too_big")                                                                                \
	X(DROP_NO_ROUTE, "drop.no_route")                                                                              \
	X(DROP_NO_SERVICE, "drop.no_service")                                                                          \
	X(DROP_POLICED, "drop.policed")                                                                                \
	X(DROP_NAT_NO_SESSION, "drop.nat_no_session")                                                                  \
	X(DROP_NAT_FILTERED, "drop.nat_filtered")                                                                      \
	X(DROP_NAT_QUOTA, "drop.nat_quota")                                                                            \
	X(DROP_NAT_PORTS, "drop.nat_ports_exhausted")                                                                  \
	X(DROP_NAT_TABLE, "drop.nat_table_full")                                                                       \
	X(DROP_NAT_PROTOCOL, "drop.nat_protocol")                                                                      \
	X(DROP_NAT_HAIRPIN, "drop.nat_hairpin")                                                                        \
	X(DROP_FRAGMENT_OVERLAP, "drop.fragment_overlap")                                                              \
	X(FRAGMENTS_HELD, "fragments.held")                                                                            \
	X(FRAGMENTS_LOST, "fragments.lost")                                                                            \
	X(NAT_CREATED, "nat.created")                                                                                  \
	X(NAT_EXPIRED, "nat.expired")                                                                                  \
	X(NAT_HAIRPINNED, "nat.hairpinned")                                                                            \
	X(NAT_ICMP_ERRORS, "nat.icmp_errors")                                                                          \
	X(POLICE_GREEN, "police.green")                                                                                \
	X(POLICE_YELLOW, "police.yellow")                                                                              \
	X(MSS_CLAMPED, "tcp.mss_clamped")                                                                              \
	X(INJECTED, "inject.packets")                                                                                  \
	X(GAUGE_SESSIONS, "gauge.sessions")                                                                            \
	X(GAUGE_MAPPINGS, "gauge.mappings")                                                                            \
	X(GAUGE_SUBSCRIBERS, "gauge.subscribers")                                                                      \
	X(GAUGE_SESSIONS_MAX, "gauge.sessions_max")

enum vcpe_counter {
	VCPE_L3 = CAT_STAT_OWN, // the counters of cat_neighbour.h come first
	VCPE_DROP_BAD_CHECKSUM = VCPE_L3 + CAT_L3_DROP_BAD_CHECKSUM,
	VCPE_L3_LAST = VCPE_L3 + CAT_L3_STATS - 1,
#define X(symbol, name) VCPE_##symbol,
	VCPE_COUNTERS(X)
#undef X
};

#endif
