// SPDX-License-Identifier: BSD-3-Clause
// A package. Whatever the archive, nothing may appear outside of the directory that it is unpacked into, and its limits
// hold; and whatever the manifest, it is taken only if it names every file.
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "csar.h"
#include "fuzz.h"

static void try_manifest(const char *text)
{
	char name[] = "a";
	struct csar_file item = {.path = name, .digest = "00"};
	struct csar_files files = {.item = &item, .count = 1};
	struct cat_err err = {0};
	int r = csar_manifest_check(text, "x.mf", &files, &err);
	must(r == 0 ? item.listed : *err.message != 0);
	free(csar_meta_value(text, "ETSI-Entry-Manifest"));
}

// Nothing but "inner" is in the directory.
static void check_outside(const char *base)
{
	cat_autodir DIR *directory = opendir(base);
	must(directory != NULL);
	for (const struct dirent *entry; (entry = readdir(directory));)
		must(entry->d_name[0] == '.' || !strcmp(entry->d_name, "inner"));
}

static void try_archive(const uint8_t *data, size_t size)
{
	char base[] = "/tmp/catena-fuzz-csar-XXXXXX";
	must(mkdtemp(base) != NULL);
	cat_autofree char *inner = cat_format("%s/inner", base);
	must(inner && mkdir(inner, 0700) == 0);
	cat_autofd int fd = memfd_create("csar", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	struct csar_files files = {0};
	struct cat_err err = {0};
	int r = csar_unpack(fd, size, inner, &files, &err);
	must((r == 0) == (files.count != 0) && (r == 0 || *err.message));
	for (size_t i = 0; i < files.count; i++) {
		cat_autofree char *path = cat_format("%s/%s", inner, files.item[i].path);
		struct stat st;
		must(csar_path_valid(files.item[i].path));
		must(path && lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		     (uint64_t)st.st_size == files.item[i].size);
	}
	must(files.count <= CSAR_ENTRIES_MAX);
	csar_files_free(&files);
	check_outside(base);
	must(cat_dir_remove(base, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cat_autofree char *text = strndup((const char *)data, size);
	must(text != NULL);
	try_manifest(text);
	try_archive(data, size);
	return 0;
}
