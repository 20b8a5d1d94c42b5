// SPDX-License-Identifier: BSD-3-Clause
// What the trials at one load say about a goal.
#ifndef BENCH_SEARCH_MLR_LOAD_H
#define BENCH_SEARCH_MLR_LOAD_H

#include "cat_search.h"

enum mlr_class { MLR_UNDECIDED, MLR_LOWER, MLR_UPPER };

struct mlr_trial {
	double load_pps, duration_s, loss_ratio;
};

struct mlr_trials {
	struct mlr_trial *trial; // in the order of load_pps
	uint32_t count;
};

// The class of a load by a goal (draft-ietf-bmwg-mlrsearch, "Load Classification").
enum mlr_class mlr_classify(const struct mlr_trials *trials, const struct cat_mlr_goal *goal, double load_pps);

// Conditional throughput at a load that is a lower bound.
double mlr_conditional_pps(const struct mlr_trials *trials, const struct cat_mlr_goal *goal, double load_pps);

struct mlr_bounds {
	double lower_pps, upper_pps; // relevant ones; 0: none
};

// The relevant upper bound is the smallest load that is one; the relevant lower bound the largest below that.
struct mlr_bounds mlr_bounds(const struct mlr_trials *trials, const struct cat_mlr_goal *goal);

// Keeps the order. The caller has room.
void mlr_insert(struct mlr_trials *trials, struct mlr_trial trial);

#endif
