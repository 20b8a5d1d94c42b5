// SPDX-License-Identifier: BSD-3-Clause
// The verbs and options: what is dispatched, helped with and completed comes from these two tables.
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cli.h"

#define EVERYWHERE "run-dir socket help"

const struct cli_verb cli_verbs[] = {
	{"validate", "FILE...", "check service files",
	 "Every problem is told with file, line and column. Needs no manager.", verb_validate, 1, CLI_ARGUMENTS_MAX,
	 "json kinds help", "file"},
	{"plan", "FILE", "show what `up` would do",
	 "Placement, memory, rings and copies per hop. Asks the manager, if one runs, so that what other services "
	 "hold\n"
	 "counts; --host plans for a recorded host (a directory with its sys/ and proc/).",
	 verb_plan, 1, 1, "json host kinds " EVERYWHERE, "file"},
	{"up", "FILE", "bring a service up, or change a running one",
	 "Applying a changed file changes only what differs. Starts a manager if none runs.", verb_up, 1, 1,
	 "json verbose no-start kinds " EVERYWHERE, "file"},
	{"upgrade", "SERVICE/FUNCTION", "give a function another image while it runs",
	 "A container of the new image is started beside the old one and takes over between two packets. If it does "
	 "not "
	 "come\n"
	 "up, or refuses the configuration, the old one goes on. The same as `up` with another `image` in the file.",
	 verb_upgrade, 1, 1, "image json " EVERYWHERE, "service"},
	{"status", "[SERVICE]", "show all services, or the traffic of one",
	 "Per hop: packets and rates in both directions, queue depth, drops by reason, gauges such as NAT sessions.\n"
	 "--watch goes on until it is interrupted; on a terminal it redraws in place.",
	 verb_status, 0, 1, "json watch count verbose " EVERYWHERE, "service"},
	{"top", "SERVICE", "show live rates, drops, queues and cycles per packet, by hop and lane",
	 "Redraws once a second until it is interrupted; --count ends it. Cycles are ticks of the time stamp counter.",
	 verb_top, 1, 1, "json count " EVERYWHERE, "service"},
	{"heal", "SERVICE/FUNCTION", "replace a function's container",
	 "Its flows go on: they are in memory that outlives it. Tells the operation's state as it changes.", verb_heal,
	 1, 1, "json " EVERYWHERE, "service"},
	{"restart", "SERVICE[/FUNCTION]", "replace the containers of all functions, one after the other",
	 "Each must run again before the next is replaced.", verb_restart, 1, 1, "json " EVERYWHERE, "service"},
	{"scale", "SERVICE LANES", "give a service another number of lanes",
	 "While traffic runs where the service file has `scaling`, else by a restart. What does not fit is refused "
	 "before anything is "
	 "touched; what fails is rolled back.",
	 verb_scale, 2, 2, "json " EVERYWHERE, "service"},
	{"ops", "[SERVICE | ID]", "show operations: what was asked for, how far it came, why it failed", "", verb_ops,
	 0, 1, "json " EVERYWHERE, "service"},
	{"exec", "SERVICE/FUNCTION COMMAND [ARGUMENT...]", "run a program in a function's container",
	 "Write -- before a COMMAND whose arguments begin with a dash. Needs root, and the program in the image.",
	 verb_exec, 2, CLI_ARGUMENTS_MAX, EVERYWHERE, "service"},
	{"package", "list | export KIND FILE | import FILE", "show, write and install packages of functions",
	 "A package (CSAR, ETSI SOL004) holds a kind's descriptor, schema and image. Import checks every digest, "
	 "installs it\n"
	 "where the manager looks, and tells a manager that runs; --force replaces an installed kind.",
	 verb_package, 1, 3, "json force kinds " EVERYWHERE, ""},
	{"logs", "SERVICE[/FUNCTION]", "show what a service's processes say",
	 "FUNCTION may also be `dataplane` or `catenad`.", verb_logs, 1, 1, "follow tail json " EVERYWHERE, "service"},
	{"events", "[SERVICE]", "show what happened to services", "Starts, ends, restarts, failures, changes.",
	 verb_events, 0, 1, "follow tail json " EVERYWHERE, "service"},
	{"down", "SERVICE... | --all", "take services down", "Answers when nothing of them is left on the host.",
	 verb_down, 0, CLI_ARGUMENTS_MAX, "all json " EVERYWHERE, "service"},
	{"host", "[check | record DIR]", "show the host's cores, memory and NICs, and who holds them",
	 "Works without a manager too; then nobody holds anything. `check` tells what disturbs lanes, and the command\n"
	 "that mends each; it ends with 6 if there is any. `record` writes what is known of the host to a new "
	 "directory, "
	 "for --host.",
	 verb_host, 0, 2, "json host " EVERYWHERE, ""},
	{"bench", "list | run SCENARIO... | headline | compare | report", "measure chains: rate, loss, latency",
	 "A program of its own: `catena bench --help` tells more.", verb_bench, 0, CLI_ARGUMENTS_MAX, "help", ""},
	{"version", "", "show the versions of catena and of the manager", "", verb_version, 0, 0, "json " EVERYWHERE,
	 ""},
	{"completion", "", "print the completion for bash", "", verb_completion, 0, 0, "help", ""},
	{"help", "[VERB]", "explain a verb", "", verb_help, 0, 1, "help", "verb"},
};
const size_t cli_verb_count = CAT_ARRAY_LEN(cli_verbs);

#define OPTION(name, letter, argument, field, help)                                                                    \
	{                                                                                                              \
		name, letter, argument, offsetof(struct cli_options, field), help                                      \
	}
const struct cli_option cli_options[] = {
	OPTION("json", 'j', NULL, json, "print JSON"),
	OPTION("watch", 'w', NULL, watch, "go on, once a second"),
	OPTION("count", 'c', "N", count, "end --watch after so many times"),
	OPTION("follow", 'f', NULL, follow, "go on with what comes"),
	OPTION("tail", 'n', "N", tail, "begin with the last N (100)"),
	OPTION("all", 'a', NULL, all, "all services"),
	OPTION("verbose", 'v', NULL, verbose, "tell more: every step, every counter"),
	OPTION("image", 'i', "TAG", image, "the image's tag"),
	OPTION("no-start", 0, NULL, no_start, "start no manager if none runs"),
	OPTION("force", 0, NULL, force, "replace what is installed"),
	OPTION("host", 0, "ROOT", host, "a recorded host instead of this one"),
	OPTION("kinds", 0, "DIR", kinds, "schemas of the kinds of functions (PREFIX/share/catena/kinds)"),
	OPTION("run-dir", 0, "DIR", run_dir, "the manager's run directory ($CATENA_RUN_DIR, /run/catena)"),
	OPTION("socket", 's', "PATH", socket, "the manager's socket (RUN-DIR/api.sock)"),
	OPTION("version", 'V', NULL, version, "print the version"),
	OPTION("help", 'h', NULL, help, "explain"),
};
const size_t cli_option_count = CAT_ARRAY_LEN(cli_options);

static const struct {
	enum cli_exit code;
	const char *meaning;
} exits[] = {
	{EXIT_OK, "done"},
	{EXIT_FAILED, "it failed; the message says why"},
	{EXIT_USAGE, "wrong command line"},
	{EXIT_INVALID, "the service file is not valid"},
	{EXIT_NO_MANAGER, "no manager runs"},
	{EXIT_NO_SERVICE, "there is no such service"},
	{EXIT_NOISY, "`host check`: something disturbs lanes"},
};

const struct cli_verb *cli_verb_find(const char *name)
{
	for (size_t i = 0; i < cli_verb_count; i++)
		if (!strcmp(cli_verbs[i].name, name))
			return &cli_verbs[i];
	return NULL;
}

static bool takes(const struct cli_verb *verb, const char *option)
{
	size_t length = strlen(option);
	for (const char *p = verb->options; p && *p; p += strcspn(p, " "), p += *p == ' ')
		if (strcspn(p, " ") == length && !strncmp(p, option, length))
			return true;
	return false;
}

static const struct cli_option *find_option(const char *text, size_t length, char letter)
{
	for (size_t i = 0; i < cli_option_count; i++) {
		const struct cli_option *option = &cli_options[i];
		if (letter ? option->letter == letter
			   : strlen(option->name) == length && !strncmp(option->name, text, length))
			return option;
	}
	return NULL;
}

// Takes argv[*at], and the argument behind it where the option has one.
static int take_option(struct cli *cli, int argc, char **argv, int *at, struct cat_err *err)
{
	const char *text = argv[*at];
	bool is_long = text[1] == '-';
	const char *name = text + (is_long ? 2 : 1), *equals = is_long ? strchr(name, '=') : NULL;
	const struct cli_option *option =
		find_option(name, equals ? (size_t)(equals - name) : strlen(name), is_long ? 0 : name[0]);
	if (!option || (!is_long && name[1] && !option->argument))
		return cat_err_set(err, -EINVAL, "found \"%s\", which is no option: see `catena help`", text);
	void *field = (char *)&cli->options + option->offset;
	if (!option->argument) {
		if (equals)
			return cat_err_set(err, -EINVAL, "--%s takes no value", option->name);
		*(bool *)field = true;
		return 0;
	}
	const char *value = equals ? equals + 1 : !is_long && name[1] ? name + 1 : ++*at < argc ? argv[*at] : NULL;
	if (!value || !*value)
		return cat_err_set(err, -EINVAL, "--%s needs a value: --%s %s", option->name, option->name,
				   option->argument);
	*(const char **)field = value;
	return 0;
}

static bool is_set(const struct cli *cli, const struct cli_option *option)
{
	const void *field = (const char *)&cli->options + option->offset;
	return option->argument ? *(const char *const *)field != NULL : *(const bool *)field;
}

static int check(struct cli *cli, struct cat_err *err)
{
	for (size_t i = 0; i < cli_option_count; i++)
		if (is_set(cli, &cli_options[i]) && !takes(cli->verb, cli_options[i].name))
			return cat_err_set(err, -EINVAL, "`catena %s` has no option --%s: see `catena help %s`",
					   cli->verb->name, cli_options[i].name, cli->verb->name);
	if (cli->options.help)
		return 0;
	if (cli->argument_count < cli->verb->least)
		return cat_err_set(err, -EINVAL, "usage: catena %s %s", cli->verb->name, cli->verb->arguments);
	if (cli->argument_count > cli->verb->most)
		return cat_err_set(err, -EINVAL, "found \"%s\", which is one too many: usage: catena %s %s",
				   cli->argument[cli->verb->most], cli->verb->name, cli->verb->arguments);
	return 0;
}

int cli_parse(struct cli *cli, int argc, char **argv, struct cat_err *err)
{
	bool options = true;
	for (int i = 1; i < argc; i++) {
		const char *text = argv[i];
		if (options && !strcmp(text, "--")) {
			options = false;
		} else if (options && text[0] == '-' && text[1]) {
			if (take_option(cli, argc, argv, &i, err) < 0)
				return EXIT_USAGE;
		} else if (!cli->verb) {
			cli->verb = cli_verb_find(text);
			if (!cli->verb) {
				cat_err_set(err, -EINVAL, "found \"%s\", which is no verb: see `catena help`", text);
				return EXIT_USAGE;
			}
		} else if (cli->argument_count < CLI_ARGUMENTS_MAX) {
			cli->argument[cli->argument_count++] = text;
		} else {
			cat_err_set(err, -EINVAL, "more than %d arguments", CLI_ARGUMENTS_MAX);
			return EXIT_USAGE;
		}
	}
	if (!cli->verb) {
		cli->verb = cli_verb_find(cli->options.version ? "version" : "help");
		if (!cli->options.version && !cli->options.help) {
			cat_err_set(err, -EINVAL, "what shall be done? see `catena help`");
			return EXIT_USAGE;
		}
		return EXIT_OK;
	}
	return check(cli, err) < 0 ? EXIT_USAGE : EXIT_OK;
}

static void print_options(FILE *out, const struct cli_verb *verb)
{
	fputs("\noptions:\n", out);
	for (size_t i = 0; i < cli_option_count; i++) {
		const struct cli_option *option = &cli_options[i];
		if (verb && !takes(verb, option->name))
			continue;
		char letter[8] = "   ", text[48];
		if (option->letter)
			snprintf(letter, sizeof(letter), "-%c,", option->letter);
		snprintf(text, sizeof(text), "--%s%s%s", option->name, option->argument ? " " : "",
			 option->argument ? option->argument : "");
		fprintf(out, "  %s %-15s %s\n", letter, text, option->help);
	}
}

char *cli_help(const struct cli_verb *verb)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	if (verb) {
		fprintf(out, "catena %s - %s\n\nusage: catena %s [OPTION...]%s%s\n", verb->name, verb->summary,
			verb->name, *verb->arguments ? " " : "", verb->arguments);
		if (*verb->help)
			fprintf(out, "\n%s\n", verb->help);
		print_options(out, verb);
	} else {
		fputs("catena - chains of network functions in containers\n\nusage: catena VERB [OPTION...] "
		      "[ARGUMENT...]\n\n"
		      "verbs:\n",
		      out);
		for (size_t i = 0; i < cli_verb_count; i++) {
			char left[48];
			snprintf(left, sizeof(left), "%s %s", cli_verbs[i].name, cli_verbs[i].arguments);
			fprintf(out, "  %-26s %s\n", left, cli_verbs[i].summary);
		}
		fputs("\n`catena help VERB` tells more.\n\nexit codes:\n", out);
		for (size_t i = 0; i < CAT_ARRAY_LEN(exits); i++)
			fprintf(out, "  %d  %s\n", exits[i].code, exits[i].meaning);
		fputs("\nexamples:\n"
		      "  catena plan branch.yaml            what would be where\n"
		      "  catena up branch.yaml              run it; change it later in the same way\n"
		      "  catena status branch --watch       a live table\n"
		      "  catena logs branch/fw -f           what the firewall says\n"
		      "  catena down branch                 and nothing is left\n",
		      out);
	}
	return fclose(out) == 0 ? text : NULL;
}

char *cli_completion(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fputs("# bash completion of catena; made by `catena completion`.\n_catena() {\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} verb='' i\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n\t\t-*) "
	      ";;\n\t\t*)\n\t\t\tverb=${COMP_WORDS[i]}\n\t\t\tbreak\n\t\t\t;;\n\t\tesac\n"
	      "\tdone\n\tlocal options='' kind=verb\n\tcase $verb in\n",
	      out);
	for (size_t i = 0; i < cli_verb_count; i++) {
		fprintf(out, "\t%s)\n\t\tkind=%s options='", cli_verbs[i].name,
			*cli_verbs[i].complete ? cli_verbs[i].complete : "none");
		bool first = true;
		for (size_t k = 0; k < cli_option_count; k++) {
			if (!takes(&cli_verbs[i], cli_options[k].name))
				continue;
			fprintf(out, "%s--%s", first ? "" : " ", cli_options[k].name);
			first = false;
		}
		fputs("'\n\t\t;;\n", out);
	}
	fputs("\tesac\n\tif [[ $word == -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- "
	      "\"$word\")\n"
	      "\t\treturn\n\tfi\n\tcase $kind in\n\tverb)\n\t\tmapfile -t COMPREPLY < <(compgen -W '",
	      out);
	for (size_t i = 0; i < cli_verb_count; i++)
		fprintf(out, "%s%s", i ? " " : "", cli_verbs[i].name);
	fputs("' -- \"$word\")\n\t\t;;\n\tfile)\n\t\tcompopt -o filenames\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -f -X '!*.@(yaml|yml|json)' -- \"$word\"; compgen -d -- "
	      "\"$word\")\n\t\t;;\n"
	      "\tservice)\n\t\tmapfile -t COMPREPLY < <(compgen -W \"$(catena status 2>/dev/null | "
	      "awk 'NR > 1 {print $1}')\" -- \"$word\")\n\t\t;;\n\tesac\n}\ncomplete -F _catena catena\n",
	      out);
	return fclose(out) == 0 ? text : NULL;
}
