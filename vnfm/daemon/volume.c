// SPDX-License-Identifier: BSD-3-Clause
#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_file.h"

#define BLOCK_BYTES 65536
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX 64
#define BOOT_DIGITS 8

char *volume_path(const char *state_dir, const char *service, const char *function, const char *kind)
{
	cat_autofree char *boot = NULL;
	size_t size = 0;
	if (cat_file_read(AT_FDCWD, BOOT_ID, BOOT_ID_MAX, &boot, &size, NULL) < 0 || size < BOOT_DIGITS)
		return NULL;
	return cat_format("%s/volumes/%s/%s.%s.%.*s", state_dir, service, function, kind, BOOT_DIGITS, boot);
}

static bool is_zero(const char *block, size_t size)
{
	return !block[0] && !memcmp(block, block + 1, size - 1);
}

// Leaves holes where the source has nothing.
static int copy(int from, int to, off_t size, const char *what, struct cat_err *err)
{
	cat_autofree char *block = malloc(BLOCK_BYTES);
	if (!block)
		return cat_err_set(err, -ENOMEM, "%s: no memory", what);
	for (off_t at = 0; at < size;) {
		at = lseek(from, at, SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? 0 : cat_err_errno(err, "%s", what);
		ssize_t n = pread(from, block, BLOCK_BYTES - (size_t)(at % BLOCK_BYTES), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? cat_err_errno(err, "%s", what) : 0;
		for (ssize_t done = 0; done < n && !is_zero(block, (size_t)n);) {
			ssize_t m = pwrite(to, block + done, (size_t)(n - done), at + done);
			if (m < 0 && errno != EINTR)
				return cat_err_errno(err, "%s", what);
			done += m > 0 ? m : 0;
		}
		at += n;
	}
	return 0;
}

int volume_save(const char *path, int memory, struct cat_err *err)
{
	cat_autofree char *directory = strdup(path), *half = cat_format("%s.half", path);
	struct stat st;
	if (!directory || !half)
		return cat_err_set(err, -ENOMEM, "%s: no memory", path);
	*strrchr(directory, '/') = 0;
	int r = cat_dir_create(directory, 0700, err);
	if (r < 0)
		return r;
	cat_autofd int file = open(half, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0 || fstat(memory, &st) < 0 || ftruncate(file, st.st_size) < 0)
		return cat_err_errno(err, "%s", half);
	r = copy(memory, file, st.st_size, half, err);
	if (r == 0 && (fsync(file) < 0 || rename(half, path) < 0))
		r = cat_err_errno(err, "%s", path);
	if (r < 0)
		unlink(half);
	return r;
}

int volume_load(const char *path, int memory, struct cat_err *err)
{
	cat_autofd int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat had, has;
	if (file < 0 || fstat(file, &had) < 0 || fstat(memory, &has) < 0)
		return cat_err_errno(err, "%s", path);
	if (had.st_size != has.st_size)
		return cat_err_set(err, -ESTALE, "%s: found %lld bytes, the function has %lld now: it is not used",
				   path, (long long)had.st_size, (long long)has.st_size);
	return copy(file, memory, had.st_size, path, err);
}
