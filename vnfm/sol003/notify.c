// SPDX-License-Identifier: BSD-3-Clause
// Notifications of the life cycle (clauses 5.5.2.17 to 5.5.2.19) and who gets them (clause 5.5.3.12).
#include <errno.h>
#include <string.h>

#include "cat_cleanup.h"
#include "sol.h"

bool notify_listed(const struct cat_node *filter, const char *key, const char *text)
{
	const struct cat_node *list = cat_node_get(filter, key);
	for (const struct cat_node *item = list ? list->first : NULL; item; item = item->next)
		if (item->type == CAT_STRING && !strcmp(item->string, text))
			return true;
	return !list || !list->count;
}

static bool provider_wanted(const struct cat_node *filter, const struct cat_node *doc)
{
	const struct cat_node *list = cat_node_get(filter, "vnfProductsFromProviders");
	for (const struct cat_node *item = list ? list->first : NULL; item; item = item->next) {
		const struct cat_node *products = cat_node_get(item, "vnfProducts");
		if (strcmp(doc_text(item, "vnfProvider"), doc_text(doc, "vnfProvider")) != 0)
			continue;
		if (!products || !products->count)
			return true;
		for (const struct cat_node *p = products->first; p; p = p->next)
			if (!strcmp(doc_text(p, "vnfProductName"), doc_text(doc, "vnfProductName")))
				return true;
	}
	return !list || !list->count;
}

bool notify_wanted(const struct sol_resource *subscription, const struct sol_resource *instance)
{
	const struct cat_node *filter = cat_node_get(subscription->doc, "filter");
	const struct cat_node *wanted = cat_node_get(filter, "vnfInstanceSubscriptionFilter"), *doc = instance->doc;
	return notify_listed(wanted, "vnfdIds", doc_text(doc, "vnfdId")) && provider_wanted(wanted, doc) &&
	       notify_listed(wanted, "vnfInstanceIds", instance->id) &&
	       notify_listed(wanted, "vnfInstanceNames", doc_text(doc, "vnfInstanceName"));
}

struct cat_node *notify_new(const struct sol_resource *subscription, const char *type)
{
	char now[DOC_TIME_MAX], id[37];
	cat_autonode struct cat_node *body = cat_node_new_map();
	doc_uuid(id);
	if (!body || !cat_node_add_string(body, "id", id) || !cat_node_add_string(body, "notificationType", type) ||
	    !cat_node_add_string(body, "subscriptionId", subscription->id) ||
	    !cat_node_add_string(body, "timeStamp", doc_time(wall_ms(), now)))
		return NULL;
	return cat_steal(body);
}

static void lost(struct sol *sol, const struct sol_resource *subscription, const char *why)
{
	manager_event(sol->manager, NULL, NULL, "lost", "a notification for %s: %s",
		      doc_text(subscription->doc, "callbackUri"), why);
}

void notify_send(struct sol *sol, const struct sol_resource *subscription, struct cat_node *body)
{
	cat_autonode struct cat_node *owned = body;
	struct cat_err err = {0};
	struct cat_node *doc = body ? cat_node_new_map() : NULL;
	size_t queued = 0;
	struct sol_resource *oldest = NULL;
	for (struct sol_resource *r = sol->set[SOL_OUTBOX].first; r; r = r->next) {
		if (strcmp(doc_text(r->doc, "subscription"), subscription->id) != 0)
			continue;
		// The first may be on its way.
		if (++queued == 2)
			oldest = r;
	}
	if (queued >= SENDER_QUEUE_MAX && oldest) {
		sol_remove(sol, oldest);
		lost(sol, subscription, "too many wait before it");
	}
	if (!doc || !cat_node_add_string(doc, "subscription", subscription->id) || !cat_node_copy(doc, "body", body)) {
		cat_node_free(doc);
		lost(sol, subscription, "no memory");
		return;
	}
	if (!sol_add(sol, SOL_OUTBOX, doc, &err))
		lost(sol, subscription, err.message);
	sender_wake(sol->sender);
}

static bool add_links(struct sol *sol, struct cat_node *body, const struct sol_resource *subscription,
		      const char *instance, const char *occurrence)
{
	bool v1 = doc_flag(subscription->doc, "v1");
	struct cat_node *links = view_links_begin(sol, body);
	if (!links || !view_link(links, "vnfInstance", "vnflcm", v1, "/vnf_instances/%s", instance) ||
	    !view_link(links, "subscription", "vnflcm", v1, "/subscriptions/%s", subscription->id) ||
	    (occurrence && !view_link(links, "vnfLcmOpOcc", "vnflcm", v1, "/vnf_lcm_op_occs/%s", occurrence)))
		return false;
	view_links_end(links);
	return true;
}

// What is told when something has come of it, unless the subscriber wants short ones.
static bool add_result(struct cat_node *body, const struct cat_node *doc, bool brief)
{
	static const char *const keys[] = {"changedInfo", "changedExtConnectivity"};
	const struct cat_node *error = cat_node_get(doc, "error");
	const struct cat_node *vnfcs = cat_node_find(doc, "resourceChanges", "affectedVnfcs", NULL);
	if (error && !cat_node_copy(body, "error", error))
		return false;
	if (vnfcs && !brief && !cat_node_copy(body, "affectedVnfcs", vnfcs))
		return false;
	for (size_t i = 0; !brief && i < CAT_ARRAY_LEN(keys); i++)
		if (cat_node_get(doc, keys[i]) && !cat_node_copy(body, keys[i], cat_node_get(doc, keys[i])))
			return false;
	return true;
}

static struct cat_node *occurrence_body(struct sol *sol, const struct sol_resource *subscription,
					const struct sol_resource *occurrence, enum sol_state state)
{
	const struct cat_node *doc = occurrence->doc;
	bool result = sol_state_final(state) || state == SOL_FAILED_TEMP, v1 = doc_flag(subscription->doc, "v1");
	bool brief = !strcmp(doc_text(subscription->doc, "verbosity"), "SHORT");
	cat_autonode struct cat_node *body = notify_new(subscription, "VnfLcmOperationOccurrenceNotification");
	if (!body || !cat_node_add_string(body, "notificationStatus", result ? "RESULT" : "START") ||
	    !cat_node_add_string(body, "operationState", sol_state_names[state]) ||
	    !cat_node_add_string(body, "vnfInstanceId", doc_text(doc, "instance")) ||
	    !cat_node_add_string(body, "operation", doc_text(doc, "operation")) ||
	    !cat_node_add_bool(body, "isAutomaticInvocation", doc_flag(doc, "automatic")) ||
	    (!v1 && !cat_node_add_string(body, "verbosity", brief ? "SHORT" : "FULL")) ||
	    !cat_node_add_string(body, "vnfLcmOpOccId", occurrence->id) || (result && !add_result(body, doc, brief)) ||
	    !add_links(sol, body, subscription, doc_text(doc, "instance"), occurrence->id))
		return NULL;
	return cat_steal(body);
}

void notify_occurrence(struct sol *sol, const struct sol_resource *occurrence)
{
	enum sol_state state = occurrence_state(occurrence);
	const struct sol_resource *instance = sol_find(sol, SOL_INSTANCE, doc_text(occurrence->doc, "instance"));
	for (const struct sol_resource *s = sol->set[SOL_LCM_SUBSCRIPTION].first; instance && s; s = s->next) {
		const struct cat_node *filter = cat_node_get(s->doc, "filter");
		if (notify_wanted(s, instance) &&
		    notify_listed(filter, "notificationTypes", "VnfLcmOperationOccurrenceNotification") &&
		    notify_listed(filter, "operationTypes", doc_text(occurrence->doc, "operation")) &&
		    notify_listed(filter, "operationStates", sol_state_names[state]))
			notify_send(sol, s, occurrence_body(sol, s, occurrence, state));
	}
}

void notify_identifier(struct sol *sol, const struct sol_resource *instance, bool created)
{
	const char *type = created ? "VnfIdentifierCreationNotification" : "VnfIdentifierDeletionNotification";
	for (const struct sol_resource *s = sol->set[SOL_LCM_SUBSCRIPTION].first; s; s = s->next) {
		if (!notify_wanted(s, instance) ||
		    !notify_listed(cat_node_get(s->doc, "filter"), "notificationTypes", type))
			continue;
		struct cat_node *body = notify_new(s, type);
		if (body && (!cat_node_add_string(body, "vnfInstanceId", instance->id) ||
			     !add_links(sol, body, s, instance->id, NULL))) {
			cat_node_free(body);
			body = NULL;
		}
		notify_send(sol, s, body);
	}
}
