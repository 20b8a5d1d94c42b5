// SPDX-License-Identifier: BSD-3-Clause
// Choosing cores, and the rule that nothing is given twice.
#include <inttypes.h>
#include <stdlib.h>

#include "check.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static void test_choose(void **state)
{
	(void)state;
	// What is taken on two sockets: core 1 (and its thread 9) exclusively, core 6 shared.
	struct cat_claim claims[] = {{.owner = "one", .node = 1, .cpu = {9}, .cpu_count = 1},
				     {.owner = "two", .node = 0, .cpu = {6}, .cpu_count = 1, .cpu_shared = true}};
	struct cat_reservations taken = {.claim = claims, .count = CAT_ARRAY_LEN(claims)};
	static const uint32_t pinned[] = {5, 7}, thread[] = {13}, held[] = {1}, shared[] = {6};
	static const struct {
		struct cat_request request;
		int code;
		const char *cpus; // or part of the message
		uint32_t node;
	} cases[] = {
		{{.lanes = 0, .node = -1}, -EINVAL, "expected from 1 to 64", 0},
		{{.lanes = 65, .node = -1}, -EINVAL, "expected from 1 to 64", 0},
		// Isolated first; node 0 has as many of them and more free cores than node 1.
		{{.lanes = 1, .node = -1}, 0, "2", 0},
		{{.lanes = 1, .node = 1}, 0, "3", 1},
		{{.lanes = 2, .node = 1}, 0, "3,5", 1},
		{{.lanes = 3, .node = 1}, 0, "3,5,7", 1},
		// Core 0 comes last.
		{{.lanes = 2, .node = 0}, 0, "2,4", 0},
		{{.lanes = 3, .node = 0}, 0, "0,2,4", 0},
		{{.lanes = 3, .node = 0, .share = true}, 0, "2,4,6", 0},
		// Node 1 has three: one lane goes to the other node, unless that is ruled out.
		{{.lanes = 4, .node = 1, .share = true}, 0, "2-3,5,7", 1},
		{{.lanes = 4, .node = 1}, 0, "2-3,5,7", 1},
		{{.lanes = 4, .node = 1, .numa = CAT_NUMA_STRICT},
		 -ENOSPC,
		 "4 cores wanted on node 1, 3 free: core 9 is held by \"one\"; `lanes: 3`",
		 0},
		{{.lanes = 7, .node = -1}, -ENOSPC, "7 cores wanted, 6 free", 0},
		{{.lanes = 1, .node = 5}, -ENOSPC, "node 5 is not there; this host has 2", 0},
		{{.pinned = pinned, .pinned_count = 2, .node = -1}, 0, "5,7", 1},
		{{.pinned = pinned, .pinned_count = 2, .node = 0}, 0, "5,7", 1},
		{{.pinned = pinned, .pinned_count = 2, .node = 0, .numa = CAT_NUMA_STRICT},
		 -ENOSPC,
		 "core 5 is on node 1, the service on node 0",
		 0},
		{{.pinned = thread, .pinned_count = 1, .node = -1}, 0, "13", 1},
		{{.pinned = held, .pinned_count = 1, .node = -1},
		 -ENOSPC,
		 "core 1 is held by \"one\"; free: 0,2-5,7",
		 0},
		{{.pinned = shared, .pinned_count = 1, .node = -1}, -ENOSPC, "core 6 is held by \"two\"", 0},
		{{.pinned = shared, .pinned_count = 1, .node = -1, .share = true}, 0, "6", 0},
		// Memory: 500 pages are free and 32 GiB can be made into more.
		{{.lanes = 1, .node = 0, .region_bytes = 20 * GIB, .huge_page_bytes = 2 * MIB}, 0, "2", 0},
		{{.lanes = 1, .node = 0, .region_bytes = 40 * GIB, .huge_page_bytes = 2 * MIB, .numa = CAT_NUMA_STRICT},
		 -ENOSPC,
		 "20480 huge pages of 2 MiB wanted on node 0",
		 0},
		{{.lanes = 1, .node = -1, .region_bytes = 2 * GIB, .huge_page_bytes = GIB}, 0, "3", 1},
		{{.lanes = 1, .node = -1, .region_bytes = 3 * GIB, .huge_page_bytes = GIB},
		 -ENOSPC,
		 "3 huge pages of 1 GiB",
		 0},
		{{.lanes = 1, .node = -1, .region_bytes = 40 * GIB}, -ENOSPC, "40960 MiB of packet memory wanted", 0},
		{{.lanes = 1, .node = -1, .other_bytes = 65 * GIB}, -ENOSPC, "of memory wanted", 0},
	};
	struct fake_host host;
	fake_two_sockets(&host);
	struct cat_topology *topology = fake_topology(&host);
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_claim claim = {0};
		struct cat_err err = {0};
		char text[128];
		int r = cat_alloc_choose(topology, &taken, &cases[i].request, &claim, &err);
		if (r != cases[i].code)
			fail_msg("case %zu: found %d (%s), expected %d", i, r, err.message, cases[i].code);
		if (r < 0) {
			if (!strstr(err.message, cases[i].cpus))
				fail_msg("case %zu: found \"%s\", expected \"%s\"", i, err.message, cases[i].cpus);
			continue;
		}
		if (strcmp(cat_cpu_list_format(claim.cpu, claim.cpu_count, text, sizeof(text)), cases[i].cpus) != 0)
			fail_msg("case %zu: found cores %s, expected %s", i, text, cases[i].cpus);
		assert_int_equal(claim.node, cases[i].node);
		assert_int_equal(claim.cpu_shared, cases[i].request.share);
	}
	cat_topology_free(topology);
	fake_host_finish(&host);
}

static void test_small(void **state)
{
	(void)state;
	struct fake_host host;
	struct cat_reservations taken = {0};
	struct cat_claim claim;
	struct cat_err err = {0};
	const struct cat_request request = {.lanes = 1, .node = -1, .region_bytes = 10 * MIB, .other_bytes = 7 * MIB};
	fake_small(&host);
	struct cat_topology *topology = fake_topology(&host);
	// Core 0 is left for the host while another is free, and used then.
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(cat_alloc_choose(topology, &taken, &request, &claim, &err), 0);
		assert_int_equal(claim.cpu[0], 1 - i);
		assert_int_equal(claim.memory_bytes, 17 * MIB);
		snprintf(claim.owner, sizeof(claim.owner), "s%u", i);
		assert_int_equal(cat_reservations_add(&taken, topology, &claim, &err), 0);
	}
	assert_int_equal(cat_alloc_choose(topology, &taken, &request, &claim, &err), -ENOSPC);
	assert_string_equal(err.message, "1 core wanted, 0 free: core 1 is held by \"s0\", core 0 is held by \"s1\"; "
					 "`share_cores: true` in every service concerned would do");
	cat_reservations_free(&taken);
	cat_topology_free(topology);
	fake_host_finish(&host);
}

static void test_unusable(void **state)
{
	(void)state;
	struct fake_host host;
	struct cat_reservations taken = {0};
	struct cat_claim claim;
	struct cat_err err = {0};
	const struct cat_request request = {.lanes = 3, .node = 1, .numa = CAT_NUMA_STRICT};
	fake_two_sockets(&host);
	fake_file(&host, "sys/devices/system/cpu/online", "0-6,8-15\n");
	fake_file(&host, "proc/self/status", "Cpus_allowed_list:	0-4,6-15\n");
	struct cat_topology *topology = fake_topology(&host);
	// Of core 7 its thread 15 is left, of core 5 its thread 13.
	assert_int_equal(cat_alloc_choose(topology, &taken, &request, &claim, &err), 0);
	assert_int_equal(claim.cpu[0], 1);
	assert_int_equal(claim.cpu[1], 3);
	assert_int_equal(claim.cpu[2], 13);
	const struct cat_request more = {.lanes = 5, .node = 1, .numa = CAT_NUMA_STRICT};
	assert_int_equal(cat_alloc_choose(topology, &taken, &more, &claim, &err), -ENOSPC);
	assert_string_equal(err.message,
			    "5 cores wanted on node 1, 4 free: core 7 is offline, core 5 is outside of our cpuset; "
			    "`lanes: 4`, or `numa: prefer` (lanes on several nodes) would do");
	static const uint32_t offline[] = {7}, outside[] = {5};
	const struct cat_request pins[] = {{.pinned = offline, .pinned_count = 1, .node = -1},
					   {.pinned = outside, .pinned_count = 1, .node = -1}};
	assert_int_equal(cat_alloc_choose(topology, &taken, &pins[0], &claim, &err), -ENOSPC);
	assert_non_null(strstr(err.message, "core 7 is offline"));
	assert_int_equal(cat_alloc_choose(topology, &taken, &pins[1], &claim, &err), -ENOSPC);
	assert_non_null(strstr(err.message, "core 5 is outside of our cpuset"));
	cat_topology_free(topology);
	fake_host_finish(&host);
}

static void test_add(void **state)
{
	(void)state;
	static const struct {
		struct cat_claim claim;
		int code;
		const char *message;
	} cases[] = {
		{{.owner = ""}, -EINVAL, "without owner"},
		{{.owner = "held"}, -EEXIST, "\"held\" has a claim already"},
		{{.owner = "a", .cpu = {2}, .cpu_count = 1}, -EBUSY, "core 2 is held by \"held\""},
		{{.owner = "a", .cpu = {10}, .cpu_count = 1}, -EBUSY, "core 10 is held by \"held\""},
		{{.owner = "a", .cpu = {2}, .cpu_count = 1, .cpu_shared = true}, -EBUSY, "core 2 is held by \"held\""},
		{{.owner = "a", .cpu = {4, 4}, .cpu_count = 2}, -EINVAL, "core 4 is named twice"},
		{{.owner = "a", .cpu = {16}, .cpu_count = 1}, -ENODEV, "core 16 is not there"},
		{{.owner = "a", .cpu = {14}, .cpu_count = 1}, -ENODEV, "core 14 is offline"},
		{{.owner = "a", .device = {"lan0"}, .device_count = 1}, -EBUSY, "device lan0 is held by \"held\""},
		{{.owner = "a", .device = {"0000:81:00.0"}, .device_count = 1},
		 -EBUSY,
		 "device 0000:81:00.0 is held by"},
		{{.owner = "a", .node = 9}, -ENODEV, "node 9 is not there"},
		{{.owner = "a", .node = 0, .memory_bytes = 60 * GIB}, -ENOSPC, "61440 MiB of memory wanted on node 0"},
		{{.owner = "a", .node = 0, .memory_bytes = UINT64_MAX}, -ENOSPC, "of memory wanted on node 0"},
		{{.owner = "a", .cpu = {4}, .cpu_count = 1, .device = {"wan0"}, .device_count = 1}, 0, ""},
	};
	static const struct cat_claim held = {.owner = "held",
					      .cpu = {2},
					      .cpu_count = 1,
					      .memory_bytes = 10 * GIB,
					      .device = {"lan0", "ens1f0"},
					      .device_count = 2};
	struct fake_host host;
	fake_two_sockets(&host);
	fake_file(&host, "sys/devices/system/cpu/online", "0-13,15\n");
	struct cat_topology *topology = fake_topology(&host);
	struct cat_reservations taken = {0};
	assert_int_equal(cat_reservations_add(&taken, topology, &held, NULL), 0);
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_err err = {0};
		int r = cat_reservations_add(&taken, topology, &cases[i].claim, &err);
		if (r != cases[i].code || !strstr(err.message, cases[i].message))
			fail_msg("case %zu: found %d \"%s\", expected %d \"%s\"", i, r, err.message, cases[i].code,
				 cases[i].message);
	}
	assert_int_equal(taken.count, 2);
	assert_int_equal(cat_reservations_remove(&taken, "absent"), -ENOENT);
	assert_int_equal(cat_reservations_remove(&taken, "held"), 0);
	assert_null(cat_reservations_of(&taken, "held"));
	assert_non_null(cat_reservations_of(&taken, "a"));
	cat_reservations_free(&taken);
	cat_topology_free(topology);
	fake_host_finish(&host);
}

static void test_tree(void **state)
{
	(void)state;
	static const struct cat_claim claims[] = {
		{.owner = "a",
		 .node = 1,
		 .cpu = {1, 3},
		 .cpu_count = 2,
		 .huge_page_bytes = 2 * MIB,
		 .huge_pages = 17,
		 .memory_bytes = GIB,
		 .device = {"lan0", "0000:81:00.0"},
		 .device_count = 2},
		{.owner = "b", .cpu = {2}, .cpu_count = 1, .cpu_shared = true},
	};
	struct cat_reservations taken = {.claim = (struct cat_claim *)claims, .count = 2}, again = {0};
	struct cat_err err = {0};
	cat_autonode struct cat_node *tree = NULL;
	assert_int_equal(cat_reservations_to_tree(&taken, &tree), 0);
	if (cat_reservations_from_tree(tree, &again, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(again.count, 2);
	assert_memory_equal(again.claim, claims, sizeof(claims));
	cat_reservations_free(&again);

	static const char *const broken[] = {
		"{}",
		"[1]",
		"[{}]",
		"[{owner: '', node: 0, cpus: [], share_cores: false, huge_page_bytes: 0, huge_pages: 0, memory_bytes: "
		"0, devices: []}]",
		"[{owner: a, node: 64, cpus: [], share_cores: false, huge_page_bytes: 0, huge_pages: 0, memory_bytes: "
		"0, devices: []}]",
		"[{owner: a, node: 0, cpus: [-1], share_cores: false, huge_page_bytes: 0, huge_pages: 0, memory_bytes: "
		"0, devices: []}]",
		"[{owner: a, node: 0, cpus: [], share_cores: 1, huge_page_bytes: 0, huge_pages: 0, memory_bytes: 0, "
		"devices: []}]",
		"[{owner: a, node: 0, cpus: [], share_cores: false, huge_page_bytes: 0, huge_pages: -1, memory_bytes: "
		"0, devices: []}]",
		"[{owner: a, node: 0, cpus: [], share_cores: false, huge_page_bytes: 0, huge_pages: 0, memory_bytes: "
		"0, devices: [1]}]",
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(broken); i++) {
		cat_autonode struct cat_node *bad = NULL;
		assert_int_equal(cat_tree_parse_yaml("t", broken[i], strlen(broken[i]), &bad, &err), 0);
		if (cat_reservations_from_tree(bad, &again, &err) != -EINVAL)
			fail_msg("accepted: %s", broken[i]);
	}
	// The same owner twice.
	assert_non_null(cat_node_copy(tree, NULL, tree->first));
	assert_int_equal(cat_reservations_from_tree(tree, &again, &err), -EINVAL);
}

// No core, sibling or device is ever with two owners, unless all share; what is removed can be had again.
static void check_disjoint(const struct cat_topology *topology, const struct cat_reservations *taken)
{
	for (uint32_t i = 0; i < taken->count; i++) {
		const struct cat_claim *a = &taken->claim[i];
		for (uint32_t j = i + 1; j < taken->count; j++) {
			const struct cat_claim *b = &taken->claim[j];
			for (uint32_t x = 0; x < a->cpu_count; x++)
				for (uint32_t y = 0; y < b->cpu_count; y++)
					if (cat_topology_cpu(topology, a->cpu[x])->sibling ==
						    cat_topology_cpu(topology, b->cpu[y])->sibling &&
					    !(a->cpu_shared && b->cpu_shared))
						fail_msg("cores %u and %u were given to %s and %s", a->cpu[x],
							 b->cpu[y], a->owner, b->owner);
			for (uint32_t x = 0; x < a->device_count; x++)
				for (uint32_t y = 0; y < b->device_count; y++)
					assert_string_not_equal(a->device[x], b->device[y]);
		}
	}
}

static void test_random(void **state)
{
	(void)state;
	struct fake_host host;
	struct cat_reservations taken = {0};
	unsigned seed = 4711, added = 0, refused = 0;
	fake_two_sockets(&host);
	struct cat_topology *topology = fake_topology(&host);
	for (int step = 0; step < 20000; step++) {
		unsigned n = (unsigned)rand_r(&seed);
		struct cat_claim claim = {0};
		char owner[CAT_OWNER_MAX];
		snprintf(owner, sizeof(owner), "s%u", n % 12);
		if (n / 12 % 3 == 0) {
			bool there = cat_reservations_of(&taken, owner);
			assert_int_equal(cat_reservations_remove(&taken, owner), there ? 0 : -ENOENT);
			continue;
		}
		const struct cat_request request = {.lanes = 1 + n / 36 % 4,
						    .node = (int)(n / 144 % 3) - 1,
						    .numa = (enum cat_numa)(n / 432 % 3),
						    .share = n / 864 % 2,
						    .other_bytes = (n / 1728 % 8) * GIB};
		if (cat_alloc_choose(topology, &taken, &request, &claim, NULL) < 0) {
			refused++;
			continue;
		}
		assert_int_equal(claim.cpu_count, request.lanes);
		strcpy(claim.owner, owner);
		snprintf(claim.device[claim.device_count++], sizeof(claim.device[0]), "tap%u", n / 13824 % 5);
		int r = cat_reservations_add(&taken, topology, &claim, NULL);
		assert_true(r == 0 || r == -EEXIST || r == -EBUSY);
		added += r == 0;
		check_disjoint(topology, &taken);
	}
	// Both happened, often.
	assert_true(added > 1000 && refused > 1000);
	cat_reservations_free(&taken);
	cat_topology_free(topology);
	fake_host_finish(&host);
}

static void note_lost(void *user, const char *owner, const char *what)
{
	size_t used = strlen(user);
	snprintf((char *)user + used, 512 - used, "%s: %s\n", owner, what);
}

// The host after a boot with less of everything.
static void test_compare(void **state)
{
	(void)state;
	struct fake_host host;
	char found[512] = "";
	struct cat_claim claims[] = {
		{.owner = "a",
		 .node = 0,
		 .cpu = {2, 4},
		 .cpu_count = 2,
		 .device = {"0000:81:01.0", "tap0"},
		 .device_count = 2},
		{.owner = "b",
		 .node = 9,
		 .cpu = {7, 5, 99},
		 .cpu_count = 3,
		 .device = {"0000:99:01.0"},
		 .device_count = 1},
	};
	const struct cat_reservations taken = {.claim = claims, .count = 2};
	fake_two_sockets(&host);
	fake_file(&host, "sys/devices/system/cpu/online", "0-6,8-15\n");
	fake_file(&host, "proc/self/status", "Cpus_allowed_list:	0-4,6-15\n");
	struct cat_topology *topology = fake_topology(&host);
	cat_reservations_compare(&taken, topology, note_lost, found);
	assert_string_equal(found, "b: core 7 is offline\nb: core 5 is outside of our cpuset\nb: core 99 is not there\n"
				   "b: node 9 is not there\nb: device 0000:99:01.0 is not there\n");
	cat_topology_free(topology);
	fake_host_finish(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),  cmocka_unit_test(test_small), cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_add),     cmocka_unit_test(test_tree),  cmocka_unit_test(test_random),
		cmocka_unit_test(test_compare),
	};
	return cmocka_run_group_tests_name("host/alloc", tests, NULL, NULL);
}
