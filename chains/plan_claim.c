// SPDX-License-Identifier: BSD-3-Clause
// What a plan takes of the host.
#include <errno.h>
#include <string.h>

#include "plan.h"

bool plan_is_claimed(enum cat_port_driver driver)
{
	return driver == CAT_PORT_VETH || driver == CAT_PORT_TAP || driver == CAT_PORT_PCI;
}

// Names of what the plan's ports take of the host.
static int claim_devices(const struct cat_node *ports, struct cat_claim *claim, struct cat_err *err)
{
	for (const struct cat_node *n = ports->first; n; n = n->next) {
		const char *driver = NULL, *device = NULL;
		int r = cat_node_read_string(n, "driver", CAT_REQUIRED, &driver, err);
		if (r == 0)
			r = cat_node_read_string(n, "device", CAT_REQUIRED, &device, err);
		if (r < 0)
			return r;
		bool taken = false;
		for (unsigned i = 0; i < CAT_PORT_DRIVERS; i++)
			taken |= strcmp(cat_port_driver_names[i], driver) == 0 &&
				 plan_is_claimed((enum cat_port_driver)i);
		if (!taken)
			continue;
		if (claim->device_count == CAT_CLAIM_DEVICES_MAX || strlen(device) >= sizeof(claim->device[0]))
			return cat_node_error(n, err, "too many devices, or one with too long a name");
		snprintf(claim->device[claim->device_count++], sizeof(claim->device[0]), "%s", device);
	}
	return 0;
}

static int claim_cpus(const struct cat_node *lanes, struct cat_claim *claim, struct cat_err *err)
{
	for (const struct cat_node *n = lanes->first; n; n = n->next) {
		int64_t cpu = 0;
		int r = cat_node_read_int(n, "cpu", CAT_REQUIRED, 0, CAT_CPUS_MAX - 1, &cpu, err);
		if (r < 0)
			return r;
		if (claim->cpu_count == CAT_CLAIM_CPUS_MAX)
			return cat_node_error(n, err, "more than %u lanes", CAT_CLAIM_CPUS_MAX);
		claim->cpu[claim->cpu_count++] = (uint32_t)cpu;
	}
	return 0;
}

static int claim_memory(const struct cat_node *plan, struct cat_claim *claim, struct cat_err *err)
{
	const struct cat_node *region = NULL, *memory = NULL;
	int64_t page = 0, pages = 0;
	int r = cat_node_read_map(plan, "region", CAT_REQUIRED, &region, err);
	if (r == 0)
		r = cat_node_read_map(plan, "memory", CAT_REQUIRED, &memory, err);
	if (r == 0)
		r = cat_node_read_int(region, "page_bytes", CAT_REQUIRED, 4096, INT64_MAX, &page, err);
	if (r == 0)
		r = cat_node_read_int(region, "pages", CAT_REQUIRED, 1, UINT32_MAX, &pages, err);
	for (const struct cat_node *n = r == 0 ? memory->first : NULL; n && r == 0; n = n->next) {
		int64_t bytes = 0;
		r = cat_node_read_int(memory, n->key, CAT_REQUIRED, 0, INT64_MAX, &bytes, err);
		if (r == 0 && (strcmp(n->key, "region_bytes") != 0 || page < (int64_t)PLAN_HUGE_2M))
			claim->memory_bytes += (uint64_t)bytes;
	}
	if (r == 0 && page >= (int64_t)PLAN_HUGE_2M) {
		claim->huge_page_bytes = (uint64_t)page;
		claim->huge_pages = (uint32_t)pages;
	}
	return r;
}

int cat_plan_claim(const struct cat_node *plan, struct cat_claim *ret_claim, struct cat_err *err)
{
	struct cat_claim claim = {0};
	const struct cat_node *lanes = NULL, *ports = NULL;
	const char *service = NULL;
	int64_t node = 0;
	int r = cat_node_read_string(plan, "service", CAT_REQUIRED, &service, err);
	if (r == 0 && (!*service || strlen(service) >= sizeof(claim.owner)))
		r = cat_node_error(plan, err, "expected a service's name of at most %zu letters",
				   sizeof(claim.owner) - 1);
	if (r == 0)
		r = cat_node_read_int(plan, "node", CAT_REQUIRED, 0, CAT_NODES_MAX - 1, &node, err);
	if (r == 0)
		r = cat_node_read_bool(plan, "share_cores", CAT_REQUIRED, &claim.cpu_shared, err);
	if (r == 0)
		r = cat_node_read_list(plan, "lanes", CAT_REQUIRED, &lanes, err);
	if (r == 0)
		r = cat_node_read_list(plan, "ports", CAT_REQUIRED, &ports, err);
	if (r == 0)
		r = claim_cpus(lanes, &claim, err);
	if (r == 0)
		r = claim_devices(ports, &claim, err);
	if (r == 0)
		r = claim_memory(plan, &claim, err);
	if (r < 0)
		return err ? cat_err_wrap(err, "plan") : r;
	snprintf(claim.owner, sizeof(claim.owner), "%s", service);
	claim.node = (uint32_t)node;
	*ret_claim = claim;
	return 0;
}
