// SPDX-License-Identifier: BSD-3-Clause
// One function for each thing that disturbs lanes; all look at the same cores. Every remedy is one line for a root
// shell.
#include "cat_quiet.h"

#include <assert.h>
#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "host.h"

#define CPU_DIR "sys/devices/system/cpu"
#define LIST_MAX (5 * CAT_CPUS_MAX + 1) // "1023," for each: a list that was cut would name other cores
// A core that sleeps deeper than this takes longer to wake up than a burst takes to be handled.
#define WAKE_US 10
#define IDLE_STATES_MAX 16u

struct look {
	const char *root;
	const struct cat_topology *host;
	struct cat_quiet *quiet;
	bool lane[CAT_CPUS_MAX];
	char lanes[LIST_MAX], others[LIST_MAX]; // as lists
};

static struct cat_quiet_finding *add(struct look *look, const char *name, const char *expected)
{
	struct cat_quiet_finding *finding = &look->quiet->finding[look->quiet->finding_count++];
	finding->name = name;
	finding->state = CAT_QUIET_UNKNOWN;
	snprintf(finding->expected, sizeof(finding->expected), "%s", expected);
	return finding;
}

static void conclude(struct cat_quiet_finding *finding, enum cat_quiet_state state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void conclude(struct cat_quiet_finding *finding, enum cat_quiet_state state, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(finding->found, sizeof(finding->found), format, args);
	va_end(args);
	finding->state = state;
}

static void mend(struct cat_quiet_finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void mend(struct cat_quiet_finding *finding, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(finding->remedy, sizeof(finding->remedy), format, args);
	va_end(args);
}

static void mend_boot(struct cat_quiet_finding *finding, const char *option, const char *value)
{
	mend(finding, "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&%s=%s /' /etc/default/grub && update-grub && reboot", option,
	     value);
}

static void format_cores(const uint32_t *cpus, uint32_t count, char *text)
{
	cat_cpu_list_format(cpus, count, text, LIST_MAX);
}

static void choose_lanes(struct look *look)
{
	const struct cat_topology *host = look->host;
	const struct cat_cpu *first = NULL;
	bool isolated = false;
	uint32_t usable = 0, others[CAT_CPUS_MAX], other_count = 0;
	for (uint32_t i = 0; i < host->cpu_count; i++) {
		const struct cat_cpu *cpu = &host->cpu[i];
		if (!cpu->online || !cpu->allowed)
			continue;
		usable++;
		isolated = isolated || cpu->isolated;
		if (!first || cpu->id < first->id)
			first = cpu;
	}
	for (uint32_t pass = 0; pass < 2 && !look->quiet->lane_count; pass++)
		for (uint32_t i = 0; i < host->cpu_count; i++) {
			const struct cat_cpu *cpu = &host->cpu[i];
			// The second pass is for a host that has one physical core.
			if (cpu->online && cpu->allowed &&
			    (isolated ? cpu->isolated : pass || cpu->sibling != first->sibling)) {
				look->lane[cpu->id] = true;
				look->quiet->lane[look->quiet->lane_count++] = cpu->id;
			}
		}
	for (uint32_t i = 0; i < host->cpu_count; i++)
		if (host->cpu[i].online && !look->lane[host->cpu[i].id])
			others[other_count++] = host->cpu[i].id;
	if (other_count == 0 && first)
		others[other_count++] = first->id;
	format_cores(look->quiet->lane, look->quiet->lane_count, look->lanes);
	format_cores(others, other_count, look->others);
}

static void check_isolated(struct look *look)
{
	struct cat_quiet_finding *finding = add(look, "isolcpus", "the lanes' cores isolated from the scheduler");
	const struct cat_cpu *cpu = look->quiet->lane_count ? cat_topology_cpu(look->host, look->quiet->lane[0]) : NULL;
	if (cpu && cpu->isolated) {
		conclude(finding, CAT_QUIET_GOOD, "%s isolated", look->lanes);
		return;
	}
	conclude(finding, CAT_QUIET_NOISY, "no isolated core");
	char value[LIST_MAX + 32];
	snprintf(value, sizeof(value), "managed_irq,domain,%s", look->lanes);
	mend_boot(finding, "isolcpus", value);
}

static void check_ticks(struct look *look)
{
	struct cat_quiet_finding *finding = add(look, "nohz_full", "no timer tick on the lanes' cores");
	uint32_t ticking[CAT_CPUS_MAX], count = 0;
	char list[LIST_MAX];
	for (uint32_t i = 0; i < look->quiet->lane_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(look->host, look->quiet->lane[i]);
		if (!cpu->nohz_full)
			ticking[count++] = cpu->id;
	}
	if (count == 0) {
		conclude(finding, CAT_QUIET_GOOD, "%s without", look->lanes);
		return;
	}
	format_cores(ticking, count, list);
	conclude(finding, CAT_QUIET_NOISY, "ticks on %s", list);
	char value[2 * LIST_MAX + 16];
	snprintf(value, sizeof(value), "%s rcu_nocbs=%s", look->lanes, look->lanes);
	mend_boot(finding, "nohz_full", value);
}

static void check_governor(struct look *look)
{
	struct cat_quiet_finding *finding = add(look, "governor", "performance");
	uint32_t slow[CAT_CPUS_MAX], count = 0, known = 0;
	char text[64], other[64] = "", list[LIST_MAX];
	for (uint32_t i = 0; i < look->quiet->lane_count; i++) {
		sysfs_text(look->root, text, sizeof(text), CPU_DIR "/cpu%u/cpufreq/scaling_governor",
			   look->quiet->lane[i]);
		known += *text != '\0';
		if (*text && strcmp(text, "performance") != 0) {
			slow[count++] = look->quiet->lane[i];
			snprintf(other, sizeof(other), "%s", text);
		}
	}
	if (known == 0) {
		conclude(finding, CAT_QUIET_UNKNOWN, "the kernel does not set the frequency");
	} else if (count == 0) {
		conclude(finding, CAT_QUIET_GOOD, "performance");
	} else {
		format_cores(slow, count, list);
		conclude(finding, CAT_QUIET_NOISY, "%s on %s", other, list);
		mend(finding, "cpupower -c %s frequency-set -g performance", list);
	}
}

static bool hits_lane(const struct look *look, const char *list)
{
	uint32_t cpus[CAT_CPUS_MAX], count = 0;
	if (cat_cpu_list_parse(list, cpus, CAT_CPUS_MAX, &count) < 0)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (look->lane[cpus[i]])
			return true;
	return false;
}

// Where an interrupt really goes is told by newer kernels; where it may go, by all.
static void read_irq(const struct look *look, const char *irq, char *ret_list, size_t size)
{
	sysfs_text(look->root, ret_list, size, "proc/irq/%s/effective_affinity_list", irq);
	if (!*ret_list)
		sysfs_text(look->root, ret_list, size, "proc/irq/%s/smp_affinity_list", irq);
}

static void check_irqs(struct look *look)
{
	struct cat_quiet_finding *finding = add(look, "irq", "no interrupts on the lanes' cores");
	char path[PATH_MAX], list[4096], example[16] = "";
	unsigned known = 0, count = 0;
	cat_autodir DIR *dir = sysfs_path(look->root, path, sizeof(path), "proc/irq") ? opendir(path) : NULL;
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);
		if (length >= sizeof(example) || strspn(entry->d_name, "0123456789") != length)
			continue;
		read_irq(look, entry->d_name, list, sizeof(list));
		known += *list != '\0';
		if (!hits_lane(look, list))
			continue;
		// The lowest one, whatever the order of the directory.
		if (count++ == 0 || atoi(entry->d_name) < atoi(example))
			snprintf(example, sizeof(example), "%.15s", entry->d_name);
	}
	if (known == 0) {
		conclude(finding, CAT_QUIET_UNKNOWN, "not told");
	} else if (count == 0) {
		conclude(finding, CAT_QUIET_GOOD, "%u interrupts, none there", known);
	} else {
		conclude(finding, CAT_QUIET_NOISY, "%u of %u interrupts go there, such as %s", count, known, example);
		mend(finding,
		     "systemctl stop irqbalance; for f in /proc/irq/[0-9]*/smp_affinity_list; do echo %s >$f; done "
		     "2>/dev/null",
		     look->others);
	}
}

static void check_threads(struct look *look)
{
	struct cat_quiet_finding *finding =
		add(look, "smt", "no second threads, or those of the lanes' cores isolated too");
	uint32_t busy[CAT_CPUS_MAX], count = 0, threads = 0;
	char list[LIST_MAX];
	for (uint32_t i = 0; i < look->host->cpu_count; i++) {
		const struct cat_cpu *cpu = &look->host->cpu[i];
		bool shared = false;
		for (uint32_t j = 0; j < look->host->cpu_count && cpu->online; j++) {
			const struct cat_cpu *other = &look->host->cpu[j];
			if (j == i || !other->online || other->sibling != cpu->sibling)
				continue;
			threads++;
			shared = shared || look->lane[other->id];
		}
		if (shared && !cpu->isolated)
			busy[count++] = cpu->id;
	}
	if (threads == 0) {
		conclude(finding, CAT_QUIET_GOOD, "one thread a core");
	} else if (count == 0) {
		conclude(finding, CAT_QUIET_GOOD, "second threads are isolated");
	} else {
		format_cores(busy, count, list);
		conclude(finding, CAT_QUIET_NOISY, "anything may run beside lanes on %s", list);
		mend(finding, "echo off >/sys/devices/system/cpu/smt/control");
	}
}

// An idle state that takes long to leave and is not switched off.
static bool sleeps_deep(const struct look *look, uint32_t cpu, bool *ret_known)
{
	for (uint32_t state = 0; state < IDLE_STATES_MAX; state++) {
		long long us = sysfs_int(look->root, -1, CPU_DIR "/cpu%u/cpuidle/state%u/latency", cpu, state);
		if (us < 0)
			break;
		*ret_known = true;
		if (us > WAKE_US && sysfs_int(look->root, 0, CPU_DIR "/cpu%u/cpuidle/state%u/disable", cpu, state) == 0)
			return true;
	}
	return false;
}

static void check_idle(struct look *look)
{
	struct cat_quiet_finding *finding = add(look, "c-states", "no idle state that takes over 10 us to leave");
	uint32_t deep[CAT_CPUS_MAX], count = 0;
	bool known = false;
	char list[LIST_MAX];
	for (uint32_t i = 0; i < look->quiet->lane_count; i++)
		if (sleeps_deep(look, look->quiet->lane[i], &known))
			deep[count++] = look->quiet->lane[i];
	if (!known) {
		conclude(finding, CAT_QUIET_UNKNOWN, "the kernel has no idle states here");
	} else if (count == 0) {
		conclude(finding, CAT_QUIET_GOOD, "all are left within 10 us");
	} else {
		format_cores(deep, count, list);
		conclude(finding, CAT_QUIET_NOISY, "deeper ones on %s", list);
		mend(finding, "cpupower -c %s idle-set -D %d", list, WAKE_US);
	}
}

static void check_huge(struct look *look)
{
	struct cat_quiet_finding *finding = add(look, "thp", "transparent huge pages by request or never");
	char text[64];
	sysfs_text(look->root, text, sizeof(text), "sys/kernel/mm/transparent_hugepage/enabled");
	if (!*text) {
		conclude(finding, CAT_QUIET_UNKNOWN, "the kernel has none");
	} else if (!strstr(text, "[always]")) {
		conclude(finding, CAT_QUIET_GOOD, "%s", text);
	} else {
		conclude(finding, CAT_QUIET_NOISY, "%s: memory is moved together under running lanes", text);
		mend(finding, "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled");
	}
}

static void check_balancing(struct look *look)
{
	struct cat_quiet_finding *finding = add(look, "numa-balancing", "off");
	long long on = sysfs_int(look->root, -1, "proc/sys/kernel/numa_balancing");
	if (on < 0) {
		conclude(finding, CAT_QUIET_UNKNOWN, "the kernel does not balance");
	} else if (on == 0 || look->host->node_count < 2) {
		conclude(finding, CAT_QUIET_GOOD, on ? "on, with one node" : "off");
	} else {
		conclude(finding, CAT_QUIET_NOISY, "on: pages are unmapped to see who uses them");
		mend(finding, "sysctl kernel.numa_balancing=0");
	}
}

static void check_clock(struct look *look)
{
	// What is read without a system call, by the processor's own counter.
	static const char *const fast[] = {"tsc",      "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page",
					   "timebase", "riscv_clocksource"};
	static const char directory[] = "sys/devices/system/clocksource/clocksource0";
	struct cat_quiet_finding *finding = add(look, "clock", "tsc, or what is as fast to read");
	char text[64], others[256], *save = NULL;
	sysfs_text(look->root, text, sizeof(text), "%s/current_clocksource", directory);
	if (!*text) {
		conclude(finding, CAT_QUIET_UNKNOWN, "not told");
		return;
	}
	for (size_t i = 0; i < CAT_ARRAY_LEN(fast); i++)
		if (strcmp(text, fast[i]) == 0) {
			conclude(finding, CAT_QUIET_GOOD, "%s", text);
			return;
		}
	conclude(finding, CAT_QUIET_NOISY, "%s, which is slow to read", text);
	sysfs_text(look->root, others, sizeof(others), "%s/available_clocksource", directory);
	for (char *word = strtok_r(others, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (strcmp(word, "tsc") == 0) {
			mend(finding, "echo tsc >/%s/current_clocksource", directory);
			return;
		}
	mend_boot(finding, "tsc", "reliable");
}

struct cat_quiet *cat_quiet_check(const char *root, const struct cat_topology *host)
{
	static void (*const checks[])(struct look *) = {check_isolated, check_ticks,     check_governor,
							check_irqs,     check_threads,   check_idle,
							check_huge,     check_balancing, check_clock};
	static_assert(CAT_ARRAY_LEN(checks) <= CAT_QUIET_MAX, "room for every finding");
	struct look look = {.root = root, .host = host, .quiet = calloc(1, sizeof(*look.quiet))};
	if (!look.quiet)
		return NULL;
	choose_lanes(&look);
	for (size_t i = 0; i < CAT_ARRAY_LEN(checks); i++) {
		checks[i](&look);
		look.quiet->noisy += look.quiet->finding[i].state == CAT_QUIET_NOISY;
	}
	return look.quiet;
}

struct cat_node *cat_quiet_tree(const struct cat_quiet *quiet)
{
	static const char *const states[] = {"good", "noisy", "unknown"};
	struct cat_node *tree = cat_node_new_map();
	struct cat_node *lanes = tree ? cat_node_add_list(tree, "cores") : NULL, *list = NULL;
	bool ok = lanes;
	for (uint32_t i = 0; i < quiet->lane_count && ok; i++)
		ok = cat_node_add_int(lanes, NULL, quiet->lane[i]);
	ok = ok && cat_node_add_bool(tree, "quiet", quiet->noisy == 0) && (list = cat_node_add_list(tree, "checks"));
	for (uint32_t i = 0; i < quiet->finding_count && ok; i++) {
		const struct cat_quiet_finding *finding = &quiet->finding[i];
		struct cat_node *map = cat_node_add_map(list, NULL);
		ok = cat_node_add_string(map, "name", finding->name) &&
		     cat_node_add_string(map, "state", states[finding->state]) &&
		     cat_node_add_string(map, "found", finding->found) &&
		     cat_node_add_string(map, "expected", finding->expected) &&
		     cat_node_add_string(map, "remedy", finding->remedy);
	}
	if (ok)
		return tree;
	cat_node_free(tree);
	return NULL;
}
