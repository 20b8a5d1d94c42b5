// SPDX-License-Identifier: BSD-3-Clause
// A service file in: it is refused with problems that have a place, or it is planned, drawn, claimed and compared.
#include <errno.h>
#include <string.h>

#include "cat_plan.h"
#include "fuzz.h"

static struct cat_kinds *load_kinds(void)
{
	const char *const directories[] = {KINDS_DIR, NULL};
	struct cat_kinds *kinds = cat_kinds_load(directories, NULL);
	must(kinds);
	return kinds;
}

// Two nodes of two cores, and the interfaces of the examples.
static void make_host(struct cat_topology *host, struct cat_cpu *cpus, struct cat_numa_node *nodes,
		      struct cat_nic *nics)
{
	static const char *const names[] = {"lan0", "wan0", "in0", "out0", "u0", "s0"};
	for (uint32_t i = 0; i < 4; i++)
		cpus[i] = (struct cat_cpu){
			.id = i, .node = i / 2, .core = i % 2, .sibling = i, .online = true, .allowed = true};
	for (uint32_t i = 0; i < 2; i++) {
		nodes[i] = (struct cat_numa_node){.id = i,
						  .memory_bytes = UINT64_C(8) << 30,
						  .free_bytes = UINT64_C(6) << 30,
						  .huge = {{.page_bytes = 2u << 20, .total = 64, .free = 64}},
						  .huge_count = 1};
		nodes[i].distance[i] = 10;
		nodes[i].distance[1 - i] = 20;
	}
	for (uint32_t i = 0; i < CAT_ARRAY_LEN(names); i++) {
		nics[i] = (struct cat_nic){.node = i == 0 ? 1 : -1, .iommu_group = -1};
		strcpy(nics[i].name, names[i]);
	}
	*host = (struct cat_topology){.cpu = cpus,
				      .cpu_count = 4,
				      .node = nodes,
				      .node_count = 2,
				      .nic = nics,
				      .nic_count = CAT_ARRAY_LEN(names)};
}

static void try_plan(const struct cat_service *service)
{
	struct cat_cpu cpus[4];
	struct cat_numa_node nodes[2];
	struct cat_nic nics[6];
	struct cat_topology host;
	struct cat_err err = {0};
	struct cat_claim claim;
	struct cat_reservations taken = {0};
	cat_autonode struct cat_node *plan = NULL;
	make_host(&host, cpus, nodes, nics);
	int r = cat_plan_make(service, &host, NULL, &plan, &err);
	if (r < 0) {
		must(!plan && (r == -ENOSPC || r == -ENODEV) && *err.message);
		return;
	}
	cat_autofree char *text = cat_plan_format(plan, true);
	must(text);
	must(cat_plan_claim(plan, &claim, &err) == 0);
	must(cat_reservations_add(&taken, &host, &claim, &err) == 0);
	cat_reservations_free(&taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cat_kinds *kinds;
	struct cat_err err = {0};
	struct cat_problems problems = {0};
	struct cat_service *service = NULL;
	if (!kinds)
		kinds = load_kinds();
	int r = cat_service_parse("fuzz", (const char *)data, size, kinds, &service, &problems, &err);
	must(r == 0 || (r == -EINVAL && problems.count));
	must(!service == (r < 0));
	cat_autofree char *text = cat_problems_format(&problems, "fuzz");
	must(text);
	for (const char *p = text; *p; p++)
		must((unsigned char)*p >= 0x20 || *p == '\n');
	cat_problems_free(&problems);
	if (service) {
		cat_autonode struct cat_node *diff = cat_service_diff(service, service);
		must(diff && cat_node_get(diff, "unchanged")->boolean);
		try_plan(service);
	}
	cat_service_free(service);
	return 0;
}
