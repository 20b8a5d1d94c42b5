// SPDX-License-Identifier: BSD-3-Clause
// What all searches share: one trial after the other, counted, within the limits.
#ifndef BENCH_SEARCH_RUN_H
#define BENCH_SEARCH_RUN_H

#include "cat_search.h"

struct search_run {
	const struct cat_device *device;
	const struct cat_search_options *options;
	uint32_t trials;
	double trial_s;
};

// Checks the device's loads. Errors: -EINVAL.
int search_run_init(struct search_run *run, const struct cat_device *device, const struct cat_search_options *options,
		    struct cat_err *err);

// Errors: those of cat_search_mlr.
int search_run_trial(struct search_run *run, double load_pps, double duration_s, struct cat_trial *ret,
		     struct cat_err *err);

#endif
