// SPDX-License-Identifier: BSD-3-Clause
// GET /metrics: what the statistics pages, rings and operations say, for Prometheus and whoever reads OpenMetrics.
#ifndef METRICS_H
#define METRICS_H

#include "sol.h"

extern const struct api_surface metrics_surface;

// The text: OpenMetrics 1.0, or the older text format 0.0.4 of Prometheus. The caller frees; NULL: no memory.
char *metrics_text(const struct manager *manager, bool open, size_t *ret_size);

#endif
