// SPDX-License-Identifier: BSD-3-Clause
// What the parsers share: nodes made under limits.
#ifndef TREE_H
#define TREE_H

#include "cat_tree.h"

// A new node of the type, linked at the end of parent (NULL: free-standing) under `key` (copied; NULL in lists).
// NULL: no memory.
struct cat_node *node_new(struct cat_node *parent, enum cat_node_type type, const char *key);

#endif
