// SPDX-License-Identifier: BSD-3-Clause
// Instances and occurrences as SOL003 shows them (clauses 5.5.2.2 and 5.5.2.13).
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "sol.h"

bool view_link(struct cat_node *links, const char *key, const char *interface, bool v1, const char *format, ...)
{
	char path[256];
	va_list args;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	struct cat_node *link = cat_node_add_map(links, key);
	return link &&
	       cat_node_add_format(link, "href", "%s/%s/v%d%s", doc_text(links, ""), interface, v1 ? 1 : 2, path);
}

// Links begin with the API's root, which is kept under the empty name until they are complete.
struct cat_node *view_links_begin(const struct sol *sol, struct cat_node *view)
{
	struct cat_node *links = cat_node_add_map(view, "_links");
	return links && cat_node_add_string(links, "", sol->manager->options->api_root) ? links : NULL;
}

void view_links_end(struct cat_node *links)
{
	doc_set_text(links, "", NULL);
}

static bool copy_texts(struct cat_node *view, const struct cat_node *doc, const char *const *keys)
{
	for (; *keys; keys++)
		if (*doc_text(doc, *keys) && !cat_node_add_string(view, *keys, doc_text(doc, *keys)))
			return false;
	return true;
}

static bool copy_maps(struct cat_node *view, const struct cat_node *doc, const char *const *keys)
{
	for (; *keys; keys++) {
		const struct cat_node *node = cat_node_get(doc, *keys);
		if (node && node->count && !cat_node_copy(view, *keys, node))
			return false;
	}
	return true;
}

static bool add_handle(struct cat_node *map, const char *key, const char *resource, const char *type)
{
	struct cat_node *handle = cat_node_add_map(map, key);
	return handle && cat_node_add_string(handle, "vimConnectionId", SOL_VIM) &&
	       cat_node_add_string(handle, "resourceId", resource) &&
	       (!type || cat_node_add_string(handle, "vimLevelResourceType", type));
}

// The device of a port, or the link's place in the service.
static void neighbour(const struct cat_node *tree, const char *service, const char *path, const struct cat_node *hops,
		      const char *function, bool left, char *text, size_t size)
{
	int place = 0;
	for (const struct cat_node *hop = hops->first, *before = NULL; hop; before = hop, hop = hop->next, place++) {
		if (hop->type != CAT_STRING || strcmp(hop->string, function) != 0)
			continue;
		const struct cat_node *other = left ? before : hop->next;
		const struct cat_node *port = other ? cat_node_find(tree, "ports", other->string, NULL) : NULL;
		if (port)
			snprintf(text, size, "%s", doc_text(port, "dev"));
		else
			snprintf(text, size, "%s/%s/%d", service, path, left ? place - 1 : place);
		return;
	}
}

static void find_neighbours(const struct service *service, const char *function, char *left, char *right, size_t size)
{
	const struct cat_node *tree = cat_service_tree(service->current.file);
	const struct cat_node *paths = cat_node_get(tree, "paths");
	for (const struct cat_node *path = paths ? paths->first : NULL; path && !*left; path = path->next) {
		const struct cat_node *hops = cat_node_get(path, "hops");
		if (!hops)
			continue;
		neighbour(tree, service->name, path->key, hops, function, true, left, size);
		neighbour(tree, service->name, path->key, hops, function, false, right, size);
	}
}

static bool add_connection(struct cat_node *cps, struct cat_node *vls, const char *name, const char *link,
			   const char *to)
{
	struct cat_node *cp = cat_node_add_map(cps, NULL);
	struct cat_node *protocols = NULL, *protocol = NULL;
	char port[SOL_ID_MAX + 32];
	snprintf(port, sizeof(port), "%s-port", name);
	if (!cp || !cat_node_add_string(cp, "id", name) || !cat_node_add_string(cp, "cpdId", name) ||
	    !(protocols = cat_node_add_list(cp, "cpProtocolInfo")) || !(protocol = cat_node_add_map(protocols, NULL)) ||
	    !cat_node_add_string(protocol, "layerProtocol", "IP_OVER_ETHERNET"))
		return false;
	if (!*to)
		return true;
	struct cat_node *vl = cat_node_add_map(vls, NULL), *ports = NULL, *entry = NULL;
	return cat_node_add_string(cp, "extLinkPortId", port) && vl &&
	       cat_node_add_string(vl, "id", *link ? link : name) && add_handle(vl, "resourceHandle", to, NULL) &&
	       (ports = cat_node_add_list(vl, "extLinkPorts")) && (entry = cat_node_add_map(ports, NULL)) &&
	       cat_node_add_string(entry, "id", port) && add_handle(entry, "resourceHandle", to, NULL) &&
	       cat_node_add_string(entry, "cpInstanceId", name);
}

static const char *link_id(const struct sol_resource *instance, const char *cpd)
{
	const struct cat_node *links = cat_node_get(instance->doc, "extVirtualLinks");
	for (const struct cat_node *link = links ? links->first : NULL; link; link = link->next) {
		const struct cat_node *cps = cat_node_get(link, "extCps");
		for (const struct cat_node *cp = cps ? cps->first : NULL; cp; cp = cp->next)
			if (!strcmp(doc_text(cp, "cpdId"), cpd))
				return doc_text(link, "id");
	}
	return "";
}

static bool add_vnfc(struct cat_node *info, const struct sol_resource *instance, const struct function *function)
{
	struct cat_node *list = cat_node_add_list(info, "vnfcResourceInfo");
	if (!list || !function)
		return list;
	struct cat_node *map = cat_node_add_map(list, NULL);
	struct cat_node *metadata = NULL;
	return map && cat_node_add_string(map, "id", function->name) &&
	       cat_node_add_string(map, "vduId", function->kind) &&
	       add_handle(map, "computeResource", function->container[function->active].id, "OS_CONTAINER") &&
	       cat_node_add_list(map, "vnfcCpInfo") && (metadata = cat_node_add_map(map, "metadata")) &&
	       cat_node_add_string(metadata, "state", function_state_names[function_state(function)]) &&
	       cat_node_add_int(metadata, "pid", function->container[function->active].pid) &&
	       cat_node_add_int(metadata, "restarts", function->restarts) &&
	       cat_node_add_string(metadata, "service", doc_text(instance->doc, "service"));
}

static bool add_info(const struct sol *sol, struct cat_node *view, const struct sol_resource *instance)
{
	const struct cat_node *doc = instance->doc;
	const struct service *service = instance_service(sol, instance);
	char left[1024] = "", right[1024] = "";
	struct cat_node *info = cat_node_add_map(view, "instantiatedVnfInfo"), *scale = NULL, *aspect = NULL;
	const char *flavour = doc_text(doc, "flavourId"), *state = doc_text(doc, "vnfState");
	if (service && service->current.file)
		find_neighbours(service, doc_text(doc, "function"), left, right, sizeof(left));
	struct cat_node *cps = NULL, *vls = NULL;
	return info && cat_node_add_string(info, "flavourId", *flavour ? flavour : "default") &&
	       cat_node_add_string(info, "vnfState", *state ? state : "STARTED") &&
	       (scale = cat_node_add_list(info, "scaleStatus")) && (aspect = cat_node_add_map(scale, NULL)) &&
	       cat_node_add_string(aspect, "aspectId", DESCRIPTOR_ASPECT) &&
	       cat_node_add_int(aspect, "scaleLevel", service && service->lanes ? service_cores(service) - 1 : 0) &&
	       (cps = cat_node_add_list(info, "extCpInfo")) && (vls = cat_node_add_list(info, "extVirtualLinkInfo")) &&
	       add_connection(cps, vls, "left", link_id(instance, "left"), left) &&
	       add_connection(cps, vls, "right", link_id(instance, "right"), right) &&
	       add_vnfc(info, instance, instance_function(sol, instance));
}

static bool add_instance_links(const struct sol *sol, struct cat_node *view, const struct sol_resource *instance,
			       bool v1)
{
	static const char *const tasks[][2] = {
		{"terminate", "terminate"},
		{"scale", "scale"},
		{"scaleToLevel", "scale_to_level"},
		{"changeFlavour", "change_flavour"},
		{"heal", "heal"},
		{"operate", "operate"},
		{"changeExtConn", "change_ext_conn"},
		{"changeVnfPkg", "change_vnfpkg"},
	};
	struct cat_node *links = view_links_begin(sol, view);
	const char *id = instance->id;
	if (!links || !view_link(links, "self", "vnflcm", v1, "/vnf_instances/%s", id))
		return false;
	if (!instance_is_up(instance) &&
	    !view_link(links, "instantiate", "vnflcm", v1, "/vnf_instances/%s/instantiate", id))
		return false;
	for (size_t i = 0; instance_is_up(instance) && i < CAT_ARRAY_LEN(tasks) - v1; i++)
		if (!view_link(links, tasks[i][0], "vnflcm", v1, "/vnf_instances/%s/%s", id, tasks[i][1]))
			return false;
	view_links_end(links);
	return true;
}

// A list in 1.x, a map by id in 2.x; kept as a map.
static bool add_vims(struct cat_node *view, const struct cat_node *vims, bool v1)
{
	if (!vims || !vims->count)
		return true;
	if (!v1)
		return cat_node_copy(view, "vimConnectionInfo", vims);
	struct cat_node *list = cat_node_add_list(view, "vimConnectionInfo");
	for (const struct cat_node *vim = vims->first; list && vim; vim = vim->next) {
		struct cat_node *map = cat_node_add_map(list, NULL);
		if (!map || !cat_node_add_string(map, "id", vim->key) || !doc_merge(map, vim))
			return false;
	}
	return list;
}

struct cat_node *view_instance(const struct sol *sol, const struct sol_resource *instance, bool v1)
{
	static const char *const texts[] = {"vnfInstanceName", "vnfInstanceDescription", "vnfdId",      "vnfProvider",
					    "vnfProductName",  "vnfSoftwareVersion",     "vnfdVersion", NULL};
	static const char *const maps[] = {"vnfConfigurableProperties", "metadata", "extensions", NULL};
	const struct cat_node *doc = instance->doc;
	cat_autonode struct cat_node *view = cat_node_new_map();
	if (!view || !cat_node_add_string(view, "id", instance->id) || !copy_texts(view, doc, texts) ||
	    (v1 && !cat_node_add_string(view, "vnfPkgId", doc_text(doc, "vnfdId"))) || !copy_maps(view, doc, maps) ||
	    !add_vims(view, cat_node_get(doc, "vimConnectionInfo"), v1) ||
	    !cat_node_add_string(view, "instantiationState",
				 instance_is_up(instance) ? "INSTANTIATED" : "NOT_INSTANTIATED") ||
	    (instance_is_up(instance) && !add_info(sol, view, instance)) ||
	    !add_instance_links(sol, view, instance, v1))
		return NULL;
	return cat_steal(view);
}

static bool add_occurrence_links(const struct sol *sol, struct cat_node *view, const struct sol_resource *occurrence,
				 bool v1)
{
	static const struct {
		const char *task;
		enum sol_event event;
	} tasks[] = {{"cancel", SOL_CANCEL}, {"retry", SOL_RETRY}, {"rollback", SOL_ROLLBACK}, {"fail", SOL_FAIL}};
	struct cat_node *links = view_links_begin(sol, view);
	enum sol_state next;
	if (!links || !view_link(links, "self", "vnflcm", v1, "/vnf_lcm_op_occs/%s", occurrence->id) ||
	    !view_link(links, "vnfInstance", "vnflcm", v1, "/vnf_instances/%s", doc_text(occurrence->doc, "instance")))
		return false;
	for (size_t i = 0; i < CAT_ARRAY_LEN(tasks) && !doc_flag(occurrence->doc, "external"); i++)
		if (sol_state_next(occurrence_state(occurrence), tasks[i].event, &next) &&
		    !view_link(links, tasks[i].task, "vnflcm", v1, "/vnf_lcm_op_occs/%s/%s", occurrence->id,
			       tasks[i].task))
			return false;
	view_links_end(links);
	return true;
}

struct cat_node *view_occurrence(const struct sol *sol, const struct sol_resource *occurrence, bool v1)
{
	const struct cat_node *doc = occurrence->doc, *params = cat_node_get(doc, "params");
	const struct cat_node *error = cat_node_get(doc, "error"), *changes = cat_node_get(doc, "resourceChanges"),
			      *info = cat_node_get(doc, "changedInfo"),
			      *links = cat_node_get(doc, "changedExtConnectivity");
	cat_autonode struct cat_node *view = cat_node_new_map();
	if (!view || !cat_node_add_string(view, "id", occurrence->id) ||
	    !cat_node_add_string(view, "operationState", sol_state_names[occurrence_state(occurrence)]) ||
	    !cat_node_add_string(view, "stateEnteredTime", doc_text(doc, "entered")) ||
	    !cat_node_add_string(view, "startTime", doc_text(doc, "started")) ||
	    !cat_node_add_string(view, "vnfInstanceId", doc_text(doc, "instance")) ||
	    !cat_node_add_string(view, "operation", doc_text(doc, "operation")) ||
	    !cat_node_add_bool(view, "isAutomaticInvocation", doc_flag(doc, "automatic")) ||
	    !(params ? cat_node_copy(view, "operationParams", params) : cat_node_add_map(view, "operationParams")) ||
	    !cat_node_add_bool(view, "isCancelPending", doc_flag(doc, "cancel")) ||
	    (doc_flag(doc, "cancel") && !cat_node_add_string(view, "cancelMode", doc_text(doc, "cancelMode"))) ||
	    (error && !cat_node_copy(view, "error", error)) ||
	    (changes && !cat_node_copy(view, "resourceChanges", changes)) ||
	    (info && !cat_node_copy(view, "changedInfo", info)) ||
	    (links && !cat_node_copy(view, "changedExtConnectivity", links)) ||
	    !add_occurrence_links(sol, view, occurrence, v1))
		return NULL;
	return cat_steal(view);
}
