// SPDX-License-Identifier: BSD-3-Clause
// Measurements by the names of ETSI GS NFV-IFA 027, from the statistics pages.
#include "measure.h"

#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "sample.h"

enum source { BUSY, MEMORY, COUNTER };

static const struct measure {
	const char *name, *object;
	enum source source;
	uint32_t left, right; // counters of a connection point's side
} measures[] = {
	{"VcpuUsageMeanVnf", "Vnf", BUSY, 0, 0},
	{"VmemoryUsageMeanVnf", "Vnf", MEMORY, 0, 0},
	{"PacketIncomingVnfExtCp", "VnfExtCp", COUNTER, CAT_STAT_LEFT_RX_PACKETS, CAT_STAT_RIGHT_RX_PACKETS},
	{"PacketOutgoingVnfExtCp", "VnfExtCp", COUNTER, CAT_STAT_LEFT_TX_PACKETS, CAT_STAT_RIGHT_TX_PACKETS},
	{"ByteIncomingVnfExtCp", "VnfExtCp", COUNTER, CAT_STAT_LEFT_RX_BYTES, CAT_STAT_RIGHT_RX_BYTES},
	{"ByteOutgoingVnfExtCp", "VnfExtCp", COUNTER, CAT_STAT_LEFT_TX_BYTES, CAT_STAT_RIGHT_TX_BYTES},
};

static const struct measure *find(const char *name)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(measures); i++)
		if (!strcmp(measures[i].name, name))
			return &measures[i];
	return NULL;
}

const char *measure_object(const char *name)
{
	const struct measure *measure = find(name);
	return measure ? measure->object : NULL;
}

static const struct cat_stats_page *page_of(const struct sol *sol, const struct sol_resource *instance)
{
	const struct service *service = instance_service(sol, instance);
	char name[MEMORY_NAME_MAX];
	if (!service || (service->state != SERVICE_RUNNING && service->state != SERVICE_UPDATING))
		return NULL;
	snprintf(name, sizeof(name), "function/%s/stats", doc_text(instance->doc, "function"));
	const struct cat_stats_page *page = memory_stats(&service->memory, name);
	return stats_count(page) >= CAT_STAT_OWN ? page : NULL;
}

static bool read_memory(const struct sol *sol, const struct sol_resource *instance, double *ret_value)
{
	const struct function *function = instance_function(sol, instance);
	unsigned long pages = 0, resident = 0;
	char path[64];
	if (!function || !function->container[function->active].pid ||
	    !function->container[function->active].spec.memory_max_bytes)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/statm", function->container[function->active].pid);
	cat_autofile FILE *file = fopen(path, "re");
	if (!file || fscanf(file, "%lu %lu", &pages, &resident) != 2)
		return false;
	*ret_value = 100.0 * (double)resident * (double)sysconf(_SC_PAGESIZE) /
		     (double)function->container[function->active].spec.memory_max_bytes;
	return true;
}

bool measure_read(const struct sol *sol, const struct sol_resource *instance, const char *name, const char *side,
		  struct measure_value *ret_value)
{
	const struct measure *measure = find(name);
	const struct service *service = instance_service(sol, instance);
	const struct cat_stats_page *page = measure ? page_of(sol, instance) : NULL;
	if (!page || !service)
		return false;
	*ret_value = (struct measure_value){.level = measure->source == MEMORY};
	if (measure->source == MEMORY)
		return read_memory(sol, instance, &ret_value->value);
	uint32_t counter = measure->source == BUSY  ? (uint32_t)CAT_STAT_BUSY_CYCLES
			   : !strcmp(side, "right") ? measure->right
						    : measure->left;
	ret_value->value = (double)stats_total(page, counter, service->lanes);
	ret_value->base = measure->source == BUSY ? (double)sample_ticks() * service_cores(service) : 0;
	ret_value->percent = measure->source == BUSY;
	return true;
}

double measure_between(const struct measure_value *before, const struct measure_value *after)
{
	if (after->level)
		return after->value;
	// A counter that fell belongs to a new page.
	double grown = after->value >= before->value ? after->value - before->value : after->value;
	if (!after->percent)
		return grown;
	double all = after->base - before->base;
	return all > 0 ? 100.0 * grown / all : 0;
}
