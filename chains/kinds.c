// SPDX-License-Identifier: BSD-3-Clause
// The kinds of functions that are installed: DIR/KIND/schema.json and DIR/KIND/vnfd.yaml.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cat_file.h"
#include "cat_service.h"
#include "schema.h"
#include "vnfd_schema.h"

struct kind {
	struct cat_node *schema, *descriptor;
};

struct cat_kinds {
	struct kind *kind;
	const char **name; // sorted, NULL-terminated; name[i] belongs to kind[i]
	size_t count;
	struct cat_node *descriptor_schema;
};

void cat_kinds_free(struct cat_kinds *kinds)
{
	if (!kinds)
		return;
	for (size_t i = 0; i < kinds->count; i++) {
		cat_node_free(kinds->kind[i].schema);
		cat_node_free(kinds->kind[i].descriptor);
		free((char *)kinds->name[i]);
	}
	free(kinds->kind);
	free(kinds->name);
	cat_node_free(kinds->descriptor_schema);
	free(kinds);
}

static size_t find(const struct cat_kinds *kinds, const char *name)
{
	size_t i = 0;
	while (i < kinds->count && strcmp(kinds->name[i], name) != 0)
		i++;
	return i;
}

// Keeps the names sorted. Takes the trees.
static int insert(struct cat_kinds *kinds, const char *name, struct kind kind)
{
	struct kind *larger = realloc(kinds->kind, (kinds->count + 1) * sizeof(*larger));
	if (larger)
		kinds->kind = larger;
	const char **names = realloc(kinds->name, (kinds->count + 2) * sizeof(*names));
	if (names)
		kinds->name = names;
	char *copy = strdup(name);
	if (!larger || !names || !copy) {
		free(copy);
		return -ENOMEM;
	}
	size_t at = kinds->count;
	for (; at > 0 && strcmp(kinds->name[at - 1], name) > 0; at--) {
		kinds->name[at] = kinds->name[at - 1];
		kinds->kind[at] = kinds->kind[at - 1];
	}
	kinds->name[at] = copy;
	kinds->kind[at] = kind;
	kinds->name[++kinds->count] = NULL;
	return 0;
}

// Reads DIR/KIND/FILE; an absent file gives an empty map, and *ret_found says so.
static int read_part(const char *directory, const char *kind, const char *file, struct cat_node **ret_tree,
		     bool *ret_found, struct cat_err *err)
{
	cat_autofree char *path = cat_format("%s/%s/%s", directory, kind, file);
	if (!path)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = cat_tree_parse_file(path, ret_tree, err);
	*ret_found = r != -ENOENT && r != -ENOTDIR;
	if (*ret_found)
		return r;
	*ret_tree = cat_node_new_map();
	return *ret_tree ? 0 : cat_err_set(err, -ENOMEM, "no memory");
}

static int check_descriptor(const struct cat_kinds *kinds, struct cat_node *descriptor, const char *name,
			    struct cat_err *err)
{
	struct cat_problems problems = {0};
	int r = cat_schema_check(kinds->descriptor_schema, descriptor, &problems, err);
	if (r == 0 && problems.count)
		r = cat_err_set(err, -EINVAL, "%s:%u:%u: %s: %s", name, problems.item[0].line, problems.item[0].column,
				problems.item[0].pointer, problems.item[0].message);
	cat_problems_free(&problems);
	if (r == 0 && cat_schema_fill(kinds->descriptor_schema, descriptor) < 0)
		r = cat_err_set(err, -ENOMEM, "no memory");
	return r;
}

static int load_kind(struct cat_kinds *kinds, const char *directory, const char *name, struct cat_err *err)
{
	cat_autonode struct cat_node *schema = NULL;
	cat_autonode struct cat_node *descriptor = NULL;
	bool has_schema = false, has_descriptor = false;
	int r = read_part(directory, name, "schema.json", &schema, &has_schema, err);
	if (r < 0)
		return r;
	r = read_part(directory, name, "vnfd.yaml", &descriptor, &has_descriptor, err);
	if (r < 0 || (!has_schema && !has_descriptor))
		return r;
	r = cat_schema_verify(schema, err);
	if (r < 0)
		return cat_err_wrap(err, "%s/%s/schema.json", directory, name);
	r = check_descriptor(kinds, descriptor, "vnfd.yaml", err);
	if (r < 0)
		return cat_err_wrap(err, "%s/%s", directory, name);
	r = insert(kinds, name, (struct kind){schema, descriptor});
	if (r < 0)
		return cat_err_set(err, r, "no memory");
	schema = NULL;
	descriptor = NULL;
	return 0;
}

static int load_directory(struct cat_kinds *kinds, const char *directory, struct cat_err *err)
{
	cat_autodir DIR *dir = opendir(directory);
	if (!dir)
		return cat_err_errno(err, "%s", directory);
	const struct dirent *entry;
	while ((entry = readdir(dir))) {
		// What cannot be named in a service file is none; a directory named before goes first.
		if (!schema_format_find("name")->check(entry->d_name) || find(kinds, entry->d_name) < kinds->count)
			continue;
		int r = load_kind(kinds, directory, entry->d_name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

struct cat_kinds *cat_kinds_load(const char *const *directories, struct cat_err *err)
{
	struct cat_kinds *kinds = calloc(1, sizeof(*kinds));
	if (kinds)
		kinds->name = calloc(1, sizeof(*kinds->name));
	if (!kinds || !kinds->name) {
		cat_kinds_free(kinds);
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	int r = cat_tree_parse_json("vnfd.schema.json", vnfd_schema_text, sizeof(vnfd_schema_text),
				    &kinds->descriptor_schema, err);
	for (; r == 0 && *directories; directories++)
		r = load_directory(kinds, *directories, err);
	if (r < 0) {
		cat_kinds_free(kinds);
		return NULL;
	}
	return kinds;
}

const struct cat_node *cat_kinds_descriptor(const struct cat_kinds *kinds, const char *kind)
{
	size_t i = find(kinds, kind);
	return i < kinds->count ? kinds->kind[i].descriptor : NULL;
}

const struct cat_node *cat_kinds_schema(const struct cat_kinds *kinds, const char *kind)
{
	size_t i = find(kinds, kind);
	return i < kinds->count ? kinds->kind[i].schema : NULL;
}

const char *const *cat_kinds_names(const struct cat_kinds *kinds)
{
	return kinds->name;
}
