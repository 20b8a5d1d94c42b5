// SPDX-License-Identifier: BSD-3-Clause
// The command line of catenad.
#ifndef VNFM_OPTIONS_H
#define VNFM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_err.h"

// Ids of containers' users are taken from here on, above what systemd-nspawn gives out and below where some tools take
// ids for negative.
#define OPTIONS_UID_BASE 0x70000000
#define OPTIONS_UID_LIMIT 0x7fff0000

// All strings are owned.
struct options {
	char *run_dir, *state_dir, *images, *kinds, *runtime, *socket, *dataplane, *log_format, *log_level, *log_file,
		*group, *api_root, *keeper, *listen, *tls_certificate, *tls_key, *tls_clients,
		*access; // from listen on NULL by default
	char *uid_base_text;
	uint32_t uid_base;
	bool foreground, daemonise, down_on_exit, help, version, openapi;
};

// Reads the arguments, and fills in defaults from the environment and relative to `prefix` (the directory above the one
// of the executable). Errors: -EINVAL with a message for the operator.
int options_parse(struct options *options, const char *prefix, int argc, char **argv, struct cat_err *err);
void options_free(struct options *options);
// The --help text. The caller frees; NULL: no memory.
char *options_help(void);
// The directory above the one of this program. NULL: err says why; the caller frees.
char *options_prefix(struct cat_err *err);

#endif
