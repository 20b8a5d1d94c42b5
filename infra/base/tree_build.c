// SPDX-License-Identifier: BSD-3-Clause
// Trees made by code.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tree.h"

struct cat_node *cat_node_new_map(void)
{
	return node_new(NULL, CAT_MAP, NULL);
}

struct cat_node *cat_node_new_list(void)
{
	return node_new(NULL, CAT_LIST, NULL);
}

struct cat_node *cat_node_add_map(struct cat_node *parent, const char *key)
{
	return parent ? node_new(parent, CAT_MAP, key) : NULL;
}

struct cat_node *cat_node_add_list(struct cat_node *parent, const char *key)
{
	return parent ? node_new(parent, CAT_LIST, key) : NULL;
}

struct cat_node *cat_node_add_string(struct cat_node *parent, const char *key, const char *value)
{
	char *copy = parent ? strdup(value) : NULL;
	struct cat_node *node = copy ? node_new(parent, CAT_STRING, key) : NULL;
	if (!node) {
		free(copy);
		return NULL;
	}
	node->string = copy;
	return node;
}

struct cat_node *cat_node_add_format(struct cat_node *parent, const char *key, const char *format, ...)
{
	cat_autofree char *text = NULL;
	va_list args;
	va_start(args, format);
	int r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0) {
		text = NULL;
		return NULL;
	}
	return cat_node_add_string(parent, key, text);
}

struct cat_node *cat_node_add_int(struct cat_node *parent, const char *key, int64_t value)
{
	struct cat_node *node = parent ? node_new(parent, CAT_INT, key) : NULL;
	if (node)
		node->integer = value;
	return node;
}

struct cat_node *cat_node_add_real(struct cat_node *parent, const char *key, double value)
{
	struct cat_node *node = parent ? node_new(parent, CAT_REAL, key) : NULL;
	if (node)
		node->real = value;
	return node;
}

struct cat_node *cat_node_add_bool(struct cat_node *parent, const char *key, bool value)
{
	struct cat_node *node = parent ? node_new(parent, CAT_BOOL, key) : NULL;
	if (node)
		node->boolean = value;
	return node;
}

struct cat_node *cat_node_add_null(struct cat_node *parent, const char *key)
{
	return parent ? node_new(parent, CAT_NULL, key) : NULL;
}

struct cat_node *cat_node_detach(struct cat_node *child)
{
	struct cat_node *parent = child->parent;
	if (!parent)
		return child;
	struct cat_node *before = NULL;
	for (struct cat_node *n = parent->first; n != child; n = n->next)
		before = n;
	if (before)
		before->next = child->next;
	else
		parent->first = child->next;
	if (parent->last == child)
		parent->last = before;
	parent->count--;
	child->parent = NULL;
	child->next = NULL;
	return child;
}

static struct cat_node *copy_scalar(struct cat_node *parent, const char *key, const struct cat_node *source)
{
	char *text = NULL;
	if (source->type == CAT_STRING) {
		text = strdup(source->string);
		if (!text)
			return NULL;
	}
	struct cat_node *node = node_new(parent, source->type, key);
	if (!node) {
		free(text);
		return NULL;
	}
	if (text)
		node->string = text;
	else if (source->type == CAT_INT)
		node->integer = source->integer;
	else if (source->type == CAT_REAL)
		node->real = source->real;
	else if (source->type == CAT_BOOL)
		node->boolean = source->boolean;
	node->line = source->line;
	node->column = source->column;
	node->key_line = source->key_line;
	node->key_column = source->key_column;
	return node;
}

struct cat_node *cat_node_copy(struct cat_node *parent, const char *key, const struct cat_node *source)
{
	struct cat_node *copy = copy_scalar(parent, key, source);
	if (!copy)
		return NULL;
	for (const struct cat_node *child = source->first; child; child = child->next) {
		if (!cat_node_copy(copy, child->key, child)) {
			cat_node_free(cat_node_detach(copy));
			return NULL;
		}
	}
	return copy;
}

bool cat_node_equal(const struct cat_node *a, const struct cat_node *b)
{
	if (!a || !b)
		return a == b;
	if (a->type != b->type || a->count != b->count)
		return false;
	switch (a->type) {
	case CAT_NULL:
		return true;
	case CAT_BOOL:
		return a->boolean == b->boolean;
	case CAT_INT:
		return a->integer == b->integer;
	case CAT_REAL:
		return a->real == b->real || (isnan(a->real) && isnan(b->real));
	case CAT_STRING:
		return strcmp(a->string, b->string) == 0;
	case CAT_LIST:
		for (const struct cat_node *x = a->first, *y = b->first; x; x = x->next, y = y->next)
			if (!cat_node_equal(x, y))
				return false;
		return true;
	case CAT_MAP:
		for (const struct cat_node *x = a->first; x; x = x->next)
			if (!cat_node_equal(x, cat_node_get(b, x->key)))
				return false;
		return true;
	}
	return false;
}
