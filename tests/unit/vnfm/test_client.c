// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_client.h"

static void escapes_paths(void **state)
{
	(void)state;
	static const struct {
		const char *part, *expected;
	} cases[] = {
		{"", "/services/"},
		{"..", "/services/%2E%2E"},
		{".", "/services/%2E"},
		{"a/../b", "/services/a%2F..%2Fb"},
		{"a?b#c&d=e%", "/services/a%3Fb%23c%26d%3De%25"},
		{"a b\n", "/services/a%20b%0A"},
		{"\xc3\xa4", "/services/%C3%A4"},
		{"branch-1", "/services/branch-1"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autofree char *path = cat_client_path("services", cases[i].part, NULL);
		assert_string_equal(path, cases[i].expected);
	}
}

static void adds_queries(void **state)
{
	(void)state;
	char *path = cat_client_path("events", NULL);
	path = cat_client_query(path, "after", "12");
	path = cat_client_query(path, "follow", "true&limit=0");
	assert_string_equal(path, "/events?after=12&follow=true%26limit%3D0");
	free(path);
	assert_null(cat_client_query(NULL, "a", "b"));
}

static void says_that_nobody_listens(void **state)
{
	(void)state;
	struct cat_client *client = cat_client_create("/nonexistent/api.sock", NULL);
	struct cat_client_reply reply = {.status = 7};
	struct cat_err err = {0};
	const struct cat_client_request request = {.verb = "GET", .path = "/version"};
	assert_int_equal(cat_client_send(client, &request, &reply, &err), -ENOTCONN);
	assert_non_null(strstr(err.message, "/nonexistent/api.sock"));
	assert_int_equal(reply.status, 7);
	cat_client_destroy(client);
}

static void reads_problems(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"{}", "no reason given"},
		{"{\"title\": \"Conflict\"}", "Conflict"},
		{"{\"title\": \"Conflict\", \"detail\": \"busy\"}", "busy"},
		{"{\"detail\": 7}", "no reason given"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_client_reply reply = {0};
		assert_int_equal(cat_tree_parse_json("x", cases[i][0], strlen(cases[i][0]), &reply.body, NULL), 0);
		assert_string_equal(cat_client_problem(&reply), cases[i][1]);
		cat_node_free(reply.body);
	}
	assert_string_equal(cat_client_problem(&(struct cat_client_reply){0}), "no reason given");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_paths),
		cmocka_unit_test(adds_queries),
		cmocka_unit_test(says_that_nobody_listens),
		cmocka_unit_test(reads_problems),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
