// SPDX-License-Identifier: BSD-3-Clause
// What a schema wants, in words; references and types.
#include <inttypes.h>
#include <string.h>

#include "schema.h"

const struct cat_node *schema_deref(const struct cat_node *root, const struct cat_node *schema)
{
	static const char prefix[] = "#/$defs/";
	for (unsigned hops = 0; schema && hops < SCHEMA_HOPS_MAX; hops++) {
		const struct cat_node *ref = cat_node_get(schema, "$ref");
		if (!ref)
			return schema;
		if (ref->type != CAT_STRING || strncmp(ref->string, prefix, strlen(prefix)) != 0)
			return NULL;
		schema = cat_node_find(root, "$defs", ref->string + strlen(prefix), NULL);
	}
	return NULL;
}

const struct cat_node *schema_keyword(const struct cat_node *root, const struct cat_node *schema, const char *keyword)
{
	const struct cat_node *found = cat_node_get(schema, keyword);
	if (found)
		return found;
	const struct cat_node *target = schema_deref(root, schema);
	return target == schema ? NULL : cat_node_get(target, keyword);
}

static bool name_matches(const char *name, const struct cat_node *node)
{
	switch (node->type) {
	case CAT_NULL:
		return strcmp(name, "null") == 0;
	case CAT_BOOL:
		return strcmp(name, "boolean") == 0;
	case CAT_INT:
		return strcmp(name, "integer") == 0 || strcmp(name, "number") == 0;
	case CAT_REAL:
		return strcmp(name, "number") == 0;
	case CAT_STRING:
		return strcmp(name, "string") == 0;
	case CAT_LIST:
		return strcmp(name, "array") == 0;
	case CAT_MAP:
		return strcmp(name, "object") == 0;
	}
	return false;
}

bool schema_type_matches(const struct cat_node *type, const struct cat_node *node)
{
	if (type->type == CAT_STRING)
		return name_matches(type->string, node);
	for (const struct cat_node *n = type->first; n; n = n->next)
		if (name_matches(n->string, node))
			return true;
	return false;
}

static void write_separator(FILE *out, const struct cat_node *list, const struct cat_node *item)
{
	if (item != list->first)
		fputs(item->next ? ", " : " or ", out);
}

static void write_value(FILE *out, const struct cat_node *node)
{
	char text[96];
	if (node->type == CAT_STRING)
		fputs(node->string, out);
	else
		fputs(cat_node_describe(node, text, sizeof(text)), out);
}

static void write_number(FILE *out, const struct cat_node *number)
{
	if (number->type == CAT_INT)
		fprintf(out, "%" PRId64, number->integer);
	else
		fprintf(out, "%.15g", number->real);
}

static void write_type(FILE *out, const struct cat_node *root, const struct cat_node *schema, const char *name)
{
	static const struct {
		const char *name, *words;
	} words[] = {
		{"null", "nothing"},    {"boolean", "true or false"}, {"integer", "an integer"}, {"number", "a number"},
		{"string", "a string"}, {"array", "a list"},          {"object", "a map"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(words); i++)
		if (strcmp(words[i].name, name) == 0)
			fputs(words[i].words, out);
	if (strcmp(name, "integer") != 0 && strcmp(name, "number") != 0)
		return;
	const struct cat_node *minimum = schema_keyword(root, schema, "minimum");
	const struct cat_node *maximum = schema_keyword(root, schema, "maximum");
	if (minimum) {
		fputs(maximum ? " from " : " of at least ", out);
		write_number(out, minimum);
	}
	if (maximum) {
		fputs(minimum ? " to " : " of at most ", out);
		write_number(out, maximum);
	}
}

static void write_types(FILE *out, const struct cat_node *root, const struct cat_node *schema,
			const struct cat_node *type)
{
	const struct cat_node *format = schema_keyword(root, schema, "format");
	const struct cat_node *list = type->type == CAT_LIST ? type : NULL;
	for (const struct cat_node *n = list ? list->first : type; n; n = list ? n->next : NULL) {
		if (list)
			write_separator(out, list, n);
		if (format && strcmp(n->string, "string") == 0)
			fputs(schema_format_find(format->string)->expected, out);
		else
			write_type(out, root, schema, n->string);
	}
}

// The phrases of all branches, each once.
static void write_branches(FILE *out, const struct cat_node *root, const struct cat_node *branches)
{
	char *phrases[16] = {0};
	size_t count = 0, size;
	for (const struct cat_node *n = branches->first; n && count < CAT_ARRAY_LEN(phrases); n = n->next) {
		FILE *one = open_memstream(&phrases[count], &size);
		if (!one)
			break;
		schema_write_expected(one, root, n);
		if (fclose(one) != 0)
			break;
		bool again = false;
		for (size_t i = 0; i < count; i++)
			again |= strcmp(phrases[i], phrases[count]) == 0;
		if (again) {
			free(phrases[count]);
			phrases[count] = NULL;
		} else {
			count++;
		}
	}
	write_choices(out, (const char *const *)phrases, count);
	for (size_t i = 0; i < CAT_ARRAY_LEN(phrases); i++)
		free(phrases[i]);
}

void schema_write_expected(FILE *out, const struct cat_node *root, const struct cat_node *schema)
{
	const struct cat_node *title = schema_keyword(root, schema, "title");
	const struct cat_node *list = schema_keyword(root, schema, "enum");
	const struct cat_node *value = schema_keyword(root, schema, "const");
	const struct cat_node *branches = schema_keyword(root, schema, "oneOf");
	const struct cat_node *type = schema_keyword(root, schema, "type");
	const struct cat_node *format = schema_keyword(root, schema, "format");
	const struct cat_node *pattern = schema_keyword(root, schema, "pattern");
	if (!branches)
		branches = schema_keyword(root, schema, "anyOf");
	if (title) {
		fputs(title->string, out);
	} else if (list) {
		for (const struct cat_node *n = list->first; n; n = n->next) {
			write_separator(out, list, n);
			write_value(out, n);
		}
	} else if (value) {
		write_value(out, value);
	} else if (branches) {
		write_branches(out, root, branches);
	} else if (pattern) {
		fprintf(out, "a string that matches %s", pattern->string);
	} else if (type) {
		write_types(out, root, schema, type);
	} else if (format) {
		fputs(schema_format_find(format->string)->expected, out);
	} else {
		fputs("another value", out);
	}
}
