// SPDX-License-Identifier: BSD-3-Clause
// The processes of a service take turns on its lanes' cores: they belong into one scheduling group.
#include "cat_cleanup.h"
#include "cat_cpu_group.h"
#include "cat_file.h"
#include "cat_log.h"
#include "service.h"

// No function can be called "lanes_": the functions' own groups are this one's neighbours.
static char *lanes_group(const struct manager *manager, const char *service)
{
	return cat_format("%s/%s/lanes_", manager->prefix, service);
}

void service_join_lanes(const struct service *service, pid_t pid)
{
	cat_autofree char *group = lanes_group(service->manager, service->name);
	struct cat_err err = {0};
	// Without it the chain runs as well, slower.
	if (group && cat_cpu_group_join(group, pid, &err) < 0)
		cat_warn("service %s: process %d stays in a scheduling group of its own: %s", service->name, pid,
			 err.message);
}

void service_leave_lanes(const struct manager *manager, const char *service)
{
	cat_autofree char *group = lanes_group(manager, service);
	if (group)
		cat_cpu_group_leave(group);
}
