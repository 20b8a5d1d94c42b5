// SPDX-License-Identifier: BSD-3-Clause
#include "log_record.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"

struct log_collector {
	char *path, *older;
	int fd;
	off_t size;
};

// Behind "2026-01-02T03:04:05.678Z component: ", which cat_log puts before its messages.
static const char *skip_stamp(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00.000Z ";
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '0' ? !isdigit((unsigned char)text[i]) : form[i] != text[i])
			return text;
	const char *rest = text + sizeof(form) - 1, *colon = strchr(rest, ':');
	return colon && colon[1] == ' ' && (size_t)(colon - rest) == strcspn(rest, " :") ? colon + 2 : rest;
}

// *text is moved behind "level: ". What says none is information.
static const char *take_level(const char **text)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(levels); i++) {
		size_t length = strlen(levels[i]);
		if (strncmp(*text, levels[i], length) != 0 || strncmp(*text + length, ": ", 2) != 0)
			continue;
		*text += length + 2;
		return levels[i];
	}
	return "info";
}

// The number behind the word "lane", or -1.
static int find_lane(const char *text)
{
	for (const char *p = text; (p = strstr(p, "lane ")) != NULL; p += 5)
		if ((p == text || !isalnum((unsigned char)p[-1])) && isdigit((unsigned char)p[5]))
			return (int)strtoul(p + 5, NULL, 10) & 0xffff;
	return -1;
}

bool log_record_fill(struct cat_node *map, const char *service, const char *source, const char *text)
{
	const char *message = skip_stamp(text);
	const char *level = take_level(&message);
	bool function = strcmp(source, "dataplane") != 0 && strcmp(source, "catenad") != 0;
	int lane = find_lane(message);
	return (!service || cat_node_add_string(map, "service", service)) &&
	       cat_node_add_string(map, "component", function ? "function" : source) &&
	       (!function || cat_node_add_string(map, "function", source)) &&
	       cat_node_add_string(map, "level", level) && (lane < 0 || cat_node_add_int(map, "lane", lane)) &&
	       cat_node_add_string(map, "message", message);
}

static void open_file(struct log_collector *collector)
{
	struct stat st = {0};
	collector->fd = open(collector->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (collector->fd >= 0 && fstat(collector->fd, &st) == 0)
		collector->size = st.st_size;
}

struct log_collector *log_collector_create(const char *directory)
{
	struct log_collector *collector = calloc(1, sizeof(*collector));
	if (!collector)
		return NULL;
	collector->fd = -1;
	collector->path = cat_format("%s/log.jsonl", directory);
	collector->older = cat_format("%s/log.jsonl.1", directory);
	if (collector->path && collector->older) {
		open_file(collector);
		return collector;
	}
	log_collector_destroy(collector);
	return NULL;
}

void log_collector_destroy(struct log_collector *collector)
{
	if (!collector)
		return;
	if (collector->fd >= 0)
		close(collector->fd);
	free(collector->path);
	free(collector->older);
	free(collector);
}

void log_collector_add(struct log_collector *collector, int64_t time_ms, const char *service, const char *source,
		       const char *text)
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm;
	char stamp[32];
	cat_autonode struct cat_node *map = cat_node_new_map();
	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	if (!collector || collector->fd < 0 || !map ||
	    !cat_node_add_format(map, "time", "%s.%03dZ", stamp, (int)(time_ms % 1000)) ||
	    !log_record_fill(map, service, source, text))
		return;
	cat_autofree char *json = cat_node_to_json(map, 0);
	cat_autofree char *line = json ? cat_format("%s\n", json) : NULL;
	ssize_t n = line ? write(collector->fd, line, strlen(line)) : -1;
	collector->size += n > 0 ? n : 0;
	if (collector->size < LOG_RECORD_FILE_MAX)
		return;
	close(collector->fd);
	collector->size = 0;
	rename(collector->path, collector->older);
	open_file(collector);
}
