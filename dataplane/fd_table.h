// SPDX-License-Identifier: BSD-3-Clause
// Descriptors by name, as the manager hands them over.
#ifndef FD_TABLE_H
#define FD_TABLE_H

#include <stddef.h>

#include "cat_err.h"
#include "cat_tree.h"

#define FD_TABLE_MAX 20000u // all rings of the largest service

struct fd_table {
	size_t count;
	struct fd_entry {
		char *name;
		int fd;
	} * entry;
};

// Takes the descriptors (also on failure, when they are closed). names: a list of as many strings. A name that is there
// already gets the new descriptor.
int fd_table_add(struct fd_table *table, const struct cat_node *names, const int *fds, size_t count,
		 struct cat_err *err);
// The descriptor (still the table's), or -1 with err set.
int fd_table_get(const struct fd_table *table, struct cat_err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void fd_table_finish(struct fd_table *table);

#endif
