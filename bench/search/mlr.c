// SPDX-License-Identifier: BSD-3-Clause
// How it works. A goal is reached in phases. The first has short trials and accepts bounds that are far apart; each
// next one has longer trials and asks for half the distance, until the last is the goal itself. The bounds of one phase
// are the first candidates of the next, and those of one goal the next goal's, so that long trials are made close to
// the result only. Within a phase: a missing bound is looked for in steps that double; between two bounds the middle is
// measured.
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "cat_cleanup.h"
#include "mlr_load.h"
#include "run.h"

#define PHASES 4u // trial times go from the initial to the final one in equal ratios

const struct cat_mlr_goal CAT_MLR_NDR = {
	.loss_ratio = 0,
	.exceed_ratio = 0.5,
	.initial_trial_s = 1,
	.final_trial_s = 1,
	.duration_sum_s = 21,
	.width = 0.005,
};
const struct cat_mlr_goal CAT_MLR_PDR = {
	.loss_ratio = 0.005,
	.exceed_ratio = 0.5,
	.initial_trial_s = 1,
	.final_trial_s = 1,
	.duration_sum_s = 21,
	.width = 0.005,
};

struct mlr {
	struct search_run run;
	struct mlr_trials trials;
	double guess_pps; // where to begin
};

static int check_goal(const struct cat_mlr_goal *g, size_t index, struct cat_err *err)
{
	if (!(g->loss_ratio >= 0) || !(g->loss_ratio < 1) || !(g->exceed_ratio >= 0) || !(g->exceed_ratio < 1))
		return cat_err_set(err, -EINVAL,
				   "goal %zu: loss ratio %g, exceed ratio %g: expected 0 or more, below 1", index,
				   g->loss_ratio, g->exceed_ratio);
	if (!(g->initial_trial_s > 0) || !(g->final_trial_s >= g->initial_trial_s) ||
	    !(g->duration_sum_s >= g->final_trial_s))
		return cat_err_set(err, -EINVAL,
				   "goal %zu: trials from %g to %g s, %g s in sum: expected more than 0, and each not "
				   "above the next",
				   index, g->initial_trial_s, g->final_trial_s, g->duration_sum_s);
	if (!(g->width > 0) || !(g->width < 1))
		return cat_err_set(err, -EINVAL, "goal %zu: width %g: expected between 0 and 1", index, g->width);
	return 0;
}

static int measure_once(struct mlr *m, double load_pps, double duration_s, struct cat_err *err)
{
	struct cat_trial trial;
	int r = search_run_trial(&m->run, load_pps, duration_s, &trial, err);
	if (r < 0)
		return r;
	mlr_insert(&m->trials, (struct mlr_trial){load_pps, duration_s, cat_trial_loss_ratio(&trial)});
	m->guess_pps = m->guess_pps > 0 ? m->guess_pps : cat_trial_forwarded_pps(&trial);
	return 0;
}

// Until the load's class is known. Trials of the goal's full length decide after its duration sum at the latest.
static int measure(struct mlr *m, const struct cat_mlr_goal *goal, double load_pps, struct cat_err *err)
{
	int r = 0;
	while (r == 0 && mlr_classify(&m->trials, goal, load_pps) == MLR_UNDECIDED)
		r = measure_once(m, load_pps, goal->final_trial_s, err);
	return r;
}

// The goal of a phase: fewer and shorter trials, a wider distance.
static struct cat_mlr_goal phase_goal(const struct cat_mlr_goal *goal, unsigned phase)
{
	struct cat_mlr_goal g = *goal;
	unsigned left = PHASES - 1 - phase;
	if (left == 0)
		return g;
	g.final_trial_s =
		goal->initial_trial_s * pow(goal->final_trial_s / goal->initial_trial_s, (double)phase / (PHASES - 1));
	g.duration_sum_s = g.final_trial_s;
	g.width = goal->width * (double)(1u << left);
	return g;
}

static double clip(const struct mlr *m, double load_pps)
{
	const struct cat_device *d = m->run.device;
	if (load_pps < d->load_min_pps)
		return d->load_min_pps;
	if (load_pps > d->load_max_pps)
		return d->load_max_pps;
	// Loads that differ by less than a packet a second are one.
	return load_pps > d->load_min_pps + 1 ? round(load_pps) : load_pps;
}

// The load to measure next, or 0: the goal is reached, or cannot be. `step` is the relative distance of the next
// attempt to find a missing bound.
static double next_load(const struct mlr *m, const struct cat_mlr_goal *goal, double *step)
{
	const struct cat_device *d = m->run.device;
	struct mlr_bounds b = mlr_bounds(&m->trials, goal);
	double load;
	if (b.lower_pps == 0 && b.upper_pps == 0) {
		load = m->guess_pps;
	} else if (b.upper_pps == 0) {
		if (b.lower_pps >= d->load_max_pps)
			return 0;
		load = b.lower_pps / (1 - *step);
		*step = fmin(*step * 2, 0.5);
	} else if (b.lower_pps == 0) {
		if (b.upper_pps <= d->load_min_pps)
			return 0;
		load = b.upper_pps * (1 - *step);
		*step = fmin(*step * 2, 0.5);
	} else {
		if ((b.upper_pps - b.lower_pps) / b.upper_pps <= goal->width)
			return 0;
		load = sqrt(b.lower_pps * b.upper_pps);
	}
	load = clip(m, load);
	// Rounding met a bound: there is nothing between them.
	return load == b.lower_pps || load == b.upper_pps ? 0 : load;
}

static int run_phase(struct mlr *m, const struct cat_mlr_goal *goal, struct mlr_bounds before, struct cat_err *err)
{
	// What the phase before found is likely to hold; where it does not, the search goes on from there.
	double step = goal->width;
	const double candidate[] = {before.lower_pps, before.upper_pps};
	for (unsigned i = 0; i < 2; i++) {
		int r = candidate[i] > 0 ? measure(m, goal, candidate[i], err) : 0;
		if (r < 0)
			return r;
	}
	for (;;) {
		double load = next_load(m, goal, &step);
		if (load == 0)
			return 0;
		int r = measure(m, goal, load, err);
		if (r < 0)
			return r;
	}
}

static int search_goal(struct mlr *m, const struct cat_mlr_goal *goal, struct cat_mlr_result *ret, struct cat_err *err)
{
	struct mlr_bounds b = {0};
	for (unsigned phase = 0; phase < PHASES; phase++) {
		struct cat_mlr_goal g = phase_goal(goal, phase);
		int r = run_phase(m, &g, b, err);
		if (r < 0)
			return r;
		b = mlr_bounds(&m->trials, &g);
	}
	*ret = (struct cat_mlr_result){
		.outcome = b.upper_pps == 0   ? CAT_MLR_MAX
			   : b.lower_pps == 0 ? CAT_MLR_MIN
					      : CAT_MLR_REGULAR,
		.lower_pps = b.lower_pps,
		.upper_pps = b.upper_pps,
		.conditional_pps = b.lower_pps > 0 ? mlr_conditional_pps(&m->trials, goal, b.lower_pps) : 0,
	};
	return 0;
}

int cat_search_mlr(const struct cat_device *device, const struct cat_mlr_goal *goal, size_t goals,
		   const struct cat_search_options *options, struct cat_mlr_result *ret,
		   struct cat_mlr_stats *ret_stats, struct cat_err *err)
{
	struct mlr m = {0};
	struct cat_mlr_result result[CAT_SEARCH_GOALS_MAX];
	int r = search_run_init(&m.run, device, options, err);
	if (r < 0)
		return r;
	if (goals == 0 || goals > CAT_SEARCH_GOALS_MAX)
		return cat_err_set(err, -EINVAL, "%zu goals: expected 1 to %u", goals, CAT_SEARCH_GOALS_MAX);
	for (size_t i = 0; i < goals; i++) {
		r = check_goal(&goal[i], i, err);
		if (r < 0)
			return r;
	}
	cat_autofree struct mlr_trial *trial = calloc(CAT_SEARCH_TRIALS_MAX, sizeof(*trial));
	if (!trial)
		return cat_err_set(err, -ENOMEM, "no memory for %u trials", CAT_SEARCH_TRIALS_MAX);
	m.trials.trial = trial;
	// What comes through at the highest load is the first guess.
	r = measure_once(&m, device->load_max_pps, goal[0].initial_trial_s, err);
	for (size_t i = 0; r == 0 && i < goals; i++)
		r = search_goal(&m, &goal[i], &result[i], err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < goals; i++)
		ret[i] = result[i];
	if (ret_stats)
		*ret_stats = (struct cat_mlr_stats){m.run.trials, m.run.trial_s};
	return 0;
}
