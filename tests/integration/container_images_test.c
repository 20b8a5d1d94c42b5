// SPDX-License-Identifier: BSD-3-Clause
// The images that the build makes, each run in a container: what its programs are linked with is in it.
#include "container.h"

#define IMAGE_BYTES_MAX 30000000
#define VARIABLES_MAX 16

static void run_in(const struct fixture *f, const char *tag, const char *root, const char *const *variables,
		   const char *program, const char *expected)
{
	struct container c;
	prepare(f, &c, tag, "--version");
	c.argv[0] = program;
	c.spec.image_root = root;
	c.spec.environ = variables;
	run(&c);
	int status = await(&c);
	cat_autofree char *text = output(&c);
	delete (&c);
	if (status != 0 || !strstr(text, expected))
		fail_msg("image %s: %s --version: status %#x: %s", tag, program, (unsigned)status, text);
}

static void run_image(const struct fixture *f, const struct cat_image_store *images, const char *tag)
{
	cat_autofree char *root = cat_format("%s/mount", f->base);
	struct cat_err err = {0};
	cat_autonode struct cat_node *config = NULL;
	uint64_t start = cat_now_ms();
	if (cat_image_mount(images, tag, root, &err) < 0 || cat_image_config(images, tag, &config, &err) < 0)
		fail_msg("%s", err.message);
	print_message("%s: unpacked and mounted in %d ms\n", tag, (int)(cat_now_ms() - start));
	const struct cat_node *entrypoint = cat_node_at(cat_node_find(config, "config", "Entrypoint", NULL), 0);
	assert_non_null(entrypoint);
	const char *variables[VARIABLES_MAX] = {NULL};
	const struct cat_node *env = cat_node_find(config, "config", "Env", NULL);
	assert_true(env && env->count < VARIABLES_MAX);
	for (size_t i = 0; i < env->count; i++)
		variables[i] = cat_node_at(env, i)->string;
	run_in(f, tag, root, variables, entrypoint->string, CATENA_VERSION);
	cat_autofree char *dnsmasq = cat_format("%s/usr/sbin/dnsmasq", root);
	if (access(dnsmasq, F_OK) == 0)
		run_in(f, tag, root, variables, "/usr/sbin/dnsmasq", "Dnsmasq version");
	else
		assert_string_not_equal(tag, "vcpe");
	if (cat_image_unmount(root, &err) < 0)
		fail_msg("%s", err.message);
}

static void every_image_runs(void **state)
{
	struct fixture *f = *state;
	cat_autofree char *store = cat_format("%s/store", f->base);
	struct cat_image_store images = {getenv("CATENA_IMAGES"), store};
	struct cat_err err = {0};
	cat_autonode struct cat_node *list = NULL;
	if (cat_image_list(&images, &list, &err) < 0)
		fail_msg("%s", err.message);
	assert_true(list->count > 0);
	const char *base = NULL;
	for (const struct cat_node *image = list->first; image; image = image->next) {
		run_image(f, &images, cat_node_get(image, "tag")->string);
		// Sanitizers' libraries alone are larger.
		if (!getenv("CATENA_SANITIZED"))
			assert_true(cat_node_get(image, "bytes")->integer < IMAGE_BYTES_MAX);
		// All have one base, which is there once.
		const struct cat_node *layers = cat_node_get(image, "layers");
		assert_int_equal(layers->count, 2);
		const char *lowest = cat_node_get(cat_node_at(layers, 0), "digest")->string;
		if (base)
			assert_string_equal(base, lowest);
		base = lowest;
	}
	cat_autofree char *layers = cat_format("%s/layers", store);
	cat_autodir DIR *directory = opendir(layers);
	size_t count = 0;
	for (struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	assert_int_equal(count, 1 + list->count);
	expect_nothing_left(f);
}

int main(void)
{
	if (geteuid() != 0) {
		fputs("skipped: containers need root\n", stderr);
		return 77;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_image_runs, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
