// SPDX-License-Identifier: BSD-3-Clause
#include "memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_control.h"
#include "cat_memfd.h"

#define STATE_MIN_BYTES 4096

// What all parts of the plan share.
struct sizes {
	uint32_t lanes, ring, supply;
	int node;
	int lane_node[CAT_LANES_MAX]; // where only one lane looks; the same but for lanes of several nodes
};

static const struct memory_item *find_args(const struct memory *memory, const char *format, va_list args)
{
	char name[MEMORY_NAME_MAX];
	vsnprintf(name, sizeof(name), format, args);
	for (size_t i = 0; i < memory->count; i++)
		if (!strcmp(memory->item[i].name, name))
			return &memory->item[i];
	return NULL;
}

const struct memory_item *memory_find(const struct memory *memory, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const struct memory_item *item = find_args(memory, format, args);
	va_end(args);
	return item;
}

const struct cat_stats_page *memory_stats(const struct memory *memory, const char *name)
{
	const struct memory_item *item = memory_find(memory, "%s", name);
	return item ? item->map : NULL;
}

const struct cat_ring *memory_ring(const struct memory *memory, const char *path, unsigned link, unsigned lane,
				   bool right)
{
	const struct memory_item *item =
		memory_find(memory, "path/%s/link/%u/lane/%u/%s", path, link, lane, right ? "right" : "left");
	return item ? item->map : NULL;
}

void memory_free(struct memory *memory)
{
	for (size_t i = 0; i < memory->count; i++) {
		if (memory->item[i].map)
			munmap((void *)(uintptr_t)memory->item[i].map, memory->item[i].map_bytes);
		if (memory->item[i].fd >= 0)
			close(memory->item[i].fd);
	}
	free(memory->item);
	*memory = (struct memory){0};
}

// What an earlier manager made.
static int take(struct cat_fds *held, struct memory_item *item, size_t bytes, struct cat_err *err)
{
	struct stat st;
	item->fd = cat_fds_take(held, item->name);
	if (item->fd < 0)
		return cat_err_set(err, -ENOENT, "%s: nobody holds it any more", item->name);
	if (fstat(item->fd, &st) < 0)
		return cat_err_errno(err, "%s", item->name);
	if ((uint64_t)st.st_size < bytes)
		return cat_err_set(err, -EBADMSG, "%s: found %lld bytes, expected %zu", item->name,
				   (long long)st.st_size, bytes);
	return 0;
}

static int add(struct memory *memory, size_t bytes, size_t page_bytes, int node, struct cat_err *err,
	       const char *format, ...) __attribute__((format(printf, 6, 7)));
static int add(struct memory *memory, size_t bytes, size_t page_bytes, int node, struct cat_err *err,
	       const char *format, ...)
{
	struct memory_item *more = realloc(memory->item, (memory->count + 1) * sizeof(*more));
	if (!more)
		return cat_err_set(err, -ENOMEM, "memory of the service: no memory");
	memory->item = more;
	struct memory_item *item = &more[memory->count];
	*item = (struct memory_item){.fd = -1};
	va_list args;
	va_start(args, format);
	int n = vsnprintf(item->name, sizeof(item->name), format, args);
	va_end(args);
	if (n >= (int)sizeof(item->name))
		return cat_err_set(err, -ENAMETOOLONG, "name of memory: found %d characters, at most %zu fit", n,
				   sizeof(item->name) - 1);
	int r = memory->held ? take(memory->held, item, bytes, err)
			     : cat_memfd_create(item->name, bytes, page_bytes, node, &item->fd, err);
	if (r == 0)
		memory->count++;
	else if (item->fd >= 0)
		close(item->fd);
	return r;
}

// Keeps the last added one mapped for reading.
static int keep_mapped(struct memory *memory, size_t bytes, struct cat_err *err)
{
	struct memory_item *item = &memory->item[memory->count - 1];
	void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, item->fd, 0);
	if (map == MAP_FAILED)
		return cat_err_errno(err, "mapping %s", item->name);
	item->map = map;
	item->map_bytes = bytes;
	return 0;
}

// Maps the last added one for writing just as long as it is given its header.
static int with_header(struct memory *memory, void (*format)(void *page, uint32_t size), uint32_t size, size_t bytes,
		       struct cat_err *err)
{
	if (memory->held)
		return 0;
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory->item[memory->count - 1].fd, 0);
	if (map == MAP_FAILED)
		return cat_err_errno(err, "mapping %s", memory->item[memory->count - 1].name);
	format(map, size);
	munmap(map, bytes);
	return 0;
}

static void format_ring(void *page, uint32_t size)
{
	cat_ring_format(page, size);
}

static void format_worker(void *page, uint32_t size)
{
	(void)size;
	struct cat_worker_page *worker = page;
	worker->magic = CAT_WORKER_MAGIC;
	worker->version = CAT_ABI_VERSION;
}

static int finish_ring(struct memory *memory, uint32_t size, struct cat_err *err)
{
	int r = with_header(memory, format_ring, size, sizeof(struct cat_ring), err);
	// The indices are all that is read here.
	return r < 0 ? r : keep_mapped(memory, sizeof(struct cat_ring), err);
}

static int make_function(struct memory *memory, const struct sizes *sizes, const char *name, size_t state_bytes,
			 struct cat_err *err)
{
	if (state_bytes < STATE_MIN_BYTES)
		state_bytes = STATE_MIN_BYTES;
	int r = add(memory, state_bytes, 0, sizes->node, err, "function/%s/state", name);
	if (r == 0)
		r = add(memory, cat_stats_bytes(sizes->lanes), 0, sizes->node, err, "function/%s/stats", name);
	if (r == 0)
		r = keep_mapped(memory, cat_stats_bytes(sizes->lanes), err);
	for (uint32_t lane = 0; r == 0 && lane < sizes->lanes; lane++) {
		r = add(memory, sizeof(struct cat_worker_page), 0, sizes->lane_node[lane], err,
			"function/%s/lane/%u/worker", name, lane);
		if (r == 0)
			r = with_header(memory, format_worker, 0, sizeof(struct cat_worker_page), err);
		if (r == 0)
			r = keep_mapped(memory, sizeof(struct cat_worker_page), err);
		if (r == 0)
			r = add(memory, cat_ring_bytes(sizes->ring), 0, sizes->lane_node[lane], err,
				"function/%s/lane/%u/return", name, lane);
		if (r == 0)
			r = finish_ring(memory, sizes->ring, err);
		if (r == 0)
			r = add(memory, cat_ring_bytes(sizes->supply), 0, sizes->lane_node[lane], err,
				"function/%s/lane/%u/supply", name, lane);
		if (r == 0)
			r = finish_ring(memory, sizes->supply, err);
	}
	return r;
}

static int make_link(struct memory *memory, const struct sizes *sizes, const char *path, unsigned link,
		     struct cat_err *err)
{
	static const char *const directions[] = {"right", "left"};
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < sizes->lanes * 2; i++) {
		r = add(memory, cat_ring_bytes(sizes->ring), 0, sizes->lane_node[i / 2], err,
			"path/%s/link/%u/lane/%u/%s", path, link, i / 2, directions[i % 2]);
		if (r == 0)
			r = finish_ring(memory, sizes->ring, err);
	}
	return r;
}

static int make_parts(struct memory *memory, const struct cat_node *plan, const struct sizes *sizes,
		      struct cat_err *err)
{
	int r = 0;
	const struct cat_node *functions = cat_node_get(plan, "functions"), *paths = cat_node_get(plan, "paths");
	for (const struct cat_node *f = functions ? functions->first : NULL; r == 0 && f; f = f->next) {
		const char *name = NULL;
		int64_t bytes = 0;
		r = cat_node_read_string(f, "name", CAT_REQUIRED, &name, err);
		if (r == 0)
			r = cat_node_read_int(f, "state_bytes", CAT_OPTIONAL, 0, INT64_MAX, &bytes, err);
		if (r == 0)
			r = make_function(memory, sizes, name, (size_t)bytes, err);
	}
	for (const struct cat_node *p = paths ? paths->first : NULL; r == 0 && p; p = p->next) {
		const char *name = NULL;
		const struct cat_node *links = NULL;
		r = cat_node_read_string(p, "name", CAT_REQUIRED, &name, err);
		if (r == 0)
			r = cat_node_read_list(p, "links", CAT_REQUIRED, &links, err);
		for (unsigned i = 0; r == 0 && i < links->count; i++)
			r = make_link(memory, sizes, name, i, err);
	}
	return r;
}

int memory_create(const struct cat_node *plan, struct cat_fds *held, struct memory *ret_memory, struct cat_err *err)
{
	struct memory memory = {.held = held};
	int64_t node = -1, ring = 0, supply = 0, bytes = 0, page_bytes = 0;
	const struct cat_node *lanes = NULL, *region = NULL;
	int r = cat_node_read_int(plan, "node", CAT_OPTIONAL, -1, CAT_MEMFD_NODES_MAX - 1, &node, err);
	if (r == 0)
		r = cat_node_read_int(plan, "ring", CAT_REQUIRED, 2, CAT_RING_SIZE_MAX, &ring, err);
	if (r == 0)
		r = cat_node_read_int(plan, "supply_ring", CAT_REQUIRED, 2, CAT_RING_SIZE_MAX, &supply, err);
	if (r == 0)
		r = cat_node_read_list(plan, "lanes", CAT_REQUIRED, &lanes, err);
	if (r == 0)
		r = cat_node_read_map(plan, "region", CAT_REQUIRED, &region, err);
	if (r == 0)
		r = cat_node_read_int(region, "bytes", CAT_REQUIRED, 1, INT64_MAX, &bytes, err);
	if (r == 0)
		r = cat_node_read_int(region, "page_bytes", CAT_OPTIONAL, 0, INT64_MAX, &page_bytes, err);
	if (r < 0 || !lanes)
		return cat_err_wrap(err, "plan");
	if (!lanes->count || lanes->count > CAT_LANES_MAX)
		return cat_node_error(lanes, err, "plan: found %zu lanes, expected 1 to %u", lanes->count,
				      CAT_LANES_MAX);
	struct sizes sizes = {
		.lanes = (uint32_t)lanes->count, .ring = (uint32_t)ring, .supply = (uint32_t)supply, .node = (int)node};
	uint32_t at = 0;
	for (const struct cat_node *lane = lanes->first; lane; lane = lane->next) {
		int64_t of = node;
		if (lane->type == CAT_MAP)
			r = cat_node_read_int(lane, "node", CAT_OPTIONAL, -1, CAT_MEMFD_NODES_MAX - 1, &of, err);
		if (r < 0)
			return cat_err_wrap(err, "plan");
		sizes.lane_node[at++] = (int)of;
	}
	// What the kernel calls a huge page; anything smaller is a normal one.
	size_t huge = page_bytes > sysconf(_SC_PAGESIZE) ? (size_t)page_bytes : 0;
	r = add(&memory, (size_t)bytes, huge, sizes.node, err, "region");
	if (r == 0)
		r = add(&memory, cat_stats_bytes(sizes.lanes), 0, sizes.node, err, "stats");
	if (r == 0)
		r = keep_mapped(&memory, cat_stats_bytes(sizes.lanes), err);
	if (r == 0)
		r = make_parts(&memory, plan, &sizes, err);
	memory.held = NULL;
	if (r < 0)
		memory_free(&memory);
	else
		*ret_memory = memory;
	return r;
}
