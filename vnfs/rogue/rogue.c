// SPDX-License-Identifier: BSD-3-Clause
// A VNF that forwards like `null` and, from its control thread, tries what a hostile one would try. Each attempt is one
// line on standard error: "attempt NAME: refused (REASON)" or "attempt NAME: SUCCEEDED". Tests read these lines.
#include "rogue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

struct config {
	const struct cat_node *tree; // own copy
};

static int config_create(const struct cat_node *tree, void **ret_config, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = tree ? cat_node_read_list(tree, "open", CAT_OPTIONAL, &list, err) : 0;
	if (r < 0)
		return r;
	struct config *config = calloc(1, sizeof(*config));
	if (!config)
		return cat_err_set(err, -ENOMEM, "no memory");
	if (tree) {
		config->tree = cat_node_copy(NULL, NULL, tree);
		if (!config->tree) {
			free(config);
			return cat_err_set(err, -ENOMEM, "no memory");
		}
	}
	*ret_config = config;
	return 0;
}

static void config_destroy(void *data)
{
	struct config *config = data;
	cat_node_free((struct cat_node *)config->tree);
	free(config);
}

static void process(struct cat_lane *lane, struct cat_burst *burst)
{
	enum cat_side to = burst->side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT;
	for (uint32_t i = 0; i < burst->count; i++)
		cat_emit(lane, &burst->desc[i], to);
}

static void report(const char *name, int result)
{
	if (result < 0)
		fprintf(stderr, "attempt %s: refused (%s)\n", name, strerrorname_np(-result));
	else
		fprintf(stderr, "attempt %s: SUCCEEDED\n", name);
}

static int control_start(struct cat_vnf *vnf, const void *data, struct cat_err *err)
{
	(void)vnf;
	(void)err;
	const struct config *config = data;
	rogue_describe(stderr);
	for (const struct rogue_attempt *attempt = rogue_attempts; attempt->name; attempt++)
		report(attempt->name, attempt->run());
	const struct cat_node *list = cat_node_get(config->tree, "open");
	for (const struct cat_node *path = list ? list->first : NULL; path; path = path->next) {
		if (path->type != CAT_STRING)
			continue;
		cat_autofree char *name = NULL;
		if (asprintf(&name, "open %s", path->string) >= 0)
			report(name, rogue_open(path->string));
	}
	fprintf(stderr, "attempts done\n");
	return 0;
}

static const char *const counters[] = {NULL};

const struct cat_vnf_ops cat_rogue_ops = {
	.abi = CAT_VNF_ABI,
	.kind = "rogue",
	.counters = counters,
	.config_create = config_create,
	.config_destroy = config_destroy,
	.process = process,
	.control_start = control_start,
};
