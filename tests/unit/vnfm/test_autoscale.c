// SPDX-License-Identifier: BSD-3-Clause
// Decisions of scaling on curves of load, one look a second.
#include "../test.h"

#include "autoscale.h"

static const struct autoscale_limits limits = {
	.minimum = 1, .maximum = 4, .grow = 0.8, .shrink = 0.5, .hold_ms = 10000};

struct course {
	uint32_t cores, changes, lacking, most;
	uint64_t now_ms, last_change_ms, least_distance_ms;
	struct autoscale memory;
};

static void look(struct course *c, double busy, double queue)
{
	bool lacking = false;
	c->now_ms += 1000;
	uint32_t to = autoscale_decide(&c->memory, &limits, c->cores, busy < c->cores ? busy : c->cores, queue,
				       c->now_ms, &lacking);
	assert_in_range(to, limits.minimum, limits.maximum);
	c->lacking += lacking;
	if (to == c->cores)
		return;
	assert_true(to == c->cores + 1 || to + 1 == c->cores);
	if (c->changes && c->now_ms - c->last_change_ms < c->least_distance_ms)
		c->least_distance_ms = c->now_ms - c->last_change_ms;
	c->last_change_ms = c->now_ms;
	c->changes++;
	c->cores = to;
	c->most = to > c->most ? to : c->most;
}

#define COURSE                                                                                                         \
	{                                                                                                              \
		.cores = 1, .most = 1, .now_ms = 1000000, .least_distance_ms = UINT64_MAX                              \
	}

static void stays_within_its_limits(void **state)
{
	(void)state;
	bool lacking;
	struct autoscale memory = {0};
	assert_int_equal(autoscale_decide(&memory, &limits, 0, 0, 0, 1000, &lacking), 1);
	assert_int_equal(autoscale_decide(&memory, &limits, 9, 9, 1, 2000, &lacking), 4);
	struct course c = COURSE;
	for (unsigned i = 0; i < 200; i++)
		look(&c, 100, 1);
	assert_int_equal(c.cores, 4);
	assert_int_equal(c.changes, 3);
	assert_true(c.lacking > 0);
}

// Whatever an even load is, the number of cores settles, and no change is taken back.
static void does_not_flap_under_even_loads(void **state)
{
	(void)state;
	for (uint32_t start = 1; start <= 4; start++)
		for (double busy = 0; busy < 4.5; busy += 0.01) {
			struct course c = COURSE;
			c.cores = start;
			uint32_t changes = 0;
			for (unsigned i = 0; i < 400; i++) {
				look(&c, busy, 0);
				if (i == 100)
					changes = c.changes;
			}
			assert_int_equal(c.changes, changes);
			assert_true(c.changes <= 3);
			assert_true(busy / c.cores <= limits.grow + 1e-9 || c.cores == 4);
		}
}

// A peak of two seconds is no reason, nor is a dip.
static void does_not_follow_peaks(void **state)
{
	(void)state;
	struct course c = COURSE;
	for (unsigned i = 0; i < 300; i++)
		look(&c, i % 10 < 2 ? 1.0 : 0.3, 0);
	assert_int_equal(c.changes, 0);
	c = (struct course)COURSE;
	c.cores = 2;
	for (unsigned i = 0; i < 300; i++)
		look(&c, i % 9 == 0 ? 0.9 : 0.1, 0);
	assert_int_equal(c.changes, 0);
}

static void follows_a_day(void **state)
{
	(void)state;
	struct course c = COURSE;
	// Up to three cores' worth and down again within an hour, with noise of a tenth of a core.
	for (unsigned i = 0; i < 3600; i++) {
		double level = 3.0 * (i < 1800 ? i : 3600 - i) / 1800;
		look(&c, level + 0.1 * (i * 7919 % 21 / 10.0 - 1), 0);
	}
	assert_int_equal(c.most, 4);
	assert_int_equal(c.cores, 1);
	assert_int_equal(c.changes, 6);
	assert_true(c.least_distance_ms >= limits.hold_ms);
}

static void swings_are_no_faster_than_the_hold(void **state)
{
	(void)state;
	struct course c = COURSE;
	for (unsigned i = 0; i < 1000; i++)
		look(&c, i / 13 % 2 ? 3.5 : 0, 0);
	assert_true(c.least_distance_ms >= limits.hold_ms);
}

static void full_queues_are_a_reason(void **state)
{
	(void)state;
	struct course c = COURSE;
	look(&c, 0.1, 0.9);
	look(&c, 0.1, 0.9);
	assert_int_equal(c.cores, 1);
	look(&c, 0.1, 0.9);
	assert_int_equal(c.cores, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_within_its_limits),
		cmocka_unit_test(does_not_flap_under_even_loads),
		cmocka_unit_test(does_not_follow_peaks),
		cmocka_unit_test(follows_a_day),
		cmocka_unit_test(swings_are_no_faster_than_the_hold),
		cmocka_unit_test(full_queues_are_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
