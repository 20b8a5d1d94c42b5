// SPDX-License-Identifier: BSD-3-Clause
// YAML in: every node has a place, its pointer leads to it, and what is written as JSON is the same.
#include <math.h>
#include <string.h>

#include "cat_tree.h"
#include "fuzz.h"

#define POINTER_MAX 4096u

// JSON has no infinity, which "1e999" reads as.
static bool is_json(const struct cat_node *node)
{
	if (node->type == CAT_REAL && !isfinite(node->real))
		return false;
	for (const struct cat_node *n = node->type == CAT_LIST || node->type == CAT_MAP ? node->first : NULL; n;
	     n = n->next)
		if (!is_json(n))
			return false;
	return true;
}

static void check_node(const struct cat_node *root, const struct cat_node *node, unsigned *budget)
{
	char pointer[POINTER_MAX], found[64];
	must(node->line && node->column && (node == root || node->parent));
	must(cat_node_describe(node, found, sizeof(found)) == found && strlen(found) < sizeof(found));
	cat_node_pointer(node, pointer, sizeof(pointer));
	// Keys of more than what resolving keeps, and pointers that did not fit, lead nowhere.
	if (strlen(pointer) < 200)
		must(cat_node_resolve(root, pointer, false) == node);
	size_t count = 0;
	for (const struct cat_node *n = node->type == CAT_LIST || node->type == CAT_MAP ? node->first : NULL; n;
	     n = n->next) {
		must(n->parent == node && !n->key == (node->type == CAT_LIST));
		count++;
		// Finding a place takes time with the square of a list's length.
		if (*budget) {
			--*budget;
			check_node(root, n, budget);
		}
	}
	must(node->type < CAT_LIST || count == node->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *tree = NULL, *again = NULL;
	unsigned budget = 2000;
	if (cat_tree_parse_yaml("fuzz", (const char *)data, size, &tree, &err) < 0) {
		must(!tree && err.code < 0 && *err.message);
		return 0;
	}
	check_node(tree, tree, &budget);
	if (!is_json(tree))
		return 0;
	cat_autofree char *text = cat_node_to_json(tree, 0);
	must(text);
	must(cat_tree_parse_json("again", text, strlen(text), &again, &err) == 0);
	cat_autofree char *same = cat_node_to_json(again, 0);
	must(same && strcmp(same, text) == 0);
	return 0;
}
