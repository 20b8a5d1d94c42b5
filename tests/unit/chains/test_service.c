// SPDX-License-Identifier: BSD-3-Clause
// Service files that are in order: defaults, shorthand, differences.
#include <glob.h>

#include "fixture.h"

static const char plain[] = "version: 1\n"
			    "service: branch\n"
			    "ports:\n"
			    "  lan: {dev: \"veth:lan0\"}\n"
			    "  wan: {dev: \"gen:\"}\n"
			    "functions:\n"
			    "  fw: {kind: firewall}\n"
			    "  n: {kind: \"null\", memory: 1G, state: 0, pids: 99, image: other}\n"
			    "path: [lan, fw, n, wan]\n";

static void test_defaults(void **state)
{
	(void)state;
	struct cat_kinds *kinds = fixture_kinds();
	struct cat_service *service = fixture_service(kinds, plain, strlen(plain));
	const struct cat_node *tree = cat_service_tree(service);
	static const struct {
		const char *pointer, *json;
	} cases[] = {
		{"/lanes", "1"},
		{"/poll", "\"adaptive\""},
		{"/latency", "\"balanced\""},
		{"/burst", "256"},
		{"/ring", "1024"},
		{"/numa", "\"prefer\""},
		{"/huge_pages", "\"auto\""},
		{"/share_cores", "false"},
		{"/paths/main/hops/3", "\"wan\""},
		{"/ports/wan/gen/flows", "1024"},
		{"/functions/fw/image", "\"firewall\""},
		{"/functions/fw/memory", "268435456"},
		{"/functions/fw/state", "67108864"},
		{"/functions/fw/config", "{}"},
		{"/functions/n/image", "\"other\""},
		{"/functions/n/memory", "1073741824"},
		{"/functions/n/state", "0"},
		{"/functions/n/pids", "99"},
		{"/functions/n/tun", "false"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		const struct cat_node *node = cat_node_resolve(tree, cases[i].pointer, false);
		if (!node)
			fail_msg("%s is absent", cases[i].pointer);
		cat_autofree char *json = cat_node_to_json(node, 0);
		assert_string_equal(json, cases[i].json);
	}
	assert_string_equal(cat_service_name(service), "branch");
	assert_null(cat_node_get(tree, "path"));
	assert_null(cat_node_get(tree, "buffers"));
	assert_null(cat_node_get(cat_node_find(tree, "ports", "lan", NULL), "gen"));
	assert_non_null(cat_node_get(cat_service_source(service), "path"));
	assert_null(cat_node_get(cat_service_source(service), "lanes"));
	cat_service_free(service);
	cat_kinds_free(kinds);
}

// A line more in the file, and what a key of the tree becomes by it.
static void test_expansions(void **state)
{
	(void)state;
	struct cat_kinds *kinds = fixture_kinds();
	static const struct {
		const char *line, *pointer, *json;
	} cases[] = {
		{"lanes: \"2-4,8\"", "/lanes", "[2,3,4,8]"},
		{"lanes: [5, 3]", "/lanes", "[5,3]"},
		{"latency: low", "/burst", "32"},
		{"latency: low", "/ring", "256"},
		{"latency: throughput", "/burst", "1024"},
		{"latency: throughput", "/ring", "2048"},
		{"ring: 128", "/burst", "128"},
		{"latency: low\nburst: 1000", "/ring", "1024"},
		{"ring: 4096", "/burst", "256"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autofree char *text = cat_format("%s%s\n", plain, cases[i].line);
		struct cat_service *service = fixture_service(kinds, text, strlen(text));
		const struct cat_node *node = cat_node_resolve(cat_service_tree(service), cases[i].pointer, false);
		cat_autofree char *json = cat_node_to_json(node, 0);
		cat_autofree char *packed = strdup(json);
		char *to = packed;
		for (const char *p = json; *p; p++)
			if (*p != ' ')
				*to++ = *p;
		*to = '\0';
		assert_string_equal(packed, cases[i].json);
		cat_service_free(service);
	}
	cat_kinds_free(kinds);
}

static void test_match_ports(void **state)
{
	(void)state;
	struct cat_kinds *kinds = fixture_kinds();
	cat_autofree char *text =
		cat_format("%.*spaths:\n  web: {hops: [lan, fw, wan], match: {protocol: tcp, destination_ports: [80, "
			   "\"8000-8080\"]}}\n  rest: {hops: [lan, n, wan]}\n",
			   (int)(strstr(plain, "path:") - plain), plain);
	struct cat_service *service = fixture_service(kinds, text, strlen(text));
	const struct cat_node *ports =
		cat_node_resolve(cat_service_tree(service), "/paths/web/match/destination_ports", false);
	assert_string_equal(cat_node_at(ports, 0)->string, "80");
	assert_string_equal(cat_node_at(ports, 1)->string, "8000-8080");
	cat_service_free(service);
	cat_kinds_free(kinds);
}

// What differs, in words. Frees both.
static void assert_words(struct cat_service *from, struct cat_service *to, const char *expected)
{
	struct cat_node *diff = cat_service_diff(from, to);
	char words[256] = "";
	for (const struct cat_node *n = diff->first; n; n = n->next) {
		if (n->type == CAT_BOOL ? n->boolean : n->count > 0)
			sprintf(words + strlen(words), " %s", n->key);
		for (const struct cat_node *m = n->type == CAT_LIST ? n->first : NULL; m; m = m->next)
			sprintf(words + strlen(words), " %s", m->string);
	}
	assert_string_equal(words + 1, expected);
	cat_node_free(diff);
	cat_service_free(from);
	cat_service_free(to);
}

static void test_diff(void **state)
{
	(void)state;
	struct cat_kinds *kinds = fixture_kinds();
	static const struct {
		const char *from, *to; // replaced in `plain`, or NULL
		const char *json;
	} cases[] = {
		{NULL, NULL, "unchanged"},
		{"service: branch", "service: \"branch\"", "unchanged"},
		{"{kind: firewall}", "{kind: firewall, config: {default: accept}}", "configure fw"},
		{"{kind: firewall}", "{kind: firewall, memory: 512M}", "replace fw"},
		{"{kind: firewall}", "{kind: firewall, memory: 256M}", "unchanged"},
		{"{kind: firewall}", "{kind: firewall, config: {default: accept}, pids: 9}", "replace fw"},
		{"path: [lan, fw, n, wan]", "path: [lan, n, fw, wan]", "restart"},
		{"path: [lan, fw, n, wan]", "path: [lan, fw, n, wan]\nlanes: 2", "restart"},
		{"veth:lan0", "veth:lan1", "restart"},
		{"fw", "wall", "restart add wall remove fw"},
		{"path: [lan, fw, n, wan]", "paths: {main: {hops: [lan, fw, n, wan]}}", "unchanged"},
	};
	// Over the same lanes, only the cores change.
	static const struct {
		const char *from, *to, *words;
	} scaled[] = {
		{"lanes: 1\nscaling: {maximum: 2}", "lanes: 1\nscaling: {maximum: 2}", "unchanged"},
		{"lanes: 1\nscaling: {maximum: 2}", "scaling: {maximum: 2, minimum: 1}", "unchanged"},
		{"lanes: 1\nscaling: {maximum: 2}", "lanes: 2\nscaling: {maximum: 2}", "scale"},
		{"lanes: 2\nscaling: {maximum: 2}", "lanes: 2\nscaling: {maximum: 2, minimum: 2}", "scale"},
		{"lanes: 1\nscaling: {maximum: 2}", "lanes: 1\nscaling: {maximum: 3}", "restart"},
		{"lanes: 2\nscaling: {maximum: 2}", "lanes: 2", "restart"},
		{"lanes: 2", "lanes: 2\nscaling: {maximum: 2}", "restart"},
		{"lanes: 2\nscaling: {maximum: 2}", "lanes: 1\nscaling: {maximum: 2}\npoll: busy", "restart"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(scaled); i++) {
		char text[2][1024];
		snprintf(text[0], sizeof(text[0]), "%s%s\n", plain, scaled[i].from);
		snprintf(text[1], sizeof(text[1]), "%s%s\n", plain, scaled[i].to);
		struct cat_service *from = fixture_service(kinds, text[0], strlen(text[0]));
		struct cat_service *to = fixture_service(kinds, text[1], strlen(text[1]));
		assert_words(from, to, scaled[i].words);
	}
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		char text[1024] = "";
		const char *p = plain;
		for (const char *at; cases[i].from && (at = strstr(p, cases[i].from)); p = at + strlen(cases[i].from))
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s%s", (int)(at - p), p,
				 cases[i].to);
		strcat(text, p);
		struct cat_service *from = fixture_service(kinds, plain, strlen(plain));
		struct cat_service *to = fixture_service(kinds, text, strlen(text));
		assert_words(from, to, cases[i].json);
	}
	cat_kinds_free(kinds);
}

static void test_examples(void **state)
{
	(void)state;
	struct cat_kinds *kinds = fixture_kinds();
	glob_t files;
	assert_int_equal(glob(EXAMPLES_DIR "/*.yaml", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 1);
	for (size_t i = 0; i < files.gl_pathc; i++)
		cat_service_free(fixture_service_file(kinds, files.gl_pathv[i]));
	globfree(&files);
	cat_kinds_free(kinds);
}

// The examples with the kinds of this project instead of the tests' own. Those that use others (of a program that is
// not in this tree) are passed over.
static void test_own_kinds(void **state)
{
	(void)state;
	struct cat_err err = {0};
	const char *const directories[] = {KINDS_DIR, NULL};
	struct cat_kinds *kinds = cat_kinds_load(directories, &err);
	if (!kinds)
		fail_msg("%s", err.message);
	glob_t files;
	size_t tried = 0;
	assert_int_equal(glob(EXAMPLES_DIR "/*.yaml", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		cat_autonode struct cat_node *tree = NULL;
		assert_int_equal(cat_tree_parse_file(files.gl_pathv[i], &tree, &err), 0);
		bool known = true;
		for (const struct cat_node *n = cat_node_get(tree, "functions")->first; n; n = n->next)
			known &= cat_kinds_schema(kinds, cat_node_get(n, "kind")->string) != NULL;
		tried += known;
		if (known)
			cat_service_free(fixture_service_file(kinds, files.gl_pathv[i]));
	}
	assert_true(tried >= 1);
	globfree(&files);
	cat_kinds_free(kinds);
}

static void test_kinds(void **state)
{
	(void)state;
	struct cat_err err = {0};
	const char *const absent[] = {"/nonexistent", NULL};
	assert_null(cat_kinds_load(absent, &err));
	assert_int_equal(err.code, -ENOENT);
	struct cat_kinds *kinds = fixture_kinds();
	const char *const *names = cat_kinds_names(kinds);
	assert_string_equal(names[0], "firewall");
	assert_string_equal(names[3], "vcpe");
	assert_null(names[4]);
	assert_null(cat_kinds_schema(kinds, "absent"));
	assert_null(cat_kinds_descriptor(kinds, "absent"));
	assert_true(cat_node_get(cat_kinds_descriptor(kinds, "vcpe"), "tun")->boolean);
	assert_false(cat_node_get(cat_kinds_descriptor(kinds, "router"), "tun")->boolean);
	cat_kinds_free(kinds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_expansions), cmocka_unit_test(test_match_ports),
		cmocka_unit_test(test_diff),     cmocka_unit_test(test_examples),   cmocka_unit_test(test_own_kinds),
		cmocka_unit_test(test_kinds),
	};
	return cmocka_run_group_tests_name("chains/service", tests, NULL, NULL);
}
