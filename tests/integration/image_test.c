// SPDX-License-Identifier: BSD-3-Clause
// Images mounted for real: layers over each other, whiteouts, nothing writable, nothing left.
#include "../unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../unit/container/layers.h"
#include "cat_cleanup.h"
#include "cat_file.h"

struct fixture {
	char base[64], layout[80], store[80], target[80];
	struct cat_image_store images;
};

// Writes a blob and returns its descriptor in JSON. The caller frees.
static char *add_blob(const struct fixture *f, int fd)
{
	char digest[CAT_DIGEST_MAX], *data = calloc(1, 1 << 20);
	digest_of(fd, digest);
	ssize_t size = read(fd, data, 1 << 20);
	assert_true(size >= 0);
	cat_autofree char *path = cat_format("%s/blobs/sha256/%s", f->layout, digest + 7);
	assert_int_equal(cat_file_replace(path, data, (size_t)size, 0644, NULL), 0);
	free(data);
	return cat_format("{\"digest\": \"%s\", \"size\": %zd}", digest, size);
}

static char *add_text(const struct fixture *f, const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	lseek(fd, 0, SEEK_SET);
	char *descriptor = add_blob(f, fd);
	close(fd);
	return descriptor;
}

static char *add_layer(const struct fixture *f, const struct member *members)
{
	uint64_t size;
	cat_autofd int fd = write_archive(members, true, &size);
	return add_blob(f, fd);
}

// An entry of the index: an image of one or two layers.
static char *add_image(const struct fixture *f, const char *tag, const char *lower, const char *upper)
{
	cat_autofree char *config = add_text(f, "{}");
	cat_autofree char *text = cat_format("{\"config\": %s, \"layers\": [%s%s%s]}", config, lower, upper ? "," : "",
					     upper ? upper : "");
	cat_autofree char *manifest = add_text(f, text);
	manifest[strlen(manifest) - 1] = '\0';
	return cat_format("%s, \"annotations\": {\"org.opencontainers.image.ref.name\": \"%s\"}}", manifest, tag);
}

static int set_up(void **state)
{
	static const struct member lower[] = {
		{AE_IFREG, "etc/kept", 0644, NULL, "kept"},          {AE_IFREG, "etc/replaced", 0644, NULL, "old"},
		{AE_IFREG, "etc/removed", 0644, NULL, "gone"},       {AE_IFREG, "opaque/hidden", 0644, NULL, "gone"},
		{AE_IFREG, "removed/deep/file", 0644, NULL, "gone"}, {0},
	};
	static const struct member upper[] = {
		{AE_IFREG, "etc/replaced", 0644, NULL, "new"},       {AE_IFREG, "etc/.wh.removed", 0644, NULL, NULL},
		{AE_IFREG, "opaque/.wh..wh..opq", 0644, NULL, NULL}, {AE_IFREG, "opaque/shown", 0644, NULL, "shown"},
		{AE_IFREG, ".wh.removed", 0644, NULL, NULL},         {0},
	};
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f)
		return -1;
	snprintf(f->base, sizeof(f->base), "/tmp/catena-image,test:XXXXXX");
	if (!mkdtemp(f->base))
		return -1;
	snprintf(f->layout, sizeof(f->layout), "%s/layout", f->base);
	snprintf(f->store, sizeof(f->store), "%s/store", f->base);
	snprintf(f->target, sizeof(f->target), "%s/mounts/target", f->base);
	f->images = (struct cat_image_store){f->layout, f->store};
	cat_autofree char *blobs = cat_format("%s/blobs/sha256", f->layout);
	if (cat_dir_create(blobs, 0755, NULL) < 0)
		return -1;
	cat_autofree char *first = add_layer(f, lower), *second = add_layer(f, upper);
	cat_autofree char *one = add_image(f, "one", first, NULL), *two = add_image(f, "two", first, second);
	cat_autofree char *index = cat_format("{\"manifests\": [%s, %s]}", one, two);
	cat_autofree char *path = cat_format("%s/index.json", f->layout);
	*state = f;
	return cat_file_replace(path, index, strlen(index), 0644, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	cat_image_unmount(f->target, NULL);
	int r = cat_dir_remove(f->base, NULL);
	free(f);
	return r;
}

// NULL: it is not there.
static void expect(const struct fixture *f, const char *name, const char *expected)
{
	cat_autofree char *path = cat_format("%s/%s", f->target, name);
	cat_autofree char *text = NULL;
	int r = cat_file_read(AT_FDCWD, path, 4096, &text, NULL, NULL);
	assert_int_equal(r, expected ? 0 : -ENOENT);
	if (expected)
		assert_string_equal(text, expected);
}

static void expect_harmless(const struct fixture *f)
{
	struct statvfs st;
	assert_int_equal(statvfs(f->target, &st), 0);
	assert_int_equal(st.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV), ST_RDONLY | ST_NOSUID | ST_NODEV);
	cat_autofree char *path = cat_format("%s/etc/kept", f->target);
	assert_int_equal(open(path, O_WRONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, EROFS);
}

static void mount_image(const struct fixture *f, const char *tag)
{
	struct cat_err err = {0};
	if (cat_image_mount(&f->images, tag, f->target, &err) < 0)
		fail_msg("%s", err.message);
}

static void layers_lie_over_each_other(void **state)
{
	struct fixture *f = *state;
	struct cat_err err = {0};
	mount_image(f, "two");
	expect(f, "etc/kept", "kept");
	expect(f, "etc/replaced", "new");
	expect(f, "etc/removed", NULL);
	expect(f, "opaque/hidden", NULL);
	expect(f, "opaque/shown", "shown");
	expect(f, "removed/deep/file", NULL);
	expect_harmless(f);
	assert_int_equal(cat_image_mount(&f->images, "two", f->target, &err), -EBUSY);
	assert_int_equal(cat_image_unmount(f->target, &err), 0);
	assert_int_equal(access(f->target, F_OK), -1);
	// And of the same layers, each unpacked once, another image.
	mount_image(f, "one");
	expect(f, "etc/replaced", "old");
	expect(f, "etc/removed", "gone");
	expect_harmless(f);
	// One that is in use goes as well.
	cat_autofd int used = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(cat_image_unmount(f->target, &err), 0);
	assert_int_equal(access(f->target, F_OK), -1);
	cat_autofree char *mounts = NULL;
	assert_int_equal(cat_file_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mounts, NULL, NULL), 0);
	assert_null(strstr(mounts, f->base));
}

static void failures_leave_no_mount_point(void **state)
{
	struct fixture *f = *state;
	struct cat_err err = {0};
	assert_int_equal(cat_image_mount(&f->images, "three", f->target, &err), -ENOENT);
	assert_int_equal(access(f->target, F_OK), -1);
	// A layer that somebody has taken away is unpacked again only when nothing is in its place.
	assert_int_equal(cat_image_unpack(&f->images, "one", &err), 0);
	cat_autonode struct cat_node *list = NULL;
	assert_int_equal(cat_image_list(&f->images, &list, &err), 0);
	const char *digest =
		cat_node_get(cat_node_at(cat_node_get(cat_node_at(list, 0), "layers"), 0), "digest")->string;
	cat_autofree char *layer = cat_format("%s/layers/sha256-%s", f->store, digest + 7);
	assert_int_equal(cat_dir_remove(layer, &err), 0);
	assert_int_equal(cat_file_replace(layer, "x", 1, 0644, &err), 0);
	assert_int_equal(cat_image_mount(&f->images, "one", f->target, &err), -ENOTDIR);
	assert_int_equal(access(f->target, F_OK), -1);
}

int main(void)
{
	if (geteuid() != 0) {
		fputs("skipped: mounting needs root\n", stderr);
		return 77;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(layers_lie_over_each_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failures_leave_no_mount_point, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
