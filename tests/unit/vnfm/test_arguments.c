// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <string.h>

#include "cat_cleanup.h"
#include "cli.h"

#define ARGUMENTS_MAX 20

static int parse(struct cli *cli, struct cat_err *err, const char *const *arguments)
{
	static char name[] = "catena";
	char *argv[ARGUMENTS_MAX + 2] = {name};
	int argc = 1;
	*cli = (struct cli){0};
	for (; argc <= ARGUMENTS_MAX && arguments[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
	return cli_parse(cli, argc, argv, err);
}

static void refuses(void **state)
{
	(void)state;
	static const struct {
		const char *arguments[ARGUMENTS_MAX];
		const char *message;
	} cases[] = {
		{{NULL}, "catena help"},
		{{"fly"}, "\"fly\", which is no verb"},
		{{"--fly"}, "\"--fly\", which is no option"},
		{{"up"}, "usage: catena up FILE"},
		{{"up", "a", "b"}, "found \"b\""},
		{{"up", "a", "--watch"}, "no option --watch"},
		{{"status", "-x"}, "\"-x\""},
		{{"status", "-jw"}, "\"-jw\""},
		{{"status", "--json=yes"}, "takes no value"},
		{{"status", "--run-dir"}, "needs a value"},
		{{"status", "-s"}, "needs a value"},
		{{"logs"}, "usage: catena logs"},
		{{"version", "x"}, "found \"x\""},
		{{"status", "--", "-a", "b"}, "found \"b\""},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cli cli;
		struct cat_err err = {0};
		if (parse(&cli, &err, cases[i].arguments) != EXIT_USAGE)
			fail_msg("case %zu is accepted", i);
		if (!strstr(err.message, cases[i].message))
			fail_msg("case %zu: %s", i, err.message);
	}
}

static void accepts(void **state)
{
	(void)state;
	struct cli cli;
	struct cat_err err = {0};
	const char *one[] = {"status", "branch", "--watch", "-j", "--count=3", "--run-dir", "/x", NULL};
	assert_int_equal(parse(&cli, &err, one), EXIT_OK);
	assert_ptr_equal(cli.verb->run, verb_status);
	assert_string_equal(cli.argument[0], "branch");
	assert_string_equal(cli.options.count, "3");
	assert_string_equal(cli.options.run_dir, "/x");
	assert_true(cli.options.watch && cli.options.json && !cli.options.follow);

	const char *two[] = {"-s/y", "logs", "-n5", "-f", "branch/fw", NULL};
	assert_int_equal(parse(&cli, &err, two), EXIT_OK);
	assert_string_equal(cli.options.socket, "/y");
	assert_string_equal(cli.options.tail, "5");
	assert_true(cli.options.follow);

	const char *three[] = {"down", "a", "b", "c", NULL};
	assert_int_equal(parse(&cli, &err, three), EXIT_OK);
	assert_int_equal(cli.argument_count, 3);

	const char *four[] = {"validate", "-", "--", "-f", NULL};
	assert_int_equal(parse(&cli, &err, four), EXIT_OK);
	assert_string_equal(cli.argument[0], "-");
	assert_string_equal(cli.argument[1], "-f");

	// Help needs no arguments.
	const char *five[] = {"up", "--help", NULL};
	assert_int_equal(parse(&cli, &err, five), EXIT_OK);
	const char *six[] = {"--version", NULL};
	assert_int_equal(parse(&cli, &err, six), EXIT_OK);
	assert_ptr_equal(cli.verb->run, verb_version);
}

// Every option that a verb names exists, every option is used, and help and completion have all verbs.
static void tables_are_whole(void **state)
{
	(void)state;
	cat_autofree char *help = cli_help(NULL), *completion = cli_completion();
	unsigned used = 0;
	for (size_t i = 0; i < cli_verb_count; i++) {
		const struct cli_verb *verb = &cli_verbs[i];
		char options[256];
		assert_non_null(verb->run);
		assert_non_null(strstr(help, verb->summary));
		assert_non_null(strstr(completion, verb->name));
		assert_true(verb->least <= verb->most && verb->most <= CLI_ARGUMENTS_MAX);
		snprintf(options, sizeof(options), "%s", verb->options);
		for (char *save = NULL, *name = strtok_r(options, " ", &save); name;
		     name = strtok_r(NULL, " ", &save)) {
			size_t k = 0;
			while (k < cli_option_count && strcmp(cli_options[k].name, name))
				k++;
			if (k == cli_option_count)
				fail_msg("%s: there is no option %s", verb->name, name);
			used |= 1u << k;
		}
		cat_autofree char *text = cli_help(verb);
		assert_non_null(strstr(text, verb->summary));
	}
	for (size_t k = 0; k < cli_option_count; k++)
		if (!(used & 1u << k) && strcmp(cli_options[k].name, "version"))
			fail_msg("no verb takes --%s", cli_options[k].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(accepts),
		cmocka_unit_test(tables_are_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
