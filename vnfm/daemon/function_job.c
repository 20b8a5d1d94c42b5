// SPDX-License-Identifier: BSD-3-Clause
// A function's container: what the plan says of it as the container component wants it, and the blocking work.
#include <cap-ng.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_control.h"
#include "cat_file.h"
#include "cat_msg.h"
#include "function.h"

#define LISTEN_BACKLOG 4
#define CONTROL_TARGET "/run/catena"

static int read_capabilities(const struct cat_node *list, uint64_t *ret_set, struct cat_err *err)
{
	uint64_t set = 0;
	for (const struct cat_node *item = list ? list->first : NULL; item; item = item->next) {
		char name[32] = "";
		for (size_t i = 0; item->type == CAT_STRING && item->string[i] && i < sizeof(name) - 1; i++)
			name[i] = (char)tolower((unsigned char)item->string[i]);
		int number = capng_name_to_capability(name);
		if (number < 0 || number >= 64)
			return cat_node_error(item, err, "found \"%s\", expected the name of a capability", name);
		set |= UINT64_C(1) << number;
	}
	*ret_set = set;
	return 0;
}

static int read_plan(struct function *function, const struct cat_node *plan, struct cat_err *err)
{
	struct cat_container_spec *spec = &function->spec;
	const char *name = "", *kind = "", *image = NULL;
	int64_t node = -1;
	const struct cat_node *cpus = NULL, *capabilities = NULL;
	int r = cat_node_read_string(plan, "name", CAT_REQUIRED, &name, err);
	snprintf(function->name, sizeof(function->name), "%s", name);
	if (r == 0)
		r = cat_node_read_string(plan, "kind", CAT_REQUIRED, &kind, err);
	if (r == 0)
		r = cat_node_read_string(plan, "image", CAT_OPTIONAL, &image, err);
	if (r == 0)
		r = cat_node_read_bool(plan, "tun", CAT_OPTIONAL, &spec->tun, err);
	if (r == 0)
		r = cat_node_read_list(plan, "cpus", CAT_REQUIRED, &cpus, err);
	if (r == 0)
		r = cat_node_read_list(plan, "capabilities", CAT_OPTIONAL, &capabilities, err);
	if (r == 0)
		r = read_capabilities(capabilities, &spec->capabilities, err);
	if (r == 0)
		r = cat_node_read_int(function->service->current.plan, "node", CAT_OPTIONAL, -1, CAT_NODES_MAX, &node,
				      err);
	if (r < 0 || !cpus)
		return r;
	if (!cpus->count || cpus->count > FUNCTION_CPUS_MAX)
		return cat_node_error(cpus, err, "found %zu cores, expected 1 to %d", cpus->count, FUNCTION_CPUS_MAX);
	snprintf(function->kind, sizeof(function->kind), "%s", kind);
	snprintf(function->image, sizeof(function->image), "%s", image ? image : kind);
	for (const struct cat_node *cpu = cpus->first; cpu; cpu = cpu->next)
		function->cpus[spec->cpu_count++] = cpu->type == CAT_INT ? (uint32_t)cpu->integer : 0;
	spec->cpus = function->cpus;
	spec->node = (int)node;
	return 0;
}

int function_limits(struct function *function, struct cat_err *err)
{
	const struct cat_node *plan = service_plan_of(function->service->current.plan, function->name);
	int64_t memory = 0, pids = 0;
	int r = cat_node_read_int(plan, "memory_bytes", CAT_REQUIRED, 1, INT64_MAX, &memory, err);
	if (r == 0)
		r = cat_node_read_int(plan, "pids", CAT_REQUIRED, 1, UINT32_MAX, &pids, err);
	if (r < 0)
		return r;
	function->spec.memory_max_bytes = (uint64_t)memory;
	function->spec.pids_max = (uint32_t)pids;
	return 0;
}

int function_init(struct function *function, struct service *service, const struct cat_node *plan, struct cat_err *err)
{
	const struct manager *manager = service->manager;
	struct cat_container_spec *spec = &function->spec;
	*function = (struct function){.service = service, .listen = -1, .log_fd = -1};
	int r = read_plan(function, plan, err);
	if (r < 0)
		return r;
	const char *place = service->directory, *name = function->name;
	function->id = cat_format("%s-%s.%s", manager->prefix, service->name, name);
	function->directory = cat_format("%s/functions/%s/bundle", place, name);
	function->root = cat_format("%s/functions/%s/root", place, name);
	function->control = cat_format("%s/functions/%s/control", place, name);
	function->cgroup = cat_format("%s/%s/%s", manager->prefix, service->name, name);
	function->runtime_root = cat_format("%s/.runtime", manager->options->run_dir);
	if (!function->id || !function->directory || !function->root || !function->control || !function->cgroup ||
	    !function->runtime_root)
		return cat_err_set(err, -ENOMEM, "no memory");
	function->mount = (struct cat_container_mount){.source = function->control, .target = CONTROL_TARGET};
	spec->id = function->id;
	spec->directory = function->directory;
	spec->runtime = manager->options->runtime;
	spec->runtime_root = function->runtime_root;
	spec->image_root = function->root;
	spec->hostname = function->name;
	spec->cgroup = function->cgroup;
	spec->uid_base = service->uid;
	spec->mount = &function->mount;
	spec->mount_count = 1;
	return 0;
}

int function_listen(struct function *function, struct cat_err *err)
{
	if (function->listen >= 0)
		return 0;
	int r = cat_dir_create(function->control, 0755, err);
	if (r < 0)
		return r;
	// Through the descriptor the path stays short whatever the run directory is: a socket's has 107 bytes.
	cat_autofd int directory = open(function->control, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return cat_err_errno(err, "%s", function->control);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d/control.sock", directory);
	r = cat_msg_listen(path, LISTEN_BACKLOG, &function->listen, err);
	if (r < 0)
		return r;
	uid_t uid = function->service->uid;
	if (fchownat(directory, "control.sock", uid, uid, AT_SYMLINK_NOFOLLOW) < 0)
		return cat_err_errno(err, "%s/control.sock", function->control);
	return 0;
}

// A NULL-terminated list of copies of the strings of a list.
static char **copy_strings(const struct cat_node *list, const char *fallback)
{
	size_t count = list && list->type == CAT_LIST ? list->count : 0;
	char **copy = calloc(count + 2, sizeof(*copy));
	size_t n = 0;
	for (const struct cat_node *item = count ? list->first : NULL; copy && item; item = item->next)
		if (item->type == CAT_STRING)
			copy[n++] = strdup(item->string);
	if (copy && !n && fallback)
		copy[n] = strdup(fallback);
	return copy;
}

static int read_image(struct function *function, struct cat_err *err)
{
	cat_autonode struct cat_node *config = NULL;
	int r = cat_image_config(&function->service->manager->images, function->image, &config, err);
	if (r < 0)
		return r;
	char main_path[SERVICE_NAME_MAX + 16];
	snprintf(main_path, sizeof(main_path), "/usr/bin/%s", function->kind);
	function->argv = copy_strings(cat_node_find(config, "config", "Entrypoint", NULL), main_path);
	function->environ = copy_strings(cat_node_find(config, "config", "Env", NULL), NULL);
	function->spec.argv = (const char *const *)function->argv;
	function->spec.environ = (const char *const *)function->environ;
	return function->argv && function->environ ? 0 : cat_err_set(err, -ENOMEM, "no memory");
}

void function_run_work(void *user)
{
	struct function *function = user;
	struct cat_err *err = &function->job_err;
	const struct cat_image_store *images = &function->service->manager->images;
	*err = (struct cat_err){0};
	uint64_t start = now_us();
	int r = 0;
	if (!function->mounted) {
		r = cat_image_unpack(images, function->image, err);
		if (r == 0 && !function->argv)
			r = read_image(function, err);
		if (r == 0)
			r = cat_image_mount(images, function->image, function->root, err);
		function->mounted = r == 0;
	}
	function->job_mount_us = now_us() - start;
	start = now_us();
	pid_t pid = 0;
	if (r == 0)
		r = cat_container_run(&function->spec, &pid, err);
	if (r == 0)
		service_join_lanes(function->service, pid);
	function->job_run_us = now_us() - start;
	function->job_result = r;
	function->job_pid = pid;
}

void function_remove_work(void *user)
{
	struct function *function = user;
	struct cat_err *err = &function->job_err;
	*err = (struct cat_err){0};
	int r = cat_container_delete(&function->spec, err);
	service_leave_lanes(function->service->manager, function->service->name);
	if (function->mounted && !function->keep_mount) {
		struct cat_err unmount = {0};
		int u = cat_image_unmount(function->root, &unmount);
		function->mounted = u < 0;
		if (u < 0 && r == 0) {
			*err = unmount;
			r = u;
		}
	}
	function->job_result = r;
}
