// SPDX-License-Identifier: BSD-3-Clause
// VNF instances: the functions of all services, and those that SOL003 made.
#include <errno.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_log.h"
#include "method.h"

bool instance_is_up(const struct sol_resource *instance)
{
	return !strcmp(doc_text(instance->doc, "state"), "INSTANTIATED");
}

struct service *instance_service(const struct sol *sol, const struct sol_resource *instance)
{
	const char *name = doc_text(instance->doc, "service");
	return *name ? manager_service(sol->manager, name) : NULL;
}

struct function *instance_function(const struct sol *sol, const struct sol_resource *instance)
{
	const struct service *service = instance_service(sol, instance);
	return service ? service_function(service, doc_text(instance->doc, "function")) : NULL;
}

struct sol_resource *instance_of(const struct sol *sol, const char *service, const char *function)
{
	for (struct sol_resource *r = sol->set[SOL_INSTANCE].first; r; r = r->next)
		if (!strcmp(doc_text(r->doc, "service"), service) && !strcmp(doc_text(r->doc, "function"), function))
			return r;
	return NULL;
}

static int describe(struct cat_node *doc, const struct descriptor *d, struct cat_err *err)
{
	if (doc_set_text(doc, "vnfdId", d->id) && doc_set_text(doc, "kind", d->kind) &&
	    doc_set_text(doc, "vnfProvider", d->provider) && doc_set_text(doc, "vnfProductName", d->product) &&
	    doc_set_text(doc, "vnfSoftwareVersion", d->software_version) &&
	    doc_set_text(doc, "vnfdVersion", d->version))
		return 0;
	return cat_err_set(err, -ENOMEM, "no memory");
}

int instance_describe(const struct sol *sol, struct cat_node *doc, const char *vnfd_id, struct cat_err *err)
{
	struct descriptor descriptor;
	if (descriptor_find(sol->manager->kinds, vnfd_id, &descriptor) < 0)
		return cat_err_set(err, -ENOENT,
				   "vnfdId: found \"%s\", which no package has: see `catena package list`", vnfd_id);
	return describe(doc, &descriptor, err);
}

struct sol_resource *instance_add(struct sol *sol, struct cat_node *doc, struct cat_err *err)
{
	struct sol_resource *instance = sol_add(sol, SOL_INSTANCE, doc, err);
	if (instance)
		notify_identifier(sol, instance, true);
	return instance;
}

void instance_remove(struct sol *sol, struct sol_resource *instance)
{
	notify_identifier(sol, instance, false);
	sol_remove(sol, instance);
}

static void add_function(struct sol *sol, const struct service *service, const struct cat_node *function)
{
	struct cat_err err = {0};
	struct descriptor descriptor;
	const struct cat_node *config = cat_node_get(function, "config");
	struct cat_node *doc = cat_node_new_map();
	descriptor_read(sol->manager->kinds, doc_text(function, "kind"), &descriptor);
	bool done = doc && describe(doc, &descriptor, &err) == 0 && doc_set_text(doc, "service", service->name) &&
		    doc_set_text(doc, "function", function->key) &&
		    doc_set_text(doc, "state", service->ever_ran ? "INSTANTIATED" : "NOT_INSTANTIATED") &&
		    cat_node_add_format(doc, "vnfInstanceName", "%s/%s", service->name, function->key) &&
		    doc_set(doc, "vnfConfigurableProperties", config);
	if (!done) {
		cat_node_free(doc);
		cat_err_set(&err, -ENOMEM, "no memory");
	}
	if (!done || !instance_add(sol, doc, &err))
		cat_warn("service %s: function %s gets no VNF instance: %s", service->name, function->key, err.message);
}

static bool has_function(const struct sol *sol, const struct sol_resource *instance)
{
	const struct service *service = instance_service(sol, instance);
	return service && service->current.file &&
	       cat_node_find(cat_service_tree(service->current.file), "functions", doc_text(instance->doc, "function"),
			     NULL);
}

void sol_sync(struct sol *sol)
{
	sol->dirty = false;
	if (sol->manager->stopping)
		return;
	for (struct sol_resource *r = sol->set[SOL_INSTANCE].first, *next; r; r = next) {
		next = r->next;
		if (!doc_flag(r->doc, "own") && !*doc_text(r->doc, "operationId") && !has_function(sol, r))
			instance_remove(sol, r);
	}
	for (const struct service *service = sol->manager->services; service; service = service->next) {
		const struct cat_node *functions =
			service->current.file ? cat_node_get(cat_service_tree(service->current.file), "functions")
					      : NULL;
		if (service->state == SERVICE_DOWN)
			continue;
		for (const struct cat_node *f = functions ? functions->first : NULL; f; f = f->next)
			if (!instance_of(sol, service->name, f->key))
				add_function(sol, service, f);
	}
}

static const char *const excluded[] = {
	"vnfConfigurableProperties", "vimConnectionInfo", "instantiatedVnfInfo", "metadata", "extensions", NULL};
static const char *const mandatory[] = {
	"id",          "vnfdId",   "vnfProvider",        "vnfProductName", "vnfSoftwareVersion",
	"vnfdVersion", "vnfPkgId", "instantiationState", "_links",         NULL};

void list_instances(struct sol_call *call)
{
	reply_list(call, &(struct sol_list){.view = view_instance, .defaults = excluded, .mandatory = mandatory});
}

void get_instance(struct sol_call *call)
{
	reply_resource(call, 200, view_instance(call->sol, call->resource, call->v1));
}

void create_instance(struct sol_call *call)
{
	struct cat_err err = {0};
	const char *name = doc_text(call->body, "vnfInstanceName"),
		   *text = doc_text(call->body, "vnfInstanceDescription");
	struct cat_node *doc = cat_node_new_map();
	int r = doc ? instance_describe(call->sol, doc, doc_text(call->body, "vnfdId"), &err)
		    : cat_err_set(&err, -ENOMEM, "no memory");
	if (r == 0 && (!doc_set_bool(doc, "own", true) || !doc_set_text(doc, "state", "NOT_INSTANTIATED") ||
		       (*name && !doc_set_text(doc, "vnfInstanceName", name)) ||
		       (*text && !doc_set_text(doc, "vnfInstanceDescription", text)) ||
		       !doc_set(doc, "metadata", cat_node_get(call->body, "metadata"))))
		r = cat_err_set(&err, -ENOMEM, "no memory");
	if (r < 0) {
		cat_node_free(doc);
		reply_problem(call, r == -ENOENT ? 422 : 503, "%s", err.message);
		return;
	}
	struct sol_resource *instance = instance_add(call->sol, doc, &err);
	if (!instance)
		reply_error(call, &err);
	else
		reply_created(call, 201, "/vnf_instances", instance->id, view_instance(call->sol, instance, call->v1));
}

void delete_instance(struct sol_call *call)
{
	if (!condition_holds(call, view_instance(call->sol, call->resource, call->v1)))
		return;
	if (instance_is_up(call->resource) || *doc_text(call->resource->doc, "operationId")) {
		reply_problem(call, 409, "the instance is %s: terminate it first",
			      instance_is_up(call->resource) ? "instantiated" : "being changed");
		return;
	}
	instance_remove(call->sol, call->resource);
	api_reply_empty(call->request, 204);
}
