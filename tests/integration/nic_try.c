// SPDX-License-Identifier: BSD-3-Clause
// Takes a device and gives it back, as the manager does: nic_try look|take STEPS-FILE BDF, or PF VF MAKE-VFS;
// nic_try back STEPS-FILE. The steps are written before anything is changed.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_vf.h"

#define STEPS_MAX 65536u

static int give_back(const struct cat_nic_io *io, const char *path, struct cat_err *err)
{
	cat_autofree char *text = NULL;
	cat_autonode struct cat_node *steps = NULL;
	size_t size;
	int r = cat_file_read(AT_FDCWD, path, STEPS_MAX, &text, &size, err);
	if (r == 0)
		r = cat_tree_parse_json(path, text, size, &steps, err);
	return r == 0 ? cat_nic_give_back(io, steps, err) : r;
}

static int take(const struct cat_nic_io *io, const char *path, const struct cat_nic_want *want, bool change,
		struct cat_err *err)
{
	cat_autonode struct cat_node *steps = NULL;
	char bdf[CAT_BDF_MAX];
	int r = cat_nic_look(io, want, &steps, err);
	cat_autofree char *json = r == 0 ? cat_node_to_json(steps, 0) : NULL;
	if (r == 0)
		r = cat_file_replace(path, json, strlen(json), 0600, err);
	if (r == 0 && change) {
		r = cat_nic_take(io, want, bdf, err);
		if (r == 0)
			puts(bdf);
	}
	return r;
}

int main(int argc, char **argv)
{
	const struct cat_nic_io io = {.root = "/"};
	struct cat_nic_want want = {0};
	struct cat_err err = {0};
	int r;
	if (argc == 3 && !strcmp(argv[1], "back")) {
		r = give_back(&io, argv[2], &err);
	} else if (argc == 4 || argc == 6) {
		snprintf(argc == 4 ? want.bdf : want.pf, CAT_BDF_MAX, "%s", argv[3]);
		want.vf = argc == 6 ? (uint32_t)atoi(argv[4]) : 0;
		want.make_vfs = argc == 6 ? (uint32_t)atoi(argv[5]) : 0;
		r = take(&io, argv[2], &want, !strcmp(argv[1], "take"), &err);
	} else {
		fputs("nic_try look|take STEPS-FILE BDF | PF VF MAKE-VFS; nic_try back STEPS-FILE\n", stderr);
		return 2;
	}
	if (r < 0)
		fprintf(stderr, "%s\n", err.message);
	return r < 0;
}
