// SPDX-License-Identifier: BSD-3-Clause
// What is only read: the manager, the host, lists, logs and events.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_request.h"
#include "cat_cleanup.h"

#define LINES_DEFAULT 100
#define EVENTS_DEFAULT 100
#define LINES_PER_ROUND 256

void api_get_version(struct api_request *request)
{
	const struct options *options = api_manager(request->api)->options;
	cat_autonode struct cat_node *body = cat_node_new_map();
	if (body &&
	    (!cat_node_add_string(body, "version", CATENA_VERSION) || !cat_node_add_string(body, "api", "v1") ||
	     !cat_node_add_int(body, "pid", getpid()) || !cat_node_add_string(body, "run_dir", options->run_dir) ||
	     !cat_node_add_string(body, "state_dir", options->state_dir) ||
	     !cat_node_add_string(body, "images", options->images) ||
	     !cat_node_add_string(body, "kinds", options->kinds) ||
	     !cat_node_add_string(body, "runtime", options->runtime)))
		cat_node_free(cat_steal(body));
	api_reply(request, 200, body);
}

static int by_name(const void *a, const void *b)
{
	const struct service *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

void api_get_services(struct api_request *request)
{
	const struct manager *manager = api_manager(request->api);
	cat_autonode struct cat_node *body = cat_node_new_map();
	struct cat_node *list = body ? cat_node_add_list(body, "services") : NULL;
	const struct service *sorted[MANAGER_SERVICES_MAX];
	size_t count = 0;
	for (const struct service *service = manager->services; service && count < MANAGER_SERVICES_MAX;
	     service = service->next)
		if (api_allowed(request, ACCESS_READ, service->name))
			sorted[count++] = service;
	qsort(sorted, count, sizeof(const struct service *), by_name);
	for (size_t i = 0; list && i < count; i++) {
		cat_autonode struct cat_node *summary = status_summary(sorted[i]);
		if (!summary || !cat_node_copy(list, NULL, summary))
			list = NULL;
	}
	api_reply(request, 200, list ? body : NULL);
}

void api_get_host(struct api_request *request)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *body = NULL;
	if (status_host(api_manager(request->api), &body, &err) < 0)
		api_reply_error(request, &err);
	else
		api_reply(request, 200, body);
}

// A number of the query between 0 and max. False: answered that it is none.
static bool read_number(struct api_request *request, const char *key, uint64_t max, uint64_t *ret_value)
{
	const char *text = api_query(request, key);
	if (!text)
		return true;
	char *end = NULL;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (!*text || *text == '-' || *end || errno || value > max) {
		char detail[128];
		snprintf(detail, sizeof(detail), "%s: found \"%.32s\", expected a number from 0 to %llu", key, text,
			 (unsigned long long)max);
		api_reply_problem(request, 400, detail, NULL);
		return false;
	}
	*ret_value = value;
	return true;
}

static bool more_lines(struct api_request *request)
{
	struct api_stream *stream = request->stream;
	const struct service *service = manager_service(api_manager(request->api), request->service);
	if (!service || !service->log)
		return false;
	uint64_t next = logbook_next(service->log);
	// A service of the same name that was put anew counts from the beginning.
	if (stream->position > next)
		stream->position = 1;
	const char *source = stream->source[0] ? stream->source : NULL;
	for (int i = 0; i < LINES_PER_ROUND && stream->position < next; stream->position++) {
		cat_autonode struct cat_node *line = logbook_line(service->log, stream->position, source);
		if (!line)
			continue;
		const char *from = cat_node_get(line, "source")->string, *text = cat_node_get(line, "line")->string;
		if (log_record_fill(line, service->name, from, text))
			api_stream_add(stream, line);
		i++;
	}
	return stream->follow || stream->position < next;
}

void api_get_logs(struct api_request *request)
{
	const struct service *service = manager_service(api_manager(request->api), request->service);
	uint64_t tail = LINES_DEFAULT;
	const char *function = api_query(request, "function");
	if (!service || !service->log) {
		api_reply_problem(request, 404, "there is no such service: see `catena status`", NULL);
		return;
	}
	if (function && strcmp(function, "dataplane") != 0 && strcmp(function, "catenad") != 0 &&
	    !service_function(service, function)) {
		char detail[160];
		snprintf(detail, sizeof(detail), "the service has no function \"%.64s\"", function);
		api_reply_problem(request, 404, detail, NULL);
		return;
	}
	if (!read_number(request, "tail", LOGBOOK_LINES, &tail))
		return;
	struct api_stream *stream = api_reply_lines(request, more_lines);
	if (!stream)
		return;
	stream->follow = api_flag(api_query(request, "follow"), false);
	snprintf(stream->source, sizeof(stream->source), "%s", function ? function : "");
	stream->position = logbook_tail(service->log, function, (unsigned)tail);
}

static bool more_events(struct api_request *request)
{
	struct api_stream *stream = request->stream;
	cat_autonode struct cat_node *list = NULL;
	const char *service = request->service[0] ? request->service : NULL;
	if (store_events_load(api_manager(request->api)->store, service, (int64_t)stream->position, STORE_EVENTS_MAX,
			      &list, NULL) < 0)
		return false;
	for (const struct cat_node *event = list->first; event; event = event->next) {
		api_stream_add(stream, event);
		stream->position = (uint64_t)cat_node_get(event, "id")->integer;
	}
	return stream->follow;
}

void api_get_events(struct api_request *request)
{
	uint64_t after = 0, limit = EVENTS_DEFAULT;
	if (!read_number(request, "after", INT64_MAX, &after) ||
	    !read_number(request, "limit", STORE_EVENTS_MAX, &limit))
		return;
	struct cat_err err = {0};
	cat_autonode struct cat_node *list = NULL;
	const char *service = request->service[0] ? request->service : NULL;
	if (store_events_load(api_manager(request->api)->store, service, (int64_t)after, (unsigned)limit, &list, &err) <
	    0) {
		api_reply_error(request, &err);
		return;
	}
	struct api_stream *stream = api_reply_lines(request, more_events);
	if (!stream)
		return;
	stream->follow = api_flag(api_query(request, "follow"), false);
	stream->position = after;
	for (const struct cat_node *event = list->first; event; event = event->next) {
		api_stream_add(stream, event);
		stream->position = (uint64_t)cat_node_get(event, "id")->integer;
	}
}
