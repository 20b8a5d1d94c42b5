// SPDX-License-Identifier: BSD-3-Clause
// What all processes of all services say, in one place: STATE-DIR/log.jsonl, a JSON line each with service, function,
// level and lane, for people with jq and for collectors.
#ifndef VNFM_LOG_RECORD_H
#define VNFM_LOG_RECORD_H

#include <stdint.h>

#include "cat_tree.h"

#define LOG_RECORD_FILE_MAX (16 << 20) // bytes before the file is rotated; one older file is kept

// Adds to a line's map {service, component, function, level, lane, message} as far as they are known: source is a
// function's name, "dataplane" or "catenad". False: no memory.
bool log_record_fill(struct cat_node *map, const char *service, const char *source, const char *text);

struct log_collector;
struct log_collector *log_collector_create(const char *directory); // NULL: no memory
void log_collector_destroy(struct log_collector *collector);
// service may be NULL. A line that cannot be written is lost.
void log_collector_add(struct log_collector *collector, int64_t time_ms, const char *service, const char *source,
		       const char *text);

#endif
