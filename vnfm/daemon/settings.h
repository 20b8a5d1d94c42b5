// SPDX-License-Identifier: BSD-3-Clause
#ifndef VNFM_SETTINGS_H
#define VNFM_SETTINGS_H

#include <stddef.h>

#include "cat_err.h"
#include "cat_tree.h"
#include "store.h"

struct setting;
struct settings {
	struct setting *item;
	size_t count;
};

// What the plan's ports need. What was set before a failure is in settings too.
int settings_apply(struct settings *settings, struct store *store, const char *service, const struct cat_node *plan,
		   struct cat_err *err);
// Puts all back and forgets them; the last failure is told.
int settings_restore(struct settings *settings, struct store *store, struct cat_err *err);
// One that an earlier manager set and wrote down: put back at this service's end.
int settings_adopt(struct settings *settings, int64_t change, const struct cat_node *detail, struct cat_err *err);
// Forgets them as they are.
void settings_forget(struct settings *settings);
// The same as settings_restore for one that an earlier manager wrote down.
int settings_undo(const struct cat_node *detail, struct cat_err *err);

#endif
