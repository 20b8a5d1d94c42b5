// SPDX-License-Identifier: BSD-3-Clause
// The table of the API's methods: what is dispatched, helped with and documented is the same.
#ifndef VNFM_API_ROUTE_H
#define VNFM_API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "api_access.h"

#define API_PREFIX "/catena/v1"
#define API_NAME_MAX 32 // of a service: also the limit of the service file

struct api_request;
typedef void (*api_fn)(struct api_request *request);

struct api_method {
	const char *verb, *path; // "{service}" stands for a name
	api_fn handler;
	bool body;              // takes one
	const char *parameters; // of the query, for people
	const char *summary;
	const char *answers;
	enum access_scope scope; // ACCESS_NONE: read for GET, else admin
	bool per_service;        // the handler looks at each service itself, whether it may be seen or changed
};
extern const struct api_method api_methods[];
extern const size_t api_method_count;

enum api_route { API_FOUND, API_NO_PATH, API_NO_METHOD, API_BAD_NAME };

// Another family of paths on the same sockets, with a table of its own.
struct api_surface {
	size_t body_max; // bytes of one request
	// Sets request->method, and what the path says in request->service, id and part. Other results: as
	// api_route_find; API_NO_PATH: the path may be another surface's.
	enum api_route (*find)(struct api_request *request, const char *verb, const char *path, char *allow,
			       size_t allow_size);
};
// Looks a request's path up. name has API_NAME_MAX + 1 bytes and is set to the service's name, if there is one in it.
// API_NO_METHOD: allow (at least 64 bytes) tells which there are.
enum api_route api_route_find(const char *verb, const char *path, const struct api_method **ret_method, char *name,
			      char *allow, size_t allow_size);
// A service's name: lower-case letters, digits and dashes, beginning with a letter.
bool api_name_valid(const char *name);
// Reads "true", "1", "" or absent (NULL); anything else is false.
bool api_flag(const char *value, bool absent);
// HTTP status for a negative errno.
unsigned api_status_of(int code);

#endif
