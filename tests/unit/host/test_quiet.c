// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "cat_quiet.h"
#include "check.h"

static struct cat_quiet *look(const struct fake_host *host)
{
	struct cat_topology *topology = fake_topology(host);
	struct cat_quiet *quiet = cat_quiet_check(host->root, topology);
	assert_non_null(quiet);
	cat_topology_free(topology);
	return quiet;
}

static const struct cat_quiet_finding *finding(const struct cat_quiet *quiet, const char *name)
{
	for (uint32_t i = 0; i < quiet->finding_count; i++)
		if (strcmp(quiet->finding[i].name, name) == 0)
			return &quiet->finding[i];
	fail_msg("nothing about %s", name);
	return NULL;
}

// One file is changed on a small host; what is then said about one thing. NULL: nothing is to be mended.
static void test_each(void **state)
{
	(void)state;
	static const struct {
		const char *file, *text, *name;
		enum cat_quiet_state result;
		const char *remedy;
	} cases[] = {
		{"none", "", "isolcpus", CAT_QUIET_NOISY, "&isolcpus=managed_irq,domain,1 /"},
		{"sys/devices/system/cpu/isolated", "1\n", "isolcpus", CAT_QUIET_GOOD, NULL},
		{"none", "", "nohz_full", CAT_QUIET_NOISY, "&nohz_full=1 rcu_nocbs=1 /"},
		{"sys/devices/system/cpu/nohz_full", "1\n", "nohz_full", CAT_QUIET_GOOD, NULL},
		{"none", "", "governor", CAT_QUIET_UNKNOWN, NULL},
		{"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n", "governor", CAT_QUIET_NOISY,
		 "cpupower -c 1 frequency-set -g performance"},
		{"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n", "governor", CAT_QUIET_GOOD,
		 NULL},
		// The core that the host keeps may be as it likes.
		{"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n", "governor", CAT_QUIET_UNKNOWN,
		 NULL},
		{"none", "", "irq", CAT_QUIET_UNKNOWN, NULL},
		{"proc/irq/9/smp_affinity_list", "0-1\n", "irq", CAT_QUIET_NOISY, "do echo 0 >$f"},
		{"proc/irq/9/smp_affinity_list", "0\n", "irq", CAT_QUIET_GOOD, NULL},
		{"proc/irq/9/smp_affinity_list", "hostile\n", "irq", CAT_QUIET_GOOD, NULL},
		{"proc/irq/x/smp_affinity_list", "1\n", "irq", CAT_QUIET_UNKNOWN, NULL},
		{"none", "", "smt", CAT_QUIET_GOOD, NULL},
		{"none", "", "c-states", CAT_QUIET_UNKNOWN, NULL},
		{"sys/devices/system/cpu/cpu1/cpuidle/state0/latency", "133\n", "c-states", CAT_QUIET_NOISY,
		 "cpupower -c 1 idle-set -D 10"},
		{"sys/devices/system/cpu/cpu1/cpuidle/state0/latency", "2\n", "c-states", CAT_QUIET_GOOD, NULL},
		{"none", "", "thp", CAT_QUIET_UNKNOWN, NULL},
		{"sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n", "thp", CAT_QUIET_NOISY,
		 "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled"},
		{"sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n", "thp", CAT_QUIET_GOOD, NULL},
		{"none", "", "numa-balancing", CAT_QUIET_UNKNOWN, NULL},
		{"proc/sys/kernel/numa_balancing", "1\n", "numa-balancing", CAT_QUIET_GOOD, NULL}, // one node
		{"none", "", "clock", CAT_QUIET_UNKNOWN, NULL},
		{"sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n", "clock", CAT_QUIET_NOISY,
		 "&tsc=reliable /"},
		{"sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n", "clock", CAT_QUIET_GOOD,
		 NULL},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct fake_host host;
		fake_small(&host);
		fake_file(&host, cases[i].file, cases[i].text);
		cat_autofree struct cat_quiet *quiet = look(&host);
		const struct cat_quiet_finding *found = finding(quiet, cases[i].name);
		if (found->state != cases[i].result || !*found->expected || !*found->found)
			fail_msg("case %zu, %s: found %d (%s)", i, cases[i].name, (int)found->state, found->found);
		if (cases[i].remedy ? !strstr(found->remedy, cases[i].remedy) : *found->remedy != '\0')
			fail_msg("case %zu, %s: remedy \"%s\"", i, cases[i].name, found->remedy);
		fake_host_finish(&host);
	}
}

// With isolated cores these are the lanes', and others do not matter.
static void test_two_sockets(void **state)
{
	(void)state;
	struct fake_host host;
	char text[64];
	fake_two_sockets(&host);
	fake_file(&host, "proc/sys/kernel/numa_balancing", "1\n");
	fake_file(&host, "sys/devices/system/cpu/cpu5/cpufreq/scaling_governor", "powersave\n");
	fake_file(&host, "proc/irq/30/smp_affinity_list", "0-15\n");
	fake_file(&host, "proc/irq/30/effective_affinity_list", "5\n");
	cat_autofree struct cat_quiet *quiet = look(&host);
	assert_string_equal(cat_cpu_list_format(quiet->lane, quiet->lane_count, text, sizeof(text)), "2-3,10-11");
	assert_int_equal(finding(quiet, "isolcpus")->state, CAT_QUIET_GOOD);
	assert_int_equal(finding(quiet, "smt")->state, CAT_QUIET_GOOD);
	assert_int_equal(finding(quiet, "governor")->state, CAT_QUIET_UNKNOWN);
	assert_int_equal(finding(quiet, "irq")->state, CAT_QUIET_GOOD);
	assert_int_equal(finding(quiet, "numa-balancing")->state, CAT_QUIET_NOISY);
	cat_autonode struct cat_node *tree = cat_quiet_tree(quiet);
	assert_int_equal(cat_node_get(tree, "checks")->count, quiet->finding_count);
	assert_false(cat_node_get(tree, "quiet")->boolean);
	fake_host_finish(&host);
}

// Real servers without any preparation: the lists of their many cores are whole.
static void test_servers(void **state)
{
	(void)state;
	struct fake_host host;
	fake_dual_xeon(&host);
	cat_autofree struct cat_quiet *xeon = look(&host);
	assert_int_equal(finding(xeon, "smt")->state, CAT_QUIET_NOISY);
	assert_non_null(strstr(finding(xeon, "isolcpus")->remedy, "domain,1-55,57-111 /"));
	fake_host_finish(&host);
	fake_arm(&host);
	cat_autofree struct cat_quiet *arm = look(&host);
	assert_int_equal(finding(arm, "smt")->state, CAT_QUIET_GOOD);
	assert_int_equal(arm->lane_count, 79);
	fake_host_finish(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_two_sockets),
		cmocka_unit_test(test_servers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
