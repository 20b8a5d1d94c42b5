// SPDX-License-Identifier: BSD-3-Clause
// Learnt routes: changes in any order against a plain model, what is stale, what outlives a process, and tables of
// them.
#include "test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "rib.h"

#define MODEL 512u

static struct cat_prefix prefix_of(const char *text)
{
	struct cat_prefix prefix;
	assert_int_equal(cat_prefix_parse(text, &prefix), 0);
	return prefix;
}

// Via 192.0.2.(2 + n), on the right.
static struct rib_set set_of(unsigned n)
{
	struct rib_set set = {.kind = ROUTER_GATEWAY, .count = 1};
	set.hop[0] = (struct router_hop){.addr = cat_addr_from_ipv4(0xc0000202u + n), .side = CAT_RIGHT};
	memcpy(&set.hop[0].addr4, set.hop[0].addr.byte, 4);
	return set;
}

static struct router_config *config_of(const char *json)
{
	cat_autonode struct cat_node *tree = NULL;
	struct cat_err err = {0};
	void *config;
	if (cat_tree_parse_json("test", json, strlen(json), &tree, &err) < 0 ||
	    router_frr_config_create(tree, &config, &err) < 0)
		fail_msg("%s", err.message);
	return config;
}

#define CONFIG                                                                                                         \
	"{\"left\":{\"addresses\":[\"10.0.0.1/24\"]},\"right\":{\"addresses\":[\"192.0.2.1/24\"]},"                    \
	"\"routes\":[{\"prefix\":\"20.0.0.0/8\",\"via\":\"10.0.0.2\"}],\"ospf\":{\"left\":{}}}"

// The last byte of the next hop, 0: none.
static unsigned look_up(const struct router_table *table, uint32_t addr)
{
	uint16_t value;
	fib_lookup4(table->fib4, &addr, &value, 1);
	if (value == FIB_NONE || table->target[value].kind != ROUTER_GATEWAY)
		return 0;
	return table->hop[table->target[value].first].addr.byte[3];
}

static struct router_table *build(const struct rib *rib, const struct router_config *config)
{
	struct router_table *table;
	struct cat_err err = {0};
	if (rib_build(rib, config, &table, &err) < 0)
		fail_msg("%s", err.message);
	return table;
}

// Prefix n of the model is 30.(n >> 8).(n & 255).0/24.
static struct cat_prefix model_prefix(unsigned n)
{
	struct cat_prefix prefix = {.addr = cat_addr_from_ipv4(30u << 24 | n << 8), .length = 24};
	return prefix;
}

static void check_model(const struct rib *rib, const struct router_config *config, const uint8_t *model)
{
	struct router_table *table = build(rib, config);
	unsigned count = 0;
	for (unsigned n = 0; n < MODEL; n++) {
		assert_int_equal(look_up(table, 30u << 24 | n << 8 | 9), model[n]);
		count += model[n] != 0;
	}
	assert_int_equal(rib_count(rib), count);
	assert_int_equal(table->learnt_count, count);
	router_table_destroy(table);
}

static void agrees_with_a_model(void **state)
{
	(void)state;
	uint8_t model[MODEL] = {0};
	struct router_config *config = config_of(CONFIG);
	struct rib *rib = rib_create();
	unsigned seed = 7;
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 300; i++) {
			unsigned n = (unsigned)rand_r(&seed) % MODEL, hop = (unsigned)rand_r(&seed) % 60;
			const struct cat_prefix prefix = model_prefix(n);
			const struct rib_set set = set_of(hop);
			bool gone = rand_r(&seed) % 3 == 0;
			assert_int_equal(rib_change(rib, &prefix, gone ? NULL : &set), 0);
			model[n] = gone ? 0 : (uint8_t)(2 + hop);
		}
		assert_int_equal(rib_commit(rib), 1);
		assert_int_equal(rib_commit(rib), 0);
		check_model(rib, config, model);
	}
	rib_destroy(rib);
	router_config_destroy(config);
}

// A dump that runs while changes come: whatever is later in truth is a change.
static void rereads(void **state)
{
	(void)state;
	uint8_t model[MODEL] = {0};
	struct router_config *config = config_of(CONFIG);
	struct rib *rib = rib_create();
	struct rib_set a = set_of(0), b = set_of(1);
	for (unsigned n = 0; n < 4; n++) {
		const struct cat_prefix prefix = model_prefix(n);
		rib_change(rib, &prefix, &a);
	}
	assert_int_equal(rib_commit(rib), 1);
	rib_reread_begin(rib);
	const struct cat_prefix p0 = model_prefix(0), p1 = model_prefix(1), p4 = model_prefix(4), p5 = model_prefix(5);
	rib_change(rib, &p1, NULL); // after the dump saw it
	rib_reread_add(rib, &p0, &b);
	rib_reread_add(rib, &p1, &a);
	rib_reread_add(rib, &p4, &a);
	rib_change(rib, &p5, &b);
	assert_int_equal(rib_reread_end(rib, false), 0);
	assert_int_equal(rib_commit(rib), 1);
	model[0] = 3;
	model[4] = 2;
	model[5] = 3;
	check_model(rib, config, model);
	rib_destroy(rib);
	router_config_destroy(config);
}

static void keeps_what_is_stale(void **state)
{
	(void)state;
	uint8_t model[MODEL] = {0};
	struct router_config *config = config_of(CONFIG);
	struct rib *rib = rib_create();
	struct rib_set a = set_of(0), b = set_of(1);
	struct cat_prefix p[3];
	for (unsigned n = 0; n < 3; n++) {
		p[n] = model_prefix(n);
		rib_change(rib, &p[n], &a);
		model[n] = 2;
	}
	rib_commit(rib);
	rib_make_stale(rib);
	// The daemon's death takes all out of the kernel; then one is said again, and taken back.
	for (unsigned n = 0; n < 3; n++)
		rib_change(rib, &p[n], NULL);
	rib_commit(rib);
	check_model(rib, config, model);
	rib_change(rib, &p[0], &b);
	rib_change(rib, &p[1], &a);
	rib_commit(rib);
	model[0] = 3;
	check_model(rib, config, model);
	rib_change(rib, &p[1], NULL);
	rib_commit(rib);
	model[1] = 0;
	check_model(rib, config, model);
	// A reread alone keeps it, one that sweeps does not.
	rib_reread_begin(rib);
	rib_reread_add(rib, &p[0], &b);
	rib_reread_end(rib, false);
	check_model(rib, config, model);
	rib_reread_begin(rib);
	rib_reread_add(rib, &p[0], &b);
	rib_reread_end(rib, true);
	model[2] = 0;
	check_model(rib, config, model);
	rib_destroy(rib);
	router_config_destroy(config);
}

static void outlives_a_process(void **state)
{
	(void)state;
	static uint8_t data[1 << 16], wrong[sizeof(data)];
	uint8_t model[MODEL] = {0};
	struct router_config *config = config_of(CONFIG);
	struct rib *rib = rib_create(), *next = rib_create();
	for (unsigned n = 0; n < MODEL; n += 3) {
		const struct cat_prefix prefix = model_prefix(n);
		const struct rib_set set = set_of(n % 50);
		rib_change(rib, &prefix, &set);
		model[n] = (uint8_t)(2 + n % 50);
	}
	const struct cat_prefix prefix6 = prefix_of("2001:db8:7::/48");
	const struct rib_set hole = {.kind = ROUTER_BLACKHOLE};
	rib_change(rib, &prefix6, &hole);
	rib_commit(rib);
	ssize_t size = rib_save(rib, data, sizeof(data));
	assert_true(size > 0);
	assert_int_equal(rib_save(rib, data, (size_t)size - 1), -E2BIG);
	assert_int_equal(rib_load(next, data, (size_t)size), 0);
	assert_int_equal(rib_count(next), rib_count(rib));
	// The same again is no change; and it is stale until said again.
	struct router_table *table = build(next, config);
	assert_int_equal(table->stale_count, rib_count(rib));
	for (unsigned n = 0; n < MODEL; n++)
		assert_int_equal(look_up(table, 30u << 24 | n << 8), model[n]);
	router_table_destroy(table);
	rib_destroy(next);
	// Whatever a predecessor left, the successor is sound.
	unsigned seed = 11;
	for (unsigned i = 0; i < 5000; i++) {
		memcpy(wrong, data, (size_t)size);
		for (unsigned k = 0; k < 1 + i % 3; k++)
			wrong[(size_t)rand_r(&seed) % (i % 2 ? (size_t)size : 64u)] = (uint8_t)rand_r(&seed);
		size_t length = i % 5 ? (size_t)size : (size_t)rand_r(&seed) % (size_t)size;
		if (i % 16) { // building is slow
			next = rib_create();
			rib_load(next, wrong, length);
			rib_destroy(next);
			continue;
		}
		next = rib_create();
		if (rib_load(next, wrong, length) == 0)
			router_table_destroy(build(next, config));
		else
			assert_int_equal(rib_count(next), 0);
		rib_destroy(next);
	}
	rib_destroy(rib);
	router_config_destroy(config);
}

static void configured_routes_count_first(void **state)
{
	(void)state;
	struct router_config *config = config_of(CONFIG);
	struct rib *rib = rib_create();
	const struct cat_prefix same = prefix_of("20.0.0.0/8"), longer = prefix_of("20.1.0.0/16"),
				link = prefix_of("192.0.2.0/24"), own = prefix_of("40.0.0.0/8");
	struct rib_set set = set_of(5), to_us = set_of(5), other_family = set_of(5);
	to_us.hop[0].addr = cat_addr_from_ipv4(0xc0000201u); // 192.0.2.1
	other_family.hop[0].addr.family = AF_INET6;
	rib_change(rib, &same, &set);
	rib_change(rib, &longer, &set);
	rib_change(rib, &link, &set);
	rib_change(rib, &own, &to_us);
	const struct cat_prefix fifty = prefix_of("50.0.0.0/8");
	rib_change(rib, &fifty, &other_family);
	rib_commit(rib);
	struct router_table *table = build(rib, config);
	assert_int_equal(look_up(table, 20u << 24 | 2u << 16), 2); // as configured
	assert_int_equal(look_up(table, 20u << 24 | 1u << 16), 7); // learnt
	assert_int_equal(look_up(table, 0xc0000263u), 0);          // connected
	assert_int_equal(look_up(table, 40u << 24), 0);
	assert_int_equal(look_up(table, 50u << 24), 0);
	assert_int_equal(table->refused_count, 2);
	router_table_destroy(table);
	rib_destroy(rib);
	router_config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_model),           cmocka_unit_test(rereads),
		cmocka_unit_test(keeps_what_is_stale),           cmocka_unit_test(outlives_a_process),
		cmocka_unit_test(configured_routes_count_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
