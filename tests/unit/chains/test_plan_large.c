// SPDX-License-Identifier: BSD-3-Clause
// How long a plan takes for a large host that is nearly full: 256 cores in 32 clusters, 512 VFs, 120 services.
#include <stdio.h>
#include <time.h>

#include "cat_plan.h"
#include "fixture.h"
#include "random_host.h"

#define RUNS 21
#define SERVICES 120
#define MOST_MS 50
#define GENEROUS 20 // a busy machine is no failure

static const char text[] = "version: 1\n"
			   "service: large\n"
			   "ports: {l: {dev: \"vf:pf3\"}, r: {dev: \"pci:0003:82:0f.7\"}}\n"
			   "functions: {f: {kind: \"null\"}}\n"
			   "path: [l, f, r]\n"
			   "lanes: 16\n";

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void test_time(void **state)
{
	(void)state;
	static const struct random_shape shape = {
		.nodes = 4, .clusters = 8, .cores = 8, .threads = 2, .pfs = 4, .vfs = 128};
	struct cat_topology *host = random_host(NULL, &shape);
	struct cat_reservations taken = {0};
	struct cat_err err = {0};
	for (uint32_t i = 0; i < SERVICES; i++) {
		const struct cat_request request = {.lanes = 1, .node = -1, .nic = {(int)(i % 4)}, .nic_count = 1};
		struct cat_claim claim = {0};
		if (cat_alloc_choose(host, &taken, &request, &claim, &err) < 0)
			fail_msg("%s", err.message);
		snprintf(claim.owner, sizeof(claim.owner), "s%u", i);
		for (uint32_t v = 0; v < 4; v++)
			snprintf(claim.device[claim.device_count++], sizeof(claim.device[0]), "pf%u/vf%u", i % 4,
				 i / 4 * 4 + v);
		if (cat_reservations_add(&taken, host, &claim, &err) < 0)
			fail_msg("%s", err.message);
	}
	struct cat_kinds *kinds = fixture_kinds();
	struct cat_service *service = fixture_service(kinds, text, strlen(text));
	double ms[RUNS];
	for (size_t i = 0; i < RUNS; i++) {
		struct cat_node *plan = NULL;
		double start = now_ms();
		if (cat_plan_make(service, host, &taken, &plan, &err) < 0)
			fail_msg("%s", err.message);
		ms[i] = now_ms() - start;
		assert_int_equal(cat_node_get(plan, "lanes")->count, 16);
		assert_int_equal(cat_node_get(plan, "node")->integer, 3);
		cat_node_free(plan);
	}
	qsort(ms, RUNS, sizeof(*ms), compare);
	print_message("a plan for %u cores, %u NICs, %u services: median %.2f ms, worst %.2f ms\n", host->cpu_count / 2,
		      host->nic_count, SERVICES, ms[RUNS / 2], ms[RUNS - 1]);
	assert_true(ms[RUNS / 2] < MOST_MS * GENEROUS);
	cat_service_free(service);
	cat_kinds_free(kinds);
	cat_reservations_free(&taken);
	cat_topology_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_time)};
	return cmocka_run_group_tests_name("chains/plan_large", tests, NULL, NULL);
}
