// SPDX-License-Identifier: BSD-3-Clause
#include "rib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#define FAMILIES 2u
#define SETS_MAX ROUTER_TARGETS_MAX
#define SET_SLOTS (1u << 17)
#define GONE UINT32_MAX // instead of a set

struct rib_route {
	uint8_t addr[16];
	uint8_t length;
	bool stale;
	uint32_t set;
	uint32_t order; // among changes
};

struct rib_list {
	struct rib_route *route;
	size_t count, room;
};

struct rib {
	struct rib_list sorted[FAMILIES], change[FAMILIES], reread[FAMILIES];
	struct rib_set *set;
	uint32_t set_count, set_room;
	uint32_t *index;       // SET_SLOTS numbers of sets plus one
	bool rereading, dirty; // dirty: different from what rib_commit saw last
};

struct rib *rib_create(void)
{
	struct rib *rib = calloc(1, sizeof(*rib));
	if (rib)
		rib->index = calloc(SET_SLOTS, sizeof(*rib->index));
	if (rib && rib->index)
		return rib;
	rib_destroy(rib);
	return NULL;
}

void rib_destroy(struct rib *rib)
{
	if (!rib)
		return;
	for (unsigned f = 0; f < FAMILIES; f++) {
		free(rib->sorted[f].route);
		free(rib->change[f].route);
		free(rib->reread[f].route);
	}
	free(rib->set);
	free(rib->index);
	free(rib);
}

static unsigned family_of(const struct cat_prefix *prefix)
{
	return prefix->addr.family == AF_INET6;
}

static size_t addr_bytes(unsigned family)
{
	return family ? 16 : 4;
}

static bool same_set(const struct rib_set *a, const struct rib_set *b)
{
	if (a->kind != b->kind || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (a->hop[i].side != b->hop[i].side || !cat_addr_equal(&a->hop[i].addr, &b->hop[i].addr))
			return false;
	return true;
}

static uint32_t slot_of(const struct rib_set *set)
{
	uint64_t h = set->kind;
	for (uint32_t i = 0; i < set->count; i++) {
		h = (h ^ set->hop[i].side ^ set->hop[i].addr.family) * UINT64_C(0x100000001b3);
		for (unsigned k = 0; k < 16; k++)
			h = (h ^ set->hop[i].addr.byte[k]) * UINT64_C(0x100000001b3);
	}
	return (uint32_t)((h ^ h >> 32) * 0x9e3779b1u) >> 15 & (SET_SLOTS - 1);
}

// Sets that no route names any more, when there are many, make room.
static void collect_sets(struct rib *rib)
{
	uint32_t *number = calloc(rib->set_count, sizeof(*number)), kept = 0;
	if (!number)
		return;
	struct rib_list *lists[] = {&rib->sorted[0], &rib->sorted[1], &rib->change[0],
				    &rib->change[1], &rib->reread[0], &rib->reread[1]};
	for (size_t l = 0; l < CAT_ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < lists[l]->count; i++)
			if (lists[l]->route[i].set != GONE)
				number[lists[l]->route[i].set] = 1;
	memset(rib->index, 0, SET_SLOTS * sizeof(*rib->index));
	for (uint32_t i = 0; i < rib->set_count; i++) {
		if (!number[i])
			continue;
		rib->set[kept] = rib->set[i];
		number[i] = kept++;
		uint32_t slot = slot_of(&rib->set[number[i]]);
		while (rib->index[slot])
			slot = (slot + 1) & (SET_SLOTS - 1);
		rib->index[slot] = number[i] + 1;
	}
	for (size_t l = 0; l < CAT_ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < lists[l]->count; i++)
			if (lists[l]->route[i].set != GONE)
				lists[l]->route[i].set = number[lists[l]->route[i].set];
	rib->set_count = kept;
	free(number);
}

static int find_set(struct rib *rib, const struct rib_set *wanted, uint32_t *ret_set)
{
	struct rib_set set = {.kind = wanted->kind, .count = wanted->count};
	memcpy(set.hop, wanted->hop, set.count * sizeof(set.hop[0]));
	if (rib->set_count == SETS_MAX)
		collect_sets(rib);
	uint32_t slot = slot_of(&set);
	for (; rib->index[slot]; slot = (slot + 1) & (SET_SLOTS - 1)) {
		if (same_set(&rib->set[rib->index[slot] - 1], &set)) {
			*ret_set = rib->index[slot] - 1;
			return 0;
		}
	}
	if (rib->set_count == SETS_MAX)
		return -E2BIG;
	if (rib->set_count == rib->set_room) {
		uint32_t room = rib->set_room ? rib->set_room * 2 : 16;
		struct rib_set *grown = realloc(rib->set, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		rib->set = grown;
		rib->set_room = room;
	}
	rib->set[rib->set_count++] = set;
	rib->index[slot] = rib->set_count;
	*ret_set = rib->set_count - 1;
	return 0;
}

static int reserve(struct rib_list *list, size_t count)
{
	if (count <= list->room)
		return 0;
	size_t room = count > list->room * 2 ? count : list->room * 2;
	room = room < 64 ? 64 : room;
	struct rib_route *grown = realloc(list->route, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->route = grown;
	list->room = room;
	return 0;
}

static int append(struct rib *rib, struct rib_list *list, const struct cat_prefix *prefix, const struct rib_set *set)
{
	uint32_t number = GONE;
	// Changes may name a prefix more than once, but not without end.
	if (list->count >= (size_t)ROUTER_ROUTES_MAX * 2)
		return -E2BIG;
	int r = set ? find_set(rib, set, &number) : 0;
	if (!r)
		r = reserve(list, list->count + 1);
	if (r < 0)
		return r;
	struct rib_route *route = &list->route[list->count];
	*route = (struct rib_route){.length = prefix->length, .set = number, .order = (uint32_t)list->count};
	memcpy(route->addr, prefix->addr.byte, addr_bytes(family_of(prefix)));
	list->count++;
	return 0;
}

int rib_change(struct rib *rib, const struct cat_prefix *prefix, const struct rib_set *set)
{
	return append(rib, &rib->change[family_of(prefix)], prefix, set);
}

void rib_reread_begin(struct rib *rib)
{
	for (unsigned f = 0; f < FAMILIES; f++)
		rib->change[f].count = rib->reread[f].count = 0;
	rib->rereading = true;
}

int rib_reread_add(struct rib *rib, const struct cat_prefix *prefix, const struct rib_set *set)
{
	return append(rib, &rib->reread[family_of(prefix)], prefix, set);
}

bool rib_is_rereading(const struct rib *rib)
{
	return rib->rereading;
}

bool rib_has_changes(const struct rib *rib)
{
	return rib->dirty || rib->change[0].count || rib->change[1].count;
}

static int compare(const struct rib_route *x, const struct rib_route *y)
{
	int order = memcmp(x->addr, y->addr, 16);
	return order ? order : (int)x->length - (int)y->length;
}

static int compare_change(const void *a, const void *b)
{
	const struct rib_route *x = a, *y = b;
	int order = compare(x, y);
	return order ? order : (x->order > y->order) - (x->order < y->order);
}

// Sorts, and of several about one prefix keeps the last.
static void settle(struct rib_list *list)
{
	if (!list->count)
		return;
	qsort(list->route, list->count, sizeof(*list->route), compare_change);
	size_t kept = 0;
	for (size_t i = 1; i < list->count; i++) {
		if (compare(&list->route[kept], &list->route[i]) != 0)
			kept++;
		list->route[kept] = list->route[i];
	}
	list->count = kept + 1;
}

// Both sorted. A new one counts before an old one; what is gone goes, unless it was stale.
static int merge(struct rib_list *old, struct rib_list *new, bool *ret_different)
{
	struct rib_list merged = {0};
	if (reserve(&merged, old->count + new->count) < 0)
		return -ENOMEM;
	size_t i = 0, k = 0;
	bool different = false;
	while (i < old->count || k < new->count) {
		int order = i == old->count ? 1 : k == new->count ? -1 : compare(&old->route[i], &new->route[k]);
		if (order < 0) {
			merged.route[merged.count++] = old->route[i++];
			continue;
		}
		const struct rib_route *route = &new->route[k++], *before = order == 0 ? &old->route[i++] : NULL;
		if (before && before->stale && route->set == GONE) {
			merged.route[merged.count++] = *before;
			continue;
		}
		different |= before ? route->set != before->set || before->stale : route->set != GONE;
		if (route->set != GONE)
			merged.route[merged.count++] = *route;
	}
	free(old->route);
	*old = merged;
	new->count = 0;
	*ret_different |= different;
	return 0;
}

int rib_commit(struct rib *rib)
{
	bool different = rib->dirty;
	for (unsigned f = 0; f < FAMILIES; f++) {
		if (!rib->change[f].count)
			continue;
		settle(&rib->change[f]);
		// Should memory be short, the order is to be still right when more was added.
		for (size_t i = 0; i < rib->change[f].count; i++)
			rib->change[f].route[i].order = (uint32_t)i;
		if (merge(&rib->sorted[f], &rib->change[f], &different) < 0)
			return -ENOMEM;
	}
	rib->dirty = false;
	return different;
}

int rib_reread_end(struct rib *rib, bool sweep)
{
	bool ignored = false;
	for (unsigned f = 0; f < FAMILIES; f++) {
		// Of the old ones only what is stale stays, and gives way to what was read.
		struct rib_list *sorted = &rib->sorted[f];
		size_t kept = 0;
		settle(&rib->reread[f]);
		for (size_t i = 0; i < sorted->count; i++)
			if (sorted->route[i].stale && !sweep)
				sorted->route[kept++] = sorted->route[i];
		sorted->count = kept;
		if (merge(sorted, &rib->reread[f], &ignored) < 0)
			return -ENOMEM;
	}
	rib->dirty = true;
	rib->rereading = false;
	return 0;
}

void rib_make_stale(struct rib *rib)
{
	for (unsigned f = 0; f < FAMILIES; f++)
		for (size_t i = 0; i < rib->sorted[f].count; i++)
			rib->sorted[f].route[i].stale = true;
	rib->dirty = true;
}

size_t rib_count(const struct rib *rib)
{
	return rib->sorted[0].count + rib->sorted[1].count;
}

// Routes for rib_build: what was configured first, which wins where both have a prefix.
struct build {
	struct router_builder builder;
	uint32_t *target; // by set, plus one; GONE: refused
	size_t refused;
};

static bool usable(const struct router_config *config, const struct router_hop *hop)
{
	const struct cat_l3_interface *interface = &config->interface[hop->side];
	for (uint32_t i = 0; i < interface->count; i++)
		if (interface->address[i].addr.family == hop->addr.family)
			return !cat_l3_is_own(interface, &hop->addr);
	return false;
}

// The target of a set under this configuration; GONE: none of its next hops can be used.
static int target_of(struct build *b, const struct rib_set *set, bool is_default, uint32_t *ret_target)
{
	struct router_target target = {.kind = set->kind, .is_default = is_default};
	struct router_hop hop[ROUTER_ECMP_MAX];
	struct cat_err ignored = {0};
	if (set->kind == ROUTER_CONNECTED)
		target.side = (uint8_t)set->hop[0].side;
	for (uint32_t i = 0; set->kind == ROUTER_GATEWAY && i < set->count; i++) {
		if (!usable(b->builder.config, &set->hop[i]))
			continue;
		hop[target.count++] = set->hop[i];
	}
	*ret_target = GONE;
	if (set->kind == ROUTER_GATEWAY && !target.count)
		return 0;
	int r = router_builder_target(&b->builder, target, hop, ret_target, &ignored);
	return r == -E2BIG ? 0 : r;
}

static int add_learnt(struct build *b, const struct rib *rib, unsigned family, const struct rib_route *route)
{
	struct cat_err ignored = {0};
	const struct rib_set *set = &rib->set[route->set];
	bool is_default = route->length == 0;
	uint32_t target = is_default ? 0 : b->target[route->set];
	if (!target) {
		int r = target_of(b, set, is_default, &target);
		if (r < 0)
			return r;
		target += target != GONE;
		if (!is_default)
			b->target[route->set] = target;
	}
	struct router_routes *routes = &b->builder.routes[family];
	bool other_family = set->count && set->hop[0].addr.family != routes->family;
	if (target == GONE || other_family || routes->count >= ROUTER_ROUTES_MAX) {
		b->refused++;
		return 0;
	}
	struct cat_prefix prefix = {.addr.family = routes->family, .length = route->length};
	memcpy(prefix.addr.byte, route->addr, 16);
	b->builder.table->learnt_count++;
	b->builder.table->stale_count += route->stale;
	return router_builder_add(&b->builder, &prefix, target - 1, 0, &ignored);
}

// Both are sorted, so that the result is.
static int merge_family(struct build *b, const struct rib *rib, const struct router_config *config, unsigned family)
{
	const struct router_routes *base = &config->routes[family];
	const struct rib_list *learnt = &rib->sorted[family];
	const struct router_table *table = config->base;
	size_t i = 0, k = 0;
	int r = 0;
	while (!r && (i < base->count || k < learnt->count)) {
		int order = 0;
		if (i == base->count || k == learnt->count) {
			order = i == base->count ? 1 : -1;
		} else {
			order = memcmp(base->route[i].addr, learnt->route[k].addr, 16);
			order = order ? order : (int)base->route[i].length - (int)learnt->route[k].length;
		}
		if (order > 0) {
			r = add_learnt(b, rib, family, &learnt->route[k++]);
			continue;
		}
		const struct fib_route *route = &base->route[i++];
		const struct router_target *target = &table->target[route->value];
		struct cat_prefix prefix = {.addr.family = base->family, .length = route->length};
		struct cat_err ignored = {0};
		uint32_t number;
		k += order == 0;
		memcpy(prefix.addr.byte, route->addr, 16);
		r = router_builder_target(&b->builder, *target, &table->hop[target->first], &number, &ignored);
		if (!r)
			r = router_builder_add(&b->builder, &prefix, number, route->note, &ignored);
	}
	return r;
}

int rib_build(const struct rib *rib, const struct router_config *config, struct router_table **ret_table,
	      struct cat_err *err)
{
	struct build b = {.target = calloc(rib->set_count + 1u, sizeof(*b.target))};
	int r = router_builder_init(&b.builder, config, err);
	if (!r && !b.target)
		r = -ENOMEM;
	for (unsigned f = 0; f < FAMILIES && !r; f++)
		r = merge_family(&b, rib, config, f);
	if (!r)
		r = router_builder_build(&b.builder, err);
	if (!r) {
		*ret_table = b.builder.table;
		(*ret_table)->refused_count = (uint32_t)b.refused;
		b.builder.table = NULL;
	}
	router_builder_finish(&b.builder);
	free(b.target);
	return r < 0 ? cat_err_set(err, r, "no memory for the routing table") : 0;
}

// What is kept: a header; sets as a kind, a count and next hops; routes with the number of their set.
#define SAVED_MAGIC UINT32_C(0x31424952) // "RIB1"
struct saved_header {
	uint32_t magic, sets;
	uint32_t routes[FAMILIES];
};
struct saved_set {
	uint8_t kind, count, zero[2];
};
struct saved_hop {
	uint8_t addr[16];
	uint8_t family, side, zero[2];
};

static size_t saved_route_bytes(unsigned family)
{
	return addr_bytes(family) + 4;
}

static uint8_t *save_sets(const struct rib *rib, uint8_t *out)
{
	for (uint32_t i = 0; i < rib->set_count; i++) {
		const struct rib_set *set = &rib->set[i];
		const struct saved_set saved = {.kind = set->kind, .count = set->count};
		memcpy(out, &saved, sizeof(saved));
		out += sizeof(saved);
		for (uint32_t k = 0; k < set->count; k++) {
			struct saved_hop hop = {.family = set->hop[k].addr.family, .side = (uint8_t)set->hop[k].side};
			memcpy(hop.addr, set->hop[k].addr.byte, 16);
			memcpy(out, &hop, sizeof(hop));
			out += sizeof(hop);
		}
	}
	return out;
}

ssize_t rib_save(const struct rib *rib, void *memory, size_t max)
{
	const struct saved_header header = {.magic = SAVED_MAGIC,
					    .sets = rib->set_count,
					    .routes = {(uint32_t)rib->sorted[0].count, (uint32_t)rib->sorted[1].count}};
	size_t size = sizeof(header);
	for (uint32_t i = 0; i < rib->set_count; i++)
		size += sizeof(struct saved_set) + rib->set[i].count * sizeof(struct saved_hop);
	for (unsigned f = 0; f < FAMILIES; f++)
		size += rib->sorted[f].count * saved_route_bytes(f);
	if (size > max)
		return -E2BIG;
	uint8_t *out = memory;
	memcpy(out, &header, sizeof(header));
	out = save_sets(rib, out + sizeof(header));
	for (unsigned f = 0; f < FAMILIES; f++) {
		size_t n = addr_bytes(f);
		for (size_t i = 0; i < rib->sorted[f].count; i++, out += n + 4) {
			const struct rib_route *route = &rib->sorted[f].route[i];
			uint32_t word = (uint32_t)route->length << 24 | route->set;
			memcpy(out, route->addr, n);
			memcpy(out + n, &word, 4);
		}
	}
	return (ssize_t)size;
}

static bool load_set(struct rib *rib, const uint8_t **data, const uint8_t *end)
{
	struct saved_set saved;
	struct rib_set set = {0};
	uint32_t number;
	if ((size_t)(end - *data) < sizeof(saved))
		return false;
	memcpy(&saved, *data, sizeof(saved));
	*data += sizeof(saved);
	bool sound = (saved.kind == ROUTER_GATEWAY && saved.count > 0) ||
		     (saved.kind == ROUTER_CONNECTED && saved.count == 1) ||
		     ((saved.kind == ROUTER_BLACKHOLE || saved.kind == ROUTER_UNREACHABLE) && saved.count == 0);
	if (!sound || saved.count > ROUTER_ECMP_MAX || (size_t)(end - *data) < saved.count * sizeof(struct saved_hop))
		return false;
	set.kind = saved.kind;
	set.count = saved.count;
	for (uint32_t k = 0; k < saved.count; k++, *data += sizeof(struct saved_hop)) {
		struct saved_hop hop;
		memcpy(&hop, *data, sizeof(hop));
		if ((hop.family != AF_INET && hop.family != AF_INET6) || hop.side >= CAT_SIDES ||
		    (k && hop.family != set.hop[0].addr.family))
			return false;
		set.hop[k].addr.family = hop.family;
		set.hop[k].side = (enum cat_side)hop.side;
		memcpy(set.hop[k].addr.byte, hop.addr, hop.family == AF_INET ? 4 : 16);
		memcpy(&set.hop[k].addr4, hop.addr, 4);
	}
	// Equal sets would move the numbers that routes go by.
	return find_set(rib, &set, &number) == 0 && number == rib->set_count - 1;
}

static bool load_route(struct rib *rib, unsigned family, const uint8_t *data)
{
	struct rib_list *list = &rib->sorted[family];
	struct rib_route *route = &list->route[list->count];
	struct cat_prefix prefix = {.addr.family = family ? AF_INET6 : AF_INET};
	size_t n = addr_bytes(family);
	uint32_t word;
	memcpy(&word, data + n, 4);
	*route = (struct rib_route){.length = (uint8_t)(word >> 24), .stale = true, .set = word & 0xffffff};
	memcpy(route->addr, data, n);
	memcpy(prefix.addr.byte, data, n);
	prefix.length = route->length;
	if (route->length > 8 * n || route->set >= rib->set_count)
		return false;
	cat_prefix_mask(&prefix);
	// In order and each once, as it was saved.
	if (memcmp(prefix.addr.byte, route->addr, n) != 0 || (list->count && compare(route - 1, route) >= 0))
		return false;
	list->count++;
	return true;
}

static bool load(struct rib *rib, const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	struct saved_header header;
	if (size < sizeof(header))
		return false;
	memcpy(&header, data, sizeof(header));
	data += sizeof(header);
	if (header.magic != SAVED_MAGIC || header.sets > SETS_MAX)
		return false;
	for (uint32_t i = 0; i < header.sets; i++)
		if (!load_set(rib, &data, end))
			return false;
	for (unsigned f = 0; f < FAMILIES; f++) {
		size_t bytes = saved_route_bytes(f), count = header.routes[f];
		if (count > ROUTER_ROUTES_MAX * 2u || (size_t)(end - data) < count * bytes ||
		    reserve(&rib->sorted[f], count) < 0)
			return false;
		for (size_t i = 0; i < count; i++, data += bytes)
			if (!load_route(rib, f, data))
				return false;
	}
	return data == end;
}

int rib_load(struct rib *rib, const void *data, size_t size)
{
	rib->dirty = true;
	if (load(rib, data, size))
		return 0;
	rib->sorted[0].count = rib->sorted[1].count = 0;
	rib->set_count = 0;
	memset(rib->index, 0, SET_SLOTS * sizeof(*rib->index));
	return -EBADMSG;
}
