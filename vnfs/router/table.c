// SPDX-License-Identifier: BSD-3-Clause
#include "table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#define TARGET_SLOTS (1u << 17) // of the index, twice ROUTER_TARGETS_MAX

int router_builder_init(struct router_builder *b, const struct router_config *config, struct cat_err *err)
{
	*b = (struct router_builder){.config = config, .routes = {{.family = AF_INET}, {.family = AF_INET6}}};
	b->table = calloc(1, sizeof(*b->table));
	b->index = calloc(TARGET_SLOTS, sizeof(*b->index));
	if (b->table && b->index)
		return 0;
	router_builder_finish(b);
	return cat_err_set(err, -ENOMEM, "no memory for routes");
}

void router_builder_finish(struct router_builder *b)
{
	router_table_destroy(b->table);
	free(b->index);
	free(b->routes[0].route);
	free(b->routes[1].route);
	*b = (struct router_builder){0};
}

struct router_routes *router_builder_routes(struct router_builder *b, uint8_t family)
{
	return &b->routes[family == AF_INET6];
}

int router_builder_add(struct router_builder *b, const struct cat_prefix *prefix, uint32_t target, uint8_t note,
		       struct cat_err *err)
{
	struct router_routes *routes = router_builder_routes(b, prefix->addr.family);
	if (routes->count == routes->room) {
		size_t room = routes->room ? routes->room * 2 : 64;
		struct fib_route *grown = realloc(routes->route, room * sizeof(*grown));
		if (!grown)
			return cat_err_set(err, -ENOMEM, "no memory for %zu routes", room);
		routes->route = grown;
		routes->room = room;
	}
	struct fib_route *route = &routes->route[routes->count++];
	*route = (struct fib_route){.length = prefix->length, .note = note, .value = (uint16_t)target};
	memcpy(route->addr, prefix->addr.byte, prefix->addr.family == AF_INET ? 4 : 16);
	return 0;
}

static bool same_hops(const struct router_table *table, const struct router_target *a, const struct router_target *b,
		      const struct router_hop *hops)
{
	if (a->kind != b->kind || a->side != b->side || a->is_default != b->is_default || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct router_hop *x = &table->hop[a->first + i];
		if (x->side != hops[i].side || !cat_addr_equal(&x->addr, &hops[i].addr))
			return false;
	}
	return true;
}

static uint64_t hash_hop(uint64_t h, const struct router_hop *hop)
{
	h = (h ^ hop->side) * UINT64_C(0x100000001b3);
	for (unsigned k = 0; k < (hop->addr.family == AF_INET ? 4 : 16); k++)
		h = (h ^ hop->addr.byte[k]) * UINT64_C(0x100000001b3);
	return h;
}

static uint32_t hash_target(const struct router_target *target, const struct router_hop *hops)
{
	uint64_t h = target->kind + 31u * target->side + 97u * target->is_default;
	for (uint32_t i = 0; i < target->count; i++)
		h = hash_hop(h, &hops[i]);
	return (uint32_t)((h ^ h >> 32) * 0x9e3779b1u) >> 15;
}

static bool grow(void **array, uint32_t *room, uint32_t need, size_t size)
{
	if (need <= *room)
		return true;
	uint32_t next = need * 2;
	void *grown = realloc(*array, next * size);
	if (!grown)
		return false;
	*array = grown;
	*room = next;
	return true;
}

int router_builder_target(struct router_builder *b, struct router_target target, const struct router_hop *hops,
			  uint32_t *ret_target, struct cat_err *err)
{
	struct router_table *table = b->table;
	uint32_t slot = hash_target(&target, hops) & (TARGET_SLOTS - 1);
	for (; b->index[slot]; slot = (slot + 1) & (TARGET_SLOTS - 1)) {
		if (same_hops(table, &table->target[b->index[slot] - 1], &target, hops)) {
			*ret_target = b->index[slot] - 1;
			return 0;
		}
	}
	if (table->target_count == ROUTER_TARGETS_MAX)
		return cat_err_set(err, -E2BIG, "more than %u different next hops and sets of them",
				   ROUTER_TARGETS_MAX);
	if (!grow((void **)&table->target, &table->target_room, table->target_count + 1, sizeof(target)) ||
	    !grow((void **)&table->hop, &table->hop_room, table->hop_count + target.count, sizeof(*hops)))
		return cat_err_set(err, -ENOMEM, "no memory for next hops");
	target.first = table->hop_count;
	target.sides = target.count ? 0 : (uint8_t)(1u << target.side);
	for (uint32_t i = 0; i < target.count; i++) {
		table->hop[table->hop_count++] = hops[i];
		target.sides |= (uint8_t)(1u << hops[i].side);
	}
	if (target.count > 1)
		target.spread = table->spread_count++ * ROUTER_BUCKETS;
	table->target[table->target_count++] = target;
	b->index[slot] = table->target_count;
	*ret_target = table->target_count - 1;
	return 0;
}

static uint64_t draw(uint64_t hop, uint32_t bucket)
{
	uint64_t x = (hop ^ bucket) + UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void spread_target(struct router_table *table, const struct router_target *target)
{
	uint64_t seed[ROUTER_ECMP_MAX];
	for (uint32_t i = 0; i < target->count; i++)
		seed[i] = draw(hash_hop(UINT64_C(0xcbf29ce484222325), &table->hop[target->first + i]), 0);
	for (uint32_t k = 0; k < ROUTER_BUCKETS; k++) {
		uint64_t best = 0;
		for (uint32_t i = 0; i < target->count; i++) {
			uint64_t drawn = draw(seed[i], k);
			if (i == 0 || drawn > best) {
				best = drawn;
				table->bucket[target->spread + k] = (uint8_t)i;
			}
		}
	}
}

int router_builder_build(struct router_builder *b, struct cat_err *err)
{
	struct router_table *table = b->table;
	int r = fib_create(b->routes[0].route, b->routes[0].count, &table->fib4, err);
	if (!r)
		r = fib_create(b->routes[1].route, b->routes[1].count, &table->fib6, err);
	if (r < 0)
		return r;
	table->bucket = malloc((size_t)table->spread_count * ROUTER_BUCKETS + 1);
	if (!table->bucket)
		return cat_err_set(err, -ENOMEM, "no memory for next hops");
	for (uint32_t i = 0; i < table->target_count; i++)
		if (table->target[i].count > 1)
			spread_target(table, &table->target[i]);
	return 0;
}

void router_table_destroy(struct router_table *table)
{
	if (!table)
		return;
	fib_destroy(table->fib4);
	fib_destroy(table->fib6);
	free(table->target);
	free(table->hop);
	free(table->bucket);
	free(table);
}
