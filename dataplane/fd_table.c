// SPDX-License-Identifier: BSD-3-Clause
#include "fd_table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 256u

static struct fd_entry *find(const struct fd_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (!strcmp(table->entry[i].name, name))
			return &table->entry[i];
	return NULL;
}

static int add_one(struct fd_table *table, const struct cat_node *name, int fd, struct cat_err *err)
{
	if (name->type != CAT_STRING || strlen(name->string) >= NAME_MAX_BYTES)
		return cat_node_error(name, err, "expected the name of a descriptor");
	struct fd_entry *old = find(table, name->string);
	if (old) {
		close(old->fd);
		old->fd = fd;
		return 0;
	}
	if (table->count == FD_TABLE_MAX)
		return cat_err_set(err, -E2BIG, "more than %u descriptors", FD_TABLE_MAX);
	struct fd_entry *more = realloc(table->entry, (table->count + 1) * sizeof(*more));
	if (!more)
		return cat_err_set(err, -ENOMEM, "no memory for descriptor %s", name->string);
	table->entry = more;
	char *copy = strdup(name->string);
	if (!copy)
		return cat_err_set(err, -ENOMEM, "no memory for descriptor %s", name->string);
	table->entry[table->count++] = (struct fd_entry){.name = copy, .fd = fd};
	return 0;
}

int fd_table_add(struct fd_table *table, const struct cat_node *names, const int *fds, size_t count,
		 struct cat_err *err)
{
	int r = 0;
	size_t i = 0;
	if (!names || names->type != CAT_LIST || names->count != count)
		r = cat_err_set(err, -EINVAL, "found %zu names for %zu descriptors",
				names && names->type == CAT_LIST ? names->count : 0, count);
	for (const struct cat_node *name = names ? names->first : NULL; r == 0 && name; name = name->next) {
		r = add_one(table, name, fds[i], err);
		if (r == 0)
			i++;
	}
	for (; i < count; i++)
		close(fds[i]);
	return r;
}

int fd_table_get(const struct fd_table *table, struct cat_err *err, const char *format, ...)
{
	char name[NAME_MAX_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	const struct fd_entry *entry = find(table, name);
	if (!entry) {
		cat_err_set(err, -ENOENT, "descriptor \"%s\" was not handed over", name);
		return -1;
	}
	return entry->fd;
}

void fd_table_finish(struct fd_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->entry[i].name);
		close(table->entry[i].fd);
	}
	free(table->entry);
	*table = (struct fd_table){0};
}
