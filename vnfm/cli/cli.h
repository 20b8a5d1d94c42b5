// SPDX-License-Identifier: BSD-3-Clause
// catena, the command line: what all verbs share.
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cat_client.h"
#include "cat_err.h"
#include "cat_service.h"
#include "cat_tree.h"

enum cli_exit {
	EXIT_OK,
	EXIT_FAILED,  // it was tried and did not work
	EXIT_USAGE,   // the command line is wrong
	EXIT_INVALID, // the service file is
	EXIT_NO_MANAGER,
	EXIT_NO_SERVICE,
	EXIT_NOISY, // `host check`: something disturbs lanes
};

// Options as given; strings are borrowed from the command line.
struct cli_options {
	const char *run_dir, *socket, *kinds, *host, *count, *tail, *image;
	bool json, force, watch, follow, all, verbose, help, version, no_start;
};

#define CLI_ARGUMENTS_MAX 16

struct cli {
	struct cli_options options;
	const char *argument[CLI_ARGUMENTS_MAX];
	int argument_count;
	const struct cli_verb *verb;
	char *prefix; // owned
	char *socket; // owned
	bool colour;  // of standard output
	bool terminal;
};

struct cli_verb {
	const char *name, *arguments, *summary;
	const char *help; // more lines
	int (*run)(struct cli *cli);
	int least, most;      // arguments
	const char *options;  // names of the options that it takes, with spaces between
	const char *complete; // what its argument is: "file", "service", "verb" or ""
};
extern const struct cli_verb cli_verbs[];
extern const size_t cli_verb_count;

struct cli_option {
	const char *name;
	char letter;
	const char *argument; // NULL: a flag
	size_t offset;
	const char *help;
};
extern const struct cli_option cli_options[];
extern const size_t cli_option_count;

// Fills cli from the arguments; EXIT_OK or EXIT_USAGE with the message.
int cli_parse(struct cli *cli, int argc, char **argv, struct cat_err *err);
const struct cli_verb *cli_verb_find(const char *name); // NULL: none
// The texts; the caller frees; NULL: no memory.
char *cli_help(const struct cli_verb *verb); // NULL: of all
char *cli_completion(void);

// Says "catena: message" and gives the exit code that goes with the error.
int cli_fail(const struct cat_err *err);
// The same for an answer that tells of a problem; file: its name for the places of problems, or NULL.
int cli_fail_reply(const struct cat_client_reply *reply, const char *file);
struct cat_client *cli_connect(struct cli *cli, struct cat_err *err);
// GET of a path (freed here). EXIT_OK, or said and its exit code.
int cli_get(struct cli *cli, char *path, struct cat_node **ret_body);
// Starts catenad and waits until it serves. EXIT_OK, or said.
int cli_start_manager(struct cli *cli);
bool cli_manager_runs(struct cli *cli);
// Reads and checks a service file. EXIT_OK, EXIT_INVALID (every problem said) or EXIT_FAILED.
int cli_read_service(struct cli *cli, const char *path, char **ret_text, size_t *ret_size,
		     struct cat_service **ret_service);
void cli_print_json(const struct cat_node *node);

int verb_validate(struct cli *cli);
int verb_plan(struct cli *cli);
int verb_up(struct cli *cli);
int verb_upgrade(struct cli *cli);
int verb_down(struct cli *cli);
int verb_status(struct cli *cli);
int verb_logs(struct cli *cli);
int verb_events(struct cli *cli);
int verb_top(struct cli *cli);
int verb_heal(struct cli *cli);
int verb_restart(struct cli *cli);
int verb_scale(struct cli *cli);
int verb_ops(struct cli *cli);
int verb_exec(struct cli *cli);
int verb_package(struct cli *cli);
int verb_host(struct cli *cli);
int verb_version(struct cli *cli);
int verb_help(struct cli *cli);
int verb_bench(struct cli *cli);
// Becomes the benchmark program, argv[0] replaced; returns with an exit code only if there is none.
int cli_bench(char **argv);
int verb_completion(struct cli *cli);

#endif
