// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <math.h>

#include "run.h"

// Whether a burst of that many frames at the highest load comes through whole.
static int passes(struct search_run *run, uint64_t frames, bool *ret_passes, struct cat_err *err)
{
	struct cat_trial trial;
	double load_pps = run->device->load_max_pps;
	int r = search_run_trial(run, load_pps, (double)frames / load_pps, &trial, err);
	if (r < 0)
		return r;
	*ret_passes = trial.received >= trial.intended;
	return 0;
}

// The longest burst that passes, by halving (RFC 9004, section 6.1: a binary search with a resolution of one frame).
static int longest(struct search_run *run, uint64_t frames_max, uint64_t *ret_frames, struct cat_err *err)
{
	uint64_t good = 0, bad = frames_max + 1;
	uint64_t frames = frames_max;
	while (bad - good > 1) {
		bool whole = false;
		int r = passes(run, frames, &whole, err);
		if (r < 0)
			return r;
		if (whole)
			good = frames;
		else
			bad = frames;
		frames = good + (bad - good) / 2;
	}
	*ret_frames = good;
	return 0;
}

int cat_search_back_to_back(const struct cat_device *device, uint64_t frames_max, uint32_t repetitions,
			    double throughput_pps, const struct cat_search_options *options,
			    struct cat_back_to_back *ret, struct cat_err *err)
{
	struct search_run run;
	int r = search_run_init(&run, device, options, err);
	if (r < 0)
		return r;
	if (frames_max == 0 || frames_max > UINT64_C(1) << 40 || repetitions == 0 || repetitions > 1000)
		return cat_err_set(err, -EINVAL,
				   "bursts to %llu frames, %u times: expected 1 to 2^40, and 1 to 1000 times",
				   (unsigned long long)frames_max, repetitions);
	if (!(throughput_pps >= 0) || throughput_pps >= device->load_max_pps)
		return cat_err_set(err, -EDOM,
				   "a throughput of %.0f pps is not below the highest load of %.0f pps: the device "
				   "stores nothing, "
				   "and back-to-back frames cannot be tested (RFC 9004, section 5)",
				   throughput_pps, device->load_max_pps);
	double sum = 0, squares = 0;
	for (uint32_t i = 0; i < repetitions; i++) {
		uint64_t frames = 0;
		r = longest(&run, frames_max, &frames, err);
		if (r < 0)
			return r;
		sum += (double)frames;
		squares += (double)frames * (double)frames;
	}
	double mean = sum / repetitions, variance = squares / repetitions - mean * mean;
	double implied_s = mean / device->load_max_pps;
	*ret = (struct cat_back_to_back){
		.average_frames = mean,
		.stdev_frames = variance > 0 ? sqrt(variance) : 0,
		.implied_buffer_s = implied_s,
		.corrected_buffer_s = implied_s - implied_s * throughput_pps / device->load_max_pps,
		.trials = run.trials,
	};
	return 0;
}
