// SPDX-License-Identifier: BSD-3-Clause
// One request of the API: what handlers get, and how they answer. A handler answers at once with one of the api_reply
// functions, or keeps the request with api_wait and answers from the loop later.
#ifndef VNFM_API_REQUEST_H
#define VNFM_API_REQUEST_H

#include <microhttpd.h>

#include "api.h"
#include "cat_schema.h"
#include "cat_tree.h"
#include "service.h"
#include "status.h"

#define API_ID_MAX 64

// Lines that are sent as they come about.
struct api_stream {
	// Fills the buffer with the next lines; false: there will be none any more.
	bool (*more)(struct api_request *request);
	char *buffer;
	size_t used, sent;
	bool ended, suspended, dead;
	uint64_t position; // of the follower: the next line or the last event
	bool follow;
	char source[SERVICE_NAME_MAX];
};

// The connection that hears of an operation's end.
struct api_waiter {
	struct watcher watcher;
	struct api_request *request; // NULL: it went away
	bool lines;                  // sends steps
	bool created;
};

struct api_request {
	struct api_request *next; // in api->requests
	struct api *api;
	struct MHD_Connection *connection;
	const struct access_client *client; // of a remote one
	bool remote;
	char who[64], from[64], verb[16];
	char *url; // owned, for the audit log
	const struct api_method *method;
	char service[API_NAME_MAX + 1];
	const struct api_surface *surface; // NULL: the methods of api_route.c
	char id[API_ID_MAX + 1];           // of a surface's resource
	const char *prefix;                // of the surface's version of the path; borrowed
	// Called when the request ends while it waits; the answer is not wanted any more.
	void (*gone)(struct api_request *request);
	void *user;
	char *body;
	size_t body_size;
	uint64_t started_ms;
	bool waiting, answered; // suspended for an answer; queued
	struct MHD_Response *response;
	unsigned status;
	struct api_stream *stream;
	struct api_waiter *waiter;
};

struct manager *api_manager(struct api *api);
// Whether who asks has the scope, for that service (NULL: for all).
bool api_allowed(const struct api_request *request, enum access_scope scope, const char *service);
enum access_scope api_scope(const struct api_method *method);
void api_reply_forbidden(struct api_request *request, enum access_scope scope, const char *service);

const char *api_query(struct api_request *request, const char *key);  // NULL: absent
const char *api_header(struct api_request *request, const char *key); // NULL: absent
void api_reply(struct api_request *request, unsigned status, const struct cat_node *body);
// RFC 9457. problems may be NULL.
void api_reply_problem(struct api_request *request, unsigned status, const char *detail,
		       const struct cat_problems *problems);
void api_reply_error(struct api_request *request, const struct cat_err *err);
// Answers with other content than JSON. text is taken over (malloc); NULL: no memory.
void api_reply_text(struct api_request *request, unsigned status, const char *type, char *text, size_t size);
// Answers without a body.
void api_reply_empty(struct api_request *request, unsigned status);
// Adds a header to the answer that was just given.
void api_reply_header(struct api_request *request, const char *key, const char *value);
// The body of a problem. NULL: no memory; the caller frees.
struct cat_node *api_problem(unsigned status, const char *detail, const struct cat_problems *problems);
// Answers with JSON lines. NULL: no memory (answered).
struct api_stream *api_reply_lines(struct api_request *request, bool (*more)(struct api_request *request));
// Adds one line to the stream's buffer. False: no memory or full; the line is lost.
bool api_stream_add(struct api_stream *stream, const struct cat_node *line);
void api_stream_end(struct api_request *request);
void api_stream_wake(struct api_request *request);

void api_get_version(struct api_request *request);
void api_get_services(struct api_request *request);
void api_get_service(struct api_request *request);
void api_put_service(struct api_request *request);
void api_delete_service(struct api_request *request);
void api_get_status(struct api_request *request);
void api_get_logs(struct api_request *request);
void api_get_events(struct api_request *request);
void api_post_validate(struct api_request *request);
void api_post_plan(struct api_request *request);
void api_get_host(struct api_request *request);
void api_post_measure(struct api_request *request);
void api_get_measure(struct api_request *request);
void api_get_audit(struct api_request *request);

#endif
