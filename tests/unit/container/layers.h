// SPDX-License-Identifier: BSD-3-Clause
// Archives made on the spot, good and hostile.
#ifndef LAYERS_H
#define LAYERS_H

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/mman.h>

#include "image.h"

struct member {
	mode_t type; // AE_IFREG, ...; 0: a hard link to `link`
	const char *name;
	mode_t mode;
	const char *link; // of links
	const char *data;
};

// Writes an archive of the members (ending with one without a name) to a new descriptor, which stands at its start.
static inline int write_archive(const struct member *members, bool gzip, uint64_t *ret_size)
{
	int fd = memfd_create("layer", MFD_CLOEXEC);
	assert_true(fd >= 0);
	struct archive *archive = archive_write_new();
	archive_write_set_format_pax_restricted(archive);
	if (gzip)
		archive_write_add_filter_gzip(archive);
	archive_write_set_bytes_in_last_block(archive, 1);
	assert_int_equal(archive_write_open_fd(archive, fd), ARCHIVE_OK);
	for (const struct member *m = members; m->name; m++) {
		struct archive_entry *entry = archive_entry_new();
		size_t size = m->data ? strlen(m->data) : 0;
		archive_entry_set_pathname(entry, m->name);
		archive_entry_set_filetype(entry, m->type ? m->type : AE_IFREG);
		archive_entry_set_perm(entry, m->mode);
		archive_entry_set_size(entry, (la_int64_t)size);
		if (m->type == AE_IFLNK)
			archive_entry_set_symlink(entry, m->link);
		if (!m->type)
			archive_entry_set_hardlink(entry, m->link);
		archive_entry_set_rdevmajor(entry, 1);
		archive_entry_set_rdevminor(entry, 3);
		// A warning tells of a name beyond the locale.
		assert_true(archive_write_header(archive, entry) >= ARCHIVE_WARN);
		if (size)
			assert_int_equal(archive_write_data(archive, m->data, size), size);
		archive_entry_free(entry);
	}
	assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
	archive_write_free(archive);
	*ret_size = (uint64_t)lseek(fd, 0, SEEK_END);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

// The digest of all that a descriptor holds; it stands at its start again.
static inline void digest_of(int fd, char ret_text[CAT_DIGEST_MAX])
{
	struct cat_digest *digest = cat_digest_create();
	char buffer[4096];
	assert_non_null(digest);
	for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;)
		assert_true(cat_digest_update(digest, buffer, (size_t)n));
	assert_true(cat_digest_finish(digest, ret_text));
	cat_digest_destroy(digest);
	lseek(fd, 0, SEEK_SET);
}

#endif
