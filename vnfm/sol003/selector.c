// SPDX-License-Identifier: BSD-3-Clause
#include "selector.h"

#include <errno.h>
#include <string.h>

int sol_selector_check(const struct sol_selector *selector, struct cat_err *err)
{
	const char *const lists[] = {selector->fields, selector->exclude_fields};
	// Clause 5.3.2.1: "fields" with "exclude_default" is the only pair.
	if (selector->all_fields + (selector->fields || selector->exclude_default) +
		    (selector->exclude_fields != NULL) >
	    1)
		return cat_err_set(err, -EINVAL,
				   "found several of all_fields, fields, exclude_fields and exclude_default, expected "
				   "one, or fields with exclude_default");
	for (size_t i = 0; i < CAT_ARRAY_LEN(lists); i++) {
		unsigned paths = 1;
		for (const char *p = lists[i]; p && *p; p++)
			paths += *p == ',';
		if (lists[i] && (!*lists[i] || paths > SOL_SELECTOR_PATHS_MAX))
			return cat_err_set(err, -EINVAL, "fields: found %u paths, expected 1 to %u",
					   *lists[i] ? paths : 0, SOL_SELECTOR_PATHS_MAX);
	}
	return 0;
}

// Whether `path` (of length n) is `name`, or leads below it; *ret_rest is what follows.
static bool leads(const char *path, size_t n, const char *name, const char **ret_rest, size_t *ret_length)
{
	size_t length = strlen(name);
	if (n < length || strncmp(path, name, length) != 0 || (n > length && path[length] != '/'))
		return false;
	*ret_rest = n > length ? path + length + 1 : NULL;
	*ret_length = n > length ? n - length - 1 : 0;
	return true;
}

static void remove_path(struct cat_node *node, const char *path, size_t n)
{
	for (struct cat_node *child = node->first, *next; child; child = next) {
		next = child->next;
		const char *rest = NULL;
		size_t length = 0;
		if (node->type == CAT_LIST)
			remove_path(child, path, n);
		else if (node->type == CAT_MAP && leads(path, n, child->key, &rest, &length)) {
			if (rest)
				remove_path(child, rest, length);
			else
				cat_node_free(cat_node_detach(child));
		}
	}
}

static bool listed(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

// The comma-separated paths that lead through or to `name`, as a list for what is below; *ret_whole: one ends there.
static size_t below(const char *const *path, const size_t *length, size_t count, const char *name,
		    const char **ret_path, size_t *ret_length, bool *ret_whole)
{
	size_t found = 0;
	for (size_t i = 0; i < count; i++) {
		const char *rest = NULL;
		size_t n = 0;
		if (!leads(path[i], length[i], name, &rest, &n))
			continue;
		if (!rest)
			*ret_whole = true;
		ret_path[found] = rest ? rest : "";
		ret_length[found++] = n;
	}
	return found;
}

static void keep_paths(struct cat_node *node, const char *const *path, const size_t *length, size_t count,
		       const char *const *mandatory)
{
	for (struct cat_node *child = node->first, *next; child; child = next) {
		next = child->next;
		const char *deeper[SOL_SELECTOR_PATHS_MAX];
		size_t lengths[SOL_SELECTOR_PATHS_MAX];
		bool whole = false;
		if (node->type == CAT_LIST) {
			keep_paths(child, path, length, count, NULL);
			continue;
		}
		if (node->type != CAT_MAP)
			return;
		size_t found = below(path, length, count, child->key, deeper, lengths, &whole);
		if (found && !whole)
			keep_paths(child, deeper, lengths, found, NULL);
		else if (!found && !listed(mandatory, child->key))
			cat_node_free(cat_node_detach(child));
	}
}

static size_t split(const char *text, const char **ret_path, size_t *ret_length)
{
	size_t count = 0;
	while (text && *text && count < SOL_SELECTOR_PATHS_MAX) {
		size_t n = strcspn(text, ",");
		ret_path[count] = text;
		ret_length[count++] = n;
		text += n + (text[n] == ',');
	}
	return count;
}

int sol_selector_apply(const struct sol_selector *selector, const char *const *defaults, const char *const *mandatory,
		       struct cat_node *resource)
{
	const char *path[SOL_SELECTOR_PATHS_MAX];
	size_t length[SOL_SELECTOR_PATHS_MAX];
	if (selector->all_fields)
		return 0;
	if (selector->exclude_fields) {
		size_t count = split(selector->exclude_fields, path, length);
		for (size_t i = 0; i < count; i++)
			if (!memchr(path[i], '/', length[i])) {
				bool must = false;
				for (const char *const *m = mandatory; m && *m; m++)
					must |= strlen(*m) == length[i] && !strncmp(*m, path[i], length[i]);
				if (!must)
					remove_path(resource, path[i], length[i]);
			} else {
				remove_path(resource, path[i], length[i]);
			}
		return 0;
	}
	size_t count = split(selector->fields, path, length);
	if (!selector->fields) {
		for (const char *const *name = defaults; name && *name; name++)
			remove_path(resource, *name, strlen(*name));
		return 0;
	}
	// With exclude_default: all but the defaults, and of those what `fields` names.
	if (selector->exclude_default) {
		for (struct cat_node *child = resource->first, *next; child; child = next) {
			next = child->next;
			const char *deeper[SOL_SELECTOR_PATHS_MAX];
			size_t lengths[SOL_SELECTOR_PATHS_MAX];
			bool whole = false;
			size_t found = below(path, length, count, child->key, deeper, lengths, &whole);
			if (!listed(defaults, child->key))
				continue;
			if (!found)
				cat_node_free(cat_node_detach(child));
			else if (!whole)
				keep_paths(child, deeper, lengths, found, NULL);
		}
		return 0;
	}
	keep_paths(resource, path, length, count, mandatory);
	return 0;
}
