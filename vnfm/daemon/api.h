// SPDX-License-Identifier: BSD-3-Clause
// The REST API on a unix socket (docs/api.md), served by libmicrohttpd on the manager's own loop: requests never wait
// for each other's locks, there are none.
#ifndef VNFM_API_H
#define VNFM_API_H

#include "api_route.h"
#include "manager.h"

#define API_BODY_MAX CAT_TREE_TEXT_MAX     // bytes of one request
#define API_BODIES_MAX (2u * API_BODY_MAX) // of all requests together
#define API_CONNECTIONS_MAX 64u
#define API_IDLE_S 10u     // a connection that says nothing for so long is closed
#define API_BODY_MS 30000u // a body must have come in so long

// Listens at options->socket. surfaces: besides the methods of api_route.c, ended by NULL; they outlive the API.
// NULL: err says why.
struct api *api_create(struct manager *manager, const struct api_surface *const *surfaces, struct cat_err *err);
void api_destroy(struct api *api);
// Serves what is left to serve before the end: answers that wait are sent. At most timeout_ms.
void api_flush(struct api *api, int timeout_ms);
// There are new log lines or events: who follows them is served.
void api_news(struct api *api);

#endif
