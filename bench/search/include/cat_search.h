// SPDX-License-Identifier: BSD-3-Clause
// Searches for the rates of a device under test. Every search is a function of a device, which is a function that makes
// one trial; nothing here knows of ports or processes, so a search is tested against devices whose rate is known.
//
// A trial offers packets at a load for a time. What should have been offered and was not counts as lost: a generator
// that cannot keep up must not make the device look good.
#ifndef CAT_SEARCH_H
#define CAT_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cat_err.h"

#define CAT_SEARCH_GOALS_MAX 8u
#define CAT_SEARCH_TRIALS_MAX 4096u // of one search

// What a trial measured.
struct cat_trial {
	double load_pps, duration_s; // as asked for
	uint64_t intended;           // packets: load_pps * duration_s
	uint64_t received;           // those that came back, duplicates not counted
};

// Makes one trial. Returns 0; a negative errno with its message ends the search and becomes its result.
typedef int cat_trial_fn(void *user, double load_pps, double duration_s, struct cat_trial *ret, struct cat_err *err);

struct cat_device {
	cat_trial_fn *trial;
	void *user;
	double load_min_pps, load_max_pps; // 0 < min < max
};

// (intended - received) / intended; 0 if more came back than was sent.
double cat_trial_loss_ratio(const struct cat_trial *trial);
// Packets a second that came through.
double cat_trial_forwarded_pps(const struct cat_trial *trial);

// ---- Maximum receive rate (MRR): what comes through at the highest load, whatever is lost.

struct cat_mrr {
	double median_pps, min_pps, max_pps, mean_pps, stdev_pps;
	uint32_t trials;
};

// `trials` (1 to CAT_SEARCH_TRIALS_MAX) of `duration_s` at load_max_pps. Errors: -EINVAL, -ENOMEM, the device's.
int cat_search_mrr(const struct cat_device *device, uint32_t trials, double duration_s, struct cat_mrr *ret,
		   struct cat_err *err);

// ---- MLRsearch: several loss ratios in one search (draft-ietf-bmwg-mlrsearch, "Search Goal" and "Search Result").

struct cat_mlr_goal {
	double loss_ratio;      // 0 for NDR, 0.005 for PDR
	double exceed_ratio;    // share of the trial time that may have a higher loss; below 1
	double initial_trial_s; // first trials are that short
	double final_trial_s;   // trials that count in full
	double duration_sum_s;  // that a load is measured, unless it is decided before
	double width;           // (upper - lower) / upper at which the search ends
};

// NDR and PDR with the attributes that FD.io CSIT uses: trials of 1 s, 21 s in sum, exceed ratio 0.5, width 0.5 %.
extern const struct cat_mlr_goal CAT_MLR_NDR, CAT_MLR_PDR;

enum cat_mlr_outcome {
	CAT_MLR_REGULAR, // both bounds were found
	CAT_MLR_MAX,     // even load_max_pps is a lower bound: the generator is the limit
	CAT_MLR_MIN,     // even load_min_pps is an upper bound: nothing meets the goal
};

struct cat_mlr_result {
	enum cat_mlr_outcome outcome;
	double lower_pps;       // relevant lower bound; 0 with CAT_MLR_MIN
	double upper_pps;       // relevant upper bound; 0 with CAT_MLR_MAX
	double conditional_pps; // conditional throughput: forwarded at the lower bound, at the quantile of the exceed
				// ratio
};

struct cat_mlr_stats {
	uint32_t trials;
	double trial_s; // in sum
};

// Called after every trial, for a line of progress; may be NULL. Returning false ends the search with -ECANCELED.
typedef bool cat_search_progress_fn(void *user, const struct cat_trial *trial);

struct cat_search_options {
	double time_max_s; // sum of trial time after which the search fails with -ETIME; 0: none
	cat_search_progress_fn *progress;
	void *progress_user;
};

// ret[i] is the result of goal[i]; `options` and `ret_stats` may be NULL.
// Errors: -EINVAL (a goal or the device's loads make no sense), -ENOMEM, -ETIME, -ECANCELED, -EOVERFLOW (more than
// CAT_SEARCH_TRIALS_MAX trials), the device's. On an error nothing in ret is touched.
int cat_search_mlr(const struct cat_device *device, const struct cat_mlr_goal *goal, size_t goals,
		   const struct cat_search_options *options, struct cat_mlr_result *ret,
		   struct cat_mlr_stats *ret_stats, struct cat_err *err);

// ---- Binary search: RFC 2544, section 26.1 (throughput), and ETSI GS NFV-TST 009, clause 12.3.3 (loss verification).

struct cat_binary {
	double loss_ratio;      // accepted; RFC 2544's throughput has 0
	double trial_s;         // 60 by RFC 2544, section 24
	double resolution;      // ends when (upper - lower) / upper is not above it
	uint32_t verifications; // times that a trial with loss is repeated: it counts only if every repetition has loss
				// too. 0: plain binary search
};

struct cat_binary_result {
	double throughput_pps; // 0: even load_min_pps lost packets
	double upper_pps;      // lowest load that failed; 0: none did
	uint32_t trials;
	uint32_t transient; // trials whose loss a repetition did not show again
};

// Errors as those of cat_search_mlr.
int cat_search_binary(const struct cat_device *device, const struct cat_binary *search,
		      const struct cat_search_options *options, struct cat_binary_result *ret, struct cat_err *err);

// ---- Frame loss rate: RFC 2544, section 26.3.

struct cat_loss_point {
	double load_pps, loss_ratio;
};

// Loads from load_max_pps down in steps of a tenth of it, until two trials in a row lost nothing. Writes up to 10
// points to ret, and their number to *ret_count. Errors as those of cat_search_mlr.
int cat_search_loss_curve(const struct cat_device *device, double trial_s, const struct cat_search_options *options,
			  struct cat_loss_point ret[10], size_t *ret_count, struct cat_err *err);

// ---- Back-to-back frames: RFC 2544, section 26.4, as updated by RFC 9004.

struct cat_back_to_back {
	double average_frames; // longest burst at load_max_pps that came through whole, mean of the repetitions
	double stdev_frames;
	double implied_buffer_s;   // RFC 9004, section 6.4: average_frames / load_max_pps
	double corrected_buffer_s; // without what was forwarded meanwhile, at the throughput measured before
	uint32_t trials;
};

// `frames_max`: longest burst to try; `repetitions`: 50 by RFC 9004. `throughput_pps`: as measured by RFC 2544's
// search; a device whose throughput is not below load_max_pps cannot be tested (section 5): -EDOM. Errors else as those
// of cat_search_mlr.
int cat_search_back_to_back(const struct cat_device *device, uint64_t frames_max, uint32_t repetitions,
			    double throughput_pps, const struct cat_search_options *options,
			    struct cat_back_to_back *ret, struct cat_err *err);

#endif
