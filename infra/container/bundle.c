// SPDX-License-Identifier: BSD-3-Clause
// A bundle's config.json by the OCI runtime specification 1.0.
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>

#include <cap-ng.h>

#include "cat_cleanup.h"
#include "cgroup.h"
#include "container.h"

#define TMPFS_SIZE "size=4m"
#define TMPFS_INODES "nr_inodes=1k"
#define FILES_MAX 4096u
#define HOSTNAME_LENGTH_MAX 64u
#define ID_LENGTH_MAX 128u
// Functions go before the manager and the dataplane, whose end would hit more than one function.
#define OOM_SCORE_ADJ 500

// Of the kernel as a whole, not of the container: hidden.
static const char *const masked_paths[] = {
	"/proc/acpi",         "/proc/asound",      "/proc/config.gz", "/proc/kallsyms",      "/proc/kcore",
	"/proc/keys",         "/proc/key-users",   "/proc/kmsg",      "/proc/latency_stats", "/proc/modules",
	"/proc/pagetypeinfo", "/proc/sched_debug", "/proc/scsi",      "/proc/slabinfo",      "/proc/timer_list",
	"/proc/timer_stats",  "/proc/vmallocinfo",
};
static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/driver", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/proc/tty",
};
// All of sysfs that functions need: the EAL and libnuma look for cores and nodes. The host's devices stay unseen.
static const char *const system_directories[] = {"/sys/devices/system/cpu", "/sys/devices/system/node"};

static bool plain_name(const char *text, size_t max)
{
	if (!text || !text[0] || strlen(text) > max || text[0] == '.' || text[0] == '-')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(text);
}

static bool absolute(const char *path)
{
	return path && path[0] == '/' && strlen(path) < 4096;
}

static int check_mounts(const struct cat_container_spec *spec, struct cat_err *err)
{
	for (uint32_t i = 0; i < spec->mount_count; i++) {
		const struct cat_container_mount *mount = &spec->mount[i];
		if (!absolute(mount->source))
			return cat_err_set(err, -EINVAL, "mount %u: the source must be an absolute path, found \"%s\"",
					   i, mount->source ? mount->source : "");
		if (!absolute(mount->target) || strstr(mount->target, ".."))
			return cat_err_set(err, -EINVAL,
					   "mount %u: the target must be an absolute path without \"..\", found \"%s\"",
					   i, mount->target ? mount->target : "");
	}
	return 0;
}

static int check_resources(const struct cat_container_spec *spec, struct cat_err *err)
{
	// Below 65,536 are the host's own users.
	if (spec->uid_base < CAT_CONTAINER_IDS || spec->uid_base > UINT32_MAX - CAT_CONTAINER_IDS)
		return cat_err_set(err, -EINVAL, "user ids from %u on cannot be mapped: expected %u to %u",
				   spec->uid_base, CAT_CONTAINER_IDS, UINT32_MAX - CAT_CONTAINER_IDS);
	if (spec->cpu_count > CAT_CONTAINER_CPUS_MAX || (spec->cpu_count && !spec->cpus))
		return cat_err_set(err, -EINVAL, "%u cpus: at most %u can be given", spec->cpu_count,
				   CAT_CONTAINER_CPUS_MAX);
	if (spec->memory_max_bytes == 0 || spec->memory_max_bytes > INT64_MAX)
		return cat_err_set(err, -EINVAL, "a memory limit is needed");
	if (spec->pids_max < CAT_CONTAINER_PIDS_MIN)
		return cat_err_set(err, -EINVAL, "a limit of %u processes is too low to start: expected %u or more",
				   spec->pids_max, CAT_CONTAINER_PIDS_MIN);
	if (spec->capabilities >> (CAP_LAST_CAP + 1))
		return cat_err_set(err, -EINVAL, "unknown capabilities in %#llx",
				   (unsigned long long)spec->capabilities);
	return 0;
}

// Of a path that will be removed with all that is in it.
static bool removable(const char *path)
{
	return absolute(path) && path[strspn(path, "/")] && !strstr(path, "..");
}

int cat_bundle_check_names(const struct cat_container_spec *spec, struct cat_err *err)
{
	if (!plain_name(spec->id, ID_LENGTH_MAX))
		return cat_err_set(err, -EINVAL,
				   "\"%s\" cannot name a container: letters, digits, \"_\", \".\" and \"-\"",
				   spec->id ? spec->id : "");
	if (!removable(spec->directory) || !removable(spec->runtime_root))
		return cat_err_set(
			err, -EINVAL, "bundle and runtime root must be absolute paths, found \"%s\" and \"%s\"",
			spec->directory ? spec->directory : "", spec->runtime_root ? spec->runtime_root : "");
	if (!spec->runtime || !spec->runtime[0])
		return cat_err_set(err, -EINVAL, "no OCI runtime given");
	if (!cat_cgroup_valid(spec->cgroup))
		return cat_err_set(err, -EINVAL, "\"%s\" cannot be a cgroup: expected a relative path of plain names",
				   spec->cgroup ? spec->cgroup : "");
	return 0;
}

int cat_bundle_check(const struct cat_container_spec *spec, struct cat_err *err)
{
	int r = cat_bundle_check_names(spec, err);
	if (r < 0)
		return r;
	if (!absolute(spec->image_root))
		return cat_err_set(err, -EINVAL, "the image root must be an absolute path, found \"%s\"",
				   spec->image_root ? spec->image_root : "");
	if (!spec->argv || !absolute(spec->argv[0]))
		return cat_err_set(err, -EINVAL, "the program must be an absolute path in the image");
	if (!plain_name(spec->hostname, HOSTNAME_LENGTH_MAX))
		return cat_err_set(err, -EINVAL, "\"%s\" cannot be a host name", spec->hostname ? spec->hostname : "");
	r = check_resources(spec, err);
	return r < 0 ? r : check_mounts(spec, err);
}

static json_t *strings(const char *const *text, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < count; i++)
		if (json_array_append_new(list, json_string(text[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *terminated_strings(const char *const *text)
{
	size_t count = 0;
	while (text && text[count])
		count++;
	return strings(text, count);
}

static json_t *capability_names(uint64_t set)
{
	json_t *list = json_array();
	for (unsigned capability = 0; list && capability <= CAP_LAST_CAP; capability++) {
		if (!(set >> capability & 1))
			continue;
		const char *lower = capng_capability_to_name(capability);
		char name[64] = "CAP_";
		for (size_t i = 0; lower && lower[i] && i + 5 < sizeof(name); i++)
			name[i + 4] = (char)(lower[i] >= 'a' && lower[i] <= 'z' ? lower[i] - 'a' + 'A' : lower[i]);
		if (!lower || json_array_append_new(list, json_string(name)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *rlimit(const char *type, int resource, uint64_t want)
{
	struct rlimit now;
	// Beyond our own limit only CAP_SYS_RESOURCE could go, which the manager need not have.
	if (getrlimit(resource, &now) == 0 && now.rlim_max != RLIM_INFINITY && want > now.rlim_max)
		want = now.rlim_max;
	return json_pack("{s:s, s:I, s:I}", "type", type, "soft", (json_int_t)want, "hard", (json_int_t)want);
}

static json_t *process(const struct cat_container_spec *spec)
{
	// Nothing inheritable or ambient: root's program gets what the bounding set holds, and so do its daemons.
	return json_pack("{s:b, s:{s:i, s:i}, s:o, s:o, s:s, s:{s:o, s:o, s:o, s:[], s:[]}, s:b, s:i, s:[o, o, o]}",
			 "terminal", 0, "user", "uid", 0, "gid", 0, "args", terminated_strings(spec->argv), "env",
			 terminated_strings(spec->environ), "cwd", "/", "capabilities", "bounding",
			 capability_names(spec->capabilities), "effective", capability_names(spec->capabilities),
			 "permitted", capability_names(spec->capabilities), "inheritable", "ambient", "noNewPrivileges",
			 1, "oomScoreAdj", OOM_SCORE_ADJ, "rlimits", rlimit("RLIMIT_CORE", RLIMIT_CORE, 0),
			 rlimit("RLIMIT_NOFILE", RLIMIT_NOFILE, FILES_MAX),
			 rlimit("RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, spec->memory_max_bytes));
}

// Steals mount. False: no memory (mount may be NULL).
static bool add_mount(json_t *mounts, json_t *mount)
{
	return json_array_append_new(mounts, mount) == 0;
}

static bool add_binds(json_t *mounts, const struct cat_container_spec *spec)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(system_directories); i++) {
		const char *path = system_directories[i];
		if (access(path, F_OK) == 0 &&
		    !add_mount(mounts,
			       json_pack("{s:s, s:s, s:s, s:[s, s, s, s, s]}", "destination", path, "type", "bind",
					 "source", path, "options", "bind", "ro", "nosuid", "noexec", "nodev")))
			return false;
	}
	for (uint32_t i = 0; i < spec->mount_count; i++) {
		const struct cat_container_mount *mount = &spec->mount[i];
		if (!add_mount(mounts, json_pack("{s:s, s:s, s:s, s:[s, s, s, s, s]}", "destination", mount->target,
						 "type", "bind", "source", mount->source, "options", "bind",
						 mount->writable ? "rw" : "ro", "nosuid", "noexec", "nodev")))
			return false;
	}
	return true;
}

static json_t *mounts(const struct cat_container_spec *spec)
{
	json_t *list = json_pack(
		"[{s:s, s:s, s:s, s:[s, s, s]}, {s:s, s:s, s:s, s:[s, s, s, s, s, s]},"
		" {s:s, s:s, s:s, s:[s, s, s, s, s, s]}, {s:s, s:s, s:s, s:[s, s, s, s, s, s]},"
		" {s:s, s:s, s:s, s:[s, s, s, s, s, s, s]}, {s:s, s:s, s:s, s:[s, s, s, s, s, s]}]",
		"destination", "/proc", "type", "proc", "source", "proc", "options", "nosuid", "noexec", "nodev",
		"destination", "/dev", "type", "tmpfs", "source", "tmpfs", "options", "nosuid", "noexec", "strictatime",
		"mode=0755", "size=64k", "ro", "destination", "/tmp", "type", "tmpfs", "source", "tmpfs", "options",
		"nosuid", "noexec", "nodev", "mode=1777", TMPFS_SIZE, TMPFS_INODES, "destination", "/run", "type",
		"tmpfs", "source", "tmpfs", "options", "nosuid", "noexec", "nodev", "mode=0755", TMPFS_SIZE,
		TMPFS_INODES,
		// Where the two directories of sysfs go: the mount points are made, then it is read-only.
		"destination", "/sys", "type", "tmpfs", "source", "tmpfs", "options", "nosuid", "noexec", "nodev",
		"mode=0755", "size=16k", "nr_inodes=16", "ro",
		// The EAL asks whether VFIO's module is loaded, and takes a missing list of modules for an error.
		"destination", "/sys/module", "type", "tmpfs", "source", "tmpfs", "options", "nosuid", "noexec",
		"nodev", "size=4k", "nr_inodes=1", "ro");
	if (list && !add_binds(list, spec)) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *cpuset_list(const struct cat_container_spec *spec)
{
	char text[CAT_CONTAINER_CPUS_MAX * 11 + 1];
	size_t length = 0;
	text[0] = '\0';
	for (uint32_t i = 0; i < spec->cpu_count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%u", i ? "," : "", spec->cpus[i]);
	return json_string(text);
}

static json_t *cpu(const struct cat_container_spec *spec)
{
	json_t *object = json_object();
	if (object && spec->cpu_count && json_object_set_new(object, "cpus", cpuset_list(spec)) < 0)
		goto no_memory;
	if (object && spec->node >= 0 && json_object_set_new(object, "mems", json_sprintf("%d", spec->node)) < 0)
		goto no_memory;
	return object;
no_memory:
	json_decref(object);
	return NULL;
}

static json_t *resources(const struct cat_container_spec *spec, bool swap)
{
	json_t *object = json_pack("{s:[{s:b, s:s}], s:{s:I}, s:{s:I}, s:o}", "devices", "allow", 0, "access", "rwm",
				   "memory", "limit", (json_int_t)spec->memory_max_bytes, "pids", "limit",
				   (json_int_t)spec->pids_max, "cpu", cpu(spec));
	if (object && swap &&
	    json_object_set_new(json_object_get(object, "memory"), "swap",
				json_integer((json_int_t)spec->memory_max_bytes)) < 0)
		goto no_memory;
	if (object && spec->tun &&
	    json_array_append_new(json_object_get(object, "devices"),
				  json_pack("{s:b, s:s, s:i, s:i, s:s}", "allow", 1, "type", "c", "major", 10, "minor",
					    200, "access", "rw")) < 0)
		goto no_memory;
	return object;
no_memory:
	json_decref(object);
	return NULL;
}

static json_t *id_mapping(const struct cat_container_spec *spec)
{
	return json_pack("[{s:i, s:I, s:I}]", "containerID", 0, "hostID", (json_int_t)spec->uid_base, "size",
			 (json_int_t)CAT_CONTAINER_IDS);
}

static json_t *devices(const struct cat_container_spec *spec)
{
	// null, zero, full, random, urandom and tty are every runtime's own.
	if (!spec->tun)
		return json_array();
	return json_pack("[{s:s, s:s, s:i, s:i, s:i, s:i, s:i}]", "path", "/dev/net/tun", "type", "c", "major", 10,
			 "minor", 200, "fileMode", 0666, "uid", 0, "gid", 0);
}

static json_t *linux_part(const struct cat_container_spec *spec, bool swap)
{
	return json_pack(
		"{s:[{s:s}, {s:s}, {s:s}, {s:s}, {s:s}, {s:s}, {s:s}], s:o, s:o, s:s+, s:o, s:o, s:o, s:s, s:o, s:o}",
		"namespaces", "type", "user", "type", "pid", "type", "mount", "type", "network", "type", "ipc", "type",
		"uts", "type", "cgroup", "uidMappings", id_mapping(spec), "gidMappings", id_mapping(spec),
		"cgroupsPath", "/", spec->cgroup, "resources", resources(spec, swap), "devices", devices(spec),
		"seccomp", cat_seccomp_profile(), "rootfsPropagation", "private", "maskedPaths",
		strings(masked_paths, CAT_ARRAY_LEN(masked_paths)), "readonlyPaths",
		strings(readonly_paths, CAT_ARRAY_LEN(readonly_paths)));
}

json_t *cat_bundle_config(const struct cat_container_spec *spec, bool swap, struct cat_err *err)
{
	if (cat_bundle_check(spec, err) < 0)
		return NULL;
	json_t *config = json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", "1.0.2", "process",
				   process(spec), "root", "path", spec->image_root, "readonly", 1, "hostname",
				   spec->hostname, "mounts", mounts(spec), "linux", linux_part(spec, swap));
	if (!config)
		cat_err_set(err, -ENOMEM, "no memory for the bundle, or a text in it is not UTF-8");
	return config;
}
