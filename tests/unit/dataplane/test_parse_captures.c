// SPDX-License-Identifier: BSD-3-Clause
// Parses every packet of every capture in CATENA_TEST_DATA/pcaps (else ../shared/data/pcaps), where there is one.
#include <dirent.h>
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cat_cleanup.h"
#include "cat_parse.h"

#define CAPTURE_MAGIC 0xa1b2c3d4u
#define CAPTURE_MAGIC_NS 0xa1b23c4du
#define FRAME_MAX 65535u

static char directory[512];

static void check_packet(const uint8_t *exact, uint16_t len)
{
	struct cat_desc desc = {.len = len};
	cat_parse(&desc, exact);
	assert_true(desc.flags & CAT_DESC_PARSED);
	assert_true(desc.len <= len);
	if (desc.flags & (CAT_DESC_IPV4 | CAT_DESC_IPV6))
		assert_true(desc.l3 + (desc.flags & CAT_DESC_IPV4 ? 20 : 40) <= desc.len);
	if (desc.flags & (CAT_DESC_TCP | CAT_DESC_UDP | CAT_DESC_ICMP))
		assert_true(desc.l4 + (desc.flags & CAT_DESC_TCP ? 20 : 8) <= desc.len);
	if (desc.flags & CAT_DESC_L4_UNKNOWN)
		assert_true(desc.l4 <= desc.len);
}

// Packets of a classic capture file, whatever their link type says: to the parser all bytes are hostile.
static unsigned parse_file(const char *path)
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
		if (size > FRAME_MAX)
			break;
		cat_autofree uint8_t *exact = malloc(size ? size : 1);
		assert_non_null(exact);
		if (size && fread(exact, size, 1, f) != 1)
			break;
		check_packet(exact, (uint16_t)size);
		count++;
	}
	return count;
}

static void parses_all_captures(void **state)
{
	(void)state;
	cat_autodir DIR *d = opendir(directory);
	assert_non_null(d);
	unsigned files = 0, packets = 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[sizeof(directory) + sizeof(e->d_name)];
		snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
		unsigned n = parse_file(path);
		files += n > 0;
		packets += n;
	}
	print_message("%u packets of %u captures\n", packets, files);
	assert_true(files > 0);
}

int main(void)
{
	const char *data = getenv("CATENA_TEST_DATA");
	snprintf(directory, sizeof(directory), "%s/pcaps", data ? data : SOURCE_ROOT "/../shared/data");
	cat_autodir DIR *d = opendir(directory);
	if (!d) {
		printf("skipped: no captures in %s\n", directory);
		return 77;
	}
	const struct CMUnitTest tests[] = {cmocka_unit_test(parses_all_captures)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
