// SPDX-License-Identifier: BSD-3-Clause
// After a manager that ended or died: services that run are taken over (adopt.c); everything else that the store says
// it changed on the host is undone, in the order that lets each part go: containers and processes, which hold memory,
// devices and mounts, then network devices and mounts, then huge pages.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cat_alloc.h"
#include "cat_cleanup.h"
#include "cat_container.h"
#include "cat_file.h"
#include "cat_log.h"
#include "keeper.h"
#include "manager.h"
#include "process.h"
#include "service.h"
#include "settings.h"

#define KILL_MS 5000
#define COMMAND_MAX 4096

static int undo_container(struct manager *manager, const struct cat_node *detail, struct cat_err *err)
{
	(void)manager;
	struct cat_container_spec spec = {0};
	const char *root = NULL;
	int r = cat_node_read_string(detail, "id", CAT_REQUIRED, &spec.id, err);
	if (r == 0)
		r = cat_node_read_string(detail, "directory", CAT_REQUIRED, &spec.directory, err);
	if (r == 0)
		r = cat_node_read_string(detail, "runtime", CAT_REQUIRED, &spec.runtime, err);
	if (r == 0)
		r = cat_node_read_string(detail, "runtime_root", CAT_REQUIRED, &spec.runtime_root, err);
	if (r == 0)
		r = cat_node_read_string(detail, "cgroup", CAT_REQUIRED, &spec.cgroup, err);
	if (r == 0)
		r = cat_node_read_string(detail, "root", CAT_REQUIRED, &root, err);
	if (r == 0)
		r = cat_container_delete(&spec, err);
	return r < 0 ? r : cat_image_unmount(root, err);
}

static int undo_process(struct manager *manager, const struct cat_node *detail, struct cat_err *err)
{
	(void)manager;
	int r = process_kill_described(detail, KILL_MS, err);
	return r < 0 ? r : 0;
}

static int undo_huge(struct manager *manager, const struct cat_node *detail, struct cat_err *err)
{
	(void)manager;
	int64_t node = 0, page_bytes = 0, pages = 0, total_before = 0, added = -1;
	int r = cat_node_read_int(detail, "node", CAT_REQUIRED, 0, CAT_NODES_MAX, &node, err);
	if (r == 0)
		r = cat_node_read_int(detail, "page_bytes", CAT_REQUIRED, 1, INT64_MAX, &page_bytes, err);
	if (r == 0)
		r = cat_node_read_int(detail, "pages", CAT_REQUIRED, 0, UINT32_MAX, &pages, err);
	if (r == 0)
		r = cat_node_read_int(detail, "total_before", CAT_REQUIRED, 0, UINT32_MAX, &total_before, err);
	if (r == 0)
		r = cat_node_read_int(detail, "added", CAT_OPTIONAL, 0, UINT32_MAX, &added, err);
	if (r < 0)
		return r;
	if (added < 0) {
		// It died while adding: what there is more than before, but never more than it wanted, is ours.
		uint32_t total = 0;
		r = huge_total((uint32_t)node, (uint64_t)page_bytes, &total, err);
		if (r < 0)
			return r;
		added = (int64_t)total - total_before;
		added = added < 0 ? 0 : added > pages ? pages : added;
	}
	return added ? cat_huge_release((uint32_t)node, (uint64_t)page_bytes, (uint32_t)added, err) : 0;
}

static int undo_nic(struct manager *manager, const struct cat_node *detail, struct cat_err *err)
{
	return nics_undo(manager, detail, err);
}

static int undo_setting(struct manager *manager, const struct cat_node *detail, struct cat_err *err)
{
	(void)manager;
	return settings_undo(detail, err);
}

// In the order of undoing.
static const struct {
	const char *kind, *what;
	int (*undo)(struct manager *manager, const struct cat_node *detail, struct cat_err *err);
} kinds[] = {
	{"process", "a dataplane", undo_process}, {"container", "a container", undo_container},
	{"nic", "a network device", undo_nic},    {"huge", "huge pages", undo_huge},
	{"setting", "a setting", undo_setting},
};

static void leave_lanes(struct manager *manager, const struct store_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		service_leave_lanes(manager, changes->item[i].service);
}

static void remove_directories(struct manager *manager, const struct store_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		struct cat_err err = {0};
		cat_autofree char *path = cat_format("%s/%s", manager->options->run_dir, changes->item[i].service);
		if (path && cat_dir_remove(path, &err) < 0)
			cat_warn("cleaning up: %s", err.message);
	}
}

// A runtime that outlived its manager could make a container after we looked. It is known by its root directory, which
// is ours alone.
static void end_runtimes(const struct manager *manager)
{
	cat_autofree char *root = cat_format("%s/.runtime", manager->options->run_dir);
	cat_autodir DIR *proc = opendir("/proc");
	for (struct dirent *entry = proc && root ? readdir(proc) : NULL; entry; entry = readdir(proc)) {
		char path[sizeof(entry->d_name) + 16], text[COMMAND_MAX] = "";
		snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		cat_autofd int fd = isdigit((unsigned char)entry->d_name[0]) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
		bool ours = false;
		for (ssize_t at = 0; at < n; at += (ssize_t)strlen(text + at) + 1)
			if (!strcmp(text + at, "--root") && at + 7 < n)
				ours = !strcmp(text + at + 7, root);
		cat_autonode struct cat_node *who = ours ? process_describe(atoi(entry->d_name)) : NULL;
		struct cat_err err = {0};
		if (who && process_kill_described(who, KILL_MS, &err) < 0)
			cat_warn("a runtime of the manager before: %s", err.message);
	}
}

// Those that still run become this manager's.
static int adopt_services(struct manager *manager, struct store_changes *changes, struct cat_err *err)
{
	struct store_services stored = {0};
	int r = store_services_load(manager->store, &stored, err);
	for (size_t i = 0; i < stored.count; i++)
		if (!service_adopt(manager, &stored.item[i], changes))
			keeper_drop(manager->keeper, stored.item[i].name, NULL);
	// What is left is what nobody answers for.
	size_t kept = 0;
	for (size_t i = 0; r == 0 && i < changes->count; i++) {
		struct store_change *change = &changes->item[i];
		if (!manager_service(manager, change->service)) {
			changes->item[kept++] = *change;
			continue;
		}
		free(change->service);
		free(change->kind);
		cat_node_free(change->detail);
	}
	if (r == 0)
		changes->count = kept;
	store_services_free(&stored);
	return r;
}

int recover_host(struct manager *manager, struct cat_err *err)
{
	struct store_changes changes = {0};
	int r = store_changes_load(manager->store, &changes, err);
	if (r < 0)
		return r;
	end_runtimes(manager);
	r = adopt_services(manager, &changes, err);
	if (r < 0) {
		store_changes_free(&changes);
		return r;
	}
	if (changes.count)
		cat_info("an earlier manager left %zu thing%s behind: cleaning up", changes.count,
			 changes.count == 1 ? "" : "s");
	for (size_t k = 0; k < CAT_ARRAY_LEN(kinds); k++) {
		for (size_t i = 0; i < changes.count; i++) {
			const struct store_change *change = &changes.item[i];
			struct cat_err one = {0};
			if (strcmp(change->kind, kinds[k].kind) != 0)
				continue;
			if (kinds[k].undo(manager, change->detail, &one) == 0)
				store_change_delete(manager->store, change->id, &one);
			if (one.code)
				manager_event(manager, change->service, NULL, "left",
					      "%s of an earlier manager cannot be cleaned up: %s", kinds[k].what,
					      one.message);
			else
				manager_event(manager, change->service, NULL, "cleaned", "%s of an earlier manager",
					      kinds[k].what);
		}
	}
	leave_lanes(manager, &changes);
	remove_directories(manager, &changes);
	store_changes_free(&changes);
	return 0;
}
