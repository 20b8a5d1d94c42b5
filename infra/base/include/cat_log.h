// SPDX-License-Identifier: BSD-3-Clause
// Logging to standard error, one line an event, as text or as JSON lines.
#ifndef CAT_LOG_H
#define CAT_LOG_H

#include <stdbool.h>

enum cat_log_level { CAT_LOG_ERROR, CAT_LOG_WARNING, CAT_LOG_INFO, CAT_LOG_DEBUG };

// The level is the only mutable state of file scope in the project.
void cat_log_set_level(enum cat_log_level level);
// Selects JSON lines {"time","level","component","message"}; component must outlive the process' logging.
void cat_log_set_json(bool json);
void cat_log_set_component(const char *component);

// Thread safe; one write(2) a line. Never called from a packet path.
void cat_log(enum cat_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define cat_error(...) cat_log(CAT_LOG_ERROR, __VA_ARGS__)
#define cat_warn(...) cat_log(CAT_LOG_WARNING, __VA_ARGS__)
#define cat_info(...) cat_log(CAT_LOG_INFO, __VA_ARGS__)
#define cat_debug(...) cat_log(CAT_LOG_DEBUG, __VA_ARGS__)

#endif
