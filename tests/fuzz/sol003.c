// SPDX-License-Identifier: BSD-3-Clause
// What SOL003's requests bring: bodies against every schema of theirs, filters and attribute selectors over a resource.
#include <string.h>

#include "cat_cleanup.h"
#include "filter.h"
#include "fuzz.h"
#include "selector.h"
#include "sol.h"

static const char resource[] =
	"{\"id\": \"1\", \"name\": \"a, b's\", \"level\": 10, \"load\": 0.5, \"up\": true, \"empty\": {},"
	" \"info\": {\"state\": \"STARTED\", \"cps\": [{\"id\": \"left\", \"n\": 1}, {\"id\": \"right\", \"n\": 2}]},"
	" \"meta\": {\"a/b\": \"slash\", \"x\": \"y\"}}";

static struct cat_node *parse_resource(void)
{
	struct cat_node *node = NULL;
	must(cat_tree_parse_json("resource", resource, strlen(resource), &node, NULL) == 0);
	return node;
}

static void try_filter(const char *text)
{
	struct sol_filter *filter = NULL;
	struct cat_err err = {0};
	int r = sol_filter_parse(text, &filter, &err);
	must((r == 0) == (filter != NULL) && (r == 0 || *err.message));
	if (r < 0)
		return;
	cat_autonode struct cat_node *node = parse_resource();
	bool match = sol_filter_match(filter, node);
	// A second look finds the same.
	must(sol_filter_match(filter, node) == match);
	sol_filter_free(filter);
}

static void try_selector(const char *text)
{
	static const char *const defaults[] = {"info", "meta", NULL}, *const mandatory[] = {"id", NULL};
	const struct sol_selector selectors[] = {
		{.fields = text}, {.exclude_fields = text}, {.fields = text, .exclude_default = true}};
	for (size_t i = 0; i < CAT_ARRAY_LEN(selectors); i++) {
		cat_autonode struct cat_node *node = parse_resource();
		if (sol_selector_check(&selectors[i], NULL) < 0)
			continue;
		must(sol_selector_apply(&selectors[i], defaults, mandatory, node) == 0);
		must(cat_node_get(node, "id") != NULL);
	}
}

static void try_body(const char *text, size_t size)
{
	cat_autonode struct cat_node *body = NULL, *schema = sol_schema(NULL);
	must(schema != NULL);
	if (cat_tree_parse_json("body", text, size, &body, NULL) < 0)
		return;
	const struct cat_node *defs = cat_node_get(schema, "$defs");
	for (const struct cat_node *def = defs->first; def; def = def->next) {
		struct cat_problems problems = {0};
		struct cat_err err = {0};
		cat_autonode struct cat_node *root = cat_node_copy(NULL, NULL, schema);
		must(root && cat_node_add_format(root, "$ref", "#/$defs/%s", def->key));
		must(cat_schema_check(root, body, &problems, &err) == 0);
		cat_problems_free(&problems);
	}
	// What a PATCH would do to an instance.
	cat_autonode struct cat_node *target = parse_resource();
	if (body->type == CAT_MAP) {
		must(doc_merge(target, body));
		must(doc_merge(target, body));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cat_autofree char *text = strndup((const char *)data, size);
	must(text != NULL);
	try_filter(text);
	try_selector(text);
	try_body((const char *)data, size);
	return 0;
}
