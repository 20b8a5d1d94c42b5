// SPDX-License-Identifier: BSD-3-Clause
// What the checks of a service file share.
#ifndef SERVICE_CHECK_H
#define SERVICE_CHECK_H

#include "service.h"

#define LANES_MAX 16u
#define PORTS_MAX 16u
#define FUNCTIONS_MAX 64u
#define PATHS_MAX 32u
#define HOPS_MAX 66u // two ports and every function

struct path {
	const struct cat_node *node; // for places and names: the path's map, or the list of `path`
	const struct cat_node *hops, *match;
	const char *name;
};

struct checks {
	const struct cat_node *root, *ports, *functions; // NULL where they are no maps
	struct path *path;
	size_t path_count;
	bool path_broken; // a hop or a whole path could not be understood: what is unused cannot be said
	const struct cat_kinds *kinds;
	struct cat_problems *problems;
	struct cat_err *err;
};

// Fills path and path_count; the caller frees path.
int paths_collect(struct checks *checks);
int paths_check(struct checks *checks);

static inline const struct cat_node *of_type(const struct cat_node *node, enum cat_node_type type)
{
	return node && node->type == type ? node : NULL;
}

// Children of a map or list that may be absent or something else.
static inline const struct cat_node *first_of(const struct cat_node *node)
{
	return node && (node->type == CAT_MAP || node->type == CAT_LIST) ? node->first : NULL;
}

// "; did you mean ...?" or nothing.
const char *suggestion_of(const char *found, const char *const *words, char *text, size_t size);

#endif
