// SPDX-License-Identifier: BSD-3-Clause
// Subscriptions (clause 5.4.18 to 5.4.20, and the same of the other interfaces).
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "method.h"

// Credentials are told to nobody.
struct cat_node *view_subscription(const struct sol *sol, const struct sol_resource *subscription, bool v1)
{
	static const char *const interfaces[SOL_KINDS] = {
		[SOL_LCM_SUBSCRIPTION] = "vnflcm", [SOL_PM_SUBSCRIPTION] = "vnfpm", [SOL_FM_SUBSCRIPTION] = "vnffm"};
	const struct cat_node *filter = cat_node_get(subscription->doc, "filter");
	const char *verbosity = doc_text(subscription->doc, "verbosity");
	cat_autonode struct cat_node *view = cat_node_new_map();
	struct cat_node *links = NULL;
	if (!view || !cat_node_add_string(view, "id", subscription->id) ||
	    (filter && !cat_node_copy(view, "filter", filter)) ||
	    !cat_node_add_string(view, "callbackUri", doc_text(subscription->doc, "callbackUri")) ||
	    (*verbosity && !cat_node_add_string(view, "verbosity", verbosity)) ||
	    !(links = view_links_begin(sol, view)) ||
	    !view_link(links, "self", interfaces[subscription->kind], v1, "/subscriptions/%s", subscription->id))
		return NULL;
	view_links_end(links);
	return cat_steal(view);
}

void list_subscriptions(struct sol_call *call)
{
	reply_list(call, &(struct sol_list){.view = view_subscription});
}

void get_subscription(struct sol_call *call)
{
	reply_resource(call, 200, view_subscription(call->sol, call->resource, call->v1));
}

void delete_subscription(struct sol_call *call)
{
	char id[SOL_ID_MAX + 1];
	memcpy(id, call->resource->id, sizeof(id));
	sol_remove(call->sol, call->resource);
	sender_forget(call->sol->sender, id);
	api_reply_empty(call->request, 204);
}

// A request that waits for its callback URI's answer.
struct pending {
	struct sol_call call; // request NULL: it went away
	struct cat_node *doc;
};

static void gone(struct api_request *request)
{
	struct pending *pending = request->user;
	pending->call.request = NULL;
}

static void tested(void *user, const char *problem)
{
	struct pending *pending = user;
	struct sol_call *call = &pending->call;
	struct cat_err err = {0};
	if (call->request) {
		call->request->gone = NULL;
		struct sol_resource *subscription =
			problem ? NULL : sol_add(call->sol, call->method->kind, cat_steal(pending->doc), &err);
		if (problem)
			reply_problem(call, 422, "callbackUri: %s", problem);
		else if (!subscription)
			reply_error(call, &err);
		else
			reply_created(call, 201, "/subscriptions", subscription->id,
				      view_subscription(call->sol, subscription, call->v1));
		reply_version(call);
	}
	cat_node_free(pending->doc);
	free(pending);
}

static bool same(const struct cat_node *a, const struct cat_node *b, const char *key)
{
	const struct cat_node *x = cat_node_get(a, key), *y = cat_node_get(b, key);
	return !x == !y && (!x || cat_node_equal(x, y));
}

// False: answered that the credentials are not whole.
static bool credentials_fit(struct sol_call *call)
{
	const struct cat_node *how = cat_node_get(call->body, "authentication");
	const struct cat_node *type = cat_node_at(cat_node_get(how, "authType"), 0);
	const char *wanted = !type ? NULL : !strcmp(type->string, "BASIC") ? "paramsBasic" : "paramsBearer";
	if (!wanted || cat_node_get(how, wanted))
		return true;
	reply_problem(call, 422, "authentication: found authType %s and no %s", type->string, wanted);
	return false;
}

void create_subscription(struct sol_call *call)
{
	static const char *const keys[] = {"filter", "callbackUri", "authentication", "verbosity"};
	if (!credentials_fit(call))
		return;
	for (const struct sol_resource *s = call->sol->set[call->method->kind].first; s; s = s->next) {
		if (same(s->doc, call->body, "callbackUri") && same(s->doc, call->body, "filter")) {
			// Clause 5.4.19.3.1: the same again is not made twice.
			reply_created(call, 303, "/subscriptions", s->id, NULL);
			return;
		}
	}
	struct cat_err err = {0};
	struct pending *pending = calloc(1, sizeof(*pending));
	struct cat_node *doc = pending ? cat_node_new_map() : NULL;
	bool done = doc && doc_set_bool(doc, "v1", call->v1);
	for (size_t i = 0; done && i < CAT_ARRAY_LEN(keys); i++)
		done = doc_set(doc, keys[i], cat_node_get(call->body, keys[i]));
	if (done) {
		*pending = (struct pending){.call = *call, .doc = doc};
		pending->call.body = NULL;
		done = sender_test(call->sol->sender, doc, tested, pending, &err) == 0;
	}
	if (!done) {
		cat_node_free(doc);
		free(pending);
		reply_problem(call, 503, "no memory");
		return;
	}
	call->request->user = pending;
	call->request->gone = gone;
}
