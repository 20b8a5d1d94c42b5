// SPDX-License-Identifier: BSD-3-Clause
// RFC 2544's searches with trials of one length: throughput by halving, and the loss at tenths of the highest load.
#include <errno.h>

#include "run.h"

#define HALVINGS_MAX 64u // more than a double can tell apart

static int check(const struct cat_binary *search, struct cat_err *err)
{
	if (!(search->trial_s > 0) || !(search->resolution > 0) || !(search->resolution < 1))
		return cat_err_set(
			err, -EINVAL,
			"trials of %g s, resolution %g: expected more than 0 s, and a resolution between 0 and 1",
			search->trial_s, search->resolution);
	if (!(search->loss_ratio >= 0) || !(search->loss_ratio < 1))
		return cat_err_set(err, -EINVAL, "loss ratio %g: expected 0 or more, below 1", search->loss_ratio);
	if (search->verifications > 100)
		return cat_err_set(err, -EINVAL, "%u verifications: expected at most 100", search->verifications);
	return 0;
}

// Whether the device carries a load. Loss may be an accident of the host and not of the load: a trial that lost is
// repeated, and one good repetition clears it.
static int carries(struct search_run *run, const struct cat_binary *search, double load_pps,
		   struct cat_binary_result *result, bool *ret_carries, struct cat_err *err)
{
	for (uint32_t i = 0; i <= search->verifications; i++) {
		struct cat_trial trial;
		int r = search_run_trial(run, load_pps, search->trial_s, &trial, err);
		if (r < 0)
			return r;
		if (cat_trial_loss_ratio(&trial) <= search->loss_ratio) {
			result->transient += i;
			*ret_carries = true;
			return 0;
		}
	}
	*ret_carries = false;
	return 0;
}

int cat_search_binary(const struct cat_device *device, const struct cat_binary *search,
		      const struct cat_search_options *options, struct cat_binary_result *ret, struct cat_err *err)
{
	struct search_run run;
	struct cat_binary_result result = {0};
	int r = search_run_init(&run, device, options, err);
	if (r < 0)
		return r;
	r = check(search, err);
	if (r < 0)
		return r;
	// The highest load first: a device that carries it needs no search.
	double lower = 0, upper = 0, load = device->load_max_pps;
	for (unsigned i = 0; i < HALVINGS_MAX; i++) {
		bool good = false;
		r = carries(&run, search, load, &result, &good, err);
		if (r < 0)
			return r;
		if (good)
			lower = load;
		else
			upper = load;
		if (upper == 0 || upper <= device->load_min_pps)
			break;
		if (lower > 0 && (upper - lower) / upper <= search->resolution)
			break;
		double low = lower > 0 ? lower : device->load_min_pps;
		// Between the lowest load and one that failed there may be nothing left to halve.
		load = lower == 0 && (upper - low) / upper <= search->resolution ? low : (low + upper) / 2;
	}
	result.throughput_pps = lower;
	result.upper_pps = upper;
	result.trials = run.trials;
	*ret = result;
	return 0;
}

int cat_search_loss_curve(const struct cat_device *device, double trial_s, const struct cat_search_options *options,
			  struct cat_loss_point ret[10], size_t *ret_count, struct cat_err *err)
{
	struct search_run run;
	struct cat_loss_point point[10];
	size_t count = 0;
	int r = search_run_init(&run, device, options, err);
	if (r < 0)
		return r;
	if (!(trial_s > 0))
		return cat_err_set(err, -EINVAL, "trials of %g s: expected more than 0", trial_s);
	for (unsigned without = 0; count < 10 && without < 2; count++) {
		double load = device->load_max_pps * (double)(10 - count) / 10;
		struct cat_trial trial;
		r = search_run_trial(&run, load, trial_s, &trial, err);
		if (r < 0)
			return r;
		point[count] = (struct cat_loss_point){load, cat_trial_loss_ratio(&trial)};
		without = point[count].loss_ratio > 0 ? 0 : without + 1;
	}
	for (size_t i = 0; i < count; i++)
		ret[i] = point[i];
	*ret_count = count;
	return 0;
}
