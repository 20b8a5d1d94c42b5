// SPDX-License-Identifier: BSD-3-Clause
// Gives every file of the folders named on the command line to a fuzz target once, so that what was found stays found.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "fuzz.h"

#define INPUT_MAX (64u << 20)

// Also with its last byte missing, and with nothing behind it that could be read by mistake.
static int give(const char *path)
{
	struct cat_err err = {0};
	cat_autofree char *text = NULL;
	size_t size;
	if (cat_file_read(AT_FDCWD, path, INPUT_MAX, &text, &size, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return -1;
	}
	for (size_t cut = 0; cut < 2 && cut <= size; cut++) {
		cat_autofree uint8_t *copy = malloc(size - cut + (size == cut));
		if (!copy)
			return -1;
		memcpy(copy, text, size - cut);
		LLVMFuzzerTestOneInput(copy, size - cut);
	}
	return 0;
}

static int give_all(const char *directory, unsigned *count)
{
	cat_autodir DIR *dir = opendir(directory);
	const struct dirent *entry;
	if (!dir) {
		fprintf(stderr, "%s: %s\n", directory, strerror(errno));
		return -1;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		cat_autofree char *path = cat_format("%s/%s", directory, entry->d_name);
		if (!path || give(path) < 0)
			return -1;
		++*count;
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	for (int i = 1; i < argc; i++)
		if (give_all(argv[i], &count) < 0)
			return 1;
	printf("%u inputs\n", count);
	// An empty corpus would be a test that cannot fail.
	return count == 0;
}
