// SPDX-License-Identifier: BSD-3-Clause
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "csar.h"
#include "image.h"

#define BLOCK (64u << 10)

struct unpacking {
	struct archive *archive;
	const char *directory;
	uint64_t limit, bytes;
	struct csar_files *files;
	struct cat_err *err;
};

void csar_files_free(struct csar_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->item[i].path);
	free(files->item);
	*files = (struct csar_files){0};
}

struct csar_file *csar_files_find(const struct csar_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++)
		if (!strcmp(files->item[i].path, path))
			return &files->item[i];
	return NULL;
}

bool csar_path_valid(const char *path)
{
	if (!path || !*path || strlen(path) > CSAR_PATH_MAX)
		return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < ' ' || *p == '\\' || *p == 0x7f)
			return false;
	for (const char *part = path; part; part = strchr(part, '/'), part = part ? part + 1 : NULL) {
		size_t n = strcspn(part, "/");
		if (!n || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
	}
	return true;
}

// Makes the directories above a file.
static int make_parents(const char *directory, const char *path, struct cat_err *err)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return 0;
	cat_autofree char *parent = cat_format("%s/%.*s", directory, (int)(slash - path), path);
	return parent ? cat_dir_create(parent, 0755, err) : cat_err_set(err, -ENOMEM, "no memory");
}

static int copy_data(struct unpacking *unpacking, int fd, struct csar_file *file)
{
	struct cat_err *err = unpacking->err;
	cat_autofree char *buffer = malloc(BLOCK);
	struct cat_digest *digest = buffer ? cat_digest_create() : NULL;
	char text[CAT_DIGEST_MAX];
	int r = digest ? 0 : cat_err_set(err, -ENOMEM, "no memory");
	while (r == 0) {
		ssize_t n = archive_read_data(unpacking->archive, buffer, BLOCK);
		if (n == 0)
			break;
		if (n < 0) {
			r = cat_err_set(err, -EBADMSG, "%s: %s", file->path, archive_error_string(unpacking->archive));
			break;
		}
		unpacking->bytes += (uint64_t)n;
		file->size += (uint64_t)n;
		if (unpacking->bytes > unpacking->limit)
			r = cat_err_set(err, -E2BIG, "%s: the package holds more than %llu bytes", file->path,
					(unsigned long long)unpacking->limit);
		else if (!cat_digest_update(digest, buffer, (size_t)n))
			r = cat_err_set(err, -EIO, "%s: no digest", file->path);
		else if (write(fd, buffer, (size_t)n) != n)
			r = cat_err_errno(err, "%s", file->path);
	}
	if (r == 0 && !cat_digest_finish(digest, text))
		r = cat_err_set(err, -EIO, "%s: no digest", file->path);
	if (r == 0)
		memcpy(file->digest, strchr(text, ':') + 1, sizeof(file->digest));
	cat_digest_destroy(digest);
	return r;
}

static int take_file(struct unpacking *unpacking, const char *path)
{
	struct csar_files *files = unpacking->files;
	struct cat_err *err = unpacking->err;
	if (csar_files_find(files, path))
		return cat_err_set(err, -EBADMSG, "%s: is in the package twice", path);
	struct csar_file *more = realloc(files->item, (files->count + 1) * sizeof(*more));
	char *copy = more ? strdup(path) : NULL;
	if (more)
		files->item = more;
	if (!copy)
		return cat_err_set(err, -ENOMEM, "no memory");
	struct csar_file *file = &files->item[files->count++];
	*file = (struct csar_file){.path = copy};
	int r = make_parents(unpacking->directory, path, err);
	cat_autofree char *target = r == 0 ? cat_format("%s/%s", unpacking->directory, path) : NULL;
	if (!target)
		return r < 0 ? r : cat_err_set(err, -ENOMEM, "no memory");
	cat_autofd int fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? cat_err_errno(err, "%s", path) : copy_data(unpacking, fd, file);
}

static int take_entry(struct unpacking *unpacking, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname_utf8(entry);
	char path[CSAR_PATH_MAX + 2];
	size_t length = name ? strlen(name) : 0;
	unsigned type = archive_entry_filetype(entry);
	if (!length || length >= sizeof(path))
		return cat_err_set(unpacking->err, -EBADMSG,
				   "found a name of %zu bytes in the package, expected 1 to %u", length, CSAR_PATH_MAX);
	memcpy(path, name, length + 1);
	if (type == AE_IFDIR && path[length - 1] == '/')
		path[length - 1] = 0;
	if (!csar_path_valid(path))
		return cat_err_set(unpacking->err, -EBADMSG, "found the name \"%s\", expected a plain relative path",
				   name);
	if (archive_entry_hardlink(entry) || (type != AE_IFREG && type != AE_IFDIR))
		return cat_err_set(unpacking->err, -EBADMSG, "%s: expected a file or a directory", path);
	if (archive_entry_is_encrypted(entry))
		return cat_err_set(unpacking->err, -EBADMSG, "%s: is encrypted", path);
	return type == AE_IFREG ? take_file(unpacking, path) : 0;
}

int csar_unpack(int fd, uint64_t size, const char *directory, struct csar_files *ret_files, struct cat_err *err)
{
	struct csar_files files = {0};
	struct cat_err own = {0};
	uint64_t limit = size * CSAR_RATIO_MAX + CSAR_RATIO_FREE;
	struct unpacking unpacking = {.archive = archive_read_new(),
				      .directory = directory,
				      .limit = limit < CSAR_SIZE_MAX ? limit : CSAR_SIZE_MAX,
				      .files = &files,
				      .err = err ? err : &own};
	struct archive *archive = unpacking.archive;
	struct archive_entry *entry = NULL;
	unsigned entries = 0;
	int r = 0, step = ARCHIVE_OK;
	if (!archive)
		return cat_err_set(err, -ENOMEM, "no memory");
	if (archive_read_support_format_zip(archive) != ARCHIVE_OK ||
	    archive_read_open_fd(archive, fd, BLOCK) != ARCHIVE_OK)
		r = cat_err_set(err, -EBADMSG, "is no CSAR file: %s", archive_error_string(archive));
	while (r == 0 && (step = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
		if (++entries > CSAR_ENTRIES_MAX)
			r = cat_err_set(err, -E2BIG, "the package has more than %u entries", CSAR_ENTRIES_MAX);
		else
			r = take_entry(&unpacking, entry);
	}
	if (r == 0 && step != ARCHIVE_EOF)
		r = cat_err_set(err, -EBADMSG, "is no whole CSAR file: %s", archive_error_string(archive));
	if (r == 0 && !files.count)
		r = cat_err_set(err, -EBADMSG, "is no CSAR file: it is empty");
	archive_read_free(archive);
	if (r < 0)
		csar_files_free(&files);
	else
		*ret_files = files;
	return r;
}
