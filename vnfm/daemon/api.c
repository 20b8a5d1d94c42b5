// SPDX-License-Identifier: BSD-3-Clause
#include "api.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "api_server.h"
#include "cat_cleanup.h"

// A stream whose reader does not keep up loses lines beyond this.
#define STREAM_BUFFER_MAX (4u << 20)
#define PRESENCE_MS 1000

struct manager *api_manager(struct api *api)
{
	return api->manager;
}

const char *api_query(struct api_request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}

const char *api_header(struct api_request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, key);
}

// Serves until nothing is ready; what MHD keeps to itself for the next call comes back through a post.
static void serve(void *user)
{
	struct api *api = user;
	struct MHD_Daemon *const daemons[] = {api->local.daemon, api->remote.daemon};
	api->posted = false;
	for (size_t i = 0; i < CAT_ARRAY_LEN(daemons); i++) {
		MHD_UNSIGNED_LONG_LONG timeout = 0;
		if (!daemons[i])
			continue;
		MHD_run(daemons[i]);
		if (MHD_get_timeout(daemons[i], &timeout) == MHD_YES && timeout == 0 && !api->posted)
			api->posted = cat_loop_post(api->manager->loop, serve, api) == 0;
	}
}

static void on_ready(void *user, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	serve(user);
}

static void resume(struct api_request *request)
{
	struct api *api = request->api;
	MHD_resume_connection(request->connection);
	if (!api->posted)
		api->posted = cat_loop_post(api->manager->loop, serve, api) == 0;
}

// Hands the prepared answer to MHD; from the loop only after the connection was woken.
static enum MHD_Result queue(struct api_request *request)
{
	request->answered = true;
	enum MHD_Result r = MHD_queue_response(request->connection, request->status, request->response);
	MHD_destroy_response(request->response);
	request->response = NULL;
	return r;
}

static void answer(struct api_request *request, unsigned status, struct MHD_Response *response, const char *type)
{
	if (!response)
		return;
	if (type)
		MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	request->status = status;
	request->response = response;
	if (request->waiting) {
		request->waiting = false;
		resume(request);
	}
}

static void answer_json(struct api_request *request, unsigned status, const struct cat_node *body, const char *type)
{
	char *json = body ? cat_node_to_json(body, 0) : NULL;
	struct MHD_Response *response =
		json ? MHD_create_response_from_buffer(strlen(json), json, MHD_RESPMEM_MUST_FREE) : NULL;
	if (!response) {
		free(json);
		static char empty[] = "{\"title\":\"no memory\",\"status\":503}\n";
		status = 503;
		response = MHD_create_response_from_buffer(sizeof(empty) - 1, empty, MHD_RESPMEM_PERSISTENT);
	}
	answer(request, status, response, type);
}

void api_reply(struct api_request *request, unsigned status, const struct cat_node *body)
{
	answer_json(request, status, body, "application/json");
}

void api_reply_text(struct api_request *request, unsigned status, const char *type, char *text, size_t size)
{
	struct MHD_Response *response =
		text ? MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE) : NULL;
	if (response) {
		answer(request, status, response, type);
	} else {
		free(text);
		api_reply_problem(request, 503, "no memory", NULL);
	}
}

void api_reply_empty(struct api_request *request, unsigned status)
{
	static char nothing[1];
	answer(request, status, MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT), NULL);
}

void api_reply_header(struct api_request *request, const char *key, const char *value)
{
	if (request->response)
		MHD_add_response_header(request->response, key, value);
}

struct cat_node *api_problem(unsigned status, const char *detail, const struct cat_problems *problems)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	const char *title = MHD_get_reason_phrase_for(status);
	if (!body || !cat_node_add_string(body, "type", "about:blank") ||
	    !cat_node_add_string(body, "title", title ? title : "Error") || !cat_node_add_int(body, "status", status) ||
	    !cat_node_add_string(body, "detail", detail))
		return NULL;
	if (!problems || !problems->count)
		return cat_steal(body);
	struct cat_node *list = cat_node_add_list(body, "problems");
	for (size_t i = 0; list && i < problems->count; i++) {
		const struct cat_problem *problem = &problems->item[i];
		struct cat_node *map = cat_node_add_map(list, NULL);
		if (!map || !cat_node_add_int(map, "line", problem->line) ||
		    !cat_node_add_int(map, "column", problem->column) ||
		    !cat_node_add_string(map, "pointer", problem->pointer ? problem->pointer : "") ||
		    !cat_node_add_string(map, "message", problem->message ? problem->message : ""))
			return NULL;
	}
	return list ? cat_steal(body) : NULL;
}

void api_reply_problem(struct api_request *request, unsigned status, const char *detail,
		       const struct cat_problems *problems)
{
	cat_autonode struct cat_node *body = api_problem(status, detail, problems);
	answer_json(request, status, body, "application/problem+json");
}

void api_reply_error(struct api_request *request, const struct cat_err *err)
{
	api_reply_problem(request, api_status_of(err->code), err->message, NULL);
}

static ssize_t read_stream(void *user, uint64_t position, char *to, size_t max)
{
	(void)position;
	struct api_request *request = user;
	struct api_stream *stream = request->stream;
	if (stream->dead)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (stream->sent == stream->used) {
		stream->sent = stream->used = 0;
		if (!stream->ended && stream->more && !stream->more(request))
			stream->ended = true;
	}
	if (stream->sent == stream->used) {
		if (stream->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		stream->suspended = true;
		MHD_suspend_connection(request->connection);
		return 0;
	}
	size_t n = stream->used - stream->sent;
	if (n > max)
		n = max;
	memcpy(to, stream->buffer + stream->sent, n);
	stream->sent += n;
	return (ssize_t)n;
}

struct api_stream *api_reply_lines(struct api_request *request, bool (*more)(struct api_request *request))
{
	request->stream = calloc(1, sizeof(*request->stream));
	struct MHD_Response *response =
		request->stream ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_stream, request, NULL)
				: NULL;
	if (!response) {
		free(request->stream);
		request->stream = NULL;
		api_reply_problem(request, 503, "no memory", NULL);
		return NULL;
	}
	request->stream->more = more;
	answer(request, 200, response, "application/jsonl");
	return request->stream;
}

bool api_stream_add(struct api_stream *stream, const struct cat_node *line)
{
	cat_autofree char *json = line ? cat_node_to_json(line, 0) : NULL;
	size_t length = json ? strlen(json) : 0;
	if (!json || stream->used + length + 1 > STREAM_BUFFER_MAX)
		return false;
	char *more = realloc(stream->buffer, stream->used + length + 1);
	if (!more)
		return false;
	stream->buffer = more;
	json[length] = '\n';
	memcpy(more + stream->used, json, length + 1);
	stream->used += length + 1;
	return true;
}

void api_stream_wake(struct api_request *request)
{
	if (request->stream && request->stream->suspended) {
		request->stream->suspended = false;
		resume(request);
	}
}

void api_stream_end(struct api_request *request)
{
	request->stream->ended = true;
	api_stream_wake(request);
}

void api_news(struct api *api)
{
	for (struct api_request *request = api ? api->requests : NULL; request; request = request->next)
		if (request->stream && request->stream->follow)
			api_stream_wake(request);
}

// A suspended connection does not notice by itself that its client left.
static void look_for_the_gone(void *user)
{
	struct api *api = user;
	for (struct api_request *request = api->requests; request; request = request->next) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (!request->stream || !request->stream->suspended || !info)
			continue;
		struct pollfd p = {.fd = info->connect_fd, .events = POLLRDHUP};
		if (poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR)) {
			request->stream->dead = true;
			api_stream_wake(request);
		}
	}
	serve(api);
}

static size_t body_max(const struct api_request *request)
{
	return request->surface ? request->surface->body_max : API_BODY_MAX;
}

static bool take_body(struct api_request *request, const char *data, size_t size)
{
	struct api *api = request->api;
	if (request->body_size + size > body_max(request) || api->bodies + size > API_BODIES_MAX ||
	    cat_now_ms() - request->started_ms > API_BODY_MS)
		return false;
	char *more = realloc(request->body, request->body_size + size + 1);
	if (!more)
		return false;
	request->body = more;
	memcpy(more + request->body_size, data, size);
	request->body_size += size;
	api->bodies += size;
	more[request->body_size] = 0;
	return true;
}

static void refuse_route(struct api_request *request, enum api_route route, const char *allow)
{
	if (route == API_NO_METHOD) {
		api_reply_problem(request, 405, "the path has other methods: see Allow", NULL);
		if (request->response)
			MHD_add_response_header(request->response, "Allow", allow);
	} else if (route == API_BAD_NAME) {
		api_reply_problem(request, 400,
				  "a service's name has at most 32 lower-case letters, digits and dashes and begins "
				  "with a letter",
				  NULL);
	} else {
		api_reply_problem(request, 404, "no such path: see docs/api.md", NULL);
	}
}

static enum api_route find_route(struct api_request *request, const char *verb, const char *url, char *allow,
				 size_t allow_size)
{
	enum api_route route = api_route_find(verb, url, &request->method, request->service, allow, allow_size);
	for (const struct api_surface *const *s = request->api->surfaces; route == API_NO_PATH && s && *s; s++) {
		route = (*s)->find(request, verb, url, allow, allow_size);
		request->surface = route == API_NO_PATH ? NULL : *s;
	}
	return route;
}

// The first call for a request: who asks, for what, and how much it is going to send.
static enum MHD_Result begin(const struct api_listener *listener, struct MHD_Connection *connection, const char *url,
			     const char *verb, void **slot)
{
	struct api *api = listener->api;
	struct api_request *request = calloc(1, sizeof(*request));
	if (!request)
		return MHD_NO;
	*request = (struct api_request){
		.api = api, .connection = connection, .started_ms = cat_now_ms(), .next = api->requests};
	api->requests = request;
	*slot = request;
	snprintf(request->verb, sizeof(request->verb), "%s", verb);
	request->url = strdup(url);
	char allow[64] = "";
	const char *length = api_header(request, "Content-Length");
	if (api_admit(request, listener)) {
		enum api_route route = find_route(request, verb, url, allow, sizeof(allow));
		if (route != API_FOUND)
			refuse_route(request, route, allow);
		else if (api_admit_route(request) && length && strtoull(length, NULL, 10) > body_max(request))
			api_reply_problem(request, 413,
					  request->surface ? "the body is too large" : "a body has at most 32 MiB",
					  NULL);
	}
	// An answer before the body closes the connection instead of reading what is not wanted.
	return request->response ? queue(request) : MHD_YES;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url, const char *verb,
				  const char *version, const char *data, size_t *size, void **slot)
{
	(void)version;
	struct api_request *request = *slot;
	if (!request)
		return begin(user, connection, url, verb, slot);
	if (*size) {
		bool taken = request->method && request->method->body ? take_body(request, data, *size) : true;
		*size = 0;
		return taken ? MHD_YES : MHD_NO;
	}
	if (request->answered)
		return MHD_YES;
	if (!request->response && !request->waiting)
		request->method->handler(request);
	if (request->response)
		return queue(request);
	MHD_suspend_connection(connection);
	request->waiting = true;
	return MHD_YES;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **slot,
			 enum MHD_RequestTerminationCode code)
{
	(void)connection;
	(void)code;
	struct api *api = user;
	struct api_request *request = *slot;
	if (!request)
		return;
	*slot = NULL;
	for (struct api_request **link = &api->requests; *link; link = &(*link)->next) {
		if (*link == request) {
			*link = request->next;
			break;
		}
	}
	api_account(request);
	api->bodies -= request->body_size;
	if (request->waiter)
		request->waiter->request = NULL;
	if (request->gone)
		request->gone(request);
	if (request->response)
		MHD_destroy_response(request->response);
	if (request->stream)
		free(request->stream->buffer);
	free(request->stream);
	free(request->url);
	free(request->body);
	free(request);
}

struct api *api_create(struct manager *manager, const struct api_surface *const *surfaces, struct cat_err *err)
{
	static const struct api_handlers handlers = {
		.request = on_request, .completed = on_completed, .ready = on_ready};
	struct api *api = calloc(1, sizeof(*api));
	if (!api) {
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	api->manager = manager;
	api->surfaces = surfaces;
	api->local = (struct api_listener){.api = api, .fd = -1};
	api->remote = (struct api_listener){.api = api, .fd = -1, .remote = true};
	if (api_listen_local(api, &handlers, err) == 0 && api_listen_remote(api, &handlers, err) == 0)
		api->timer = cat_loop_add_timer(manager->loop, PRESENCE_MS, PRESENCE_MS, look_for_the_gone, api, err);
	if (api->timer)
		return api;
	api_destroy(api);
	return NULL;
}

void api_flush(struct api *api, int timeout_ms)
{
	uint64_t deadline = cat_now_ms() + (uint64_t)timeout_ms;
	for (struct api_request *request = api->requests; request; request = request->next)
		if (request->stream)
			api_stream_end(request);
	while (api->requests && cat_now_ms() < deadline)
		cat_loop_step(api->manager->loop, 20);
}

void api_destroy(struct api *api)
{
	if (!api)
		return;
	cat_source_remove(api->timer);
	// Suspended connections must be woken before the daemon may end.
	for (struct api_request *request = api->requests; request; request = request->next)
		if (request->waiting || (request->stream && request->stream->suspended))
			MHD_resume_connection(request->connection);
	api_listen_end(api);
	free(api);
}
