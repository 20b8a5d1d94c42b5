// SPDX-License-Identifier: BSD-3-Clause
// A firewall that dies at any store to its state: its successor lets every connection go on. And one that finds
// nonsense.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "fixture.h"
#include "steps.h"

#define STATE_BYTES 32768u
#define CONFIG "{\"default\": \"accept\", \"max_connections\": 8}"

#define SEGMENTS_MAX 16u

struct scene {
	const struct segment *segment;
	uint32_t count;
	uint8_t *memory; // the state, and behind it how many segments were begun and ended
	// The child's.
	struct cat_lane_local *fw;
	uint8_t frame[SEGMENTS_MAX][TEST_PACKET_MAX];
	uint32_t length[SEGMENTS_MAX];
};

struct progress {
	_Atomic uint32_t begun, ended;
};

static struct progress *progress_in(uint8_t *memory)
{
	return (struct progress *)(memory + STATE_BYTES);
}

static struct cat_lane_local *open_on(uint8_t *memory)
{
	const struct cat_lane_local_options options = {
		.state = memory, .state_bytes = STATE_BYTES, .buffers = 512, .ring = 64};
	return firewall_with(CONFIG, &options);
}

// All but the firewall's own work is done before, at full speed.
static void prepare(void *user)
{
	struct scene *scene = user;
	scene->fw = open_on(scene->memory);
	for (uint32_t i = 0; i < scene->count; i++)
		scene->length[i] = make_segment(&scene->segment[i], scene->frame[i]);
}

static void work(void *user)
{
	struct scene *scene = user;
	struct progress *progress = progress_in(scene->memory);
	for (uint32_t i = 0; i < scene->count; i++) {
		const void *frame = scene->frame[i];
		atomic_store(&progress->begun, i + 1);
		if (cat_lane_local_push(scene->fw, scene->segment[i].from, &frame, &scene->length[i], 1) < 0)
			_exit(1);
		atomic_store(&progress->ended, i + 1);
	}
}

// The segment under way is lost with its firewall, and sent again; then all goes on.
static void check(void *user, void *memory)
{
	const struct scene *scene = user;
	struct progress *progress = progress_in(memory);
	struct cat_lane_local *fw = open_on(memory);
	for (uint32_t i = atomic_load(&progress->ended); i < scene->count; i++) {
		const char *outcome = send_segment(fw, &scene->segment[i]);
		if (strcmp(outcome, "pass") != 0)
			fail_msg("segment %u, after %u were begun: %s", i, atomic_load(&progress->begun), outcome);
	}
	finish(fw);
}

#define FIN TEST_PACKET_FIN
#define SYN TEST_PACKET_SYN
#define RST TEST_PACKET_RST
#define ACK TEST_PACKET_ACK

static void connections_go_on_after_death_at_any_store(void **state)
{
	(void)state;
	// A whole life, with a port that is used again; simultaneous open and close; a life that ends by a reset.
	static const struct segment life[] = {
		{LEFT, SYN, 1000, 0, 0, 8000, 8},           {RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 4},
		{LEFT, ACK, 1001, 5001, 0, 8000, 0},        {LEFT, ACK, 1001, 5001, 1000, 8000, 0},
		{RIGHT, ACK, 5001, 2001, 1200, 8000, 0},    {LEFT, ACK, 2001, 6201, 0, 8000, 0},
		{LEFT, FIN | ACK, 2001, 6201, 0, 8000, 0},  {RIGHT, ACK, 6201, 2002, 0, 8000, 0},
		{RIGHT, FIN | ACK, 6201, 2002, 0, 8000, 0}, {LEFT, ACK, 2002, 6202, 0, 8000, 0},
		{LEFT, SYN, 900000, 0, 0, 8000, 0},         {RIGHT, SYN | ACK, 7000, 900001, 0, 8000, 0},
		{LEFT, ACK, 900001, 7001, 10, 8000, 0},
	};
	static const struct segment crossed[] = {
		{LEFT, SYN, 1000, 0, 0, 8000, 0},          {RIGHT, SYN, 5000, 0, 0, 8000, 0},
		{LEFT, SYN | ACK, 1000, 5001, 0, 8000, 0}, {RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0},
		{LEFT, ACK, 1001, 5001, 50, 8000, 0},      {RIGHT, FIN | ACK, 5001, 1001, 0, 8000, 0},
		{LEFT, FIN | ACK, 1051, 5001, 0, 8000, 0}, {RIGHT, ACK, 5002, 1052, 0, 8000, 0},
		{LEFT, ACK, 1052, 5002, 0, 8000, 0},
	};
	static const struct segment reset[] = {
		{LEFT, SYN, 1000, 0, 0, 8000, 0},      {RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0},
		{LEFT, ACK, 1001, 5001, 100, 8000, 0}, {RIGHT, RST | ACK, 5001, 1101, 0, 0, 0},
		{LEFT, SYN, 2000, 0, 0, 8000, 0},
	};
	const struct {
		const struct segment *segment;
		uint32_t count;
	} lives[] = {{life, CAT_ARRAY_LEN(life)}, {crossed, CAT_ARRAY_LEN(crossed)}, {reset, CAT_ARRAY_LEN(reset)}};
	uint64_t stores = 0, instructions = 0;
	for (size_t i = 0; i < CAT_ARRAY_LEN(lives); i++) {
		struct scene scene = {.segment = lives[i].segment, .count = lives[i].count};
		assert_true(scene.count <= SEGMENTS_MAX);
		size_t bytes = STATE_BYTES + 64;
		scene.memory = steps_memory(bytes);
		const struct steps steps = {scene.memory, bytes, prepare, work, check, &scene};
		struct steps_result result = steps_run(&steps);
		stores += result.stores;
		instructions += result.instructions;
		munmap(scene.memory, bytes);
	}
	assert_true(stores > 100);
	printf("%lu stores in %lu instructions\n", (unsigned long)stores, (unsigned long)instructions);
}

// Whatever lies in the state: no crash, no packet unaccounted for, and new connections work.
static void nonsense_is_survived(void **state)
{
	(void)state;
	unsigned seed = 3;
	static const struct segment open[] = {{LEFT, SYN, 1000, 0, 0, 8000, 0},
					      {RIGHT, SYN | ACK, 5000, 1001, 0, 8000, 0},
					      {LEFT, ACK, 1001, 5001, 0, 8000, 0}};
	for (uint32_t round = 0; round < 400; round++) {
		uint8_t *memory = aligned_alloc(64, STATE_BYTES);
		assert_non_null(memory);
		memset(memory, 0, STATE_BYTES);
		struct cat_lane_local *first = open_on(memory);
		for (size_t i = 0; i < CAT_ARRAY_LEN(open); i++)
			assert_string_equal(send_segment(first, &open[i]), "pass");
		for (uint16_t i = 0; i < 4; i++) {
			struct test_packet p = {
				.protocol = 17, .sport = (uint16_t)(i + 1), .dport = 53, .src = HOST, .dst = PEER};
			expect(first, LEFT, &p, "pass");
		}
		finish(first);
		// Magic and layout stay, so that it is believed: the first 64 bytes.
		for (uint32_t i = 0; i < 20000; i++) {
			size_t at = 64 + (size_t)rand_r(&seed) % (STATE_BYTES - 64);
			if (round % 2 || at < 4096 || memory[at])
				memory[at] = (uint8_t)rand_r(&seed);
			if (round % 4 == 0 && i == 50)
				break;
		}
		struct cat_lane_local *second = open_on(memory);
		for (size_t i = 0; i < CAT_ARRAY_LEN(open); i++)
			send_segment(second, &open[i]);
		for (uint16_t i = 0; i < 30; i++) {
			struct test_packet p = {
				.protocol = 17, .sport = (uint16_t)(i + 100), .dport = 53, .src = HOST, .dst = PEER};
			const char *outcome = send_packet(second, LEFT, &p);
			assert_true(strcmp(outcome, "pass") == 0 || strcmp(outcome, "drop.table_full") == 0);
		}
		// A week and an hour later all is forgotten, and there is room.
		for (uint32_t hour = 0; hour < 170; hour++)
			cat_lane_local_advance(second, UINT64_C(3600000000));
		assert_int_equal(cat_lane_local_counter(second, "gauge.connections"), 0);
		assert_string_equal(send_segment(second, &open[0]), "pass");
		finish(second);
		free(memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_go_on_after_death_at_any_store),
		cmocka_unit_test(nonsense_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
