// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cat_cleanup.h"
#include "container.h"

static const char *const argv[] = {"/usr/bin/catena-firewall", "--verbose", NULL};
static const char *const environment[] = {"PATH=/usr/bin", NULL};
static const uint32_t cpus[] = {1, 5, 1023};
static const struct cat_container_mount mounts[] = {
	{"/run/catena/branch/fw.sock", "/run/catena/control.sock", true},
	{"/srv/lists", "/run/lists", false},
};

static struct cat_container_spec good(void)
{
	return (struct cat_container_spec){
		.id = "catena-branch-fw-0",
		.directory = "/run/catena/bundles/fw",
		.runtime = "runc",
		.runtime_root = "/run/catena/runc",
		.image_root = "/run/catena/images/fw",
		.argv = argv,
		.environ = environment,
		.hostname = "fw",
		.cgroup = "catena/branch/fw",
		.uid_base = 1000000,
		.cpus = cpus,
		.cpu_count = 3,
		.node = 1,
		.memory_max_bytes = 256 << 20,
		.pids_max = 64,
		.capabilities = 1ull << CAP_NET_ADMIN | 1ull << CAP_CHECKPOINT_RESTORE,
		.tun = true,
		.mount = mounts,
		.mount_count = 2,
		.log_fd = 1,
	};
}

typedef void (*spoil_fn)(struct cat_container_spec *spec);
#define SPOIL(name, statement)                                                                                         \
	static void name(struct cat_container_spec *spec)                                                              \
	{                                                                                                              \
		statement;                                                                                             \
	}
static const struct cat_container_mount relative_source[] = {{"run/x", "/x", false}};
static const struct cat_container_mount climbing_target[] = {{"/run/x", "/run/../etc/x", false}};
static const char *const relative_argv[] = {"catena-firewall", NULL};
static const char *const bad_utf8[] = {"/x\xff", NULL};
SPOIL(no_id, spec->id = NULL)
SPOIL(slash_in_id, spec->id = "../../etc")
SPOIL(dot_id, spec->id = "..")
SPOIL(option_id, spec->id = "--root")
SPOIL(relative_directory, spec->directory = "bundles")
SPOIL(root_directory, spec->directory = "//")
SPOIL(climbing_directory, spec->directory = "/run/catena/../..")
SPOIL(empty_root, spec->runtime_root = "/")
SPOIL(relative_root, spec->runtime_root = "runc")
SPOIL(relative_image, spec->image_root = "fw")
SPOIL(no_runtime, spec->runtime = "")
SPOIL(no_argv, spec->argv = NULL)
SPOIL(relative_program, spec->argv = relative_argv)
SPOIL(not_utf8, spec->argv = bad_utf8)
SPOIL(no_hostname, spec->hostname = NULL)
SPOIL(bad_hostname, spec->hostname = "a b")
SPOIL(absolute_cgroup, spec->cgroup = "/catena/branch/fw")
SPOIL(climbing_cgroup, spec->cgroup = "catena/../system.slice")
SPOIL(host_user, spec->uid_base = 0)
SPOIL(host_users, spec->uid_base = 65535)
SPOIL(wrapping_users, spec->uid_base = UINT32_MAX - 65535)
SPOIL(no_cpus, spec->cpus = NULL)
SPOIL(many_cpus, spec->cpu_count = CAT_CONTAINER_CPUS_MAX + 1)
SPOIL(no_memory, spec->memory_max_bytes = 0)
SPOIL(few_pids, spec->pids_max = 15)
SPOIL(unknown_capability, spec->capabilities = 1ull << 63)
SPOIL(mount_source, (spec->mount = relative_source, spec->mount_count = 1))
SPOIL(mount_target, (spec->mount = climbing_target, spec->mount_count = 1))

static void refuses(void **state)
{
	(void)state;
	static const struct {
		spoil_fn spoil;
		int code;
		const char *message;
	} cases[] = {
		{no_id, -EINVAL, "\"\" cannot name a container"},
		{slash_in_id, -EINVAL, "\"../../etc\" cannot name a container"},
		{dot_id, -EINVAL, "\"..\" cannot name a container"},
		{option_id, -EINVAL, "\"--root\" cannot name a container"},
		{relative_directory, -EINVAL, "must be absolute paths"},
		{relative_root, -EINVAL, "must be absolute paths"},
		{root_directory, -EINVAL, "must be absolute paths, found \"//\""},
		{climbing_directory, -EINVAL, "must be absolute paths, found \"/run/catena/../..\""},
		{empty_root, -EINVAL, "and \"/\""},
		{relative_image, -EINVAL, "image root must be an absolute path, found \"fw\""},
		{no_runtime, -EINVAL, "no OCI runtime given"},
		{no_argv, -EINVAL, "must be an absolute path in the image"},
		{relative_program, -EINVAL, "must be an absolute path in the image"},
		{not_utf8, -ENOMEM, "not UTF-8"},
		{no_hostname, -EINVAL, "\"\" cannot be a host name"},
		{bad_hostname, -EINVAL, "\"a b\" cannot be a host name"},
		{absolute_cgroup, -EINVAL, "\"/catena/branch/fw\" cannot be a cgroup"},
		{climbing_cgroup, -EINVAL, "\"catena/../system.slice\" cannot be a cgroup"},
		{host_user, -EINVAL, "user ids from 0 on cannot be mapped: expected 65536 to"},
		{host_users, -EINVAL, "user ids from 65535 on"},
		{wrapping_users, -EINVAL, "user ids from 4294901760 on"},
		{no_cpus, -EINVAL, "3 cpus"},
		{many_cpus, -EINVAL, "1025 cpus: at most 1024"},
		{no_memory, -EINVAL, "a memory limit is needed"},
		{few_pids, -EINVAL, "a limit of 15 processes is too low to start: expected 16 or more"},
		{unknown_capability, -EINVAL, "unknown capabilities in 0x8000000000000000"},
		{mount_source, -EINVAL, "mount 0: the source must be an absolute path, found \"run/x\""},
		{mount_target, -EINVAL, "mount 0: the target must be an absolute path without \"..\""},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_container_spec spec = good();
		struct cat_err err = {0};
		cases[i].spoil(&spec);
		assert_null(cat_bundle_config(&spec, true, &err));
		if (err.code != cases[i].code || !strstr(err.message, cases[i].message))
			fail_msg("case %zu: %d \"%s\"", i, err.code, err.message);
		assert_null(cat_bundle_config(&spec, true, NULL));
	}
}

// Deletion removes directories and kills by these: it must refuse before it does anything.
static void deletion_refuses(void **state)
{
	(void)state;
	static const spoil_fn cases[] = {
		no_id,           slash_in_id,        dot_id,     option_id,     relative_directory,
		root_directory,  climbing_directory, empty_root, relative_root, no_runtime,
		absolute_cgroup, climbing_cgroup};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_container_spec spec = good();
		struct cat_err err = {0};
		cases[i](&spec);
		assert_int_equal(cat_container_delete(&spec, &err), -EINVAL);
		assert_int_equal(cat_container_start(&spec, &err), -EINVAL);
	}
}

// The part of the configuration at a path of keys ("linux/resources") must be this, whatever the order of keys.
static void expect_at(const json_t *config, const char *path, const char *expected)
{
	const json_t *node = config;
	for (const char *part = path; node && *part; part += *part == '/') {
		size_t length = strcspn(part, "/");
		char key[64];
		snprintf(key, sizeof(key), "%.*s", (int)length, part);
		node = json_is_array(node) ? json_array_get(node, strtoul(key, NULL, 10)) : json_object_get(node, key);
		part += length;
	}
	json_error_t error;
	json_t *want = json_loads(expected, JSON_DECODE_ANY, &error);
	if (!want)
		fail_msg("%s: %s", path, error.text);
	if (!node || !json_equal(node, want)) {
		cat_autofree char *found = node ? json_dumps(node, JSON_ENCODE_ANY) : NULL;
		fail_msg("%s: found %s, expected %s", path, found ? found : "nothing", expected);
	}
	json_decref(want);
}

static json_t *make(const struct cat_container_spec *spec, bool swap)
{
	struct cat_err err = {0};
	json_t *config = cat_bundle_config(spec, swap, &err);
	if (!config)
		fail_msg("%s", err.message);
	return config;
}

static void writes_what_was_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *path, *expected;
	} cases[] = {
		{"ociVersion", "\"1.0.2\""},
		{"hostname", "\"fw\""},
		{"root", "{\"path\": \"/run/catena/images/fw\", \"readonly\": true}"},
		{"process/args", "[\"/usr/bin/catena-firewall\", \"--verbose\"]"},
		{"process/env", "[\"PATH=/usr/bin\"]"},
		{"process/cwd", "\"/\""},
		{"process/terminal", "false"},
		{"process/user", "{\"uid\": 0, \"gid\": 0}"},
		{"process/noNewPrivileges", "true"},
		{"process/capabilities", "{\"bounding\": [\"CAP_NET_ADMIN\", \"CAP_CHECKPOINT_RESTORE\"],"
					 " \"effective\": [\"CAP_NET_ADMIN\", \"CAP_CHECKPOINT_RESTORE\"],"
					 " \"permitted\": [\"CAP_NET_ADMIN\", \"CAP_CHECKPOINT_RESTORE\"],"
					 " \"inheritable\": [], \"ambient\": []}"},
		{"process/rlimits/0", "{\"type\": \"RLIMIT_CORE\", \"soft\": 0, \"hard\": 0}"},
		{"linux/namespaces",
		 "[{\"type\": \"user\"}, {\"type\": \"pid\"}, {\"type\": \"mount\"}, {\"type\": \"network\"},"
		 " {\"type\": \"ipc\"}, {\"type\": \"uts\"}, {\"type\": \"cgroup\"}]"},
		{"linux/uidMappings", "[{\"containerID\": 0, \"hostID\": 1000000, \"size\": 65536}]"},
		{"linux/gidMappings", "[{\"containerID\": 0, \"hostID\": 1000000, \"size\": 65536}]"},
		{"linux/cgroupsPath", "\"/catena/branch/fw\""},
		{"linux/resources/cpu", "{\"cpus\": \"1,5,1023\", \"mems\": \"1\"}"},
		{"linux/resources/memory", "{\"limit\": 268435456, \"swap\": 268435456}"},
		{"linux/resources/pids", "{\"limit\": 64}"},
		{"linux/resources/devices",
		 "[{\"allow\": false, \"access\": \"rwm\"},"
		 " {\"allow\": true, \"type\": \"c\", \"major\": 10, \"minor\": 200, \"access\": \"rw\"}]"},
		{"linux/devices",
		 "[{\"path\": \"/dev/net/tun\", \"type\": \"c\", \"major\": 10, \"minor\": 200, \"fileMode\": 438,"
		 " \"uid\": 0, \"gid\": 0}]"},
		{"mounts/0", "{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\","
			     " \"options\": [\"nosuid\", \"noexec\", \"nodev\"]}"},
		{"mounts/2",
		 "{\"destination\": \"/tmp\", \"type\": \"tmpfs\", \"source\": \"tmpfs\","
		 " \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=4m\", \"nr_inodes=1k\"]}"},
	};
	struct cat_container_spec spec = good();
	json_t *config = make(&spec, true);
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++)
		expect_at(config, cases[i].path, cases[i].expected);
	json_decref(config);
}

static void leaves_out_what_was_not(void **state)
{
	(void)state;
	struct cat_container_spec spec = good();
	spec.cpu_count = 0;
	spec.node = -1;
	spec.capabilities = 0;
	spec.tun = false;
	json_t *config = make(&spec, false);
	expect_at(config, "linux/resources/cpu", "{}");
	expect_at(config, "linux/resources/memory", "{\"limit\": 268435456}");
	expect_at(config, "linux/resources/devices", "[{\"allow\": false, \"access\": \"rwm\"}]");
	expect_at(config, "linux/devices", "[]");
	expect_at(config, "process/capabilities",
		  "{\"bounding\": [], \"effective\": [], \"permitted\": [], \"inheritable\": [], \"ambient\": []}");
	json_decref(config);
}

// Every mount must be unable to give privileges or to bring devices; binds come after what they are mounted on.
static void mounts_are_harmless(void **state)
{
	(void)state;
	struct cat_container_spec spec = good();
	json_t *config = make(&spec, true), *mount;
	const json_t *list = json_object_get(config, "mounts");
	size_t i, run = 0, bound = 0;
	json_array_foreach(list, i, mount)
	{
		const char *target = json_string_value(json_object_get(mount, "destination"));
		cat_autofree char *options = json_dumps(json_object_get(mount, "options"), 0);
		assert_non_null(strstr(options, "\"nosuid\""));
		assert_non_null(strstr(options, "\"noexec\""));
		// Devices are bound into /dev, which is the only place for them.
		assert_true(!!strstr(options, "\"nodev\"") == (strcmp(target, "/dev") != 0));
		if (strcmp(target, "/run") == 0)
			run = i;
		if (strcmp(target, "/run/catena/control.sock") == 0) {
			assert_non_null(strstr(options, "\"rw\""));
			bound = i;
		}
		if (strcmp(target, "/run/lists") == 0)
			assert_non_null(strstr(options, "\"ro\""));
	}
	assert_true(run > 0 && bound > run);
	json_decref(config);
}

// Limits never go beyond our own, which only a privileged process could raise.
static void limits_stay_below_our_own(void **state)
{
	(void)state;
	struct rlimit old, lower;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	lower = (struct rlimit){.rlim_cur = 100, .rlim_max = old.rlim_max};
	if (lower.rlim_max == RLIM_INFINITY || lower.rlim_max > 4096)
		lower.rlim_max = 4096;
	struct cat_container_spec spec = good();
	json_t *config = make(&spec, true);
	char expected[128];
	snprintf(expected, sizeof(expected), "{\"type\": \"RLIMIT_NOFILE\", \"soft\": %ju, \"hard\": %ju}",
		 (uintmax_t)lower.rlim_max, (uintmax_t)lower.rlim_max);
	expect_at(config, "process/rlimits/1", expected);
	json_decref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(deletion_refuses),
		cmocka_unit_test(writes_what_was_asked_for),
		cmocka_unit_test(leaves_out_what_was_not),
		cmocka_unit_test(mounts_are_harmless),
		cmocka_unit_test(limits_stay_below_our_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
