// SPDX-License-Identifier: BSD-3-Clause
#include "config.h"

int config_make(const struct cat_vnf_ops *ops, const char *name, const char *text, size_t size, void **ret_config,
		struct cat_err *err)
{
	cat_autonode struct cat_node *tree = NULL;
	if (size) {
		int result = cat_tree_parse_json(name, text, size, &tree, err);
		if (result < 0)
			return result;
	}
	return ops->config_create(tree && tree->type == CAT_NULL ? NULL : tree, ret_config, err);
}
