// SPDX-License-Identifier: BSD-3-Clause
#include "package.h"

#include <string.h>

#include "cat_cleanup.h"

#define PACKAGES API_PREFIX "/packages"

struct cat_node *package_view(const struct cat_kinds *kinds, const char *kind)
{
	struct descriptor d;
	cat_autonode struct cat_node *view = cat_node_new_map();
	descriptor_read(kinds, kind, &d);
	const struct cat_node *text = cat_node_get(d.tree, "description");
	if (!view || !cat_node_add_string(view, "kind", kind) || !cat_node_add_string(view, "vnfdId", d.id) ||
	    !cat_node_add_string(view, "provider", d.provider) || !cat_node_add_string(view, "product", d.product) ||
	    !cat_node_add_string(view, "softwareVersion", d.software_version) ||
	    !cat_node_add_string(view, "descriptorVersion", d.version) ||
	    (text && text->type == CAT_STRING && !cat_node_add_string(view, "description", text->string)))
		return NULL;
	return cat_steal(view);
}

static void get_packages(struct api_request *request)
{
	const struct cat_kinds *kinds = api_manager(request->api)->kinds;
	cat_autonode struct cat_node *body = cat_node_new_map();
	struct cat_node *list = body ? cat_node_add_list(body, "packages") : NULL;
	for (const char *const *name = cat_kinds_names(kinds); list && name && *name; name++) {
		cat_autonode struct cat_node *view = package_view(kinds, *name);
		if (!view || !cat_node_copy(list, NULL, view))
			list = NULL;
	}
	api_reply(request, 200, list ? body : NULL);
}

// Reads all kinds anew. Services that run keep what they were made with: the old ones are kept until the end.
static void post_packages(struct api_request *request)
{
	struct manager *manager = api_manager(request->api);
	const char *const list[] = {manager->options->kinds, NULL};
	struct cat_err err = {0};
	if (manager->retired_count == MANAGER_RETIRED_MAX) {
		api_reply_problem(request, 409, "the kinds were read anew too often: start the manager again", NULL);
		return;
	}
	struct cat_kinds *kinds = cat_kinds_load(list, &err);
	if (!kinds) {
		api_reply_error(request, &err);
		return;
	}
	manager->retired[manager->retired_count++] = manager->kinds;
	manager->kinds = kinds;
	get_packages(request);
}

static const struct api_method methods[] = {
	{"GET", PACKAGES, get_packages, false, "", "The kinds of functions that can be run, with their vnfdId.", "200"},
	{"POST", PACKAGES, post_packages, false, "", "Reads the kinds anew, after one was installed.", "200, 409, 422"},
};

static enum api_route find(struct api_request *request, const char *verb, const char *path, char *allow,
			   size_t allow_size)
{
	enum api_route result = API_NO_PATH;
	for (size_t i = 0; i < CAT_ARRAY_LEN(methods); i++) {
		if (strcmp(methods[i].path, path) != 0)
			continue;
		if (!strcmp(methods[i].verb, verb)) {
			request->method = &methods[i];
			return API_FOUND;
		}
		size_t used = strlen(allow);
		snprintf(allow + used, allow_size - used, "%s%s", used ? ", " : "", methods[i].verb);
		result = API_NO_METHOD;
	}
	return result;
}

const struct api_surface package_surface = {.body_max = API_BODY_MAX, .find = find};
