// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <string.h>

#include "cat_cleanup.h"
#include "log_record.h"

static void fields(void **state)
{
	(void)state;
	static const struct {
		const char *service, *source, *text, *expected;
	} cases[] = {
		{NULL, "catenad", "", "{\"component\":\"catenad\",\"level\":\"info\",\"message\":\"\"}"},
		{"s", "fw", "2026-01-02T03:04:05.678Z catena-firewall: warning: lane 1: full",
		 "{\"service\":\"s\",\"component\":\"function\",\"function\":\"fw\",\"level\":\"warning\",\"lane\":1,"
		 "\"message\":\"lane 1: full\"}"},
		{"s", "dataplane", "error: on lane 12",
		 "{\"service\":\"s\",\"component\":\"dataplane\",\"level\":\"error\","
		 "\"lane\":12,\"message\":\"on lane 12\"}"},
		{"s", "dataplane", "planelane 2, lane x, 2026-01-02T: errors: no",
		 "{\"service\":\"s\",\"component\":\"dataplane\",\"level\":\"info\","
		 "\"message\":\"planelane 2, lane x, 2026-01-02T: errors: no\"}"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *map = cat_node_new_map(), *expected = NULL;
		assert_true(log_record_fill(map, cases[i].service, cases[i].source, cases[i].text));
		assert_int_equal(
			cat_tree_parse_json("expected", cases[i].expected, strlen(cases[i].expected), &expected, NULL),
			0);
		cat_autofree char *found = cat_node_to_json(map, 0);
		if (!cat_node_equal(map, expected))
			fail_msg("found %s, expected %s", found, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fields)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
