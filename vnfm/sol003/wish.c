// SPDX-License-Identifier: BSD-3-Clause
// The service file that an operation asks for: made anew for a service of one, or the running one with changes.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "sol.h"

#define FUNCTION_OF_ONE "vnf"

struct cat_node *wish_edit(const struct service *service)
{
	return cat_node_copy(NULL, NULL, cat_service_source(service->current.file));
}

struct cat_node *wish_function(struct cat_node *tree, const char *function)
{
	return cat_node_find(tree, "functions", function, NULL);
}

int wish_text(const struct sol *sol, const struct cat_node *tree, char **ret_text, struct cat_problems *problems,
	      struct cat_err *err)
{
	cat_autofree char *text = tree ? cat_node_to_json(tree, 2) : NULL;
	struct cat_service *file = NULL;
	if (!text)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = cat_service_parse("service file", text, strlen(text), sol->manager->kinds, &file, problems, err);
	cat_service_free(file);
	if (r < 0)
		return problems->count ? cat_err_set(err, -EINVAL, "what is asked for makes no valid service file") : r;
	*ret_text = cat_steal(text);
	return 0;
}

// Sets the device of the port that stands on that side of the function.
static int connect_side(struct cat_node *tree, const char *function, const char *side, const char *device,
			struct cat_err *err)
{
	bool left = !strcmp(side, "left");
	const struct cat_node *paths = cat_node_get(tree, "paths"), *hops = cat_node_get(tree, "path");
	for (const struct cat_node *path = paths ? paths->first : NULL;; path = path->next) {
		if (paths)
			hops = path ? cat_node_get(path, "hops") : NULL;
		const struct cat_node *before = NULL;
		for (const struct cat_node *hop = hops ? hops->first : NULL; hop; before = hop, hop = hop->next) {
			if (hop->type != CAT_STRING || strcmp(hop->string, function) != 0)
				continue;
			const struct cat_node *other = left ? before : hop->next;
			struct cat_node *port = other && other->type == CAT_STRING
							? cat_node_find(tree, "ports", other->string, NULL)
							: NULL;
			if (!port)
				return cat_err_set(
					err, -EINVAL,
					"extVirtualLinks: %s of %s leads to the function %s and not out of the "
					"service: change the service file",
					side, function, other ? other->string : "?");
			return doc_set_text(port, "dev", device) ? 0 : cat_err_set(err, -ENOMEM, "no memory");
		}
		if (!paths || !path)
			return cat_err_set(err, -EINVAL, "the service has no path through %s", function);
	}
}

int wish_connect(struct cat_node *tree, const char *function, const struct cat_node *links, struct cat_err *err)
{
	bool seen[2] = {false, false};
	for (const struct cat_node *link = links ? links->first : NULL; link; link = link->next) {
		const struct cat_node *cps = cat_node_get(link, "extCps");
		for (const struct cat_node *cp = cps ? cps->first : NULL; cp; cp = cp->next) {
			const char *side = doc_text(cp, "cpdId");
			bool *known = &seen[!strcmp(side, "right")];
			if (*known)
				return cat_err_set(err, -EINVAL, "extVirtualLinks: found %s connected twice", side);
			*known = true;
			int r = connect_side(tree, function, side, doc_text(link, "resourceId"), err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int add_settings(struct cat_node *tree, const struct cat_node *settings, struct cat_err *err)
{
	static const char *const allowed[] = {"lanes",   "poll", "latency", "burst",      "ring",
					      "buffers", "numa", "node",    "huge_pages", "share_cores"};
	for (const struct cat_node *item = settings ? settings->first : NULL; item; item = item->next) {
		bool known = false;
		for (size_t i = 0; i < CAT_ARRAY_LEN(allowed); i++)
			known |= !strcmp(allowed[i], item->key);
		if (!known)
			return cat_err_set(
				err, -EINVAL,
				"additionalParams.service.%s: is none of the service file's keys lanes, poll, "
				"latency, burst, ring, buffers, numa, node, huge_pages and share_cores",
				item->key);
		if (!doc_set(tree, item->key, item))
			return cat_err_set(err, -ENOMEM, "no memory");
	}
	return 0;
}

int wish_flavour(const struct sol *sol, struct cat_node *tree, const char *function, const char *vnfd_id,
		 const char *flavour, struct cat_err *err)
{
	static const char *const keys[] = {"memory", "state", "pids"};
	struct descriptor descriptor;
	if (descriptor_find(sol->manager->kinds, vnfd_id, &descriptor) < 0)
		return cat_err_set(err, -EINVAL, "there is no package with the vnfdId \"%s\" any more", vnfd_id);
	const struct cat_node *wanted = descriptor_flavour(&descriptor, flavour);
	struct cat_node *map = wish_function(tree, function);
	if (!wanted || !map)
		return cat_err_set(err, -EINVAL, "the descriptor has no flavour \"%s\"", flavour);
	for (size_t i = 0; i < CAT_ARRAY_LEN(keys); i++)
		if (!doc_set(map, keys[i], cat_node_get(wanted, keys[i])))
			return cat_err_set(err, -ENOMEM, "no memory");
	return 0;
}

static int add_ports(struct cat_node *tree, const struct cat_node *links, const struct cat_node *more,
		     struct cat_err *err)
{
	static const char *const sides[] = {"left", "right"};
	struct cat_node *ports = cat_node_add_map(tree, "ports");
	for (size_t i = 0; i < CAT_ARRAY_LEN(sides); i++) {
		struct cat_node *port = ports ? cat_node_add_map(ports, sides[i]) : NULL;
		const struct cat_node *patch = cat_node_get(more, sides[i]);
		if (!port || (patch && patch->type == CAT_MAP && !doc_merge(port, patch)))
			return cat_err_set(err, -ENOMEM, "no memory");
	}
	int r = wish_connect(tree, FUNCTION_OF_ONE, links, err);
	for (size_t i = 0; r == 0 && i < CAT_ARRAY_LEN(sides); i++)
		if (!cat_node_find(ports, sides[i], "dev", NULL))
			r = cat_err_set(
				err, -EINVAL,
				"extVirtualLinks: nothing is connected to %s, expected one link with an extCp of "
				"cpdId left and one with right",
				sides[i]);
	return r;
}

int wish_new(const struct sol *sol, const struct sol_resource *instance, const struct cat_node *body, const char *name,
	     struct cat_node **ret_tree, struct cat_err *err)
{
	const char *vnfd_id = doc_text(instance->doc, "vnfdId"), *flavour = doc_text(body, "flavourId");
	const char *level = doc_text(body, "instantiationLevelId");
	const struct cat_node *params = cat_node_get(body, "additionalParams");
	const struct cat_node *config = cat_node_get(instance->doc, "vnfConfigurableProperties");
	struct descriptor descriptor;
	if (descriptor_find(sol->manager->kinds, vnfd_id, &descriptor) < 0)
		return cat_err_set(err, -EINVAL, "there is no package with the vnfdId \"%s\" any more", vnfd_id);
	cat_autonode struct cat_node *tree = cat_node_new_map();
	struct cat_node *functions = NULL, *function = NULL, *path = NULL;
	if (!tree || !cat_node_add_int(tree, "version", 1) || !cat_node_add_string(tree, "service", name) ||
	    !(functions = cat_node_add_map(tree, "functions")) ||
	    !(function = cat_node_add_map(functions, FUNCTION_OF_ONE)) ||
	    !cat_node_add_string(function, "kind", descriptor.kind) ||
	    (config && !cat_node_copy(function, "config", config)) || !(path = cat_node_add_list(tree, "path")) ||
	    !cat_node_add_string(path, NULL, "left") || !cat_node_add_string(path, NULL, FUNCTION_OF_ONE) ||
	    !cat_node_add_string(path, NULL, "right"))
		return cat_err_set(err, -ENOMEM, "no memory");
	const struct cat_node *more = cat_node_get(body, "vnfConfigurableProperties");
	struct cat_node *target = more ? cat_node_get(function, "config") : NULL;
	if (more && !target)
		target = cat_node_add_map(function, "config");
	if (more && (!target || !doc_merge(target, more)))
		return cat_err_set(err, -ENOMEM, "no memory");
	int64_t lanes = *level ? descriptor_level(&descriptor, level) : 0;
	if (*level && !lanes)
		return cat_err_set(err, -EINVAL, "the descriptor has no instantiation level \"%s\"", level);
	int r = add_ports(tree, cat_node_get(body, "extVirtualLinks"), cat_node_get(params, "ports"), err);
	if (r == 0)
		r = wish_flavour(sol, tree, FUNCTION_OF_ONE, vnfd_id, flavour, err);
	if (r == 0 && lanes && !doc_set_int(tree, "lanes", lanes))
		r = cat_err_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = add_settings(tree, cat_node_get(params, "service"), err);
	if (r == 0)
		*ret_tree = cat_steal(tree);
	return r;
}
