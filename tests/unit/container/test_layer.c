// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "layers.h"

#define MEMBERS_MAX 4

struct directory {
	char path[64]; // with "inner", the layer's root, and "outside", which nothing may touch
	char inner[80];
	int fd;
};

static int set_up(void **state)
{
	struct directory *d = calloc(1, sizeof(*d));
	if (!d)
		return -1;
	snprintf(d->path, sizeof(d->path), "/tmp/catena-layer-test-XXXXXX");
	if (!mkdtemp(d->path))
		return -1;
	snprintf(d->inner, sizeof(d->inner), "%s/inner", d->path);
	*state = d;
	if (mkdir(d->inner, 0755) < 0)
		return -1;
	cat_autofree char *outside = cat_format("%s/outside", d->path);
	if (cat_file_replace(outside, "untouched", 9, 0644, NULL) < 0)
		return -1;
	d->fd = open(d->inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct directory *d = *state;
	close(d->fd);
	int r = cat_dir_remove(d->path, NULL);
	free(d);
	return r;
}

static void empty(struct directory *d)
{
	close(d->fd);
	assert_int_equal(cat_dir_remove(d->inner, NULL), 0);
	assert_int_equal(mkdir(d->inner, 0755), 0);
	d->fd = open(d->inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(d->fd >= 0);
}

static int unpack(struct directory *d, const struct member *members, bool gzip, struct cat_err *err)
{
	uint64_t size;
	char digest[CAT_DIGEST_MAX];
	cat_autofd int fd = write_archive(members, gzip, &size);
	digest_of(fd, digest);
	return cat_layer_unpack(fd, size, digest, d->fd, err);
}

static void expect_text(const struct directory *d, const char *path, const char *expected)
{
	cat_autofree char *text = NULL;
	struct cat_err err = {0};
	if (cat_file_read(d->fd, path, 4096, &text, NULL, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(text, expected);
}

static void hostile_archives_are_refused(void **state)
{
	struct directory *d = *state;
	static const struct {
		struct member members[MEMBERS_MAX];
		const char *message;
	} cases[] = {
		{{{AE_IFREG, "../outside", 0644, NULL, "x"}}, "\"../outside\" leads out of the layer"},
		{{{AE_IFREG, "etc/../../outside", 0644, NULL, "x"}}, "leads out of the layer"},
		{{{AE_IFREG, "/tmp/x", 0644, NULL, "x"}}, "\"/tmp/x\" leads out of the layer"},
		{{{AE_IFDIR, "..", 0755, NULL, NULL}}, "leads out of the layer"},
		{{{AE_IFLNK, "up", 0777, "..", NULL}}, "\"up\" is a link that leads out of the layer"},
		{{{AE_IFLNK, "a/b/up", 0777, "../../../outside", NULL}}, "is a link that leads out of the layer"},
		{{{AE_IFLNK, "up", 0777, "/../x", NULL}}, "is a link that leads out of the layer"},
		// An absolute link is fine in itself; a file through it is not.
		{{{AE_IFLNK, "tmp", 0777, "/tmp", NULL}, {AE_IFREG, "tmp/catena-was-here", 0644, NULL, "x"}},
		 "\"tmp/catena-was-here\" goes through something that is no directory"},
		{{{AE_IFDIR, "a", 0755, NULL, NULL},
		  {AE_IFLNK, "b", 0777, "a", NULL},
		  {AE_IFREG, "b/file", 0644, NULL, "x"}},
		 "\"b/file\" goes through something that is no directory"},
		{{{AE_IFLNK, "b", 0777, "/tmp", NULL}, {AE_IFDIR, "b", 0755, NULL, NULL}},
		 "\"b\" would replace what is no directory"},
		{{{AE_IFREG, "a", 0644, NULL, "x"}, {AE_IFREG, "a/b", 0644, NULL, "x"}}, "no directory"},
		{{{AE_IFDIR, "a", 0755, NULL, NULL}, {AE_IFREG, "a", 0644, NULL, "x"}},
		 "\"a\" would replace a directory"},
		{{{0, "hard", 0644, "../outside", NULL}}, "\"../outside\" leads out of the layer"},
		{{{0, "hard", 0644, "/etc/passwd", NULL}}, "\"/etc/passwd\" leads out of the layer"},
		{{{0, "hard", 0644, "absent", NULL}}, "\"hard\" is a hard link to no file of the layer"},
		{{{0, "hard", 0644, "absent/file", NULL}}, "is in a directory that is not there"},
		{{{AE_IFLNK, "l", 0777, "/tmp", NULL}, {0, "hard", 0644, "l", NULL}}, "hard link to no file"},
		{{{AE_IFLNK, "l", 0777, "/etc", NULL}, {0, "hard", 0644, "l/passwd", NULL}}, "no directory"},
		{{{AE_IFDIR, "a", 0755, NULL, NULL}, {0, "hard", 0644, "a", NULL}}, "hard link to no file"},
		{{{AE_IFCHR, "null", 0666, NULL, NULL}}, "\"null\" is a device, a FIFO or a socket"},
		{{{AE_IFBLK, "disk", 0666, NULL, NULL}}, "\"disk\" is a device, a FIFO or a socket"},
		{{{AE_IFIFO, "fifo", 0666, NULL, NULL}}, "\"fifo\" is a device, a FIFO or a socket"},
		{{{AE_IFREG, "su", 04755, NULL, "x"}}, "\"su\" is set-user-id or set-group-id"},
		{{{AE_IFREG, "wall", 02755, NULL, "x"}}, "\"wall\" is set-user-id or set-group-id"},
		{{{AE_IFREG, ".", 0755, NULL, "x"}}, "\".\" is the root, but no directory"},
		{{{AE_IFREG, "a/.wh..wh.plnk", 0644, NULL, NULL}}, "is a whiteout of an unknown kind"},
		{{{AE_IFREG, ".wh.", 0644, NULL, NULL}}, "is a whiteout of an unknown kind"},
		{{{AE_IFREG, ".wh...", 0644, NULL, NULL}}, "is a whiteout of an unknown kind"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_err err = {0};
		int r = unpack(d, cases[i].members, i & 1, &err);
		if (r != -EBADMSG || !strstr(err.message, cases[i].message))
			fail_msg("case %zu: %d \"%s\"", i, r, err.message);
		empty(d);
		expect_text(d, "../outside", "untouched");
	}
	assert_int_not_equal(access("/tmp/catena-was-here", F_OK), 0);
}

static void deep_names_are_refused(void **state)
{
	struct directory *d = *state;
	char name[2 * (CAT_LAYER_DEPTH_MAX + 2) + 1] = "";
	for (unsigned i = 0; i < CAT_LAYER_DEPTH_MAX + 1; i++)
		strcat(name, "d/");
	strcat(name, "f");
	const struct member members[] = {{AE_IFREG, name, 0644, NULL, "x"}, {0}};
	struct cat_err err = {0};
	assert_int_equal(unpack(d, members, false, &err), -EBADMSG);
	assert_non_null(strstr(err.message, "is too deep"));
}

// A header (of the old format, 512 bytes) that promises more than an image may have, with nothing behind it.
static void giant_files_are_refused_before_writing(void **state)
{
	struct directory *d = *state;
	const struct member members[] = {{AE_IFREG, "giant", 0644, NULL, "x"}, {0}};
	static const struct {
		const char *text, *message;
	} sizes[] = {
		{"10000000001", "larger than an image may be"},
		{"77777777777", "larger than an image may be"},
		{"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff", "overflow"}, // base 256
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(sizes); i++) {
		uint64_t size;
		char digest[CAT_DIGEST_MAX], header[512];
		cat_autofd int fd = write_archive(members, false, &size);
		assert_int_equal(pread(fd, header, 512, 0), 512);
		memcpy(header + 124, sizes[i].text, 11);
		header[135] = sizes[i].text[0] == '\x80' ? '\xff' : ' ';
		memset(header + 148, ' ', 8);
		unsigned sum = 0;
		for (unsigned k = 0; k < 512; k++)
			sum += (unsigned char)header[k];
		snprintf(header + 148, 8, "%06o", sum);
		assert_int_equal(pwrite(fd, header, 512, 0), 512);
		digest_of(fd, digest);
		struct cat_err err = {0};
		assert_int_equal(cat_layer_unpack(fd, size, digest, d->fd, &err), -EBADMSG);
		if (!strstr(err.message, sizes[i].message))
			fail_msg("case %zu: %s", i, err.message);
		assert_int_not_equal(faccessat(d->fd, "giant", F_OK, 0), 0);
		empty(d);
	}
}

static void wrong_blobs_are_refused(void **state)
{
	struct directory *d = *state;
	const struct member members[] = {{AE_IFREG, "file", 0644, NULL, "text"}, {0}};
	static const struct {
		int64_t more; // added to the size of the descriptor
		char spoil;   // added to a byte of the file's text
		int cut;      // bytes taken off the end of the blob
		const char *message;
	} cases[] = {
		{1, 0, 0, "fewer bytes"},       {-1, 0, 0, "larger than its descriptor"},
		{0, 1, 0, "digest is sha256:"}, {0, 0, 1, "fewer bytes"},
		{0, 0, 1530, "runcated"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		uint64_t size;
		char digest[CAT_DIGEST_MAX], byte;
		cat_autofd int fd = write_archive(members, false, &size);
		digest_of(fd, digest);
		assert_int_equal(pread(fd, &byte, 1, 512), 1);
		byte = (char)(byte + cases[i].spoil);
		assert_int_equal(pwrite(fd, &byte, 1, 512), 1);
		assert_int_equal(ftruncate(fd, (off_t)size - cases[i].cut), 0);
		struct cat_err err = {0};
		int r = cat_layer_unpack(fd, (uint64_t)((int64_t)size + cases[i].more), digest, d->fd, &err);
		if (r != -EBADMSG || !strstr(err.message, cases[i].message))
			fail_msg("case %zu: %d \"%s\"", i, r, err.message);
		empty(d);
	}
	static const char garbage[] = "this is no archive at all, whatever else it may be";
	cat_autofd int fd = memfd_create("garbage", MFD_CLOEXEC);
	assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
	lseek(fd, 0, SEEK_SET);
	char digest[CAT_DIGEST_MAX];
	digest_of(fd, digest);
	assert_int_equal(cat_layer_unpack(fd, sizeof(garbage), digest, d->fd, NULL), -EBADMSG);
}

static void good_archives_are_unpacked(void **state)
{
	struct directory *d = *state;
	static const struct member members[] = {
		{AE_IFDIR, "./", 0700, NULL, NULL},
		{AE_IFDIR, "./etc/", 0755, NULL, NULL},
		{AE_IFREG, "./etc/passwd", 0644, NULL, "root"},
		{AE_IFREG, "usr//bin/./tool", 0755, NULL, "first"},
		{AE_IFREG, "usr/bin/tool", 0755, NULL, "second"},
		{AE_IFREG, "na\xc3\xafve/\xe6\x96\x87", 0644, NULL, "UTF-8"},
		{0, "usr/bin/same", 0755, "usr/bin/tool", NULL},
		{AE_IFLNK, "bin", 0777, "usr/bin", NULL},
		{AE_IFLNK, "usr/bin/up", 0777, "../../etc/passwd", NULL},
		{AE_IFLNK, "var/run", 0777, "/run", NULL},
		{AE_IFDIR, "tmp", 01777, NULL, NULL},
		{AE_IFREG, "gone/.wh.old", 0644, NULL, NULL},
		{AE_IFREG, "both", 0644, NULL, "stays"},
		{AE_IFREG, ".wh.both", 0644, NULL, NULL},
		{AE_IFREG, ".wh.later", 0644, NULL, NULL},
		{AE_IFREG, "later", 0644, NULL, "replaces"},
		{0},
	};
	for (int gzip = 0; gzip < 2; gzip++) {
		struct cat_err err = {0};
		if (unpack(d, members, gzip, &err) < 0)
			fail_msg("%s", err.message);
		expect_text(d, "etc/passwd", "root");
		expect_text(d, "usr/bin/tool", "second");
		expect_text(d, "usr/bin/same", "second");
		expect_text(d, "usr/bin/up", "root");
		expect_text(d, "na\xc3\xafve/\xe6\x96\x87", "UTF-8");
		expect_text(d, "both", "stays");
		expect_text(d, "later", "replaces");
		struct stat st;
		assert_int_equal(fstatat(d->fd, "tmp", &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 01777);
		assert_int_equal(fstatat(d->fd, "usr/bin/tool", &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0755);
		assert_int_equal(st.st_nlink, 2);
		assert_int_equal(fstatat(d->fd, "var/run", &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISLNK(st.st_mode));
		// What hides a lower layer's file from overlayfs.
		assert_int_equal(fstatat(d->fd, "gone/old", &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
		empty(d);
	}
}

static void digests_are_checked(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{NULL, false},
		{"", false},
		{"sha256:", false},
		{"sha256:0123", false},
		{"sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", false},
		{"sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", false},
		{"sha256:../../../../../../../../../../../../../../../../../../etc/passwd01", false},
		{"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8550", false},
		{"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", true},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++)
		assert_int_equal(cat_digest_valid(cases[i].text), cases[i].valid);
	// FIPS 180-4's example, and the empty text.
	char text[CAT_DIGEST_MAX];
	struct cat_digest *digest = cat_digest_create();
	assert_true(cat_digest_update(digest, "abc", 3) && cat_digest_finish(digest, text));
	assert_string_equal(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	cat_digest_destroy(digest);
	digest = cat_digest_create();
	assert_true(cat_digest_finish(digest, text));
	assert_string_equal(text, cases[8].text);
	cat_digest_destroy(digest);
	cat_digest_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_checked),
		cmocka_unit_test_setup_teardown(hostile_archives_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deep_names_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(giant_files_are_refused_before_writing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_blobs_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(good_archives_are_unpacked, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
