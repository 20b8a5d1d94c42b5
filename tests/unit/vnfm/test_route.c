// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "api_route.h"
#include "cat_cleanup.h"
#include "cat_file.h"

#define LONG_NAME "abcdefghijabcdefghijabcdefghijab"

static void routes(void **state)
{
	(void)state;
	static const struct {
		const char *verb, *path;
		enum api_route expected;
		const char *name, *allow;
	} cases[] = {
		{"GET", "", API_NO_PATH, "", ""},
		{"GET", "/", API_NO_PATH, "", ""},
		{"GET", "/catena/v1", API_NO_PATH, "", ""},
		{"GET", "/catena/v1/services/", API_BAD_NAME, "", ""},
		{"GET", "/catena/v1/services/../version", API_NO_PATH, "", ""},
		{"GET", "/catena/v1/services/..", API_BAD_NAME, "", ""},
		{"GET", "/catena/v1/services/A", API_BAD_NAME, "", ""},
		{"GET", "/catena/v1/services/1a", API_BAD_NAME, "", ""},
		{"GET", "/catena/v1/services/a b", API_BAD_NAME, "", ""},
		{"GET", "/catena/v1/services/" LONG_NAME "c", API_BAD_NAME, "", ""},
		{"GET", "/catena/v1/services/" LONG_NAME LONG_NAME LONG_NAME "/status", API_BAD_NAME, "", ""},
		{"GET", "/catena/v1/services/a/status/", API_NO_PATH, "", ""},
		{"GET", "/catena/v1/services/a/nothing", API_NO_PATH, "", ""},
		{"get", "/catena/v1/services/a", API_NO_METHOD, "", "GET, PUT, DELETE"},
		{"POST", "/catena/v1/services/a", API_NO_METHOD, "", "GET, PUT, DELETE"},
		{"PUT", "/catena/v1/services", API_NO_METHOD, "", "GET"},
		{"GET", "/catena/v1/services", API_FOUND, "", ""},
		{"GET", "/catena/v1/services/" LONG_NAME, API_FOUND, LONG_NAME, ""},
		{"PUT", "/catena/v1/services/a-1", API_FOUND, "a-1", ""},
		{"DELETE", "/catena/v1/services/a", API_FOUND, "a", ""},
		{"GET", "/catena/v1/services/a/logs", API_FOUND, "a", ""},
		{"POST", "/catena/v1/plan", API_FOUND, "", ""},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		const struct api_method *method = NULL;
		char name[API_NAME_MAX + 1], allow[64];
		enum api_route found =
			api_route_find(cases[i].verb, cases[i].path, &method, name, allow, sizeof(allow));
		if (found != cases[i].expected)
			fail_msg("%s %s: found %d, expected %d", cases[i].verb, cases[i].path, found,
				 cases[i].expected);
		if (found == API_FOUND) {
			assert_string_equal(name, cases[i].name);
			assert_string_equal(method->verb, cases[i].verb);
		}
		if (found == API_NO_METHOD)
			assert_string_equal(allow, cases[i].allow);
	}
}

static void every_method_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < api_method_count; i++) {
		const struct api_method *method = &api_methods[i];
		assert_non_null(method->handler);
		assert_true(strlen(method->summary) > 10);
		assert_int_equal(strncmp(method->path, API_PREFIX "/", strlen(API_PREFIX) + 1), 0);
		for (size_t k = 0; k < i; k++)
			assert_false(!strcmp(method->path, api_methods[k].path) &&
				     !strcmp(method->verb, api_methods[k].verb));
	}
}

static void flags(void **state)
{
	(void)state;
	assert_true(api_flag(NULL, true));
	assert_false(api_flag(NULL, false));
	assert_true(api_flag("", false));
	assert_true(api_flag("true", false));
	assert_false(api_flag("false", true));
	assert_false(api_flag("yes", true));
}

static void statuses(void **state)
{
	(void)state;
	assert_int_equal(api_status_of(-EINVAL), 422);
	assert_int_equal(api_status_of(-EBUSY), 409);
	assert_int_equal(api_status_of(-EIO), 500);
}

// docs/api.md has a section for each method, with its summary.
static void is_documented(void **state)
{
	(void)state;
	cat_autofree char *text = NULL;
	size_t size = 0;
	assert_int_equal(cat_file_read(AT_FDCWD, SOURCE_ROOT "/docs/api.md", 1 << 20, &text, &size, NULL), 0);
	for (size_t i = 0; i < api_method_count; i++) {
		char head[256];
		snprintf(head, sizeof(head), "### %s %s\n\n%s", api_methods[i].verb, api_methods[i].path,
			 api_methods[i].summary);
		if (!strstr(text, head))
			fail_msg("docs/api.md lacks \"%s\"", head);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes),   cmocka_unit_test(every_method_is_whole), cmocka_unit_test(flags),
		cmocka_unit_test(statuses), cmocka_unit_test(is_documented),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
