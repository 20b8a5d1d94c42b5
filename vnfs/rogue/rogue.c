// SPDX-License-Identifier: BSD-3-Clause
// A VNF that forwards like `null` and tries what a hostile one would try. Without `attacks` in its configuration it
// attempts once, from its control thread, to break out; with them, it goes for those that it shares memory, sockets and
// processors with, and does not stop. Each attempt is one line on standard error: "attempt NAME: refused (REASON)" or
// "attempt NAME: SUCCEEDED". Tests read these lines.
#include "rogue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

#define PERIOD_MS_MAX 3600000
#define SAID_MAX 16u

struct config {
	const struct cat_node *tree; // own copy
	uint32_t attacks, period_ms;
};

static int read_attacks(const struct cat_node *tree, struct config *config, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int64_t period_ms = 0;
	int r = cat_node_read_list(tree, "attacks", CAT_OPTIONAL, &list, err);
	if (r == 0)
		r = cat_node_read_int(tree, "period_ms", CAT_OPTIONAL, 0, PERIOD_MS_MAX, &period_ms, err);
	for (const struct cat_node *n = list ? list->first : NULL; r == 0 && n; n = n->next) {
		int bit = n->type == CAT_STRING ? rogue_attack_bit(n->string) : -EINVAL;
		if (bit < 0)
			return cat_node_error(n, err, "there is no such attack");
		config->attacks |= UINT32_C(1) << bit;
	}
	config->period_ms = (uint32_t)period_ms;
	return r;
}

static int config_create(const struct cat_node *tree, void **ret_config, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = tree ? cat_node_read_list(tree, "open", CAT_OPTIONAL, &list, err) : 0;
	if (r < 0)
		return r;
	struct config *config = calloc(1, sizeof(*config));
	if (!config)
		return cat_err_set(err, -ENOMEM, "no memory");
	if (tree && (r = read_attacks(tree, config, err)) < 0) {
		free(config);
		return r;
	}
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
	while (__builtin_expect(atomic_load_explicit(&rogue_stalls, memory_order_relaxed), 0))
		;
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

// From the attacking thread alone.
void rogue_tried(const char *name, int result)
{
	static const char *said[SAID_MAX];
	static unsigned count;
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(said[i], name) && result < 0)
			return;
	if (count < SAID_MAX && result < 0)
		said[count++] = name;
	report(name, result);
}

static void control_reconfigured(struct cat_vnf *vnf, const void *data)
{
	(void)vnf;
	const struct config *config = data;
	rogue_attack(config->attacks, config->period_ms);
}

static int control_start(struct cat_vnf *vnf, const void *data, struct cat_err *err)
{
	(void)vnf;
	(void)err;
	const struct config *config = data;
	if (cat_node_get(config->tree, "attacks")) {
		rogue_attack(config->attacks, config->period_ms);
		return 0;
	}
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
	.control_reconfigured = control_reconfigured,
};
