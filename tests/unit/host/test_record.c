// SPDX-License-Identifier: BSD-3-Clause
// A recording is the host: what is read from it is the same, NICs and their links included.
#include <stdlib.h>
#include <sys/stat.h>

#include "cat_file.h"
#include "cat_quiet.h"
#include "check.h"

static void compare(void (*make)(struct fake_host *host))
{
	struct fake_host host, copy;
	struct cat_err err = {0};
	char directory[sizeof(copy.root)];
	make(&host);
	fake_host_init(&copy);
	snprintf(directory, sizeof(directory), "%.40s/record", copy.root);
	if (cat_host_record(host.root, directory, &err) < 0)
		fail_msg("%s", err.message);
	struct cat_topology *before = fake_topology(&host), *after = NULL;
	if (cat_topology_read(directory, &after, &err) < 0)
		fail_msg("%s", err.message);
	cat_autonode struct cat_node *expected = cat_topology_tree(before), *found = cat_topology_tree(after);
	assert_true(cat_node_equal(expected, found));
	assert_int_equal(before->nic_count, after->nic_count);
	cat_topology_free(before);
	cat_topology_free(after);
	// What is there is not written over.
	assert_int_equal(cat_host_record(host.root, directory, &err), -EEXIST);
	assert_non_null(strstr(err.message, "must be a new directory"));
	fake_host_finish(&copy);
	fake_host_finish(&host);
}

static void test_same(void **state)
{
	(void)state;
	static void (*const hosts[])(struct fake_host *) = {fake_two_sockets, fake_small, fake_dual_xeon,
							    fake_epyc_nps4,   fake_arm,   fake_vm};
	for (size_t i = 0; i < CAT_ARRAY_LEN(hosts); i++)
		compare(hosts[i]);
}

// Nothing but what is read: no addresses, no serial numbers, no device memory; and no file outside.
static void test_only_known(void **state)
{
	(void)state;
	struct fake_host host, copy;
	struct cat_err err = {0};
	char directory[128], path[256], target[64];
	struct stat st;
	fake_two_sockets(&host);
	fake_file(&host, "sys/class/net/eno1/address", "02:00:00:00:00:01\n");
	fake_file(&host, "sys/devices/pci0000:00/0000:03:00.0/config", "x");
	fake_link(&host, "sys/devices/pci0000:00/0000:03:00.0/net", "/etc");
	fake_host_init(&copy);
	snprintf(directory, sizeof(directory), "%.40s/record", copy.root);
	assert_int_equal(cat_host_record(host.root, directory, &err), 0);
	snprintf(path, sizeof(path), "%.60s/sys/class/net/eno1/address", directory);
	assert_int_equal(lstat(path, &st), -1);
	snprintf(path, sizeof(path), "%.60s/sys/devices/pci0000:00/0000:03:00.0/config", directory);
	assert_int_equal(lstat(path, &st), -1);
	snprintf(path, sizeof(path), "%.60s/sys/devices/pci0000:00/0000:03:00.0/net", directory);
	assert_int_equal(readlink(path, target, sizeof(target)), -1);
	fake_host_finish(&copy);
	fake_host_finish(&host);
}

static void test_no_root(void **state)
{
	(void)state;
	struct cat_err err = {0};
	assert_int_equal(cat_host_record("/nonexistent", "/tmp/never", &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_root),
		cmocka_unit_test(test_only_known),
		cmocka_unit_test(test_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
