// SPDX-License-Identifier: BSD-3-Clause
// Searches against simulated devices whose rates are known: ideal, with a buffer, lossy, noisy, dead.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cat_search.h"
#include "test.h"

#define CAPACITY_PPS 1e6

struct simulated {
	double capacity_pps;
	double buffer;       // packets stored before any is lost
	double always_lost;  // share of the packets, whatever the load
	double noise;        // a trial's capacity varies by that share, to either side
	double stall_chance; // of a trial that loses a hundredth for reasons of the host
	uint32_t fail_after; // trials until the generator fails; 0: never
	uint32_t trials;
	uint64_t random;
};

static double next_random(struct simulated *s)
{
	// xorshift64: the same trials in every run.
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (double)(s->random >> 11) / (double)(UINT64_C(1) << 53);
}

static int simulate(void *user, double load_pps, double duration_s, struct cat_trial *ret, struct cat_err *err)
{
	struct simulated *s = user;
	if (s->fail_after && ++s->trials > s->fail_after)
		return cat_err_set(err, -EIO, "the generator is gone");
	double capacity = s->capacity_pps * (1 + s->noise * (2 * next_random(s) - 1));
	double intended = load_pps * duration_s, through = capacity * duration_s + s->buffer;
	double received = intended < through ? intended : through;
	received *= 1 - s->always_lost;
	if (next_random(s) < s->stall_chance)
		received *= 0.99;
	*ret = (struct cat_trial){load_pps, duration_s, (uint64_t)llround(intended), (uint64_t)llround(received)};
	return 0;
}

static struct cat_device device_of(struct simulated *s)
{
	s->random = 88172645463325252u;
	return (struct cat_device){.trial = simulate, .user = s, .load_min_pps = 1000, .load_max_pps = 14.88e6};
}

static void refuses_nonsense(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = CAPACITY_PPS};
	struct cat_device d = device_of(&s), bad = d;
	struct cat_mlr_result result;
	struct cat_mrr mrr;
	struct cat_binary_result binary;
	struct cat_back_to_back b2b;
	struct cat_err err = {0};
	struct cat_mlr_goal goal[] = {CAT_MLR_NDR, CAT_MLR_NDR, CAT_MLR_NDR, CAT_MLR_NDR, CAT_MLR_NDR};
	goal[0].width = 0;
	goal[1].exceed_ratio = 1;
	goal[2].loss_ratio = -0.1;
	goal[3].initial_trial_s = 2;
	goal[4].duration_sum_s = NAN;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(cat_search_mlr(&d, &goal[i], 1, NULL, &result, NULL, &err), -EINVAL);
	assert_int_equal(cat_search_mlr(&d, &CAT_MLR_NDR, 0, NULL, &result, NULL, &err), -EINVAL);
	assert_int_equal(cat_search_mlr(&d, &CAT_MLR_NDR, CAT_SEARCH_GOALS_MAX + 1, NULL, &result, NULL, &err),
			 -EINVAL);
	bad.load_min_pps = bad.load_max_pps;
	assert_int_equal(cat_search_mlr(&bad, &CAT_MLR_NDR, 1, NULL, &result, NULL, &err), -EINVAL);
	bad.load_min_pps = NAN;
	assert_int_equal(cat_search_mrr(&bad, 1, 1, &mrr, &err), -EINVAL);
	assert_int_equal(cat_search_mrr(&d, 0, 1, &mrr, &err), -EINVAL);
	assert_int_equal(cat_search_mrr(&d, 1, 0, &mrr, &err), -EINVAL);
	assert_int_equal(cat_search_binary(&d, &(struct cat_binary){.trial_s = 1}, NULL, &binary, &err), -EINVAL);
	assert_int_equal(cat_search_back_to_back(&d, 1000, 1, d.load_max_pps, NULL, &b2b, &err), -EDOM);
	assert_int_equal(cat_search_back_to_back(&d, 0, 1, 1, NULL, &b2b, &err), -EINVAL);
	assert_int_equal(s.trials, 0);
}

// NDR and PDR of a device that carries exactly a million packets a second.
static void finds_an_ideal_device(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = CAPACITY_PPS};
	struct cat_device d = device_of(&s);
	const struct cat_mlr_goal goal[] = {CAT_MLR_NDR, CAT_MLR_PDR};
	struct cat_mlr_result result[2];
	struct cat_mlr_stats stats;
	struct cat_err err = {0};
	assert_int_equal(cat_search_mlr(&d, goal, 2, NULL, result, &stats, &err), 0);
	for (unsigned i = 0; i < 2; i++) {
		double most = CAPACITY_PPS / (1 - goal[i].loss_ratio);
		assert_int_equal(result[i].outcome, CAT_MLR_REGULAR);
		assert_true(result[i].lower_pps <= most + 1 && result[i].upper_pps > most);
		assert_true((result[i].upper_pps - result[i].lower_pps) / result[i].upper_pps <= goal[i].width);
		// The error that Catena states of its search.
		assert_true(fabs(result[i].conditional_pps / CAPACITY_PPS - 1) <= 0.005);
	}
	assert_true(stats.trials < 200 && stats.trial_s < 200);
}

// The initial trials are short: on an ideal device most of the time goes into the two loads that count.
static void spends_long_trials_near_the_result(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = CAPACITY_PPS};
	struct cat_device d = device_of(&s);
	struct cat_mlr_goal goal = {0, 0, 1, 60, 60, 0.005};
	struct cat_mlr_result result;
	struct cat_mlr_stats stats;
	struct cat_err err = {0};
	assert_int_equal(cat_search_mlr(&d, &goal, 1, NULL, &result, &stats, &err), 0);
	assert_int_equal(result.outcome, CAT_MLR_REGULAR);
	// Halving from the line rate with trials of 60 s takes 12 of them.
	assert_true(stats.trial_s < 8 * 60);
}

static void knows_when_the_device_is_not_the_limit(void **state)
{
	(void)state;
	struct simulated fast = {.capacity_pps = 1e9}, dead = {.capacity_pps = 0};
	struct cat_device d = device_of(&fast);
	struct cat_mlr_result result;
	struct cat_err err = {0};
	assert_int_equal(cat_search_mlr(&d, &CAT_MLR_NDR, 1, NULL, &result, NULL, &err), 0);
	assert_int_equal(result.outcome, CAT_MLR_MAX);
	assert_true(result.lower_pps == d.load_max_pps && result.upper_pps == 0);
	assert_true(result.conditional_pps == d.load_max_pps);
	d = device_of(&dead);
	assert_int_equal(cat_search_mlr(&d, &CAT_MLR_PDR, 1, NULL, &result, NULL, &err), 0);
	assert_int_equal(result.outcome, CAT_MLR_MIN);
	assert_true(result.lower_pps == 0 && result.upper_pps == d.load_min_pps && result.conditional_pps == 0);
}

// A thousandth is lost at any load: no NDR, but a PDR close to the capacity.
static void tells_loss_ratios_apart(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = CAPACITY_PPS, .always_lost = 0.001};
	struct cat_device d = device_of(&s);
	const struct cat_mlr_goal goal[] = {CAT_MLR_NDR, CAT_MLR_PDR};
	struct cat_mlr_result result[2];
	struct cat_err err = {0};
	assert_int_equal(cat_search_mlr(&d, goal, 2, NULL, result, NULL, &err), 0);
	assert_int_equal(result[0].outcome, CAT_MLR_MIN);
	assert_int_equal(result[1].outcome, CAT_MLR_REGULAR);
	assert_true(fabs(result[1].conditional_pps / CAPACITY_PPS - 1) <= 0.006);
}

// A fifth of the trials lose for the host's reasons, and the capacity varies: by the exceed ratio of a half the search
// stands above it, where one that believes every trial falls far below.
static void stands_above_noise(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = CAPACITY_PPS, .noise = 0.01, .stall_chance = 0.2};
	struct cat_device d = device_of(&s);
	struct cat_mlr_result result;
	struct cat_err err = {0};
	assert_int_equal(cat_search_mlr(&d, &CAT_MLR_NDR, 1, NULL, &result, NULL, &err), 0);
	assert_int_equal(result.outcome, CAT_MLR_REGULAR);
	assert_true(fabs(result.lower_pps / CAPACITY_PPS - 1) < 0.02);

	// Where no trial may lose, the worst of them counts: a load that passed once is not yet a lower bound.
	struct cat_mlr_goal strict = CAT_MLR_NDR;
	strict.exceed_ratio = 0;
	s.stall_chance = 0;
	d = device_of(&s);
	assert_int_equal(cat_search_mlr(&d, &strict, 1, NULL, &result, NULL, &err), 0);
	assert_int_equal(result.outcome, CAT_MLR_REGULAR);
	assert_true(result.lower_pps < 0.995 * CAPACITY_PPS && result.lower_pps > 0.97 * CAPACITY_PPS);

	struct cat_binary plain = {.trial_s = 1, .resolution = 0.005}, verified = plain;
	struct cat_binary_result without, with;
	verified.verifications = 40;
	s.stall_chance = 0.8;
	d = device_of(&s);
	assert_int_equal(cat_search_binary(&d, &plain, NULL, &without, &err), 0);
	d = device_of(&s);
	assert_int_equal(cat_search_binary(&d, &verified, NULL, &with, &err), 0);
	assert_true(without.throughput_pps < 0.9 * CAPACITY_PPS);
	assert_true(fabs(with.throughput_pps / CAPACITY_PPS - 1) < 0.02);
	assert_true(with.transient > 0 && without.transient == 0);
}

static bool stop_at_third(void *user, const struct cat_trial *trial)
{
	(void)trial;
	return ++*(unsigned *)user < 3;
}

static void ends_when_it_must(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = CAPACITY_PPS, .fail_after = 5};
	struct cat_device d = device_of(&s);
	struct cat_mlr_result result = {.lower_pps = 42};
	struct cat_err err = {0};
	assert_int_equal(cat_search_mlr(&d, &CAT_MLR_NDR, 1, NULL, &result, NULL, &err), -EIO);
	assert_string_equal(err.message, "the generator is gone");
	s.fail_after = 0;
	struct cat_search_options limited = {.time_max_s = 10};
	assert_int_equal(cat_search_mlr(&d, &CAT_MLR_NDR, 1, &limited, &result, NULL, &err), -ETIME);
	unsigned trials = 0;
	struct cat_search_options stopped = {.progress = stop_at_third, .progress_user = &trials};
	assert_int_equal(cat_search_mlr(&d, &CAT_MLR_NDR, 1, &stopped, &result, NULL, &err), -ECANCELED);
	assert_int_equal(trials, 3);
	// A width that no number of trials reaches on a noisy device ends too.
	s.noise = 0.2;
	struct cat_mlr_goal narrow = CAT_MLR_NDR;
	narrow.width = 1e-12;
	assert_int_equal(cat_search_mlr(&d, &narrow, 1, NULL, &result, NULL, &err), 0);
	assert_true(result.lower_pps != 42);
}

static void measures_maximum_receive_rate(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = CAPACITY_PPS, .noise = 0.1};
	struct cat_device d = device_of(&s);
	struct cat_mrr mrr;
	struct cat_err err = {0};
	assert_int_equal(cat_search_mrr(&d, 10, 1, &mrr, &err), 0);
	assert_int_equal(mrr.trials, 10);
	assert_true(mrr.min_pps >= 0.9 * CAPACITY_PPS && mrr.max_pps <= 1.1 * CAPACITY_PPS);
	assert_true(mrr.min_pps < mrr.median_pps && mrr.median_pps < mrr.max_pps && mrr.stdev_pps > 0);
}

static void halves_to_the_throughput(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = CAPACITY_PPS}, dead = {.capacity_pps = 0}, fast = {.capacity_pps = 1e9};
	const struct cat_binary search = {.trial_s = 60, .resolution = 0.001};
	struct cat_binary_result result;
	struct cat_err err = {0};
	struct cat_device d = device_of(&s);
	assert_int_equal(cat_search_binary(&d, &search, NULL, &result, &err), 0);
	assert_true(result.throughput_pps <= CAPACITY_PPS && result.throughput_pps > 0.999 * CAPACITY_PPS);
	assert_true(result.upper_pps > CAPACITY_PPS);
	d = device_of(&dead);
	assert_int_equal(cat_search_binary(&d, &search, NULL, &result, &err), 0);
	assert_true(result.throughput_pps == 0);
	d = device_of(&fast);
	assert_int_equal(cat_search_binary(&d, &search, NULL, &result, &err), 0);
	assert_true(result.throughput_pps == d.load_max_pps && result.upper_pps == 0 && result.trials == 1);
}

static void draws_the_loss_curve(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = 14.88e6 / 2};
	struct cat_device d = device_of(&s);
	struct cat_loss_point point[10];
	size_t count = 0;
	struct cat_err err = {0};
	assert_int_equal(cat_search_loss_curve(&d, 1, NULL, point, &count, &err), 0);
	// 100 % to 60 % lose, 50 and 40 % do not.
	assert_int_equal(count, 7);
	assert_true(fabs(point[0].loss_ratio - 0.5) < 1e-6 && point[4].loss_ratio > 0);
	assert_true(point[5].loss_ratio == 0 && point[6].loss_ratio == 0);
}

static void measures_the_buffer(void **state)
{
	(void)state;
	struct simulated s = {.capacity_pps = CAPACITY_PPS, .buffer = 512};
	struct cat_device d = device_of(&s);
	struct cat_back_to_back b2b;
	struct cat_err err = {0};
	assert_int_equal(cat_search_back_to_back(&d, 100000, 5, CAPACITY_PPS, NULL, &b2b, &err), 0);
	// A burst of n frames leaves n * (1 - capacity / load) of them in the buffer.
	double frames = 512 / (1 - CAPACITY_PPS / d.load_max_pps);
	assert_true(fabs(b2b.average_frames - frames) < 2);
	assert_true(fabs(b2b.corrected_buffer_s - 512 / d.load_max_pps) < 2 / d.load_max_pps);
	assert_true(b2b.stdev_frames < 1e-3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_nonsense),
		cmocka_unit_test(finds_an_ideal_device),
		cmocka_unit_test(spends_long_trials_near_the_result),
		cmocka_unit_test(knows_when_the_device_is_not_the_limit),
		cmocka_unit_test(tells_loss_ratios_apart),
		cmocka_unit_test(stands_above_noise),
		cmocka_unit_test(ends_when_it_must),
		cmocka_unit_test(measures_maximum_receive_rate),
		cmocka_unit_test(halves_to_the_throughput),
		cmocka_unit_test(draws_the_loss_curve),
		cmocka_unit_test(measures_the_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
