// SPDX-License-Identifier: BSD-3-Clause
// Questions that a service's dataplane answers in its own time: trials with generators, and where all buffers are. One
// of each kind at a time; a client that goes away leaves a trial to its end, and so does a manager: the dataplane tells
// the next one.
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

// ended: what to say when there is no answer.
static void answer_waiter(struct api_waiter **place, const struct cat_node *body, const char *ended)
{
	struct api_waiter *waiter = *place;
	const char *message = body ? NULL : ended;
	if (!waiter)
		return;
	*place = NULL;
	cat_node_read_string(body, "message", CAT_OPTIONAL, &message, NULL);
	answer(waiter, body, message);
}

void service_measured(struct service *service, const struct cat_node *body)
{
	if (body && !cat_node_get(body, "message")) {
		cat_node_free(service->measured);
		service->measured = cat_node_copy(NULL, NULL, body);
	}
	answer_waiter(&service->measuring, body, "the service's dataplane ended before the trial did");
}

void service_audited(struct service *service, const struct cat_node *body)
{
	answer_waiter(&service->auditing, body, "the service's dataplane ended before it had counted");
}

static int check_running(const struct service *service, const struct api_waiter *waiter, const char *what,
			 struct cat_err *err)
{
	if (service->state != SERVICE_RUNNING)
		return cat_err_set(err, -EBUSY, "the service is %s, expected running",
				   service_state_names[service->state]);
	return waiter ? cat_err_set(err, -EBUSY, "%s is under way", what) : 0;
}

static int wait_at(struct api_waiter **place, struct api_request *request, struct cat_err *err)
{
	struct api_waiter *waiter = calloc(1, sizeof(*waiter));
	if (!waiter)
		return cat_err_set(err, -ENOMEM, "no memory");
	waiter->request = request;
	request->waiter = waiter;
	*place = waiter;
	return 0;
}

static int begin_trial(struct api_request *request, struct service *service, struct cat_err *err)
{
	cat_autonode struct cat_node *body = NULL;
	int r = check_running(service, service->measuring, "a trial", err);
	if (r == 0)
		r = cat_tree_parse_json("trial", request->body ? request->body : "", request->body_size, &body, err);
	if (r == 0 && body->type != CAT_MAP)
		r = cat_err_set(err, -EINVAL, "expected an object with length_ms and ports");
	if (r == 0)
		r = dataplane_measure(service, body, err);
	if (r < 0)
		return r;
	cat_node_free(service->measured);
	service->measured = NULL;
	return wait_at(&service->measuring, request, err);
}

static int begin_audit(struct api_request *request, struct service *service, struct cat_err *err)
{
	int r = check_running(service, service->auditing, "an audit", err);
	if (r == 0)
		r = dataplane_audit(service, err);
	return r < 0 ? r : wait_at(&service->auditing, request, err);
}

static void begin(struct api_request *request,
		  int (*ask)(struct api_request *request, struct service *service, struct cat_err *err))
{
	struct cat_err err = {0};
	struct service *service = manager_service(api_manager(request->api), request->service);
	int r = service ? ask(request, service, &err)
			: cat_err_set(&err, -ENOENT, "there is no service \"%s\": see `catena status`",
				      request->service);
	if (r < 0)
		api_reply_error(request, &err);
}

void api_post_measure(struct api_request *request)
{
	begin(request, begin_trial);
}

void api_get_audit(struct api_request *request)
{
	begin(request, begin_audit);
}

void api_get_measure(struct api_request *request)
{
	const struct service *service = manager_service(api_manager(request->api), request->service);
	if (!service || !service->measured)
		api_reply_problem(request, 404, "no trial of such a service has ended", NULL);
	else
		api_reply(request, 200, service->measured);
}
