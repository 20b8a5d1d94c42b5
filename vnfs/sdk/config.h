// SPDX-License-Identifier: BSD-3-Clause
// A VNF's configuration from JSON text.
#ifndef CONFIG_H
#define CONFIG_H

#include "cat_vnf.h"

// Empty text and `null` stand for no configuration: all defaults. *ret_config is for ops->config_destroy.
int config_make(const struct cat_vnf_ops *ops, const char *name, const char *text, size_t size, void **ret_config,
		struct cat_err *err);

#endif
