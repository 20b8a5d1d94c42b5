// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <string.h>

#include "cat_err.h"

static void wraps_from_the_inside_out(void **state)
{
	(void)state;
	struct cat_err err = {0};
	assert_int_equal(cat_err_set(&err, -EINVAL, "rule %d", 3), -EINVAL);
	assert_int_equal(cat_err_wrap(&err, "function %s", "fw"), -EINVAL);
	assert_int_equal(cat_err_wrap(&err, "service branch"), -EINVAL);
	assert_string_equal(err.message, "service branch: function fw: rule 3");
	errno = ENOENT;
	assert_int_equal(cat_err_errno(&err, "/x"), -ENOENT);
	assert_string_equal(err.message, "/x: No such file or directory (ENOENT)");
}

static void long_messages_are_cut_and_say_so(void **state)
{
	(void)state;
	struct cat_err err = {0};
	cat_err_set(&err, -EINVAL, "%*s", 5000, "x");
	assert_int_equal(strlen(err.message), CAT_ERR_MESSAGE_MAX - 1);
	assert_string_equal(err.message + CAT_ERR_MESSAGE_MAX - 4, "...");
	cat_err_wrap(&err, "context");
	assert_int_equal(strncmp(err.message, "context: ", 9), 0);
	assert_int_equal(strlen(err.message), CAT_ERR_MESSAGE_MAX - 1);
	assert_int_equal(cat_err_set(NULL, -EBUSY, "nobody reads this"), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wraps_from_the_inside_out),
		cmocka_unit_test(long_messages_are_cut_and_say_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
