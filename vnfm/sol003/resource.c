// SPDX-License-Identifier: BSD-3-Clause
// Resources in memory and in the store.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "sol.h"

const char *const sol_kind_names[SOL_KINDS] = {
	"vnf_instance", "vnf_lcm_op_occ", "lcm_subscription", "pm_subscription", "fm_subscription",
	"pm_job",       "threshold",      "report",           "alarm",           "outbox"};

static size_t limit_of(enum sol_kind kind)
{
	switch (kind) {
	case SOL_INSTANCE:
		return SOL_INSTANCES_MAX;
	case SOL_LCM_SUBSCRIPTION:
	case SOL_PM_SUBSCRIPTION:
	case SOL_FM_SUBSCRIPTION:
	case SOL_PM_JOB:
	case SOL_THRESHOLD:
		return SOL_SUBSCRIPTIONS_MAX;
	default:
		return SIZE_MAX; // their makers forget old ones
	}
}

struct sol_resource *sol_find(const struct sol *sol, enum sol_kind kind, const char *id)
{
	for (struct sol_resource *r = sol->set[kind].first; r; r = r->next)
		if (!strcmp(r->id, id))
			return r;
	return NULL;
}

// Takes doc over.
static struct sol_resource *append(struct sol *sol, enum sol_kind kind, struct cat_node *doc)
{
	struct sol_set *set = &sol->set[kind];
	struct sol_resource *resource = calloc(1, sizeof(*resource));
	if (!resource) {
		cat_node_free(doc);
		return NULL;
	}
	resource->number = ++set->next;
	resource->kind = kind;
	resource->doc = doc;
	snprintf(resource->id, sizeof(resource->id), "%s", doc_text(doc, "id"));
	*(set->last ? &set->last->next : &set->first) = resource;
	set->last = resource;
	set->count++;
	return resource;
}

struct sol_resource *sol_add(struct sol *sol, enum sol_kind kind, struct cat_node *doc, struct cat_err *err)
{
	char id[37];
	if (doc && sol->set[kind].count >= limit_of(kind)) {
		cat_err_set(err, -ENOSPC, "found %zu resources of the kind %s, at most %zu are possible",
			    sol->set[kind].count, sol_kind_names[kind], limit_of(kind));
		cat_node_free(doc);
		return NULL;
	}
	if (doc && !*doc_text(doc, "id")) {
		doc_uuid(id);
		if (!doc_set_text(doc, "id", id)) {
			cat_node_free(doc);
			doc = NULL;
		}
	}
	struct sol_resource *resource = doc ? append(sol, kind, doc) : NULL;
	if (!resource)
		cat_err_set(err, -ENOMEM, "no memory");
	else if (store_document_put(sol->manager->store, sol_kind_names[kind], resource->id, doc, err) < 0) {
		sol_remove(sol, resource);
		resource = NULL;
	}
	return resource;
}

int sol_save(struct sol *sol, struct sol_resource *resource)
{
	struct cat_err err = {0};
	int r = store_document_put(sol->manager->store, sol_kind_names[resource->kind], resource->id, resource->doc,
				   &err);
	if (r < 0)
		manager_store_failed(sol->manager, &err);
	return r;
}

static void free_resource(struct sol_resource *resource)
{
	saga_free(resource->run);
	cat_node_free(resource->doc);
	cat_node_free(resource->scratch);
	free(resource);
}

void sol_remove(struct sol *sol, struct sol_resource *resource)
{
	struct sol_set *set = &sol->set[resource->kind];
	struct cat_err err = {0};
	if (store_document_delete(sol->manager->store, sol_kind_names[resource->kind], resource->id, &err) < 0)
		manager_store_failed(sol->manager, &err);
	struct sol_resource *before = NULL;
	for (struct sol_resource *r = set->first; r && r != resource; r = r->next)
		before = r;
	*(before ? &before->next : &set->first) = resource->next;
	if (set->last == resource)
		set->last = before;
	set->count--;
	free_resource(resource);
}

struct loader {
	struct sol *sol;
	enum sol_kind kind;
};

static int take(void *user, const char *id, struct cat_node *body, struct cat_err *err)
{
	const struct loader *loader = user;
	(void)id;
	return append(loader->sol, loader->kind, body) ? 0 : cat_err_set(err, -ENOMEM, "no memory");
}

int sol_load(struct sol *sol, struct cat_err *err)
{
	int r = 0;
	for (int kind = 0; kind < SOL_KINDS && r == 0; kind++) {
		struct loader loader = {.sol = sol, .kind = (enum sol_kind)kind};
		r = store_documents_load(sol->manager->store, sol_kind_names[kind], take, &loader, err);
	}
	return r;
}

void sol_destroy(struct sol *sol)
{
	if (!sol)
		return;
	cat_source_remove(sol->timer);
	cat_source_remove(sol->pm_timer);
	sender_destroy(sol->sender);
	for (int kind = 0; kind < SOL_KINDS; kind++) {
		for (struct sol_resource *r = sol->set[kind].first, *next; r; r = next) {
			next = r->next;
			free_resource(r);
		}
	}
	cat_node_free(sol->schema);
	sol->manager->sol = NULL;
	sol->manager->observer = (struct manager_observer){0};
	free(sol);
}
