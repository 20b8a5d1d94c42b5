// SPDX-License-Identifier: BSD-3-Clause
// Checks a tree against a schema: a subset of JSON Schema 2020-12, itself a tree (so that editors can use it too).
//
// Keywords: type, properties, required, additionalProperties (true, false or a schema), items, minItems, maxItems,
// uniqueItems, minProperties, maxProperties, enum, const, minimum, maximum, minLength, maxLength, pattern (POSIX
// extended), oneOf/anyOf, propertyNames, default, $defs with $ref "#/$defs/NAME", and format (FORMATS below).
// Annotations: title, description, examples, $comment, $schema, $id. A title says in messages what is expected
// ("a number of lanes"), so write it as the end of a sentence. Unknown keywords in a schema are an error of the schema.
//
// FORMATS: ipv4, ipv6, ip; ipv4-prefix, ipv6-prefix, prefix (192.0.2.0/24, or an address alone; host bits are allowed);
// address (192.0.2.1/24: the length is required); mac; port-range ("80", "1024-65535"); size ("64M": K, M, G, T of
// 1024); cpu-list ("0-3,8"); name (lower-case letters, digits and dashes, at most 32).
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
	size_t more; // found beyond CAT_PROBLEMS_MAX: counted, not kept
};
#define CAT_PROBLEMS_MAX 200u

void cat_problems_free(struct cat_problems *problems);
// Adds one at the node's place (at its key if `at_key`). Returns 0 or -ENOMEM.
int cat_problems_add(struct cat_problems *problems, const struct cat_node *node, bool at_key, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
// "branch.yaml:3:7: functions.fw.kind: message" lines. The caller frees; NULL: no memory.
char *cat_problems_format(const struct cat_problems *problems, const char *name);

// Checks node against schema; adds to problems. Returns 0 (problems or none), -EINVAL: the schema itself is wrong.
int cat_schema_check(const struct cat_node *schema, const struct cat_node *node, struct cat_problems *problems,
		     struct cat_err *err);
// Checks the schema alone: known keywords with values of the right kind, references that lead somewhere.
int cat_schema_verify(const struct cat_node *schema, struct cat_err *err);
// Adds what is absent and has a `default`. The node must have passed cat_schema_check. Returns 0 or -ENOMEM.
int cat_schema_fill(const struct cat_node *schema, struct cat_node *node);

// "64M", "2G", "4096": bytes. Returns 0 or -EINVAL.
int cat_size_parse(const char *text, uint64_t *ret_bytes);
// The word of `words` (NULL-terminated) that was probably meant, or NULL.
const char *cat_suggest(const char *found, const char *const *words);

#endif
