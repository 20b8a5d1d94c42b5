// SPDX-License-Identifier: BSD-3-Clause
// usage: replay DIRECTORY
// Gives every file of a corpus to the fuzz target, as an ordinary test.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "fuzz.h"

#define INPUT_MAX (16u << 20)

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	cat_autodir DIR *d = opendir(argv[1]);
	if (!d) {
		perror(argv[1]);
		return 1;
	}
	unsigned count = 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		cat_autofree char *text = NULL;
		size_t size;
		struct cat_err err = {0};
		if (e->d_name[0] == '.')
			continue;
		if (cat_file_read(dirfd(d), e->d_name, INPUT_MAX, &text, &size, &err) < 0) {
			fprintf(stderr, "%s\n", err.message);
			return 1;
		}
		LLVMFuzzerTestOneInput((const uint8_t *)text, size);
		count++;
	}
	printf("%u inputs\n", count);
	return count ? 0 : 1;
}
