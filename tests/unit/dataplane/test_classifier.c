// SPDX-License-Identifier: BSD-3-Clause
#include "classifier.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cat_parse.h"
#include "frames.h"

#define LEFT(path) ((path)*2u)
#define RIGHT(path) ((path)*2u + 1)

static struct cat_node *parse(const char *text)
{
	struct cat_err err = {0};
	struct cat_node *root = NULL;
	if (cat_tree_parse_yaml("test", text, strlen(text), &root, &err) < 0)
		fail_msg("%s", err.message);
	return root;
}

static void refuses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"[{match: 7}]", "expected a map"},
		{"[{match: {source: 10.0.0.0/8}}]", "list"},
		{"[{match: {source: [10.0.0.0/33]}}]", "prefix"},
		{"[{match: {destination: [4]}}]", "prefix"},
		{"[{match: {protocol: sctp}}]", "tcp"},
		{"[{match: {protocol: 256}}]", "255"},
		{"[{match: {source_ports: ['80-']}}]", "range"},
		{"[{match: {source_ports: ['80-70']}}]", "range"},
		{"[{match: {source_ports: ['65536']}}]", "range"},
		{"[{match: {destination_ports: ['-80']}}]", "range"},
		{"[{match: {destination_ports: ['80 ']}}]", "range"},
		{"[{match: {vlan: 4096}}]", "4095"},
	};
	const uint32_t ports[] = {0, 1};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *paths = parse(cases[i].text);
		struct cat_err err = {0};
		if (classifier_create(paths, ports, 2, &err) || !strstr(err.message, cases[i].message))
			fail_msg("%s: \"%s\"", cases[i].text, err.message);
	}
}

static uint32_t find(const struct classifier *c, uint32_t port, const struct frame *f)
{
	struct cat_desc desc = {.len = f->len};
	cat_parse(&desc, f->data);
	return classifier_find(c, port, &desc, f->data);
}

static struct frame udp(uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, uint16_t vlan, uint16_t fragment)
{
	struct frame f = {.len = 0};
	frame_macs(&f);
	if (vlan) {
		frame_put16(&f, 0x8100);
		frame_put16(&f, vlan | 0xe000); // priority bits do not count
	}
	frame_put16(&f, 0x0800);
	frame_ipv4(&f, (struct ipv4){.protocol = 17, .src = src, .dst = dst, .fragment = fragment}, 8);
	frame_udp(&f, sport, dport, 0);
	return f;
}

static struct frame udp6(bool extension)
{
	struct frame f = {.len = 0};
	frame_macs(&f);
	frame_put16(&f, 0x86dd);
	frame_ipv6(&f, extension ? 60 : 17, extension ? 24 : 8);
	if (extension) {
		frame_put8(&f, 17);
		frame_put8(&f, 1); // 16 bytes
		frame_fill(&f, 14);
	}
	frame_udp(&f, 1000, 53, 0);
	return f;
}

// Ports: 0 left of all paths, 1 right of 0 and 1, 2 right of the rest.
static const char *const paths_text = "- {name: dns, match: {protocol: udp, destination_ports: ['53', '5000-5010'], "
				      "destination: [192.0.2.0/24, '2001:db8::/64']}}\n"
				      "- {name: vlan, match: {vlan: 7}}\n"
				      "- {name: from, match: {source: [10.1.0.0/16], source_ports: ['1024-65535']}}\n"
				      "- {name: gre, match: {protocol: 47}}\n"
				      "- {name: rest, match: null}\n";
static const uint32_t paths_ports[] = {0, 1, 0, 1, 0, 2, 0, 2, 0, 2};

static void finds(void **state)
{
	(void)state;
	const struct {
		const char *name;
		uint32_t port;
		struct frame frame;
		uint32_t end;
	} cases[] = {
		{"DNS", 0, udp(0x0a000001, 0xc0000201, 1000, 53, 0, 0), LEFT(0)},
		{"DNS at the end of its range", 0, udp(0x0a000001, 0xc0000201, 1000, 5010, 0, 0), LEFT(0)},
		{"beyond the range", 0, udp(0x0a000001, 0xc0000201, 1000, 5011, 0, 0), LEFT(4)},
		{"DNS to elsewhere", 0, udp(0x0a000001, 0xc0000301, 1000, 53, 0, 0), LEFT(4)},
		{"DNS, IPv6", 0, udp6(false), LEFT(0)},
		{"DNS, IPv6 behind an extension", 0, udp6(true), LEFT(0)},
		{"answer at the right end", 1, udp(0xc0000201, 0x0a000001, 53, 1000, 0, 0), RIGHT(0)},
		{"question at the right end", 1, udp(0x0a000001, 0xc0000201, 1000, 53, 0, 0), CLASSIFIER_NONE},
		{"VLAN", 0, udp(0x0a000001, 0x0a000002, 1, 2, 7, 0), LEFT(1)},
		{"other VLAN", 0, udp(0x0a000001, 0x0a000002, 1, 2, 8, 0), LEFT(4)},
		{"VLAN at the right end", 1, udp(0x0a000001, 0x0a000002, 1, 2, 7, 0), RIGHT(1)},
		{"source", 0, udp(0x0a010001, 0x08080808, 2000, 80, 0, 0), LEFT(2)},
		{"source, low port", 0, udp(0x0a010001, 0x08080808, 80, 80, 0, 0), LEFT(4)},
		{"source, a fragment has no ports", 0, udp(0x0a010001, 0x08080808, 2000, 80, 0, 5), LEFT(4)},
		{"back to that source", 2, udp(0x08080808, 0x0a010001, 80, 2000, 0, 0), RIGHT(2)},
		{"anything else from port 2", 2, udp(0x08080808, 0x0a020001, 80, 2000, 0, 0), RIGHT(4)},
		{"nothing for port 1", 1, udp(0x08080808, 0x0a020001, 80, 2000, 0, 0), CLASSIFIER_NONE},
		{"garbage", 0, {.len = 5}, LEFT(4)},
		{"garbage where all want IP", 1, {.len = 5}, CLASSIFIER_NONE},
	};
	cat_autonode struct cat_node *paths = parse(paths_text);
	struct cat_err err = {0};
	struct classifier *c = classifier_create(paths, paths_ports, 3, &err);
	assert_non_null(c);
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		uint32_t end = find(c, cases[i].port, &cases[i].frame);
		if (end != cases[i].end)
			fail_msg("%s: end %u, expected %u", cases[i].name, end, cases[i].end);
	}
	const uint32_t *ends;
	assert_int_equal(classifier_ends(c, 1, &ends), 2);
	assert_int_equal(ends[1], RIGHT(1));
	assert_int_equal(classifier_only(c, 0), CLASSIFIER_NONE);
	classifier_destroy(c);
}

static void knows_when_there_is_no_choice(void **state)
{
	(void)state;
	cat_autonode struct cat_node *paths = parse("[{match: null}, {match: {vlan: 5}}, {match: {}}]");
	const uint32_t ports[] = {0, 1, 0, 1, 2, 2};
	struct cat_err err = {0};
	struct classifier *c = classifier_create(paths, ports, 4, &err);
	assert_non_null(c);
	assert_int_equal(classifier_only(c, 0), LEFT(0));
	assert_int_equal(classifier_only(c, 1), RIGHT(0));
	assert_int_equal(classifier_only(c, 2), LEFT(2));
	assert_int_equal(classifier_only(c, 3), CLASSIFIER_NONE);
	classifier_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(finds),
		cmocka_unit_test(knows_when_there_is_no_choice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
