// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "layers.h"

#define TAG(name) "\"annotations\": {\"org.opencontainers.image.ref.name\": \"" name "\"}"

struct fixture {
	char base[64], layout[80], store[80];
	struct cat_image_store images;
	char layer[2][CAT_DIGEST_MAX]; // of two good layers
	uint64_t layer_size[2];
};

struct blob {
	char digest[CAT_DIGEST_MAX];
	size_t size;
};

// Stores a blob under its digest.
static struct blob add_blob(const struct fixture *f, const void *data, size_t size)
{
	struct blob blob = {.size = size};
	struct cat_digest *digest = cat_digest_create();
	assert_true(cat_digest_update(digest, data, size) && cat_digest_finish(digest, blob.digest));
	cat_digest_destroy(digest);
	cat_autofree char *path = cat_format("%s/blobs/sha256/%s", f->layout, blob.digest + 7);
	assert_int_equal(cat_file_replace(path, data, size, 0644, NULL), 0);
	return blob;
}

static void write_index(const struct fixture *f, const char *text)
{
	cat_autofree char *path = cat_format("%s/index.json", f->layout);
	assert_int_equal(cat_file_replace(path, text, strlen(text), 0644, NULL), 0);
}

// An index with one image "x" of this manifest.
static void write_image(const struct fixture *f, const char *manifest)
{
	struct blob blob = add_blob(f, manifest, strlen(manifest));
	cat_autofree char *index = cat_format("{\"manifests\": [{\"digest\": \"%s\", \"size\": %zu, " TAG("x") "}]}",
					      blob.digest, blob.size);
	write_index(f, index);
}

static void write_good_image(const struct fixture *f)
{
	struct blob config = add_blob(f, "{\"config\": {\"Env\": [\"A=B\"]}}", 28);
	cat_autofree char *manifest =
		cat_format("{\"config\": {\"digest\": \"%s\", \"size\": %zu}, \"layers\": ["
			   "{\"digest\": \"%s\", \"size\": %zu}, {\"digest\": \"%s\", \"size\": %zu}]}",
			   config.digest, config.size, f->layer[0], (size_t)f->layer_size[0], f->layer[1],
			   (size_t)f->layer_size[1]);
	write_image(f, manifest);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f)
		return -1;
	snprintf(f->base, sizeof(f->base), "/tmp/catena-image-test-XXXXXX");
	if (!mkdtemp(f->base))
		return -1;
	snprintf(f->layout, sizeof(f->layout), "%s/layout", f->base);
	snprintf(f->store, sizeof(f->store), "%s/store", f->base);
	f->images = (struct cat_image_store){f->layout, f->store};
	cat_autofree char *blobs = cat_format("%s/blobs/sha256", f->layout);
	if (cat_dir_create(blobs, 0755, NULL) < 0)
		return -1;
	static const struct member members[2][2] = {
		{{AE_IFREG, "etc/name", 0644, NULL, "lower"}, {0}},
		{{AE_IFREG, "bin/tool", 0755, NULL, "upper"}, {0}},
	};
	for (int i = 0; i < 2; i++) {
		char buffer[65536];
		cat_autofd int fd = write_archive(members[i], i, &f->layer_size[i]);
		ssize_t n = read(fd, buffer, sizeof(buffer));
		struct blob blob = add_blob(f, buffer, (size_t)n);
		memcpy(f->layer[i], blob.digest, CAT_DIGEST_MAX);
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int r = cat_dir_remove(f->base, NULL);
	free(f);
	return r;
}

static size_t count_entries(const char *path)
{
	cat_autodir DIR *directory = opendir(path);
	size_t count = 0;
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	return count;
}

static size_t layers_unpacked(const struct fixture *f)
{
	cat_autofree char *layers = cat_format("%s/layers", f->store);
	return count_entries(layers);
}

#define D0 "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static void broken_indexes_are_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *index;
		int code;
		const char *message;
	} cases[] = {
		{NULL, -ENOENT, "index.json"},
		{"{", -EINVAL, "index.json"},
		{"[]", -EINVAL, "index.json"},
		{"{\"manifests\": {}}", -EINVAL, "manifests"},
		{"{\"manifests\": []}", -ENOENT, "no image \"x\" in"},
		{"{\"manifests\": [1, {\"annotations\": 1}, {\"annotations\": {\"org.opencontainers.image.ref.name\": "
		 "7}}]}",
		 -ENOENT, "no image \"x\""},
		{"{\"manifests\": [{\"digest\": \"" D0 "\", \"size\": 1, " TAG("y") "}]}", -ENOENT, "no image \"x\""},
		{"{\"manifests\": [{\"digest\": \"../../x\", \"size\": 1, " TAG("x") "}]}", -EINVAL,
		 "is no sha256 digest"},
		{"{\"manifests\": [{\"digest\": \"" D0 "\", " TAG("x") "}]}", -EINVAL, "size"},
		{"{\"manifests\": [{\"digest\": \"" D0 "\", \"size\": -1, " TAG("x") "}]}", -EINVAL, "size"},
		{"{\"manifests\": [{\"digest\": \"" D0 "\", \"size\": 1, " TAG("x") "}]}", -ENOENT,
		 "blobs/sha256/0000"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_err err = {0};
		if (cases[i].index)
			write_index(f, cases[i].index);
		int r = cat_image_unpack(&f->images, "x", &err);
		if (r != cases[i].code || !strstr(err.message, cases[i].message))
			fail_msg("case %zu: %d \"%s\"", i, r, err.message);
		struct cat_node *config = NULL;
		assert_int_equal(cat_image_config(&f->images, "x", &config, NULL), cases[i].code);
		assert_null(config);
	}
	assert_int_equal(layers_unpacked(f), 0);
}

static void broken_manifests_are_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *manifest;
		int code;
		const char *message;
	} cases[] = {
		{"", -EINVAL, "blobs/sha256/"},
		{"{}", -EINVAL, "config"},
		{"{\"config\": {\"digest\": \"" D0 "\", \"size\": 1}}", -EINVAL, "layers"},
		{"{\"config\": {\"digest\": \"" D0 "\", \"size\": 1}, \"layers\": []}", -EBADMSG,
		 "0 layers: expected 1 to 24"},
		{"{\"config\": {\"digest\": \"" D0 "\", \"size\": 1}, \"layers\": [7]}", -EINVAL,
		 "/layers/0: found 7, expected a map"},
		{"{\"config\": {\"digest\": \"" D0 "\", \"size\": 1}, \"layers\": "
		 "[{\"digest\": \"" D0 "\", \"size\": 99999999999}]}",
		 -EINVAL, "size"},
		{"{\"config\": {\"digest\": \"" D0 "\", \"size\": 1}, \"layers\": [{\"digest\": \"" D0
		 "\", \"size\": 1}]}",
		 -ENOENT, "blobs/sha256/0000"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_err err = {0};
		write_image(f, cases[i].manifest);
		int r = cat_image_unpack(&f->images, "x", &err);
		if (r != cases[i].code || !strstr(err.message, cases[i].message))
			fail_msg("case %zu: %d \"%s\"", i, r, err.message);
	}
	assert_int_equal(layers_unpacked(f), 0);
}

static void wrong_documents_are_refused(void **state)
{
	struct fixture *f = *state;
	struct cat_err err = {0};
	struct blob blob = add_blob(f, "{}", 2);
	cat_autofree char *path = cat_format("%s/blobs/sha256/%s", f->layout, blob.digest + 7);
	assert_int_equal(cat_file_replace(path, "[]", 2, 0644, NULL), 0);
	cat_autofree char *index =
		cat_format("{\"manifests\": [{\"digest\": \"%s\", \"size\": 2, " TAG("x") "}]}", blob.digest);
	write_index(f, index);
	assert_int_equal(cat_image_unpack(&f->images, "x", &err), -EBADMSG);
	assert_non_null(strstr(err.message, "expected 2 with sha256:"));
	struct cat_node *list = NULL;
	assert_int_equal(cat_image_list(&f->images, &list, &err), -EBADMSG);
	assert_null(list);
}

static void layers_are_unpacked_once(void **state)
{
	struct fixture *f = *state;
	struct cat_err err = {0};
	write_good_image(f);
	// What a crash left is cleared away.
	cat_autofree char *left = cat_format("%s/layers/.unpacking-abcdef/etc", f->store);
	assert_int_equal(cat_dir_create(left, 0755, NULL), 0);
	if (cat_image_unpack(&f->images, "x", &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(layers_unpacked(f), 2);
	cat_autofree char *layer = cat_format("%s/layers/sha256-%s", f->store, f->layer[0] + 7);
	struct stat first, second;
	assert_int_equal(stat(layer, &first), 0);
	assert_int_equal(first.st_mode & 07777, 0755);
	// A blob is not looked at again.
	cat_autofree char *blob = cat_format("%s/blobs/sha256/%s", f->layout, f->layer[0] + 7);
	assert_int_equal(unlink(blob), 0);
	assert_int_equal(cat_image_unpack(&f->images, "x", &err), 0);
	assert_int_equal(stat(layer, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
}

static void spoilt_layers_leave_nothing(void **state)
{
	struct fixture *f = *state;
	struct cat_err err = {0};
	write_good_image(f);
	cat_autofree char *blob = cat_format("%s/blobs/sha256/%s", f->layout, f->layer[1] + 7);
	int fd = open(blob, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "\xff", 1, (off_t)f->layer_size[1] - 1), 1);
	close(fd);
	assert_int_equal(cat_image_unpack(&f->images, "x", &err), -EBADMSG);
	assert_non_null(strstr(err.message, "image x: "));
	assert_int_equal(layers_unpacked(f), 1); // the good one
}

static void config_and_list_are_read(void **state)
{
	struct fixture *f = *state;
	struct cat_err err = {0};
	write_good_image(f);
	cat_autonode struct cat_node *config = NULL;
	assert_int_equal(cat_image_config(&f->images, "x", &config, &err), 0);
	const struct cat_node *env = cat_node_find(config, "config", "Env", NULL);
	assert_string_equal(cat_node_at(env, 0)->string, "A=B");
	cat_autonode struct cat_node *list = NULL;
	assert_int_equal(cat_image_list(&f->images, &list, &err), 0);
	assert_int_equal(list->count, 1);
	const struct cat_node *image = cat_node_at(list, 0);
	assert_string_equal(cat_node_get(image, "tag")->string, "x");
	assert_int_equal(cat_node_get(image, "bytes")->integer, f->layer_size[0] + f->layer_size[1]);
	assert_string_equal(cat_node_get(cat_node_at(cat_node_get(image, "layers"), 1), "digest")->string, f->layer[1]);
}

static void unmounting_what_is_not_mounted_is_fine(void **state)
{
	struct fixture *f = *state;
	struct cat_err err = {0};
	cat_autofree char *target = cat_format("%s/target", f->base);
	assert_int_equal(cat_image_unmount(target, &err), 0);
	assert_int_equal(mkdir(target, 0755), 0);
	assert_int_equal(cat_image_unmount(target, &err), 0);
	assert_int_not_equal(access(target, F_OK), 0);
	assert_int_equal(mkdir(target, 0755), 0);
	cat_autofree char *file = cat_format("%s/file", target);
	assert_int_equal(cat_file_replace(file, "x", 1, 0644, NULL), 0);
	assert_int_equal(cat_image_unmount(target, &err), -ENOTEMPTY);
	assert_int_equal(access(file, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(broken_indexes_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(broken_manifests_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_documents_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(layers_are_unpacked_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(spoilt_layers_leave_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(config_and_list_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unmounting_what_is_not_mounted_is_fine, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
