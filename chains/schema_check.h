// SPDX-License-Identifier: BSD-3-Clause
// A check in progress.
#ifndef SCHEMA_CHECK_H
#define SCHEMA_CHECK_H

#include "schema.h"

struct checker {
	const struct cat_node *root; // of the schema, for references
	unsigned depth;              // of schemas entered for one value: guards against anyOf in a circle
};

// All return 0, -ENOMEM, or -ELOOP (the schema leads to itself without going down in the value).
int checker_check(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
		  struct cat_problems *problems);
// The keyword oneOf or anyOf of the schema, if it has it.
int checker_branches(struct checker *checker, const struct cat_node *schema, const char *keyword,
		     const struct cat_node *node, struct cat_problems *problems);
// "found X, expected WHAT-THE-SCHEMA-WANTS; did you mean W?"
int checker_add_unexpected(struct checker *checker, const struct cat_node *schema, const struct cat_node *node,
			   struct cat_problems *problems);

// The words among a schema's accepted values: of its enum, const, or those of its branches. Returns how many there are.
size_t checker_words(struct checker *checker, const struct cat_node *schema, const char **words, size_t max,
		     unsigned depth);
bool checker_in_enum(const struct cat_node *list, const struct cat_node *node);

#endif
