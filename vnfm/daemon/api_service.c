// SPDX-License-Identifier: BSD-3-Clause
// Bringing services up and down, and checking their files.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_request.h"
#include "cat_cleanup.h"

// Parses the request's body. NULL: answered with every problem.
static struct cat_service *parse(struct api_request *request)
{
	struct cat_problems problems = {0};
	struct cat_service *file = NULL;
	struct cat_err err = {0};
	int r = cat_service_parse("service file", request->body ? request->body : "", request->body_size,
				  api_manager(request->api)->kinds, &file, &problems, &err);
	if (r < 0 && problems.count)
		api_reply_problem(request, 422, "the service file is not valid", &problems);
	else if (r < 0)
		api_reply_error(request, &err);
	cat_problems_free(&problems);
	return r < 0 ? NULL : file;
}

static struct cat_node *result_body(const struct service *service, const struct cat_node *changes)
{
	cat_autonode struct cat_node *body = service ? status_summary(service) : cat_node_new_map();
	if (!body || (changes && !cat_node_copy(body, "changes", changes)))
		return NULL;
	return cat_steal(body);
}

static void on_progress(void *user, const struct cat_node *line)
{
	struct api_waiter *waiter = user;
	if (!waiter->request)
		return;
	api_stream_add(waiter->request->stream, line);
	api_stream_wake(waiter->request);
}

// The last line of a stream: {"result": ...} or {"problem": ...}.
static void end_lines(struct api_request *request, const char *key, const struct cat_node *body)
{
	cat_autonode struct cat_node *line = cat_node_new_map();
	if (line && body && cat_node_copy(line, key, body))
		api_stream_add(request->stream, line);
	api_stream_end(request);
}

static void on_done(void *user, const struct service *service, const struct cat_node *changes,
		    const struct cat_err *result)
{
	struct api_waiter *waiter = user;
	struct api_request *request = waiter->request;
	if (request) {
		request->waiter = NULL;
		unsigned status = result->code ? api_status_of(result->code) : 200;
		cat_autonode struct cat_node *body =
			result->code ? api_problem(status, result->message, NULL) : result_body(service, changes);
		if (waiter->lines)
			end_lines(request, result->code ? "problem" : "result", body);
		else if (result->code)
			api_reply_error(request, result);
		else
			api_reply(request, 200, body);
	}
	free(waiter);
}

// How the request hears of the operation's end; NULL: answered already, nothing is to be done.
static struct api_waiter *wait_for(struct api_request *request)
{
	struct api_waiter *waiter = calloc(1, sizeof(*waiter));
	if (!waiter) {
		api_reply_problem(request, 503, "no memory", NULL);
		return NULL;
	}
	const char *accept = api_header(request, "Accept");
	waiter->watcher = (struct watcher){.progress = NULL, .done = on_done, .user = waiter};
	waiter->request = request;
	request->waiter = waiter;
	if (!accept || !strstr(accept, "application/jsonl"))
		return waiter;
	if (!api_reply_lines(request, NULL)) {
		request->waiter = NULL;
		free(waiter);
		return NULL;
	}
	request->stream->more = NULL;
	waiter->lines = true;
	waiter->watcher.progress = on_progress;
	return waiter;
}

// Answers at once and lets the operation go on.
static void leave(struct api_request *request)
{
	if (!request->waiter)
		return;
	request->waiter->request = NULL;
	request->waiter = NULL;
	const struct service *service = manager_service(api_manager(request->api), request->service);
	cat_autonode struct cat_node *body = result_body(service, NULL);
	api_reply(request, 202, body);
}

void api_put_service(struct api_request *request)
{
	struct cat_service *file = parse(request);
	if (!file)
		return;
	if (strcmp(cat_service_name(file), request->service) != 0) {
		char detail[256];
		snprintf(detail, sizeof(detail),
			 "found service \"%s\" in the file and \"%s\" in the path: expected the same",
			 cat_service_name(file), request->service);
		cat_service_free(file);
		api_reply_problem(request, 422, detail, NULL);
		return;
	}
	char *text = strndup(request->body, request->body_size);
	struct api_waiter *waiter = text ? wait_for(request) : NULL;
	if (!waiter) {
		cat_service_free(file);
		free(text);
		if (!request->response)
			api_reply_problem(request, 503, "no memory", NULL);
		return;
	}
	service_put(api_manager(request->api), request->service, text, file, &waiter->watcher);
	if (!request->stream && !api_flag(api_query(request, "wait"), true))
		leave(request);
}

static struct service *find(struct api_request *request)
{
	struct service *service = manager_service(api_manager(request->api), request->service);
	if (!service) {
		char detail[256];
		snprintf(detail, sizeof(detail), "there is no service \"%s\": see `catena status`", request->service);
		api_reply_problem(request, 404, detail, NULL);
	}
	return service;
}

void api_delete_service(struct api_request *request)
{
	struct service *service = find(request);
	struct api_waiter *waiter = service ? wait_for(request) : NULL;
	if (!waiter)
		return;
	service_down(service, AFTER_REMOVE, &waiter->watcher);
	if (!request->stream && !api_flag(api_query(request, "wait"), true))
		leave(request);
}

void api_get_service(struct api_request *request)
{
	const struct service *service = find(request);
	if (!service)
		return;
	cat_autonode struct cat_node *body = status_summary(service);
	if (body && (!cat_node_add_string(body, "file", service->current.text) ||
		     (service->current.plan && !cat_node_copy(body, "plan", service->current.plan)))) {
		api_reply_problem(request, 503, "no memory", NULL);
		return;
	}
	api_reply(request, 200, body);
}

void api_get_status(struct api_request *request)
{
	const struct service *service = find(request);
	if (!service)
		return;
	cat_autonode struct cat_node *body = status_service(service);
	api_reply(request, 200, body);
}

void api_post_validate(struct api_request *request)
{
	struct cat_service *file = parse(request);
	if (!file)
		return;
	cat_autonode struct cat_node *body = cat_node_new_map();
	if (body &&
	    (!cat_node_add_bool(body, "valid", true) || !cat_node_add_string(body, "service", cat_service_name(file))))
		cat_node_free(cat_steal(body));
	cat_service_free(file);
	api_reply(request, 200, body);
}

void api_post_plan(struct api_request *request)
{
	struct cat_service *file = parse(request);
	if (!file)
		return;
	struct cat_err err = {0};
	cat_autonode struct cat_node *plan = NULL;
	int r = service_make_plan(api_manager(request->api), file, true, &plan, &err);
	cat_service_free(file);
	if (r < 0)
		api_reply_error(request, &err);
	else
		api_reply(request, 200, plan);
}
