// SPDX-License-Identifier: BSD-3-Clause
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "api_request.h"
#include "cat_cleanup.h"
#include "cat_log.h"

#define LISTEN_BACKLOG 64
#define GROUPS_MAX 1024
#define CONNECTION_MEMORY (32u << 10)
// A stream whose reader does not keep up loses lines beyond this.
#define STREAM_BUFFER_MAX (4u << 20)
#define PRESENCE_MS 1000

struct api {
	struct manager *manager;
	const struct api_surface *const *surfaces;
	struct MHD_Daemon *daemon;
	struct cat_source *source, *timer;
	struct api_request *requests;
	size_t bodies; // bytes held by all of them
	gid_t group;
	bool has_group, posted;
	int listen;
};

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
	api->posted = false;
	MHD_run(api->daemon);
	MHD_UNSIGNED_LONG_LONG timeout = 0;
	if (MHD_get_timeout(api->daemon, &timeout) == MHD_YES && timeout == 0 && !api->posted)
		api->posted = cat_loop_post(api->manager->loop, serve, api) == 0;
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

// Root, whoever the manager runs as, and members of the group, if there is one.
static bool may_use(const struct api *api, int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid() || (api->has_group && peer.gid == api->group))
		return true;
	gid_t groups[GROUPS_MAX];
	length = sizeof(groups);
	if (!api->has_group || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0)
		return false;
	for (size_t i = 0; i < length / sizeof(*groups); i++)
		if (groups[i] == api->group)
			return true;
	return false;
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
static enum MHD_Result begin(struct api *api, struct MHD_Connection *connection, const char *url, const char *verb,
			     void **slot)
{
	struct api_request *request = calloc(1, sizeof(*request));
	if (!request)
		return MHD_NO;
	*request = (struct api_request){
		.api = api, .connection = connection, .started_ms = cat_now_ms(), .next = api->requests};
	api->requests = request;
	*slot = request;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	char allow[64];
	enum api_route route = find_route(request, verb, url, allow, sizeof(allow));
	const char *length = api_header(request, "Content-Length");
	if (!info || !may_use(api, info->connect_fd))
		api_reply_problem(request, 403, "only root and members of the manager's group may use this socket",
				  NULL);
	else if (route != API_FOUND)
		refuse_route(request, route, allow);
	else if (length && strtoull(length, NULL, 10) > body_max(request))
		api_reply_problem(request, 413,
				  request->surface ? "the body is too large" : "a body has at most 32 MiB", NULL);
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
	free(request->body);
	free(request);
}

static void on_mhd_log(void *user, const char *format, va_list args)
{
	(void)user;
	char line[512];
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = 0;
	cat_debug("http: %s", line);
}

static int listen_at(struct api *api, struct cat_err *err)
{
	const char *path = api->manager->options->socket;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return cat_err_set(err, -ENAMETOOLONG,
				   "%s: found %zu bytes, a socket's path has at most %zu: give --socket or a "
				   "shorter --run-dir",
				   path, strlen(path), sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	api->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (api->listen < 0)
		return cat_err_errno(err, "%s", path);
	unlink(path);
	mode_t mode = api->has_group ? 0660 : 0600;
	// Nobody gets in between bind and chmod: the mode is the descriptor's.
	if (fchmod(api->listen, 0600) < 0 || bind(api->listen, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (api->has_group && chown(path, (uid_t)-1, api->group) < 0) || chmod(path, mode) < 0 ||
	    listen(api->listen, LISTEN_BACKLOG) < 0)
		return cat_err_errno(err, "%s: listening", path);
	return 0;
}

struct api *api_create(struct manager *manager, const struct api_surface *const *surfaces, struct cat_err *err)
{
	struct api *api = calloc(1, sizeof(*api));
	if (!api) {
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	api->manager = manager;
	api->surfaces = surfaces;
	api->listen = -1;
	const struct group *group = getgrnam(manager->options->group);
	api->has_group = group;
	api->group = group ? group->gr_gid : 0;
	if (listen_at(api, err) < 0)
		goto fail;
	api->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
				       on_request, api, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, api,
				       MHD_OPTION_LISTEN_SOCKET, api->listen, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
				       api, MHD_OPTION_CONNECTION_LIMIT, API_CONNECTIONS_MAX,
				       MHD_OPTION_CONNECTION_TIMEOUT, API_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				       (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	const union MHD_DaemonInfo *info =
		api->daemon ? MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		cat_err_set(err, -EIO, "%s: the HTTP server does not start", manager->options->socket);
		goto fail;
	}
	api->source = cat_loop_add_fd(manager->loop, info->epoll_fd, EPOLLIN, on_ready, api, err);
	api->timer = cat_loop_add_timer(manager->loop, PRESENCE_MS, PRESENCE_MS, look_for_the_gone, api, err);
	if (!api->source || !api->timer)
		goto fail;
	return api;
fail:
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
	cat_source_remove(api->source);
	cat_source_remove(api->timer);
	// Suspended connections must be woken before the daemon may end.
	for (struct api_request *request = api->requests; request; request = request->next)
		if (request->waiting || (request->stream && request->stream->suspended))
			MHD_resume_connection(request->connection);
	if (api->daemon)
		MHD_stop_daemon(api->daemon); // closes the socket
	else if (api->listen >= 0)
		close(api->listen);
	if (api->listen >= 0)
		unlink(api->manager->options->socket);
	free(api);
}
