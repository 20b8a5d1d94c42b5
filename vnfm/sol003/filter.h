// SPDX-License-Identifier: BSD-3-Clause
// Attribute-based filters (ETSI GS NFV-SOL 013 clause 5.2): "(eq,instantiationState,INSTANTIATED);(gt,...)", all of
// which a resource must match.
#ifndef SOL_FILTER_H
#define SOL_FILTER_H

#include "cat_tree.h"

#define SOL_FILTER_TEXT_MAX 4096u // bytes of an expression
#define SOL_FILTER_TERMS_MAX 16u
#define SOL_FILTER_VALUES_MAX 64u // of one term
#define SOL_FILTER_DEPTH_MAX 16u  // of an attribute's path

struct sol_filter;

// Errors: -EINVAL (the message says where and what was expected), -E2BIG, -ENOMEM. The caller frees.
int sol_filter_parse(const char *text, struct sol_filter **ret_filter, struct cat_err *err);
void sol_filter_free(struct sol_filter *filter);
// A path that leads through a list matches if one of its items does; a missing attribute matches no operator (and so
// "neq" neither).
bool sol_filter_match(const struct sol_filter *filter, const struct cat_node *resource);

#endif
