// SPDX-License-Identifier: BSD-3-Clause
// What the files of the schema checker share.
#ifndef SCHEMA_H
#define SCHEMA_H

#include <stdio.h>

#include "cat_schema.h"

// References that lead to references, and subschemas that are entered without going down in the value.
#define SCHEMA_HOPS_MAX 16u

struct schema_format {
	const char *name;
	const char *expected; // "an IPv4 address"
	bool (*check)(const char *text);
};
// NULL: no such format.
const struct schema_format *schema_format_find(const char *name);

// The schema that a reference leads to, `schema` itself if it has none, NULL if it leads nowhere or in a circle.
const struct cat_node *schema_deref(const struct cat_node *root, const struct cat_node *schema);
// Looks a keyword up in the schema, then along its references.
const struct cat_node *schema_keyword(const struct cat_node *root, const struct cat_node *schema, const char *keyword);

bool schema_type_matches(const struct cat_node *type, const struct cat_node *node);
// "an integer from 1 to 16", "accept, drop or reject": what the schema wants, for messages.
void schema_write_expected(FILE *out, const struct cat_node *root, const struct cat_node *schema);

// Sorts by place, so that problems come in the order of the text whoever found them.
void problems_sort(struct cat_problems *problems);
// Moves all of `from` to the end of `to`.
int problems_move(struct cat_problems *to, struct cat_problems *from);
// As cat_problems_add, with the place given.
int problems_add_at(struct cat_problems *problems, uint32_t line, uint32_t column, const char *pointer,
		    const char *message);

// Writes words as "a, b or c".
void write_choices(FILE *out, const char *const *words, size_t count);

#endif
