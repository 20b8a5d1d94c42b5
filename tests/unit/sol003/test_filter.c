// SPDX-License-Identifier: BSD-3-Clause
// Filters and attribute selectors of SOL013.
#include "../test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "selector.h"

static const char resource[] =
	"{\"id\": \"1\", \"name\": \"a, b's\", \"level\": 10, \"load\": 0.5, \"up\": true, \"empty\": {},"
	" \"info\": {\"state\": \"STARTED\", \"cps\": [{\"id\": \"left\", \"n\": 1}, {\"id\": \"right\", \"n\": 2}]},"
	" \"meta\": {\"a/b\": \"slash\", \"x\": \"y\"}, \"time\": \"2026-01-02T03:04:05.000Z\"}";

static struct cat_node *parse(const char *text)
{
	struct cat_node *node = NULL;
	struct cat_err err = {0};
	if (cat_tree_parse_json("test", text, strlen(text), &node, &err) < 0)
		fail_msg("%s", err.message);
	return node;
}

static void refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",          "x",           "(",           "()",         "(eq)",         "(eq,id)",
		"(eq,id,1",  "(eq,id,1)x",  "(eq,id,1);",  "(eq,,1)",    "(eq,a//b,1)",  "(is,id,1)",
		"(EQ,id,1)", "(eq,id,1,2)", "(gt,id,1,2)", "(eq,id,'1)", "(eq,id,'1'x)", "(eq,a~2b,1)",
		"(eq,a~,1)", ";(eq,id,1)",  "(eq,id,1));",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct sol_filter *filter = NULL;
		struct cat_err err = {0};
		if (sol_filter_parse(texts[i], &filter, &err) != -EINVAL || filter)
			fail_msg("\"%s\" is taken: %s", texts[i], err.message);
	}
}

static void limits(void **state)
{
	(void)state;
	char text[SOL_FILTER_TEXT_MAX + 2];
	struct sol_filter *filter = NULL;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(sol_filter_parse(text, &filter, NULL), -E2BIG);
	size_t used = 0;
	for (unsigned i = 0; i <= SOL_FILTER_TERMS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s(eq,a,1)", i ? ";" : "");
	assert_int_equal(sol_filter_parse(text, &filter, NULL), -E2BIG);
	used = (size_t)snprintf(text, sizeof(text), "(in,a");
	for (unsigned i = 0; i <= SOL_FILTER_VALUES_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, ",1");
	assert_int_equal(sol_filter_parse(text, &filter, NULL), -E2BIG);
	used = (size_t)snprintf(text, sizeof(text), "(eq,a");
	for (unsigned i = 0; i <= SOL_FILTER_DEPTH_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "/a");
	assert_int_equal(sol_filter_parse(text, &filter, NULL), -E2BIG);
	assert_null(filter);
}

static void matching(void **state)
{
	(void)state;
	static const struct {
		const char *filter;
		bool match;
	} cases[] = {
		{"(eq,id,1)", true},
		{"(eq,id,2)", false},
		{"(neq,id,2)", true},
		{"(neq,id,1)", false},
		{"(neq,absent,1)", false},
		{"(eq,name,'a, b''s')", true},
		{"(eq,name,a)", false},
		{"(cont,name,b)", true},
		{"(cont,name,z,b)", true},
		{"(ncont,name,z)", true},
		{"(ncont,name,b)", false},
		{"(in,level,1,10)", true},
		{"(nin,level,1,10)", false},
		{"(eq,level,10.0)", true},
		{"(gt,level,9)", true}, // by value, not by characters
		{"(gte,level,10)", true},
		{"(gt,level,10)", false},
		{"(lt,load,0.6)", true},
		{"(lte,load,0.5)", true},
		{"(lt,load,0.5)", false},
		{"(eq,up,true)", true},
		{"(gt,time,2026-01-01T00:00:00.000Z)", true},
		{"(eq,info/state,STARTED)", true},
		{"(eq,info/cps/id,right)", true},
		{"(eq,info/cps/n,3)", false},
		{"(eq,info,STARTED)", false},
		{"(eq,info/state/more,STARTED)", false},
		{"(eq,meta/a~1b,slash)", true},
		{"(eq,meta/@key,x)", true},
		{"(eq,meta/@key,z)", false},
		{"(eq,id,1);(eq,level,10)", true},
		{"(eq,id,1);(eq,level,11)", false},
	};
	cat_autonode struct cat_node *node = parse(resource);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sol_filter *filter = NULL;
		struct cat_err err = {0};
		if (sol_filter_parse(cases[i].filter, &filter, &err) < 0)
			fail_msg("%s: %s", cases[i].filter, err.message);
		if (sol_filter_match(filter, node) != cases[i].match)
			fail_msg("%s: expected %s", cases[i].filter, cases[i].match ? "a match" : "none");
		sol_filter_free(filter);
	}
}

static void selecting(void **state)
{
	(void)state;
	static const char *const defaults[] = {"info", "meta", NULL}, *const mandatory[] = {"id", NULL};
	static const struct {
		struct sol_selector selector;
		const char *expected;
	} cases[] = {
		{{.all_fields = true}, resource},
		{{.fields = "level"}, "{\"id\": \"1\", \"level\": 10}"},
		{{.fields = "info/cps/n"}, "{\"id\": \"1\", \"info\": {\"cps\": [{\"n\": 1}, {\"n\": 2}]}}"},
		{{.fields = "info/state,meta"},
		 "{\"id\": \"1\", \"info\": {\"state\": \"STARTED\"}, \"meta\": {\"a/b\": \"slash\", \"x\": \"y\"}}"},
		{{.fields = "nothing"}, "{\"id\": \"1\"}"},
		{{.exclude_default = true},
		 "{\"id\": \"1\", \"name\": \"a, b's\", \"level\": 10, \"load\": 0.5, \"up\": true, \"empty\": {},"
		 " \"time\": \"2026-01-02T03:04:05.000Z\"}"},
		{{.exclude_default = true, .fields = "info/state"},
		 "{\"id\": \"1\", \"name\": \"a, b's\", \"level\": 10, \"load\": 0.5, \"up\": true, \"empty\": {},"
		 " \"info\": {\"state\": \"STARTED\"}, \"time\": \"2026-01-02T03:04:05.000Z\"}"},
		{{.exclude_fields = "id,name,load,up,empty,info/cps,meta,time"},
		 "{\"id\": \"1\", \"level\": 10, \"info\": {\"state\": \"STARTED\"}}"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cat_autonode struct cat_node *node = parse(resource), *expected = parse(cases[i].expected);
		assert_int_equal(sol_selector_check(&cases[i].selector, NULL), 0);
		assert_int_equal(sol_selector_apply(&cases[i].selector, defaults, mandatory, node), 0);
		if (!cat_node_equal(node, expected)) {
			cat_autofree char *found = cat_node_to_json(node, 0);
			fail_msg("case %zu: found %s, expected %s", i, found, cases[i].expected);
		}
	}
}

static void selectors_that_do_not_go_together(void **state)
{
	(void)state;
	static const struct sol_selector bad[] = {
		{.all_fields = true, .fields = "a"},
		{.all_fields = true, .exclude_default = true},
		{.fields = "a", .exclude_fields = "b"},
		{.exclude_default = true, .exclude_fields = "b"},
		{.fields = ""},
		{.exclude_fields = ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(sol_selector_check(&bad[i], NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(matching),
		cmocka_unit_test(selecting),
		cmocka_unit_test(selectors_that_do_not_go_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
