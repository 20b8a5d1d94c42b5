// SPDX-License-Identifier: BSD-3-Clause
// The firewall's counters and drop reasons: one list, from which indices and names are made.
#ifndef FIREWALL_COUNTERS_H
#define FIREWALL_COUNTERS_H

#include "cat_stats.h"

#define FW_COUNTERS(X)                                                                                                 \
	X(FW_OPENED, "connections.opened")                                                                             \
	X(FW_EXPIRED, "connections.expired")                                                                           \
	X(FW_EVICTED, "connections.evicted")                                                                           \
	X(FW_RESET, "connections.reset")                                                                               \
	X(FW_PASSED_RELATED, "passed.related")                                                                         \
	X(FW_PASSED_STATELESS, "passed.stateless")                                                                     \
	X(FW_PASSED_ARP, "passed.arp")                                                                                 \
	X(FW_PASSED_NEIGHBOUR, "passed.neighbour")                                                                     \
	X(FW_PASSED_NON_IP, "passed.non_ip")                                                                           \
	X(FW_REJECT_SENT, "reject.sent")                                                                               \
	X(FW_REJECT_SUPPRESSED, "reject.suppressed")                                                                   \
	X(FW_LOG_LINES, "log.lines")                                                                                   \
	X(FW_LOG_SUPPRESSED, "log.suppressed")                                                                         \
	X(FW_DROP_RULE, "drop.rule")                                                                                   \
	X(FW_DROP_RULE_LIMIT, "drop.rule_limit")                                                                       \
	X(FW_DROP_SOURCE_LIMIT, "drop.source_limit")                                                                   \
	X(FW_DROP_REJUDGED, "drop.rejudged")                                                                           \
	X(FW_DROP_SPOOFED, "drop.spoofed")                                                                             \
	X(FW_DROP_DEFAULT, "drop.default")                                                                             \
	X(FW_DROP_REJECT, "drop.reject")                                                                               \
	X(FW_DROP_TCP_NO_CONNECTION, "drop.tcp_no_connection")                                                         \
	X(FW_DROP_TCP_INVALID, "drop.tcp_invalid")                                                                     \
	X(FW_DROP_TCP_WINDOW, "drop.tcp_window")                                                                       \
	X(FW_DROP_ICMP_NO_CONNECTION, "drop.icmp_no_connection")                                                       \
	X(FW_DROP_ICMP_UNRELATED, "drop.icmp_unrelated")                                                               \
	X(FW_DROP_TABLE_FULL, "drop.table_full")                                                                       \
	X(FW_DROP_SOURCE_ROUTE, "drop.source_route")                                                                   \
	X(FW_FRAGMENTS_HELD, "fragments.held")                                                                         \
	X(FW_FRAGMENTS_LOST, "fragments.lost")                                                                         \
	X(FW_DROP_FRAGMENT_OVERLAP, "drop.fragment_overlap")                                                           \
	X(FW_DROP_NEIGHBOUR, "drop.neighbour")                                                                         \
	X(FW_DROP_NON_IP, "drop.non_ip")                                                                               \
	X(FW_GAUGE_CONNECTIONS, "gauge.connections")                                                                   \
	X(FW_GAUGE_HALF_OPEN, "gauge.half_open")                                                                       \
	X(FW_GAUGE_CONNECTIONS_MAX, "gauge.connections_max")                                                           \
	X(FW_RULE_OTHERS, "rule.others")

enum fw_counter {
	FW_COUNTER_FIRST = CAT_STAT_OWN - 1,
#define FW_COUNTER_ID(id, name) id,
	FW_COUNTERS(FW_COUNTER_ID)
#undef FW_COUNTER_ID
	// The counters of the first rules, named by the configuration ("rule.NAME").
	FW_RULE_HITS
};

#define FW_RULE_COUNTERS_MAX 128u
static_assert(FW_RULE_HITS + FW_RULE_COUNTERS_MAX <= CAT_STATS_MAX, "the counters fit the statistics page");

#endif
