// SPDX-License-Identifier: BSD-3-Clause
// A NAT that dies at any store to its tables: its successor has every session whole, and one picture of all tables. And
// one that finds nonsense.
#include "test.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nat.h"
#include "steps.h"

#define STATE_BYTES 65536u
#define NOW UINT64_C(1000000)
#define ACTIONS 24u
#define LATER (NOW + 70000) // ICMP sessions have ended

struct progress {
	_Atomic uint32_t begun, ended;
	struct {
		bool open;
		uint16_t port;
	} result[ACTIONS];
};

struct scene {
	struct vcpe_config config;
	struct nat nat;  // the child's
	uint8_t *memory; // the state, and behind it the progress
};

static struct progress *progress_in(void *memory)
{
	return (struct progress *)((uint8_t *)memory + STATE_BYTES);
}

static void make_config(struct vcpe_config *config)
{
	memset(config, 0, sizeof(*config));
	config->lan.address = inet_addr("192.168.1.1");
	config->lan.mask = htonl(0xffffff00);
	config->wan.address = inet_addr("10.0.0.2");
	config->wan.mask = htonl(0xfffffffc);
	struct vcpe_nat_config *n = &config->nat;
	n->pool[0] = inet_addr("198.51.100.1");
	n->pool_count = 1;
	n->port_first = 1024;
	n->port_last = 65535;
	n->filtering = VCPE_FILTER_ADDRESS;
	n->quota = 1000;
	n->sessions = UINT32_MAX;
	n->timeout_ms[VCPE_TIMER_TCP] = 7440000;
	n->timeout_ms[VCPE_TIMER_TCP_TRANSITORY] = 240000;
	n->timeout_ms[VCPE_TIMER_UDP] = 300000;
	n->timeout_ms[VCPE_TIMER_ICMP] = 60000;
}

// Several sessions share a mapping; every third is ICMP's.
static struct nat_key key_of(uint32_t number)
{
	static const uint8_t protocol[] = {17, 6, 1};
	return (struct nat_key){
		.near = htonl(0xc0a80102 + number / 6 % 2),
		.far = htonl(0xcb007109 + number % 4),
		.near_port = htons((uint16_t)(3000 + number / 12)),
		.far_port = number % 3 == 2 ? htons((uint16_t)(3000 + number / 12)) : htons(80),
		.protocol = protocol[number % 3],
	};
}

static void prepare(void *user)
{
	struct scene *scene = user;
	if (nat_init(&scene->nat, &scene->config, scene->memory, STATE_BYTES, 0, 1, NOW, NULL) < 0)
		_exit(1);
}

static void work(void *user)
{
	struct scene *scene = user;
	struct progress *progress = progress_in(scene->memory);
	struct nat *nat = &scene->nat;
	for (uint32_t i = 0; i < ACTIONS; i++) {
		struct nat_key key = key_of(i);
		uint32_t index;
		atomic_store(&progress->begun, i + 1);
		if (nat_open_out(nat, &scene->config, &key, true, NOW, &index) != NAT_OK)
			_exit(1);
		progress->result[i].port = nat_session(nat, index)->port;
		progress->result[i].open = true;
		atomic_store(&progress->ended, i + 1);
	}
	atomic_store(&progress->begun, ACTIONS + 1);
	nat_expire(nat, LATER, UINT32_MAX);
	atomic_store(&progress->ended, ACTIONS + 1);
}

// The tables tell the same: every session is found from both sides, and everything else belongs to one.
static void check_tables(struct nat *nat, const struct vcpe_config *config)
{
	uint32_t sessions = cat_flow_count(nat->inner), in_mappings = 0, permitted = 0;
	assert_int_equal(cat_flow_count(nat->outer), sessions);
	assert_int_equal(cat_flow_count(nat->endpoint), cat_flow_count(nat->mapping));
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->inner, i)) != CAT_FLOW_NONE;) {
		struct nat_key outer = nat_outer_key(nat_session(nat, i), nat_session_key(nat, i));
		assert_int_equal(nat_find_inner(nat, nat_session_key(nat, i)), i);
		assert_int_equal(nat_find_outer(nat, &outer), i);
	}
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->mapping, i)) != CAT_FLOW_NONE;) {
		const struct nat_mapping *mapping = cat_flow_value(nat->mapping, i);
		const struct nat_key *host = cat_flow_key(nat->mapping, i);
		in_mappings += mapping->sessions;
		assert_true(mapping->sessions > 0);
		assert_true(nat_port_taken(nat, mapping->slot, host->protocol, mapping->port));
		assert_int_equal(mapping->address, config->nat.pool[0]);
		assert_int_equal(*(const uint32_t *)cat_flow_value(nat->endpoint, mapping->endpoint), i);
	}
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->permit, i)) != CAT_FLOW_NONE;)
		permitted += *(const uint32_t *)cat_flow_value(nat->permit, i);
	assert_int_equal(in_mappings, sessions);
	assert_int_equal(permitted, sessions);
}

static void check_empties(struct nat *nat)
{
	nat_expire(nat, NOW * 1000000, UINT32_MAX);
	assert_int_equal(cat_flow_count(nat->inner), 0);
	assert_int_equal(cat_flow_count(nat->outer), 0);
	assert_int_equal(cat_flow_count(nat->mapping), 0);
	assert_int_equal(cat_flow_count(nat->endpoint), 0);
	assert_int_equal(cat_flow_count(nat->permit), 0);
	assert_int_equal(nat->subscribers, 0);
}

static void check(void *user, void *memory)
{
	struct scene *scene = user;
	struct progress *progress = progress_in(memory);
	uint32_t ended = atomic_load(&progress->ended), begun = atomic_load(&progress->begun);
	struct nat nat;
	assert_int_equal(nat_init(&nat, &scene->config, memory, STATE_BYTES, 0, 1, NOW, NULL), 0);
	check_tables(&nat, &scene->config);
	for (uint32_t i = 0; i < ACTIONS && i < ended; i++) {
		struct nat_key key = key_of(i);
		uint32_t index = nat_find_inner(&nat, &key);
		// Of those that end, any may have gone when expiry was begun.
		if (index == CAT_FLOW_NONE && begun > ACTIONS && key.protocol == 1)
			continue;
		assert_int_not_equal(index, CAT_FLOW_NONE);
		assert_int_equal(nat_session(&nat, index)->port, progress->result[i].port);
	}
	// The rest is begun by the successor.
	for (uint32_t i = ended; i < ACTIONS; i++) {
		struct nat_key key = key_of(i);
		uint32_t index;
		assert_int_equal(nat_open_out(&nat, &scene->config, &key, true, NOW, &index), NAT_OK);
	}
	check_tables(&nat, &scene->config);
	check_empties(&nat);
	nat_finish(&nat);
}

static void sessions_outlive_death_at_any_store(void **state)
{
	(void)state;
	struct scene scene;
	size_t bytes = STATE_BYTES + sizeof(struct progress);
	make_config(&scene.config);
	scene.memory = steps_memory(bytes);
	const struct steps steps = {scene.memory, bytes, prepare, work, check, &scene};
	struct steps_result result = steps_run(&steps);
	assert_true(result.stores > 500);
	printf("%lu stores in %lu instructions\n", (unsigned long)result.stores, (unsigned long)result.instructions);
	munmap(scene.memory, bytes);
}

static void nonsense_is_survived(void **state)
{
	(void)state;
	struct vcpe_config config;
	unsigned seed = 17;
	make_config(&config);
	uint32_t adopted = 0;
	for (uint32_t round = 0; round < 300; round++) {
		uint8_t *memory = aligned_alloc(64, STATE_BYTES);
		struct nat nat;
		uint32_t index;
		assert_non_null(memory);
		memset(memory, 0, STATE_BYTES);
		assert_int_equal(nat_init(&nat, &config, memory, STATE_BYTES, 0, 1, NOW, NULL), 0);
		for (uint32_t i = 0; i < ACTIONS; i++) {
			struct nat_key key = key_of(i);
			assert_int_equal(nat_open_out(&nat, &config, &key, true, NOW, &index), NAT_OK);
		}
		// Keys and values; some of what is written there already is copied over other places.
		struct cat_flow_table *table[] = {nat.inner, nat.outer, nat.mapping, nat.endpoint, nat.permit};
		for (uint32_t i = 0; i < 1 + round % 40; i++) {
			struct cat_flow_table *t = table[(uint32_t)rand_r(&seed) % 5];
			uint32_t entry = (uint32_t)rand_r(&seed) % ACTIONS, other = (uint32_t)rand_r(&seed) % ACTIONS;
			uint8_t *value = cat_flow_value(t, entry), *key = (uint8_t *)(uintptr_t)cat_flow_key(t, entry);
			if (round % 3 == 0)
				memcpy(key, cat_flow_key(t, other), sizeof(struct nat_key));
			else if (round % 3 == 1)
				memcpy(value, cat_flow_value(t, other), 4);
			else
				key[(uint32_t)rand_r(&seed) % 40] = (uint8_t)rand_r(&seed);
		}
		nat_finish(&nat);
		assert_int_equal(nat_init(&nat, &config, memory, STATE_BYTES, 0, 1, NOW, NULL), 0);
		adopted += cat_flow_count(nat.inner);
		check_tables(&nat, &config);
		for (uint32_t i = 0; i < 2 * ACTIONS; i++) {
			struct nat_key key = key_of(i);
			assert_int_equal(nat_open_out(&nat, &config, &key, true, NOW, &index), NAT_OK);
		}
		check_tables(&nat, &config);
		check_empties(&nat);
		nat_finish(&nat);
		free(memory);
	}
	assert_true(adopted > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_outlive_death_at_any_store),
		cmocka_unit_test(nonsense_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
