// SPDX-License-Identifier: BSD-3-Clause
// YAML by libyaml's event parser. What a configuration does not need and an attacker likes (anchors, aliases, tags,
// several documents, duplicate keys) is refused.
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <yaml.h>

#include "tree.h"

struct reader {
	yaml_parser_t parser;
	const char *name;
	struct cat_err *err;
	struct cat_node *root;
	struct cat_node *open; // the list or map being filled
	// A map's key that waits for its value.
	char *key;
	yaml_mark_t key_mark;
	size_t nodes;
	unsigned depth;
};

static int fail_at(struct reader *reader, yaml_mark_t mark, int code, const char *message)
{
	return cat_err_set(reader->err, code, "%s:%zu:%zu: %s", reader->name, mark.line + 1, mark.column + 1, message);
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

// YAML 1.2.2, 10.3.2: [-+]? [0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+
static bool parse_int(const char *text, int64_t *ret_value)
{
	const char *p = text;
	int base = 10;
	if (p[0] == '0' && (p[1] == 'o' || p[1] == 'x')) {
		base = p[1] == 'o' ? 8 : 16;
		p += 2;
	}
	const char *digits = base == 10 && (*p == '-' || *p == '+') ? p + 1 : p;
	if (!*digits || strspn(digits, base == 10  ? "0123456789"
				       : base == 8 ? "01234567"
						   : "0123456789abcdefABCDEF") != strlen(digits))
		return false;
	errno = 0;
	char *end;
	long long value = strtoll(p, &end, base);
	if (errno || *end)
		return false;
	*ret_value = value;
	return true;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
static bool parse_real(const char *text, double *ret_value)
{
	const char *p = text + (*text == '-' || *text == '+');
	size_t whole = strspn(p, "0123456789");
	p += whole;
	size_t part = 0;
	if (*p == '.') {
		part = strspn(++p, "0123456789");
		p += part;
	}
	if (!whole && !part)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '-' || *p == '+';
		size_t exponent = strspn(p, "0123456789");
		if (!exponent)
			return false;
		p += exponent;
	}
	if (*p)
		return false;
	*ret_value = strtod(text, NULL);
	return true;
}

static enum cat_node_type resolve(const char *text, struct cat_node *node)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	if (is_one_of(text, nulls))
		return CAT_NULL;
	node->boolean = is_one_of(text, trues);
	if (node->boolean || is_one_of(text, falses))
		return CAT_BOOL;
	if (parse_int(text, &node->integer))
		return CAT_INT;
	if (parse_real(text, &node->real))
		return CAT_REAL;
	return CAT_STRING;
}

// Links a new node where the text has it; consumes the waiting key.
static int add_node(struct reader *reader, const yaml_event_t *event, enum cat_node_type type, struct cat_node **ret)
{
	if (++reader->nodes > CAT_TREE_NODES_MAX)
		return fail_at(reader, event->start_mark, -E2BIG, "too many values");
	struct cat_node *node = node_new(reader->open, type, reader->key);
	if (!node)
		return fail_at(reader, event->start_mark, -ENOMEM, "no memory");
	node->line = (uint32_t)event->start_mark.line + 1;
	node->column = (uint32_t)event->start_mark.column + 1;
	if (reader->key) {
		node->key_line = (uint32_t)reader->key_mark.line + 1;
		node->key_column = (uint32_t)reader->key_mark.column + 1;
		free(reader->key);
		reader->key = NULL;
	}
	if (!reader->root)
		reader->root = node;
	*ret = node;
	return 0;
}

static int fail_twice(struct reader *reader, size_t line, size_t column, const char *key, uint32_t first_line)
{
	return cat_err_set(reader->err, -EINVAL, "%s:%zu:%zu: key \"%s\" stands here again; the first is in line %u",
			   reader->name, line, column, key, first_line);
}

// Maps up to this size are searched for every new key; larger ones are sorted at their end, because the time for
// searching grows with the square.
#define KEYS_SEARCHED_MAX 64u

static int take_key(struct reader *reader, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const struct cat_node *twin =
		reader->open->count <= KEYS_SEARCHED_MAX ? cat_node_get(reader->open, text) : NULL;
	if (twin)
		return fail_twice(reader, event->start_mark.line + 1, event->start_mark.column + 1, text,
				  twin->key_line);
	reader->key = strdup(text);
	reader->key_mark = event->start_mark;
	return reader->key ? 0 : fail_at(reader, event->start_mark, -ENOMEM, "no memory");
}

// By key, then by place.
static int compare_keys(const void *a, const void *b)
{
	const struct cat_node *x = *(const struct cat_node *const *)a, *y = *(const struct cat_node *const *)b;
	int order = strcmp(x->key, y->key);
	if (order)
		return order;
	if (x->key_line != y->key_line)
		return x->key_line < y->key_line ? -1 : 1;
	return x->key_column < y->key_column ? -1 : x->key_column > y->key_column;
}

static int check_keys(struct reader *reader, const yaml_event_t *event)
{
	const struct cat_node *map = reader->open;
	if (map->type != CAT_MAP || map->count <= KEYS_SEARCHED_MAX)
		return 0;
	cat_autofree const struct cat_node **keys = calloc(map->count, sizeof(*keys));
	if (!keys)
		return fail_at(reader, event->start_mark, -ENOMEM, "no memory");
	size_t count = 0;
	for (const struct cat_node *n = map->first; n; n = n->next)
		keys[count++] = n;
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < count; i++)
		if (strcmp(keys[i - 1]->key, keys[i]->key) == 0)
			return fail_twice(reader, keys[i]->key_line, keys[i]->key_column, keys[i]->key,
					  keys[i - 1]->key_line);
	return 0;
}

static int on_scalar(struct reader *reader, const yaml_event_t *event)
{
	if (event->data.scalar.anchor)
		return fail_at(reader, event->start_mark, -EINVAL, "anchors (&) are not accepted: write the value out");
	if (event->data.scalar.tag)
		return fail_at(reader, event->start_mark, -EINVAL, "tags (!) are not accepted");
	const char *text = (const char *)event->data.scalar.value;
	if (strlen(text) != event->data.scalar.length)
		return fail_at(reader, event->start_mark, -EINVAL, "a string with a NUL byte is not accepted");
	if (reader->open && reader->open->type == CAT_MAP && !reader->key)
		return take_key(reader, event);

	struct cat_node value = {0};
	enum cat_node_type type =
		event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? resolve(text, &value) : CAT_STRING;
	char *copy = NULL;
	if (type == CAT_STRING) {
		copy = strdup(text);
		if (!copy)
			return fail_at(reader, event->start_mark, -ENOMEM, "no memory");
	}
	struct cat_node *node = NULL;
	int r = add_node(reader, event, type, &node);
	if (r < 0 || !node) {
		free(copy);
		return r;
	}
	if (type == CAT_STRING)
		node->string = copy;
	else if (type == CAT_INT)
		node->integer = value.integer;
	else if (type == CAT_REAL)
		node->real = value.real;
	else if (type == CAT_BOOL)
		node->boolean = value.boolean;
	return 0;
}

static int on_start(struct reader *reader, const yaml_event_t *event, enum cat_node_type type)
{
	bool map = type == CAT_MAP;
	if (map ? event->data.mapping_start.anchor != NULL : event->data.sequence_start.anchor != NULL)
		return fail_at(reader, event->start_mark, -EINVAL, "anchors (&) are not accepted: write the value out");
	if (map ? event->data.mapping_start.tag != NULL : event->data.sequence_start.tag != NULL)
		return fail_at(reader, event->start_mark, -EINVAL, "tags (!) are not accepted");
	if (reader->open && reader->open->type == CAT_MAP && !reader->key)
		return fail_at(reader, event->start_mark, -EINVAL, "a key must be a plain value");
	if (++reader->depth > CAT_TREE_DEPTH_MAX)
		return fail_at(reader, event->start_mark, -E2BIG, "nested too deeply");
	struct cat_node *node = NULL;
	int r = add_node(reader, event, type, &node);
	if (r == 0)
		reader->open = node;
	return r;
}

static int on_event(struct reader *reader, const yaml_event_t *event)
{
	int r;
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (reader->root)
			return fail_at(reader, event->start_mark, -EINVAL, "a second document (---) is not accepted");
		return 0;
	case YAML_SCALAR_EVENT:
		return on_scalar(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(reader, event, CAT_LIST);
	case YAML_MAPPING_START_EVENT:
		return on_start(reader, event, CAT_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		reader->depth--;
		r = check_keys(reader, event);
		reader->open = reader->open->parent;
		return r;
	case YAML_ALIAS_EVENT:
		return fail_at(reader, event->start_mark, -EINVAL, "aliases (*) are not accepted: write the value out");
	default:
		return 0;
	}
}

static int fail_syntax(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	if (parser->error == YAML_MEMORY_ERROR)
		return cat_err_set(reader->err, -ENOMEM, "%s: no memory", reader->name);
	// Errors of the encoding know only the offset.
	if (parser->error == YAML_READER_ERROR)
		return cat_err_set(reader->err, -EINVAL, "%s: byte %zu: %s", reader->name, parser->problem_offset,
				   parser->problem);
	return cat_err_set(reader->err, -EINVAL, "%s:%zu:%zu: no valid YAML: %s%s%s", reader->name,
			   parser->problem_mark.line + 1, parser->problem_mark.column + 1, parser->problem,
			   parser->context ? " " : "", parser->context ? parser->context : "");
}

static int read_events(struct reader *reader)
{
	for (bool end = false; !end;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&reader->parser, &event))
			return fail_syntax(reader);
		end = event.type == YAML_STREAM_END_EVENT;
		int r = on_event(reader, &event);
		yaml_event_delete(&event);
		if (r < 0)
			return r;
	}
	return 0;
}

int cat_tree_parse_yaml(const char *name, const char *text, size_t size, struct cat_node **ret_root,
			struct cat_err *err)
{
	if (size > CAT_TREE_TEXT_MAX)
		return cat_err_set(err, -E2BIG, "%s: larger than %u bytes", name, CAT_TREE_TEXT_MAX);
	struct reader reader = {.name = name, .err = err};
	if (!yaml_parser_initialize(&reader.parser))
		return cat_err_set(err, -ENOMEM, "%s: no memory", name);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
	int r = read_events(&reader);
	yaml_parser_delete(&reader.parser);
	free(reader.key);
	if (r == 0 && !reader.root)
		r = cat_err_set(err, -EINVAL, "%s: the file is empty", name);
	if (r < 0) {
		cat_node_free(reader.root);
		return r;
	}
	*ret_root = reader.root;
	return 0;
}
