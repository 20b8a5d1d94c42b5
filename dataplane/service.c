// SPDX-License-Identifier: BSD-3-Clause
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "account.h"
#include "cat_log.h"
#include "cat_memfd.h"
#include "service_stats.h"

static int map(struct service *s, int fd, size_t size, void **ret, struct cat_err *err)
{
	struct mapping *more = realloc(s->mapping, (s->mapping_count + 1) * sizeof(*more));
	if (!more)
		return cat_err_set(err, -ENOMEM, "no memory for a mapping");
	s->mapping = more;
	struct mapping *m = &more[s->mapping_count];
	int r = cat_memfd_map(fd, size, SIZE_MAX, PROT_READ | PROT_WRITE, &m->address, &m->size, err);
	if (r < 0)
		return r;
	s->mapping_count++;
	*ret = m->address;
	return 0;
}

static int map_ring(struct service *s, int fd, uint32_t size, struct cat_recover_ring *ret, struct cat_err *err)
{
	void *ring = NULL;
	if (fd < 0)
		return err->code;
	int r = map(s, fd, cat_ring_bytes(size), &ring, err);
	if (r < 0)
		return r;
	*ret = (struct cat_recover_ring){.ring = ring, .size = size};
	return 0;
}

static int map_page(struct service *s, int fd, size_t size, void **ret, struct cat_err *err)
{
	return fd < 0 ? err->code : map(s, fd, size, ret, err);
}

static int attach(struct cat_ring_end *end, const struct cat_recover_ring *r, bool producer, struct cat_err *err)
{
	if (cat_ring_attach(end, r->ring, cat_ring_bytes(r->size), r->size, producer) < 0)
		return cat_err_set(err, -EINVAL, "found a ring that is not formatted for %u slots", r->size);
	uint32_t prod = atomic_load(&r->ring->prod), cons = atomic_load(&r->ring->cons);
	// A function has written over what a dataplane before us kept here. The other end's word is all there is.
	if (prod - cons > r->size) {
		end->index = producer ? cons : prod;
		atomic_store(producer ? &r->ring->prod : &r->ring->cons, end->index);
	}
	return 0;
}

static int read_settings(struct service *s, struct cat_err *err)
{
	const struct cat_node *lanes = NULL, *plan = s->plan;
	const char *poll = "adaptive", *latency = "balanced";
	int64_t burst = 0, ring = 0, supply_ring = 0;
	int r = cat_node_read_list(plan, "lanes", CAT_REQUIRED, &lanes, err);
	if (r == 0)
		r = cat_node_read_int(plan, "ring", CAT_REQUIRED, 2, CAT_RING_SIZE_MAX, &ring, err);
	if (r == 0)
		r = cat_node_read_int(plan, "supply_ring", CAT_REQUIRED, 2, CAT_RING_SIZE_MAX, &supply_ring, err);
	if (r == 0)
		r = cat_node_read_int(plan, "burst", CAT_REQUIRED, 1, CAT_BURST_MAX, &burst, err);
	if (r == 0)
		r = cat_node_read_string(plan, "poll", CAT_OPTIONAL, &poll, err);
	if (r == 0)
		r = cat_node_read_string(plan, "latency", CAT_OPTIONAL, &latency, err);
	if (r < 0)
		return r;
	if (lanes->count == 0 || lanes->count > CAT_LANES_MAX)
		return cat_node_error(lanes, err, "found %zu lanes, expected 1 to %u", lanes->count, CAT_LANES_MAX);
	if ((ring & (ring - 1)) || (supply_ring & (supply_ring - 1)))
		return cat_node_error(plan, err, "expected rings with a power of two of slots");
	s->ring = (uint32_t)ring;
	s->supply_ring = (uint32_t)supply_ring;
	s->lanes.lanes = (uint32_t)lanes->count;
	s->lanes.burst = (uint32_t)burst;
	// At most a ring's worth, or for so long.
	s->lanes.round_limit = (uint32_t)ring;
	s->lanes.round_ns = cat_round_us(latency) * 1000;
	s->lanes.busy = !strcmp(poll, "busy");
	s->lanes.lane = calloc(s->lanes.lanes, sizeof(*s->lanes.lane));
	if (!s->lanes.lane)
		return cat_err_set(err, -ENOMEM, "no memory for %u lanes", s->lanes.lanes);
	// Scaled down, lanes share the first cores.
	int64_t active = (int64_t)lanes->count;
	r = cat_node_read_int(plan, "active", CAT_OPTIONAL, 1, (int64_t)lanes->count, &active, err);
	for (uint32_t i = 0; r == 0 && i < lanes->count; i++) {
		int64_t cpu = 0;
		r = cat_node_read_int(cat_node_at(lanes, i % (size_t)active), "cpu", CAT_REQUIRED, 0, CPU_SETSIZE - 1,
				      &cpu, err);
		s->lanes.lane[i] = (struct lane){.shared = &s->lanes, .id = i, .cpu = (int)cpu, .wake_fd = -1};
	}
	return r;
}

static int open_region(struct service *s, struct cat_err *err)
{
	const struct cat_node *region = NULL;
	int64_t buffers = 0, stride = 0, headroom = CAT_HEADROOM, node = -1;
	int r = cat_node_read_map(s->plan, "region", CAT_REQUIRED, &region, err);
	if (r == 0)
		r = cat_node_read_int(s->plan, "node", CAT_OPTIONAL, -1, 1023, &node, err);
	if (r == 0)
		r = cat_node_read_int(region, "buffers", CAT_REQUIRED, 1, UINT32_MAX / 2, &buffers, err);
	if (r == 0)
		r = cat_node_read_int(region, "stride", CAT_REQUIRED, 1, CAT_STRIDE_MAX, &stride, err);
	if (r == 0)
		r = cat_node_read_int(region, "headroom", CAT_OPTIONAL, 0, CAT_STRIDE_MAX, &headroom, err);
	if (r < 0)
		return r;
	int fd = fd_table_get(&s->fds, err, "region");
	if (fd < 0)
		return err->code;
	struct region_shape shape = {.buffers = (uint32_t)buffers,
				     .stride = (uint32_t)stride,
				     .headroom = (uint32_t)headroom,
				     .node = (int)node};
	s->lanes.region = region_create(fd, &shape, err);
	return s->lanes.region ? 0 : err->code;
}

struct adopt_shape service_shape(const struct service *s)
{
	return (struct adopt_shape){.ring = s->ring,
				    .supply_ring = s->supply_ring,
				    .buffers = s->lanes.region->buffers,
				    .lanes = s->lanes.lanes};
}

// What a dataplane before us gave out is under way still: with functions that went on, or in rings that wait for one.
// Before ports are opened, which may take buffers.
static int adopt(struct service *s, struct cat_err *err)
{
	struct adopt_shape shape = service_shape(s);
	struct adopt_result found = {0};
	int r = adopt_scan(&s->fds, &shape, s->lanes.region->owner, &found, err);
	if (r < 0 || !found.under_way)
		return r;
	s->adopted = found.under_way;
	cat_info("%u of %u buffers are under way from before%s%s", found.under_way, shape.buffers,
		 found.still ? "" : ", in rings that do not come to rest",
		 found.impossible ? ", and there are descriptors or indices that cannot be" : "");
	return region_withhold(s->lanes.region, err);
}

static int open_ports(struct service *s, struct cat_err *err)
{
	const struct cat_node *ports = NULL;
	int r = cat_node_read_list(s->plan, "ports", CAT_REQUIRED, &ports, err);
	if (r < 0)
		return r;
	if (ports->count > CAT_PORTS_MAX)
		return cat_node_error(ports, err, "found %zu ports, expected at most %u", ports->count, CAT_PORTS_MAX);
	for (const struct cat_node *n = ports->first; n; n = n->next) {
		struct port *port = &s->lanes.port[s->lanes.port_count];
		*port = (struct port){.id = s->lanes.port_count,
				      .region = s->lanes.region,
				      .lanes = s->lanes.lanes,
				      .burst = s->lanes.burst};
		r = port_open(port, n, err);
		if (r < 0)
			return r;
		s->lanes.port_count++;
	}
	return 0;
}

// Ports of both ends and number of links, from the hops of each path.
static int read_paths(struct service *s, struct cat_err *err)
{
	const struct cat_node *paths = NULL, *hops = NULL;
	uint32_t ports[CLASSIFIER_ENDS_MAX] = {0};
	int r = cat_node_read_list(s->plan, "paths", CAT_REQUIRED, &paths, err);
	if (r < 0)
		return r;
	if (paths->count > CAT_PATHS_MAX)
		return cat_node_error(paths, err, "found %zu paths, expected at most %u", paths->count, CAT_PATHS_MAX);
	for (const struct cat_node *path = paths->first; path; path = path->next) {
		r = cat_node_read_list(path, "hops", CAT_REQUIRED, &hops, err);
		if (r < 0)
			return r;
		if (hops->count < 2)
			return cat_node_error(hops, err, "found %zu hops, expected a port at each end", hops->count);
		for (uint32_t side = 0; side < CAT_SIDES; side++) {
			const struct cat_node *hop = side == CAT_LEFT ? hops->first : hops->last;
			uint32_t port = 0;
			while (port < s->lanes.port_count &&
			       (hop->type != CAT_STRING || strcmp(s->lanes.port[port].name, hop->string)))
				port++;
			if (port == s->lanes.port_count)
				return cat_node_error(hop, err, "expected the name of a port");
			ports[s->path_count * CAT_SIDES + side] = port;
		}
		s->path_links[s->path_count++] = (uint32_t)hops->count - 1;
	}
	s->lanes.classifier = classifier_create(paths, ports, s->lanes.port_count, err);
	if (!s->lanes.classifier)
		return err->code;
	for (uint32_t lane = 0; lane < s->lanes.lanes; lane++) {
		struct lane *l = &s->lanes.lane[lane];
		l->end_count = s->path_count * CAT_SIDES;
		l->end = calloc(l->end_count + 1, sizeof(*l->end));
		if (!l->end)
			return cat_err_set(err, -ENOMEM, "no memory for %u paths", s->path_count);
		for (uint32_t end = 0; end < l->end_count; end++) {
			l->end[end].port = ports[end];
			l->end[end].function = LANE_NO_FUNCTION;
		}
	}
	return 0;
}

static int read_function(struct service *s, const struct cat_node *n, struct service_function *f, struct cat_err *err)
{
	const struct cat_node *paths = cat_node_get(s->plan, "paths");
	const char *name = "";
	int64_t position = 0;
	int r = cat_node_read_string(n, "name", CAT_REQUIRED, &name, err);
	if (r == 0)
		r = cat_node_read_string(n, "kind", CAT_REQUIRED, &f->kind, err);
	if (r == 0)
		r = cat_node_read_string(n, "path", CAT_REQUIRED, &f->path, err);
	if (r == 0)
		r = cat_node_read_int(n, "position", CAT_REQUIRED, 0, CAT_FUNCTIONS_MAX, &position, err);
	if (r < 0)
		return r;
	if (strlen(name) >= sizeof(f->name))
		return cat_node_error(n, err, "found a name of %zu characters, expected at most %zu", strlen(name),
				      sizeof(f->name) - 1);
	strcpy(f->name, name);
	f->position = (uint32_t)position;
	for (const struct cat_node *p = paths->first; p; p = p->next, f->path_index++) {
		const struct cat_node *path_name = cat_node_get(p, "name");
		if (path_name && path_name->type == CAT_STRING && !strcmp(path_name->string, f->path))
			break;
	}
	if (f->path_index == s->path_count || f->position + 1 >= s->path_links[f->path_index])
		return cat_node_error(n, err, "position %u of path \"%s\" is not there", f->position, f->path);
	return 0;
}

// The link on each side of a function's worker, named from the function's point of view.
static int map_links(struct service *s, const struct service_function *f, uint32_t lane,
		     struct cat_recover_rings *rings, struct cat_err *err)
{
	static const char *const direction[CAT_SIDES] = {[CAT_LEFT] = "left", [CAT_RIGHT] = "right"};
	int r = 0;
	for (uint32_t side = 0; r == 0 && side < CAT_SIDES; side++) {
		uint32_t link = f->position + side;
		r = map_ring(
			s,
			fd_table_get(&s->fds, err, "path/%s/link/%u/lane/%u/%s", f->path, link, lane, direction[!side]),
			s->ring, &rings->input[side], err);
		if (r == 0)
			r = map_ring(s,
				     fd_table_get(&s->fds, err, "path/%s/link/%u/lane/%u/%s", f->path, link, lane,
						  direction[side]),
				     s->ring, &rings->output[side], err);
	}
	return r;
}

// Where the function is the first or last of its path, we are the other end of its link.
static int join_ends(struct service *s, uint32_t index, struct lane *l, struct cat_err *err)
{
	struct service_function *f = &s->function[index];
	struct cat_recover_rings *rings = &f->worker[l->id].rings;
	int r = attach(&l->function[index].ret, &rings->ret, false, err);
	if (r == 0)
		r = attach(&l->function[index].supply, &rings->supply, true, err);
	for (uint32_t side = 0; r == 0 && side < CAT_SIDES; side++) {
		bool at_end = side == CAT_LEFT ? f->position == 0 : f->position + 2 == s->path_links[f->path_index];
		if (!at_end)
			continue;
		struct lane_end *e = &l->end[f->path_index * CAT_SIDES + side];
		e->function = index;
		r = attach(&e->to, &rings->input[side], true, err);
		if (r == 0)
			r = attach(&e->from, &rings->output[side], false, err);
	}
	return r;
}

static int open_worker(struct service *s, uint32_t index, uint32_t lane, struct cat_err *err)
{
	struct service_function *f = &s->function[index];
	struct service_worker *w = &f->worker[lane];
	void *page = NULL;
	int r = map_page(s, fd_table_get(&s->fds, err, "function/%s/lane/%u/worker", f->name, lane), sizeof(*w->page),
			 &page, err);
	if (r < 0)
		return r;
	w->page = page;
	r = map_ring(s, fd_table_get(&s->fds, err, "function/%s/lane/%u/return", f->name, lane), s->ring, &w->rings.ret,
		     err);
	if (r == 0)
		r = map_ring(s, fd_table_get(&s->fds, err, "function/%s/lane/%u/supply", f->name, lane), s->supply_ring,
			     &w->rings.supply, err);
	if (r == 0)
		r = map_links(s, f, lane, &w->rings, err);
	if (r == 0)
		r = join_ends(s, index, &s->lanes.lane[lane], err);
	return r;
}

static int open_functions(struct service *s, struct cat_err *err)
{
	const struct cat_node *functions = NULL;
	int r = cat_node_read_list(s->plan, "functions", CAT_REQUIRED, &functions, err);
	if (r < 0)
		return r;
	if (functions->count > CAT_FUNCTIONS_MAX)
		return cat_node_error(functions, err, "found %zu functions, expected at most %u", functions->count,
				      CAT_FUNCTIONS_MAX);
	for (uint32_t lane = 0; lane < s->lanes.lanes; lane++) {
		struct lane *l = &s->lanes.lane[lane];
		l->function = calloc(functions->count + 1, sizeof(*l->function));
		if (!l->function)
			return cat_err_set(err, -ENOMEM, "no memory for %zu functions", functions->count);
		l->function_count = (uint32_t)functions->count;
	}
	for (const struct cat_node *n = functions->first; n; n = n->next) {
		uint32_t index = s->function_count;
		struct service_function *f = &s->function[index];
		void *page = NULL;
		r = read_function(s, n, f, err);
		if (r == 0)
			r = map_page(s, fd_table_get(&s->fds, err, "function/%s/stats", f->name),
				     cat_stats_bytes(s->lanes.lanes), &page, err);
		if (r < 0)
			return r;
		f->stats = page;
		s->function_count++;
		for (uint32_t lane = 0; lane < s->lanes.lanes; lane++) {
			r = open_worker(s, index, lane, err);
			if (r < 0)
				return cat_err_wrap(err, "function %s", f->name);
		}
	}
	return 0;
}

// A path of ports alone has one link, and we are both of its ends.
static int join_direct_paths(struct service *s, struct cat_err *err)
{
	const struct cat_node *paths = cat_node_get(s->plan, "paths");
	uint32_t index = 0;
	for (const struct cat_node *path = paths->first; path; path = path->next, index++) {
		for (uint32_t lane = 0; lane < s->lanes.lanes && s->path_links[index] == 1; lane++) {
			struct lane_end *end = &s->lanes.lane[lane].end[index * CAT_SIDES];
			const char *name = NULL;
			struct cat_recover_ring right = {0}, left = {0};
			int r = cat_node_read_string(path, "name", CAT_REQUIRED, &name, err);
			if (r == 0)
				r = map_ring(s, fd_table_get(&s->fds, err, "path/%s/link/0/lane/%u/right", name, lane),
					     s->ring, &right, err);
			if (r == 0)
				r = map_ring(s, fd_table_get(&s->fds, err, "path/%s/link/0/lane/%u/left", name, lane),
					     s->ring, &left, err);
			if (r == 0)
				r = attach(&end[CAT_LEFT].to, &right, true, err);
			if (r == 0)
				r = attach(&end[CAT_RIGHT].from, &right, false, err);
			if (r == 0)
				r = attach(&end[CAT_RIGHT].to, &left, true, err);
			if (r == 0)
				r = attach(&end[CAT_LEFT].from, &left, false, err);
			if (r < 0)
				return cat_err_wrap(err, "path %s", name ? name : "?");
		}
	}
	// Whatever the plan says, no end may be without its rings.
	for (uint32_t end = 0; end < s->path_count * CAT_SIDES; end++)
		if (!s->lanes.lane[0].end[end].to.ring)
			return cat_node_error(paths, err, "no function is the neighbour of the %s port of path %u",
					      end % CAT_SIDES ? "right" : "left", end / CAT_SIDES);
	return 0;
}

static int prepare_lanes(struct service *s, struct cat_err *err)
{
	void *page = NULL;
	int r = map_page(s, fd_table_get(&s->fds, err, "stats"), cat_stats_bytes(s->lanes.lanes), &page, err);
	if (r < 0)
		return r;
	s->stats = page;
	r = service_stats_init(s->stats, &s->lanes, err);
	for (uint32_t i = 0; r == 0 && i < s->lanes.lanes; i++)
		r = lane_init(&s->lanes.lane[i], &s->stats->lane[i], err);
	return r;
}

int service_open(struct service *s, struct cat_node *plan, struct cat_err *err)
{
	s->plan = plan;
	int r = read_settings(s, err);
	if (r == 0)
		r = open_region(s, err);
	if (r == 0)
		r = adopt(s, err);
	if (r == 0)
		r = open_ports(s, err);
	if (r == 0)
		r = read_paths(s, err);
	if (r == 0)
		r = open_functions(s, err);
	if (r == 0)
		r = join_direct_paths(s, err);
	if (r == 0)
		r = prepare_lanes(s, err);
	if (r == 0)
		account_open(s);
	return r;
}

int service_start(struct service *s, struct cat_err *err)
{
	int r = 0;
	atomic_store(&s->lanes.supplying, true);
	for (uint32_t i = 0; r == 0 && i < s->lanes.lanes; i++)
		r = lane_start(&s->lanes.lane[i], err);
	return r;
}

void service_close(struct service *s)
{
	atomic_store(&s->lanes.stopping, true);
	for (uint32_t i = 0; s->lanes.lane && i < s->lanes.lanes; i++)
		lane_stop(&s->lanes.lane[i]);
	for (uint32_t i = 0; i < s->lanes.port_count; i++)
		port_close(&s->lanes.port[i]);
	for (uint32_t i = 0; s->lanes.lane && i < s->lanes.lanes; i++)
		lane_finish(&s->lanes.lane[i]);
	free(s->lanes.lane);
	classifier_destroy(s->lanes.classifier);
	region_destroy(s->lanes.region);
	for (size_t i = 0; i < s->mapping_count; i++)
		munmap(s->mapping[i].address, s->mapping[i].size);
	free(s->mapping);
	fd_table_finish(&s->fds);
	cat_node_free(s->plan);
	*s = (struct service){0};
}

struct service_function *service_find(struct service *s, const char *name)
{
	for (uint32_t i = 0; i < s->function_count; i++)
		if (!strcmp(s->function[i].name, name))
			return &s->function[i];
	return NULL;
}

uint32_t service_recover(struct service *s, struct service_function *f)
{
	uint32_t torn = 0;
	for (uint32_t lane = 0; lane < s->lanes.lanes; lane++) {
		struct cat_recover_result result = {0};
		if (cat_recover_worker(f->worker[lane].page, &f->worker[lane].rings, &result) < 0)
			cat_warn("function %s: lane %u: its worker page contradicts its rings; the burst under way "
				 "stays",
				 f->name, lane);
		// Its neighbours may sleep on what has just been published.
		for (uint32_t side = 0; result.published && side < CAT_SIDES; side++)
			cat_ring_wake_slow(f->worker[lane].rings.output[side].ring);
		cat_stats_add(&f->stats->lane[lane], CAT_DROP_TORN, result.torn);
		torn += result.torn;
	}
	return torn;
}

uint32_t service_outstanding(const struct service *s)
{
	uint32_t out = 0, supply = 0;
	for (uint32_t i = 0; i < s->lanes.region->buffers; i++)
		out += s->lanes.region->owner[i] != OWNER_DATAPLANE;
	for (uint32_t i = 0; i < s->function_count; i++)
		for (uint32_t lane = 0; lane < s->lanes.lanes; lane++) {
			const struct cat_ring *ring = s->function[i].worker[lane].rings.supply.ring;
			uint32_t waiting = atomic_load(&ring->prod) - atomic_load(&ring->cons);
			supply += waiting <= s->supply_ring ? waiting : 0;
		}
	return out > supply ? out - supply : 0;
}

int service_audit(const struct service *s, struct service_audit *ret, struct cat_err *err)
{
	struct adopt_shape shape = service_shape(s);
	struct adopt_result found = {0};
	cat_autofree uint8_t *whose = calloc(shape.buffers, 1);
	if (!whose)
		return cat_err_set(err, -ENOMEM, "no memory to look through the rings");
	int r = adopt_scan(&s->fds, &shape, whose, &found, err);
	if (r < 0)
		return r;
	struct service_audit audit = {.buffers = shape.buffers, .duplicated = found.duplicated, .still = found.still};
	for (uint32_t i = 0; i < shape.buffers; i++) {
		bool given = s->lanes.region->owner[i] != OWNER_DATAPLANE;
		audit.under_way += given;
		audit.leaked += given && whose[i] == OWNER_DATAPLANE;
	}
	for (uint32_t lane = 0; lane < s->lanes.lanes; lane++)
		audit.free += (uint32_t)atomic_load_explicit(&s->stats->lane[lane].value[GAUGE_FREE_BUFFERS],
							     memory_order_relaxed);
	*ret = audit;
	return 0;
}

uint64_t service_violations(const struct service *s, const struct service_function *f)
{
	uint64_t n = 0;
	for (uint32_t lane = 0; lane < s->lanes.lanes; lane++)
		n += atomic_load_explicit(&s->lanes.lane[lane].function[f - s->function].violations,
					  memory_order_relaxed);
	return n;
}
