// SPDX-License-Identifier: BSD-3-Clause
#include "cat_fds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

static struct cat_fd_entry *find(const struct cat_fds *fds, const char *name)
{
	for (size_t i = 0; i < fds->count; i++)
		if (!strcmp(fds->entry[i].name, name))
			return &fds->entry[i];
	return NULL;
}

int cat_fds_put(struct cat_fds *fds, const char *name, int fd, struct cat_err *err)
{
	cat_autofd int owned = fd;
	if (!*name || strlen(name) >= CAT_FDS_NAME_MAX)
		return cat_err_set(err, -EINVAL, "name of a descriptor: found %zu bytes, expected 1 to %u",
				   strlen(name), CAT_FDS_NAME_MAX - 1);
	struct cat_fd_entry *old = find(fds, name);
	if (old) {
		close(old->fd);
		old->fd = cat_steal_fd(owned);
		return 0;
	}
	if (fds->count == CAT_FDS_MAX)
		return cat_err_set(err, -E2BIG, "more than %u descriptors", CAT_FDS_MAX);
	struct cat_fd_entry *more = realloc(fds->entry, (fds->count + 1) * sizeof(*more));
	if (!more)
		return cat_err_set(err, -ENOMEM, "no memory for descriptor %s", name);
	fds->entry = more;
	char *copy = strdup(name);
	if (!copy)
		return cat_err_set(err, -ENOMEM, "no memory for descriptor %s", name);
	more[fds->count++] = (struct cat_fd_entry){.name = copy, .fd = cat_steal_fd(owned)};
	return 0;
}

int cat_fds_get(const struct cat_fds *fds, const char *name)
{
	const struct cat_fd_entry *entry = find(fds, name);
	return entry ? entry->fd : -1;
}

int cat_fds_take(struct cat_fds *fds, const char *name)
{
	struct cat_fd_entry *entry = find(fds, name);
	if (!entry)
		return -1;
	int fd = entry->fd;
	free(entry->name);
	*entry = fds->entry[--fds->count];
	return fd;
}

size_t cat_fds_drop(struct cat_fds *fds, const char *prefix)
{
	size_t kept = 0, length = strlen(prefix), before = fds->count;
	for (size_t i = 0; i < fds->count; i++) {
		if (strncmp(fds->entry[i].name, prefix, length) != 0) {
			fds->entry[kept++] = fds->entry[i];
			continue;
		}
		close(fds->entry[i].fd);
		free(fds->entry[i].name);
	}
	fds->count = kept;
	return before - kept;
}

void cat_fds_finish(struct cat_fds *fds)
{
	cat_fds_drop(fds, "");
	free(fds->entry);
	*fds = (struct cat_fds){0};
}
