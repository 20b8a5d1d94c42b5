// SPDX-License-Identifier: BSD-3-Clause
// Small files and directories, with errors that name the path.
#ifndef CAT_FILE_H
#define CAT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cat_err.h"

// Reads at most max bytes (-E2BIG beyond). *ret_text is NUL-terminated; the caller frees. dirfd as openat(2).
int cat_file_read(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_size, struct cat_err *err);
// For sysfs: one integer. -EINVAL if it is none.
int cat_file_read_int(int dirfd, const char *path, long long *ret_value, struct cat_err *err);
// Writes in place (sysfs, procfs).
int cat_file_write(int dirfd, const char *path, const char *text, struct cat_err *err);
// Writes to a temporary file beside it, syncs, renames: the old or the new content, never half.
int cat_file_replace(const char *path, const void *data, size_t size, mode_t mode, struct cat_err *err);
// mkdir -p.
int cat_dir_create(const char *path, mode_t mode, struct cat_err *err);
// rm -r that does not follow links and does not cross mounts. An absent path is fine.
int cat_dir_remove(const char *path, struct cat_err *err);
// printf to a new string; NULL: no memory. The caller frees.
char *cat_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
