// SPDX-License-Identifier: BSD-3-Clause
// Runs a command while a chain of functions runs without containers, then prints all counters. Exits as the command
// did.
//
// usage: rig_run DATAPLANE FUNCTION-PROGRAM COUNT LEFT-PORT RIGHT-PORT COMMAND [ARGUMENT...]
// The ports are {"driver", "device", "options"} as JSON. RIG_LANES=N: more lanes. RIG_KIND: what the functions are
// instead of "null"; RIG_CONFIG: their configuration instead of {}.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "rig.h"

#define COUNT_MAX 16u

static int run(char **argv)
{
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	int status = 0;
	return pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) ? 1 : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fprintf(stderr, "usage: rig_run DATAPLANE FUNCTION COUNT LEFT RIGHT COMMAND...\n");
		return 2;
	}
	const char *kinds[COUNT_MAX], *lanes = getenv("RIG_LANES");
	const char *kind = getenv("RIG_KIND"), *config = getenv("RIG_CONFIG");
	for (unsigned i = 0; i < COUNT_MAX; i++)
		kinds[i] = kind ? kind : "null";
	unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
	int cpus[2] = {sysconf(_SC_NPROCESSORS_ONLN) > 1, 0};
	struct rig_plan shape = {.left = argv[4],
				 .right = argv[5],
				 .kinds = kinds,
				 .count = count < COUNT_MAX ? count : COUNT_MAX,
				 .cpus = cpus,
				 .lanes = lanes && *lanes == '2' ? 2 : 1};
	struct cat_err err = {0};
	cat_autonode struct cat_node *plan = rig_plan_make(&shape, &err);
	struct rig *rig = plan ? rig_create(argv[1], plan, &err) : NULL;
	for (unsigned i = 0; rig && i < shape.count; i++) {
		char name[16];
		snprintf(name, sizeof(name), "f%u", i);
		if (rig_configure(rig, name, config ? config : "{}", &err) < 0 ||
		    rig_start(rig, name, argv[2], &err) < 0)
			break;
	}
	cat_autonode struct cat_node *running = rig ? rig_wait(rig, "running", NULL, 10000) : NULL;
	int code = 1;
	if (running)
		code = run(argv + 6);
	else
		fprintf(stderr, "rig_run: %s\n", err.code ? err.message : "the functions did not run within 10 s");
	if (rig)
		rig_print_counters(rig);
	rig_destroy(rig);
	return code;
}
