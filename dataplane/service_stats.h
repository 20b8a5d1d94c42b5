// SPDX-License-Identifier: BSD-3-Clause
// Names of the dataplane's counters (stat_index.h).
#ifndef SERVICE_STATS_H
#define SERVICE_STATS_H

#include "lane.h"

int service_stats_init(struct cat_stats_page *page, const struct lane_shared *shared, struct cat_err *err);

#endif
