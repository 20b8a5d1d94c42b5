// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

void cat_problems_free(struct cat_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->item[i].pointer);
		free(problems->item[i].message);
	}
	free(problems->item);
	*problems = (struct cat_problems){0};
}

// Bytes of the UTF-8 character at text, 0 if it is none or one that must not reach a terminal: controls, and the marks
// that turn the direction of text around.
static size_t printable(const unsigned char *text)
{
	if (text[0] < 0x80)
		return text[0] >= 0x20 && text[0] != 0x7f;
	size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if (text[0] == 0xc2 && text[1] < 0xa0)
		return 0;
	if (text[0] == 0xe2 && ((text[1] == 0x80 && text[2] >= 0xaa && text[2] <= 0xae) ||
				(text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9)))
		return 0;
	return length;
}

// What stands in a file may be printed on a terminal: controls are shown, not obeyed. NULL: no memory.
static char *harmless(const char *text)
{
	char *copy = malloc(strlen(text) * 4 + 1);
	if (!copy)
		return NULL;
	char *to = copy;
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		size_t length = printable(p);
		if (!length) {
			to += sprintf(to, "\\x%02x", *p++);
			continue;
		}
		memcpy(to, p, length);
		to += length;
		p += length;
	}
	*to = '\0';
	return copy;
}

int problems_add_at(struct cat_problems *problems, uint32_t line, uint32_t column, const char *pointer,
		    const char *message)
{
	if (problems->count >= CAT_PROBLEMS_MAX) {
		problems->more++;
		return 0;
	}
	struct cat_problem *items = realloc(problems->item, (problems->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	problems->item = items;
	struct cat_problem *item = &items[problems->count];
	*item = (struct cat_problem){
		.line = line, .column = column, .pointer = strdup(pointer), .message = harmless(message)};
	if (!item->pointer || !item->message) {
		free(item->pointer);
		free(item->message);
		return -ENOMEM;
	}
	problems->count++;
	return 0;
}

int cat_problems_add(struct cat_problems *problems, const struct cat_node *node, bool at_key, const char *format, ...)
{
	cat_autofree char *message = NULL;
	char pointer[1024];
	// Not only for memory: finding the pointer takes time with the length of the list that the node is in.
	if (problems->count >= CAT_PROBLEMS_MAX) {
		problems->more++;
		return 0;
	}
	va_list args;
	va_start(args, format);
	int r = vasprintf(&message, format, args);
	va_end(args);
	if (r < 0) {
		message = NULL;
		return -ENOMEM;
	}
	bool key = at_key && node->key_line;
	return problems_add_at(problems, key ? node->key_line : node->line, key ? node->key_column : node->column,
			       cat_node_pointer(node, pointer, sizeof(pointer)), message);
}

int problems_move(struct cat_problems *to, struct cat_problems *from)
{
	int r = 0;
	for (size_t i = 0; i < from->count && r == 0; i++)
		r = problems_add_at(to, from->item[i].line, from->item[i].column, from->item[i].pointer,
				    from->item[i].message);
	to->more += from->more;
	cat_problems_free(from);
	return r;
}

// Insertion sort: at most CAT_PROBLEMS_MAX, almost in order, and problems at one place keep theirs.
void problems_sort(struct cat_problems *problems)
{
	for (size_t i = 1; i < problems->count; i++) {
		struct cat_problem item = problems->item[i];
		size_t j = i;
		for (; j > 0; j--) {
			const struct cat_problem *before = &problems->item[j - 1];
			if (before->line < item.line || (before->line == item.line && before->column <= item.column))
				break;
			problems->item[j] = *before;
		}
		problems->item[j] = item;
	}
}

// "/functions/fw/config/rules/3" as "functions.fw.config.rules[3]".
static void write_where(FILE *out, const char *pointer)
{
	bool first = true;
	while (*pointer == '/') {
		size_t length = strcspn(++pointer, "/");
		if (length && strspn(pointer, "0123456789") == length) {
			fprintf(out, "[%.*s]", (int)length, pointer);
		} else {
			cat_autofree char *token = strndup(pointer, length);
			cat_autofree char *clean = token ? harmless(token) : NULL;
			fputs(first ? "" : ".", out);
			for (const char *p = clean ? clean : ""; *p; p++) {
				if (*p == '~' && (p[1] == '0' || p[1] == '1'))
					fputc(*++p == '0' ? '~' : '/', out);
				else
					fputc(*p, out);
			}
		}
		pointer += length;
		first = false;
	}
}

char *cat_problems_format(const struct cat_problems *problems, const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (size_t i = 0; i < problems->count; i++) {
		const struct cat_problem *item = &problems->item[i];
		fprintf(out, "%s:", name);
		if (item->line)
			fprintf(out, "%u:%u:", item->line, item->column);
		if (*item->pointer) {
			fputc(' ', out);
			write_where(out, item->pointer);
			fputc(':', out);
		}
		fprintf(out, " %s\n", item->message);
	}
	if (problems->more)
		fprintf(out, "%s: and %zu more\n", name, problems->more);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
