// SPDX-License-Identifier: BSD-3-Clause
// A flow table whose writer dies: at every store, by SIGKILL at random, and one that wrote nonsense.
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../vnfs/sdk/flow.h"
#include "cat_cleanup.h"
#include "cat_memfd.h"
#include "steps.h"
#include "test.h"

#define KEYS 24u
#define CAPACITY 16u

struct value {
	uint64_t number, inverse[5]; // each ~number
};

struct key {
	uint32_t number, more[3];
};

enum action { ADD, REMOVE, PROLONG, EXPIRE, ACTIONS };

struct operation {
	enum action action;
	uint32_t key;
	uint64_t number, expires_ms;
};

// What a parent knows of its child's progress. Lies behind the table.
struct progress {
	_Atomic uint32_t begun, ended; // operations
};

static const struct cat_flow_layout layout = {7, sizeof(struct key), sizeof(struct value), CAPACITY};

struct scene {
	struct operation *operation;
	uint32_t count;
	void *memory;
	size_t table_bytes, bytes;
};

static struct progress *progress_of(const struct scene *scene, void *memory)
{
	return (struct progress *)((uint8_t *)memory + scene->table_bytes);
}

static struct key key_of(uint32_t number)
{
	return (struct key){number, {number * 3, 5, ~number}};
}

static uint32_t hash_of(uint32_t number)
{
	return number % 6; // some share a bucket
}

static struct value value_of(uint64_t number)
{
	struct value value = {.number = number};
	for (unsigned i = 0; i < CAT_ARRAY_LEN(value.inverse); i++)
		value.inverse[i] = ~number;
	return value;
}

static void perform(struct cat_flow_table *table, const struct operation *operation)
{
	struct key key = key_of(operation->key);
	uint32_t hash = hash_of(operation->key), index = cat_flow_find(table, &key, hash);
	struct value value = value_of(operation->number);
	if (operation->action == EXPIRE)
		cat_flow_expire(table, operation->expires_ms, UINT32_MAX, NULL, NULL);
	else if (operation->action == ADD && index == CAT_FLOW_NONE)
		cat_flow_insert(table, &key, hash, operation->expires_ms, &value);
	else if (operation->action == REMOVE && index != CAT_FLOW_NONE)
		cat_flow_remove(table, index);
	else if (operation->action == PROLONG && index != CAT_FLOW_NONE)
		cat_flow_set_expiry(table, index, operation->expires_ms);
}

static void work(void *user)
{
	const struct scene *scene = user;
	struct cat_flow_table *table;
	bool adopted;
	struct progress *progress = progress_of(scene, scene->memory);
	if (cat_flow_attach(scene->memory, scene->table_bytes, &layout, &table, &adopted, NULL) < 0)
		_exit(1);
	for (uint32_t i = atomic_load(&progress->ended); i < scene->count; i++) {
		atomic_store(&progress->begun, i + 1);
		perform(table, &scene->operation[i]);
		atomic_store(&progress->ended, i + 1);
	}
}

static void make_scene(struct scene *scene, uint32_t count, unsigned seed)
{
	*scene = (struct scene){.count = count, .table_bytes = cat_flow_bytes(&layout)};
	scene->bytes = scene->table_bytes + sizeof(struct progress);
	scene->memory = steps_memory(scene->bytes);
	scene->operation = calloc(count, sizeof(*scene->operation));
	assert_non_null(scene->operation);
	uint64_t now_ms = 1000000;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t dice = (uint32_t)rand_r(&seed);
		now_ms += dice % 50;
		scene->operation[i] = (struct operation){
			.action = dice % 16 == 0  ? EXPIRE
				  : dice % 16 < 4 ? REMOVE
				  : dice % 16 < 6 ? PROLONG
						  : ADD,
			.key = dice / 16 % KEYS,
			.number = i,
			.expires_ms = dice % 16 == 0 ? now_ms : now_ms + 1 + dice / 512 % 1000,
		};
	}
}

static void free_scene(struct scene *scene)
{
	free(scene->operation);
	munmap(scene->memory, scene->bytes);
}

// What the table holds of each key: 0 nothing, else the value's number plus one.
static void read_table(const struct cat_flow_table *table, uint64_t ret_held[KEYS])
{
	uint32_t walked = 0, found = 0;
	for (uint32_t i = cat_flow_next(table, CAT_FLOW_NONE); i != CAT_FLOW_NONE; i = cat_flow_next(table, i))
		walked++;
	for (uint32_t k = 0; k < KEYS; k++) {
		struct key key = key_of(k);
		uint32_t index = cat_flow_find(table, &key, hash_of(k));
		ret_held[k] = 0;
		if (index == CAT_FLOW_NONE)
			continue;
		found++;
		const struct value *value = cat_flow_value(table, index);
		struct value whole = value_of(value->number);
		assert_memory_equal(value, &whole, sizeof(whole));
		ret_held[k] = value->number + 1;
	}
	assert_int_equal(walked, cat_flow_count(table));
	assert_int_equal(found, cat_flow_count(table));
}

// The same operations on a table that nothing happens to.
static void replay(const struct scene *scene, uint32_t count, uint64_t ret_held[KEYS])
{
	void *memory = aligned_alloc(64, scene->table_bytes);
	struct cat_flow_table *table;
	bool adopted;
	assert_non_null(memory);
	memset(memory, 0, scene->table_bytes);
	assert_int_equal(cat_flow_attach(memory, scene->table_bytes, &layout, &table, &adopted, NULL), 0);
	for (uint32_t i = 0; i < count; i++)
		perform(table, &scene->operation[i]);
	read_table(table, ret_held);
	free(memory);
}

// Every free entry of the table can be had, once; and all go.
static void use_up(struct cat_flow_table *table)
{
	for (uint32_t i = 0; cat_flow_count(table) < CAPACITY; i++) {
		struct key key = key_of(1000 + i);
		assert_int_not_equal(cat_flow_add(table, &key, i, 1), CAT_FLOW_NONE);
	}
	struct key key = key_of(5000);
	assert_int_equal(cat_flow_add(table, &key, 0, 1), CAT_FLOW_NONE);
	cat_flow_expire(table, UINT64_C(1) << 40, UINT32_MAX, NULL, NULL);
	assert_int_equal(cat_flow_count(table), 0);
}

// Each key is as it was before or as it is after the operation under way, and after all that went before.
static void check(void *user, void *memory)
{
	const struct scene *scene = user;
	const struct progress *progress = progress_of(scene, memory);
	uint32_t begun = atomic_load(&progress->begun), ended = atomic_load(&progress->ended);
	assert_true(begun - ended <= 1);
	struct cat_flow_table *table;
	bool adopted;
	assert_int_equal(cat_flow_attach(memory, scene->table_bytes, &layout, &table, &adopted, NULL), 0);
	uint64_t before[KEYS], after[KEYS], held[KEYS];
	replay(scene, ended, before);
	replay(scene, begun, after);
	read_table(table, held);
	for (uint32_t k = 0; k < KEYS; k++)
		assert_true(held[k] == before[k] || held[k] == after[k]);
	use_up(table);
}

static void dies_at_every_store(void **state)
{
	(void)state;
	uint64_t instructions = 0, stores = 0;
	for (unsigned seed = 1; seed <= 4; seed++) {
		struct scene scene;
		make_scene(&scene, 40, seed);
		struct steps steps = {scene.memory, scene.bytes, NULL, work, check, &scene};
		struct steps_result result = steps_run(&steps);
		instructions += result.instructions;
		stores += result.stores;
		free_scene(&scene);
	}
	assert_true(stores > 200);
	printf("%lu stores in %lu instructions\n", (unsigned long)stores, (unsigned long)instructions);
}

// Successors go on with what each victim left, over and over.
static void dies_by_sigkill(void **state)
{
	(void)state;
	struct scene scene;
	make_scene(&scene, 2000000, 99);
	unsigned seed = 5;
	struct progress *progress = progress_of(&scene, scene.memory);
	for (uint32_t round = 0; round < 60; round++) {
		// Nothing is known of what a victim's operation under way became: the next begins with a clean sheet.
		memset(scene.memory, 0, scene.bytes);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			work(&scene);
			_exit(0);
		}
		uint32_t until = (uint32_t)rand_r(&seed) % 3000;
		while (atomic_load(&progress->ended) < until)
			assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		check(&scene, scene.memory);
	}
	free_scene(&scene);
}

// A table with nonsense all over: sound afterwards, whatever it holds.
static void survives_nonsense(void **state)
{
	(void)state;
	unsigned seed = 11;
	size_t bytes = cat_flow_bytes(&layout);
	for (uint32_t round = 0; round < 4000; round++) {
		// Of the exact size, so that a sanitizer sees every step beyond it.
		uint8_t *memory = aligned_alloc(64, bytes);
		struct cat_flow_table *table;
		bool adopted;
		assert_non_null(memory);
		memset(memory, 0, bytes);
		assert_int_equal(cat_flow_attach(memory, bytes, &layout, &table, &adopted, NULL), 0);
		for (uint32_t i = 0; i < CAPACITY; i++) {
			struct key key = key_of(i);
			cat_flow_add(table, &key, hash_of(i), 5000 + i * 100);
		}
		uint64_t entries = table->entries, stride = table->entry_stride;
		// The head that makes a successor believe is left alone in most rounds.
		size_t from = round % 8 ? offsetof(struct cat_flow_table, bucket_shift) : 0;
		uint32_t writes = round % 3 == 0 ? 100000 : 1 + (uint32_t)rand_r(&seed) % 50;
		for (uint32_t i = 0; i < writes && (writes < 100000 || from + i < bytes); i++) {
			size_t at = writes < 100000 ? from + (size_t)rand_r(&seed) % (bytes - from) : from + i;
			memory[at] = (uint8_t)(rand_r(&seed) % 4 ? rand_r(&seed) : 0xff);
		}
		// All of them may seem to be there, and more than there can be.
		for (uint32_t i = 0; round % 2 && i < CAPACITY; i++)
			atomic_store((_Atomic uint32_t *)(memory + entries + (size_t)i * stride), FLOW_LIVE);
		if (round % 2)
			memset(memory + offsetof(struct cat_flow_table, used), round % 4 == 1 ? 0xff : 0,
			       sizeof(uint32_t));
		assert_int_equal(cat_flow_attach(memory, bytes, &layout, &table, &adopted, NULL), 0);
		uint32_t walked = 0;
		for (uint32_t i = cat_flow_next(table, CAT_FLOW_NONE); i != CAT_FLOW_NONE; i = cat_flow_next(table, i))
			walked++;
		assert_int_equal(walked, cat_flow_count(table));
		assert_true(walked <= CAPACITY);
		uint64_t now_ms = (uint64_t)rand_r(&seed) << (rand_r(&seed) % 20);
		cat_flow_expire(table, now_ms, 100, NULL, NULL);
		for (uint32_t i = cat_flow_next(table, CAT_FLOW_NONE); i != CAT_FLOW_NONE; i = cat_flow_next(table, i))
			cat_flow_remove(table, i);
		assert_int_equal(cat_flow_count(table), 0);
		struct key key = key_of(1);
		uint32_t index = cat_flow_add(table, &key, 1, now_ms + 100);
		assert_int_not_equal(index, CAT_FLOW_NONE);
		assert_int_equal(cat_flow_find(table, &key, 1), index);
		free(memory);
	}
}

// The clock of a machine that was started again.
static void goes_on_with_an_earlier_clock(void **state)
{
	(void)state;
	size_t bytes = cat_flow_bytes(&layout);
	void *memory = aligned_alloc(64, bytes);
	struct cat_flow_table *table;
	bool adopted;
	memset(memory, 0, bytes);
	assert_int_equal(cat_flow_attach(memory, bytes, &layout, &table, &adopted, NULL), 0);
	cat_flow_expire(table, 900000000, 100, NULL, NULL);
	struct key key = key_of(1);
	uint32_t index = cat_flow_add(table, &key, 1, 900001000);
	assert_int_equal(cat_flow_attach(memory, bytes, &layout, &table, &adopted, NULL), 0);
	assert_true(adopted);
	cat_flow_expire(table, 5000, 100, NULL, NULL);
	assert_int_equal(cat_flow_find(table, &key, 1), index);
	cat_flow_set_expiry(table, index, 6000);
	cat_flow_expire(table, 5900, 100, NULL, NULL);
	assert_int_equal(cat_flow_count(table), 1);
	cat_flow_expire(table, 6016, 100, NULL, NULL);
	assert_int_equal(cat_flow_count(table), 0);
	free(memory);
}

static uint64_t pages_bytes(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

// A large table costs what is used of it, also over what another version left.
static void takes_no_more_pages_than_it_needs(void **state)
{
	(void)state;
	struct cat_flow_layout large = layout;
	large.capacity = 200000;
	size_t need = cat_flow_bytes(&large), size;
	cat_autofd int fd = -1;
	void *memory;
	assert_int_equal(cat_memfd_create("flows", need, 0, -1, &fd, NULL), 0);
	assert_int_equal(cat_memfd_map(fd, need, SIZE_MAX, PROT_READ | PROT_WRITE, &memory, &size, NULL), 0);
	assert_true(need > 10u << 20);
	struct cat_flow_table *table;
	bool adopted;
	assert_int_equal(cat_flow_attach(memory, need, &large, &table, &adopted, NULL), 0);
	assert_false(adopted);
	assert_true(pages_bytes(fd) <= 16384);
	for (uint32_t i = 0; i < 100; i++) {
		struct key key = key_of(i);
		assert_int_equal(cat_flow_add(table, &key, i * 2654435761u, 1), i);
	}
	memset(memory, 0x5a, size);
	large.version++;
	assert_int_equal(cat_flow_attach(memory, need, &large, &table, &adopted, NULL), 0);
	assert_false(adopted);
	assert_true(pages_bytes(fd) <= 16384);
	struct key key = key_of(3);
	assert_int_equal(cat_flow_find(table, &key, 3 * 2654435761u), CAT_FLOW_NONE);
	assert_int_equal(cat_flow_next(table, CAT_FLOW_NONE), CAT_FLOW_NONE);
	for (uint32_t i = 0; i < large.capacity; i++) {
		key = key_of(i);
		assert_int_equal(cat_flow_add(table, &key, i * 2654435761u, 1), i);
	}
	assert_int_equal(cat_flow_add(table, &key, 1, 1), CAT_FLOW_NONE);
	munmap(memory, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dies_at_every_store),
		cmocka_unit_test(dies_by_sigkill),
		cmocka_unit_test(survives_nonsense),
		cmocka_unit_test(goes_on_with_an_earlier_clock),
		cmocka_unit_test(takes_no_more_pages_than_it_needs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
