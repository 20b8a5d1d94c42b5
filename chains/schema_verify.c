// SPDX-License-Identifier: BSD-3-Clause
// Is a schema itself in order? Checked whole, so that a slip in a schema shows at once and not when a value meets it.
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "schema.h"

enum value {
	ANY,
	TEXT,
	COUNT,
	NUMBER,
	BOOLEAN,
	LIST,
	TEXTS,
	SCHEMA,
	SCHEMA_OR_BOOLEAN,
	SCHEMA_MAP,
	SCHEMA_LIST,
	TYPE,
	PATTERN,
	FORMAT,
	REFERENCE
};

static const struct {
	const char *name;
	enum value value;
} keywords[] = {
	{"$schema", TEXT},
	{"$id", TEXT},
	{"$comment", TEXT},
	{"title", TEXT},
	{"description", TEXT},
	{"examples", LIST},
	{"default", ANY},
	{"$defs", SCHEMA_MAP},
	{"$ref", REFERENCE},
	{"type", TYPE},
	{"enum", LIST},
	{"const", ANY},
	{"oneOf", SCHEMA_LIST},
	{"anyOf", SCHEMA_LIST},
	{"properties", SCHEMA_MAP},
	{"required", TEXTS},
	{"additionalProperties", SCHEMA_OR_BOOLEAN},
	{"propertyNames", SCHEMA},
	{"minProperties", COUNT},
	{"maxProperties", COUNT},
	{"items", SCHEMA},
	{"minItems", COUNT},
	{"maxItems", COUNT},
	{"uniqueItems", BOOLEAN},
	{"minimum", NUMBER},
	{"maximum", NUMBER},
	{"minLength", COUNT},
	{"maxLength", COUNT},
	{"pattern", PATTERN},
	{"format", FORMAT},
};

static int wrong(const struct cat_node *node, struct cat_err *err, const char *expected)
{
	char found[96];
	cat_node_error(node, err, "found %s, expected %s", cat_node_describe(node, found, sizeof(found)), expected);
	return cat_err_wrap(err, "schema");
}

static bool is_type_name(const struct cat_node *node)
{
	static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(names); i++)
		if (node->type == CAT_STRING && strcmp(node->string, names[i]) == 0)
			return true;
	return false;
}

static int verify_type(const struct cat_node *node, struct cat_err *err)
{
	if (node->type != CAT_LIST)
		return is_type_name(node) ? 0 : wrong(node, err, "the name of a type");
	for (const struct cat_node *n = node->first; n; n = n->next)
		if (!is_type_name(n))
			return wrong(n, err, "the name of a type");
	return 0;
}

static int verify_pattern(const struct cat_node *node, struct cat_err *err)
{
	regex_t regex;
	if (node->type != CAT_STRING || regcomp(&regex, node->string, REG_EXTENDED | REG_NOSUB) != 0)
		return wrong(node, err, "a POSIX extended regular expression");
	regfree(&regex);
	return 0;
}

static int verify_schema(const struct cat_node *root, const struct cat_node *schema, struct cat_err *err);

static int verify_children(const struct cat_node *root, const struct cat_node *node, enum cat_node_type type,
			   struct cat_err *err)
{
	if (node->type != type)
		return wrong(node, err, type == CAT_MAP ? "a map of schemas" : "a list of schemas");
	for (const struct cat_node *n = node->first; n; n = n->next) {
		int r = verify_schema(root, n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int verify_keyword(const struct cat_node *root, const struct cat_node *node, enum value value,
			  struct cat_err *err)
{
	switch (value) {
	case ANY:
		return 0;
	case TEXT:
		return node->type == CAT_STRING ? 0 : wrong(node, err, "a string");
	case COUNT:
		return node->type == CAT_INT && node->integer >= 0 ? 0 : wrong(node, err, "an integer from 0");
	case NUMBER:
		return node->type == CAT_INT || node->type == CAT_REAL ? 0 : wrong(node, err, "a number");
	case BOOLEAN:
		return node->type == CAT_BOOL ? 0 : wrong(node, err, "true or false");
	case LIST:
		return node->type == CAT_LIST && node->first ? 0 : wrong(node, err, "a list that is not empty");
	case TEXTS:
		if (node->type != CAT_LIST)
			return wrong(node, err, "a list of strings");
		for (const struct cat_node *n = node->first; n; n = n->next)
			if (n->type != CAT_STRING)
				return wrong(n, err, "a string");
		return 0;
	case SCHEMA_OR_BOOLEAN:
		return node->type == CAT_BOOL ? 0 : verify_schema(root, node, err);
	case SCHEMA:
		return verify_schema(root, node, err);
	case SCHEMA_MAP:
		return verify_children(root, node, CAT_MAP, err);
	case SCHEMA_LIST:
		return verify_children(root, node, CAT_LIST, err);
	case TYPE:
		return verify_type(node, err);
	case PATTERN:
		return verify_pattern(node, err);
	case FORMAT:
		return node->type == CAT_STRING && schema_format_find(node->string)
			       ? 0
			       : wrong(node, err, "a known format");
	case REFERENCE:
		return node->type == CAT_STRING && schema_deref(root, node->parent)
			       ? 0
			       : wrong(node, err, "\"#/$defs/NAME\" of a schema that does not lead back here");
	}
	return 0;
}

static int verify_schema(const struct cat_node *root, const struct cat_node *schema, struct cat_err *err)
{
	if (schema->type != CAT_MAP)
		return wrong(schema, err, "a schema (a map)");
	for (const struct cat_node *n = schema->first; n; n = n->next) {
		size_t i = 0;
		while (i < CAT_ARRAY_LEN(keywords) && strcmp(keywords[i].name, n->key) != 0)
			i++;
		if (i == CAT_ARRAY_LEN(keywords)) {
			cat_node_error(n, err, "unknown keyword");
			return cat_err_wrap(err, "schema");
		}
		int r = verify_keyword(root, n, keywords[i].value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int cat_schema_verify(const struct cat_node *schema, struct cat_err *err)
{
	return verify_schema(schema, schema, err);
}
