// SPDX-License-Identifier: BSD-3-Clause
// Checksums against a sum of 16-bit words done by the book, on random data.
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cat_csum.h"

// RFC 1071, section 1, word by word in network order.
static uint16_t by_the_book(const uint8_t *data, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)(data[i] << 8) + (i + 1 < size ? data[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void fill(uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(rand() >> 7);
}

static void test_whole(void **state)
{
	(void)state;
	uint8_t data[1500];
	for (size_t size = 0; size < sizeof(data); size++) {
		fill(data, size);
		assert_int_equal(cat_csum(data, size), by_the_book(data, size, 0));
	}
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = 0xff;
	assert_int_equal(cat_csum(data, sizeof(data)), by_the_book(data, sizeof(data), 0));
	// The example of RFC 1071, section 3.
	static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	assert_int_equal(cat_csum(example, sizeof(example)), htons((uint16_t)~0xddf2));
}

// A header like any other in that it is not all zero: of the two representations of zero, RFC 1624 then gives the same
// one as a whole computation.
static void test_update(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t data[40];
		fill(data, sizeof(data));
		data[0] = 0x45;
		if (round % 3 == 0)
			data[12] = data[13] = 0xff;
		if (round % 5 == 0)
			data[12] = data[13] = 0;
		uint16_t before = cat_csum(data, sizeof(data));
		uint16_t from16, to16 = round % 7 == 0 ? 0xffff : round % 11 == 0 ? 0 : (uint16_t)rand();
		memcpy(&from16, data + 12, 2);
		memcpy(data + 12, &to16, 2);
		uint16_t after = cat_csum_update16(before, from16, to16);
		assert_int_equal(after, cat_csum(data, sizeof(data)));
		uint32_t from32, to32 = round % 13 == 0 ? UINT32_MAX : round % 17 == 0 ? 0 : (uint32_t)rand() * 3u;
		memcpy(&from32, data + 20, 4);
		memcpy(data + 20, &to32, 4);
		after = cat_csum_update32(after, from32, to32);
		assert_int_equal(after, cat_csum(data, sizeof(data)));
	}
}

static void test_l4(void **state)
{
	(void)state;
	uint8_t header[40], l4[600];
	for (size_t size = 8; size < sizeof(l4); size++) {
		fill(header, sizeof(header));
		fill(l4, size);
		// The pseudo-header's fields that are no addresses: protocol and length.
		uint32_t rest = 6 + (uint32_t)size;
		for (size_t i = 12; i < 20; i += 2)
			rest += (uint32_t)(header[i] << 8) + header[i + 1];
		assert_int_equal(cat_csum_l4_ipv4(header, l4, size, 6), by_the_book(l4, size, rest));
		rest = 58 + (uint32_t)size;
		for (size_t i = 8; i < 40; i += 2)
			rest += (uint32_t)(header[i] << 8) + header[i + 1];
		assert_int_equal(cat_csum_l4_ipv6(header, l4, size, 58), by_the_book(l4, size, rest));
	}
}

static void test_udp_zero(void **state)
{
	(void)state;
	uint8_t header[20] = {0}, l4[8] = {0};
	// A word that brings the sum to 0xffff, so that the checksum comes out as zero.
	uint16_t word = htons((uint16_t)(0xffff - 17 - 8));
	memcpy(l4, &word, 2);
	assert_int_equal(cat_csum_l4_ipv4(header, l4, 8, 17), 0xffff);
	word = htons((uint16_t)(0xffff - 6 - 8));
	memcpy(l4, &word, 2);
	assert_int_equal(cat_csum_l4_ipv4(header, l4, 8, 6), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_l4),
		cmocka_unit_test(test_udp_zero),
	};
	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
