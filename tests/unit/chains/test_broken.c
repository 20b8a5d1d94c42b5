// SPDX-License-Identifier: BSD-3-Clause
// Every broken/NAME.yaml gives exactly the messages of broken/NAME.expected.
#include <glob.h>

#include "fixture.h"

#define FILES_MIN 45u

static void check_file(const struct cat_kinds *kinds, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	struct cat_err err = {0};
	struct cat_problems problems = {0};
	struct cat_service *service = NULL;
	size_t size;
	cat_autofree char *text = fixture_read(path, &size);
	cat_autofree char *expected_path = cat_format("%.*s.expected", (int)(strlen(path) - strlen(".yaml")), path);
	cat_autofree char *expected = fixture_read(expected_path, NULL);
	int r = cat_service_parse(name, text, size, kinds, &service, &problems, &err);
	cat_autofree char *found = cat_problems_format(&problems, name);
	cat_problems_free(&problems);
	if (r != -EINVAL || service)
		fail_msg("%s: accepted", name);
	if (strcmp(found, expected) != 0)
		fail_msg("%s:\nfound\n%sexpected\n%s", name, found, expected);
}

static void test_files(void **state)
{
	(void)state;
	struct cat_kinds *kinds = fixture_kinds();
	glob_t files;
	assert_int_equal(glob(TEST_DIR "/broken/*.yaml", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= FILES_MIN);
	for (size_t i = 0; i < files.gl_pathc; i++)
		check_file(kinds, files.gl_pathv[i]);
	globfree(&files);
	cat_kinds_free(kinds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_files)};
	return cmocka_run_group_tests_name("chains/broken", tests, NULL, NULL);
}
