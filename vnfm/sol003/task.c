// SPDX-License-Identifier: BSD-3-Clause
// The tasks of an instance: checked, turned into what the service shall look like, and begun.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "method.h"

// False: answered that the instance is not in that state, or busy.
static bool ready(struct sol_call *call, bool up)
{
	const struct cat_node *doc = call->resource->doc;
	if (*doc_text(doc, "operationId"))
		reply_problem(call, 409, "the operation %s of the instance is under way: wait for its end",
			      doc_text(doc, "operationId"));
	else if (instance_is_up(call->resource) != up)
		reply_problem(call, 409, "the instance is %s", up ? "not instantiated" : "instantiated already");
	else
		return true;
	return false;
}

// The running service of the instance. NULL: answered that it cannot be changed now.
static struct service *running(struct sol_call *call)
{
	struct service *service = instance_service(call->sol, call->resource);
	if (!ready(call, true))
		return NULL;
	if (!strcmp(doc_text(call->resource->doc, "vnfState"), "STOPPED"))
		reply_problem(call, 409, "the instance is stopped: start it first");
	else if (!service || service->state != SERVICE_RUNNING || service->operation.active)
		reply_problem(call, 409, "the service %s is %s", doc_text(call->resource->doc, "service"),
			      service ? service_status_word(service) : "not there");
	else
		return service;
	return NULL;
}

static void begin(struct sol_call *call, struct operation_request *request)
{
	struct cat_err err = {0};
	request->params = request->params ? request->params : call->body;
	const struct sol_resource *occurrence = occurrence_start(call->sol, call->resource, request, &err);
	if (occurrence)
		reply_created(call, 202, "/vnf_lcm_op_occs", occurrence->id, NULL);
	else
		reply_error(call, &err);
}

// Begins the operation that makes the service as the tree says; takes the tree over. r: of making it.
static void begin_change(struct sol_call *call, struct operation_request *request, const struct service *service,
			 struct cat_node *tree, int r, struct cat_err *err)
{
	cat_autonode struct cat_node *owned = tree;
	cat_autofree char *text = NULL;
	struct cat_problems problems = {0};
	if (r == 0)
		r = wish_text(call->sol, tree, &text, &problems, err);
	request->wanted = text;
	request->before = service ? service->current.text : NULL;
	if (r == 0)
		begin(call, request);
	else
		api_reply_problem(call->request, r == -ENOMEM ? 503 : 422, err->message, &problems);
	cat_problems_free(&problems);
}

static bool set_links(struct cat_node *after, const struct cat_node *links)
{
	return !links || cat_node_copy(after, "extVirtualLinks", links);
}

// What of the instance follows from its service's text.
static bool set_text(struct cat_node *after, const struct cat_node *tree)
{
	cat_autofree char *text = tree ? cat_node_to_json(tree, 2) : NULL;
	return text && cat_node_add_string(after, "text", text);
}

static bool name_service(struct sol_call *call, char *name, size_t size)
{
	const char *old = doc_text(call->resource->doc, "service");
	snprintf(name, size, "%s", old);
	if (*old)
		return true;
	// Of the id, which is hexadecimal digits and dashes, as much as is unique enough and fits.
	snprintf(name, size, "vnf-%.23s", call->resource->id);
	return doc_set_text(call->resource->doc, "service", name) &&
	       doc_set_text(call->resource->doc, "function", "vnf");
}

void task_instantiate(struct sol_call *call)
{
	struct cat_err err = {0};
	struct cat_node *tree = NULL;
	cat_autonode struct cat_node *after = cat_node_new_map();
	const struct cat_node *links = cat_node_get(call->body, "extVirtualLinks");
	const struct cat_node *more = cat_node_get(call->body, "vnfConfigurableProperties");
	char name[SERVICE_NAME_MAX];
	if (!ready(call, false))
		return;
	if (!doc_flag(call->resource->doc, "own") &&
	    manager_service(call->sol->manager, doc_text(call->resource->doc, "service"))) {
		reply_problem(call, 409, "the function belongs to a service: its file says when it runs");
		return;
	}
	if (!name_service(call, name, sizeof(name))) {
		reply_problem(call, 503, "no memory");
		return;
	}
	if (manager_service(call->sol->manager, name)) {
		reply_problem(call, 409, "the service %s is there already: take it down first", name);
		return;
	}
	int r = wish_new(call->sol, call->resource, call->body, name, &tree, &err);
	if (r == 0 &&
	    (!after || !cat_node_add_string(after, "state", "INSTANTIATED") ||
	     !cat_node_add_string(after, "vnfState", "STARTED") ||
	     !cat_node_add_string(after, "flavourId", doc_text(call->body, "flavourId")) || !set_links(after, links) ||
	     !set_text(after, tree) || (more && !cat_node_copy(after, "vnfConfigurableProperties", more))))
		r = cat_err_set(&err, -ENOMEM, "no memory");
	struct operation_request request = {.operation = "INSTANTIATE", .after = after};
	begin_change(call, &request, NULL, tree, r, &err);
}

static void change_lanes(struct sol_call *call, const char *operation, const struct service *service, int64_t lanes)
{
	struct cat_err err = {0};
	struct cat_node *tree = wish_edit(service);
	cat_autonode struct cat_node *after = cat_node_new_map();
	int r = tree && after && doc_set_int(tree, "lanes", lanes) && set_text(after, tree)
			? 0
			: cat_err_set(&err, -ENOMEM, "no memory");
	struct operation_request request = {.operation = operation, .after = after};
	begin_change(call, &request, service, tree, r, &err);
}

void task_scale(struct sol_call *call)
{
	const struct service *service = running(call);
	if (!service)
		return;
	const struct cat_node *steps = cat_node_get(call->body, "numberOfSteps");
	int64_t by = steps ? steps->integer : 1;
	bool out = !strcmp(doc_text(call->body, "type"), "SCALE_OUT");
	int64_t lanes = (int64_t)service_cores(service) + (out ? by : -by);
	if (lanes < 1)
		reply_problem(call, 422, "found %u lanes and %lld steps less, a service has at least one lane",
			      service_cores(service), (long long)by);
	else
		change_lanes(call, "SCALE", service, lanes);
}

void task_scale_to_level(struct sol_call *call)
{
	const struct service *service = running(call);
	const char *level = doc_text(call->body, "instantiationLevelId");
	const struct cat_node *info = cat_node_at(cat_node_get(call->body, "scaleInfo"), 0);
	struct descriptor descriptor;
	if (!service)
		return;
	if ((*level != 0) == (info != NULL)) {
		reply_problem(call, 422, "expected one of instantiationLevelId and scaleInfo");
		return;
	}
	int64_t lanes = info ? doc_int(info, "scaleLevel") + 1 : 0;
	if (!info &&
	    descriptor_find(call->sol->manager->kinds, doc_text(call->resource->doc, "vnfdId"), &descriptor) == 0)
		lanes = descriptor_level(&descriptor, level);
	if (lanes < 1)
		reply_problem(call, 422, "the descriptor has no instantiation level \"%s\"", level);
	else
		change_lanes(call, "SCALE_TO_LEVEL", service, lanes);
}

// An operation on the service's file that keeps its lanes: flavour, package, connections.
static void change_file(struct sol_call *call, const char *operation, const char *vnfd_id, const char *flavour)
{
	struct cat_err err = {0};
	const struct service *service = running(call);
	if (!service)
		return;
	const char *function = doc_text(call->resource->doc, "function");
	const struct cat_node *links = cat_node_get(call->body, "extVirtualLinks");
	const struct cat_node *config = cat_node_get(call->body, "vnfConfigurableProperties");
	struct cat_node *tree = wish_edit(service), *map = tree ? wish_function(tree, function) : NULL;
	cat_autonode struct cat_node *after = cat_node_new_map();
	int r = map && after ? 0 : cat_err_set(&err, -ENOMEM, "no memory");
	if (r == 0 && vnfd_id) {
		r = instance_describe(call->sol, after, vnfd_id, &err);
		if (r == 0 && !doc_set_text(map, "kind", doc_text(after, "kind")))
			r = cat_err_set(&err, -ENOMEM, "no memory");
		if (r == -ENOENT)
			err.code = r = -EINVAL;
	}
	if (r == 0 && flavour) {
		r = wish_flavour(call->sol, tree, function, doc_text(call->resource->doc, "vnfdId"), flavour, &err);
		if (r == 0 && !doc_set_text(after, "flavourId", flavour))
			r = cat_err_set(&err, -ENOMEM, "no memory");
	}
	if (r == 0 && config &&
	    (!doc_set(map, "config", config) || !doc_set(after, "vnfConfigurableProperties", config)))
		r = cat_err_set(&err, -ENOMEM, "no memory");
	if (r == 0 && links)
		r = wish_connect(tree, function, links, &err);
	if (r == 0 && (!set_links(after, links) || !set_text(after, tree)))
		r = cat_err_set(&err, -ENOMEM, "no memory");
	struct operation_request request = {.operation = operation, .after = after};
	begin_change(call, &request, service, tree, r, &err);
}

void task_change_flavour(struct sol_call *call)
{
	change_file(call, "CHANGE_FLAVOUR", NULL, doc_text(call->body, "newFlavourId"));
}

void task_change_ext_conn(struct sol_call *call)
{
	change_file(call, "CHANGE_EXT_CONN", NULL, NULL);
}

void task_change_vnfpkg(struct sol_call *call)
{
	change_file(call, "CHANGE_VNFPKG", doc_text(call->body, "vnfdId"), NULL);
}

void task_operate(struct sol_call *call)
{
	bool start = !strcmp(doc_text(call->body, "changeStateTo"), "STARTED"),
	     own = doc_flag(call->resource->doc, "own");
	const char *state = doc_text(call->resource->doc, "vnfState");
	const struct service *service = instance_service(call->sol, call->resource);
	if (!ready(call, true))
		return;
	if (start == (strcmp(state, "STOPPED") != 0)) {
		reply_problem(call, 409, "the instance is %s already", start ? "started" : "stopped");
		return;
	}
	if (service ? service->operation.active || service->state != SERVICE_RUNNING : !own || !start) {
		reply_problem(call, 409, "the service %s is %s", doc_text(call->resource->doc, "service"),
			      service ? service_status_word(service) : "not there");
		return;
	}
	cat_autonode struct cat_node *after = cat_node_new_map();
	const char *text = service ? service->current.text : doc_text(call->resource->doc, "text");
	if (!after || !cat_node_add_string(after, "vnfState", start ? "STARTED" : "STOPPED") ||
	    (own && !cat_node_add_string(after, "text", text))) {
		reply_problem(call, 503, "no memory");
		return;
	}
	struct operation_request request = {.operation = "OPERATE", .after = after, .before = own ? text : NULL};
	begin(call, &request);
}

void task_heal(struct sol_call *call)
{
	if (!running(call))
		return;
	struct operation_request request = {.operation = "HEAL"};
	begin(call, &request);
}

void task_terminate(struct sol_call *call)
{
	static const char *const forgotten[] = {"vnfState", "flavourId", "extVirtualLinks", "text", NULL};
	const struct service *service = instance_service(call->sol, call->resource);
	if (!ready(call, true))
		return;
	if (service && (service->function_count != 1 || service->operation.active)) {
		reply_problem(
			call, 409,
			service->operation.active
				? "the service %s is being changed: wait for its end"
				: "other functions of the service %s pass their packets through this one: take the "
				  "service down, or change its file",
			service->name);
		return;
	}
	cat_autonode struct cat_node *after = cat_node_new_map();
	bool done = after && cat_node_add_string(after, "state", "NOT_INSTANTIATED");
	for (const char *const *key = forgotten; done && *key; key++)
		done = cat_node_add_null(after, *key);
	if (!done) {
		reply_problem(call, 503, "no memory");
		return;
	}
	struct operation_request request = {
		.operation = "TERMINATE", .after = after, .before = service ? service->current.text : NULL};
	begin(call, &request);
}

// A list in 1.x, by id in 2.x.
static bool copy_vims(struct cat_node *after, const struct cat_node *vims)
{
	struct cat_node *map = cat_node_add_map(after, "vimConnectionInfo");
	for (const struct cat_node *vim = vims->first; map && vim; vim = vim->next) {
		const char *id = vim->key ? vim->key : doc_text(vim, "id");
		if (*id && !cat_node_get(map, id) && !cat_node_copy(map, id, vim))
			return false;
	}
	return map;
}

// What of the request changes the instance, and what is shown of it; r 0 or an error.
static int read_changes(struct sol_call *call, struct cat_node *after, struct cat_err *err)
{
	static const char *const plain[] = {"vnfInstanceName", "vnfInstanceDescription", "vnfConfigurableProperties",
					    "metadata", "extensions"};
	const struct cat_node *vims = cat_node_get(call->body, "vimConnectionInfo");
	const char *package = doc_text(call->body, "vnfdId");
	if (!*package)
		package = doc_text(call->body, "vnfPkgId");
	for (size_t i = 0; i < CAT_ARRAY_LEN(plain); i++) {
		const struct cat_node *value = cat_node_get(call->body, plain[i]);
		if (value && !cat_node_copy(after, plain[i], value))
			return cat_err_set(err, -ENOMEM, "no memory");
	}
	if (vims && vims->type != CAT_NULL && !copy_vims(after, vims))
		return cat_err_set(err, -ENOMEM, "no memory");
	if (!*package || !strcmp(package, doc_text(call->resource->doc, "vnfdId")))
		return 0;
	if (instance_is_up(call->resource))
		return cat_err_set(err, -EBUSY, "vnfdId: the instance is instantiated: use change_vnfpkg");
	int r = instance_describe(call->sol, after, package, err);
	return r == -ENOENT ? (err->code = -EINVAL) : r;
}

void modify_instance(struct sol_call *call)
{
	struct cat_err err = {0};
	if (!condition_holds(call, view_instance(call->sol, call->resource, call->v1)))
		return;
	const struct cat_node *config = cat_node_get(call->body, "vnfConfigurableProperties");
	bool live = config && instance_is_up(call->resource);
	const struct service *service = live ? running(call) : NULL;
	if (live ? !service : !ready(call, instance_is_up(call->resource)))
		return;
	cat_autonode struct cat_node *after = cat_node_new_map(), *info = NULL;
	struct cat_node *tree = NULL;
	int r = after ? read_changes(call, after, &err) : cat_err_set(&err, -ENOMEM, "no memory");
	if (r == -EBUSY) {
		reply_error(call, &err);
		return;
	}
	info = r == 0 ? cat_node_copy(NULL, NULL, call->body) : NULL;
	if (info)
		doc_set(info, "vimConnectionInfo", NULL);
	struct operation_request request = {.operation = "MODIFY_INFO", .after = after, .changed_info = info};
	if (!service) {
		if (r == 0)
			begin(call, &request);
		else
			reply_error(call, &err);
		return;
	}
	struct cat_node *map = NULL, *target = NULL;
	if (r == 0) {
		tree = wish_edit(service);
		map = tree ? wish_function(tree, doc_text(call->resource->doc, "function")) : NULL;
		target = map ? cat_node_get(map, "config") : NULL;
		if (map && !target)
			target = cat_node_add_map(map, "config");
		if (!target || !(config->type == CAT_NULL ? doc_set(map, "config", NULL) : doc_merge(target, config)) ||
		    !set_text(after, tree))
			r = cat_err_set(&err, -ENOMEM, "no memory");
	}
	begin_change(call, &request, service, tree, r, &err);
}
