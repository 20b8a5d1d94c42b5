// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "cat_cleanup.h"
#include "run.h"

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int cat_search_mrr(const struct cat_device *device, uint32_t trials, double duration_s, struct cat_mrr *ret,
		   struct cat_err *err)
{
	struct search_run run;
	int r = search_run_init(&run, device, NULL, err);
	if (r < 0)
		return r;
	if (trials == 0 || trials > CAT_SEARCH_TRIALS_MAX || !(duration_s > 0))
		return cat_err_set(err, -EINVAL, "%u trials of %g s: expected 1 to %u of more than 0 s", trials,
				   duration_s, CAT_SEARCH_TRIALS_MAX);
	cat_autofree double *rate = calloc(trials, sizeof(*rate));
	if (!rate)
		return cat_err_set(err, -ENOMEM, "no memory for %u trials", trials);
	double sum = 0, squares = 0;
	for (uint32_t i = 0; i < trials; i++) {
		struct cat_trial trial;
		r = search_run_trial(&run, device->load_max_pps, duration_s, &trial, err);
		if (r < 0)
			return r;
		rate[i] = cat_trial_forwarded_pps(&trial);
		sum += rate[i];
	}
	double mean = sum / trials;
	for (uint32_t i = 0; i < trials; i++)
		squares += (rate[i] - mean) * (rate[i] - mean);
	qsort(rate, trials, sizeof(*rate), by_size);
	*ret = (struct cat_mrr){
		.median_pps = (rate[(trials - 1) / 2] + rate[trials / 2]) / 2,
		.min_pps = rate[0],
		.max_pps = rate[trials - 1],
		.mean_pps = mean,
		.stdev_pps = trials > 1 ? sqrt(squares / (trials - 1)) : 0,
		.trials = trials,
	};
	return 0;
}
