// SPDX-License-Identifier: BSD-3-Clause
#include "status.h"

#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_control.h"
#include "cat_topology.h"

#define DROP_PREFIX "drop."
#define GAUGE_PREFIX "gauge."

struct cat_node *status_summary(const struct service *service)
{
	cat_autonode struct cat_node *map = cat_node_new_map();
	unsigned running = 0;
	for (uint32_t i = 0; i < service->function_count; i++)
		running += function_state(&service->function[i]) == FUNCTION_RUNNING;
	if (!map || !cat_node_add_string(map, "service", service->name) ||
	    !cat_node_add_string(map, "state", service_status_word(service)) ||
	    !cat_node_add_int(map, "functions", service->function_count) ||
	    !cat_node_add_int(map, "functions_running", running) || !cat_node_add_int(map, "lanes", service->lanes) ||
	    !cat_node_add_int(map, "cores", service_cores(service)) ||
	    !cat_node_add_int(map, "since_ms", service->since_ms) ||
	    !cat_node_add_int(map, "restarts", service->restarts) ||
	    (service->up_us && !cat_node_add_real(map, "up_ms", (double)service->up_us / 1000)) ||
	    (service->operation.active && !cat_node_add_string(map, "operation", service->operation.name)) ||
	    (service->last_error.code && service->state != SERVICE_RUNNING &&
	     !cat_node_add_string(map, "error", service->last_error.message)))
		return NULL;
	return cat_steal(map);
}

static const struct cat_stats_page *page_of(const struct service *service, uint32_t page)
{
	if (!page)
		return memory_stats(&service->memory, "stats");
	char name[MEMORY_NAME_MAX];
	snprintf(name, sizeof(name), "function/%s/stats", service->function[page - 1].name);
	return memory_stats(&service->memory, name);
}

static int function_page(const struct service *service, const char *name)
{
	for (uint32_t i = 0; i < service->function_count; i++)
		if (!strcmp(service->function[i].name, name))
			return (int)i + 1;
	return -1;
}

void status_sample(struct manager *manager)
{
	for (struct service *service = manager->services; service; service = service->next) {
		if (service->state != SERVICE_RUNNING)
			continue;
		uint32_t pages = service->function_count + 1;
		if (!service->sampler)
			service->sampler = sampler_create(pages, service->lanes);
		const struct cat_stats_page *page[CAT_FUNCTIONS_MAX + 1];
		for (uint32_t i = 0; i < pages; i++)
			page[i] = page_of(service, i);
		if (service->sampler)
			sampler_take(service->sampler, page, now_us());
		autoscale_look(service);
	}
}

// Adds the counters whose name begins with prefix, without it, to a map; zeroes are left out if `skip_zero`.
static bool add_counters(struct cat_node *map, const struct service *service, uint32_t page_index, const char *prefix,
			 bool skip_zero)
{
	const struct cat_stats_page *page = page_of(service, page_index);
	uint32_t count = stats_count(page);
	size_t length = strlen(prefix);
	for (uint32_t i = 0; i < count; i++) {
		char name[CAT_STATS_NAME_MAX];
		stats_name(page, i, name);
		uint64_t total = stats_total(page, i, service->lanes);
		// A page may name a counter twice; maps do not.
		if (strncmp(name, prefix, length) != 0 || (skip_zero && !total) || cat_node_get(map, name + length))
			continue;
		if (!cat_node_add_int(map, name + length, (int64_t)total))
			return false;
	}
	return true;
}

static double drop_rate(const struct service *service, uint32_t page_index)
{
	const struct cat_stats_page *page = page_of(service, page_index);
	uint32_t count = stats_count(page);
	double rate = 0;
	for (uint32_t i = 0; i < count; i++)
		if (!strncmp(page->name[i], DROP_PREFIX, strlen(DROP_PREFIX)))
			rate += sampler_rate(service->sampler, page_index, i);
	return rate;
}

static bool add_drops(struct cat_node *hop, const struct service *service, uint32_t page_index)
{
	struct cat_node *drops = cat_node_add_map(hop, "drops");
	struct cat_node *gauges = cat_node_add_map(hop, "gauges");
	return drops && gauges && add_counters(drops, service, page_index, DROP_PREFIX, true) &&
	       cat_node_add_real(hop, "drops_per_s", drop_rate(service, page_index)) &&
	       add_counters(gauges, service, page_index, GAUGE_PREFIX, false);
}

// One direction of a hop: counters `packets` and `bytes` of the page, and the ring that leads to it.
static bool add_direction(struct cat_node *hop, const char *key, const struct service *service, uint32_t page_index,
			  const char *packets, const char *bytes, const struct cat_ring *ring)
{
	const struct cat_stats_page *page = page_of(service, page_index);
	struct cat_node *map = cat_node_add_map(hop, key);
	uint32_t p = 0, b = 0;
	bool known = stats_find(page, packets, &p) && stats_find(page, bytes, &b);
	if (!map || !cat_node_add_int(map, "packets", known ? (int64_t)stats_total(page, p, service->lanes) : 0) ||
	    !cat_node_add_int(map, "bytes", known ? (int64_t)stats_total(page, b, service->lanes) : 0) ||
	    !cat_node_add_real(map, "packets_per_s", known ? sampler_rate(service->sampler, page_index, p) : 0) ||
	    !cat_node_add_real(map, "bits_per_s", known ? 8 * sampler_rate(service->sampler, page_index, b) : 0))
		return false;
	if (!ring)
		return true;
	uint32_t depth = atomic_load_explicit(&ring->prod, memory_order_relaxed) -
			 atomic_load_explicit(&ring->cons, memory_order_relaxed);
	return cat_node_add_int(map, "queue", depth <= CAT_RING_SIZE_MAX ? depth : 0);
}

// Fullest lane's ring of a link, which is the one that matters; NULL beyond the path's ends.
static const struct cat_ring *fullest(const struct service *service, const char *path, int link, bool right)
{
	const struct cat_ring *found = NULL;
	uint32_t most = 0;
	for (uint32_t lane = 0; link >= 0 && lane < service->lanes; lane++) {
		const struct cat_ring *ring = memory_ring(&service->memory, path, (unsigned)link, lane, right);
		if (!ring)
			continue;
		uint32_t depth = atomic_load_explicit(&ring->prod, memory_order_relaxed) -
				 atomic_load_explicit(&ring->cons, memory_order_relaxed);
		if (!found || depth > most) {
			found = ring;
			most = depth;
		}
	}
	return found;
}

double status_fullest(const struct service *service)
{
	double most = 0;
	const struct cat_node *paths = cat_node_get(service->current.plan, "paths");
	for (const struct cat_node *path = paths ? paths->first : NULL; path; path = path->next) {
		const struct cat_node *hops = cat_node_get(path, "hops"), *name = cat_node_get(path, "name");
		for (size_t i = 0; hops && name && i + 1 < 2 * hops->count; i++) {
			const struct cat_ring *ring = fullest(service, name->string, (int)(i / 2), i % 2);
			int64_t size = 0;
			cat_node_read_int(service->current.plan, "ring", CAT_OPTIONAL, 1, CAT_RING_SIZE_MAX, &size,
					  NULL);
			if (!ring || !size)
				continue;
			uint32_t depth = atomic_load_explicit(&ring->prod, memory_order_relaxed) -
					 atomic_load_explicit(&ring->cons, memory_order_relaxed);
			double share = (double)depth / (double)size;
			// Indices are their writers' word.
			most = share <= 1 && share > most ? share : most;
		}
	}
	return most;
}

static bool add_port_hop(struct cat_node *hop, const struct service *service, const char *name, bool first,
			 const struct cat_ring *right, const struct cat_ring *left)
{
	char rx[64], rx_bytes[64], tx[64], tx_bytes[64];
	snprintf(rx, sizeof(rx), "port.%s.rx_packets", name);
	snprintf(rx_bytes, sizeof(rx_bytes), "port.%s.rx_bytes", name);
	snprintf(tx, sizeof(tx), "port.%s.tx_packets", name);
	snprintf(tx_bytes, sizeof(tx_bytes), "port.%s.tx_bytes", name);
	// What comes in at a path's first port goes to the right, at its last port to the left.
	return add_direction(hop, "right", service, 0, first ? rx : tx, first ? rx_bytes : tx_bytes, right) &&
	       add_direction(hop, "left", service, 0, first ? tx : rx, first ? tx_bytes : rx_bytes, left);
}

static bool add_function_hop(struct cat_node *hop, const struct service *service, uint32_t page,
			     const struct cat_ring *right, const struct cat_ring *left)
{
	const struct function *function = &service->function[page - 1];
	return cat_node_add_string(hop, "kind", function->kind) &&
	       cat_node_add_string(hop, "state", function_state_names[function_state(function)]) &&
	       cat_node_add_int(hop, "restarts", function->restarts) &&
	       add_direction(hop, "right", service, page, cat_stat_names[CAT_STAT_LEFT_RX_PACKETS],
			     cat_stat_names[CAT_STAT_LEFT_RX_BYTES], right) &&
	       add_direction(hop, "left", service, page, cat_stat_names[CAT_STAT_RIGHT_RX_PACKETS],
			     cat_stat_names[CAT_STAT_RIGHT_RX_BYTES], left) &&
	       add_drops(hop, service, page);
}

static bool add_hops(struct cat_node *root, const struct service *service)
{
	struct cat_node *list = cat_node_add_list(root, "hops");
	const struct cat_node *paths = cat_node_get(service->current.plan, "paths");
	for (const struct cat_node *path = list && paths ? paths->first : NULL; path; path = path->next) {
		const struct cat_node *hops = cat_node_get(path, "hops"), *name = cat_node_get(path, "name");
		if (!hops || !name)
			continue;
		int i = 0;
		for (const struct cat_node *h = hops->first; h; h = h->next, i++) {
			bool last = !h->next;
			const struct cat_ring *right = fullest(service, name->string, i - 1, true);
			const struct cat_ring *left = last ? NULL : fullest(service, name->string, i, false);
			struct cat_node *hop = cat_node_add_map(list, NULL);
			int page = function_page(service, h->string);
			if (!hop || !cat_node_add_string(hop, "path", name->string) ||
			    !cat_node_add_string(hop, "name", h->string) ||
			    !cat_node_add_string(hop, "type", page > 0 ? "function" : "port"))
				return false;
			if (page > 0 ? !add_function_hop(hop, service, (uint32_t)page, right, left)
				     : !add_port_hop(hop, service, h->string, i == 0, right, left))
				return false;
		}
	}
	return list;
}

// The container that does not have the packets, if there is one.
static bool add_standby(struct cat_node *map, const struct function *function)
{
	const struct container *other = &function->container[!function->active];
	if (other->state == FUNCTION_DOWN)
		return true;
	struct cat_node *standby = cat_node_add_map(map, "standby");
	return standby && cat_node_add_string(standby, "state", function_state_names[other->state]) &&
	       cat_node_add_int(standby, "pid", other->pid) && cat_node_add_string(standby, "image", other->image) &&
	       cat_node_add_string(standby, "container", other->id);
}

static bool add_functions(struct cat_node *root, const struct service *service)
{
	struct cat_node *list = cat_node_add_list(root, "functions");
	for (uint32_t i = 0; list && i < service->function_count; i++) {
		const struct function *function = &service->function[i];
		struct cat_node *map = cat_node_add_map(list, NULL);
		struct cat_node *counters = NULL;
		if (!map || !cat_node_add_string(map, "name", function->name) ||
		    !cat_node_add_string(map, "kind", function->kind) ||
		    !cat_node_add_string(map, "state", function_state_names[function_state(function)]) ||
		    !cat_node_add_int(map, "pid", function->container[function->active].pid) ||
		    !cat_node_add_int(map, "restarts", function->restarts) ||
		    !cat_node_add_string(map, "container", function->container[function->active].id) ||
		    !cat_node_add_string(map, "image", function->container[function->active].image) ||
		    !add_standby(map, function) || !(counters = cat_node_add_map(map, "counters")) ||
		    !add_counters(counters, service, i + 1, "", false))
			return false;
	}
	return list;
}

static bool add_lanes(struct cat_node *root, const struct service *service)
{
	struct cat_node *list = cat_node_add_list(root, "lanes");
	for (uint32_t lane = 0; list && lane < service->lanes; lane++) {
		struct cat_node *map = cat_node_add_map(list, NULL);
		struct cat_node *busy = map ? cat_node_add_map(map, "busy_cycles_per_s") : NULL;
		if (!busy || !cat_node_add_int(map, "lane", lane) ||
		    !cat_node_add_int(map, "cpu", service_lane_core(service, lane)))
			return false;
		for (uint32_t i = 0; i < service->function_count; i++)
			if (!cat_node_add_real(busy, service->function[i].name,
					       sampler_lane_rate(service->sampler, i + 1, CAT_STAT_BUSY_CYCLES, lane)))
				return false;
		struct cat_node *packets = cat_node_add_map(map, "packets_per_s");
		for (uint32_t i = 0; i < service->function_count; i++)
			if (!packets || !cat_node_add_real(packets, service->function[i].name,
							   sampler_lane_rate(service->sampler, i + 1,
									     CAT_STAT_LEFT_RX_PACKETS, lane) +
								   sampler_lane_rate(service->sampler, i + 1,
										     CAT_STAT_RIGHT_RX_PACKETS, lane)))
				return false;
	}
	return list;
}

static bool add_dataplane(struct cat_node *root, const struct service *service)
{
	struct cat_node *map = cat_node_add_map(root, "dataplane");
	struct cat_node *counters = NULL;
	return map && cat_node_add_int(map, "pid", service->dataplane.pid) && add_drops(map, service, 0) &&
	       (counters = cat_node_add_map(map, "counters")) && add_counters(counters, service, 0, "", false);
}

static bool add_steps(struct cat_node *root, const struct service *service)
{
	struct cat_node *list = cat_node_add_list(root, "steps");
	for (uint32_t i = 0; list && i < service->step_count; i++) {
		const struct step *step = &service->step[i];
		struct cat_node *map = cat_node_add_map(list, NULL);
		if (!map || !cat_node_add_string(map, "step", step->name) ||
		    (step->function[0] && !cat_node_add_string(map, "function", step->function)) ||
		    !cat_node_add_real(map, "start_ms", (double)step->start_us / 1000) ||
		    !cat_node_add_real(map, "ms", (double)step->us / 1000))
			return false;
	}
	return list;
}

struct cat_node *status_service(const struct service *service)
{
	cat_autonode struct cat_node *root = status_summary(service);
	if (!root)
		return NULL;
	// A summary counts; here they are told.
	static const char *const counts[] = {"functions", "lanes"};
	for (size_t i = 0; i < CAT_ARRAY_LEN(counts); i++)
		cat_node_free(cat_node_detach(cat_node_get(root, counts[i])));
	if (!add_lanes(root, service) || !add_functions(root, service) || !add_hops(root, service) ||
	    !add_dataplane(root, service) || !add_steps(root, service))
		return NULL;
	return cat_steal(root);
}

int status_host(struct manager *manager, struct cat_node **ret_host, struct cat_err *err)
{
	struct cat_topology *host = NULL;
	struct cat_reservations taken = {0};
	cat_autonode struct cat_node *tree = NULL, *claims = NULL;
	int r = cat_topology_read("/", &host, err);
	if (r == 0)
		r = store_reservations_load(manager->store, &taken, err);
	if (r == 0) {
		tree = cat_topology_tree(host);
		if (!tree || cat_reservations_to_tree(&taken, &claims) < 0 ||
		    !cat_node_copy(tree, "reservations", claims))
			r = cat_err_set(err, -ENOMEM, "no memory");
	}
	cat_topology_free(host);
	cat_reservations_free(&taken);
	if (r == 0)
		*ret_host = cat_steal(tree);
	return r;
}
