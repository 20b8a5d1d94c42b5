// SPDX-License-Identifier: BSD-3-Clause
#include "cat_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "cat_cleanup.h"

int cat_file_read(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_size, struct cat_err *err)
{
	cat_autofd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return cat_err_errno(err, "%s", path);
	cat_autofree char *text = NULL;
	size_t size = 0, room = 0;
	for (;;) {
		if (!text || size == room) {
			room = room ? room * 2 : 4096;
			if (room > max)
				room = max + 1; // one more tells whether there is more
			char *larger = realloc(text, room + 1);
			if (!larger)
				return cat_err_set(err, -ENOMEM, "%s: no memory", path);
			text = larger;
		}
		ssize_t n = read(fd, text + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cat_err_errno(err, "%s", path);
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > max)
			return cat_err_set(err, -E2BIG, "%s: larger than %zu bytes", path, max);
	}
	text[size] = '\0';
	*ret_text = cat_steal(text);
	if (ret_size)
		*ret_size = size;
	return 0;
}

int cat_file_read_int(int dirfd, const char *path, long long *ret_value, struct cat_err *err)
{
	cat_autofree char *text = NULL;
	int r = cat_file_read(dirfd, path, 64, &text, NULL, err);
	if (r < 0 || !text)
		return r;
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 0);
	if (errno || end == text || end[strspn(end, " \n")])
		return cat_err_set(err, -EINVAL, "%s: found \"%s\", expected an integer", path, text);
	*ret_value = value;
	return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int cat_file_write(int dirfd, const char *path, const char *text, struct cat_err *err)
{
	cat_autofd int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return cat_err_errno(err, "%s", path);
	int r = write_all(fd, text, strlen(text));
	if (r < 0) {
		errno = -r;
		return cat_err_errno(err, "%s: writing \"%s\"", path, text);
	}
	return 0;
}

int cat_file_replace(const char *path, const void *data, size_t size, mode_t mode, struct cat_err *err)
{
	cat_autofree char *temporary = cat_format("%s.tmp-%d", path, getpid());
	if (!temporary)
		return cat_err_set(err, -ENOMEM, "%s: no memory", path);
	cat_autofd int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return cat_err_errno(err, "%s", temporary);
	int r = write_all(fd, data, size);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		errno = -r;
		return cat_err_errno(err, "%s", path);
	}
	return 0;
}

int cat_dir_create(const char *path, mode_t mode, struct cat_err *err)
{
	char part[PATH_MAX];
	size_t length = strlen(path);
	if (!length || length >= sizeof(part))
		return cat_err_set(err, -ENAMETOOLONG, "%s: path empty or too long", path);
	memcpy(part, path, length + 1);
	for (char *p = part + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char c = *p;
		*p = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return cat_err_errno(err, "%s", part);
		*p = c;
		if (!c)
			break;
	}
	struct stat st;
	if (stat(path, &st) < 0)
		return cat_err_errno(err, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return cat_err_set(err, -ENOTDIR, "%s: is no directory", path);
	return 0;
}

// Removes what lies in the directory, on its device only; then the caller removes the directory.
static int remove_inside(int dirfd, dev_t device, const char *path, unsigned depth, struct cat_err *err)
{
	if (depth > 64)
		return cat_err_set(err, -ELOOP, "%s: nested too deeply", path);
	int copy = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	cat_autodir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		if (copy >= 0)
			close(copy);
		return cat_err_errno(err, "%s", path);
	}
	rewinddir(dir);
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return cat_err_errno(err, "%s/%s", path, name);
		cat_autofd int child = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;
		if (child < 0 || fstat(child, &st) < 0)
			return cat_err_errno(err, "%s/%s", path, name);
		if (st.st_dev != device)
			return cat_err_set(err, -EXDEV, "%s/%s: something is mounted here", path, name);
		int r = remove_inside(child, device, path, depth + 1, err);
		if (r < 0)
			return r;
		if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
			return cat_err_errno(err, "%s/%s", path, name);
	}
	return 0;
}

int cat_dir_remove(const char *path, struct cat_err *err)
{
	cat_autofd int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0)
		return errno == ENOENT ? 0 : cat_err_errno(err, "%s", path);
	if (fstat(fd, &st) < 0)
		return cat_err_errno(err, "%s", path);
	int r = remove_inside(fd, st.st_dev, path, 0, err);
	if (r < 0)
		return r;
	return rmdir(path) < 0 && errno != ENOENT ? cat_err_errno(err, "%s", path) : 0;
}

char *cat_format(const char *format, ...)
{
	char *text;
	va_list args;
	va_start(args, format);
	int r = vasprintf(&text, format, args);
	va_end(args);
	return r < 0 ? NULL : text;
}
