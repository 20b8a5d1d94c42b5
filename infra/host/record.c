// SPDX-License-Identifier: BSD-3-Clause
// A host as a tree of files. sysfs is full of symbolic links: each is kept as one, and what is reached through links is
// written where it really is, so that the same paths lead to the same things.
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_quiet.h"
#include "host.h"

#define CPU "sys/devices/system/cpu/"
#define NODE "sys/devices/system/node/node[0-9]*/"
#define PCI "sys/bus/pci/devices/*"
#define NET "sys/class/net/*"
#define CLOCK "sys/devices/system/clocksource/clocksource0/"
#define ATTRIBUTE_MAX (4u << 20) // bytes; /proc/cpuinfo of 1,024 cores is the largest

// What is read anywhere in this component. By name, because reading some files of sysfs does things to devices.
static const char *const patterns[] = {
	"proc/cpuinfo",
	"proc/meminfo",
	"proc/self",
	"proc/self/status",
	"proc/sys/kernel/osrelease",
	"proc/sys/kernel/numa_balancing",
	"proc/irq/[0-9]*/*affinity_list",
	CPU "online",
	CPU "isolated",
	CPU "nohz_full",
	CPU "smt/control",
	CPU "cpu[0-9]*",
	CPU "cpu[0-9]*/online",
	CPU "cpu[0-9]*/topology/core_id",
	CPU "cpu[0-9]*/topology/physical_package_id",
	CPU "cpu[0-9]*/topology/thread_siblings_list",
	CPU "cpu[0-9]*/topology/core_cpus_list",
	CPU "cpu[0-9]*/cache/index[0-9]*/level",
	CPU "cpu[0-9]*/cache/index[0-9]*/shared_cpu_list",
	CPU "cpu[0-9]*/cpufreq",
	CPU "cpu[0-9]*/cpufreq/scaling_governor",
	CPU "cpu[0-9]*/cpuidle/state[0-9]*/latency",
	CPU "cpu[0-9]*/cpuidle/state[0-9]*/disable",
	NODE "cpulist",
	NODE "distance",
	NODE "meminfo",
	NODE "hugepages/hugepages-*/*_hugepages",
	"sys/kernel/mm/hugepages/hugepages-*/*_hugepages",
	"sys/kernel/mm/transparent_hugepage/enabled",
	CLOCK "current_clocksource",
	CLOCK "available_clocksource",
	"sys/kernel/iommu_groups/[0-9]*/devices/*",
	PCI,
	PCI "/class",
	PCI "/vendor",
	PCI "/device",
	PCI "/numa_node",
	PCI "/sriov_*vfs",
	PCI "/sriov_drivers_autoprobe",
	PCI "/driver_override",
	PCI "/driver",
	PCI "/iommu_group",
	PCI "/physfn",
	PCI "/virtfn[0-9]*",
	PCI "/net",
	NET,
	NET "/device",
	NET "/device/driver",
	NET "/device/numa_node",
	NET "/speed",
	NET "/operstate",
	NET "/carrier",
	NET "/flags",
};

struct recording {
	char root[PATH_MAX]; // resolved, "" for "/"
	const char *directory;
};

// The place in the recording of what is really at a path of the root; false: outside of it, or too long.
static bool place_of(const struct recording *recording, const char *real, const char *name, char *ret_path)
{
	size_t length = strlen(recording->root);
	if (strncmp(real, recording->root, length) != 0 || (real[length] != '/' && real[length] != '\0'))
		return false;
	int used = snprintf(ret_path, PATH_MAX, "%s%s/%s", recording->directory, real + length, name);
	return used > 0 && used < PATH_MAX;
}

static int copy_file(const char *from, const char *to, struct cat_err *err)
{
	size_t size = 0;
	cat_autofree char *text = NULL;
	// Some attributes cannot be read at times: the speed of a link that is down.
	if (cat_file_read(AT_FDCWD, from, ATTRIBUTE_MAX, &text, &size, NULL) < 0)
		return 0;
	return cat_file_replace(to, text, size, 0644, err);
}

// The link, and the directory that it leads to, so that it can be resolved.
static int copy_link(const struct recording *recording, const char *from, const char *to, struct cat_err *err)
{
	char target[PATH_MAX], real[PATH_MAX], place[PATH_MAX];
	struct stat st;
	ssize_t length = readlink(from, target, sizeof(target) - 1);
	if (length <= 0 || target[0] == '/')
		return 0;
	target[length] = '\0';
	if (symlink(target, to) < 0 && errno != EEXIST)
		return cat_err_errno(err, "%s", to);
	if (realpath(from, real) && stat(real, &st) == 0 && S_ISDIR(st.st_mode) && place_of(recording, real, "", place))
		return cat_dir_create(place, 0755, err);
	return 0;
}

static int copy_one(const struct recording *recording, const char *from, struct cat_err *err)
{
	char parent[PATH_MAX], real[PATH_MAX], to[PATH_MAX];
	struct stat st;
	const char *slash = strrchr(from, '/');
	if (!slash || slash == from || lstat(from, &st) < 0)
		return 0;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - from), from);
	// Devices may go while we look.
	if (!realpath(parent, real) || !place_of(recording, real, "", to))
		return 0;
	int r = cat_dir_create(to, 0755, err);
	if (r < 0)
		return r;
	if (!place_of(recording, real, slash + 1, to))
		return 0;
	if (S_ISLNK(st.st_mode))
		return copy_link(recording, from, to, err);
	return S_ISDIR(st.st_mode) ? cat_dir_create(to, 0755, err) : copy_file(from, to, err);
}

static int copy_all(const struct recording *recording, const char *pattern, struct cat_err *err)
{
	char path[PATH_MAX];
	glob_t found = {0};
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", recording->root, pattern) >= sizeof(path))
		return cat_err_set(err, -ENAMETOOLONG, "%s", recording->root);
	int r = glob(path, GLOB_NOSORT, NULL, &found);
	if (r == GLOB_NOSPACE)
		r = cat_err_set(err, -ENOMEM, "no memory");
	else
		r = 0; // no such thing here
	for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
		r = copy_one(recording, found.gl_pathv[i], err);
	globfree(&found);
	return r;
}

int cat_host_record(const char *root, const char *directory, struct cat_err *err)
{
	struct recording recording = {.directory = directory};
	if (!realpath(root, recording.root))
		return cat_err_errno(err, "%s", root);
	if (strcmp(recording.root, "/") == 0)
		recording.root[0] = '\0';
	if (mkdir(directory, 0755) < 0)
		return cat_err_errno(err, "%s, which must be a new directory", directory);
	for (size_t i = 0; i < CAT_ARRAY_LEN(patterns); i++) {
		int r = copy_all(&recording, patterns[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}
