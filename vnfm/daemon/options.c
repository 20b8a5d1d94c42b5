// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"

enum kind { TEXT, FLAG };

// fallback: "$VAR" at its beginning is the environment's if set; "@" stands for the prefix, "%" for the run directory.
static const struct option {
	const char *name, *argument;
	enum kind kind;
	size_t offset;
	const char *variable, *fallback, *help;
} table[] = {
#define TEXT_OPTION(name, argument, field, variable, fallback, help)                                                   \
	{                                                                                                              \
		name, argument, TEXT, offsetof(struct options, field), variable, fallback, help                        \
	}
#define FLAG_OPTION(name, field, help)                                                                                 \
	{                                                                                                              \
		name, NULL, FLAG, offsetof(struct options, field), NULL, NULL, help                                    \
	}
	TEXT_OPTION("run-dir", "DIR", run_dir, "CATENA_RUN_DIR", "/run/catena",
		    "sockets, logs and mounts of what runs"),
	TEXT_OPTION("state-dir", "DIR", state_dir, "CATENA_STATE_DIR", "/var/lib/catena",
		    "the store and unpacked images"),
	TEXT_OPTION("socket", "PATH", socket, NULL, "%/api.sock", "where the API is served"),
	TEXT_OPTION("group", "NAME", group, NULL, "catena", "members of this group may use the API"),
	TEXT_OPTION("api-root", "URI", api_root, NULL, "http://catena",
		    "what links in answers and notifications begin with"),
	TEXT_OPTION("listen", "ADDRESS:PORT", listen, NULL, NULL, "serve over TCP too, with TLS"),
	TEXT_OPTION("tls-certificate", "PATH", tls_certificate, NULL, NULL, "with --listen: certificate chain (PEM)"),
	TEXT_OPTION("tls-key", "PATH", tls_key, NULL, NULL, "with --listen: its key (PEM)"),
	TEXT_OPTION("tls-clients", "PATH", tls_clients, NULL, NULL,
		    "with --listen: authority of clients' certificates (PEM)"),
	TEXT_OPTION("access", "PATH", access, NULL, NULL, "with --listen: who may do what (docs/access.md)"),
	TEXT_OPTION("images", "DIR", images, "CATENA_IMAGES", "@/share/catena/images",
		    "OCI image layout of the functions"),
	TEXT_OPTION("kinds", "DIR", kinds, "CATENA_KINDS", "@/share/catena/kinds",
		    "schemas and descriptors of the kinds of functions"),
	TEXT_OPTION("dataplane", "PATH", dataplane, NULL, "@/libexec/catena/catena-dataplane",
		    "the dataplane's program"),
	TEXT_OPTION("keeper", "PATH", keeper, NULL, "@/libexec/catena/catena-keeper",
		    "the program that holds descriptors while catenad is away"),
	TEXT_OPTION("runtime", "NAME", runtime, NULL, "runc", "OCI runtime: a name or a path"),
	TEXT_OPTION("uid-base", "NUMBER", uid_base_text, NULL, NULL,
		    "first user id for containers; each service takes 65,536"),
	TEXT_OPTION("log-format", "FORMAT", log_format, NULL, "text", "text or json"),
	TEXT_OPTION("log-level", "LEVEL", log_level, NULL, "info", "error, warning, info or debug"),
	TEXT_OPTION("log-file", "PATH", log_file, NULL, "%/catenad.log", "where --daemonise logs to"),
	FLAG_OPTION("foreground", foreground, "stay in the foreground, log to standard error (the default)"),
	FLAG_OPTION("daemonise", daemonise, "return when the API is served, go on in the background"),
	FLAG_OPTION("openapi", openapi, "print the description of the SOL003 API"),
	FLAG_OPTION("down-on-exit", down_on_exit, "take all services down at the end; the next start brings them up"),
	FLAG_OPTION("help", help, "print this"),
	FLAG_OPTION("version", version, "print the version"),
};

char *options_prefix(struct cat_err *err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0) {
		cat_err_errno(err, "/proc/self/exe");
		return NULL;
	}
	path[n] = 0;
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = 0;
	}
	char *copy = strdup(path);
	if (!copy)
		cat_err_set(err, -ENOMEM, "no memory");
	return copy;
}

static char **text_of(struct options *options, const struct option *option)
{
	return (char **)(void *)((char *)options + option->offset);
}

static int take(struct options *options, const char *argument, const char *next, bool *ret_next, struct cat_err *err)
{
	const char *equals = strchr(argument, '=');
	size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
	*ret_next = false;
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++) {
		const struct option *option = &table[i];
		if (length < 3 || strncmp(argument, "--", 2) != 0 || strlen(option->name) != length - 2 ||
		    memcmp(argument + 2, option->name, length - 2) != 0)
			continue;
		if (option->kind == FLAG) {
			if (equals)
				return cat_err_set(err, -EINVAL, "--%s takes no value", option->name);
			*(bool *)(void *)((char *)options + option->offset) = true;
			return 0;
		}
		const char *value = equals ? equals + 1 : next;
		if (!value || !*value)
			return cat_err_set(err, -EINVAL, "--%s needs a value: --%s %s", option->name, option->name,
					   option->argument);
		char **text = text_of(options, option);
		free(*text);
		*text = strdup(value);
		*ret_next = !equals;
		return *text ? 0 : cat_err_set(err, -ENOMEM, "no memory");
	}
	return cat_err_set(err, -EINVAL, "found \"%s\", which is no option: see catenad --help", argument);
}

static int fill_in(struct options *options, const char *prefix, struct cat_err *err)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++) {
		const struct option *option = &table[i];
		if (option->kind != TEXT || *text_of(options, option) || !option->fallback)
			continue;
		const char *value = option->variable ? getenv(option->variable) : NULL;
		if (!value || !*value)
			value = option->fallback;
		const char *before = *value == '@' ? prefix : *value == '%' ? options->run_dir : "";
		char *text = cat_format("%s%s", before, value + (*value == '@' || *value == '%'));
		if (!text)
			return cat_err_set(err, -ENOMEM, "no memory");
		*text_of(options, option) = text;
	}
	return 0;
}

// What is handed to other processes must not depend on where we were started.
static int make_absolute(char **path, struct cat_err *err)
{
	if (**path == '/')
		return 0;
	char directory[PATH_MAX];
	if (!getcwd(directory, sizeof(directory)))
		return cat_err_errno(err, "working directory");
	char *absolute = cat_format("%s/%s", directory, *path);
	if (!absolute)
		return cat_err_set(err, -ENOMEM, "no memory");
	free(*path);
	*path = absolute;
	return 0;
}

static int check_word(const char *option, const char *value, const char *const *words, struct cat_err *err)
{
	char list[128] = "";
	for (size_t i = 0; words[i]; i++) {
		if (!strcmp(words[i], value))
			return 0;
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "", words[i]);
	}
	return cat_err_set(err, -EINVAL, "--%s: found \"%s\", expected one of %s", option, value, list);
}

static int check(struct options *options, struct cat_err *err)
{
	static const char *const formats[] = {"text", "json", NULL};
	static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
	int r = check_word("log-format", options->log_format, formats, err);
	if (r == 0)
		r = check_word("log-level", options->log_level, levels, err);
	if (r < 0)
		return r;
	options->uid_base = OPTIONS_UID_BASE;
	if (!options->uid_base_text)
		return 0;
	char *end = NULL;
	errno = 0;
	unsigned long base = strtoul(options->uid_base_text, &end, 0);
	if (errno || *end || base < 65536 || base > OPTIONS_UID_LIMIT - 65536)
		return cat_err_set(err, -EINVAL, "--uid-base: found \"%s\", expected a number from 65536 to %d",
				   options->uid_base_text, OPTIONS_UID_LIMIT - 65536);
	options->uid_base = (uint32_t)base;
	return 0;
}

int options_parse(struct options *options, const char *prefix, int argc, char **argv, struct cat_err *err)
{
	*options = (struct options){0};
	int r = 0;
	for (int i = 1; r == 0 && i < argc; i++) {
		bool next = false;
		r = take(options, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &next, err);
		i += next;
	}
	if (r == 0)
		r = fill_in(options, prefix, err);
	char **const paths[] = {&options->run_dir, &options->state_dir, &options->socket,   &options->images,
				&options->kinds,   &options->dataplane, &options->log_file, &options->keeper};
	for (size_t i = 0; r == 0 && i < CAT_ARRAY_LEN(paths); i++)
		r = make_absolute(paths[i], err);
	if (r == 0)
		r = check(options, err);
	if (r == 0 && options->foreground && options->daemonise)
		r = cat_err_set(err, -EINVAL, "--foreground and --daemonise exclude each other");
	if (r < 0)
		options_free(options);
	return r;
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++)
		if (table[i].kind == TEXT)
			free(*text_of(options, &table[i]));
	*options = (struct options){0};
}

char *options_help(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fputs("catenad - Catena's VNF manager: runs the services that `catena up` hands to it\n\n"
	      "usage: catenad [OPTION...]\n\noptions:\n",
	      out);
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++) {
		const struct option *option = &table[i];
		char left[48];
		snprintf(left, sizeof(left), "--%s%s%s", option->name, option->argument ? " " : "",
			 option->argument ? option->argument : "");
		fprintf(out, "  %-22s %s", left, option->help);
		if (option->fallback && *option->fallback == '@')
			fprintf(out, " [PREFIX%s]", option->fallback + 1);
		else if (option->fallback && *option->fallback == '%')
			fprintf(out, " [RUN-DIR%s]", option->fallback + 1);
		else if (option->fallback)
			fprintf(out, " [%s]", option->fallback);
		if (option->variable)
			fprintf(out, " ($%s)", option->variable);
		fputc('\n', out);
	}
	fputs("\nPREFIX is the directory above the one that catenad lies in. At SIGTERM it ends\n"
	      "and services run on, until the next catenad takes them over. `catena down` ends a service for good.\n\n"
	      "examples:\n"
	      "  catenad                                    serve on /run/catena/api.sock\n"
	      "  catenad --daemonise                        the same, in the background\n"
	      "  catenad --run-dir /tmp/a --state-dir /tmp/b   a second manager, apart from the first\n"
	      "  catenad --log-level debug --runtime crun   show every step; another OCI runtime\n",
	      out);
	return fclose(out) == 0 ? text : NULL;
}
