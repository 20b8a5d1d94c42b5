// SPDX-License-Identifier: BSD-3-Clause
#include "cat_cpu_group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cgroup.h"

#define JOIN_TRIES 3

// The group's directory below the v1 cpu hierarchy. NULL: there is none (or no memory).
static char *group_path(const struct cat_cgroups *cgroups, const char *group)
{
	const struct cat_cgroup_mount *mount = cat_cgroups_v1(cgroups, "cpu");
	return mount && cat_cgroup_valid(group) ? cat_format("%s/%s", mount->path, group) : NULL;
}

int cat_cpu_group_join(const char *group, pid_t pid, struct cat_err *err)
{
	struct cat_cgroups cgroups;
	int r = cat_cgroups_find("", &cgroups, err);
	if (r < 0)
		return r;
	cat_autofree char *path = group_path(&cgroups, group);
	if (!path)
		return 0;
	cat_autofree char *procs = cat_format("%s/cgroup.procs", path);
	char text[16];
	snprintf(text, sizeof(text), "%d", pid);
	for (int i = 0; i < JOIN_TRIES; i++) {
		r = procs ? cat_dir_create(path, 0755, err) : cat_err_set(err, -ENOMEM, "no memory");
		if (r == 0)
			r = cat_file_write(AT_FDCWD, procs, text, err);
		// Another process of the group may have left in between and taken the directory with it.
		if (r != -ENOENT && r != -ENODEV)
			break;
	}
	return r;
}

void cat_cpu_group_leave(const char *group)
{
	struct cat_cgroups cgroups;
	struct cat_err err = {0};
	if (cat_cgroups_find("", &cgroups, &err) < 0)
		return;
	cat_autofree char *path = group_path(&cgroups, group);
	if (!path)
		return;
	size_t top = strlen(path) - strlen(group) - 1;
	while (strlen(path) > top && (rmdir(path) == 0 || errno == ENOENT))
		*strrchr(path, '/') = '\0';
}
