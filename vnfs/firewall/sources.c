// SPDX-License-Identifier: BSD-3-Clause
#include "sources.h"

#include <string.h>
#include <sys/mman.h>

struct source_key {
	uint8_t address[16];
	uint32_t family;
};
static_assert(sizeof(struct source_key) == 20, "no padding in a key");

int fw_sources_init(struct fw_sources *sources, uint32_t connections, struct cat_err *err)
{
	const struct cat_flow_layout layout = {
		.version = 1,
		.key_size = sizeof(struct source_key),
		.value_size = sizeof(uint32_t),
		.capacity = connections < FW_SOURCES_MAX ? connections : FW_SOURCES_MAX,
	};
	bool adopted;
	*sources = (struct fw_sources){.bytes = cat_flow_bytes(&layout)};
	// Shared, though with nobody, because pages of such memory are given back when the table is emptied.
	void *memory = mmap(NULL, sources->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return cat_err_errno(err, "memory for %u sources", layout.capacity);
	sources->memory = memory;
	return cat_flow_attach(memory, sources->bytes, &layout, &sources->made, &adopted, err);
}

void fw_sources_finish(struct fw_sources *sources)
{
	if (sources->memory)
		munmap(sources->memory, sources->bytes);
	*sources = (struct fw_sources){0};
}

void fw_sources_count(struct fw_sources *sources, bool on)
{
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(sources->made, i)) != CAT_FLOW_NONE;)
		cat_flow_remove(sources->made, i);
	sources->table = on ? sources->made : NULL;
}

static struct source_key source_of(const struct fw_key *key, bool from_high, uint32_t *ret_hash)
{
	struct source_key source = {.family = key->family};
	memcpy(source.address, from_high ? key->high : key->low, 16);
	uint64_t a, b;
	memcpy(&a, source.address, 8);
	memcpy(&b, source.address + 8, 8);
	uint64_t h = (a ^ (b << 29 | b >> 35) ^ key->family) * UINT64_C(0x9e3779b97f4a7c15);
	*ret_hash = (uint32_t)((h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93) >> 32);
	return source;
}

uint32_t fw_sources_open(const struct fw_sources *sources, const struct fw_key *key, bool from_high)
{
	uint32_t hash;
	struct source_key source = source_of(key, from_high, &hash);
	uint32_t index = cat_flow_find(sources->table, &source, hash);
	return index == CAT_FLOW_NONE ? 0 : *(const uint32_t *)cat_flow_value(sources->table, index);
}

bool fw_sources_add(struct fw_sources *sources, const struct fw_key *key, bool from_high)
{
	if (!sources->table)
		return false;
	uint32_t hash;
	struct source_key source = source_of(key, from_high, &hash);
	uint32_t index = cat_flow_find(sources->table, &source, hash);
	if (index == CAT_FLOW_NONE)
		index = cat_flow_add(sources->table, &source, hash, UINT64_MAX);
	if (index == CAT_FLOW_NONE)
		return false;
	++*(uint32_t *)cat_flow_value(sources->table, index);
	return true;
}

void fw_sources_remove(struct fw_sources *sources, const struct fw_key *key, bool from_high)
{
	if (!sources->table)
		return;
	uint32_t hash;
	struct source_key source = source_of(key, from_high, &hash);
	uint32_t index = cat_flow_find(sources->table, &source, hash);
	if (index != CAT_FLOW_NONE && --*(uint32_t *)cat_flow_value(sources->table, index) == 0)
		cat_flow_remove(sources->table, index);
}
