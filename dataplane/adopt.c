// SPDX-License-Identifier: BSD-3-Clause
// How it works
//
// Functions neither allocate nor free. While no dataplane runs, their workers only move buffers from one ring to
// another, and a commit publishes a packet where it goes before it takes it from where it was (cat_abi.h). So the set
// of buffers that are in rings does not change, whatever the workers do, and at every moment each of them is in at
// least one ring between `cons` and `prod`. What can go wrong is to look into a ring before a packet arrives there, and
// into the ring that it came from after it has left. Two looks at all indices that see the same have missed nothing in
// between. Where the workers never rest (a hostile one), the buffers of all looks together count: too many would have
// to slip through all of them.
//
// A ring whose indices cannot be may hold anything: all of its slots count.
#include "adopt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "cat_loop.h"
#include "cat_memfd.h"
#include "owner.h"

#define REST_MS 50u    // how long the workers may take to come to rest
#define LOOKS_MIN 2u   // even when that time is over
#define PAUSE_NS 50000 // between looks; the workers share our core

struct view {
	const struct cat_ring *ring;
	size_t bytes;
	uint32_t size, prod, cons;
	uint8_t whose;
};

struct views {
	struct view *view;
	size_t count;
};

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);
	return n >= m && !strcmp(name + n - m, end);
}

static int add_view(struct views *views, const struct fd_entry *entry, const struct adopt_shape *shape,
		    struct cat_err *err)
{
	bool supply = ends_with(entry->name, "/supply");
	if (!supply && !ends_with(entry->name, "/return") && strncmp(entry->name, "path/", 5) != 0)
		return 0;
	const char *lane = strstr(entry->name, "/lane/");
	unsigned id = 0;
	if (!lane || sscanf(lane, "/lane/%u/", &id) != 1 || id >= shape->lanes)
		return 0; // not of this plan
	uint32_t size = supply ? shape->supply_ring : shape->ring;
	void *address;
	size_t bytes;
	int r = cat_memfd_map(entry->fd, cat_ring_bytes(size), SIZE_MAX, PROT_READ, &address, &bytes, err);
	if (r < 0)
		return cat_err_wrap(err, "%s", entry->name);
	views->view[views->count++] =
		(struct view){.ring = address, .bytes = bytes, .size = size, .whose = OWNER_LANE(id)};
	return 0;
}

static void read_cons(struct views *views)
{
	for (size_t i = 0; i < views->count; i++)
		views->view[i].cons = atomic_load_explicit(&views->view[i].ring->cons, memory_order_acquire);
}

static void read_prod(struct views *views)
{
	for (size_t i = 0; i < views->count; i++)
		views->view[i].prod = atomic_load_explicit(&views->view[i].ring->prod, memory_order_acquire);
}

static bool moved(const struct views *views)
{
	for (size_t i = 0; i < views->count; i++) {
		const struct view *v = &views->view[i];
		if (atomic_load_explicit(&v->ring->cons, memory_order_acquire) != v->cons ||
		    atomic_load_explicit(&v->ring->prod, memory_order_acquire) != v->prod)
			return true;
	}
	return false;
}

static void look(struct views *views, uint32_t buffers, uint8_t *seen, struct adopt_result *result)
{
	memset(seen, 0, buffers);
	result->duplicated = result->impossible = 0;
	read_cons(views);
	read_prod(views);
	for (size_t i = 0; i < views->count; i++) {
		const struct view *v = &views->view[i];
		uint32_t n = v->prod - v->cons;
		if (n > v->size) {
			n = v->size;
			result->impossible++;
		}
		for (uint32_t k = 0; k < n; k++) {
			// Once: who writes it may be at it.
			uint32_t buf = *(const volatile uint32_t *)&v->ring->slot[(v->cons + k) & (v->size - 1)].buf;
			if (buf >= buffers)
				result->impossible++;
			else if (seen[buf])
				result->duplicated++;
			else
				seen[buf] = v->whose;
		}
	}
	result->still = !moved(views);
}

static void look_until_still(struct views *views, uint32_t buffers, uint8_t *seen, uint8_t *whose,
			     struct adopt_result *result)
{
	uint64_t deadline = cat_now_ms() + REST_MS;
	for (unsigned looks = 0; looks < LOOKS_MIN || cat_now_ms() < deadline; looks++) {
		look(views, buffers, seen, result);
		for (uint32_t i = 0; i < buffers; i++)
			if (seen[i])
				whose[i] = seen[i];
		if (result->still)
			break;
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	for (uint32_t i = 0; i < buffers; i++)
		result->under_way += whose[i] != OWNER_DATAPLANE;
}

int adopt_scan(const struct fd_table *fds, const struct adopt_shape *shape, uint8_t *whose, struct adopt_result *ret,
	       struct cat_err *err)
{
	struct views views = {.view = calloc(fds->count + 1, sizeof(*views.view))};
	uint8_t *seen = malloc(shape->buffers);
	int r = views.view && seen ? 0 : cat_err_set(err, -ENOMEM, "no memory to look through the rings");
	for (size_t i = 0; r == 0 && i < fds->count; i++)
		r = add_view(&views, &fds->entry[i], shape, err);
	if (r == 0) {
		struct adopt_result result = {0};
		look_until_still(&views, shape->buffers, seen, whose, &result);
		*ret = result;
	}
	for (size_t i = 0; i < views.count; i++)
		munmap((void *)views.view[i].ring, views.view[i].bytes);
	free(views.view);
	free(seen);
	return r;
}
