// SPDX-License-Identifier: BSD-3-Clause
// JSON by jansson.
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "tree.h"

struct reader {
	const char *name;
	size_t nodes;
	struct cat_err *err;
};

static int convert(struct reader *reader, const json_t *json, struct cat_node *parent, const char *key, unsigned depth,
		   struct cat_node **ret_node);

static int convert_children(struct reader *reader, const json_t *json, struct cat_node *node, unsigned depth)
{
	struct cat_node *child;
	if (node->type == CAT_LIST) {
		size_t i;
		json_t *item;
		json_array_foreach((json_t *)json, i, item)
		{
			int r = convert(reader, item, node, NULL, depth + 1, &child);
			if (r < 0)
				return r;
		}
	} else if (node->type == CAT_MAP) {
		const char *key;
		json_t *item;
		json_object_foreach((json_t *)json, key, item)
		{
			int r = convert(reader, item, node, key, depth + 1, &child);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int convert(struct reader *reader, const json_t *json, struct cat_node *parent, const char *key, unsigned depth,
		   struct cat_node **ret_node)
{
	if (depth > CAT_TREE_DEPTH_MAX)
		return cat_err_set(reader->err, -E2BIG, "%s: nested deeper than %u levels", reader->name,
				   CAT_TREE_DEPTH_MAX);
	if (++reader->nodes > CAT_TREE_NODES_MAX)
		return cat_err_set(reader->err, -E2BIG, "%s: more than %u values", reader->name, CAT_TREE_NODES_MAX);
	static const enum cat_node_type types[] = {
		[JSON_OBJECT] = CAT_MAP, [JSON_ARRAY] = CAT_LIST, [JSON_STRING] = CAT_STRING, [JSON_INTEGER] = CAT_INT,
		[JSON_REAL] = CAT_REAL,  [JSON_TRUE] = CAT_BOOL,  [JSON_FALSE] = CAT_BOOL,    [JSON_NULL] = CAT_NULL,
	};
	// Strings get their text before they are linked, so that a half-made node never has none.
	char *text = NULL;
	if (json_is_string(json)) {
		text = strdup(json_string_value(json));
		if (!text)
			return cat_err_set(reader->err, -ENOMEM, "%s: no memory", reader->name);
	}
	struct cat_node *node = node_new(parent, types[json_typeof(json)], key);
	if (!node) {
		free(text);
		return cat_err_set(reader->err, -ENOMEM, "%s: no memory", reader->name);
	}
	*ret_node = node;
	if (text)
		node->string = text;
	else if (json_is_integer(json))
		node->integer = json_integer_value(json);
	else if (json_is_real(json))
		node->real = json_real_value(json);
	else if (json_is_boolean(json))
		node->boolean = json_is_true(json);
	return convert_children(reader, json, node, depth);
}

int cat_tree_parse_json(const char *name, const char *text, size_t size, struct cat_node **ret_root,
			struct cat_err *err)
{
	if (size > CAT_TREE_TEXT_MAX)
		return cat_err_set(err, -E2BIG, "%s: larger than %u bytes", name, CAT_TREE_TEXT_MAX);
	json_error_t error;
	json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!json)
		return cat_err_set(err, -EINVAL, "%s:%d:%d: no valid JSON: %s", name, error.line, error.column,
				   error.text);
	struct reader reader = {.name = name, .err = err};
	struct cat_node *root = NULL;
	int r = convert(&reader, json, NULL, NULL, 0, &root);
	json_decref(json);
	if (r < 0) {
		cat_node_free(root);
		return r;
	}
	*ret_root = root;
	return 0;
}

// jansson takes UTF-8 only; bytes that are none (from logs, say) become U+FFFD.
static json_t *json_text(const char *text)
{
	json_t *json = json_string(text);
	if (json)
		return json;
	size_t size = strlen(text);
	char *clean = malloc(size * 3 + 1);
	if (!clean)
		return NULL;
	size_t used = 0;
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < 0x80) {
			clean[used++] = text[i];
		} else {
			memcpy(clean + used, "\xef\xbf\xbd", 3);
			used += 3;
		}
	}
	json = json_stringn(clean, used);
	free(clean);
	return json;
}

static json_t *to_json(const struct cat_node *node)
{
	json_t *json = NULL;
	switch (node->type) {
	case CAT_NULL:
		return json_null();
	case CAT_BOOL:
		return json_boolean(node->boolean);
	case CAT_INT:
		return json_integer(node->integer);
	case CAT_REAL:
		return isfinite(node->real) ? json_real(node->real) : json_null();
	case CAT_STRING:
		return json_text(node->string);
	case CAT_LIST:
		json = json_array();
		for (const struct cat_node *child = node->first; json && child; child = child->next) {
			if (json_array_append_new(json, to_json(child)) < 0) {
				json_decref(json);
				return NULL;
			}
		}
		return json;
	case CAT_MAP:
		json = json_object();
		for (const struct cat_node *child = node->first; json && child; child = child->next) {
			if (json_object_set_new(json, child->key, to_json(child)) < 0) {
				json_decref(json);
				return NULL;
			}
		}
		return json;
	}
	return NULL;
}

char *cat_node_to_json(const struct cat_node *node, unsigned indent)
{
	json_t *json = to_json(node);
	if (!json)
		return NULL;
	size_t flags = JSON_ENCODE_ANY | (indent ? JSON_INDENT(indent) : JSON_COMPACT) | JSON_REAL_PRECISION(12);
	char *text = json_dumps(json, flags);
	json_decref(json);
	return text;
}
