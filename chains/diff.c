// SPDX-License-Identifier: BSD-3-Clause
// What changes between two service files.
#include <string.h>

#include "service.h"

// Keys of a function whose change is taken over by the running container, or does not concern it.
static bool is_live(const char *key)
{
	static const char *const keys[] = {"config", "standby", "on_failure", "restart", "hang_ms", "volume"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

// Same but for what is live.
static bool same_container(const struct cat_node *a, const struct cat_node *b)
{
	for (const struct cat_node *n = a->first; n; n = n->next)
		if (!is_live(n->key) && !cat_node_equal(n, cat_node_get(b, n->key)))
			return false;
	for (const struct cat_node *n = b->first; n; n = n->next)
		if (!is_live(n->key) && !cat_node_get(a, n->key))
			return false;
	return true;
}

// Paths are tried in order, so that their order counts too.
static bool same_paths(const struct cat_node *a, const struct cat_node *b)
{
	const struct cat_node *x = a->first, *y = b->first;
	for (; x && y; x = x->next, y = y->next)
		if (strcmp(x->key, y->key) != 0 || !cat_node_equal(x, y))
			return false;
	return !x && !y;
}

// Between two files that scale over the same lanes, these two say only on how many cores they run.
static bool only_scales(const struct cat_node *from, const struct cat_node *to, const char *key)
{
	if (strcmp(key, "lanes") != 0 && strcmp(key, "scaling") != 0)
		return false;
	const struct cat_node *a = cat_node_get(from, "scaling"), *b = cat_node_get(to, "scaling");
	return a && b && cat_node_equal(cat_node_get(a, "maximum"), cat_node_get(b, "maximum"));
}

// Whether everything has to be made again: all but the functions themselves differs nowhere.
static bool needs_restart(const struct cat_node *from, const struct cat_node *to)
{
	for (const struct cat_node *n = to->first; n; n = n->next) {
		const struct cat_node *old = cat_node_get(from, n->key);
		if (strcmp(n->key, "functions") == 0 || only_scales(from, to, n->key))
			continue;
		if (!old || (strcmp(n->key, "paths") == 0 ? !same_paths(old, n) : !cat_node_equal(old, n)))
			return true;
	}
	return from->count != to->count;
}

struct cat_node *cat_service_diff(const struct cat_service *from, const struct cat_service *to)
{
	const struct cat_node *old = cat_node_get(from->tree, "functions"), *new = cat_node_get(to->tree, "functions");
	bool restart = needs_restart(from->tree, to->tree), scale = false;
	static const char *const scaled[] = {"lanes", "scaling"};
	for (size_t i = 0; i < 2 && !restart && cat_node_get(to->tree, "scaling"); i++)
		scale |= !cat_node_equal(cat_node_get(from->tree, scaled[i]), cat_node_get(to->tree, scaled[i]));
	struct cat_node *diff = cat_node_new_map();
	struct cat_node *unchanged = cat_node_add_bool(diff, "unchanged", !restart && !scale);
	bool ok = unchanged && cat_node_add_bool(diff, "restart", restart) &&
		  (!scale || cat_node_add_bool(diff, "scale", true));
	struct cat_node *configure = cat_node_add_list(diff, "configure"),
			*replace = cat_node_add_list(diff, "replace");
	struct cat_node *add = cat_node_add_list(diff, "add"), *remove = cat_node_add_list(diff, "remove");
	ok = ok && configure && replace && add && remove;
	for (const struct cat_node *n = new->first; n &&ok; n = n->next) {
		const struct cat_node *before = cat_node_get(old, n->key);
		struct cat_node *list = !before                      ? add
					: !same_container(before, n) ? replace
					: !cat_node_equal(before, n) ? configure
								     : NULL;
		ok = !list || cat_node_add_string(list, NULL, n->key);
	}
	for (const struct cat_node *n = old->first; n && ok; n = n->next)
		ok = cat_node_get(new, n->key) || cat_node_add_string(remove, NULL, n->key);
	if (!ok) {
		cat_node_free(diff);
		return NULL;
	}
	if (configure->count || replace->count || add->count || remove->count)
		unchanged->boolean = false;
	return diff;
}
