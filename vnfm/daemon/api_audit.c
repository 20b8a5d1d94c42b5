// SPDX-License-Identifier: BSD-3-Clause
// Who did what: a JSON line for every request that changes something or was refused, in STATE-DIR/audit.log.
#include "api_audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "cat_tree.h"
#include "manager.h"

#define AUDIT_FILE_MAX (16 << 20) // bytes before the file is rotated; one older file is kept

void audit_write(const char *directory, const struct audit *audit)
{
	cat_autofree char *path = cat_format("%s/audit.log", directory);
	cat_autofree char *old = cat_format("%s/audit.log.1", directory);
	cat_autonode struct cat_node *line = cat_node_new_map();
	struct stat st;
	if (!path || !old || !line || !cat_node_add_int(line, "time_ms", wall_ms()) ||
	    !cat_node_add_string(line, "who", audit->who) || !cat_node_add_string(line, "from", audit->from) ||
	    !cat_node_add_string(line, "verb", audit->verb) || !cat_node_add_string(line, "path", audit->path) ||
	    !cat_node_add_int(line, "status", audit->status))
		return;
	cat_autofree char *json = cat_node_to_json(line, 0);
	if (stat(path, &st) == 0 && st.st_size > AUDIT_FILE_MAX)
		rename(path, old);
	cat_autofd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (!json || fd < 0 || dprintf(fd, "%s\n", json) < 0)
		cat_warn("%s: cannot be written: %s %s %s by %s was answered %u", path, audit->verb, audit->path,
			 audit->from, audit->who, audit->status);
}
