// SPDX-License-Identifier: BSD-3-Clause
// Benchmarks are a program of its own beside the installed catena; its arguments are its own too.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cli.h"

#define PROGRAM "share/catena/bench/harness/catena-bench"

int cli_bench(char **argv)
{
	struct cat_err err = {0};
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0) {
		cat_err_errno(&err, "/proc/self/exe");
		return cli_fail(&err);
	}
	path[n] = 0;
	// From PREFIX/bin/catena to PREFIX.
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = 0;
	}
	cat_autofree char *program = cat_format("%s/%s", path, PROGRAM);
	if (program) {
		argv[0] = program;
		execv(program, argv);
	}
	cat_err_errno(&err, "%s: install catena, or run bench/harness/catena-bench of its source",
		      program ? program : PROGRAM);
	return cli_fail(&err);
}

// main comes here before it reads options; the table has the verb for help and completion.
int verb_bench(struct cli *cli)
{
	(void)cli;
	char name[] = "bench", *argv[] = {name, NULL};
	return cli_bench(argv);
}
