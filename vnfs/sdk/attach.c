// SPDX-License-Identifier: BSD-3-Clause
// Memory from the dataplane: descriptors by name, mapped, checked, and put together to lanes.
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cat_control.h"
#include "cat_log.h"
#include "cat_memfd.h"
#include "process.h"

#define BUFFERS_MAX (16u << 20)
#define ROUNDING (UINT64_C(1) << 30) // what a mapping may be larger than needed: a page of the largest kind

int attach_add_fds(struct cat_vnf *vnf, const struct cat_node *body, const int *fds, size_t count, struct cat_err *err)
{
	const struct cat_node *names = cat_node_get(body, "names");
	int result = 0;
	if (count && (!names || names->type != CAT_LIST || names->count != count))
		result = cat_err_set(err, -EINVAL, "found %zu descriptors and %zu names", count,
				     names ? names->count : 0);
	else if (count > CAT_ARRAY_LEN(vnf->fds) - vnf->fd_count)
		result = cat_err_set(err, -E2BIG, "more than %zu descriptors", CAT_ARRAY_LEN(vnf->fds));
	const struct cat_node *name = names ? names->first : NULL;
	for (size_t i = 0; i < count; i++, name = name ? name->next : NULL) {
		bool fits = name && name->type == CAT_STRING && strlen(name->string) < NAME_MAX_BYTES;
		if (result == 0 && !fits)
			result = cat_err_set(err, -EINVAL, "a descriptor's name is no string of up to %u bytes",
					     NAME_MAX_BYTES - 1);
		if (result < 0 || !fits) {
			close(fds[i]);
			continue;
		}
		struct named_fd *named = &vnf->fds[vnf->fd_count++];
		snprintf(named->name, sizeof(named->name), "%s", name->string);
		named->fd = fds[i];
	}
	return result;
}

int attach_take_fd(struct cat_vnf *vnf, const char *name)
{
	for (size_t i = 0; i < vnf->fd_count; i++) {
		if (strcmp(vnf->fds[i].name, name) == 0) {
			int fd = vnf->fds[i].fd;
			vnf->fds[i] = vnf->fds[--vnf->fd_count];
			return fd;
		}
	}
	return -1;
}

void attach_drop_fds(struct cat_vnf *vnf)
{
	while (vnf->fd_count)
		close(vnf->fds[--vnf->fd_count].fd);
}

// Maps the descriptor of this name. Pages of what workers write to all the time are brought in at once, so that no
// packet waits for a page fault.
static int map(struct cat_vnf *vnf, const char *name, size_t size, bool populate, void **ret_address, size_t *ret_size,
	       struct cat_err *err)
{
	cat_autofd int fd = attach_take_fd(vnf, name);
	struct stat st;
	if (fd < 0)
		return cat_err_set(err, -EINVAL, "attach: no descriptor \"%s\"", name);
	if (fstat(fd, &st) < 0)
		return cat_err_errno(err, "attach: %s", name);
	struct mapping *mapping = &vnf->mappings[vnf->mapping_count];
	int result = cat_memfd_map(fd, size, size + ROUNDING, PROT_READ | PROT_WRITE, &mapping->address, &mapping->size,
				   err);
	if (result < 0) {
		cat_err_wrap(err, "attach: %s", name);
		return result;
	}
	snprintf(mapping->name, sizeof(mapping->name), "%s", name);
	mapping->device = st.st_dev;
	mapping->inode = st.st_ino;
	vnf->mapping_count++;
#ifdef MADV_POPULATE_WRITE
	// Older kernels than 5.14 do it page by page when it is touched.
	if (populate)
		madvise(mapping->address, mapping->size, MADV_POPULATE_WRITE);
#endif
	*ret_address = mapping->address;
	*ret_size = mapping->size;
	return 0;
}

static int map_ring(struct cat_vnf *vnf, uint32_t lane, const char *kind, uint32_t size, bool producer,
		    struct cat_ring_end *end, struct cat_err *err)
{
	char name[NAME_MAX_BYTES];
	void *address = NULL;
	size_t bytes = 0;
	snprintf(name, sizeof(name), "lane/%u/%s", lane, kind);
	int result = map(vnf, name, cat_ring_bytes(size), true, &address, &bytes, err);
	if (result < 0)
		return result;
	result = cat_ring_attach(end, address, bytes, size, producer);
	return result < 0 ? cat_err_set(err, result, "attach: %s is no ring of %u slots", name, size) : 0;
}

static int map_page(struct cat_vnf *vnf, uint32_t lane, struct cat_worker_page **ret_page, struct cat_err *err)
{
	char name[NAME_MAX_BYTES];
	void *address = NULL;
	size_t bytes = 0;
	snprintf(name, sizeof(name), "lane/%u/worker", lane);
	int result = map(vnf, name, sizeof(struct cat_worker_page), true, &address, &bytes, err);
	if (result < 0)
		return result;
	struct cat_worker_page *page = address;
	if (page && page->magic == 0) {
		page->version = CAT_ABI_VERSION;
		page->magic = CAT_WORKER_MAGIC;
	}
	if (!page || page->magic != CAT_WORKER_MAGIC || page->version != CAT_ABI_VERSION)
		return cat_err_set(err, -EINVAL, "attach: %s is no worker page of version %u", name, CAT_ABI_VERSION);
	*ret_page = page;
	return 0;
}

// What is one for all lanes.
struct shared {
	void *region, *state;
	struct cat_stats_page *stats;
	size_t state_bytes;
};

static int map_shared(struct cat_vnf *vnf, struct shared *shared, struct cat_err *err)
{
	const struct attachment *a = &vnf->attachment;
	size_t bytes = 0;
	void *stats = NULL;
	int result = map(vnf, "region", (size_t)a->buffers * a->stride, true, &shared->region, &bytes, err);
	if (result == 0)
		result = map(vnf, "state", 64 * a->lanes, false, &shared->state, &shared->state_bytes, err);
	if (result == 0)
		result = map(vnf, "stats", cat_stats_bytes(a->lanes), true, &stats, &bytes, err);
	if (result < 0)
		return result;
	shared->stats = stats;
	result = cat_stats_init(stats, a->lanes, vnf->ops->counters);
	vnf->stats = stats;
	vnf->counters = result < 0 ? 0 : (uint32_t)result;
	return result < 0
		       ? cat_err_set(err, result, "%s: too many counters, or a name that is too long", vnf->ops->kind)
		       : 0;
}

static int make_lane(struct cat_vnf *vnf, uint32_t id, const struct shared *shared, struct cat_err *err)
{
	const struct attachment *a = &vnf->attachment;
	struct worker *worker = &vnf->workers[id];
	struct cat_lane *lane = &worker->engine.lane;
	worker->vnf = vnf;
	worker->cpu = a->cpu[id];
	worker->busy = a->busy;
	worker->engine.ops = vnf->ops;
	worker->engine.limit = a->burst;
	worker->round_limit = a->ring;
	worker->round_us = a->round_us;
	// Each lane's share of the state is a whole number of cache lines.
	size_t share = shared->state_bytes / a->lanes / 64 * 64;
	lane->state = (char *)shared->state + id * share;
	lane->state_bytes = share;
	lane->stats = &shared->stats->lane[id];
	lane->now_us = monotonic_us();
	lane->id = id;
	lane->lanes = a->lanes;
	lane->vnf = vnf;
	lane->region = shared->region;
	lane->stride = a->stride;
	lane->buffers = a->buffers;
	lane->punt = punt_create(a->stride, a->lanes);
	if (!lane->punt)
		return cat_err_set(err, -ENOMEM, "no memory");
	int result = map_page(vnf, id, &lane->page, err);
	if (result == 0)
		result = map_ring(vnf, id, "return", a->ring, true, &lane->ret, err);
	if (result == 0)
		result = map_ring(vnf, id, "supply", a->supply_ring, false, &lane->supply, err);
	if (result == 0)
		result = map_ring(vnf, id, "left/in", a->ring, false, &lane->in[CAT_LEFT], err);
	if (result == 0)
		result = map_ring(vnf, id, "left/out", a->ring, true, &lane->out[CAT_LEFT], err);
	if (result == 0)
		result = map_ring(vnf, id, "right/in", a->ring, false, &lane->in[CAT_RIGHT], err);
	if (result == 0)
		result = map_ring(vnf, id, "right/out", a->ring, true, &lane->out[CAT_RIGHT], err);
	if (result == 0 && burst_recover(lane))
		cat_warn("lane %u: a packet that a predecessor had under way was dropped", id);
	return result;
}

static int read_number(const struct cat_node *body, const char *key, int64_t min, int64_t max, uint32_t *ret,
		       struct cat_err *err)
{
	int64_t value = 0;
	int result = cat_node_read_int(body, key, CAT_REQUIRED, min, max, &value, err);
	*ret = (uint32_t)value;
	return result;
}

static int read_lanes(const struct cat_node *body, struct attachment *a, struct cat_err *err)
{
	const struct cat_node *lanes;
	int result = cat_node_read_list(body, "lanes", CAT_REQUIRED, &lanes, err);
	if (result < 0)
		return result;
	if (lanes->count == 0 || lanes->count > CAT_LANES_MAX)
		return cat_node_error(lanes, err, "found %zu lanes, expected 1 to %u", lanes->count, CAT_LANES_MAX);
	for (const struct cat_node *lane = lanes->first; lane; lane = lane->next) {
		if (lane->type != CAT_INT || lane->integer < 0 || lane->integer >= CPU_SETSIZE)
			return cat_node_error(lane, err, "expected a processor's number");
		a->cpu[a->lanes++] = (uint32_t)lane->integer;
	}
	return 0;
}

static int read_attachment(const struct cat_node *body, struct attachment *a, struct cat_err *err)
{
	const char *function = "", *poll = "adaptive", *latency = "balanced";
	int result = cat_node_read_string(body, "function", CAT_REQUIRED, &function, err);
	if (result == 0)
		result = cat_node_read_string(body, "poll", CAT_OPTIONAL, &poll, err);
	if (result == 0)
		result = cat_node_read_string(body, "latency", CAT_OPTIONAL, &latency, err);
	if (result == 0)
		result = read_lanes(body, a, err);
	if (result == 0)
		result = read_number(body, "ring", 1, CAT_RING_SIZE_MAX, &a->ring, err);
	if (result == 0)
		result = read_number(body, "supply_ring", 1, CAT_RING_SIZE_MAX, &a->supply_ring, err);
	if (result == 0)
		result = read_number(body, "buffers", 1, BUFFERS_MAX, &a->buffers, err);
	if (result == 0)
		result = read_number(body, "stride", CAT_HEADROOM + 64, CAT_STRIDE_MAX, &a->stride, err);
	if (result == 0)
		result = read_number(body, "burst", 1, CAT_BURST_MAX, &a->burst, err);
	snprintf(a->function, sizeof(a->function), "%s", function);
	a->busy = strcmp(poll, "busy") == 0;
	a->round_us = cat_round_us(latency);
	return result;
}

static bool same_terms(const struct attachment *a, const struct attachment *b)
{
	bool same = strcmp(a->function, b->function) == 0 && a->lanes == b->lanes && a->ring == b->ring &&
		    a->supply_ring == b->supply_ring && a->buffers == b->buffers && a->stride == b->stride &&
		    a->burst == b->burst && a->busy == b->busy && a->round_us == b->round_us;
	return same;
}

// Everything that was mapped is offered again.
static bool same_memory(struct cat_vnf *vnf)
{
	for (size_t i = 0; i < vnf->mapping_count; i++) {
		const struct mapping *mapping = &vnf->mappings[i];
		cat_autofd int fd = attach_take_fd(vnf, mapping->name);
		struct stat st;
		if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != mapping->device || st.st_ino != mapping->inode)
			return false;
	}
	return true;
}

static int move_lanes(struct cat_vnf *vnf, const struct attachment *wanted, struct cat_err *err)
{
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < wanted->lanes; i++) {
		result = worker_move(&vnf->workers[i], wanted->cpu[i], err);
		vnf->attachment.cpu[i] = vnf->workers[i].cpu;
	}
	return result;
}

int attach_move(struct cat_vnf *vnf, const struct cat_node *body, struct cat_err *err)
{
	struct attachment wanted = {0};
	if (!vnf->attached)
		return cat_err_set(err, -EINVAL, "lanes: there are none before \"attach\"");
	int result = read_lanes(body, &wanted, err);
	if (result == 0 && wanted.lanes != vnf->attachment.lanes)
		result = cat_err_set(err, -EINVAL, "lanes: found %u, expected %u", wanted.lanes, vnf->attachment.lanes);
	return result < 0 ? result : move_lanes(vnf, &wanted, err);
}

int attach_take(struct cat_vnf *vnf, const struct cat_node *body, struct cat_err *err)
{
	struct attachment wanted = {0};
	int result = read_attachment(body, &wanted, err);
	if (result < 0) {
		cat_err_wrap(err, "attach");
		return result;
	}
	if (vnf->attached) {
		if (!same_terms(&wanted, &vnf->attachment) || !same_memory(vnf))
			return cat_err_set(err, -ESTALE, "the dataplane offers other memory than before");
		// The service may have been scaled meanwhile.
		return move_lanes(vnf, &wanted, err);
	}
	vnf->attachment = wanted;
	vnf->workers = aligned_alloc(CAT_CACHE_LINE, wanted.lanes * sizeof(*vnf->workers));
	if (!vnf->workers)
		return cat_err_set(err, -ENOMEM, "no memory");
	memset(vnf->workers, 0, wanted.lanes * sizeof(*vnf->workers));
	struct shared shared = {0};
	result = map_shared(vnf, &shared, err);
	for (uint32_t i = 0; i < wanted.lanes && result == 0; i++)
		result = make_lane(vnf, i, &shared, err);
	vnf->attached = result == 0;
	return result;
}

void attach_release(struct cat_vnf *vnf)
{
	attach_drop_fds(vnf);
	for (uint32_t i = 0; vnf->workers && i < vnf->attachment.lanes; i++)
		punt_destroy(vnf->workers[i].engine.lane.punt);
	free(vnf->workers);
	vnf->workers = NULL;
	while (vnf->mapping_count) {
		struct mapping *mapping = &vnf->mappings[--vnf->mapping_count];
		munmap(mapping->address, mapping->size);
	}
	vnf->attached = false;
}
