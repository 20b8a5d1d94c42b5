// SPDX-License-Identifier: BSD-3-Clause
// Attribute selectors (ETSI GS NFV-SOL 013 clause 5.3): which attributes of a resource an answer has.
#ifndef SOL_SELECTOR_H
#define SOL_SELECTOR_H

#include "cat_tree.h"

#define SOL_SELECTOR_PATHS_MAX 32u

// Parameters of the query as given, NULL where absent.
struct sol_selector {
	const char *fields, *exclude_fields;
	bool all_fields, exclude_default;
};

// Whether the parameters go together. -EINVAL: they do not; the message says which do.
int sol_selector_check(const struct sol_selector *selector, struct cat_err *err);
// Removes from the resource what is not selected. defaults: names, ended by NULL, of what is left out unless asked for;
// mandatory: what `fields` does not leave out. Returns 0 or -ENOMEM.
int sol_selector_apply(const struct sol_selector *selector, const char *const *defaults, const char *const *mandatory,
		       struct cat_node *resource);

#endif
