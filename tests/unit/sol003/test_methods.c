// SPDX-License-Identifier: BSD-3-Clause
// The table of methods: no line twice, schemas that exist and are right, and a description that is up to date.
#include "../test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cat_file.h"
#include "method.h"

static void table(void **state)
{
	(void)state;
	struct cat_err err = {0};
	cat_autonode struct cat_node *schema = sol_schema(&err);
	if (!schema || cat_schema_verify(schema, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < sol_method_count; i++) {
		const struct sol_method *m = &sol_methods[i];
		assert_true(m->api.path[0] == '/' && m->versions && m->handle && *m->api.summary);
		if (m->schema && !cat_node_find(schema, "$defs", m->schema, NULL))
			fail_msg("%s %s: no schema %s", m->api.verb, m->api.path, m->schema);
		for (size_t k = 0; k < i; k++)
			assert_false(!strcmp(m->interface, sol_methods[k].interface) &&
				     !strcmp(m->api.path, sol_methods[k].api.path) &&
				     !strcmp(m->api.verb, sol_methods[k].api.verb) &&
				     m->versions & sol_methods[k].versions);
	}
}

static void routes(void **state)
{
	(void)state;
	static const struct {
		const char *verb, *path;
		enum api_route expected;
	} cases[] = {
		{"GET", "/vnflcm", API_NO_PATH},
		{"GET", "/vnflcm/v2", API_NO_PATH},
		{"GET", "/vnflcm/v2/", API_NO_PATH},
		{"GET", "/vnflcm/v3/vnf_instances", API_NO_PATH},
		{"GET", "/vnflcm/v2vnf_instances", API_NO_PATH},
		{"GET", "/vnflcm/v2/vnf_instances/", API_NO_PATH},
		{"GET", "/vnflcm/v2/vnf_instances/..", API_NO_PATH},
		{"GET", "/vnflcm/v2/vnf_instances/a/b", API_NO_PATH},
		{"GET", "/vnflcm/v2/vnf_instances/xyz", API_NO_PATH},
		{"GET",
		 "/vnflcm/v2/vnf_instances/"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 API_NO_PATH},
		{"PUT", "/vnflcm/v2/vnf_instances", API_NO_METHOD},
		{"GET", "/vnflcm/v2/vnf_instances/a-1/heal", API_NO_METHOD},
		{"GET", "/vnflcm/api_versions", API_FOUND},
		{"GET", "/vnflcm/v1/api_versions", API_FOUND},
		{"GET", "/vnflcm/v2/vnf_instances", API_FOUND},
		{"PATCH", "/vnflcm/v1/vnf_instances/a-1", API_FOUND},
		{"POST", "/vnflcm/v2/vnf_instances/a-1/change_vnfpkg", API_FOUND},
		{"POST", "/vnflcm/v1/vnf_instances/a-1/change_vnfpkg", API_NO_PATH},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct api_request request = {0};
		char allow[64] = "";
		if (sol_route(&request, cases[i].verb, cases[i].path, allow, sizeof(allow)) != cases[i].expected)
			fail_msg("%s %s", cases[i].verb, cases[i].path);
	}
}

static void description(void **state)
{
	(void)state;
	struct cat_err err = {0};
	cat_autonode struct cat_node *schema = sol_schema(&err);
	cat_autofree char *text = openapi_text(schema), *kept = NULL;
	size_t size = 0;
	if (cat_file_read(AT_FDCWD, SOURCE_ROOT "/docs/api/openapi.yaml", 4 << 20, &kept, &size, &err) < 0)
		fail_msg("%s", err.message);
	if (strcmp(text, kept) != 0)
		fail_msg("docs/api/openapi.yaml is not what `catenad --openapi` prints");
	// It is YAML of the plain kind but for its flow of maps, which libyaml reads too.
	cat_autonode struct cat_node *tree = NULL;
	if (cat_tree_parse_yaml("openapi.yaml", text, strlen(text), &tree, &err) < 0)
		fail_msg("%s", err.message);
	assert_non_null(cat_node_find(tree, "paths", "/vnflcm/v2/vnf_instances/{id}/instantiate", "post", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(routes),
		cmocka_unit_test(description),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
