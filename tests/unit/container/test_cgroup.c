// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cgroup.h"

// As recorded: a hybrid host with single controllers, a systemd host of the old kind, Debian 12, and a container.
#define HYBRID                                                                                                         \
	"21 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"                                                              \
	"30 21 0:25 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"                                          \
	"31 30 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"                                         \
	"32 30 0:27 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"                                   \
	"33 30 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"                                   \
	"34 30 0:29 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer\n"                                 \
	"35 30 0:30 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"                            \
	"36 30 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
#define OLD_SYSTEMD                                                                                                    \
	"30 21 0:25 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755\n"                      \
	"31 30 0:26 / /sys/fs/cgroup/systemd rw shared:10 - cgroup cgroup rw,xattr,release_agent=/x,name=systemd\n"    \
	"34 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 master:2 - cgroup cgroup rw,cpu,cpuacct\n"               \
	"35 30 0:30 / /sys/fs/cgroup/memory rw shared:16 - cgroup cgroup rw,memory\n"
#define UNIFIED                                                                                                        \
	"24 30 0:22 / /sys rw,nosuid - sysfs sysfs rw\n"                                                               \
	"29 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"       \
	"90 30 0:26 / /mnt/with\\040blank rw - cgroup2 cgroup2 rw\n"

struct tree {
	char root[64];
};

static int set_up(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	if (!tree)
		return -1;
	snprintf(tree->root, sizeof(tree->root), "/tmp/catena-cgroup-test-XXXXXX");
	*state = tree;
	return mkdtemp(tree->root) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct tree *tree = *state;
	int r = cat_dir_remove(tree->root, NULL);
	free(tree);
	return r;
}

static void write_file(const struct tree *tree, const char *path, const char *text)
{
	cat_autofree char *whole = cat_format("%s%s", tree->root, path);
	cat_autofree char *parent = strdup(whole);
	*strrchr(parent, '/') = '\0';
	assert_int_equal(cat_dir_create(parent, 0755, NULL), 0);
	assert_int_equal(cat_file_replace(whole, text, strlen(text), 0644, NULL), 0);
}

static void make_directory(const struct tree *tree, const char *path)
{
	cat_autofree char *whole = cat_format("%s%s", tree->root, path);
	assert_int_equal(cat_dir_create(whole, 0755, NULL), 0);
}

static bool exists(const struct tree *tree, const char *path)
{
	cat_autofree char *whole = cat_format("%s%s", tree->root, path);
	return access(whole, F_OK) == 0;
}

static void find(const struct tree *tree, const char *mountinfo, struct cat_cgroups *ret)
{
	struct cat_err err = {0};
	write_file(tree, "/proc/self/mountinfo", mountinfo);
	if (cat_cgroups_find(tree->root, ret, &err) < 0)
		fail_msg("%s", err.message);
}

static void names_are_checked(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool valid;
	} cases[] = {
		{NULL, false},
		{"", false},
		{"/", false},
		{"/catena", false},
		{"catena/", false},
		{"catena//x", false},
		{"..", false},
		{"catena/..", false},
		{"catena/.x", false},
		{"a b", false},
		{"a\nb", false},
		{"catena", true},
		{"catena/branch/fw-1", true},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++)
		if (cat_cgroup_valid(cases[i].name) != cases[i].valid)
			fail_msg("\"%s\"", cases[i].name ? cases[i].name : "");
	struct cat_cgroups none = {0};
	assert_int_equal(cat_cgroup_kill(&none, "../x", 0, NULL), -EINVAL);
	assert_int_equal(cat_cgroup_remove(&none, "../x", 0, NULL), -EINVAL);
}

static void broken_tables_give_nothing(void **state)
{
	struct tree *tree = *state;
	struct cat_cgroups cgroups;
	struct cat_err err = {0};
	assert_int_equal(cat_cgroups_find(tree->root, &cgroups, &err), -ENOENT);
	static const char *const tables[] = {
		"",
		"\n\n",
		" - cgroup2",
		"1 2 3 - cgroup2 cgroup2 rw",
		"29 24 0:26 / /sys/fs/cgroup rw - ext4 cgroup2 rw\n",
		"29 24 0:26 / /sys/fs/cgroup rw - cgroup2\n",
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(tables); i++) {
		find(tree, tables[i], &cgroups);
		assert_int_equal(cgroups.mode, CAT_CGROUP_NONE);
		assert_int_equal(cgroups.count, 0);
	}
}

static void modes_are_told_apart(void **state)
{
	struct tree *tree = *state;
	static const struct {
		const char *table;
		enum cat_cgroup_mode mode;
		uint32_t count;
		const char *memory; // where the v1 controller is
	} cases[] = {
		{HYBRID, CAT_CGROUP_HYBRID, 6, "/sys/fs/cgroup/memory"},
		{OLD_SYSTEMD, CAT_CGROUP_V1, 3, "/sys/fs/cgroup/memory"},
		{UNIFIED, CAT_CGROUP_V2, 1, NULL},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_cgroups cgroups;
		find(tree, cases[i].table, &cgroups);
		assert_int_equal(cgroups.mode, cases[i].mode);
		assert_int_equal(cgroups.count, cases[i].count);
		const struct cat_cgroup_mount *memory = cat_cgroups_v1(&cgroups, "memory");
		assert_true(!memory == !cases[i].memory);
		if (memory)
			assert_string_equal(memory->path + strlen(tree->root), cases[i].memory);
		assert_null(cat_cgroups_v1(&cgroups, "mem"));
	}
	struct cat_cgroups cgroups;
	find(tree, OLD_SYSTEMD, &cgroups);
	assert_string_equal(cgroups.mount[0].controllers, "name=systemd");
	assert_string_equal(cgroups.mount[1].controllers, "cpu,cpuacct");
	assert_ptr_equal(cat_cgroups_v1(&cgroups, "cpuacct"), &cgroups.mount[1]);
}

static void swap_is_asked_for_where_it_can_be(void **state)
{
	struct tree *tree = *state;
	struct cat_cgroups cgroups;
	find(tree, UNIFIED, &cgroups);
	assert_true(cat_cgroups_swap(&cgroups));
	find(tree, HYBRID, &cgroups);
	assert_false(cat_cgroups_swap(&cgroups));
	write_file(tree, "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "0\n");
	assert_true(cat_cgroups_swap(&cgroups));
}

// Plain directories stand for groups: those of ours go, with parents that are empty then; others stay.
static void only_ours_are_removed(void **state)
{
	struct tree *tree = *state;
	struct cat_cgroups cgroups;
	struct cat_err err = {0};
	find(tree, OLD_SYSTEMD, &cgroups);
	make_directory(tree, "/sys/fs/cgroup/systemd/catena/branch/fw");
	make_directory(tree, "/sys/fs/cgroup/memory/catena/branch/fw/inner/most");
	make_directory(tree, "/sys/fs/cgroup/memory/catena/branch/rtr");
	make_directory(tree, "/sys/fs/cgroup/memory/system.slice");
	assert_int_equal(cat_cgroup_remove(&cgroups, "catena/branch/fw", 100, &err), 0);
	assert_false(exists(tree, "/sys/fs/cgroup/systemd/catena"));
	assert_true(exists(tree, "/sys/fs/cgroup/systemd"));
	assert_false(exists(tree, "/sys/fs/cgroup/memory/catena/branch/fw"));
	assert_true(exists(tree, "/sys/fs/cgroup/memory/catena/branch/rtr"));
	// Again: nothing there is fine.
	assert_int_equal(cat_cgroup_remove(&cgroups, "catena/branch/fw", 100, &err), 0);
	assert_int_equal(cat_cgroup_remove(&cgroups, "catena/branch/rtr", 100, &err), 0);
	assert_false(exists(tree, "/sys/fs/cgroup/memory/catena"));
	assert_true(exists(tree, "/sys/fs/cgroup/memory/system.slice"));
}

static void what_cannot_be_removed_is_named(void **state)
{
	struct tree *tree = *state;
	struct cat_cgroups cgroups;
	struct cat_err err = {0};
	find(tree, UNIFIED, &cgroups);
	write_file(tree, "/sys/fs/cgroup/catena/branch/fw/file", "");
	assert_int_equal(cat_cgroup_remove(&cgroups, "catena/branch/fw", 0, &err), -ENOTEMPTY);
	assert_non_null(strstr(err.message, "/sys/fs/cgroup/catena/branch/fw cannot be removed"));
}

static void an_empty_group_has_nobody_to_kill(void **state)
{
	struct tree *tree = *state;
	struct cat_cgroups cgroups;
	struct cat_err err = {0};
	find(tree, HYBRID, &cgroups);
	assert_int_equal(cat_cgroup_kill(&cgroups, "catena/branch/fw", 100, &err), 0);
	write_file(tree, "/sys/fs/cgroup/freezer/catena/branch/fw/cgroup.procs", "");
	write_file(tree, "/sys/fs/cgroup/freezer/catena/branch/fw/freezer.state", "");
	// 0: processes of a pid namespace that we do not see. Nobody can be killed by such a number.
	write_file(tree, "/sys/fs/cgroup/memory/catena/branch/fw/cgroup.procs", "0\n0\n");
	assert_int_equal(cat_cgroup_kill(&cgroups, "catena/branch/fw", 100, &err), 0);
	cat_autofree char *path = cat_format("%s/sys/fs/cgroup/freezer/catena/branch/fw/freezer.state", tree->root);
	cat_autofree char *text = NULL;
	assert_int_equal(cat_file_read(AT_FDCWD, path, 100, &text, NULL, &err), 0);
	assert_string_equal(text, "THAWED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test_setup_teardown(broken_tables_give_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(modes_are_told_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(swap_is_asked_for_where_it_can_be, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_ours_are_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_removed_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_empty_group_has_nobody_to_kill, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
