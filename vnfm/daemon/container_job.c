// SPDX-License-Identifier: BSD-3-Clause
// What the plan says of a function as the container component wants it, and the blocking work.
#include <cap-ng.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_control.h"
#include "cat_file.h"
#include "cat_msg.h"
#include "container.h"
#include "keeper.h"

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

int function_read_plan(struct function *function, const struct cat_node *plan, struct cat_err *err)
{
	// The same for all containers of the function.
	struct cat_container_spec *spec = &function->container[0].spec;
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
	function->container[1].spec = *spec;
	return 0;
}

int container_limits(struct container *container, struct cat_err *err)
{
	const struct function *function = container->function;
	const struct cat_node *plan = service_plan_of(function->service->current.plan, function->name);
	int64_t memory = 0, pids = 0;
	int r = cat_node_read_int(plan, "memory_bytes", CAT_REQUIRED, 1, INT64_MAX, &memory, err);
	if (r == 0)
		r = cat_node_read_int(plan, "pids", CAT_REQUIRED, 1, UINT32_MAX, &pids, err);
	if (r < 0)
		return r;
	container->spec.memory_max_bytes = (uint64_t)memory;
	container->spec.pids_max = (uint32_t)pids;
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
	struct service *service = function->service;
	uid_t uid = service->uid;
	if (fchownat(directory, "control.sock", uid, uid, AT_SYMLINK_NOFOLLOW) < 0)
		return cat_err_errno(err, "%s/control.sock", function->control);
	char name[CAT_FDS_NAME_MAX];
	snprintf(name, sizeof(name), "function/%s/listen", function->name);
	return keeper_keep(service->manager->keeper, service->name, name, function->listen, err);
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

static int read_image(struct container *container, struct cat_err *err)
{
	const struct function *function = container->function;
	cat_autonode struct cat_node *config = NULL;
	int r = cat_image_config(&function->service->manager->images, container->image, &config, err);
	if (r < 0)
		return r;
	char main_path[SERVICE_NAME_MAX + 16];
	snprintf(main_path, sizeof(main_path), "/usr/bin/%s", function->kind);
	container->argv = copy_strings(cat_node_find(config, "config", "Entrypoint", NULL), main_path);
	container->environ = copy_strings(cat_node_find(config, "config", "Env", NULL), NULL);
	container->spec.argv = (const char *const *)container->argv;
	container->spec.environ = (const char *const *)container->environ;
	return container->argv && container->environ ? 0 : cat_err_set(err, -ENOMEM, "no memory");
}

void container_run_work(void *user)
{
	struct container *container = user;
	struct cat_err *err = &container->job_err;
	const struct service *service = container->function->service;
	const struct cat_image_store *images = &service->manager->images;
	*err = (struct cat_err){0};
	uint64_t start = now_us();
	int r = 0;
	if (!container->mounted)
		r = cat_image_unpack(images, container->image, err);
	if (r == 0 && !container->argv)
		r = read_image(container, err);
	if (r == 0 && !container->mounted) {
		r = cat_image_mount(images, container->image, container->root, err);
		container->mounted = r == 0;
	}
	container->job_mount_us = now_us() - start;
	start = now_us();
	pid_t pid = 0;
	if (r == 0)
		r = cat_container_run(&container->spec, &pid, err);
	if (r == 0)
		service_join_lanes(service, pid);
	container->job_run_us = now_us() - start;
	container->job_result = r;
	container->job_pid = pid;
}

void container_remove_work(void *user)
{
	struct container *container = user;
	const struct service *service = container->function->service;
	struct cat_err *err = &container->job_err;
	*err = (struct cat_err){0};
	int r = cat_container_delete(&container->spec, err);
	service_leave_lanes(service->manager, service->name);
	if (container->mounted && !container->keep_mount) {
		struct cat_err unmount = {0};
		int u = cat_image_unmount(container->root, &unmount);
		container->mounted = u < 0;
		if (u < 0 && r == 0) {
			*err = unmount;
			r = u;
		}
	}
	container->job_result = r;
}
