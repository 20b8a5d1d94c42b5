// SPDX-License-Identifier: BSD-3-Clause
// An image's layer. Whatever the archive, nothing may appear or change outside of the directory that it is unpacked
// into.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "fuzz.h"
#include "image.h"

static void check(bool sound, const char *what)
{
	if (!sound) {
		fprintf(stderr, "layer: %s\n", what);
		abort();
	}
}

// The directory beside whose "inner" there is nothing but "witness".
static void check_outside(const char *base)
{
	cat_autodir DIR *directory = opendir(base);
	check(directory != NULL, "the directory is gone");
	for (struct dirent *entry; (entry = readdir(directory));)
		check(entry->d_name[0] == '.' || strcmp(entry->d_name, "inner") == 0 ||
			      strcmp(entry->d_name, "witness") == 0,
		      "something was made outside");
	cat_autofree char *path = cat_format("%s/witness", base);
	cat_autofree char *text = NULL;
	struct stat st;
	check(cat_file_read(AT_FDCWD, path, 100, &text, NULL, NULL) == 0 && strcmp(text, "unchanged") == 0,
	      "a file outside was changed");
	check(stat(path, &st) == 0 && st.st_nlink == 1 && (st.st_mode & 07777) == 0600, "a file outside was touched");
}

static int unpack(const uint8_t *data, size_t size, const char *inner)
{
	static const char any[] = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
	cat_autofd int blob = memfd_create("layer", MFD_CLOEXEC);
	cat_autofd int root_fd = open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(blob >= 0 && root_fd >= 0 && write(blob, data, size) == (ssize_t)size, "no place");
	lseek(blob, 0, SEEK_SET);
	return cat_layer_unpack(blob, size, any, root_fd, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char base[] = "/tmp/catena-fuzz-layer-XXXXXX";
	check(mkdtemp(base) != NULL, "no directory");
	cat_autofree char *inner = cat_format("%s/inner", base);
	cat_autofree char *witness = cat_format("%s/witness", base);
	check(mkdir(inner, 0700) == 0 && cat_file_replace(witness, "unchanged", 9, 0600, NULL) == 0, "no place");
	check(unpack(data, size, inner) < 0, "a digest of zeros was right");
	check_outside(base);
	check(cat_dir_remove(base, NULL) == 0, "what was unpacked cannot be removed");
	return 0;
}
