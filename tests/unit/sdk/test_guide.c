// SPDX-License-Identifier: BSD-3-Clause
// docs/writing-a-vnf.md prints the files of the example word for word.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cat_cleanup.h"
#include "cat_file.h"

static char *read_source(const char *name)
{
	char *text;
	size_t size;
	cat_autofree char *path = cat_format("%s/%s", SOURCE_ROOT, name);
	assert_int_equal(cat_file_read(AT_FDCWD, path, 1 << 20, &text, &size, NULL), 0);
	return text;
}

static void test_examples_are_printed_as_built(void **state)
{
	(void)state;
	static const char *const files[] = {"example_vnf.c", "tagger.h", "example_main.c", "test_example.c"};
	cat_autofree char *guide = read_source("docs/writing-a-vnf.md");
	for (size_t i = 0; i < CAT_ARRAY_LEN(files); i++) {
		cat_autofree char *path = cat_format("tests/unit/sdk/%s", files[i]);
		cat_autofree char *text = read_source(path);
		cat_autofree char *block = cat_format("```c\n%s```", text);
		if (!strstr(guide, block))
			fail_msg("docs/writing-a-vnf.md does not print %s as it is", path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples_are_printed_as_built),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
