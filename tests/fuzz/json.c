// SPDX-License-Identifier: BSD-3-Clause
// JSON in: what is accepted can be written, and read again as the same (to the digits of reals that are written).
#include <errno.h>
#include <string.h>

#include "cat_tree.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *tree = NULL, *again = NULL;
	if (cat_tree_parse_json("fuzz", (const char *)data, size, &tree, &err) < 0) {
		must(!tree && err.code < 0 && *err.message);
		return 0;
	}
	cat_autofree char *text = cat_node_to_json(tree, 0), *indented = cat_node_to_json(tree, 2);
	must(text && indented);
	must(cat_tree_parse_json("again", text, strlen(text), &again, &err) == 0);
	cat_autofree char *same = cat_node_to_json(again, 0);
	must(same && strcmp(same, text) == 0);
	return 0;
}
