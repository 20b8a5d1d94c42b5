// SPDX-License-Identifier: BSD-3-Clause
#include "format.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

const char *format_count(uint64_t value, char *text)
{
	char digits[FORMAT_TEXT_MAX];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, value);
	char *to = text;
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = 0;
	return text;
}

const char *format_scaled(double value, char *text)
{
	static const char units[] = " kMGTPE";
	int unit = 0;
	while (value >= 999.5 && unit < 6) {
		value /= 1000;
		unit++;
	}
	int decimals = value >= 99.95 || !unit ? 0 : value >= 9.995 ? 1 : 2;
	snprintf(text, FORMAT_TEXT_MAX, "%.*f%.*s", decimals, value, unit ? 1 : 0, units + unit);
	return text;
}

const char *format_bytes(uint64_t bytes, char *text)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 1024 && unit < sizeof(units) / sizeof(*units) - 1) {
		value /= 1024;
		unit++;
	}
	snprintf(text, FORMAT_TEXT_MAX, unit && value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return text;
}

const char *format_age(int64_t seconds, char *text)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 60)
		snprintf(text, FORMAT_TEXT_MAX, "%" PRId64 " s", seconds);
	else if (seconds < 3600)
		snprintf(text, FORMAT_TEXT_MAX, "%" PRId64 " m %" PRId64 " s", seconds / 60, seconds % 60);
	else if (seconds < 86400)
		snprintf(text, FORMAT_TEXT_MAX, "%" PRId64 " h %" PRId64 " m", seconds / 3600, seconds % 3600 / 60);
	else
		snprintf(text, FORMAT_TEXT_MAX, "%" PRId64 " d %" PRId64 " h", seconds / 86400, seconds % 86400 / 3600);
	return text;
}

const char *format_clock(int64_t time_ms, char *text)
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm;
	localtime_r(&seconds, &tm);
	size_t used = strftime(text, FORMAT_TEXT_MAX, "%H:%M:%S", &tm);
	snprintf(text + used, FORMAT_TEXT_MAX - used, ".%03d", (int)(time_ms % 1000));
	return text;
}

double format_real(const struct cat_node *node)
{
	if (!node)
		return 0;
	return node->type == CAT_INT ? (double)node->integer : node->type == CAT_REAL ? node->real : 0;
}

int64_t format_int(const struct cat_node *map, const char *key)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_INT ? node->integer : 0;
}

const char *format_text(const struct cat_node *map, const char *key, const char *absent)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_STRING ? node->string : absent;
}

// Behind "2026-01-02T03:04:05.678Z component: ", if the line begins so.
static const char *skip_stamp(const char *line)
{
	static const char form[] = "0000-00-00T00:00:00.000Z ";
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '0' ? !isdigit((unsigned char)line[i]) : form[i] != line[i])
			return line;
	const char *rest = line + sizeof(form) - 1, *colon = strchr(rest, ':');
	return colon && colon[1] == ' ' && (size_t)(colon - rest) == strcspn(rest, " :") ? colon + 2 : rest;
}

void format_log_line(FILE *out, const struct cat_node *line, bool colour)
{
	char clock[FORMAT_TEXT_MAX];
	const char *text = skip_stamp(format_text(line, "line", ""));
	const char *paint = !colour                        ? ""
			    : !strncmp(text, "error", 5)   ? "\033[31m"
			    : !strncmp(text, "warning", 7) ? "\033[33m"
							   : "";
	fprintf(out, "%s%s%s %s%-10s%s %s%s%s\n", colour ? "\033[2m" : "",
		format_clock(format_int(line, "time_ms"), clock), colour ? "\033[0m" : "", colour ? "\033[36m" : "",
		format_text(line, "source", "?"), colour ? "\033[0m" : "", paint, text, *paint ? "\033[0m" : "");
}

void format_event(FILE *out, const struct cat_node *event, bool colour)
{
	static const char *const bad[] = {"failed", "died", "left", "violation", "killed", "error"};
	char clock[FORMAT_TEXT_MAX], stamp[64], who[128];
	int64_t time_ms = format_int(event, "time_ms");
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm;
	localtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%m-%d", &tm);
	const char *function = format_text(event, "function", NULL), *kind = format_text(event, "kind", "");
	snprintf(who, sizeof(who), "%s%s%s", format_text(event, "service", "-"), function ? "/" : "",
		 function ? function : "");
	const char *paint = "";
	for (size_t i = 0; colour && i < sizeof(bad) / sizeof(*bad); i++)
		if (!strcmp(kind, bad[i]))
			paint = "\033[31m";
	fprintf(out, "%s%s %s%s %-20s %s%-9s%s %s\n", colour ? "\033[2m" : "", stamp, format_clock(time_ms, clock),
		colour ? "\033[0m" : "", who, paint, kind, *paint ? "\033[0m" : "", format_text(event, "message", ""));
}
