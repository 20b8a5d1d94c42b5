// SPDX-License-Identifier: BSD-3-Clause
#include "null.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PREFETCH 8u // packets ahead

struct null_config {
	bool touch; // read each packet's first cache line, as any function that looks at headers does
};

static int config_create(const struct cat_node *config, void **ret_config, struct cat_err *err)
{
	struct null_config made = {0};
	int result = cat_node_read_bool(config, "touch", CAT_OPTIONAL, &made.touch, err);
	if (result < 0)
		return result;
	for (const struct cat_node *child = config ? config->first : NULL; child; child = child->next) {
		if (strcmp(child->key, "touch") != 0)
			return cat_node_error(child, err, "unknown key, expected \"touch\"");
	}
	struct null_config *copy = malloc(sizeof(*copy));
	if (!copy)
		return cat_err_set(err, -ENOMEM, "no memory");
	*copy = made;
	*ret_config = copy;
	return 0;
}

static void touch_all(const struct cat_lane *lane, const struct cat_burst *burst)
{
	const struct cat_desc *desc = burst->desc, *end = desc + burst->count;
	for (; desc < end; desc++) {
		if (desc + PREFETCH < end)
			__builtin_prefetch(cat_data(lane, desc + PREFETCH));
		// The value is not needed, the load is: the compiler may not leave it out.
		__asm__ volatile("" : : "r"(*cat_data(lane, desc)));
	}
}

static void process(struct cat_lane *lane, struct cat_burst *burst)
{
	const struct null_config *config = lane->config;
	if (config->touch)
		touch_all(lane, burst);
	cat_emit_run(lane, burst->desc, burst->count, burst->side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT);
}

const struct cat_vnf_ops null_ops = {
	.abi = CAT_VNF_ABI,
	.kind = "null",
	.config_create = config_create,
	.config_destroy = free,
	.process = process,
};
