// SPDX-License-Identifier: BSD-3-Clause
// Trees of values read from YAML (libyaml) or JSON (jansson), each node with its place in the text.
//
// One type serves both, so that a service file and an API body go through the same checks, and an error
// anywhere can name file, line and column. Trees are built once and then only read.
#ifndef CAT_TREE_H
#define CAT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_cleanup.h"
#include "cat_err.h"

// Limits on what is accepted from outside; beyond them parsing fails with -E2BIG.
#define CAT_TREE_TEXT_MAX (32u << 20) // bytes of text
#define CAT_TREE_DEPTH_MAX 32
#define CAT_TREE_NODES_MAX 4000000u

enum cat_node_type { CAT_NULL, CAT_BOOL, CAT_INT, CAT_REAL, CAT_STRING, CAT_LIST, CAT_MAP };

struct cat_node {
	enum cat_node_type type;
	uint32_t line, column; // from 1; 0 where unknown (trees made by code)
	// The key under which a map holds this node, else NULL; with its own place.
	char *key;
	uint32_t key_line, key_column;
	union {
		bool boolean;
		int64_t integer;
		double real;
		char *string; // NUL-terminated; embedded NULs are refused when parsing
	};
	// Lists and maps: children in the order of the text.
	struct cat_node *first, *last, *next, *parent;
	size_t count;
};

// Parses one YAML document (anchors, aliases, tags and duplicate keys are refused; scalars by YAML 1.2's
// core schema). `name` stands in messages ("branch.yaml:3:7: ..."). The caller frees with cat_node_free.
// Errors: -EINVAL (syntax; the message has the place), -E2BIG, -ENOMEM.
int cat_tree_parse_yaml(const char *name, const char *text, size_t size, struct cat_node **ret_root,
			struct cat_err *err);
// The same for JSON (RFC 8259; duplicate keys refused). Only line and column of errors are known: nodes have none.
int cat_tree_parse_json(const char *name, const char *text, size_t size, struct cat_node **ret_root,
			struct cat_err *err);
// Reads a whole file and parses it by its ending (.json, else YAML). Also -ENOENT, -EACCES, ...
int cat_tree_parse_file(const char *path, struct cat_node **ret_root, struct cat_err *err);

void cat_node_free(struct cat_node *root); // NULL is fine
static inline void cat_cleanup_node(struct cat_node **n)
{
	cat_node_free(*n);
}
#define cat_autonode __attribute__((cleanup(cat_cleanup_node)))

// Child of a map by key, or NULL (also when `map` is NULL or no map).
struct cat_node *cat_node_get(const struct cat_node *map, const char *key);
// Walks several keys: cat_node_find(root, "nat", "pool", NULL).
struct cat_node *cat_node_find(const struct cat_node *root, ...) __attribute__((sentinel));
// Child of a list (or map) by position, or NULL.
struct cat_node *cat_node_at(const struct cat_node *list, size_t index);
// "a list", "an integer 17", "a string \"x\"": for "found ..." in messages. Writes at most size bytes.
const char *cat_node_describe(const struct cat_node *node, char *text, size_t size);
// RFC 6901 pointer of the node from its root ("/functions/fw/config/rules/3").
const char *cat_node_pointer(const struct cat_node *node, char *text, size_t size);
// The node that an RFC 6901 pointer names, or NULL; where the end is missing, the nearest ancestor when
// `nearest` is set (to give a place to an error about something absent).
struct cat_node *cat_node_resolve(const struct cat_node *root, const char *pointer, bool nearest);

// Typed readers for code that takes a configuration: they fail with a message that names the pointer, what
// was found and what is expected. Absent keys leave *ret_value untouched and return 0 unless `required`.
#define CAT_REQUIRED true
#define CAT_OPTIONAL false
int cat_node_read_string(const struct cat_node *map, const char *key, bool required, const char **ret_value,
			 struct cat_err *err); // borrowed from the tree
int cat_node_read_int(const struct cat_node *map, const char *key, bool required, int64_t min, int64_t max,
		      int64_t *ret_value, struct cat_err *err);
int cat_node_read_bool(const struct cat_node *map, const char *key, bool required, bool *ret_value,
		       struct cat_err *err);
int cat_node_read_list(const struct cat_node *map, const char *key, bool required, const struct cat_node **ret_list,
		       struct cat_err *err);
int cat_node_read_map(const struct cat_node *map, const char *key, bool required, const struct cat_node **ret_map,
		      struct cat_err *err);
// Sets err to "POINTER: message" with code -EINVAL; returns it.
int cat_node_error(const struct cat_node *node, struct cat_err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// Building trees and writing JSON.
struct cat_node *cat_node_new_map(void); // NULL: no memory; the caller frees
struct cat_node *cat_node_new_list(void);
// Add to a map (key given) or list (key NULL). The new child belongs to the parent; NULL: no memory.
struct cat_node *cat_node_add_map(struct cat_node *parent, const char *key);
struct cat_node *cat_node_add_list(struct cat_node *parent, const char *key);
struct cat_node *cat_node_add_string(struct cat_node *parent, const char *key, const char *value);
struct cat_node *cat_node_add_format(struct cat_node *parent, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct cat_node *cat_node_add_int(struct cat_node *parent, const char *key, int64_t value);
struct cat_node *cat_node_add_real(struct cat_node *parent, const char *key, double value);
struct cat_node *cat_node_add_bool(struct cat_node *parent, const char *key, bool value);
struct cat_node *cat_node_add_null(struct cat_node *parent, const char *key);
// Deep copy of `source` added under parent (or free-standing when parent is NULL).
struct cat_node *cat_node_copy(struct cat_node *parent, const char *key, const struct cat_node *source);
// Takes `child` out of its parent; the caller owns it.
struct cat_node *cat_node_detach(struct cat_node *child);
// Same type and value, deeply; order of map keys does not matter; places are ignored.
bool cat_node_equal(const struct cat_node *a, const struct cat_node *b);
// JSON text, indented by `indent` spaces (0: one line). NULL: no memory. The caller frees.
char *cat_node_to_json(const struct cat_node *node, unsigned indent);

#endif
