// SPDX-License-Identifier: BSD-3-Clause
#include "cat_log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static _Atomic int log_level = CAT_LOG_INFO;
static _Atomic bool log_json;
static const char *_Atomic log_component = "catena";

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void cat_log_set_level(enum cat_log_level level)
{
	atomic_store(&log_level, level);
}

void cat_log_set_json(bool json)
{
	atomic_store(&log_json, json);
}

void cat_log_set_component(const char *component)
{
	atomic_store(&log_component, component);
}

// Appends text as the inside of a JSON string; control bytes and what is no ASCII become \u00XX.
static size_t append_escaped(char *line, size_t used, size_t size, const char *text)
{
	for (; *text && used + 7 < size; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\') {
			line[used++] = '\\';
			line[used++] = (char)c;
		} else if (c < 0x20 || c >= 0x7f) {
			used += (size_t)snprintf(line + used, size - used, "\\u%04x", c);
		} else {
			line[used++] = (char)c;
		}
	}
	return used;
}

void cat_log(enum cat_log_level level, const char *format, ...)
{
	if ((int)level > atomic_load_explicit(&log_level, memory_order_relaxed))
		return;
	int saved = errno;
	char message[LINE_MAX_BYTES / 2];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);

	struct timespec now;
	struct tm tm;
	char stamp[32];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);

	char line[LINE_MAX_BYTES];
	size_t used;
	const char *component = atomic_load(&log_component);
	if (atomic_load(&log_json)) {
		used = (size_t)snprintf(line, sizeof(line),
					"{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"component\":\"%s\",\"message\":\"",
					stamp, now.tv_nsec / 1000000, level_names[level], component);
		used = append_escaped(line, used, sizeof(line) - 4, message);
		used += (size_t)snprintf(line + used, sizeof(line) - used, "\"}\n");
	} else {
		int n = snprintf(line, sizeof(line), "%s.%03ldZ %s: %s: %s\n", stamp, now.tv_nsec / 1000000, component,
				 level_names[level], message);
		used = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
	}
	// A log that cannot be written has nowhere to complain.
	ssize_t written = write(STDERR_FILENO, line, used);
	(void)written;
	errno = saved;
}
