// SPDX-License-Identifier: BSD-3-Clause
#include "check.h"

static void test_cpu_lists(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int code;
		const char *formatted;
	} cases[] = {
		{"1-", -EINVAL, NULL},
		{"-1", -EINVAL, NULL},
		{"3-1", -EINVAL, NULL},
		{"1,,2", -EINVAL, NULL},
		{"1,", -EINVAL, NULL},
		{",1", -EINVAL, NULL},
		{"1 2", -EINVAL, NULL},
		{"a", -EINVAL, NULL},
		{"0x1", -EINVAL, NULL},
		{"0-1024", -E2BIG, NULL},
		{"99999999999", -EINVAL, NULL},
		{"0-20", -E2BIG, NULL},
		{"", 0, ""},
		{" \n", 0, ""},
		{"0", 0, "0"},
		{"0-3,8\n", 0, "0-3,8"},
		{"8,0-3,2", 0, "0-3,8"},
		{"5,4,3", 0, "3-5"},
		{"1,3,5-6", 0, "1,3,5-6"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		uint32_t cpus[16], count = 77;
		char text[64];
		int r = cat_cpu_list_parse(cases[i].text, cpus, CAT_ARRAY_LEN(cpus), &count);
		if (r != cases[i].code)
			fail_msg("\"%s\": found %d, expected %d", cases[i].text, r, cases[i].code);
		if (r < 0)
			assert_int_equal(count, 77);
		else
			assert_string_equal(cat_cpu_list_format(cpus, count, text, sizeof(text)), cases[i].formatted);
	}
}

static void test_nothing(void **state)
{
	(void)state;
	struct fake_host host;
	struct cat_topology *topology = NULL;
	struct cat_err err = {0};
	fake_host_init(&host);
	assert_int_equal(cat_topology_read(host.root, &topology, &err), -ENOENT);
	assert_null(topology);
	assert_non_null(strstr(err.message, "sys/devices/system/cpu: no cores found there"));
	fake_host_finish(&host);
}

// Only directories of cores: everything else is unknown.
static void test_bare(void **state)
{
	(void)state;
	struct fake_host host;
	fake_host_init(&host);
	fake_file(&host, "sys/devices/system/cpu/cpu0/uevent", "");
	fake_file(&host, "sys/devices/system/cpu/cpu10/uevent", "");
	fake_file(&host, "sys/devices/system/cpu/cpu10/online", "0\n");
	fake_file(&host, "sys/devices/system/cpu/cpufreq/x", "");
	fake_file(&host, "sys/devices/system/cpu/cpu99999/uevent", "");
	fake_file(&host, "proc/meminfo", "MemTotal:  1024 kB\nMemFree:   512 kB\nActive(file): 256 kB\n");
	fake_file(&host, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "7\n");
	fake_file(&host, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "5\n");
	struct cat_topology *topology = fake_topology(&host);
	assert_int_equal(topology->cpu_count, 2);
	assert_true(cat_topology_cpu(topology, 0)->online);
	assert_true(cat_topology_cpu(topology, 0)->allowed);
	assert_false(cat_topology_cpu(topology, 10)->online);
	assert_int_equal(cat_topology_cpu(topology, 10)->core, 10);
	assert_int_equal(cat_topology_cpu(topology, 10)->sibling, 10);
	assert_null(cat_topology_cpu(topology, 1));
	assert_int_equal(topology->node_count, 1);
	assert_int_equal(topology->node[0].memory_bytes, 1024 << 10);
	assert_int_equal(topology->node[0].free_bytes, 768 << 10);
	assert_int_equal(topology->node[0].huge_count, 1);
	assert_int_equal(topology->node[0].huge[0].total, 7);
	assert_int_equal(topology->node[0].huge[0].free, 5);
	assert_int_equal(topology->nic_count, 0);
	assert_string_equal(topology->model, "");
	cat_topology_free(topology);
	fake_host_finish(&host);
}

static void test_two_sockets(void **state)
{
	(void)state;
	struct fake_host host;
	fake_two_sockets(&host);
	fake_file(&host, "sys/devices/system/cpu/online", "0-13,15\n");
	struct cat_topology *topology = fake_topology(&host);
	assert_int_equal(topology->cpu_count, 16);
	const struct cat_cpu *cpu = cat_topology_cpu(topology, 11);
	assert_int_equal(cpu->node, 1);
	assert_int_equal(cpu->package, 1);
	assert_int_equal(cpu->core, 1);
	assert_int_equal(cpu->sibling, 3);
	assert_true(cpu->isolated && cpu->online);
	assert_false(cpu->nohz_full);
	// Not in our affinity, but isolated: a cpuset may use it.
	assert_true(cpu->allowed);
	assert_true(cat_topology_cpu(topology, 3)->nohz_full);
	assert_false(cat_topology_cpu(topology, 14)->online);
	assert_int_equal(topology->node_count, 2);
	const struct cat_numa_node *node = &topology->node[1];
	assert_int_equal(node->distance[0], 21);
	assert_int_equal(node->distance[1], 10);
	assert_int_equal(node->memory_bytes, UINT64_C(64) << 30);
	assert_int_equal(node->free_bytes, (UINT64_C(32) << 30) + (1 << 20));
	assert_int_equal(node->huge_count, 2);
	assert_int_equal(node->huge[0].page_bytes, 2 << 20);
	assert_int_equal(node->huge[1].page_bytes, 1 << 30);
	assert_int_equal(node->huge[1].free, 2);
	assert_string_equal(topology->kernel, "6.1.0-test");
	assert_string_equal(topology->model, "Test CPU @ 2.00GHz");
	cat_topology_free(topology);
	fake_host_finish(&host);
}

static void test_nics(void **state)
{
	(void)state;
	static const struct cat_nic expected[] = {
		{"", "0000:81:01.1", "vfio-pci", "ens1f0", 1, 0, 0, 42, 0, false},
		{"eno1", "0000:03:00.0", "igb", "", 0, 0, 0, 20, 1000, true},
		{"ens1f0", "0000:81:00.0", "ice", "", 1, 2, 64, 40, 25000, true},
		{"ens1f0v0", "0000:81:01.0", "iavf", "ens1f0", 1, 0, 0, 41, 0, false},
		{"eth9", "0000:05:00.0", "virtio-pci", "", -1, 0, 0, -1, 0, true},
		{"lan0", "", "", "", -1, 0, 0, -1, 10000, true},
		{"wan0", "", "", "", -1, 0, 0, -1, 10000, true},
	};
	struct fake_host host;
	fake_two_sockets(&host);
	struct cat_topology *topology = fake_topology(&host);
	assert_int_equal(topology->nic_count, CAT_ARRAY_LEN(expected));
	for (size_t i = 0; i < CAT_ARRAY_LEN(expected); i++) {
		const struct cat_nic *found = &topology->nic[i], *wanted = &expected[i];
		assert_string_equal(found->name, wanted->name);
		assert_string_equal(found->bdf, wanted->bdf);
		assert_string_equal(found->driver, wanted->driver);
		assert_string_equal(found->pf, wanted->pf);
		assert_int_equal(found->node, wanted->node);
		assert_int_equal(found->vfs, wanted->vfs);
		assert_int_equal(found->vfs_max, wanted->vfs_max);
		assert_int_equal(found->iommu_group, wanted->iommu_group);
		assert_int_equal(found->speed_mbps, wanted->speed_mbps);
		assert_int_equal(found->link, wanted->link);
	}
	assert_ptr_equal(cat_topology_nic(topology, "0000:81:00.0"), cat_topology_nic(topology, "ens1f0"));
	assert_null(cat_topology_nic(topology, ""));
	assert_null(cat_topology_nic(topology, "lo"));
	cat_topology_free(topology);
	fake_host_finish(&host);
}

// What makes no sense in the files is passed over.
static void test_damaged(void **state)
{
	(void)state;
	struct fake_host host;
	fake_two_sockets(&host);
	fake_file(&host, "sys/devices/system/cpu/isolated", "2-,x\n");
	fake_file(&host, "sys/devices/system/cpu/cpu1/topology/core_id", "-1\n");
	fake_file(&host, "sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "many\n");
	fake_file(&host, "sys/devices/system/node/node0/meminfo", "nothing of use\n");
	fake_file(&host, "sys/devices/system/node/node0/distance", "ten\n");
	fake_file(&host, "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "many\n");
	fake_file(&host, "sys/class/net/lan0/speed", "fast\n");
	fake_remove(&host, "proc/self/status");
	struct cat_topology *topology = fake_topology(&host);
	assert_false(cat_topology_cpu(topology, 2)->isolated);
	assert_true(cat_topology_cpu(topology, 2)->allowed);
	assert_int_equal(cat_topology_cpu(topology, 1)->core, 1);
	assert_int_equal(cat_topology_cpu(topology, 1)->sibling, 1);
	assert_int_equal(topology->node[0].memory_bytes, 0);
	assert_int_equal(topology->node[0].distance[0], 10);
	assert_int_equal(topology->node[0].distance[1], 20);
	assert_int_equal(topology->node[0].huge[0].total, 0);
	assert_int_equal(cat_topology_nic(topology, "lan0")->speed_mbps, 0);
	cat_topology_free(topology);
	fake_host_finish(&host);
}

static void test_tree(void **state)
{
	(void)state;
	struct fake_host host;
	fake_two_sockets(&host);
	struct cat_topology *topology = fake_topology(&host);
	cat_autonode struct cat_node *tree = cat_topology_tree(topology);
	assert_int_equal(cat_node_get(tree, "cpus")->count, 16);
	assert_int_equal(cat_node_resolve(tree, "/cpus/11/sibling", false)->integer, 3);
	assert_int_equal(cat_node_resolve(tree, "/nodes/1/huge_pages/1/free", false)->integer, 2);
	assert_int_equal(cat_node_resolve(tree, "/nodes/0/distances/1", false)->integer, 21);
	assert_string_equal(cat_node_resolve(tree, "/nics/3/pf", false)->string, "ens1f0");
	cat_topology_free(topology);
	fake_host_finish(&host);
}

static void test_this_machine(void **state)
{
	(void)state;
	struct cat_topology *topology = NULL;
	struct cat_err err = {0};
	if (cat_topology_read("/", &topology, &err) < 0)
		fail_msg("%s", err.message);
	uint32_t usable = 0;
	for (uint32_t i = 0; i < topology->cpu_count; i++)
		usable += topology->cpu[i].online && topology->cpu[i].allowed;
	assert_true(usable >= 1);
	assert_true(topology->node_count >= 1);
	assert_true(topology->node[0].memory_bytes > 0);
	assert_true(*topology->kernel);
	cat_topology_free(topology);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpu_lists),   cmocka_unit_test(test_nothing),      cmocka_unit_test(test_bare),
		cmocka_unit_test(test_two_sockets), cmocka_unit_test(test_nics),         cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_tree),        cmocka_unit_test(test_this_machine),
	};
	return cmocka_run_group_tests_name("host/topology", tests, NULL, NULL);
}
