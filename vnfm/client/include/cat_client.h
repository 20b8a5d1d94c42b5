// SPDX-License-Identifier: BSD-3-Clause
// Talking to the manager: HTTP on its unix socket (docs/api.md), by libcurl.
#ifndef CAT_CLIENT_H
#define CAT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_err.h"
#include "cat_tree.h"

struct cat_client;

// One line of a streamed answer, without newline. Not 0: no more is wanted; the request then ends with -ECANCELED.
typedef int (*cat_client_line_fn)(void *user, const char *line);

struct cat_client_request {
	const char *verb; // "GET", "PUT", ...
	const char *path; // by cat_client_path, behind "/catena/v1"
	const char *body; // NULL: none
	size_t body_size;
	const char *accept; // NULL: anything
	bool whole;         // path is not behind "/catena/v1", but of another interface; the body is JSON
	// For answers of JSON lines; NULL: the answer is collected as a whole.
	cat_client_line_fn line;
	void *user;
};

#define CAT_CLIENT_URI_MAX 1024

struct cat_client_reply {
	unsigned status; // of HTTP
	// Of the headers Location, and Link with rel="next"; "": there was none, or it is longer.
	char location[CAT_CLIENT_URI_MAX], next[CAT_CLIENT_URI_MAX];
	struct cat_node *body; // NULL: empty, or given out in lines
};

#define CAT_CLIENT_BODY_MAX (64u << 20)

// socket: path of the manager's unix socket. NULL: err says why.
struct cat_client *cat_client_create(const char *socket, struct cat_err *err);
void cat_client_destroy(struct cat_client *client);

// Returns 0 when there is an answer, whatever its status; the caller frees ret_reply->body with cat_node_free.
// Errors: -ENOTCONN (no manager listens there), -EACCES (not allowed to), -ECANCELED, -EPIPE (it went away), -EBADMSG.
int cat_client_send(struct cat_client *client, const struct cat_client_request *request,
		    struct cat_client_reply *ret_reply, struct cat_err *err);

// "/services/NAME/logs" of its parts, each escaped (RFC 3986); ended by NULL. NULL: no memory; the caller frees.
char *cat_client_path(const char *first, ...) __attribute__((sentinel));
// Adds "?key=value" or "&key=value" with value escaped; frees path. NULL: no memory, or path was.
char *cat_client_query(char *path, const char *key, const char *value);

// The message of a problem (RFC 9457) in an answer: "title" where there is no detail. Borrowed from the reply.
const char *cat_client_problem(const struct cat_client_reply *reply);

#endif
