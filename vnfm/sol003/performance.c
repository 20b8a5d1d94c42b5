// SPDX-License-Identifier: BSD-3-Clause
// Performance management (ETSI GS NFV-SOL 003 clause 6): jobs that collect and report, and thresholds that are watched,
// both once a second at most. What was collected and not yet reported ends with the manager.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_log.h"
#include "measure.h"
#include "method.h"

#define TICK_MS 1000
#define REPORTS_PER_JOB 16u
#define VALUES_MAX 4096u // of one report's entry

static const char *const sides[] = {"left", "right"};

// {"objectInstanceIds", "subObjectInstanceIds", "criteria"} as they were asked for.
static struct cat_node *view_job(const struct sol *sol, const struct sol_resource *job, bool v1)
{
	cat_autonode struct cat_node *view = cat_node_copy(NULL, NULL, job->doc);
	bool threshold = job->kind == SOL_THRESHOLD;
	struct cat_node *links = NULL, *reports = NULL;
	if (!view)
		return NULL;
	if (!threshold && !(reports = cat_node_add_list(view, "reports")))
		return NULL;
	for (const struct sol_resource *r = threshold ? NULL : sol->set[SOL_REPORT].first; r; r = r->next) {
		if (strcmp(doc_text(r->doc, "job"), job->id) != 0)
			continue;
		struct cat_node *map = cat_node_add_map(reports, NULL);
		if (!map ||
		    !cat_node_add_format(map, "href", "%s/vnfpm/v1/reports/%s", sol->manager->options->api_root,
					 r->id) ||
		    !cat_node_add_string(map, "readyTime", doc_text(r->doc, "readyTime")))
			return NULL;
	}
	if (!(links = view_links_begin(sol, view)) ||
	    !view_link(links, "self", "vnfpm", v1, "/%s/%s", threshold ? "thresholds" : "pm_jobs", job->id))
		return NULL;
	view_links_end(links);
	return cat_steal(view);
}

// Whether names and instances exist, and objectType is theirs. False: answered.
static bool target_fits(struct sol_call *call, const struct cat_node *metrics, const char *metric)
{
	const struct cat_node *ids = cat_node_get(call->body, "objectInstanceIds");
	const char *type = doc_text(call->body, "objectType");
	for (const struct cat_node *id = ids ? ids->first : NULL; id; id = id->next) {
		if (sol_find(call->sol, SOL_INSTANCE, id->string))
			continue;
		reply_problem(call, 422, "objectInstanceIds: there is no VNF instance \"%.64s\"", id->string);
		return false;
	}
	const struct cat_node *item = metrics ? metrics->first : NULL;
	for (const char *name = item ? item->string : metric; name;
	     item = item ? item->next : NULL, name = item ? item->string : NULL) {
		const char *object = measure_object(name);
		if (object && !strcmp(object, type))
			continue;
		reply_problem(call, 422, "found \"%.64s\" of objectType %s, expected %s", name, type,
			      "VcpuUsageMeanVnf or VmemoryUsageMeanVnf of Vnf, or "
			      "(Packet|Byte)(Incoming|Outgoing)VnfExtCp of "
			      "VnfExtCp");
		return false;
	}
	return true;
}

static void create(struct sol_call *call, const char *path, const struct cat_node *metrics, const char *metric)
{
	static const char *const keys[] = {"objectType", "objectInstanceIds", "subObjectInstanceIds", "criteria"};
	struct cat_err err = {0};
	if (!target_fits(call, metrics, metric))
		return;
	struct cat_node *doc = cat_node_new_map();
	for (size_t i = 0; doc && i < CAT_ARRAY_LEN(keys); i++) {
		if (!doc_set(doc, keys[i], cat_node_get(call->body, keys[i]))) {
			cat_node_free(doc);
			doc = NULL;
		}
	}
	const struct sol_resource *job = sol_add(call->sol, call->method->kind, doc, &err);
	if (job)
		reply_created(call, 201, path, job->id, view_job(call->sol, job, call->v1));
	else
		reply_error(call, &err);
}

void create_pm_job(struct sol_call *call)
{
	create(call, "/pm_jobs", cat_node_find(call->body, "criteria", "performanceMetric", NULL), NULL);
}

void create_threshold(struct sol_call *call)
{
	create(call, "/thresholds", NULL, doc_text(cat_node_get(call->body, "criteria"), "performanceMetric"));
}

void list_pm_jobs(struct sol_call *call)
{
	static const char *const excluded[] = {"reports", NULL};
	reply_list(call, &(struct sol_list){.view = view_job, .defaults = excluded});
}

void get_pm_job(struct sol_call *call)
{
	reply_resource(call, 200, view_job(call->sol, call->resource, call->v1));
}

void delete_pm_job(struct sol_call *call)
{
	for (struct sol_resource *r = call->sol->set[SOL_REPORT].first, *next; r; r = next) {
		next = r->next;
		if (!strcmp(doc_text(r->doc, "job"), call->resource->id))
			sol_remove(call->sol, r);
	}
	sol_remove(call->sol, call->resource);
	api_reply_empty(call->request, 204);
}

void get_report(struct sol_call *call)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	const struct cat_node *entries = cat_node_get(call->resource->doc, "entries");
	reply_resource(call, 200, body && entries && cat_node_copy(body, "entries", entries) ? cat_steal(body) : NULL);
}

static void notify(struct sol *sol, const struct sol_resource *about, const struct sol_resource *instance,
		   const char *type, const struct cat_node *more)
{
	for (const struct sol_resource *s = sol->set[SOL_PM_SUBSCRIPTION].first; s; s = s->next) {
		if (!notify_wanted(s, instance) ||
		    !notify_listed(cat_node_get(s->doc, "filter"), "notificationTypes", type))
			continue;
		struct cat_node *body = notify_new(s, type), *links = NULL;
		bool threshold = about->kind == SOL_THRESHOLD;
		bool done = body && cat_node_add_string(body, "objectType", doc_text(about->doc, "objectType")) &&
			    cat_node_add_string(body, "objectInstanceId", instance->id) && doc_merge(body, more) &&
			    cat_node_add_string(body, threshold ? "thresholdId" : "pmJobId", about->id) &&
			    (links = view_links_begin(sol, body)) &&
			    view_link(links, "subscription", "vnfpm", true, "/subscriptions/%s", s->id) &&
			    view_link(links, "objectInstance", "vnflcm", true, "/vnf_instances/%s", instance->id) &&
			    view_link(links, threshold ? "threshold" : "pmJob", "vnfpm", true, "/%s/%s",
				      threshold ? "thresholds" : "pm_jobs", about->id);
		if (done)
			view_links_end(links);
		else
			cat_node_free(cat_steal(body));
		notify_send(sol, s, body);
	}
}

// Readings of before are kept beside the job, under METRIC/INSTANCE/SIDE.
static bool step(struct sol *sol, struct sol_resource *job, const struct sol_resource *instance, const char *metric,
		 const char *side, double *ret_value)
{
	char key[256];
	struct measure_value now, before = {0};
	snprintf(key, sizeof(key), "%s/%s/%s", metric, instance->id, side);
	if (!job->scratch)
		job->scratch = cat_node_new_map();
	if (!job->scratch || !measure_read(sol, instance, metric, side, &now))
		return false;
	struct cat_node *kept = cat_node_get(job->scratch, key);
	const struct cat_node *value = cat_node_at(kept, 0), *base = cat_node_at(kept, 1);
	bool first = !value || !base;
	before.value = value ? value->real : 0;
	before.base = base ? base->real : 0;
	cat_node_free(kept ? cat_node_detach(kept) : NULL);
	kept = cat_node_add_list(job->scratch, key);
	if (!kept || !cat_node_add_real(kept, NULL, now.value) || !cat_node_add_real(kept, NULL, now.base))
		return false;
	*ret_value = measure_between(&before, &now);
	return now.level || !first;
}

static struct cat_node *entry_of(struct cat_node *entries, const struct sol_resource *job,
				 const struct sol_resource *instance, const char *metric, const char *side)
{
	for (struct cat_node *entry = entries->first; entry; entry = entry->next)
		if (!strcmp(doc_text(entry, "objectInstanceId"), instance->id) &&
		    !strcmp(doc_text(entry, "performanceMetric"), metric) &&
		    !strcmp(doc_text(entry, "subObjectInstanceId"), side))
			return entry;
	struct cat_node *entry = cat_node_add_map(entries, NULL);
	if (!entry || !cat_node_add_string(entry, "objectType", doc_text(job->doc, "objectType")) ||
	    !cat_node_add_string(entry, "objectInstanceId", instance->id) ||
	    (*side && !cat_node_add_string(entry, "subObjectInstanceId", side)) ||
	    !cat_node_add_string(entry, "performanceMetric", metric) || !cat_node_add_list(entry, "performanceValues"))
		return NULL;
	return entry;
}

static void collect_one(struct sol *sol, struct sol_resource *job, const struct sol_resource *instance,
			const char *metric, const char *side)
{
	double value = 0;
	char now[DOC_TIME_MAX];
	if (!step(sol, job, instance, metric, side, &value))
		return;
	struct cat_node *entries = cat_node_get(job->scratch, "entries");
	if (!entries)
		entries = cat_node_add_list(job->scratch, "entries");
	struct cat_node *entry = entries ? entry_of(entries, job, instance, metric, side) : NULL;
	struct cat_node *values = entry ? cat_node_get(entry, "performanceValues") : NULL;
	struct cat_node *map = values && values->count < VALUES_MAX ? cat_node_add_map(values, NULL) : NULL;
	if (!map || !cat_node_add_string(map, "timeStamp", doc_time(wall_ms(), now)) ||
	    !cat_node_add_real(map, "value", value))
		cat_warn("a value of %s is lost", metric);
}

typedef void (*each_fn)(struct sol *sol, struct sol_resource *job, const struct sol_resource *instance,
			const char *metric, const char *side);

static void each_side(struct sol *sol, struct sol_resource *job, const char *metric, each_fn fn)
{
	const struct cat_node *ids = cat_node_get(job->doc, "objectInstanceIds");
	bool points = !strcmp(doc_text(job->doc, "objectType"), "VnfExtCp");
	for (const struct cat_node *id = ids ? ids->first : NULL; id; id = id->next) {
		const struct sol_resource *instance = sol_find(sol, SOL_INSTANCE, id->string);
		if (instance && !points)
			fn(sol, job, instance, metric, "");
		for (size_t i = 0; instance && points && i < CAT_ARRAY_LEN(sides); i++)
			if (notify_listed(job->doc, "subObjectInstanceIds", sides[i]))
				fn(sol, job, instance, metric, sides[i]);
	}
}

static void report(struct sol *sol, const struct sol_resource *job)
{
	struct cat_node *entries = cat_node_get(job->scratch, "entries");
	struct cat_err err = {0};
	char now[DOC_TIME_MAX];
	size_t kept = 0;
	if (!entries)
		return;
	struct cat_node *doc = cat_node_new_map();
	if (doc && (!cat_node_add_string(doc, "job", job->id) ||
		    !cat_node_add_string(doc, "readyTime", doc_time(wall_ms(), now)) ||
		    !cat_node_copy(doc, "entries", entries))) {
		cat_node_free(doc);
		doc = NULL;
	}
	cat_node_free(cat_node_detach(entries));
	const struct sol_resource *made = sol_add(sol, SOL_REPORT, doc, &err);
	if (!made) {
		cat_warn("a report is lost: %s", err.message);
		return;
	}
	struct sol_resource *oldest = NULL;
	for (struct sol_resource *r = sol->set[SOL_REPORT].first; r; r = r->next) {
		if (strcmp(doc_text(r->doc, "job"), job->id) != 0)
			continue;
		oldest = oldest ? oldest : r;
		kept++;
	}
	if (kept > REPORTS_PER_JOB)
		sol_remove(sol, oldest);
	const struct cat_node *ids = cat_node_get(job->doc, "objectInstanceIds");
	for (const struct cat_node *id = ids ? ids->first : NULL; id; id = id->next) {
		const struct sol_resource *instance = sol_find(sol, SOL_INSTANCE, id->string);
		if (instance)
			notify(sol, job, instance, "PerformanceInformationAvailableNotification", NULL);
	}
}

static void run_job(struct sol *sol, struct sol_resource *job)
{
	const struct cat_node *criteria = cat_node_get(job->doc, "criteria");
	const struct cat_node *metrics = cat_node_get(criteria, "performanceMetric");
	uint64_t age = ++job->seconds;
	if (age % (uint64_t)doc_int(criteria, "collectionPeriod") == 0)
		for (const struct cat_node *metric = metrics ? metrics->first : NULL; metric; metric = metric->next)
			each_side(sol, job, metric->string, collect_one);
	if (age % (uint64_t)doc_int(criteria, "reportingPeriod") == 0 && job->scratch)
		report(sol, job);
}

static double number(const struct cat_node *map, const char *key)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_INT ? (double)node->integer : node && node->type == CAT_REAL ? node->real : 0;
}

// UP above value plus hysteresis, DOWN below value less hysteresis, each told once.
static void watch(struct sol *sol, struct sol_resource *threshold, const struct sol_resource *instance,
		  const char *metric, const char *side)
{
	const struct cat_node *details = cat_node_find(threshold->doc, "criteria", "simpleThresholdDetails", NULL);
	double value = 0, limit = number(details, "thresholdValue"), slack = number(details, "hysteresis");
	char key[256];
	if (!step(sol, threshold, instance, metric, side, &value))
		return;
	snprintf(key, sizeof(key), "up/%s/%s", instance->id, side);
	bool was = doc_flag(threshold->scratch, key);
	bool up = was ? value >= limit - slack : value > limit + slack;
	if (up == was || !doc_set_bool(threshold->scratch, key, up))
		return;
	cat_autonode struct cat_node *more = cat_node_new_map();
	if (more && cat_node_add_string(more, "crossingDirection", up ? "UP" : "DOWN") &&
	    (!*side || cat_node_add_string(more, "subObjectInstanceId", side)) &&
	    cat_node_add_string(more, "performanceMetric", metric) &&
	    cat_node_add_real(more, "performanceValue", value))
		notify(sol, threshold, instance, "ThresholdCrossedNotification", more);
}

static void on_tick(void *user)
{
	struct sol *sol = user;
	if (sol->manager->stopping)
		return;
	for (struct sol_resource *r = sol->set[SOL_PM_JOB].first; r; r = r->next)
		run_job(sol, r);
	for (struct sol_resource *r = sol->set[SOL_THRESHOLD].first; r; r = r->next)
		each_side(sol, r, doc_text(cat_node_get(r->doc, "criteria"), "performanceMetric"), watch);
	quality_look(sol);
}

int performance_start(struct sol *sol, struct cat_err *err)
{
	sol->pm_timer = cat_loop_add_timer(sol->manager->loop, TICK_MS, TICK_MS, on_tick, sol, err);
	return sol->pm_timer ? 0 : err->code;
}
