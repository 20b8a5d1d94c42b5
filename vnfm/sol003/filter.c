// SPDX-License-Identifier: BSD-3-Clause
#include "filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum operator{ EQ, NEQ, IN, NIN, GT, GTE, LT, LTE, CONT, NCONT, OPERATORS };
static const char *const operator_names[OPERATORS] = {"eq",  "neq", "in",  "nin",  "gt",
						      "gte", "lt",  "lte", "cont", "ncont"};

struct term {
	enum operator operator;
	char *path[SOL_FILTER_DEPTH_MAX];
	unsigned depth;
	char *value[SOL_FILTER_VALUES_MAX];
	unsigned values;
};

struct sol_filter {
	struct term term[SOL_FILTER_TERMS_MAX];
	unsigned terms;
};

struct reader {
	const char *text, *at;
	struct cat_err *err;
};

void sol_filter_free(struct sol_filter *filter)
{
	for (unsigned i = 0; filter && i < filter->terms; i++) {
		for (unsigned k = 0; k < filter->term[i].depth; k++)
			free(filter->term[i].path[k]);
		for (unsigned k = 0; k < filter->term[i].values; k++)
			free(filter->term[i].value[k]);
	}
	free(filter);
}

static int expected(struct reader *reader, const char *what)
{
	char found[2] = {*reader->at, 0};
	return cat_err_set(reader->err, -EINVAL, "filter: character %zu: found %s%s%s, expected %s",
			   (size_t)(reader->at - reader->text) + 1, *found ? "\"" : "", *found ? found : "the end",
			   *found ? "\"" : "", what);
}

static int skip(struct reader *reader, char c, const char *what)
{
	if (*reader->at != c)
		return expected(reader, what);
	reader->at++;
	return 0;
}

// A value up to "," or ")", or in single quotes, of which '' stands for one.
static int read_value(struct reader *reader, char **ret_value)
{
	bool quoted = *reader->at == '\'';
	char *value = malloc(strlen(reader->at) + 1), *to = value;
	if (!value)
		return cat_err_set(reader->err, -ENOMEM, "filter: no memory");
	for (reader->at += quoted;; reader->at++) {
		if (quoted && reader->at[0] == '\'' && reader->at[1] == '\'')
			reader->at++;
		else if (quoted ? *reader->at == '\'' : strchr(",)", *reader->at) != NULL)
			break;
		if (!*reader->at) {
			free(value);
			return expected(reader, "the closing quote");
		}
		*to++ = *reader->at;
	}
	*to = 0;
	reader->at += quoted;
	*ret_value = value;
	return 0;
}

// RFC 6901's escapes, and those of clause 5.2.2 for what has a meaning here.
static int unescape(struct reader *reader, char *segment)
{
	static const char from[] = "01ab", to[] = "~/,@";
	char *out = segment;
	for (const char *in = segment; *in; in++) {
		const char *known = in[0] == '~' && in[1] ? strchr(from, in[1]) : NULL;
		if (in[0] == '~' && !known)
			return cat_err_set(reader->err, -EINVAL,
					   "filter: found \"~\" in an attribute's name, expected ~0, ~1, ~a or ~b");
		*out++ = known ? to[known - from] : *in;
		in += known != NULL;
	}
	*out = 0;
	return 0;
}

static int read_path(struct reader *reader, struct term *term)
{
	for (;;) {
		size_t length = strcspn(reader->at, "/,)(;'");
		if (!length)
			return expected(reader, "an attribute's name");
		if (term->depth == SOL_FILTER_DEPTH_MAX)
			return cat_err_set(reader->err, -E2BIG, "filter: a path has at most %u names",
					   SOL_FILTER_DEPTH_MAX);
		char *segment = strndup(reader->at, length);
		if (!segment)
			return cat_err_set(reader->err, -ENOMEM, "filter: no memory");
		term->path[term->depth++] = segment;
		if (unescape(reader, segment) < 0)
			return reader->err->code;
		reader->at += length;
		if (*reader->at != '/')
			return 0;
		reader->at++;
	}
}

static int read_operator(struct reader *reader, struct term *term)
{
	size_t length = strcspn(reader->at, ",)");
	for (int i = 0; i < OPERATORS; i++) {
		if (strlen(operator_names[i]) == length && !strncmp(reader->at, operator_names[i], length)) {
			term->operator=(enum operator) i;
			reader->at += length;
			return 0;
		}
	}
	return expected(reader, "eq, neq, in, nin, gt, gte, lt, lte, cont or ncont");
}

static int read_term(struct reader *reader, struct term *term)
{
	int r = skip(reader, '(', "\"(\"");
	if (r == 0)
		r = read_operator(reader, term);
	if (r == 0)
		r = skip(reader, ',', "\",\"");
	if (r == 0)
		r = read_path(reader, term);
	while (r == 0 && *reader->at == ',') {
		reader->at++;
		if (term->values == SOL_FILTER_VALUES_MAX)
			return cat_err_set(reader->err, -E2BIG, "filter: a term has at most %u values",
					   SOL_FILTER_VALUES_MAX);
		r = read_value(reader, &term->value[term->values]);
		term->values += r == 0;
	}
	if (r == 0)
		r = skip(reader, ')', "\",\" or \")\"");
	if (r < 0)
		return r;
	bool many = term->operator== IN || term->operator== NIN || term->operator== CONT || term->operator== NCONT;
	if (!term->values || (term->values > 1 && !many))
		return cat_err_set(reader->err, -EINVAL, "filter: %s: found %u values, expected %s",
				   operator_names[term->operator], term->values, many ? "at least one" : "one");
	return 0;
}

int sol_filter_parse(const char *text, struct sol_filter **ret_filter, struct cat_err *err)
{
	struct cat_err own = {0};
	struct reader reader = {.text = text, .at = text, .err = err ? err : &own};
	if (strlen(text) > SOL_FILTER_TEXT_MAX)
		return cat_err_set(err, -E2BIG, "filter: found %zu bytes, at most %u are possible", strlen(text),
				   SOL_FILTER_TEXT_MAX);
	struct sol_filter *filter = calloc(1, sizeof(*filter));
	int r = filter ? 0 : cat_err_set(err, -ENOMEM, "filter: no memory");
	while (r == 0) {
		if (filter->terms == SOL_FILTER_TERMS_MAX) {
			r = cat_err_set(err, -E2BIG, "filter: at most %u terms are possible", SOL_FILTER_TERMS_MAX);
			break;
		}
		r = read_term(&reader, &filter->term[filter->terms++]);
		if (r < 0 || !*reader.at)
			break;
		r = skip(&reader, ';', "\";\" or the end");
	}
	if (r < 0) {
		sol_filter_free(filter);
		return r;
	}
	*ret_filter = filter;
	return 0;
}

static const char *scalar_text(const struct cat_node *node, char *text, size_t size)
{
	switch (node->type) {
	case CAT_STRING:
		return node->string;
	case CAT_BOOL:
		return node->boolean ? "true" : "false";
	case CAT_INT:
		snprintf(text, size, "%lld", (long long)node->integer);
		return text;
	case CAT_REAL:
		snprintf(text, size, "%.17g", node->real);
		return text;
	default:
		return NULL;
	}
}

// Numbers by value, all else (dates too: they are of one form) by its characters.
static int compare(const struct cat_node *node, const char *text, const char *value)
{
	if (node->type == CAT_INT || node->type == CAT_REAL) {
		char *end = NULL;
		double wanted = strtod(value, &end), found = node->type == CAT_INT ? (double)node->integer : node->real;
		if (*value && !*end)
			return found < wanted ? -1 : found > wanted;
	}
	return strcmp(text, value);
}

static bool holds(const struct term *term, const struct cat_node *node)
{
	char buffer[64];
	const char *text = scalar_text(node, buffer, sizeof(buffer));
	if (!text)
		return false;
	bool any = false;
	for (unsigned i = 0; i < term->values && !any; i++)
		any = term->operator== CONT || term->operator== NCONT ? strstr(text, term->value[i]) != NULL
								      : compare(node, text, term->value[i]) == 0;
	int order = compare(node, text, term->value[0]);
	switch (term->operator) {
	case EQ:
	case IN:
	case CONT:
		return any;
	case NEQ:
	case NIN:
	case NCONT:
		return !any;
	case GT:
		return order > 0;
	case GTE:
		return order >= 0;
	case LT:
		return order < 0;
	default:
		return order <= 0;
	}
}

// "@key" compares the keys of a map (clause 5.2.2).
static bool keys_hold(const struct term *term, const struct cat_node *map)
{
	for (const struct cat_node *child = map->first; child; child = child->next) {
		struct cat_node key = {.type = CAT_STRING, .string = child->key};
		if (child->key && holds(term, &key))
			return true;
	}
	return false;
}

static bool matches(const struct term *term, unsigned depth, const struct cat_node *node)
{
	if (!node)
		return false;
	if (node->type == CAT_LIST) {
		for (const struct cat_node *item = node->first; item; item = item->next)
			if (matches(term, depth, item))
				return true;
		return false;
	}
	if (depth == term->depth)
		return holds(term, node);
	if (node->type != CAT_MAP)
		return false;
	if (!strcmp(term->path[depth], "@key") && depth + 1 == term->depth)
		return keys_hold(term, node);
	return matches(term, depth + 1, cat_node_get(node, term->path[depth]));
}

bool sol_filter_match(const struct sol_filter *filter, const struct cat_node *resource)
{
	for (unsigned i = 0; filter && i < filter->terms; i++)
		if (!matches(&filter->term[i], 0, resource))
			return false;
	return true;
}
