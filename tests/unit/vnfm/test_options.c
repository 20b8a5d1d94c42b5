// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "options.h"

#define ARGUMENTS_MAX 8

static int parse(struct options *options, struct cat_err *err, const char *const *arguments)
{
	static char name[] = "catenad";
	char *argv[ARGUMENTS_MAX + 2] = {name};
	int argc = 1;
	for (; arguments[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
	return options_parse(options, "/opt/x", argc, argv, err);
}

static void refuses(void **state)
{
	(void)state;
	static const struct {
		const char *arguments[ARGUMENTS_MAX];
		const char *message;
	} cases[] = {
		{{"--nothing"}, "--nothing"},
		{{"now"}, "\"now\""},
		{{"-x"}, "\"-x\""},
		{{"--"}, "\"--\""},
		{{"--run-dir"}, "needs a value"},
		{{"--run-dir="}, "needs a value"},
		{{"--daemonise=yes"}, "takes no value"},
		{{"--daemonise", "--foreground"}, "exclude"},
		{{"--log-level", "loud"}, "error, warning, info, debug"},
		{{"--log-format", "xml"}, "text, json"},
		{{"--uid-base", "0"}, "65536"},
		{{"--uid-base", "12x"}, "\"12x\""},
		{{"--uid-base", "4294967295"}, "expected a number"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct options options;
		struct cat_err err = {0};
		if (parse(&options, &err, cases[i].arguments) == 0)
			fail_msg("%s is accepted", cases[i].arguments[0]);
		if (!strstr(err.message, cases[i].message))
			fail_msg("%s: %s", cases[i].arguments[0], err.message);
	}
}

static void fills_in(void **state)
{
	(void)state;
	struct options options;
	const char *none[] = {NULL};
	unsetenv("CATENA_RUN_DIR");
	unsetenv("CATENA_STATE_DIR");
	unsetenv("CATENA_KINDS");
	unsetenv("CATENA_IMAGES");
	assert_int_equal(parse(&options, NULL, none), 0);
	assert_string_equal(options.run_dir, "/run/catena");
	assert_string_equal(options.socket, "/run/catena/api.sock");
	assert_string_equal(options.kinds, "/opt/x/share/catena/kinds");
	assert_string_equal(options.dataplane, "/opt/x/libexec/catena/catena-dataplane");
	assert_int_equal(options.uid_base, OPTIONS_UID_BASE);
	options_free(&options);

	const char *some[] = {"--run-dir=/a", "--runtime", "crun", "--uid-base", "0x20000", "--daemonise", NULL};
	setenv("CATENA_RUN_DIR", "/b", 1);
	setenv("CATENA_STATE_DIR", "/c", 1);
	assert_int_equal(parse(&options, NULL, some), 0);
	assert_string_equal(options.socket, "/a/api.sock");
	assert_string_equal(options.state_dir, "/c");
	assert_string_equal(options.runtime, "crun");
	assert_int_equal(options.uid_base, 0x20000);
	assert_true(options.daemonise);
	options_free(&options);
	unsetenv("CATENA_RUN_DIR");
	unsetenv("CATENA_STATE_DIR");
}

// What other processes get must not depend on where we were started.
static void makes_paths_absolute(void **state)
{
	(void)state;
	struct options options;
	const char *some[] = {"--run-dir", "here", NULL};
	assert_int_equal(parse(&options, NULL, some), 0);
	assert_int_equal(options.run_dir[0], '/');
	assert_int_equal(options.socket[0], '/');
	options_free(&options);
}

static void helps(void **state)
{
	(void)state;
	cat_autofree char *help = options_help();
	static const char *const words[] = {"--run-dir DIR", "--daemonise", "examples:", "CATENA_RUN_DIR"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(words); i++)
		assert_non_null(strstr(help, words[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(fills_in),
		cmocka_unit_test(makes_paths_absolute),
		cmocka_unit_test(helps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
