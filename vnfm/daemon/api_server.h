// SPDX-License-Identifier: BSD-3-Clause
// The server's own: its two listeners, and who is behind a request.
#ifndef VNFM_API_SERVER_H
#define VNFM_API_SERVER_H

#include <sys/types.h>

#include "api_access.h"
#include "api_request.h"

struct api_listener {
	struct api *api;
	struct MHD_Daemon *daemon; // NULL: not in use
	struct cat_source *source;
	int fd;
	bool remote; // TLS over TCP
};

struct api {
	struct manager *manager;
	const struct api_surface *const *surfaces;
	struct api_listener local, remote;
	struct cat_source *timer;
	struct api_request *requests;
	struct access *access; // of the remote listener
	struct access_rates *rates;
	char *certificate, *key, *authority; // PEM, owned: the server keeps using them
	size_t bodies;                       // bytes held by all requests
	gid_t group;
	bool has_group, posted;
};

// api_listen.c. handlers of the server are the same for both.
struct api_handlers {
	MHD_AccessHandlerCallback request;
	MHD_RequestCompletedCallback completed;
	void (*ready)(void *user, int fd, uint32_t events); // user: the api
};
int api_listen_local(struct api *api, const struct api_handlers *handlers, struct cat_err *err);
// Does nothing unless the options say where to listen.
int api_listen_remote(struct api *api, const struct api_handlers *handlers, struct cat_err *err);
void api_listen_end(struct api *api);

// api_admit.c: finds out who asks. False: answered that he may not.
bool api_admit(struct api_request *request, const struct api_listener *listener);
// Whether the request's route is his. False: answered.
bool api_admit_route(struct api_request *request);
void api_account(struct api_request *request); // in the audit log, when it is over

#endif
