// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "cat_addr.h"
#include "cat_cleanup.h"

static void refuses_what_is_no_prefix(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"/",
		"10.0.0.1/",
		"10.0.0.1/33",
		"10.0.0.1/-1",
		"10.0.0.1/08",
		"10.0.0.1/2 ",
		"10.0.0",
		"10.0.0.256",
		"10.0.0.1/x",
		"::1/129",
		"::g",
		"1::2::3",
		" 10.0.0.1",
		"10.0.0.1 ",
		"10.0.0.01/24",
		"/24",
		"10.0.0.1/4294967296",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff",
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(bad); i++) {
		struct cat_prefix p = {.length = 77};
		assert_int_equal(cat_prefix_parse(bad[i], &p), -EINVAL);
		assert_int_equal(p.length, 77);
	}
}

static void reads_and_writes_prefixes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *format, *masked;
	} good[] = {
		{"192.0.2.1/24", "192.0.2.1/24", "192.0.2.0/24"},
		{"192.0.2.255", "192.0.2.255/32", "192.0.2.255/32"},
		{"10.255.255.255/0", "10.255.255.255/0", "0.0.0.0/0"},
		{"172.31.7.9/13", "172.31.7.9/13", "172.24.0.0/13"},
		{"2001:DB8::0:1/64", "2001:db8::1/64", "2001:db8::/64"},
		{"::ffff:ffff/125", "::255.255.255.255/125", "::255.255.255.248/125"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(good); i++) {
		char text[CAT_ADDR_TEXT_MAX];
		struct cat_prefix p;
		assert_int_equal(cat_prefix_parse(good[i].text, &p), 0);
		assert_string_equal(cat_prefix_format(&p, text), good[i].format);
		cat_prefix_mask(&p);
		assert_string_equal(cat_prefix_format(&p, text), good[i].masked);
	}
}

static void contains(void **state)
{
	(void)state;
	static const struct {
		const char *prefix, *addr;
		bool inside;
	} cases[] = {
		{"10.0.0.0/30", "10.0.0.3", true},           {"10.0.0.0/30", "10.0.0.4", false},
		{"0.0.0.0/0", "255.255.255.255", true},      {"0.0.0.0/0", "::", false},
		{"2001:db8::/33", "2001:db8:7fff::1", true}, {"2001:db8::/33", "2001:db8:8000::1", false},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_prefix p;
		struct cat_addr a;
		assert_int_equal(cat_prefix_parse(cases[i].prefix, &p), 0);
		assert_int_equal(cat_addr_parse(cases[i].addr, &a), 0);
		assert_int_equal(cat_prefix_contains(&p, &a), cases[i].inside);
	}
}

static void macs(void **state)
{
	(void)state;
	static const char *const bad[] = {"",
					  "00:11:22:33:44",
					  "00:11:22:33:44:5",
					  "00:11:22:33:44:555",
					  "00-11-22-33-44-55",
					  "0g:11:22:33:44:55",
					  "00:11:22:33:44:55:66"};
	struct cat_mac mac;
	for (size_t i = 0; i < CAT_ARRAY_LEN(bad); i++)
		assert_int_equal(cat_mac_parse(bad[i], &mac), -EINVAL);
	char text[CAT_ADDR_TEXT_MAX];
	assert_int_equal(cat_mac_parse("02:aB:00:fF:44:55", &mac), 0);
	assert_string_equal(cat_mac_format(&mac, text), "02:ab:00:ff:44:55");
}

static void ipv4_numbers(void **state)
{
	(void)state;
	struct cat_addr a = cat_addr_from_ipv4(0xc0000201), b;
	assert_int_equal(cat_addr_parse("192.0.2.1", &b), 0);
	assert_true(cat_addr_equal(&a, &b));
	assert_int_equal(cat_addr_ipv4(&b), 0xc0000201);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_no_prefix),
		cmocka_unit_test(reads_and_writes_prefixes),
		cmocka_unit_test(contains),
		cmocka_unit_test(macs),
		cmocka_unit_test(ipv4_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
