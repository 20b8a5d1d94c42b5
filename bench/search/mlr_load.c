// SPDX-License-Identifier: BSD-3-Clause
// How it works. The trials at a load are put into four sums of time: full-length or short, low loss or high loss. Short
// trials with high loss count against a load only as far as short trials with low loss do not balance them: a short
// trial is likelier to lose by accident. A load is an upper bound once more than the goal's exceed ratio of its
// duration sum had high loss, whatever the rest will be, and a lower bound once that can no longer happen.
#include "mlr_load.h"

#include <string.h>

static uint32_t first_at(const struct mlr_trials *trials, double load_pps)
{
	uint32_t low = 0, high = trials->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (trials->trial[middle].load_pps < load_pps)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void mlr_insert(struct mlr_trials *trials, struct mlr_trial trial)
{
	uint32_t at = first_at(trials, trial.load_pps);
	// Those of one load in the order of their loss: conditional throughput asks for a quantile.
	while (at < trials->count && trials->trial[at].load_pps == trial.load_pps &&
	       trials->trial[at].loss_ratio < trial.loss_ratio)
		at++;
	memmove(&trials->trial[at + 1], &trials->trial[at], (trials->count - at) * sizeof(trial));
	trials->trial[at] = trial;
	trials->count++;
}

enum mlr_class mlr_classify(const struct mlr_trials *trials, const struct cat_mlr_goal *goal, double load_pps)
{
	double full_low = 0, full_high = 0, short_low = 0, short_high = 0;
	for (uint32_t i = first_at(trials, load_pps); i < trials->count && trials->trial[i].load_pps == load_pps; i++) {
		const struct mlr_trial *t = &trials->trial[i];
		bool full = t->duration_s >= goal->final_trial_s, low = t->loss_ratio <= goal->loss_ratio;
		*(full ? low ? &full_low : &full_high : low ? &short_low : &short_high) += t->duration_s;
	}
	double balanced = short_low * goal->exceed_ratio / (1 - goal->exceed_ratio);
	double high = full_high + (short_high > balanced ? short_high - balanced : 0);
	double whole = full_low + high > goal->duration_sum_s ? full_low + high : goal->duration_sum_s;
	double allowed = whole * goal->exceed_ratio;
	if (high > allowed)
		return MLR_UPPER;
	return whole - full_low <= allowed ? MLR_LOWER : MLR_UNDECIDED;
}

double mlr_conditional_pps(const struct mlr_trials *trials, const struct cat_mlr_goal *goal, double load_pps)
{
	uint32_t first = first_at(trials, load_pps), i;
	double full = 0, loss_ratio = 0;
	for (i = first; i < trials->count && trials->trial[i].load_pps == load_pps; i++)
		if (trials->trial[i].duration_s >= goal->final_trial_s)
			full += trials->trial[i].duration_s;
	double left = (full > goal->duration_sum_s ? full : goal->duration_sum_s) * (1 - goal->exceed_ratio);
	for (i = first; i < trials->count && trials->trial[i].load_pps == load_pps && left > 0; i++) {
		if (trials->trial[i].duration_s < goal->final_trial_s)
			continue;
		left -= trials->trial[i].duration_s;
		loss_ratio = trials->trial[i].loss_ratio;
	}
	return load_pps * (1 - loss_ratio);
}

struct mlr_bounds mlr_bounds(const struct mlr_trials *trials, const struct cat_mlr_goal *goal)
{
	struct mlr_bounds b = {0};
	for (uint32_t i = 0; i < trials->count; i++) {
		double load_pps = trials->trial[i].load_pps;
		if (i > 0 && trials->trial[i - 1].load_pps == load_pps)
			continue;
		switch (mlr_classify(trials, goal, load_pps)) {
		case MLR_LOWER:
			b.lower_pps = load_pps;
			break;
		case MLR_UPPER:
			b.upper_pps = load_pps;
			return b;
		case MLR_UNDECIDED:
			break;
		}
	}
	return b;
}
