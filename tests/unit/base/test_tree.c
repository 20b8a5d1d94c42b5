// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cat_tree.h"

static struct cat_node *yaml(const char *text)
{
	struct cat_node *root = NULL;
	struct cat_err err = {0};
	if (cat_tree_parse_yaml("t", text, strlen(text), &root, &err) < 0)
		fail_msg("%s", err.message);
	return root;
}

static void refuses_bad_yaml_with_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", "t: the file is empty"},
		{"# only a comment\n", "t: the file is empty"},
		{"a: 1\na: 2\n", "t:2:1: key \"a\" stands here again; the first is in line 1"},
		{"a: &x 1\n", "t:1:4: anchors (&) are not accepted: write the value out"},
		{"a: &x [1]\n", "t:1:4: anchors (&) are not accepted: write the value out"},
		{"a: *x\n", "t:1:4: aliases (*) are not accepted: write the value out"},
		{"a: !!int 3\n", "t:1:4: tags (!) are not accepted"},
		{"--- 1\n--- 2\n", "t:2:1: a second document (---) is not accepted"},
		{"? [a]\n: 1\n", "t:1:3: a key must be a plain value"},
		{"a: \"x\\0y\"\n", "t:1:4: a string with a NUL byte is not accepted"},
		{"a: [1\n", "t:2:1: no valid YAML: did not find expected ',' or ']' while parsing a flow sequence"},
		{"a: \xff\n", "t: byte 3: invalid leading UTF-8 octet"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(bad); i++) {
		struct cat_node *root = NULL;
		struct cat_err err = {0};
		assert_int_equal(cat_tree_parse_yaml("t", bad[i].text, strlen(bad[i].text), &root, &err), -EINVAL);
		assert_string_equal(err.message, bad[i].message);
		assert_null(root);
	}
}

// Large maps are checked in another way than small ones, which must not take a time with the square of their size.
static void finds_twins_in_large_maps(void **state)
{
	(void)state;
	struct cat_node *root = NULL;
	struct cat_err err = {0};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	for (int i = 0; i < 100000; i++)
		fprintf(out, "k%d: %d\n", i, i);
	fflush(out);
	assert_int_equal(cat_tree_parse_yaml("t", text, size, &root, &err), 0);
	assert_int_equal(root->count, 100000);
	cat_node_free(root);
	root = NULL;
	fprintf(out, "k7: 1\nk99: 1\n");
	fclose(out);
	assert_int_equal(cat_tree_parse_yaml("t", text, size, &root, &err), -EINVAL);
	assert_string_equal(err.message, "t:100001:1: key \"k7\" stands here again; the first is in line 8");
	assert_null(root);
	free(text);
}

static void refuses_depth(void **state)
{
	(void)state;
	char text[201];
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	text[200] = '\0';
	struct cat_node *root = NULL;
	struct cat_err err = {0};
	assert_int_equal(cat_tree_parse_yaml("t", text, 200, &root, &err), -E2BIG);
	assert_string_equal(err.message, "t:1:33: nested too deeply");
	assert_int_equal(cat_tree_parse_json("t", text, 200, &root, &err), -E2BIG);
	assert_null(root);
}

static void resolves_scalars_by_the_core_schema(void **state)
{
	(void)state;
	static const struct {
		const char *text, *json;
	} cases[] = {
		{"~", "null"},
		{"Null", "null"},
		{"true", "true"},
		{"FALSE", "false"},
		{"yes", "\"yes\""},
		{"on", "\"on\""},
		{"0", "0"},
		{"-12", "-12"},
		{"0x1F", "31"},
		{"0o17", "15"},
		{"017", "17"},
		{"1_000", "\"1_000\""},
		{"1.5", "1.5"},
		{"1e3", "1000.0"},
		{".5", "0.5"},
		{".", "\".\""},
		{"10.0.0.1", "\"10.0.0.1\""},
		{"12:34", "\"12:34\""},
		{"\"1\"", "\"1\""},
		{"'true'", "\"true\""},
		{"0x", "\"0x\""},
		{"1e", "\"1e\""},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *root = yaml(cases[i].text);
		cat_autofree char *json = cat_node_to_json(root, 0);
		assert_string_equal(json, cases[i].json);
	}
}

static void keeps_places(void **state)
{
	(void)state;
	cat_autonode struct cat_node *root =
		yaml("ports:\n  lan: {dev: \"veth:lan0\"}\nlist:\n  - a\n  - {b/c~d: 2}\n");
	const struct cat_node *dev = cat_node_find(root, "ports", "lan", "dev", NULL);
	assert_int_equal(dev->line, 2);
	assert_int_equal(dev->column, 14);
	assert_int_equal(dev->key_column, 9);
	char pointer[64], small[8];
	assert_string_equal(cat_node_pointer(dev, pointer, sizeof(pointer)), "/ports/lan/dev");
	const struct cat_node *odd = cat_node_at(cat_node_at(cat_node_get(root, "list"), 1), 0);
	assert_string_equal(cat_node_pointer(odd, pointer, sizeof(pointer)), "/list/1/b~1c~0d");
	assert_ptr_equal(cat_node_resolve(root, "/list/1/b~1c~0d", false), odd);
	assert_null(cat_node_resolve(root, "/ports/wan/dev", false));
	assert_ptr_equal(cat_node_resolve(root, "/ports/wan/dev", true), cat_node_get(root, "ports"));
	assert_true(strlen(cat_node_pointer(dev, small, sizeof(small))) < sizeof(small));
}

static void readers_say_what_is_wrong(void **state)
{
	(void)state;
	cat_autonode struct cat_node *root = yaml("m: {n: 7, s: text, l: [1], b: true}\n");
	const struct cat_node *m = cat_node_get(root, "m");
	struct cat_err err = {0};
	int64_t n = -1;
	const char *s = NULL;
	bool b = false;
	const struct cat_node *l = NULL;
	assert_int_equal(cat_node_read_int(m, "n", CAT_REQUIRED, 1, 5, &n, &err), -EINVAL);
	assert_string_equal(err.message, "/m/n: found 7, expected an integer from 1 to 5");
	assert_int_equal(n, -1);
	assert_int_equal(cat_node_read_int(m, "s", CAT_REQUIRED, 1, 5, &n, &err), -EINVAL);
	assert_string_equal(err.message, "/m/s: found \"text\", expected an integer from 1 to 5");
	assert_int_equal(cat_node_read_string(m, "x", CAT_REQUIRED, &s, &err), -EINVAL);
	assert_string_equal(err.message, "/m: \"x\" is missing");
	assert_int_equal(cat_node_read_string(m, "x", CAT_OPTIONAL, &s, &err), 0);
	assert_null(s);
	assert_int_equal(cat_node_read_string(cat_node_get(m, "l"), "x", CAT_OPTIONAL, &s, &err), -EINVAL);
	assert_int_equal(cat_node_read_int(m, "n", CAT_REQUIRED, 1, 7, &n, &err), 0);
	assert_int_equal(n, 7);
	assert_int_equal(cat_node_read_bool(m, "b", CAT_REQUIRED, &b, &err), 0);
	assert_true(b);
	assert_int_equal(cat_node_read_list(m, "l", CAT_REQUIRED, &l, &err), 0);
	assert_int_equal(l->count, 1);
	assert_int_equal(cat_node_read_string(NULL, "x", CAT_OPTIONAL, &s, &err), 0);
}

static void copies_compares_and_writes(void **state)
{
	(void)state;
	cat_autonode struct cat_node *a = yaml("x: [1, {y: z}]\nw: null\n");
	cat_autonode struct cat_node *b = yaml("w: ~\nx:\n- 1\n- y: z\n");
	cat_autonode struct cat_node *c = cat_node_copy(NULL, NULL, a);
	assert_true(cat_node_equal(a, b));
	assert_true(cat_node_equal(a, c));
	cat_node_add_int(c, "more", 1);
	assert_false(cat_node_equal(a, c));
	cat_node_free(cat_node_detach(cat_node_get(c, "more")));
	assert_true(cat_node_equal(a, c));
	cat_node_free(cat_node_detach(cat_node_get(c, "x")));
	cat_node_add_string(c, "bytes", "\xff\"\n");
	cat_node_add_real(c, "nan", 0.0 / 0.0);
	cat_autofree char *json = cat_node_to_json(c, 0);
	assert_string_equal(json, "{\"w\":null,\"bytes\":\"\xef\xbf\xbd\\\"\\n\",\"nan\":null}");
}

static void reads_json(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "{", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "[1] x", "\"\\u0000\"", "nul"};
	struct cat_node *root = NULL;
	struct cat_err err = {0};
	for (size_t i = 0; i < CAT_ARRAY_LEN(bad); i++)
		assert_int_equal(cat_tree_parse_json("t", bad[i], strlen(bad[i]), &root, &err), -EINVAL);
	const char *text = "{\"b\":[true,false,null,1,2.5,\"x\"],\"a\":{}}";
	assert_int_equal(cat_tree_parse_json("t", text, strlen(text), &root, &err), 0);
	cat_autofree char *json = cat_node_to_json(root, 0);
	assert_string_equal(json, text);
	cat_node_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_yaml_with_its_place),
		cmocka_unit_test(finds_twins_in_large_maps),
		cmocka_unit_test(refuses_depth),
		cmocka_unit_test(resolves_scalars_by_the_core_schema),
		cmocka_unit_test(keeps_places),
		cmocka_unit_test(readers_say_what_is_wrong),
		cmocka_unit_test(copies_compares_and_writes),
		cmocka_unit_test(reads_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
