// SPDX-License-Identifier: BSD-3-Clause
// Read-only mounts of an image's layers.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "image.h"

// mount(2) takes a page of options.
#define OPTIONS_MAX 4096u
#define MOUNT_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV)

// Appends text, with what separates options and layers escaped. False: no room.
static bool append(char *options, size_t *used, const char *text, bool escape)
{
	for (; *text; text++) {
		if (*used + 3 > OPTIONS_MAX)
			return false;
		if (escape && strchr(":,\\", *text))
			options[(*used)++] = '\\';
		options[(*used)++] = *text;
	}
	options[*used] = '\0';
	return true;
}

static int mount_overlay(const char *const *layers, size_t count, const char *target, struct cat_err *err)
{
	char options[OPTIONS_MAX];
	size_t used = 0;
	bool fits = append(options, &used, "lowerdir=", false);
	// overlayfs names the uppermost first.
	for (size_t i = count; fits && i-- > 0;) {
		fits = append(options, &used, layers[i], true);
		if (fits && i)
			fits = append(options, &used, ":", false);
	}
	if (!fits)
		return cat_err_set(err, -ENAMETOOLONG,
				   "%zu layers with these paths do not fit into %u bytes of mount options", count,
				   OPTIONS_MAX);
	if (mount("overlay", target, "overlay", MOUNT_FLAGS, options) < 0)
		return cat_err_errno(err, "overlay of %zu layers at %s", count, target);
	return 0;
}

static int mount_bind(const char *layer, const char *target, struct cat_err *err)
{
	if (mount(layer, target, NULL, MS_BIND, NULL) < 0)
		return cat_err_errno(err, "bind mount of %s at %s", layer, target);
	if (mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MOUNT_FLAGS, NULL) == 0)
		return 0;
	int r = cat_err_errno(err, "read-only bind mount at %s", target);
	umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
	return r;
}

// Whether something is mounted exactly there.
static bool is_mounted(const char *path)
{
	struct statx st;
	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

int cat_layers_mount(const char *const *layers, size_t count, const char *target, struct cat_err *err)
{
	int r = cat_dir_create(target, 0755, err);
	if (r < 0)
		return r;
	if (is_mounted(target))
		return cat_err_set(err, -EBUSY, "%s: something is mounted there already", target);
	r = count == 1 ? mount_bind(layers[0], target, err) : mount_overlay(layers, count, target, err);
	if (r < 0)
		rmdir(target);
	return r;
}

int cat_image_unmount(const char *target, struct cat_err *err)
{
	while (is_mounted(target)) {
		// Who still uses it (a container that is going) keeps it until its end; nobody new can get at it.
		if (umount2(target, UMOUNT_NOFOLLOW) < 0 && umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
			return cat_err_errno(err, "unmounting %s", target);
	}
	if (rmdir(target) < 0 && errno != ENOENT)
		return cat_err_errno(err, "%s", target);
	return 0;
}
