// SPDX-License-Identifier: BSD-3-Clause
#include "cat_parse.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "frames.h"

#define IP4 CAT_DESC_IPV4
#define IP6 CAT_DESC_IPV6
#define BAD CAT_DESC_BAD
#define FRAG CAT_DESC_FRAG
#define UNKNOWN CAT_DESC_L4_UNKNOWN

static struct frame start(uint16_t type)
{
	struct frame f = {.len = 0};
	frame_macs(&f);
	frame_put16(&f, type);
	return f;
}

static struct frame udp4(struct ipv4 ip, uint16_t payload)
{
	struct frame f = start(0x0800);
	ip.protocol = 17;
	frame_ipv4(&f, ip, (uint16_t)(8 + payload));
	frame_udp(&f, 1000, 2000, payload);
	return f;
}

static struct frame tags(unsigned count, uint16_t outer)
{
	struct frame f = start(outer);
	for (unsigned i = 0; i < count; i++) {
		frame_put16(&f, 100);
		frame_put16(&f, i + 1 == count ? 0x0800 : 0x8100);
	}
	frame_ipv4(&f, (struct ipv4){.protocol = 17}, 8);
	frame_udp(&f, 1000, 2000, 0);
	return f;
}

// An IPv6 packet with `count` destination option headers of 8 bytes before UDP.
static struct frame extensions(unsigned count, uint8_t kind)
{
	struct frame f = start(0x86dd);
	frame_ipv6(&f, count ? kind : 17, (uint16_t)(8 * count + 8));
	for (unsigned i = 0; i < count; i++) {
		frame_put8(&f, i + 1 == count ? 17 : kind);
		frame_put8(&f, 0);
		frame_fill(&f, 6);
	}
	frame_udp(&f, 1000, 2000, 0);
	return f;
}

static struct frame fragment6(uint16_t offset_flags)
{
	struct frame f = start(0x86dd);
	frame_ipv6(&f, 44, 16);
	frame_put8(&f, 17);
	frame_put8(&f, 0);
	frame_put16(&f, offset_flags);
	frame_put32(&f, 1);
	frame_udp(&f, 1000, 2000, 0);
	return f;
}

static struct frame l4(uint16_t type, uint8_t protocol, uint16_t size)
{
	struct frame f = start(type);
	if (type == 0x0800)
		frame_ipv4(&f, (struct ipv4){.protocol = protocol}, size);
	else
		frame_ipv6(&f, protocol, size);
	frame_fill(&f, size);
	return f;
}

static struct frame tcp4(uint8_t offset_words, uint16_t fragment, uint16_t cut)
{
	struct frame f = start(0x0800);
	frame_ipv4(&f, (struct ipv4){.protocol = 6, .fragment = fragment}, (uint16_t)(20 - cut));
	frame_tcp(&f, 1000, 2000, offset_words);
	f.len = (uint16_t)(f.len - cut);
	return f;
}

static struct frame cut(struct frame f, uint16_t bytes)
{
	f.len = (uint16_t)(f.len - bytes);
	return f;
}

static struct frame padded(struct frame f, uint16_t bytes)
{
	frame_fill(&f, bytes);
	return f;
}

static struct frame udp_length(struct frame f, uint16_t at, uint16_t length)
{
	f.data[at] = (uint8_t)(length >> 8);
	f.data[at + 1] = (uint8_t)length;
	return f;
}

// Parses a copy that ends where the frame ends, so that a sanitizer sees any read beyond it.
static struct cat_desc parse(const struct frame *f)
{
	struct cat_desc desc = {.len = f->len, .hash = 77, .l3 = 99, .l4 = 99, .flags = 0xffff};
	uint8_t *exact = malloc(f->len ? f->len : 1);
	memcpy(exact, f->data, f->len);
	cat_parse(&desc, exact);
	free(exact);
	return desc;
}

static void parses_table(void **state)
{
	(void)state;
	const struct {
		const char *name;
		struct frame frame;
		uint16_t flags;
		uint8_t l3, l4;
		uint16_t len; // 0: as given
	} cases[] = {
		{"empty", {.len = 0}, BAD, 0, 0, 0},
		{"13 bytes", cut(start(0x0800), 1), BAD, 0, 0, 0},
		{"type and nothing", start(0x0800), BAD, 14, 0, 0},
		{"IPv4 header cut", cut(start(0x0800), 0), BAD, 14, 0, 0},
		{"IPv4 19 bytes", cut(l4(0x0800, 17, 0), 1), BAD, 14, 0, 0},
		{"IPv4 version 5", udp4((struct ipv4){.version_ihl = 0x55}, 0), BAD, 14, 0, 0},
		{"IPv4 IHL 4", udp4((struct ipv4){.version_ihl = 0x44}, 0), BAD, 14, 0, 0},
		{"IPv4 IHL beyond the end", cut(udp4((struct ipv4){.version_ihl = 0x4f}, 0), 20), BAD, 14, 0, 0},
		{"UDP missing", l4(0x0800, 17, 0), IP4 | BAD, 14, 0, 0},
		{"IPv4 total below header", udp4((struct ipv4){.total = 19}, 0), BAD, 14, 0, 0},
		{"IPv4 total beyond the end", udp4((struct ipv4){.total = 29}, 0), BAD, 14, 0, 0},
		{"UDP 7 bytes", l4(0x0800, 17, 7), IP4 | BAD, 14, 0, 0},
		{"UDP length 7", udp_length(udp4((struct ipv4){0}, 4), 38, 7), IP4 | BAD, 14, 0, 0},
		{"UDP length beyond packet", udp_length(udp4((struct ipv4){0}, 4), 38, 13), IP4 | BAD, 14, 0, 0},
		{"TCP 19 bytes", tcp4(5, 0, 1), IP4 | BAD, 14, 0, 0},
		{"TCP offset 4", tcp4(4, 0, 0), IP4 | BAD, 14, 0, 0},
		{"TCP offset beyond packet", tcp4(6, 0, 0), IP4 | BAD, 14, 0, 0},
		{"tiny first fragment", tcp4(5, 0x2000, 4), IP4 | FRAG | BAD, 14, 0, 0},
		{"ICMP 7 bytes", l4(0x0800, 1, 7), IP4 | BAD, 14, 0, 0},
		{"tag cut", cut(start(0x8100), 0), BAD, 0, 0, 0},
		{"three tags", tags(3, 0x8100), CAT_DESC_VLAN | BAD, 0, 0, 0},
		{"IPv6 39 bytes", cut(l4(0x86dd, 17, 0), 1), BAD, 14, 0, 0},
		{"IPv6 payload beyond the end", cut(l4(0x86dd, 17, 9), 1), BAD, 14, 0, 0},
		{"IPv6 hop-by-hop twice", extensions(2, 0), IP6 | BAD, 14, 0, 0},
		{"IPv6 nine extensions", extensions(9, 60), IP6 | BAD, 14, 0, 0},
		{"IPv6 extension cut", l4(0x86dd, 60, 7), IP6 | BAD, 14, 0, 0},
		{"IPv6 extension beyond the end", l4(0x86dd, 60, 8), IP6 | BAD, 14, 0, 0},
		{"IPv6 UDP cut", l4(0x86dd, 17, 7), IP6 | BAD, 14, 0, 0},
		{"ARP", start(0x0806), CAT_DESC_OTHER, 14, 0, 0},
		{"802.3 length", start(0x0026), CAT_DESC_OTHER, 14, 0, 0},
		{"IPv4 UDP", udp4((struct ipv4){0}, 0), IP4 | CAT_DESC_UDP, 14, 34, 0},
		{"IPv4 UDP padded", padded(udp4((struct ipv4){0}, 0), 18), IP4 | CAT_DESC_UDP, 14, 34, 42},
		{"IPv4 options", udp4((struct ipv4){.version_ihl = 0x4f}, 0), IP4 | CAT_DESC_UDP, 14, 74, 0},
		{"IPv4 TCP", tcp4(5, 0, 0), IP4 | CAT_DESC_TCP, 14, 34, 0},
		{"IPv4 TCP do not fragment", tcp4(5, 0x4000, 0), IP4 | CAT_DESC_TCP, 14, 34, 0},
		{"IPv4 ICMP", l4(0x0800, 1, 8), IP4 | CAT_DESC_ICMP, 14, 34, 0},
		{"IPv4 GRE", l4(0x0800, 47, 4), IP4 | UNKNOWN, 14, 34, 0},
		{"IPv4 without payload", l4(0x0800, 47, 0), IP4 | UNKNOWN, 14, 34, 0},
		{"IPv4 with ICMPv6", l4(0x0800, 58, 8), IP4 | UNKNOWN, 14, 34, 0},
		{"IPv4 first fragment", udp4((struct ipv4){.fragment = 0x2000}, 0), IP4 | FRAG | CAT_DESC_UDP, 14, 34,
		 0},
		{"IPv4 later fragment", udp4((struct ipv4){.fragment = 0x0001}, 0), IP4 | FRAG, 14, 0, 0},
		{"one tag", tags(1, 0x8100), IP4 | CAT_DESC_UDP | CAT_DESC_VLAN, 18, 38, 0},
		{"QinQ", tags(2, 0x88a8), IP4 | CAT_DESC_UDP | CAT_DESC_VLAN, 22, 42, 0},
		{"IPv6 UDP", extensions(0, 0), IP6 | CAT_DESC_UDP, 14, 54, 0},
		{"IPv6 UDP padded", padded(extensions(0, 0), 9), IP6 | CAT_DESC_UDP, 14, 54, 62},
		{"IPv6 one extension", extensions(1, 60), IP6 | CAT_DESC_UDP, 14, 62, 0},
		{"IPv6 hop-by-hop", extensions(1, 0), IP6 | CAT_DESC_UDP, 14, 62, 0},
		{"IPv6 eight extensions", extensions(8, 60), IP6 | CAT_DESC_UDP, 14, 118, 0},
		{"IPv6 no next header", l4(0x86dd, 59, 0), IP6 | UNKNOWN, 14, 54, 0},
		{"IPv6 ICMPv6", l4(0x86dd, 58, 8), IP6 | CAT_DESC_ICMP, 14, 54, 0},
		{"IPv6 with ICMP", l4(0x86dd, 1, 8), IP6 | UNKNOWN, 14, 54, 0},
		{"IPv6 first fragment", fragment6(1), IP6 | FRAG | CAT_DESC_UDP, 14, 62, 0},
		{"IPv6 later fragment", fragment6(8), IP6 | FRAG, 14, 0, 0},
		{"IPv6 atomic fragment", fragment6(0), IP6 | CAT_DESC_UDP, 14, 62, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cat_desc desc = parse(&cases[i].frame);
		uint16_t len = cases[i].len ? cases[i].len : cases[i].frame.len;
		if (desc.flags != cases[i].flags || desc.l3 != cases[i].l3 || desc.l4 != cases[i].l4 || desc.len != len)
			fail_msg("%s: flags %#x l3 %u l4 %u len %u, expected %#x %u %u %u", cases[i].name, desc.flags,
				 desc.l3, desc.l4, desc.len, cases[i].flags, cases[i].l3, cases[i].l4, len);
	}
}

// Every prefix of some whole packets: nothing is read beyond the end, and a cut packet is never taken for a sound one.
static void survives_every_cut(void **state)
{
	(void)state;
	const struct frame whole[] = {udp4((struct ipv4){.version_ihl = 0x48}, 8),
				      tcp4(5, 0, 0),
				      tags(2, 0x88a8),
				      extensions(8, 60),
				      fragment6(1),
				      l4(0x86dd, 58, 60)};
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		for (uint16_t bytes = 1; bytes <= whole[i].len; bytes++) {
			struct frame f = cut(whole[i], bytes);
			struct cat_desc desc = parse(&f);
			assert_true(desc.flags & (BAD | CAT_DESC_OTHER));
		}
}

static void hash_is_symmetric(void **state)
{
	(void)state;
	uint32_t seen_difference = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t a = i * 2654435761u, b = i * 40503u + 9;
		uint16_t p = (uint16_t)(i * 7), q = (uint16_t)(i * 13 + 1);
		assert_int_equal(cat_flow_hash4(a, b, p, q, 6), cat_flow_hash4(b, a, q, p, 6));
		seen_difference += cat_flow_hash4(a, b, p, q, 6) != cat_flow_hash4(a, b, q, p, 6);
		uint8_t x[16] = {0x20, 1}, y[16] = {0x20, 1};
		memcpy(x + 12, &a, 4);
		memcpy(y + 12, &b, 4);
		assert_int_equal(cat_flow_hash6(x, y, p, q, 17), cat_flow_hash6(y, x, q, p, 17));
		assert_int_equal(cat_flow_hash6(x, x, p, q, 17), cat_flow_hash6(x, x, q, p, 17));
		assert_int_not_equal(cat_flow_hash6(x, y, p, q, 17), cat_flow_hash6(x, y, p, q, 6));
	}
	assert_true(seen_difference > 990);
}

static void hash_spreads_over_lanes(void **state)
{
	(void)state;
	for (uint32_t lanes = 2; lanes <= CAT_LANES_MAX; lanes++) {
		uint32_t count[CAT_LANES_MAX] = {0};
		for (uint32_t i = 0; i < 16000; i++) {
			uint32_t hash =
				cat_flow_hash4(htonl(0x0a000000 + i / 64), htonl(0xc0a80001), htons(i & 0xffff), 80, 6);
			uint32_t lane = cat_lane_of(hash, lanes);
			assert_true(lane < lanes);
			count[lane]++;
		}
		for (uint32_t lane = 0; lane < lanes; lane++)
			assert_in_range(count[lane], 16000 / lanes * 8 / 10, 16000 / lanes * 12 / 10);
	}
}

// All fragments of one datagram meet one lane; so do an echo's request and reply, and an error and what it quotes.
static void hash_keeps_together_what_belongs_together(void **state)
{
	(void)state;
	struct frame first = udp4((struct ipv4){.fragment = 0x2000}, 0), later = udp4((struct ipv4){.fragment = 9}, 0);
	assert_int_equal(parse(&first).hash, parse(&later).hash);
	assert_int_equal(parse(&first).hash, cat_flow_hash4(htonl(0x0a000001), htonl(0x0a000002), 0, 0, 17));
	struct frame first6 = fragment6(1), later6 = fragment6(8);
	assert_int_equal(parse(&first6).hash, parse(&later6).hash);

	struct frame whole = udp4((struct ipv4){0}, 0);
	assert_int_equal(parse(&whole).hash,
			 cat_flow_hash4(htonl(0x0a000001), htonl(0x0a000002), htons(1000), htons(2000), 17));
	struct frame error = start(0x0800);
	frame_ipv4(&error, (struct ipv4){.protocol = 1, .src = 0x01020304, .dst = 0x0a000001}, 36);
	frame_put32(&error, 0x0b000000); // time exceeded
	frame_put32(&error, 0);
	frame_put(&error, whole.data + 14, 28);
	assert_int_equal(parse(&error).flags, IP4 | CAT_DESC_ICMP);
	assert_int_equal(parse(&error).hash, parse(&whole).hash);
	// The quoted packet's total length says more than is quoted: that is how it is.
	struct frame long_one = udp4((struct ipv4){0}, 100);
	memcpy(error.data + 42, long_one.data + 14, 28);
	assert_int_equal(parse(&error).hash, parse(&whole).hash);

	struct frame request = l4(0x0800, 1, 8), reply = request;
	request.data[34] = 8;
	reply.data[34] = 0;
	memcpy(reply.data + 26, request.data + 30, 4);
	memcpy(reply.data + 30, request.data + 26, 4);
	assert_int_equal(parse(&request).hash, parse(&reply).hash);
	request.data[38]++;
	assert_int_not_equal(parse(&request).hash, parse(&reply).hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_table),
		cmocka_unit_test(survives_every_cut),
		cmocka_unit_test(hash_is_symmetric),
		cmocka_unit_test(hash_spreads_over_lanes),
		cmocka_unit_test(hash_keeps_together_what_belongs_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
