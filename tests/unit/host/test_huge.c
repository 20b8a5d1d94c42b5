// SPDX-License-Identifier: BSD-3-Clause
// Huge pages on a tree of files: the kernel's answer is what was written, or (a read-only pool) what was there.
#include <fcntl.h>
#include <sys/stat.h>

#include "cat_file.h"
#include "check.h"
#include "host.h"

#define MIB2 (UINT64_C(2) << 20)
#define POOL "sys/devices/system/node/node0/hugepages/hugepages-2048kB/"

static long long total_of(const struct fake_host *host)
{
	return sysfs_int(host->root, -1, POOL "nr_hugepages");
}

static void test_reserve(void **state)
{
	(void)state;
	static const struct {
		const char *total, *free, *promised;
		uint32_t pages, added;
		long long total_after;
	} cases[] = {
		{"10", "10", "0", 4, 0, 10},
		{"10", "3", "0", 4, 1, 11},
		{"0", "0", "0", 17, 17, 17},
		// Others mapped pages and have not touched them yet.
		{"10", "10", "8", 4, 2, 12},
		{"10", "2", "8", 4, 4, 14},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct fake_host host;
		struct cat_err err = {0};
		uint32_t added = 99;
		fake_host_init(&host);
		fake_file(&host, POOL "nr_hugepages", cases[i].total);
		fake_file(&host, POOL "free_hugepages", cases[i].free);
		fake_file(&host, "sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", cases[i].promised);
		if (huge_reserve_at(host.root, 0, MIB2, cases[i].pages, &added, &err) < 0)
			fail_msg("%s", err.message);
		assert_int_equal(added, cases[i].added);
		assert_int_equal(total_of(&host), cases[i].total_after);
		// Somebody else raises the pool meanwhile; only what was added goes back.
		char text[32];
		snprintf(text, sizeof(text), "%lld\n", total_of(&host) + 5);
		fake_file(&host, POOL "nr_hugepages", text);
		assert_int_equal(huge_release_at(host.root, 0, MIB2, added, &err), 0);
		assert_int_equal(total_of(&host), cases[i].total_after + 5 - added);
		fake_host_finish(&host);
	}
}

static void test_refused(void **state)
{
	(void)state;
	struct fake_host host;
	struct cat_err err = {0};
	uint32_t added = 99;
	fake_host_init(&host);
	assert_int_equal(huge_reserve_at(host.root, 0, MIB2, 1, &added, &err), -ENOMEM);
	assert_string_equal(err.message, "node 0 has no huge pages of 2048 KiB");
	assert_int_equal(huge_release_at(host.root, 0, MIB2, 1, &err), -ENOMEM);
	assert_int_equal(huge_release_at(host.root, 0, MIB2, 0, &err), 0);
	// A pool that cannot be written.
	fake_file(&host, POOL "free_hugepages", "0\n");
	fake_link(&host, POOL "nr_hugepages", "/proc/self/oom_score");
	assert_int_equal(huge_reserve_at(host.root, 0, MIB2, 1, &added, &err), -ENOMEM);
	assert_int_equal(added, 99);
	fake_host_finish(&host);
}

// A kernel without NUMA has one pool.
static void test_without_nodes(void **state)
{
	(void)state;
	struct fake_host host;
	struct cat_err err = {0};
	uint32_t added;
	fake_host_init(&host);
	fake_file(&host, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1\n");
	fake_file(&host, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "1\n");
	assert_int_equal(huge_reserve_at(host.root, 0, MIB2, 3, &added, &err), 0);
	assert_int_equal(added, 2);
	assert_int_equal(sysfs_int(host.root, -1, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"), 3);
	assert_int_equal(huge_reserve_at(host.root, 1, MIB2, 1, &added, &err), -ENOMEM);
	fake_host_finish(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_without_nodes),
	};
	return cmocka_run_group_tests_name("host/huge", tests, NULL, NULL);
}
