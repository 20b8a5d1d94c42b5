// SPDX-License-Identifier: BSD-3-Clause
// Searches for the harness: reads one line that says what to search, then asks for trials, one JSON object a line, and
// gets what each measured; the last line is the result. All rates are packets a second.
//
//   < {"search": "mlr", "min": 1000, "max": 20e6, "goals": [{"loss_ratio": 0, ...}], "time_max_s": 300}
//   > {"trial": {"load": 20000000, "duration": 1}}
//   < {"intended": 20000000, "received": 11000000}
//   > {"result": [{"outcome": "regular", "lower": ..., "upper": ..., "conditional": ...}], "trials": 31, "trial_s": 41}
//
// search: mlr, mrr {trials, duration}, throughput {loss_ratio, duration, resolution, verifications}, loss_curve
// {duration}, back_to_back {frames_max, repetitions, throughput}. Instead of a trial's result {"error": "why"} ends it.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_search.h"
#include "cat_tree.h"

#define LINE_MAX_BYTES 65536

static double number(const struct cat_node *map, const char *key, double absent)
{
	const struct cat_node *n = cat_node_get(map, key);
	if (n && n->type == CAT_INT)
		return (double)n->integer;
	return n && n->type == CAT_REAL ? n->real : absent;
}

static int read_line(struct cat_node **ret, struct cat_err *err)
{
	static char line[LINE_MAX_BYTES];
	if (!fgets(line, sizeof(line), stdin))
		return cat_err_set(err, -EPIPE, "the other side is gone");
	return cat_tree_parse_json("line", line, strlen(line), ret, err);
}

static int trial(void *user, double load_pps, double duration_s, struct cat_trial *ret, struct cat_err *err)
{
	(void)user;
	cat_autonode struct cat_node *answer = NULL;
	printf("{\"trial\": {\"load\": %.17g, \"duration\": %.17g}}\n", load_pps, duration_s);
	fflush(stdout);
	int r = read_line(&answer, err);
	if (r < 0)
		return r;
	const char *why = NULL;
	cat_node_read_string(answer, "error", CAT_OPTIONAL, &why, NULL);
	if (why)
		return cat_err_set(err, -EIO, "%s", why);
	double intended = number(answer, "intended", -1), received = number(answer, "received", -1);
	if (!(intended >= 0) || !(received >= 0) || intended > 1e18 || received > 1e18)
		return cat_err_set(err, -EBADMSG, "expected intended and received, from 0 to 1e18");
	*ret = (struct cat_trial){load_pps, duration_s, (uint64_t)intended, (uint64_t)received};
	return 0;
}

static int run_mlr(const struct cat_device *device, const struct cat_node *what, struct cat_err *err)
{
	static const char *const outcomes[] = {
		[CAT_MLR_REGULAR] = "regular", [CAT_MLR_MAX] = "max", [CAT_MLR_MIN] = "min"};
	struct cat_mlr_goal goal[CAT_SEARCH_GOALS_MAX];
	struct cat_mlr_result result[CAT_SEARCH_GOALS_MAX];
	struct cat_mlr_stats stats;
	const struct cat_search_options options = {.time_max_s = number(what, "time_max_s", 0)};
	const struct cat_node *list = cat_node_get(what, "goals");
	size_t goals = list && list->type == CAT_LIST ? list->count : 0;
	for (size_t i = 0; i < goals && i < CAT_SEARCH_GOALS_MAX; i++) {
		const struct cat_node *g = cat_node_at(list, i);
		goal[i] = (struct cat_mlr_goal){
			.loss_ratio = number(g, "loss_ratio", CAT_MLR_NDR.loss_ratio),
			.exceed_ratio = number(g, "exceed_ratio", CAT_MLR_NDR.exceed_ratio),
			.initial_trial_s = number(g, "initial_trial_s", CAT_MLR_NDR.initial_trial_s),
			.final_trial_s = number(g, "final_trial_s", CAT_MLR_NDR.final_trial_s),
			.duration_sum_s = number(g, "duration_sum_s", CAT_MLR_NDR.duration_sum_s),
			.width = number(g, "width", CAT_MLR_NDR.width),
		};
	}
	int r = cat_search_mlr(device, goal, goals, &options, result, &stats, err);
	if (r < 0)
		return r;
	printf("{\"result\": [");
	for (size_t i = 0; i < goals; i++)
		printf("%s{\"outcome\": \"%s\", \"lower\": %.17g, \"upper\": %.17g, \"conditional\": %.17g}",
		       i ? ", " : "", outcomes[result[i].outcome], result[i].lower_pps, result[i].upper_pps,
		       result[i].conditional_pps);
	printf("], \"trials\": %u, \"trial_s\": %.17g}\n", stats.trials, stats.trial_s);
	return 0;
}

static int run_mrr(const struct cat_device *device, const struct cat_node *what, struct cat_err *err)
{
	struct cat_mrr m;
	int r = cat_search_mrr(device, (uint32_t)number(what, "trials", 10), number(what, "duration", 1), &m, err);
	if (r == 0)
		printf("{\"result\": {\"median\": %.17g, \"min\": %.17g, \"max\": %.17g, \"mean\": %.17g, \"stdev\": "
		       "%.17g, "
		       "\"trials\": %u}}\n",
		       m.median_pps, m.min_pps, m.max_pps, m.mean_pps, m.stdev_pps, m.trials);
	return r;
}

static int run_throughput(const struct cat_device *device, const struct cat_node *what, struct cat_err *err)
{
	const struct cat_binary search = {
		.loss_ratio = number(what, "loss_ratio", 0),
		.trial_s = number(what, "duration", 60),
		.resolution = number(what, "resolution", 0.005),
		.verifications = (uint32_t)number(what, "verifications", 0),
	};
	struct cat_binary_result b;
	int r = cat_search_binary(device, &search, NULL, &b, err);
	if (r == 0)
		printf("{\"result\": {\"throughput\": %.17g, \"upper\": %.17g, \"trials\": %u, \"transient\": %u}}\n",
		       b.throughput_pps, b.upper_pps, b.trials, b.transient);
	return r;
}

static int run_loss_curve(const struct cat_device *device, const struct cat_node *what, struct cat_err *err)
{
	struct cat_loss_point point[10];
	size_t count = 0;
	int r = cat_search_loss_curve(device, number(what, "duration", 60), NULL, point, &count, err);
	if (r < 0)
		return r;
	printf("{\"result\": [");
	for (size_t i = 0; i < count; i++)
		printf("%s{\"load\": %.17g, \"loss_ratio\": %.17g}", i ? ", " : "", point[i].load_pps,
		       point[i].loss_ratio);
	printf("]}\n");
	return 0;
}

static int run_back_to_back(const struct cat_device *device, const struct cat_node *what, struct cat_err *err)
{
	struct cat_back_to_back b;
	int r = cat_search_back_to_back(device, (uint64_t)number(what, "frames_max", 1e6),
					(uint32_t)number(what, "repetitions", 50), number(what, "throughput", 0), NULL,
					&b, err);
	if (r == 0)
		printf("{\"result\": {\"average_frames\": %.17g, \"stdev_frames\": %.17g, \"implied_buffer_s\": %.17g, "
		       "\"corrected_buffer_s\": %.17g, \"trials\": %u}}\n",
		       b.average_frames, b.stdev_frames, b.implied_buffer_s, b.corrected_buffer_s, b.trials);
	return r;
}

static const struct {
	const char *name;
	int (*run)(const struct cat_device *device, const struct cat_node *what, struct cat_err *err);
} searches[] = {
	{"mlr", run_mlr},
	{"mrr", run_mrr},
	{"throughput", run_throughput},
	{"loss_curve", run_loss_curve},
	{"back_to_back", run_back_to_back},
};

int main(void)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *what = NULL;
	const char *name = "";
	int r = read_line(&what, &err);
	if (r == 0)
		r = cat_node_read_string(what, "search", CAT_REQUIRED, &name, &err);
	const struct cat_device device = {
		.trial = trial, .load_min_pps = number(what, "min", 0), .load_max_pps = number(what, "max", 0)};
	size_t i = 0;
	while (i < CAT_ARRAY_LEN(searches) && strcmp(searches[i].name, name) != 0)
		i++;
	if (r == 0 && i == CAT_ARRAY_LEN(searches))
		r = cat_err_set(&err, -EINVAL,
				"search \"%.32s\": expected mlr, mrr, throughput, loss_curve or back_to_back", name);
	if (r == 0)
		r = searches[i].run(&device, what, &err);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	return 0;
}
