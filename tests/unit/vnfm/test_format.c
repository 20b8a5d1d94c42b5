// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "format.h"

static void numbers(void **state)
{
	(void)state;
	char text[FORMAT_TEXT_MAX];
	static const struct {
		uint64_t value;
		const char *expected;
	} counts[] = {{0, "0"},
		      {999, "999"},
		      {1000, "1,000"},
		      {12345678, "12,345,678"},
		      {UINT64_MAX, "18,446,744,073,709,551,615"}};
	for (size_t i = 0; i < CAT_ARRAY_LEN(counts); i++)
		assert_string_equal(format_count(counts[i].value, text), counts[i].expected);
	static const struct {
		double value;
		const char *expected;
	} scaled[] = {
		{0, "0"},         {0.4, "0"},       {999.4, "999"},    {999.6, "1.00k"},    {1234, "1.23k"},
		{12345, "12.3k"}, {123456, "123k"}, {999999, "1.00M"}, {26712000, "26.7M"}, {1e30, "1000000000000E"}};
	for (size_t i = 0; i < CAT_ARRAY_LEN(scaled); i++)
		assert_string_equal(format_scaled(scaled[i].value, text), scaled[i].expected);
	assert_string_equal(format_bytes(0, text), "0 B");
	assert_string_equal(format_bytes(2 << 20, text), "2.0 MiB");
	assert_string_equal(format_bytes(195ull << 20, text), "195 MiB");
	assert_string_equal(format_age(-5, text), "0 s");
	assert_string_equal(format_age(59, text), "59 s");
	assert_string_equal(format_age(3700, text), "1 h 1 m");
	assert_string_equal(format_age(90000, text), "1 d 1 h");
}

typedef void (*print_fn)(FILE *out, const struct cat_node *node);

static char *print(print_fn fn, const char *json)
{
	cat_autonode struct cat_node *node = NULL;
	assert_int_equal(cat_tree_parse_json("x", json, strlen(json), &node, NULL), 0);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	fn(out, node);
	fclose(out);
	return text;
}

static void print_status(FILE *out, const struct cat_node *node)
{
	format_status(out, node, 65000, &(struct format_style){0});
}

static void print_narrow(FILE *out, const struct cat_node *node)
{
	format_status(out, node, 65000, &(struct format_style){.columns = 80, .verbose = true});
}

static void print_lines(FILE *out, const struct cat_node *node)
{
	format_status_lines(out, node, 0);
}

static void print_log(FILE *out, const struct cat_node *node)
{
	format_log_line(out, node, false);
}

static const char status_json[] =
	"{\"service\": \"s\", \"state\": \"running\", \"since_ms\": 5000, \"up_ms\": 195.4, \"lanes\": [{\"cpu\": 2}, "
	"{\"cpu\": 3}],"
	" \"hops\": [{\"path\": \"main\", \"name\": \"lan\", \"type\": \"port\", \"right\": {\"packets\": 1234567, "
	"\"bytes\": 1,"
	" \"packets_per_s\": 12345.6, \"bits_per_s\": 0}, \"left\": {\"packets\": 0, \"queue\": 9}},"
	" {\"path\": \"main\", \"name\": \"fw\", \"kind\": \"firewall\", \"state\": \"waiting\", \"restarts\": 2,"
	" \"right\": {\"packets\": 5, \"queue\": 1024}, \"left\": {\"packets\": 6, \"queue\": 0},"
	" \"drops\": {\"malformed\": 12, \"denied\": 3456}, \"drops_per_s\": 7, \"gauges\": {\"sessions\": 45, "
	"\"none\": 0}}]}";

static void a_status(void **state)
{
	(void)state;
	cat_autofree char *text = print(print_status, status_json);
	static const char *const expected[] = {
		"service s  running for 1 m 0 s, 2 lanes on cores 2,3, started in 195 ms\n",
		"lan        port           1,234,567   12.3k       0      -               0       0       0      9 \n",
		"fw         firewall               5       0       0   1024               6       0       0      0  "
		"waiting 2 restarts\n",
		"           sessions 45   dropped: malformed 12, denied 3,456 (7/s)\n",
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(expected); i++)
		if (!strstr(text, expected[i]))
			fail_msg("found\n%s\nexpected in it\n%s", text, expected[i]);
	assert_null(strchr(text, '\033'));
	assert_null(strstr(text, "none"));
}

// On a narrow terminal no line of the table is folded.
static void a_narrow_status(void **state)
{
	(void)state;
	cat_autofree char *text = print(print_narrow, status_json);
	const char *table = strstr(text, "HOP");
	assert_non_null(table);
	size_t width = strcspn(table, "\n");
	assert_true(width <= 80);
	assert_null(strstr(table, "BIT/S"));
	assert_non_null(
		strstr(table, "lan        port          1,234,567   12.3k      -              0       0      9 \n"));
}

static void a_status_in_lines(void **state)
{
	(void)state;
	cat_autofree char *text = print(print_lines, status_json);
	assert_non_null(strstr(
		text, " s fw       right 5 packets 0/s queue 1024  left 6 packets 0/s queue 0  dropped malformed 12, "
		      "denied 3456\n"));
}

// The manager may be of another version: what is missing or of another type is no reason to fall over.
static void odd_answers(void **state)
{
	(void)state;
	static const char *const answers[] = {"{}", "[]", "{\"hops\": 7}", "{\"hops\": [7, {}, {\"right\": []}]}",
					      "{\"hops\": [], \"lanes\": [3]}"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(answers); i++) {
		free(print(print_status, answers[i]));
		free(print(print_narrow, answers[i]));
		free(print(print_lines, answers[i]));
		free(print(format_host, answers[i]));
	}
}

static void a_log_line(void **state)
{
	(void)state;
	static const struct {
		const char *line, *expected;
	} cases[] = {
		{"2026-01-02T03:04:05.678Z firewall: warning: full", " fw         warning: full\n"},
		{"2026-01-02T03:04:05.678Z two words: x", " fw         two words: x\n"},
		{"2026-01-02T03:04:05.6Z firewall: x", " fw         2026-01-02T03:04:05.6Z firewall: x\n"},
		{"plain", " fw         plain\n"},
		{"", " fw         \n"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		char json[256];
		snprintf(json, sizeof(json), "{\"time_ms\": 0, \"source\": \"fw\", \"line\": \"%s\"}", cases[i].line);
		cat_autofree char *text = print(print_log, json);
		assert_string_equal(text + strlen("00:00:00.000"), cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),           cmocka_unit_test(a_status),    cmocka_unit_test(a_narrow_status),
		cmocka_unit_test(a_status_in_lines), cmocka_unit_test(odd_answers), cmocka_unit_test(a_log_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
