// SPDX-License-Identifier: BSD-3-Clause
#include "tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cat_file.h"

struct cat_node *node_new(struct cat_node *parent, enum cat_node_type type, const char *key)
{
	struct cat_node *node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->type = type;
	if (key) {
		node->key = strdup(key);
		if (!node->key) {
			free(node);
			return NULL;
		}
	}
	if (parent) {
		node->parent = parent;
		if (parent->last)
			parent->last->next = node;
		else
			parent->first = node;
		parent->last = node;
		parent->count++;
	}
	return node;
}

// Depth is limited for parsed trees, but code may build deeper ones: no recursion here.
void cat_node_free(struct cat_node *root)
{
	struct cat_node *node = root;
	while (node) {
		if (node->first) {
			struct cat_node *child = node->first;
			node->first = child->next;
			child->parent = node;
			node = child;
			continue;
		}
		struct cat_node *up = node == root ? NULL : node->parent;
		if (node->type == CAT_STRING)
			free(node->string);
		free(node->key);
		free(node);
		node = up;
	}
}

struct cat_node *cat_node_get(const struct cat_node *map, const char *key)
{
	if (!map || map->type != CAT_MAP)
		return NULL;
	for (struct cat_node *child = map->first; child; child = child->next)
		if (strcmp(child->key, key) == 0)
			return child;
	return NULL;
}

struct cat_node *cat_node_find(const struct cat_node *root, ...)
{
	va_list args;
	va_start(args, root);
	struct cat_node *node = (struct cat_node *)root;
	for (const char *key; node && (key = va_arg(args, const char *));)
		node = cat_node_get(node, key);
	va_end(args);
	return node;
}

struct cat_node *cat_node_at(const struct cat_node *list, size_t index)
{
	struct cat_node *child = list && (list->type == CAT_LIST || list->type == CAT_MAP) ? list->first : NULL;
	while (child && index--)
		child = child->next;
	return child;
}

const char *cat_node_describe(const struct cat_node *node, char *text, size_t size)
{
	if (!node) {
		snprintf(text, size, "nothing");
		return text;
	}
	switch (node->type) {
	case CAT_NULL:
		snprintf(text, size, "nothing (null)");
		break;
	case CAT_BOOL:
		snprintf(text, size, "%s", node->boolean ? "true" : "false");
		break;
	case CAT_INT:
		snprintf(text, size, "%" PRId64, node->integer);
		break;
	case CAT_REAL:
		snprintf(text, size, "%.15g", node->real);
		break;
	case CAT_STRING:
		snprintf(text, size, strlen(node->string) > 60 ? "\"%.60s...\"" : "\"%s\"", node->string);
		break;
	case CAT_LIST:
		snprintf(text, size, "a list");
		break;
	case CAT_MAP:
		snprintf(text, size, "a map");
		break;
	}
	return text;
}

// Writes the pointer right to left, which needs no stack of ancestors.
const char *cat_node_pointer(const struct cat_node *node, char *text, size_t size)
{
	size_t at = size - 1;
	text[at] = '\0';
	for (; node && node->parent; node = node->parent) {
		char index[24];
		const char *token = node->key;
		if (!token) {
			size_t i = 0;
			for (const struct cat_node *n = node->parent->first; n != node; n = n->next)
				i++;
			snprintf(index, sizeof(index), "%zu", i);
			token = index;
		}
		for (size_t n = strlen(token); n--;) {
			char c = token[n];
			size_t need = c == '~' || c == '/' ? 2 : 1;
			if (at < need + 1)
				return memmove(text, text + at, size - at);
			if (need == 2)
				text[--at] = c == '~' ? '0' : '1';
			text[--at] = need == 2 ? '~' : c;
		}
		text[--at] = '/';
		if (!at)
			break;
	}
	return memmove(text, text + at, size - at);
}

struct cat_node *cat_node_resolve(const struct cat_node *root, const char *pointer, bool nearest)
{
	struct cat_node *node = (struct cat_node *)root;
	while (node && *pointer == '/') {
		char token[256];
		size_t used = 0;
		for (pointer++; *pointer && *pointer != '/'; pointer++) {
			char c = *pointer;
			if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
				c = *++pointer == '0' ? '~' : '/';
			if (used < sizeof(token) - 1)
				token[used++] = c;
		}
		token[used] = '\0';
		struct cat_node *child;
		if (node->type == CAT_LIST) {
			char *end;
			unsigned long index = strtoul(token, &end, 10);
			child = used && !*end ? cat_node_at(node, index) : NULL;
		} else {
			child = cat_node_get(node, token);
		}
		if (!child)
			return nearest ? node : NULL;
		node = child;
	}
	return node;
}

int cat_node_error(const struct cat_node *node, struct cat_err *err, const char *format, ...)
{
	char message[CAT_ERR_MESSAGE_MAX], pointer[256];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	cat_node_pointer(node, pointer, sizeof(pointer));
	return cat_err_set(err, -EINVAL, "%s: %s", *pointer ? pointer : "/", message);
}

// The child to read: 1 found, 0 absent and optional, negative: absent and required, or not in a map.
static int child_of(const struct cat_node *map, const char *key, bool required, const struct cat_node **ret_child,
		    struct cat_err *err)
{
	char found[96];
	if (map && map->type != CAT_MAP)
		return cat_node_error(map, err, "found %s, expected a map",
				      cat_node_describe(map, found, sizeof(found)));
	*ret_child = cat_node_get(map, key);
	if (*ret_child)
		return 1;
	return required ? cat_node_error(map, err, "\"%s\" is missing", key) : 0;
}

static int wrong_type(const struct cat_node *node, struct cat_err *err, const char *expected)
{
	char found[96];
	return cat_node_error(node, err, "found %s, expected %s", cat_node_describe(node, found, sizeof(found)),
			      expected);
}

int cat_node_read_string(const struct cat_node *map, const char *key, bool required, const char **ret_value,
			 struct cat_err *err)
{
	const struct cat_node *child = NULL;
	int r = child_of(map, key, required, &child, err);
	if (r <= 0 || !child)
		return r;
	if (child->type != CAT_STRING)
		return wrong_type(child, err, "a string");
	*ret_value = child->string;
	return 0;
}

int cat_node_read_int(const struct cat_node *map, const char *key, bool required, int64_t min, int64_t max,
		      int64_t *ret_value, struct cat_err *err)
{
	const struct cat_node *child = NULL;
	int r = child_of(map, key, required, &child, err);
	if (r <= 0 || !child)
		return r;
	if (child->type != CAT_INT || child->integer < min || child->integer > max) {
		char expected[80];
		snprintf(expected, sizeof(expected), "an integer from %" PRId64 " to %" PRId64, min, max);
		return wrong_type(child, err, expected);
	}
	*ret_value = child->integer;
	return 0;
}

int cat_node_read_bool(const struct cat_node *map, const char *key, bool required, bool *ret_value, struct cat_err *err)
{
	const struct cat_node *child = NULL;
	int r = child_of(map, key, required, &child, err);
	if (r <= 0 || !child)
		return r;
	if (child->type != CAT_BOOL)
		return wrong_type(child, err, "true or false");
	*ret_value = child->boolean;
	return 0;
}

int cat_node_read_list(const struct cat_node *map, const char *key, bool required, const struct cat_node **ret_list,
		       struct cat_err *err)
{
	const struct cat_node *child = NULL;
	int r = child_of(map, key, required, &child, err);
	if (r <= 0 || !child)
		return r;
	if (child->type != CAT_LIST)
		return wrong_type(child, err, "a list");
	*ret_list = child;
	return 0;
}

int cat_node_read_map(const struct cat_node *map, const char *key, bool required, const struct cat_node **ret_map,
		      struct cat_err *err)
{
	const struct cat_node *child = NULL;
	int r = child_of(map, key, required, &child, err);
	if (r <= 0 || !child)
		return r;
	if (child->type != CAT_MAP)
		return wrong_type(child, err, "a map");
	*ret_map = child;
	return 0;
}

int cat_tree_parse_file(const char *path, struct cat_node **ret_root, struct cat_err *err)
{
	cat_autofree char *text = NULL;
	size_t size;
	int r = cat_file_read(-100 /* AT_FDCWD */, path, CAT_TREE_TEXT_MAX, &text, &size, err);
	if (r < 0)
		return r;
	const char *dot = strrchr(path, '.');
	if (dot && strcmp(dot, ".json") == 0)
		return cat_tree_parse_json(path, text, size, ret_root, err);
	return cat_tree_parse_yaml(path, text, size, ret_root, err);
}
