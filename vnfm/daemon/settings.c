// SPDX-License-Identifier: BSD-3-Clause
// Settings of the host's kernel that a service needs otherwise, written down in the store and put back at its end.
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "manager.h"

// "Do not reply for all local addresses" (kernel, ip-sysctl): the address that a gateway function answers for may well
// be one of the host's too, and then the host must not be quicker.
#define ARP_IGNORE_ALL 8

struct setting {
	int64_t change;
	char *path;
	long long old;
};

static int note(struct store *store, const char *service, const char *path, long long old, int64_t *ret_change,
		struct cat_err *err)
{
	cat_autonode struct cat_node *detail = cat_node_new_map();
	if (!detail || !cat_node_add_string(detail, "path", path) || !cat_node_add_int(detail, "old", old))
		return cat_err_set(err, -ENOMEM, "%s: no memory", path);
	return store_change_add(store, service, "setting", detail, ret_change, err);
}

static int set(struct settings *settings, struct store *store, const char *service, const char *path, long long value,
	       struct cat_err *err)
{
	long long old = 0;
	if (cat_file_read_int(AT_FDCWD, path, &old, err) < 0)
		return err->code;
	if (old == value)
		return 0;
	struct setting *more = realloc(settings->item, (settings->count + 1) * sizeof(*more));
	if (!more)
		return cat_err_set(err, -ENOMEM, "%s: no memory", path);
	settings->item = more;
	struct setting setting = {.path = strdup(path), .old = old};
	int r = setting.path ? note(store, service, path, old, &setting.change, err)
			     : cat_err_set(err, -ENOMEM, "%s: no memory", path);
	if (r < 0) {
		free(setting.path);
		return r;
	}
	more[settings->count++] = setting;
	char text[32];
	snprintf(text, sizeof(text), "%lld", value);
	return cat_file_write(AT_FDCWD, path, text, err);
}

int settings_apply(struct settings *settings, struct store *store, const char *service, const struct cat_node *plan,
		   struct cat_err *err)
{
	const struct cat_node *ports = cat_node_get(plan, "ports");
	for (const struct cat_node *port = ports ? ports->first : NULL; port; port = port->next) {
		const char *driver = "", *device = "";
		int r = cat_node_read_string(port, "driver", CAT_REQUIRED, &driver, err);
		if (r == 0)
			r = cat_node_read_string(port, "device", CAT_OPTIONAL, &device, err);
		if (r < 0)
			return r;
		// Only such an interface is the kernel's too. A name with a slash is no interface's.
		if (strcmp(driver, "veth") != 0 || strchr(device, '/'))
			continue;
		cat_autofree char *path = cat_format("/proc/sys/net/ipv4/conf/%s/arp_ignore", device);
		if (!path)
			return cat_err_set(err, -ENOMEM, "port %s: no memory", device);
		r = set(settings, store, service, path, ARP_IGNORE_ALL, err);
		if (r < 0)
			return cat_err_wrap(err, "port %s", device);
	}
	return 0;
}

// An interface that is gone took its settings with it.
static int put_back(const char *path, long long old, struct cat_err *err)
{
	char text[32];
	snprintf(text, sizeof(text), "%lld", old);
	int r = cat_file_write(AT_FDCWD, path, text, err);
	if (r == -ENOENT) {
		*err = (struct cat_err){0};
		return 0;
	}
	return r;
}

int settings_restore(struct settings *settings, struct store *store, struct cat_err *err)
{
	int result = 0;
	while (settings->count) {
		struct setting *setting = &settings->item[--settings->count];
		struct cat_err one = {0};
		int r = put_back(setting->path, setting->old, &one);
		if (r == 0)
			r = store_change_delete(store, setting->change, &one);
		if (r < 0) {
			result = r;
			*err = one;
		}
		free(setting->path);
	}
	free(settings->item);
	settings->item = NULL;
	return result;
}

int settings_adopt(struct settings *settings, int64_t change, const struct cat_node *detail, struct cat_err *err)
{
	const char *path = NULL;
	int64_t old = 0;
	int r = cat_node_read_string(detail, "path", CAT_REQUIRED, &path, err);
	if (r == 0)
		r = cat_node_read_int(detail, "old", CAT_REQUIRED, INT32_MIN, INT32_MAX, &old, err);
	struct setting *more = r == 0 ? realloc(settings->item, (settings->count + 1) * sizeof(*more)) : NULL;
	if (!more)
		return r < 0 ? r : cat_err_set(err, -ENOMEM, "%s: no memory", path);
	settings->item = more;
	more[settings->count] = (struct setting){.change = change, .path = strdup(path), .old = old};
	if (!more[settings->count].path)
		return cat_err_set(err, -ENOMEM, "%s: no memory", path);
	settings->count++;
	return 0;
}

void settings_forget(struct settings *settings)
{
	while (settings->count)
		free(settings->item[--settings->count].path);
	free(settings->item);
	settings->item = NULL;
}

int settings_undo(const struct cat_node *detail, struct cat_err *err)
{
	const char *path = NULL;
	int64_t old = 0;
	int r = cat_node_read_string(detail, "path", CAT_REQUIRED, &path, err);
	if (r == 0)
		r = cat_node_read_int(detail, "old", CAT_REQUIRED, INT32_MIN, INT32_MAX, &old, err);
	return r < 0 ? r : put_back(path, old, err);
}
