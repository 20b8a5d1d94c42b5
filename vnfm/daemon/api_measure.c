// SPDX-License-Identifier: BSD-3-Clause
// Trials with a service's generators: the request goes to its dataplane as it is, and is answered when the trial has
// ended. One at a time for each service; a client that goes away leaves the trial to its end.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_request.h"
#include "cat_cleanup.h"

static void answer(struct api_waiter *waiter, const struct cat_node *body, const char *message)
{
	struct api_request *request = waiter->request;
	if (request) {
		request->waiter = NULL;
		if (message)
			api_reply_problem(request, 409, message, NULL);
		else
			api_reply(request, 200, body);
	}
	free(waiter);
}

void service_measured(struct service *service, const struct cat_node *body)
{
	struct api_waiter *waiter = service->measuring;
	if (!waiter)
		return;
	service->measuring = NULL;
	const char *message = body ? NULL : "the service's dataplane ended before the trial did";
	cat_node_read_string(body, "message", CAT_OPTIONAL, &message, NULL);
	answer(waiter, body, message);
}

static int begin(struct api_request *request, struct service *service, struct cat_err *err)
{
	cat_autonode struct cat_node *body = NULL;
	if (service->state != SERVICE_RUNNING)
		return cat_err_set(err, -EBUSY, "the service is %s, expected running",
				   service_state_names[service->state]);
	if (service->measuring)
		return cat_err_set(err, -EBUSY, "a trial is under way");
	int r = cat_tree_parse_json("trial", request->body ? request->body : "", request->body_size, &body, err);
	if (r == 0 && body->type != CAT_MAP)
		r = cat_err_set(err, -EINVAL, "expected an object with length_ms and ports");
	if (r < 0)
		return r;
	struct api_waiter *waiter = calloc(1, sizeof(*waiter));
	if (!waiter)
		return cat_err_set(err, -ENOMEM, "no memory");
	r = dataplane_measure(service, body, err);
	if (r < 0) {
		free(waiter);
		return r;
	}
	waiter->request = request;
	request->waiter = waiter;
	service->measuring = waiter;
	return 0;
}

void api_post_measure(struct api_request *request)
{
	struct cat_err err = {0};
	struct service *service = manager_service(api_manager(request->api), request->service);
	int r = service ? begin(request, service, &err)
			: cat_err_set(&err, -ENOENT, "there is no service \"%s\": see `catena status`",
				      request->service);
	if (r < 0)
		api_reply_error(request, &err);
}
