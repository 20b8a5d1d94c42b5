// SPDX-License-Identifier: BSD-3-Clause
// The schema checker alone: schemas that are wrong, values that are, words that are meant.
#include "fixture.h"

static struct cat_node *parse(const char *text)
{
	struct cat_err err = {0};
	struct cat_node *root = NULL;
	if (cat_tree_parse_yaml("t", text, strlen(text), &root, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return root;
}

static void test_wrong_schemas(void **state)
{
	(void)state;
	static const struct {
		const char *schema, *message;
	} cases[] = {
		{"[]", "schema: /: found a list, expected a schema (a map)"},
		{"{typ: string}", "schema: /typ: unknown keyword"},
		{"{type: text}", "schema: /type: found \"text\", expected the name of a type"},
		{"{type: [string, 1]}", "schema: /type/1: found 1, expected the name of a type"},
		{"{enum: []}", "schema: /enum: found a list, expected a list that is not empty"},
		{"{properties: []}", "schema: /properties: found a list, expected a map of schemas"},
		{"{properties: {a: {b: 1}}}", "schema: /properties/a/b: unknown keyword"},
		{"{required: [1]}", "schema: /required/0: found 1, expected a string"},
		{"{oneOf: {}}", "schema: /oneOf: found a map, expected a list of schemas"},
		{"{minItems: -1}", "schema: /minItems: found -1, expected an integer from 0"},
		{"{minimum: low}", "schema: /minimum: found \"low\", expected a number"},
		{"{uniqueItems: 1}", "schema: /uniqueItems: found 1, expected true or false"},
		{"{pattern: \"(\"}", "schema: /pattern: found \"(\", expected a POSIX extended regular expression"},
		{"{format: date}", "schema: /format: found \"date\", expected a known format"},
		{"{additionalProperties: 1}", "schema: /additionalProperties: found 1, expected a schema (a map)"},
		{"{$ref: \"#/$defs/a\"}", "schema: /$ref: found \"#/$defs/a\", expected \"#/$defs/NAME\" of a schema "
					  "that does not lead back here"},
		{"{$defs: {a: {$ref: \"#/$defs/a\"}}}", "schema: /$defs/a/$ref: found \"#/$defs/a\", expected "
							"\"#/$defs/NAME\" of a schema that does not lead back here"},
		{"{$ref: other.json}", "schema: /$ref: found \"other.json\", expected \"#/$defs/NAME\" of a schema "
				       "that does not lead back here"},
		{"{$defs: {a: {anyOf: [{$ref: \"#/$defs/a\"}]}}, $ref: \"#/$defs/a\"}",
		 "schema: it leads to itself without going down in the value"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *schema = parse(cases[i].schema), *node = parse("1");
		struct cat_problems problems = {0};
		struct cat_err err = {0};
		assert_int_equal(cat_schema_check(schema, node, &problems, &err), -EINVAL);
		assert_string_equal(err.message, cases[i].message);
		cat_problems_free(&problems);
	}
}

static void test_values(void **state)
{
	(void)state;
	static const struct {
		const char *schema, *value, *problems;
	} cases[] = {
		{"{}", "anything", ""},
		{"{type: integer}", "a", "t:1:1: found \"a\", expected an integer\n"},
		{"{type: integer, minimum: 3}", "2", "t:1:1: found 2, expected an integer of at least 3\n"},
		{"{type: integer, maximum: 3}", "4", "t:1:1: found 4, expected an integer of at most 3\n"},
		{"{type: number, minimum: 0.5, maximum: 1}", "1.5",
		 "t:1:1: found 1.5, expected a number from 0.5 to 1\n"},
		{"{type: number}", "3", ""},
		{"{type: integer}", "3.5", "t:1:1: found 3.5, expected an integer\n"},
		{"{type: boolean}", "no", "t:1:1: found \"no\", expected true or false; did you mean false?\n"},
		{"{type: boolean}", "perhaps", "t:1:1: found \"perhaps\", expected true or false\n"},
		{"{type: string}", "12", "t:1:1: found 12, expected a string; write it in quotes\n"},
		{"{type: string, minLength: 2}", "é", "t:1:1: found 1 characters, expected at least 2\n"},
		{"{type: string, maxLength: 2}", "éé", ""},
		{"{type: string, maxLength: 2}", "abc", "t:1:1: found 3 characters, expected at most 2\n"},
		{"{type: string, pattern: \"^a+$\"}", "b", "t:1:1: found \"b\", expected a string that matches ^a+$\n"},
		{"{type: string, pattern: \"^a+$\", title: only as}", "b", "t:1:1: found \"b\", expected only as\n"},
		{"{type: [string, \"null\"]}", "[]", "t:1:1: found a list, expected a string or nothing\n"},
		{"{const: {a: [1]}}", "{a: [1]}", ""},
		{"{enum: [1, two, null]}", "tow",
		 "t:1:1: found \"tow\", expected 1, two or nothing (null); did you mean \"two\"?\n"},
		{"{type: array, items: {type: integer}}", "[1, a, 2, b]",
		 "t:1:5: [1]: found \"a\", expected an integer\nt:1:11: [3]: found \"b\", expected an integer\n"},
		{"{type: array, uniqueItems: true}", "[{a: 1}, {b: 1}, {a: 1}]",
		 "t:1:18: [2]: a map stands here again\n"},
		{"{type: array, maxItems: 1}", "[1, 2]", "t:1:1: found 2 items, expected at most 1\n"},
		{"{type: object, minProperties: 1}", "{}", "t:1:1: found 0 entries, expected at least 1\n"},
		{"{type: object, additionalProperties: false}", "{a: 1}", "t:1:2: a: unknown key\n"},
		{"{type: object, propertyNames: {pattern: \"^[a-z]$\"}, additionalProperties: {type: integer}}",
		 "{a: x, B: 1}",
		 "t:1:5: a: found \"x\", expected an integer\nt:1:8: B: found \"B\", expected a string that matches "
		 "^[a-z]$\n"},
		{"{$defs: {n: {type: integer}}, properties: {a: {$ref: \"#/$defs/n\", maximum: 5}}}", "{a: 6}",
		 "t:1:5: a: found 6, expected an integer of at most 5\n"},
		{"{$defs: {t: {type: object, additionalProperties: false, properties: {kid: {$ref: \"#/$defs/t\"}}}}, "
		 "$ref: "
		 "\"#/$defs/t\"}",
		 "{kid: {kid: {kit: {}}}}", "t:1:14: kid.kid.kit: unknown key, expected kid; did you mean \"kid\"?\n"},
		// Alternatives.
		{"{oneOf: [{type: integer}, {type: string, format: ipv4}]}", "1.2.3.400",
		 "t:1:1: found \"1.2.3.400\", expected an integer or an IPv4 address such as 192.0.2.1\n"},
		{"{oneOf: [{type: integer}, {type: string, format: ipv4}]}", "[]",
		 "t:1:1: found a list, expected an integer or an IPv4 address such as 192.0.2.1\n"},
		{"{oneOf: [{type: integer}, {type: number}]}", "3",
		 "t:1:1: can be read in 2 ways that exclude each other\n"},
		{"{anyOf: [{type: integer}, {type: number}]}", "3", ""},
		{"{anyOf: [{enum: [tcp, udp]}, {type: integer, maximum: 255}]}", "ucp",
		 "t:1:1: found \"ucp\", expected tcp or udp or an integer of at most 255; did you mean \"tcp\"?\n"},
		{"{oneOf: [{type: object, required: [a], additionalProperties: false, properties: {a: {type: "
		 "integer}}}, {type: "
		 "object, required: [b, c], additionalProperties: false, properties: {b: {}, c: {}}}]}",
		 "{a: x}", "t:1:5: a: found \"x\", expected an integer\n"},
		{"{oneOf: [{type: object, properties: {k: {const: a}, x: {type: integer}}}, {type: object, properties: "
		 "{k: {const: "
		 "b}, y: {type: integer}}}]}",
		 "{k: b, y: z}", "t:1:11: y: found \"z\", expected an integer\n"},
		{"{oneOf: [{type: object, properties: {k: {const: alpha}}}, {type: object, properties: {k: {enum: "
		 "[beta, gamma]}}}]}",
		 "{k: bta}", "t:1:5: k: found \"bta\", expected alpha, beta or gamma; did you mean \"beta\"?\n"},
		// Formats.
		{"{format: name}", "a-b-",
		 "t:1:1: found \"a-b-\", expected a name of at most 32 lower-case letters, digits and dashes "
		 "that begins with a letter\n"},
		{"{format: port-range}", "1-65536",
		 "t:1:1: found \"1-65536\", expected a port or range such as \"80\" or \"1024-65535\"\n"},
		{"{format: port-range}", "1024-65535", ""},
		{"{format: mac}", "02:00:00:00:00",
		 "t:1:1: found \"02:00:00:00:00\", expected a MAC address such as 02:00:00:00:00:01\n"},
		{"{format: address}", "10.0.0.1",
		 "t:1:1: found \"10.0.0.1\", expected an address with prefix length such as 192.0.2.1/24\n"},
		{"{format: ipv6-prefix}", "10.0.0.0/8",
		 "t:1:1: found \"10.0.0.0/8\", expected an IPv6 prefix such as 2001:db8::/32\n"},
		{"{format: ipv4-prefix}", "10.0.0.1/8", ""},
		{"{format: cpu-list}", "\"\"", "t:1:1: found \"\", expected a list of cores such as \"0-3,8\"\n"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *schema = parse(cases[i].schema), *node = parse(cases[i].value);
		struct cat_problems problems = {0};
		struct cat_err err = {0};
		if (cat_schema_check(schema, node, &problems, &err) < 0)
			fail_msg("%s: %s", cases[i].schema, err.message);
		cat_autofree char *found = cat_problems_format(&problems, "t");
		assert_string_equal(found, cases[i].problems);
		cat_problems_free(&problems);
	}
}

static void test_fill(void **state)
{
	(void)state;
	static const struct {
		const char *schema, *value, *filled;
	} cases[] = {
		{"{properties: {a: {default: 1}, b: {}}}", "{}", "{a: 1}"},
		{"{properties: {a: {default: 1}}}", "{a: 2, c: 3}", "{a: 2, c: 3}"},
		{"{properties: {a: {default: {}, properties: {b: {default: [x]}}}}}", "{}", "{a: {b: [x]}}"},
		{"{additionalProperties: {$ref: \"#/$defs/d\"}, $defs: {d: {properties: {e: {default: f}}}}}",
		 "{x: {}, y: {e: 1}}", "{x: {e: f}, y: {e: 1}}"},
		{"{items: {properties: {a: {default: 0}}}}", "[{}, {a: 1}]", "[{a: 0}, {a: 1}]"},
		{"{oneOf: [{type: integer}, {type: object, properties: {k: {const: a}, n: {default: 1}}}, {type: "
		 "object, properties: "
		 "{k: {const: b}, n: {default: 2}}}]}",
		 "{k: b}", "{k: b, n: 2}"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *schema = parse(cases[i].schema), *node = parse(cases[i].value),
					     *expected = parse(cases[i].filled);
		assert_int_equal(cat_schema_fill(schema, node), 0);
		if (!cat_node_equal(node, expected)) {
			cat_autofree char *found = cat_node_to_json(node, 0);
			fail_msg("found %s, expected %s", found, cases[i].filled);
		}
	}
}

static void test_suggest(void **state)
{
	(void)state;
	static const char *const words[] = {"ports", "path", "paths", "huge_pages", "accept", "drop", "fw", "2M", NULL};
	static const struct {
		const char *found, *meant;
	} cases[] = {
		{"", NULL},
		{"x", NULL},
		{"prots", "ports"},
		{"prot", NULL},
		{"pathes", "paths"},
		{"Paths", "paths"},
		{"huge-pages", "huge_pages"},
		{"hugepages", "huge_pages"},
		{"acccept", "accept"},
		{"acept", "accept"},
		{"deny", NULL},
		{"wf", "fw"},
		{"fx", NULL},
		{"2m", "2M"},
		{"droop", "drop"},
		{"portside", "ports"},
		{"a-word-that-is-far-longer-than-any-that-could-have-been-meant", NULL},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		const char *meant = cat_suggest(cases[i].found, words);
		if (!meant != !cases[i].meant || (meant && strcmp(meant, cases[i].meant) != 0))
			fail_msg("\"%s\": found \"%s\", expected \"%s\"", cases[i].found, meant ? meant : "nothing",
				 cases[i].meant ? cases[i].meant : "nothing");
	}
}

static void test_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int code;
		uint64_t bytes;
	} cases[] = {
		{"", -EINVAL, 0},
		{"M", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"1.5G", -EINVAL, 0},
		{"1 M", -EINVAL, 0},
		{"64MB", -EINVAL, 0},
		{"18446744073709551616", -EINVAL, 0},
		{"16777216T", -EINVAL, 0},
		{"1X", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"0", 0, 0},
		{"64M", 0, 64u << 20},
		{"64MiB", 0, 64u << 20},
		{"2g", 0, UINT64_C(2) << 30},
		{"16777215T", 0, UINT64_C(16777215) << 40},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		uint64_t bytes = 0;
		if (cat_size_parse(cases[i].text, &bytes) != cases[i].code)
			fail_msg("\"%s\"", cases[i].text);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

// What an attacker writes into a name does not reach the terminal.
static void test_terminal(void **state)
{
	(void)state;
	struct cat_problems problems = {0};
	cat_autonode struct cat_node *map = cat_node_new_map();
	struct cat_node *node = cat_node_add_int(map, "a\033[2J/b~", 1);
	assert_int_equal(
		cat_problems_add(&problems, node, true, "%s", "bell\a, \xc2\x9b, \xe2\x80\xae, \xff, \xc3\xa9"), 0);
	cat_autofree char *text = cat_problems_format(&problems, "t");
	assert_string_equal(text, "t: a\\x1b[2J/b~: bell\\x07, \\xc2\\x9b, \\xe2\\x80\\xae, \\xff, \xc3\xa9\n");
	cat_problems_free(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_schemas), cmocka_unit_test(test_values), cmocka_unit_test(test_fill),
		cmocka_unit_test(test_suggest),       cmocka_unit_test(test_sizes),  cmocka_unit_test(test_terminal),
	};
	return cmocka_run_group_tests_name("chains/schema", tests, NULL, NULL);
}
