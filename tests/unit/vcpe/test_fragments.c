// SPDX-License-Identifier: BSD-3-Clause
// Fragments through the NAT (RFC 4787, REQ-14): in any order, both ways, and back together with every checksum right.
#include <stdlib.h>
#include <string.h>

#include "site.h"

#define ETHERNET 14u
#define HEADER 34u // Ethernet and IPv4
#define CUTS_MAX 8u

struct cut {
	uint32_t start, end;
};

static void set16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)(p[0] << 8 | p[1]);
}

static void set_csum(uint8_t *ip)
{
	uint32_t sum = 0;
	set16(ip + 10, 0);
	for (unsigned i = 0; i < 20; i += 2)
		sum += get16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	set16(ip + 10, ~sum & 0xffff);
}

// A whole packet on its way, with MACs; returns its length.
static uint32_t make_whole(struct test_packet p, enum cat_side from, uint8_t *frame)
{
	memcpy(p.to_mac, from == CAT_LEFT ? site_lan_mac : site_wan_mac, 6);
	if (from == CAT_LEFT)
		site_host_mac(p.src, p.from_mac);
	else
		memcpy(p.from_mac, site_gateway_mac, 6);
	return test_packet_make(&p, frame);
}

static void send_piece(struct site *site, enum cat_side from, const uint8_t *whole, uint32_t length, uint16_t id,
		       struct cut cut)
{
	uint8_t piece[TEST_PACKET_MAX];
	bool last = cut.end == length - HEADER;
	memcpy(piece, whole, HEADER);
	memcpy(piece + HEADER, whole + HEADER + cut.start, cut.end - cut.start);
	set16(piece + ETHERNET + 2, 20 + cut.end - cut.start);
	set16(piece + ETHERNET + 4, id);
	set16(piece + ETHERNET + 6, cut.start / 8 | (last ? 0 : 0x2000));
	set_csum(piece + ETHERNET);
	site_send_frame(site, from, piece, HEADER + cut.end - cut.start);
}

// Takes what left there and puts it together. Returns how many frames there were; *ret_bytes of payload.
static uint32_t gather(struct site *site, enum cat_side side, uint8_t *whole, uint32_t *ret_bytes)
{
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t count = 0;
	*ret_bytes = 0;
	for (int n; (n = cat_lane_local_pop(site->local, side, frame, sizeof(frame), NULL)) >= 0; count++) {
		uint32_t size = (uint32_t)n - HEADER, at = (get16(frame + ETHERNET + 6) & 0x1fff) * 8;
		uint8_t check[20];
		site->left++;
		memcpy(check, frame + ETHERNET, 20);
		set_csum(check);
		assert_memory_equal(check, frame + ETHERNET, 20);
		assert_true(HEADER + at + size <= TEST_PACKET_MAX);
		if (count == 0)
			memcpy(whole, frame, HEADER);
		// All of them go the same way.
		assert_memory_equal(whole, frame, ETHERNET);
		assert_memory_equal(whole + ETHERNET + 12, frame + ETHERNET + 12, 8);
		assert_int_equal(whole[ETHERNET + 8], frame[ETHERNET + 8]);
		memcpy(whole + HEADER + at, frame + HEADER, size);
		*ret_bytes += size;
	}
	set16(whole + ETHERNET + 2, 20 + *ret_bytes);
	set16(whole + ETHERNET + 6, 0);
	set_csum(whole + ETHERNET);
	return count;
}

// Sends a packet in these pieces and reads it on the other side.
static void there(struct site *site, enum cat_side from, struct test_packet p, uint16_t id, const struct cut *cut,
		  uint32_t count, struct test_packet *ret)
{
	static uint8_t arrived[TEST_PACKET_MAX];
	uint8_t whole[TEST_PACKET_MAX];
	uint32_t length = make_whole(p, from, whole), bytes;
	for (uint32_t i = 0; i < count; i++)
		send_piece(site, from, whole, length, id, cut[i]);
	assert_int_equal(gather(site, from == CAT_LEFT ? CAT_RIGHT : CAT_LEFT, arrived, &bytes), count);
	assert_int_equal(bytes, length - HEADER);
	assert_true(test_packet_csums_ok(arrived, HEADER + bytes));
	assert_true(test_packet_read(arrived, HEADER + bytes, ret));
	assert_int_equal(ret->payload_size, p.payload_size);
}

static const struct cut orders[][3] = {
	{{0, 400}, {400, 800}, {800, 1008}},
	{{800, 1008}, {400, 800}, {0, 400}},
	{{400, 800}, {0, 400}, {800, 1008}},
};

static void go_there_and_back(void **state)
{
	(void)state;
	struct site site;
	site_open(&site, NULL, NULL);
	for (uint16_t i = 0; i < 3; i++) {
		struct test_packet p = site_udp(HOST_A, (uint16_t)(4000 + i), SERVER, 53), out, in;
		p.payload_size = 1000;
		there(&site, CAT_LEFT, p, i, orders[i], 3, &out);
		assert_string_equal(out.src, PUBLIC);
		assert_string_equal(out.dst, SERVER);
		assert_int_equal(out.dport, 53);
		struct test_packet answer = site_udp(SERVER, 53, PUBLIC, out.sport);
		answer.payload_size = 1000;
		there(&site, CAT_RIGHT, answer, i, orders[i], 3, &in);
		assert_string_equal(in.dst, HOST_A);
		assert_int_equal(in.dport, 4000 + i);
		// Without a UDP checksum, too.
		p.no_csum = true;
		there(&site, CAT_LEFT, p, (uint16_t)(100 + i), orders[i], 3, &out);
	}
	struct test_packet ping = site_echo(HOST_A, SERVER, 8, 77), out, in;
	ping.payload_size = 1000;
	there(&site, CAT_LEFT, ping, 50, orders[1], 3, &out);
	struct test_packet pong = site_echo(SERVER, PUBLIC, 0, out.id);
	pong.payload_size = 1000;
	there(&site, CAT_RIGHT, pong, 50, orders[2], 3, &in);
	assert_int_equal(in.id, 77);
	assert_int_equal(site_counter(&site, "nat.created"), 4);
	site_close(&site);
}

static void what_is_refused_leaves_nothing(void **state)
{
	(void)state;
	struct site site;
	uint8_t whole[TEST_PACKET_MAX];
	site_open(&site, NULL, NULL);
	// From outside without a session; to the gateway itself; with a hop limit that ends here.
	struct test_packet refused[] = {site_udp(SERVER, 53, PUBLIC, 9999), site_echo(HOST_A, LAN, 8, 3),
					site_echo(SERVER, WAN, 8, 3), site_udp(HOST_A, 1, SERVER, 53)};
	const enum cat_side from[] = {CAT_RIGHT, CAT_LEFT, CAT_RIGHT, CAT_LEFT};
	refused[3].ttl = 1;
	for (uint16_t i = 0; i < 4; i++) {
		for (unsigned order = 0; order < 2; order++) {
			refused[i].payload_size = 1000;
			uint32_t length = make_whole(refused[i], from[i], whole), bytes;
			for (unsigned n = 0; n < 3; n++)
				send_piece(&site, from[i], whole, length, (uint16_t)(10 * i + order), orders[order][n]);
			assert_int_equal(gather(&site, from[i] == CAT_LEFT ? CAT_RIGHT : CAT_LEFT, whole, &bytes), 0);
		}
	}
	// One answer per packet to the sender whose hop limit ended, and none about later fragments.
	uint32_t bytes;
	assert_int_equal(gather(&site, CAT_LEFT, whole, &bytes), 2);
	// Overlapping ones.
	struct test_packet p = site_udp(HOST_A, 4000, SERVER, 53);
	p.payload_size = 1000;
	uint32_t length = make_whole(p, CAT_LEFT, whole);
	uint64_t before = site_counter(&site, "drop.fragment_overlap");
	send_piece(&site, CAT_LEFT, whole, length, 99, (struct cut){400, 800});
	send_piece(&site, CAT_LEFT, whole, length, 99, (struct cut){792, 1008});
	send_piece(&site, CAT_LEFT, whole, length, 99, (struct cut){0, 400});
	assert_int_equal(site_counter(&site, "drop.fragment_overlap"), before + 2);
	assert_int_equal(gather(&site, CAT_RIGHT, whole, &bytes), 0);
	site_close(&site);
}

static void random_orders(void **state)
{
	(void)state;
	unsigned seed = 5;
	struct site site;
	site_open(&site, NULL, NULL);
	for (uint32_t round = 0; round < 500; round++) {
		struct test_packet p = site_udp(round % 2 ? HOST_A : HOST_B, (uint16_t)(1024 + round), SERVER, 53), out;
		struct cut cut[CUTS_MAX];
		uint32_t count = 0;
		p.payload_size = (uint16_t)(200 + (uint32_t)rand_r(&seed) % 1200);
		for (uint32_t at = 0, end = p.payload_size + 8u; at < end; count++) {
			uint32_t size = 64 + 8 * ((uint32_t)rand_r(&seed) % 60);
			uint32_t to = count == CUTS_MAX - 1 || at + size >= end ? end : at + size;
			cut[count] = (struct cut){at, to};
			at = to;
		}
		for (uint32_t i = count; i > 1; i--) {
			uint32_t other = (uint32_t)rand_r(&seed) % i;
			struct cut swap = cut[i - 1];
			cut[i - 1] = cut[other];
			cut[other] = swap;
		}
		there(&site, CAT_LEFT, p, (uint16_t)round, cut, count, &out);
	}
	site_close(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_there_and_back),
		cmocka_unit_test(what_is_refused_leaves_nothing),
		cmocka_unit_test(random_orders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
