// SPDX-License-Identifier: BSD-3-Clause
// Checks a tree against a schema: a subset of JSON Schema 2020-12, itself a tree (so that editors can use it too).
//
// Keywords: type, properties, required, additionalProperties (false or a schema), items, minItems, maxItems, minProperties,
// maxProperties, enum, const, minimum, maximum, minLength, maxLength, pattern (POSIX extended), oneOf/anyOf,
// propertyNames (pattern, maxLength), description, default, $defs with $ref "#/$defs/NAME", and format:
// ipv4, ipv6, ip, ipv4-prefix, ipv6-prefix, prefix (with host bits: "address"), mac, port-range ("80", "1024-65535"), size ("64M"), cpu-list, name.
// Unknown keywords in a schema are an error of the schema.
#ifndef CAT_SCHEMA_H
#define CAT_SCHEMA_H

#include "cat_tree.h"

// Every problem found, in the order of the text.
struct cat_problem {
	uint32_t line, column; // 0 where unknown
	char *pointer;         // RFC 6901
	char *message;         // "found ..., expected ...; did you mean ...?"
};
struct cat_problems {
	struct cat_problem *item;
	size_t count;
};
#define CAT_PROBLEMS_MAX 200u // more are counted in a last line, not listed

void cat_problems_free(struct cat_problems *problems);
// Adds one at the node's place (at its key if `at_key`). Returns 0 or -ENOMEM.
int cat_problems_add(struct cat_problems *problems, const struct cat_node *node, bool at_key, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
// "branch.yaml:3:7: message" lines. The caller frees; NULL: no memory.
char *cat_problems_format(const struct cat_problems *problems, const char *name);

// Checks node against schema; adds to problems. Returns 0 (problems or none), -EINVAL: the schema itself is wrong.
int cat_schema_check(const struct cat_node *schema, const struct cat_node *node, struct cat_problems *problems,
		     struct cat_err *err);

#endif
