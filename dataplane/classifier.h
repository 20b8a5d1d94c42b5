// SPDX-License-Identifier: BSD-3-Clause
// Which path a packet takes that comes in at a port: the paths in the order of the plan, the first that matches.
#ifndef CLASSIFIER_H
#define CLASSIFIER_H

#include "cat_abi.h"
#include "cat_control.h"
#include "cat_tree.h"

// One of a path's two ends, where packets enter and leave: path * CAT_SIDES + side.
#define CLASSIFIER_ENDS_MAX (CAT_PATHS_MAX * CAT_SIDES)
#define CLASSIFIER_NONE UINT32_MAX
#define CLASSIFIER_PREFIXES_MAX 1024u // per direction of a match
#define CLASSIFIER_RANGES_MAX 64u

struct classifier;

// `paths` is the plan's list, ports[2 * i] and ports[2 * i + 1] the left and right port of path i.
// NULL: err says why (-EINVAL, -ENOMEM).
struct classifier *classifier_create(const struct cat_node *paths, const uint32_t *ports, uint32_t port_count,
				     struct cat_err *err);
void classifier_destroy(struct classifier *classifier);

// The end at which a parsed packet enters, or CLASSIFIER_NONE.
uint32_t classifier_find(const struct classifier *classifier, uint32_t port, const struct cat_desc *desc,
			 const uint8_t *data);
// The end where everything from this port enters, or CLASSIFIER_NONE if one must look at the packets.
uint32_t classifier_only(const struct classifier *classifier, uint32_t port);
// How many ends this port has, and which.
uint32_t classifier_ends(const struct classifier *classifier, uint32_t port, const uint32_t **ret_ends);

#endif
