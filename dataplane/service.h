// SPDX-License-Identifier: BSD-3-Clause
// The service as the plan describes it: memory mapped, ports open, lanes running. Knows nothing of sockets.
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>

#include "adopt.h"
#include "cat_control.h"
#include "cat_recover.h"
#include "fd_table.h"
#include "lane.h"

#define SERVICE_NAME_MAX 64u

struct service_worker {
	struct cat_worker_page *page;
	struct cat_recover_rings rings;
	uint32_t owed; // what former processes kept (account.h)
};

// A function's place in its path, and its memory.
struct service_function {
	char name[SERVICE_NAME_MAX];
	const char *kind; // borrowed from the plan
	const char *path; // name
	uint32_t path_index, position;
	struct cat_stats_page *stats;
	struct service_worker worker[CAT_LANES_MAX];
	uint64_t violations_settled; // those of former processes
};

struct service {
	struct cat_node *plan;
	struct fd_table fds;
	uint32_t ring, supply_ring;
	struct cat_stats_page *stats;
	struct service_function function[CAT_FUNCTIONS_MAX];
	uint32_t function_count;
	uint32_t path_count;
	uint32_t path_links[CAT_PATHS_MAX];
	struct lane_shared lanes;
	struct mapping {
		void *address;
		size_t size;
	} * mapping;
	size_t mapping_count;
	uint32_t adopted; // buffers that were under way when the service was opened
};

// Takes the plan (also on failure).
int service_open(struct service *service, struct cat_node *plan, struct cat_err *err);
// Starts the lanes; they do not receive yet.
int service_start(struct service *service, struct cat_err *err);
// Stops the lanes, closes ports, unmaps. Fine on a zeroed or half opened service.
void service_close(struct service *service);

struct service_function *service_find(struct service *service, const char *function);
// Brings the rings of all workers of a function whose process is gone into order. Returns how many packets were torn.
uint32_t service_recover(struct service *service, struct service_function *function);
// Buffers that are with the functions, but for those that wait in supply rings.
uint32_t service_outstanding(const struct service *service);
struct service_audit {
	uint32_t buffers;
	uint32_t free;       // in the pool and on the lanes' stacks, at most 10 ms ago; the rest is in ports
	uint32_t under_way;  // given to functions
	uint32_t leaked;     // of these: in no ring
	uint32_t duplicated; // in two
	bool still;          // no ring moved meanwhile: only then do the numbers count
};
// What to look for in the rings.
struct adopt_shape service_shape(const struct service *service);
int service_audit(const struct service *service, struct service_audit *ret, struct cat_err *err);
// Violations of a function on all lanes, so far.
uint64_t service_violations(const struct service *service, const struct service_function *function);

#endif
