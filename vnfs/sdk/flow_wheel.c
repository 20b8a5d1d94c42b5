// SPDX-License-Identifier: BSD-3-Clause
// Expiry of flow table entries. See flow.h for how it works.
#include "flow.h"

#include <string.h>

static uint64_t *word_of(struct cat_flow_table *table, uint32_t list)
{
	return &table->occupied[list >> WHEEL_BITS][(list & (WHEEL_SLOTS - 1)) / 64];
}

static bool level_empty(const struct cat_flow_table *table, uint32_t level)
{
	uint64_t any = 0;
	for (uint32_t i = 0; i < WHEEL_SLOTS / 64; i++)
		any |= table->occupied[level][i];
	return any == 0;
}

static uint32_t list_at(uint32_t level, uint64_t tick)
{
	return level * WHEEL_SLOTS + ((uint32_t)(tick >> (level * WHEEL_BITS)) & (WHEEL_SLOTS - 1));
}

void flow_wheel_clear(struct cat_flow_table *table)
{
	for (uint32_t i = 0; i < WHEEL_LEVELS * WHEEL_SLOTS; i++)
		table->head[i] = CAT_FLOW_NONE;
	memset(table->occupied, 0, sizeof(table->occupied));
}

// The list for a time: in the finest level in which it is less than one turn away.
static uint32_t list_for(uint64_t now, uint64_t due)
{
	for (uint32_t level = 0; level < WHEEL_LEVELS; level++) {
		uint32_t shift = level * WHEEL_BITS;
		if ((due >> shift) - (now >> shift) < WHEEL_SLOTS)
			return list_at(level, due);
	}
	// Beyond the wheel: the farthest slot, from where it is placed again.
	uint32_t level = WHEEL_LEVELS - 1;
	return list_at(level, now + ((uint64_t)(WHEEL_SLOTS - 1) << (level * WHEEL_BITS)));
}

void flow_wheel_place(struct cat_flow_table *table, uint32_t index)
{
	// Rounded up, so that an entry is never looked at before its time.
	uint64_t expires_ms = flow_entry(table, index)->expires_ms;
	uint64_t due = (expires_ms >> WHEEL_TICK_SHIFT) + ((expires_ms & ((1u << WHEEL_TICK_SHIFT) - 1)) != 0);
	uint32_t list = list_for(table->tick, due < table->tick ? table->tick : due);
	uint32_t first = table->head[list];
	struct flow_link *link = flow_link(table, index);
	link->next = first;
	link->prev = WHEEL_HEAD | list;
	if (first != CAT_FLOW_NONE)
		flow_link(table, first)->prev = index;
	table->head[list] = index;
	*word_of(table, list) |= UINT64_C(1) << (list % 64);
}

void flow_wheel_unlink(struct cat_flow_table *table, uint32_t index)
{
	struct flow_link *link = flow_link(table, index);
	if (link->next != CAT_FLOW_NONE)
		flow_link(table, link->next)->prev = link->prev;
	if (!(link->prev & WHEEL_HEAD)) {
		flow_link(table, link->prev)->next = link->next;
		return;
	}
	uint32_t list = link->prev & ~WHEEL_HEAD;
	table->head[list] = link->next;
	if (link->next == CAT_FLOW_NONE)
		*word_of(table, list) &= ~(UINT64_C(1) << (list % 64));
}

uint64_t cat_flow_expires_ms(const struct cat_flow_table *table, uint32_t index)
{
	return flow_entry(table, index)->expires_ms;
}

void cat_flow_set_expiry(struct cat_flow_table *table, uint32_t index, uint64_t expires_ms)
{
	struct flow_entry *entry = flow_entry(table, index);
	bool sooner = expires_ms < entry->expires_ms;
	entry->expires_ms = expires_ms;
	if (sooner) {
		flow_wheel_unlink(table, index);
		flow_wheel_place(table, index);
	}
}

// Places the entries of a coarse list anew when its time begins. False: the budget is used up.
static bool cascade(struct cat_flow_table *table, uint32_t level, uint32_t budget, uint32_t *looked)
{
	uint32_t list = list_at(level, table->tick);
	while (table->head[list] != CAT_FLOW_NONE) {
		if (*looked == budget)
			return false;
		++*looked;
		uint32_t index = table->head[list];
		flow_wheel_unlink(table, index);
		flow_wheel_place(table, index);
	}
	return true;
}

// Everything that falls due in the wheel's current tick. False: the budget is used up.
static bool expire_tick(struct cat_flow_table *table, uint64_t now_ms, uint32_t budget, uint32_t *looked,
			cat_flow_expired_fn fn, void *user)
{
	for (uint32_t level = WHEEL_LEVELS - 1; level > 0; level--) {
		if ((table->tick & ((UINT64_C(1) << (level * WHEEL_BITS)) - 1)) == 0 &&
		    !cascade(table, level, budget, looked))
			return false;
	}
	uint32_t list = list_at(0, table->tick);
	while (table->head[list] != CAT_FLOW_NONE) {
		if (*looked == budget)
			return false;
		++*looked;
		uint32_t index = table->head[list];
		struct flow_entry *entry = flow_entry(table, index);
		if (entry->expires_ms <= now_ms && fn)
			fn(user, table, index);
		// fn may have removed the entry or prolonged its life.
		if (!flow_live(entry))
			continue;
		if (entry->expires_ms <= now_ms) {
			cat_flow_remove(table, index);
		} else {
			flow_wheel_unlink(table, index);
			flow_wheel_place(table, index);
		}
	}
	return true;
}

// The clock stands before the wheel's time: it is another clock than the predecessor's, or he wrote nonsense.
static void turn_back(struct cat_flow_table *table, uint64_t now)
{
	table->tick = now;
	flow_wheel_clear(table);
	for (uint32_t index = 0; index < table->used; index++) {
		if (flow_live(flow_entry(table, index)))
			flow_wheel_place(table, index);
	}
}

uint32_t cat_flow_expire(struct cat_flow_table *table, uint64_t now_ms, uint32_t budget, cat_flow_expired_fn fn,
			 void *user)
{
	uint32_t looked = 0;
	uint64_t now = now_ms >> WHEEL_TICK_SHIFT;
	if (__builtin_expect(now < table->tick, 0))
		turn_back(table, now);
	// The current tick is looked at too: an entry that was added with a time already past lies there.
	while (table->tick <= now) {
		if (!expire_tick(table, now_ms, budget, &looked, fn, user) || table->tick == now)
			break;
		// Empty levels are passed in strides, so that a long sleep costs little.
		uint64_t next = table->tick + 1;
		for (uint32_t level = 0; level < WHEEL_LEVELS && level_empty(table, level); level++) {
			uint64_t turn = UINT64_C(1) << ((level + 1) * WHEEL_BITS);
			next = (table->tick | (turn - 1)) + 1;
		}
		table->tick = next < now ? next : now;
	}
	return looked;
}
