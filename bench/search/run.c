// SPDX-License-Identifier: BSD-3-Clause
#include "run.h"

#include <errno.h>
#include <math.h>

double cat_trial_loss_ratio(const struct cat_trial *trial)
{
	if (trial->intended == 0 || trial->received >= trial->intended)
		return 0;
	return (double)(trial->intended - trial->received) / (double)trial->intended;
}

double cat_trial_forwarded_pps(const struct cat_trial *trial)
{
	return trial->duration_s > 0 ? (double)trial->received / trial->duration_s : 0;
}

int search_run_init(struct search_run *run, const struct cat_device *device, const struct cat_search_options *options,
		    struct cat_err *err)
{
	static const struct cat_search_options none;
	if (!(device->load_min_pps > 0) || !(device->load_max_pps > device->load_min_pps) ||
	    !isfinite(device->load_max_pps))
		return cat_err_set(err, -EINVAL, "loads from %g to %g pps: expected two above 0, the second larger",
				   device->load_min_pps, device->load_max_pps);
	*run = (struct search_run){.device = device, .options = options ? options : &none};
	return 0;
}

int search_run_trial(struct search_run *run, double load_pps, double duration_s, struct cat_trial *ret,
		     struct cat_err *err)
{
	const struct cat_search_options *o = run->options;
	if (run->trials >= CAT_SEARCH_TRIALS_MAX)
		return cat_err_set(err, -EOVERFLOW,
				   "no result after %u trials; a larger width or resolution needs fewer", run->trials);
	if (o->time_max_s > 0 && run->trial_s + duration_s > o->time_max_s)
		return cat_err_set(err, -ETIME, "no result after %.0f s of trials; %.0f s are allowed", run->trial_s,
				   o->time_max_s);
	struct cat_trial trial = {0};
	int r = run->device->trial(run->device->user, load_pps, duration_s, &trial, err);
	if (r < 0)
		return r;
	run->trials++;
	run->trial_s += duration_s;
	*ret = trial;
	if (o->progress && !o->progress(o->progress_user, &trial))
		return cat_err_set(err, -ECANCELED, "interrupted after %u trials", run->trials);
	return 0;
}
