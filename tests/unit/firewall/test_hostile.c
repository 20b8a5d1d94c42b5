// SPDX-License-Identifier: BSD-3-Clause
// Packets that nobody chose with care: random ones, sound ones with bytes changed, and captures
// (CATENA_TEST_DATA/pcaps). Whatever comes, it is passed unchanged or dropped with one reason, and no buffer is lost.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "fixture.h"

#define CONFIG                                                                                                         \
	"{\"default\": \"accept\", \"non_ip\": \"accept\", \"max_connections\": 300, \"reject_rate\": 100000, "        \
	"\"rules\": ["                                                                                                 \
	"{\"name\": \"a\", \"protocol\": \"udp\", \"source_ports\": \"0-1023\", \"action\": \"reject\"},"              \
	"{\"name\": \"b\", \"protocol\": \"tcp\", \"source\": \"10.0.0.0/9\", \"action\": \"reject\"},"                \
	"{\"name\": \"c\", \"protocol\": \"icmp\", \"track\": false, \"action\": \"accept\"},"                         \
	"{\"name\": \"d\", \"protocol\": 47, \"action\": \"drop\"}]}"

#define CAPTURE_MAGIC 0xa1b2c3d4u
#define CAPTURE_MAGIC_NS 0xa1b23c4du
#define FRAME_MAX 1900u

struct mill {
	struct cat_lane_local *fw;
	uint64_t sent, passed, dropped, held;
};

static uint64_t all_drops(struct cat_lane_local *fw)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < CAT_STAT_OWN; i++)
		sum += strncmp(cat_stat_names[i], "drop.", 5) == 0 ? cat_lane_local_counter(fw, cat_stat_names[i]) : 0;
	for (unsigned i = 0; cat_firewall_ops.counters[i]; i++)
		sum += strncmp(cat_firewall_ops.counters[i], "drop.", 5) == 0
			       ? cat_lane_local_counter(fw, cat_firewall_ops.counters[i])
			       : 0;
	return sum;
}

static void grind(struct mill *mill, enum cat_side from, const uint8_t *frame, uint32_t length)
{
	uint64_t held = cat_lane_local_counter(mill->fw, "fragments.held");
	const char *outcome = send_frame(mill->fw, from, frame, length);
	held = cat_lane_local_counter(mill->fw, "fragments.held") - held;
	uint8_t answer[TEST_PACKET_MAX];
	mill->sent++;
	if (strcmp(outcome, "pass") == 0)
		mill->passed++;
	else if (strncmp(outcome, "drop.", 5) == 0)
		mill->dropped++;
	else if (held)
		mill->held++;
	else
		fail_msg("packet %llu: %s", (unsigned long long)mill->sent, outcome);
	int size = cat_lane_local_pop(mill->fw, from, answer, sizeof(answer), NULL);
	if (size >= 0) {
		assert_string_equal(outcome, "drop.reject");
		assert_true(test_packet_csums_ok(answer, (uint32_t)size));
	}
	// Fragments that waited for this one.
	while (cat_lane_local_pop(mill->fw, from == LEFT ? RIGHT : LEFT, answer, sizeof(answer), NULL) >= 0)
		assert_string_equal(outcome, "pass");
	if (mill->sent % 64 == 0)
		cat_lane_local_advance(mill->fw, 500000);
}

static void finish_mill(struct mill *mill)
{
	assert_int_equal(mill->sent, mill->passed + mill->dropped + mill->held);
	assert_int_equal(all_drops(mill->fw), mill->dropped);
	finish(mill->fw);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)rand() % n;
}

static void survives_noise(void **state)
{
	(void)state;
	struct mill mill = {.fw = firewall(CONFIG)};
	srand(2);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t frame[256];
		uint32_t length = below(sizeof(frame));
		for (uint32_t b = 0; b < length; b++)
			frame[b] = (uint8_t)rand();
		// Mostly noise behind the type of IPv4 or IPv6.
		if (length > 14 && below(8)) {
			bool ipv6 = below(2);
			frame[12] = ipv6 ? 0x86 : 0x08;
			frame[13] = ipv6 ? 0xdd : 0x00;
			frame[14] = (uint8_t)(ipv6 ? 0x60 : 0x45 + below(3));
			if (length > 20) {
				frame[16] = frame[18] = 0;
				frame[ipv6 ? 19 : 17] = (uint8_t)(length - (ipv6 ? 54 : 14));
			}
		}
		grind(&mill, (enum cat_side)below(2), frame, length);
	}
	finish_mill(&mill);
}

static struct test_packet random_packet(void)
{
	static const uint8_t protocols[] = {6, 6, 6, 17, 17, 1, 58, 47};
	static const uint8_t flags[] = {2, 18, 16, 16, 24, 17, 4, 20};
	static const uint8_t types[] = {0, 8, 3, 11, 13, 14, 128, 129, 1, 2, 135};
	static const char *const hosts[] = {HOST, "10.200.0.1", PEER}, *const hosts6[] = {HOST6, PEER6, "fe80::1"};
	struct test_packet p = {
		.protocol = protocols[below(CAT_ARRAY_LEN(protocols))],
		.sport = (uint16_t)(below(4) * 1000),
		.dport = (uint16_t)(below(4) * 1000),
		.tcp_flags = flags[below(CAT_ARRAY_LEN(flags))],
		.type = types[below(CAT_ARRAY_LEN(types))],
		.id = (uint16_t)below(3),
		.payload_size = (uint16_t)below(200),
		.vlan = (uint16_t)(below(8) ? 0 : 3),
		.options = (uint8_t)(below(8) ? 0 : below(4)),
		.fragment = (uint16_t)(below(16) ? 0x4000 : 0x2000),
	};
	bool ipv6 = p.protocol == 58 || (p.protocol != 1 && below(2));
	strcpy(p.src, (ipv6 ? hosts6 : hosts)[below(3)]);
	strcpy(p.dst, (ipv6 ? hosts6 : hosts)[below(3)]);
	return p;
}

static void survives_mutations(void **state)
{
	(void)state;
	struct mill mill = {.fw = firewall(CONFIG)};
	srand(3);
	for (unsigned i = 0; i < 40000; i++) {
		uint8_t frame[TEST_PACKET_MAX], quoting[TEST_PACKET_MAX], *out = frame;
		struct test_packet p = random_packet();
		uint32_t length = test_packet_make(&p, frame);
		if (below(4) == 0 && !(p.fragment & 0x2000)) {
			static const uint8_t errors[] = {3, 11, 12, 1, 2, 4};
			length = make_error(frame, length, below(100), errors[below(CAT_ARRAY_LEN(errors))],
					    (uint8_t)below(5), strchr(p.src, ':') ? PEER6 : PEER, quoting);
			out = quoting;
		}
		for (uint32_t changes = below(4); changes; changes--)
			out[12 + below(length - 12 < 90 ? length - 12 : 90)] = (uint8_t)(below(2) ? rand() : 0);
		if (below(8) == 0)
			length = below(length);
		grind(&mill, (enum cat_side)below(2), out, length);
	}
	assert_true(mill.passed > 1000 && mill.dropped > 1000);
	finish_mill(&mill);
}

// Packets of a classic capture file, whatever their link type says: to the firewall all bytes are hostile.
static unsigned grind_file(struct mill *mill, const char *path)
{
	cat_autofile FILE *f = fopen(path, "rb");
	uint32_t header[6], record[4];
	if (!f || fread(header, sizeof(header), 1, f) != 1)
		return 0;
	bool swapped =
		header[0] == __builtin_bswap32(CAPTURE_MAGIC) || header[0] == __builtin_bswap32(CAPTURE_MAGIC_NS);
	if (!swapped && header[0] != CAPTURE_MAGIC && header[0] != CAPTURE_MAGIC_NS)
		return 0;
	unsigned count = 0;
	while (fread(record, sizeof(record), 1, f) == 1) {
		uint32_t size = swapped ? __builtin_bswap32(record[2]) : record[2];
		uint8_t frame[FRAME_MAX];
		uint32_t kept = size < FRAME_MAX ? size : FRAME_MAX;
		if (fread(frame, 1, kept, f) != kept || fseek(f, (long)(size - kept), SEEK_CUR) < 0)
			break;
		grind(mill, count % 2 ? RIGHT : LEFT, frame, kept);
		count++;
	}
	return count;
}

static void accounts_for_all_captures(void **state)
{
	(void)state;
	char directory[512];
	if (!data_path("pcaps", directory, sizeof(directory)))
		skip();
	struct mill mill = {.fw = firewall(CONFIG)};
	cat_autodir DIR *d = opendir(directory);
	assert_non_null(d);
	unsigned files = 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[sizeof(directory) + sizeof(e->d_name)];
		snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
		files += grind_file(&mill, path) > 0;
	}
	assert_true(files > 0);
	print_message("%llu packets of %u captures: %llu passed, %llu dropped\n", (unsigned long long)mill.sent, files,
		      (unsigned long long)mill.passed, (unsigned long long)mill.dropped);
	finish_mill(&mill);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_noise),
		cmocka_unit_test(survives_mutations),
		cmocka_unit_test(accounts_for_all_captures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
