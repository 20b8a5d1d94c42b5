// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_file.h"

static char base[64];

static int setup(void **state)
{
	(void)state;
	strcpy(base, "/tmp/catena-test-file-XXXXXX");
	return mkdtemp(base) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return cat_dir_remove(base, NULL);
}

static void reads_within_the_limit_only(void **state)
{
	(void)state;
	cat_autofree char *path = cat_format("%s/f", base);
	assert_int_equal(cat_file_replace(path, "12345", 5, 0640, NULL), 0);
	cat_autofree char *text = NULL;
	size_t size;
	struct cat_err err = {0};
	assert_int_equal(cat_file_read(AT_FDCWD, path, 4, &text, &size, &err), -E2BIG);
	assert_non_null(strstr(err.message, "larger than 4 bytes"));
	assert_int_equal(cat_file_read(AT_FDCWD, path, 5, &text, &size, &err), 0);
	assert_int_equal(size, 5);
	assert_string_equal(text, "12345");
	long long value;
	assert_int_equal(cat_file_read_int(AT_FDCWD, path, &value, &err), 0);
	assert_int_equal(value, 12345);
	assert_int_equal(cat_file_replace(path, "12a", 3, 0640, NULL), 0);
	assert_int_equal(cat_file_read_int(AT_FDCWD, path, &value, &err), -EINVAL);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(cat_file_read_int(AT_FDCWD, "/nonexistent/x", &value, &err), -ENOENT);
}

static void removes_a_tree_but_not_what_links_lead_to(void **state)
{
	(void)state;
	cat_autofree char *outside = cat_format("%s/outside", base);
	cat_autofree char *keep = cat_format("%s/outside/keep", base);
	cat_autofree char *tree = cat_format("%s/tree", base);
	cat_autofree char *deep = cat_format("%s/tree/a/b/c", base);
	cat_autofree char *link = cat_format("%s/tree/a/link", base);
	assert_int_equal(cat_dir_create(outside, 0700, NULL), 0);
	assert_int_equal(cat_file_replace(keep, "x", 1, 0600, NULL), 0);
	assert_int_equal(cat_dir_create(deep, 0700, NULL), 0);
	assert_int_equal(cat_dir_create(deep, 0700, NULL), 0);
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(cat_dir_remove(tree, NULL), 0);
	assert_int_equal(access(tree, F_OK), -1);
	assert_int_equal(access(keep, F_OK), 0);
	assert_int_equal(cat_dir_remove(tree, NULL), 0);
	assert_int_equal(cat_dir_create(keep, 0700, NULL), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_within_the_limit_only, setup, teardown),
		cmocka_unit_test_setup_teardown(removes_a_tree_but_not_what_links_lead_to, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
