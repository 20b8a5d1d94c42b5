// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_memfd.h"
#include "memory.h"

#define PLAN(lanes, ring, functions, links)                                                                            \
	"{\"node\": -1, \"lanes\": " lanes ", \"ring\": " ring                                                         \
	", \"supply_ring\": 64, \"region\": {\"bytes\": 65536},"                                                       \
	" \"functions\": " functions ", \"paths\": [{\"name\": \"main\", \"links\": " links "}]}"

static int make(const char *json, struct memory *memory, struct cat_err *err)
{
	cat_autonode struct cat_node *plan = NULL;
	assert_int_equal(cat_tree_parse_json("plan", json, strlen(json), &plan, NULL), 0);
	return memory_create(plan, NULL, memory, err);
}

static void refuses(void **state)
{
	(void)state;
	static const struct {
		const char *plan, *message;
	} cases[] = {
		{"{}", "ring"},
		{PLAN("[]", "64", "[]", "[]"), "lanes"},
		{PLAN("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", "64", "[]", "[]"), "lanes"},
		{PLAN("[{}]", "1", "[]", "[]"), "ring"},
		{PLAN("[{}]", "64", "[{}]", "[]"), "name"},
		{PLAN("[{}]", "64", "[]", "7"), "links"},
		{PLAN("[{\"node\": 1024}]", "64", "[]", "[]"), "node"},
		{PLAN("[{}]", "64", "[{\"name\": \"a\", \"state_bytes\": -1}]", "[]"), "state_bytes"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct memory memory = {0};
		struct cat_err err = {0};
		if (make(cases[i].plan, &memory, &err) == 0)
			fail_msg("plan %zu is accepted", i);
		if (!strstr(err.message, cases[i].message))
			fail_msg("plan %zu: %s", i, err.message);
		assert_null(memory.item);
	}
}

// What only one lane looks at is where that lane is: no host has as many nodes, so that it fails there, and only there.
static void is_near_its_lane(void **state)
{
	(void)state;
	struct memory memory = {0};
	struct cat_err err = {0};
	if (access("/sys/devices/system/node/node0", F_OK) < 0 || access("/sys/devices/system/node/node63", F_OK) == 0)
		skip();
	assert_int_not_equal(make(PLAN("[{}, {\"node\": 63}]", "64", "[{\"name\": \"fw\"}]", "[]"), &memory, &err), 0);
	assert_non_null(strstr(err.message, "memory function/fw/lane/1/worker"));
	err = (struct cat_err){0};
	assert_int_not_equal(make(PLAN("[{}, {\"node\": 63}]", "64", "[]", "[{}]"), &memory, &err), 0);
	assert_non_null(strstr(err.message, "memory path/main/link/0/lane/1/right"));
}

static void makes_what_the_protocol_names(void **state)
{
	(void)state;
	struct memory memory = {0};
	struct cat_err err = {0};
	assert_int_equal(make(PLAN("[{}, {}]", "64", "[{\"name\": \"fw\"}]", "[{}, {}]"), &memory, &err), 0);
	// region, stats; state, stats, and three for each lane; two links of two lanes in two directions.
	assert_int_equal(memory.count, 2 + 2 + 3 * 2 + 2 * 2 * 2);
	static const char *const names[] = {
		"region",
		"stats",
		"function/fw/state",
		"function/fw/stats",
		"function/fw/lane/1/worker",
		"function/fw/lane/0/return",
		"function/fw/lane/1/supply",
		"path/main/link/1/lane/1/left",
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(names); i++) {
		const struct memory_item *item = memory_find(&memory, "%s", names[i]);
		if (!item)
			fail_msg("%s is missing", names[i]);
		assert_int_equal(fcntl(item->fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	}
	assert_null(memory_find(&memory, "path/main/link/2/lane/0/left"));

	const struct cat_ring *ring = memory_ring(&memory, "main", 1, 1, true);
	assert_int_equal(ring->magic, CAT_RING_MAGIC);
	assert_int_equal(ring->size, 64);
	void *address = NULL;
	size_t size = 0;
	assert_int_equal(cat_memfd_map(memory_find(&memory, "function/fw/lane/0/supply")->fd, cat_ring_bytes(64),
				       1 << 20, PROT_READ | PROT_WRITE, &address, &size, &err),
			 0);
	struct cat_ring_end end;
	assert_int_equal(cat_ring_attach(&end, address, size, 64, false), 0);
	munmap(address, size);
	const struct cat_worker_page *page = memory_find(&memory, "function/fw/lane/1/worker")->map;
	assert_int_equal(page->magic, CAT_WORKER_MAGIC);
	memory_free(&memory);
	assert_int_equal(memory.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(is_near_its_lane),
		cmocka_unit_test(makes_what_the_protocol_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
