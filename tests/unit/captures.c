// SPDX-License-Identifier: BSD-3-Clause
#include "captures.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define MAGIC 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define FRAME_MAX 65535u

static int read_file(FILE *f, captures_fn fn, void *user)
{
	uint32_t header[6], record[4];
	int count = 0;
	if (fread(header, sizeof(header), 1, f) != 1)
		return 0;
	bool swapped = header[0] == __builtin_bswap32(MAGIC) || header[0] == __builtin_bswap32(MAGIC_NS);
	if (!swapped && header[0] != MAGIC && header[0] != MAGIC_NS)
		return 0;
	while (fread(record, sizeof(record), 1, f) == 1) {
		uint32_t size = swapped ? __builtin_bswap32(record[2]) : record[2];
		if (size > FRAME_MAX)
			break;
		// Of its exact size, so that sanitizers see a byte too far.
		uint8_t *frame = malloc(size ? size : 1);
		if (!frame || (size && fread(frame, size, 1, f) != 1)) {
			free(frame);
			break;
		}
		fn(user, frame, size);
		free(frame);
		count++;
	}
	return count;
}

int captures_each(captures_fn fn, void *user)
{
	const char *data = getenv("CATENA_TEST_DATA");
	char directory[512], path[1024];
	snprintf(directory, sizeof(directory), "%s/pcaps", data ? data : SOURCE_ROOT "/../shared/data");
	DIR *d = opendir(directory);
	if (!d)
		return -1;
	int count = 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
		FILE *f = fopen(path, "rb");
		if (!f)
			continue;
		count += read_file(f, fn, user);
		fclose(f);
	}
	closedir(d);
	return count;
}
