// SPDX-License-Identifier: BSD-3-Clause
// Descriptors by name.
#ifndef CAT_FDS_H
#define CAT_FDS_H

#include <stddef.h>

#include "cat_err.h"

#define CAT_FDS_MAX 60000u
#define CAT_FDS_NAME_MAX 256u // bytes with the final NUL

// Zero-initialised: empty.
struct cat_fds {
	size_t count;
	struct cat_fd_entry {
		char *name;
		int fd;
	} * entry;
};

// Takes the descriptor, also on failure, when it is closed. A name that is there already gets the new one.
// Errors: -EINVAL (empty name, too long), -E2BIG, -ENOMEM.
int cat_fds_put(struct cat_fds *fds, const char *name, int fd, struct cat_err *err);
// The descriptor (still the table's), or -1.
int cat_fds_get(const struct cat_fds *fds, const char *name);
// The same, and the table forgets it: it is the caller's.
int cat_fds_take(struct cat_fds *fds, const char *name);
// Closes and forgets all whose name begins with prefix. Returns how many.
size_t cat_fds_drop(struct cat_fds *fds, const char *prefix);
void cat_fds_finish(struct cat_fds *fds);

#endif
