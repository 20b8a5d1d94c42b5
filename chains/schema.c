// SPDX-License-Identifier: BSD-3-Clause
// Checks a value against a schema.
//
// How it works: every keyword that applies adds its problems and the check goes on, so that one pass finds them all.
// Only a value of the wrong type is not looked into. For oneOf and anyOf see schema_branch.c.
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "schema_check.h"

#define KEYS_LISTED_MAX 8u // with a suggestion, longer lists of known keys are left out

// "found X, expected WHAT-THE-SCHEMA-WANTS" and what `more` says.
static int add_unexpected(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
			  const char *more, struct cat_problems *problems)
{
	char found[96];
	cat_autofree char *expected = NULL;
	size_t size;
	FILE *out = open_memstream(&expected, &size);
	if (!out)
		return -ENOMEM;
	schema_write_expected(out, checker->root, schema);
	if (fclose(out) != 0)
		return -ENOMEM;
	return cat_problems_add(problems, node, false, "found %s, expected %s%s",
				cat_node_describe(node, found, sizeof(found)), expected, more);
}

// The words among a schema's accepted values: of its enum, const, or those of its branches. Returns how many there are.
size_t checker_words(struct checker *checker, const struct cat_node *schema, const char **words, size_t max,
		     unsigned depth)
{
	size_t count = 0;
	const struct cat_node *list = schema_keyword(checker->root, schema, "enum");
	for (const struct cat_node *n = list ? list->first : NULL; n && count < max; n = n->next)
		if (n->type == CAT_STRING)
			words[count++] = n->string;
	const struct cat_node *value = schema_keyword(checker->root, schema, "const");
	if (value && value->type == CAT_STRING && count < max)
		words[count++] = value->string;
	static const char *const branches[] = {"oneOf", "anyOf"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(branches) && depth < SCHEMA_HOPS_MAX; i++) {
		list = schema_keyword(checker->root, schema, branches[i]);
		for (const struct cat_node *n = list ? list->first : NULL; n; n = n->next)
			count += checker_words(checker, n, words + count, max - count, depth + 1);
	}
	return count;
}

int checker_add_unexpected(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
			   struct cat_problems *problems)
{
	const char *words[65] = {0}, *meant = NULL;
	char more[96] = "";
	checker_words(checker, schema, words, CAT_ARRAY_LEN(words) - 1, 0);
	if (node->type == CAT_STRING)
		meant = cat_suggest(node->string, words);
	if (meant)
		snprintf(more, sizeof(more), "; did you mean \"%s\"?", meant);
	return add_unexpected(checker, schema, node, more, problems);
}

// Whether a number or truth value would do as a string.
static bool quotes_help(struct checker *checker, const struct cat_node *schema, const struct cat_node *node)
{
	const struct cat_node *format = schema_keyword(checker->root, schema, "format");
	char text[96];
	cat_node_describe(node, text, sizeof(text));
	return !schema_keyword(checker->root, schema, "enum") &&
	       (!format || schema_format_find(format->string)->check(text));
}

static int add_wrong_type(struct checker *checker, const struct cat_node *schema, const struct cat_node *type,
			  const struct cat_node *node, struct cat_problems *problems)
{
	const struct cat_node text = {.type = CAT_STRING}, list = {.type = CAT_LIST}, boolean = {.type = CAT_BOOL};
	bool scalar = node->type == CAT_BOOL || node->type == CAT_INT || node->type == CAT_REAL;
	bool titled = schema_keyword(checker->root, schema, "title");
	if (schema_type_matches(type, &list) && !titled && (scalar || node->type == CAT_STRING)) {
		char found[96], more[120];
		if (node->type == CAT_STRING && strlen(node->string) < 64)
			snprintf(found, sizeof(found), "%s", node->string);
		else
			cat_node_describe(node, found, sizeof(found));
		snprintf(more, sizeof(more), "; write [%s]", found);
		return add_unexpected(checker, schema, node, more, problems);
	}
	if (scalar && schema_type_matches(type, &text) && quotes_help(checker, schema, node))
		return add_unexpected(checker, schema, node, "; write it in quotes", problems);
	if (node->type == CAT_STRING && schema_type_matches(type, &boolean)) {
		static const char *const yes[] = {"yes", "on", "true", NULL}, *const no[] = {"no", "off", "false",
											     NULL};
		const char *more = cat_suggest(node->string, yes)  ? "; did you mean true?"
				   : cat_suggest(node->string, no) ? "; did you mean false?"
								   : "";
		// Two letters are too short for a suggestion by distance.
		if (strcasecmp(node->string, "no") == 0)
			more = "; did you mean false?";
		else if (strcasecmp(node->string, "on") == 0)
			more = "; did you mean true?";
		return add_unexpected(checker, schema, node, more, problems);
	}
	return checker_add_unexpected(checker, schema, node, problems);
}

bool checker_in_enum(const struct cat_node *list, const struct cat_node *node)
{
	for (const struct cat_node *n = list->first; n; n = n->next)
		if (cat_node_equal(n, node))
			return true;
	return false;
}

static long double number_of(const struct cat_node *node)
{
	return node->type == CAT_INT ? (long double)node->integer : (long double)node->real;
}

static int check_number(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
			struct cat_problems *problems)
{
	const struct cat_node *minimum = cat_node_get(schema, "minimum");
	const struct cat_node *maximum = cat_node_get(schema, "maximum");
	if ((minimum && number_of(node) < number_of(minimum)) || (maximum && number_of(node) > number_of(maximum)))
		return add_unexpected(checker, schema, node, "", problems);
	return 0;
}

static size_t characters(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int check_string(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
			struct cat_problems *problems)
{
	const struct cat_node *format = cat_node_get(schema, "format");
	if (format && !schema_format_find(format->string)->check(node->string))
		return add_unexpected(checker, schema, node, "", problems);
	const struct cat_node *pattern = cat_node_get(schema, "pattern");
	if (pattern) {
		regex_t regex;
		if (regcomp(&regex, pattern->string, REG_EXTENDED | REG_NOSUB) != 0)
			return -ENOMEM;
		int r = regexec(&regex, node->string, 0, NULL, 0);
		regfree(&regex);
		if (r != 0)
			return add_unexpected(checker, schema, node, "", problems);
	}
	const struct cat_node *minimum = cat_node_get(schema, "minLength");
	const struct cat_node *maximum = cat_node_get(schema, "maxLength");
	size_t length = characters(node->string);
	if (minimum && length < (size_t)minimum->integer)
		return cat_problems_add(problems, node, false, "found %zu characters, expected at least %lld", length,
					(long long)minimum->integer);
	if (maximum && length > (size_t)maximum->integer)
		return cat_problems_add(problems, node, false, "found %zu characters, expected at most %lld", length,
					(long long)maximum->integer);
	return 0;
}

struct count_keys {
	const char *minimum, *maximum, *noun;
};

// minItems and maxItems, minProperties and maxProperties.
static int check_count(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
		       const struct count_keys *keys, struct cat_problems *problems)
{
	const struct cat_node *minimum = cat_node_get(schema, keys->minimum);
	const struct cat_node *maximum = cat_node_get(schema, keys->maximum);
	const struct cat_node *title = schema_keyword(checker->root, schema, "title");
	bool few = minimum && node->count < (size_t)minimum->integer;
	if (!few && !(maximum && node->count > (size_t)maximum->integer))
		return 0;
	return cat_problems_add(problems, node, true, "found %zu %s, expected at %s %lld%s%s", node->count, keys->noun,
				few ? "least" : "most", (long long)(few ? minimum : maximum)->integer,
				title ? ": " : "", title ? title->string : "");
}

#define UNIQUE_MAX 4096u // longer lists are not compared: the time grows with the square

static int check_list(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
		      struct cat_problems *problems)
{
	int r = check_count(checker, schema, node, &(struct count_keys){"minItems", "maxItems", "items"}, problems);
	const struct cat_node *unique = cat_node_get(schema, "uniqueItems");
	if (unique && unique->boolean && node->count <= UNIQUE_MAX) {
		for (const struct cat_node *n = node->first; n && r == 0; n = n->next) {
			const struct cat_node *twin = node->first;
			while (twin != n && !cat_node_equal(twin, n))
				twin = twin->next;
			char found[96];
			if (twin != n)
				r = cat_problems_add(problems, n, false, "%s stands here again",
						     cat_node_describe(n, found, sizeof(found)));
		}
	}
	const struct cat_node *items = cat_node_get(schema, "items");
	for (const struct cat_node *n = items ? node->first : NULL; n && r == 0; n = n->next)
		r = checker_check(checker, items, n, problems);
	return r;
}

static int add_unknown_key(const struct cat_node *properties, const struct cat_node *node,
			   struct cat_problems *problems)
{
	size_t count = properties ? properties->count : 0;
	cat_autofree const char **words = calloc(count + 1, sizeof(*words));
	cat_autofree char *text = NULL;
	size_t size, i = 0;
	FILE *out = words ? open_memstream(&text, &size) : NULL;
	if (!out)
		return -ENOMEM;
	for (const struct cat_node *n = properties ? properties->first : NULL; n; n = n->next)
		words[i++] = n->key;
	const char *meant = cat_suggest(node->key, words);
	if (count && (count <= KEYS_LISTED_MAX || !meant)) {
		fputs(", expected ", out);
		write_choices(out, words, count);
	}
	if (meant)
		fprintf(out, "; did you mean \"%s\"?", meant);
	if (fclose(out) != 0)
		return -ENOMEM;
	return cat_problems_add(problems, node, true, "unknown key%s", text);
}

static int check_required(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
			  struct cat_problems *problems)
{
	const struct cat_node *required = cat_node_get(schema, "required");
	const struct cat_node *properties = cat_node_get(schema, "properties");
	for (const struct cat_node *n = required ? required->first : NULL; n; n = n->next) {
		if (cat_node_get(node, n->string))
			continue;
		cat_autofree char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		if (!out)
			return -ENOMEM;
		const struct cat_node *wanted = cat_node_get(properties, n->string);
		if (wanted) {
			fputs(", expected ", out);
			schema_write_expected(out, checker->root, wanted);
		}
		if (fclose(out) != 0)
			return -ENOMEM;
		int r = cat_problems_add(problems, node, true, "\"%s\" is missing%s", n->string, text);
		if (r < 0)
			return r;
	}
	return 0;
}

// The key of a map entry as if it were a value.
static int check_name(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
		      struct cat_problems *problems)
{
	const struct cat_node name = {.type = CAT_STRING,
				      .string = node->key,
				      .key = node->key,
				      .line = node->key_line,
				      .column = node->key_column,
				      .parent = node->parent};
	return checker_check(checker, schema, &name, problems);
}

static int check_map(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
		     struct cat_problems *problems)
{
	const struct cat_node *properties = cat_node_get(schema, "properties");
	const struct cat_node *names = cat_node_get(schema, "propertyNames");
	const struct cat_node *others = cat_node_get(schema, "additionalProperties");
	int r = check_count(checker, schema, node, &(struct count_keys){"minProperties", "maxProperties", "entries"},
			    problems);
	if (r == 0)
		r = check_required(checker, schema, node, problems);
	for (const struct cat_node *n = node->first; n && r == 0; n = n->next) {
		const struct cat_node *known = cat_node_get(properties, n->key);
		if (names)
			r = check_name(checker, names, n, problems);
		if (r == 0 && known)
			r = checker_check(checker, known, n, problems);
		else if (r == 0 && others && others->type == CAT_MAP)
			r = checker_check(checker, others, n, problems);
		else if (r == 0 && others && others->type == CAT_BOOL && !others->boolean)
			r = add_unknown_key(properties, n, problems);
	}
	return r;
}

static int check_keywords(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
			  struct cat_problems *problems)
{
	const struct cat_node *type = cat_node_get(schema, "type");
	if (type && !schema_type_matches(type, node))
		return add_wrong_type(checker, schema, type, node, problems);
	const struct cat_node *list = cat_node_get(schema, "enum");
	const struct cat_node *value = cat_node_get(schema, "const");
	if ((list && !checker_in_enum(list, node)) || (value && !cat_node_equal(value, node)))
		return checker_add_unexpected(checker, schema, node, problems);
	int r = 0;
	if (node->type == CAT_MAP)
		r = check_map(checker, schema, node, problems);
	else if (node->type == CAT_LIST)
		r = check_list(checker, schema, node, problems);
	else if (node->type == CAT_STRING)
		r = check_string(checker, schema, node, problems);
	else if (node->type == CAT_INT || node->type == CAT_REAL)
		r = check_number(checker, schema, node, problems);
	if (r == 0)
		r = checker_branches(checker, schema, "oneOf", node, problems);
	if (r == 0)
		r = checker_branches(checker, schema, "anyOf", node, problems);
	return r;
}

int checker_check(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
		  struct cat_problems *problems)
{
	// Going down in the value ends by itself (CAT_TREE_DEPTH_MAX); branches and references in a circle do not.
	if (checker->depth >= 4 * (CAT_TREE_DEPTH_MAX + SCHEMA_HOPS_MAX))
		return -ELOOP;
	checker->depth++;
	const struct cat_node *target = schema_deref(checker->root, schema);
	int r = 0;
	if (target != schema) {
		size_t before = problems->count + problems->more;
		r = check_keywords(checker, target, node, problems);
		if (problems->count + problems->more > before) {
			checker->depth--;
			return r;
		}
	}
	if (r == 0)
		r = check_keywords(checker, schema, node, problems);
	checker->depth--;
	return r;
}

int cat_schema_check(const struct cat_node *schema, const struct cat_node *node, struct cat_problems *problems,
		     struct cat_err *err)
{
	int r = cat_schema_verify(schema, err);
	if (r < 0)
		return r;
	struct checker checker = {.root = schema};
	r = checker_check(&checker, schema, node, problems);
	if (r == -ELOOP)
		return cat_err_set(err, -EINVAL, "schema: it leads to itself without going down in the value");
	if (r < 0)
		return cat_err_set(err, r, "no memory");
	problems_sort(problems);
	return 0;
}
