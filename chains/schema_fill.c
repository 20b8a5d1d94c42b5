// SPDX-License-Identifier: BSD-3-Clause
// Defaults.
#include <errno.h>
#include <string.h>

#include "schema.h"

static int fill(const struct cat_node *root, const struct cat_node *schema, struct cat_node *node);

// The properties that the schema itself knows; what its references and branches know is filled by them.
static int fill_map(const struct cat_node *root, const struct cat_node *schema, struct cat_node *node)
{
	const struct cat_node *properties = cat_node_get(schema, "properties");
	const struct cat_node *others = cat_node_get(schema, "additionalProperties");
	for (const struct cat_node *n = properties ? properties->first : NULL; n; n = n->next) {
		const struct cat_node *value = schema_keyword(root, n, "default");
		if (value && !cat_node_get(node, n->key) && !cat_node_copy(node, n->key, value))
			return -ENOMEM;
	}
	for (struct cat_node *n = node->first; n; n = n->next) {
		const struct cat_node *known = cat_node_get(properties, n->key);
		if (!known && others && others->type == CAT_MAP)
			known = others;
		int r = known ? fill(root, known, n) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

// A schema like `branch` with the definitions of the root, so that a branch can be checked alone.
static bool takes(const struct cat_node *root, const struct cat_node *branch, const struct cat_node *node)
{
	struct cat_problems found = {0};
	cat_autonode struct cat_node *alone = cat_node_copy(NULL, NULL, branch);
	const struct cat_node *definitions = cat_node_get(root, "$defs");
	bool ok = alone && (!definitions || cat_node_copy(alone, "$defs", definitions)) &&
		  cat_schema_check(alone, node, &found, NULL) == 0 && found.count == 0;
	cat_problems_free(&found);
	return ok;
}

static int fill_branches(const struct cat_node *root, const struct cat_node *branches, struct cat_node *node)
{
	for (const struct cat_node *n = branches ? branches->first : NULL; n; n = n->next)
		if (takes(root, n, node))
			return fill(root, n, node);
	return 0;
}

static int fill(const struct cat_node *root, const struct cat_node *schema, struct cat_node *node)
{
	const struct cat_node *target = schema_deref(root, schema);
	int r = 0;
	if (target && target != schema)
		r = fill(root, target, node);
	if (r == 0 && node->type == CAT_MAP)
		r = fill_map(root, schema, node);
	const struct cat_node *items = cat_node_get(schema, "items");
	for (struct cat_node *n = items && node->type == CAT_LIST ? node->first : NULL; n && r == 0; n = n->next)
		r = fill(root, items, n);
	// Scalars have nothing to fill.
	if (r == 0 && (node->type == CAT_MAP || node->type == CAT_LIST)) {
		r = fill_branches(root, cat_node_get(schema, "oneOf"), node);
		if (r == 0)
			r = fill_branches(root, cat_node_get(schema, "anyOf"), node);
	}
	return r;
}

int cat_schema_fill(const struct cat_node *schema, struct cat_node *node)
{
	return fill(schema, schema, node);
}
