// SPDX-License-Identifier: BSD-3-Clause
// Fault management (ETSI GS NFV-SOL 003 clause 7): alarms of what happens to functions, raised once and cleared when it
// is over.
#include <errno.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_log.h"
#include "method.h"

#define ALARMS_MAX 1000u // cleared ones beyond that are forgotten, oldest first

// What of the manager's events is an alarm.
static const struct {
	const char *kind, *fault, *severity, *type;
} faults[] = {
	{"died", "CRASH", "CRITICAL", "PROCESSING_ERROR_ALARM"},
	{"hang", "HANG", "CRITICAL", "PROCESSING_ERROR_ALARM"},
	{"failed", "FAILURE", "CRITICAL", "PROCESSING_ERROR_ALARM"},
	{"violation", "VIOLATION", "MAJOR", "PROCESSING_ERROR_ALARM"},
	{"link-down", "LINK_DOWN", "MAJOR", "COMMUNICATIONS_ALARM"},
	{"lacking", "OVERLOAD", "MAJOR", "QOS_ALARM"},
	{"device-removed", "DEVICE_REMOVED", "CRITICAL", "EQUIPMENT_ALARM"},
};

static struct cat_node *view_alarm(const struct sol *sol, const struct sol_resource *alarm, bool v1)
{
	cat_autonode struct cat_node *view = cat_node_copy(NULL, NULL, alarm->doc);
	struct cat_node *links = NULL;
	if (!view || !doc_set_text(view, "service", NULL) || !doc_set_text(view, "function", NULL) ||
	    !(links = view_links_begin(sol, view)) || !view_link(links, "self", "vnffm", v1, "/alarms/%s", alarm->id) ||
	    !view_link(links, "objectInstance", "vnflcm", v1, "/vnf_instances/%s",
		       doc_text(alarm->doc, "managedObjectId")))
		return NULL;
	view_links_end(links);
	return cat_steal(view);
}

static void notify(struct sol *sol, const struct sol_resource *alarm, bool cleared)
{
	const char *type = cleared ? "AlarmClearedNotification" : "AlarmNotification";
	const struct cat_node *doc = alarm->doc;
	const struct sol_resource *instance = sol_find(sol, SOL_INSTANCE, doc_text(doc, "managedObjectId"));
	for (const struct sol_resource *s = sol->set[SOL_FM_SUBSCRIPTION].first; s; s = s->next) {
		const struct cat_node *filter = cat_node_get(s->doc, "filter");
		if ((instance && !notify_wanted(s, instance)) || !notify_listed(filter, "notificationTypes", type) ||
		    !notify_listed(filter, "faultTypes", doc_text(doc, "faultType")) ||
		    !notify_listed(filter, "perceivedSeverities", doc_text(doc, "perceivedSeverity")) ||
		    !notify_listed(filter, "eventTypes", doc_text(doc, "eventType")))
			continue;
		cat_autonode struct cat_node *view = cleared ? NULL : view_alarm(sol, alarm, true);
		struct cat_node *body = notify_new(s, type), *links = NULL;
		bool done = body &&
			    (cleared ? cat_node_add_string(body, "alarmId", alarm->id) &&
					       cat_node_add_string(body, "alarmClearedTime",
								   doc_text(doc, "alarmClearedTime"))
				     : view && cat_node_copy(body, "alarm", view)) &&
			    (links = view_links_begin(sol, body)) &&
			    view_link(links, "subscription", "vnffm", true, "/subscriptions/%s", s->id) &&
			    (!cleared || view_link(links, "alarm", "vnffm", true, "/alarms/%s", alarm->id));
		if (done)
			view_links_end(links);
		else
			cat_node_free(cat_steal(body));
		notify_send(sol, s, body);
	}
}

static void forget_old(struct sol *sol)
{
	struct sol_set *set = &sol->set[SOL_ALARM];
	for (struct sol_resource *r = set->first, *next; r && set->count >= ALARMS_MAX; r = next) {
		next = r->next;
		if (*doc_text(r->doc, "alarmClearedTime"))
			sol_remove(sol, r);
	}
}

static struct sol_resource *active(const struct sol *sol, const char *service, const char *function, const char *fault)
{
	for (struct sol_resource *r = sol->set[SOL_ALARM].first; r; r = r->next)
		if (!*doc_text(r->doc, "alarmClearedTime") && !strcmp(doc_text(r->doc, "service"), service) &&
		    !strcmp(doc_text(r->doc, "function"), function) &&
		    (!fault || !strcmp(doc_text(r->doc, "faultType"), fault)))
			return r;
	return NULL;
}

void fault_raise(struct sol *sol, const char *service, const char *function, const char *fault, const char *severity,
		 const char *type, const char *message)
{
	const struct sol_resource *instance = instance_of(sol, service, function);
	char now[DOC_TIME_MAX];
	struct cat_err err = {0};
	struct sol_resource *alarm = active(sol, service, function, fault);
	doc_time(wall_ms(), now);
	if (alarm) {
		// The same again is the same alarm.
		doc_set_text(alarm->doc, "alarmChangedTime", now);
		doc_set_text(alarm->doc, "eventTime", now);
		sol_save(sol, alarm);
		return;
	}
	forget_old(sol);
	if (!instance || sol->set[SOL_ALARM].count >= ALARMS_MAX)
		return;
	struct cat_node *doc = cat_node_new_map(), *details = NULL;
	if (!doc || !cat_node_add_string(doc, "managedObjectId", instance->id) ||
	    !cat_node_add_string(doc, "service", service) || !cat_node_add_string(doc, "function", function) ||
	    !cat_node_add_string(doc, "alarmRaisedTime", now) ||
	    !cat_node_add_string(doc, "ackState", "UNACKNOWLEDGED") ||
	    !cat_node_add_string(doc, "perceivedSeverity", severity) || !cat_node_add_string(doc, "eventTime", now) ||
	    !cat_node_add_string(doc, "eventType", type) || !cat_node_add_string(doc, "faultType", fault) ||
	    !cat_node_add_string(doc, "probableCause", message) || !cat_node_add_bool(doc, "isRootCause", true) ||
	    !(details = cat_node_add_list(doc, "faultDetails")) ||
	    !cat_node_add_format(details, NULL, "service %s, function %s", service, function)) {
		cat_node_free(doc);
		doc = NULL;
	}
	alarm = sol_add(sol, SOL_ALARM, doc, &err);
	if (alarm)
		notify(sol, alarm, false);
	else
		cat_warn("an alarm of %s/%s is lost: %s", service, function, err.message);
}

void fault_clear(struct sol *sol, const char *service, const char *function, const char *fault)
{
	char now[DOC_TIME_MAX];
	struct sol_resource *alarm;
	while ((alarm = active(sol, service, function, fault)) != NULL) {
		if (!doc_set_text(alarm->doc, "alarmClearedTime", doc_time(wall_ms(), now)))
			return;
		doc_set_text(alarm->doc, "perceivedSeverity", "CLEARED");
		sol_save(sol, alarm);
		notify(sol, alarm, true);
	}
}

static void raise_all(struct sol *sol, const char *service, const char *fault, const char *severity, const char *type,
		      const char *message)
{
	for (const struct sol_resource *r = sol->set[SOL_INSTANCE].first; r; r = r->next)
		if (!strcmp(doc_text(r->doc, "service"), service))
			fault_raise(sol, service, doc_text(r->doc, "function"), fault, severity, type, message);
}

void fault_event(struct sol *sol, const char *service, const char *function, const char *kind, const char *message)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(faults); i++) {
		if (strcmp(faults[i].kind, kind) != 0)
			continue;
		if (function)
			fault_raise(sol, service, function, faults[i].fault, faults[i].severity, faults[i].type,
				    message);
		else
			raise_all(sol, service, faults[i].fault, faults[i].severity, faults[i].type, message);
	}
	bool link = !strcmp(kind, "link-up"), enough = !strcmp(kind, "enough");
	const char *cleared = link ? "LINK_DOWN" : enough ? "OVERLOAD" : NULL;
	if (!cleared && strcmp(kind, "running") != 0 && strcmp(kind, "stopped") != 0)
		return;
	for (const struct sol_resource *r = sol->set[SOL_INSTANCE].first; r; r = r->next)
		if (!strcmp(doc_text(r->doc, "service"), service) &&
		    (!function || !strcmp(doc_text(r->doc, "function"), function)))
			fault_clear(sol, service, doc_text(r->doc, "function"), cleared);
}

void list_alarms(struct sol_call *call)
{
	reply_list(call, &(struct sol_list){.view = view_alarm});
}

void get_alarm(struct sol_call *call)
{
	reply_resource(call, 200, view_alarm(call->sol, call->resource, call->v1));
}

void modify_alarm(struct sol_call *call)
{
	const char *state = doc_text(call->body, "ackState");
	char now[DOC_TIME_MAX];
	if (!condition_holds(call, view_alarm(call->sol, call->resource, call->v1)))
		return;
	if (!strcmp(state, doc_text(call->resource->doc, "ackState"))) {
		reply_problem(call, 409, "the alarm is %s already", state);
		return;
	}
	doc_set_text(call->resource->doc, "ackState", state);
	doc_set_text(call->resource->doc, "alarmChangedTime", doc_time(wall_ms(), now));
	sol_save(call->sol, call->resource);
	cat_autonode struct cat_node *answer = cat_node_new_map();
	api_reply(call->request, 200, answer && cat_node_add_string(answer, "ackState", state) ? answer : NULL);
}
