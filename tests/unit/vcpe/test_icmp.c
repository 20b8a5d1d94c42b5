// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors through the NAT (RFC 5508, REQ-3 to REQ-6, REQ-10), and ICMP of our own.
#include <string.h>

#include "site.h"

enum { SYN = TEST_PACKET_SYN, ACK = TEST_PACKET_ACK };

// An ICMP error about a frame: quotes its IP packet, cut to `size` bytes.
struct error {
	uint8_t quoted[600];
	struct test_packet packet;
};

static void make_error(struct error *e, const char *src, const char *dst, uint8_t type, uint8_t code,
		       const struct test_packet *about, uint32_t size)
{
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t length = test_packet_make(about, frame), ip_size;
	const uint8_t *ip = test_packet_ip(frame, length, &ip_size);
	if (size > ip_size)
		size = ip_size;
	memcpy(e->quoted, ip, size);
	e->packet = (struct test_packet){.protocol = 1, .type = type, .code = code, .payload = e->quoted};
	e->packet.payload_size = (uint16_t)size;
	strcpy(e->packet.src, src);
	strcpy(e->packet.dst, dst);
}

// Reads what an error quotes as if it were a frame.
static void read_quoted(const struct test_packet *error, struct test_packet *ret)
{
	uint8_t frame[TEST_PACKET_MAX] = {[12] = 8};
	memset(frame + 14, 0, sizeof(frame) - 14);
	memcpy(frame + 14, error->payload, error->payload_size);
	// The quote may be cut; the packet as a whole was longer.
	assert_true(test_packet_read(frame, sizeof(frame), ret));
}

static bool quoted_csums_ok(const struct test_packet *error)
{
	uint8_t frame[TEST_PACKET_MAX] = {[12] = 8};
	memcpy(frame + 14, error->payload, error->payload_size);
	return test_packet_csums_ok(frame, error->payload_size + 14u);
}

static const struct {
	const char *name;
	struct test_packet packet;
} flows[] = {
	{"UDP", {.protocol = 17, .sport = 5000, .dport = 53, .payload_size = 20}},
	{"UDP without checksum", {.protocol = 17, .sport = 5001, .dport = 53, .payload_size = 20, .no_csum = true}},
	{"TCP", {.protocol = 6, .sport = 5002, .dport = 80, .tcp_flags = SYN, .payload_size = 11}},
	{"TCP with IP options", {.protocol = 6, .sport = 5003, .dport = 80, .tcp_flags = SYN, .options = 4}},
	{"echo", {.protocol = 1, .type = 8, .id = 99, .payload_size = 20}},
};

static struct test_packet flow(size_t i)
{
	struct test_packet p = flows[i].packet;
	strcpy(p.src, HOST_A);
	strcpy(p.dst, SERVER);
	return p;
}

static void unsound_errors_are_dropped(void **unused)
{
	(void)unused;
	struct site site;
	struct error e;
	struct test_packet out, seen;
	uint8_t frame[TEST_PACKET_MAX];
	site_open(&site, NULL, NULL);
	site_send_lan(&site, flow(0));
	assert_true(site_receive(&site, CAT_RIGHT, &out));
	static const struct {
		const char *name, *counter;
		uint32_t size;
		int flip; // byte of the frame; -1: none
	} cases[] = {
		{"nothing quoted", "drop.malformed", 0, -1},
		{"half a header", "drop.malformed", 12, -1},
		{"no ports", "drop.malformed", 20, -1},
		{"half of the ports", "drop.malformed", 27, -1},
		{"own checksum", "drop.bad_checksum", 100, 14 + 20 + 2},
		{"quoted is no IPv4", "drop.bad_checksum", 100, 14 + 20 + 8},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_error(&e, "203.0.113.1", PUBLIC, 3, 1, &out, cases[i].size);
		memcpy(e.packet.to_mac, site_wan_mac, 6);
		uint32_t length = test_packet_make(&e.packet, frame);
		if (cases[i].flip >= 0)
			frame[cases[i].flip] ^= 0x10;
		uint64_t before = site_counter(&site, cases[i].counter);
		site_send_frame(&site, CAT_RIGHT, frame, length);
		if (site_counter(&site, cases[i].counter) != before + 1)
			fail_msg("%s: %s did not count", cases[i].name, cases[i].counter);
		site_expect_nothing(&site);
	}
	// The quoted header's checksum is wrong, the error's right (RFC 5508, REQ-3a).
	make_error(&e, "203.0.113.1", PUBLIC, 3, 1, &out, 100);
	e.quoted[10] ^= 1;
	uint64_t before = site_counter(&site, "drop.bad_checksum");
	site_send_wan(&site, e.packet);
	site_expect_drop(&site, "drop.bad_checksum", before);
	// About a packet that we never sent (REQ-4).
	struct test_packet foreign = out;
	foreign.sport ^= 0x1111;
	make_error(&e, "203.0.113.1", PUBLIC, 3, 1, &foreign, 100);
	before = site_counter(&site, "drop.nat_no_session");
	site_send_wan(&site, e.packet);
	site_expect_drop(&site, "drop.nat_no_session", before);
	assert_false(site_receive(&site, CAT_LEFT, &seen));
	site_close(&site);
}

// REQ-4: towards the LAN the quoted source is the host again; quotes of every length.
static void errors_from_outside(void **unused)
{
	(void)unused;
	static const uint32_t sizes[] = {1000, 44, 38, 36, 28, 48};
	struct site site;
	struct error e;
	struct test_packet out, in, quoted;
	site_open(&site, NULL, NULL);
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		site_send_lan(&site, flow(i));
		assert_true(site_receive(&site, CAT_RIGHT, &out));
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			if (sizes[k] < 28u + flows[i].packet.options * 4u)
				continue;
			make_error(&e, "203.0.113.1", PUBLIC, k ? 3 : 11, k ? 4 : 0, &out, sizes[k]);
			e.packet.sequence = 1400;
			site_send_wan(&site, e.packet);
			if (!site_receive(&site, CAT_LEFT, &in))
				fail_msg("%s: error did not arrive", flows[i].name);
			assert_string_equal(in.src, "203.0.113.1");
			assert_string_equal(in.dst, HOST_A);
			assert_int_equal(in.type, e.packet.type);
			assert_int_equal(in.code, e.packet.code);
			assert_int_equal(in.sequence, 1400);
			if (sizes[k] == 1000) {
				read_quoted(&in, &quoted);
				assert_string_equal(quoted.src, HOST_A);
				assert_string_equal(quoted.dst, SERVER);
				assert_int_equal(quoted.sport, flows[i].packet.sport);
				assert_int_equal(quoted.id, flows[i].packet.id);
				assert_true(quoted_csums_ok(&in));
			}
		}
	}
	// REQ-10 of RFC 5508, REQ-12 of RFC 4787: errors end no session.
	assert_int_equal(site_counter(&site, "gauge.sessions"), sizeof(flows) / sizeof(flows[0]));
	site_close(&site);
}

// REQ-5: from the LAN the quoted destination is the public endpoint again, and the error comes from the public address.
static void errors_from_the_lan(void **unused)
{
	(void)unused;
	struct site site;
	struct error e;
	struct test_packet out, in, quoted;
	site_open(&site, NULL, NULL);
	for (size_t i = 0; i < 3; i++) {
		site_send_lan(&site, flow(i));
		assert_true(site_receive(&site, CAT_RIGHT, &out));
		struct test_packet back = out;
		strcpy(back.src, SERVER);
		strcpy(back.dst, PUBLIC);
		back.sport = out.dport;
		back.dport = out.sport;
		back.tcp_flags = SYN | ACK;
		back.payload = NULL;
		memset(back.to_mac, 0, 6);
		memset(back.from_mac, 0, 6);
		site_send_wan(&site, back);
		assert_true(site_receive(&site, CAT_LEFT, &in));
		make_error(&e, HOST_A, SERVER, 3, 3, &in, 500);
		site_send_lan(&site, e.packet);
		assert_true(site_receive(&site, CAT_RIGHT, &in));
		assert_string_equal(in.src, PUBLIC);
		assert_string_equal(in.dst, SERVER);
		assert_int_equal(in.code, 3);
		read_quoted(&in, &quoted);
		assert_string_equal(quoted.src, SERVER);
		assert_string_equal(quoted.dst, PUBLIC);
		assert_int_equal(quoted.dport, out.sport);
		assert_true(quoted_csums_ok(&in));
	}
	site_close(&site);
}

// REQ-6 (and 7): an error about a hairpinned packet finds its sender.
static void errors_about_hairpins(void **unused)
{
	(void)unused;
	struct site site;
	struct error e;
	struct test_packet p, quoted;
	site_open(&site, "\"filtering\": \"endpoint-independent\"", NULL);
	uint16_t b = site_open_session(&site, site_udp(HOST_B, 6000, SERVER, 53));
	site_send_lan(&site, site_udp(HOST_A, 5000, PUBLIC, b));
	assert_true(site_receive(&site, CAT_LEFT, &p));
	make_error(&e, HOST_B, PUBLIC, 3, 3, &p, 500);
	site_send_lan(&site, e.packet);
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_string_equal(p.dst, HOST_A);
	assert_string_equal(p.src, PUBLIC);
	read_quoted(&p, &quoted);
	assert_string_equal(quoted.src, HOST_A);
	assert_int_equal(quoted.sport, 5000);
	assert_string_equal(quoted.dst, PUBLIC);
	assert_int_equal(quoted.dport, b);
	assert_true(quoted_csums_ok(&p));
	site_expect_nothing(&site);
	site_close(&site);
}

static void our_addresses_answer_echo(void **unused)
{
	(void)unused;
	static const struct {
		const char *src, *dst;
		bool wan, answered;
	} cases[] = {
		{HOST_A, PUBLIC, false, false}, {SERVER, PUBLIC, true, false}, {HOST_A, LAN, false, true},
		{HOST_A, WAN, false, true},     {SERVER, WAN, true, true},     {HOST6, LAN6, false, true},
		{SERVER6, WAN6, true, true},    {SERVER6, LAN6, true, true},
	};
	struct site site;
	struct test_packet p;
	site_open(&site, NULL, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ipv6 = strchr(cases[i].src, ':') != NULL;
		struct test_packet echo = site_echo(cases[i].src, cases[i].dst, ipv6 ? 128 : 8, 42);
		if (cases[i].wan)
			site_send_wan(&site, echo);
		else
			site_send_lan(&site, echo);
		if (site_receive(&site, cases[i].wan ? CAT_RIGHT : CAT_LEFT, &p) != cases[i].answered)
			fail_msg("%s to %s: answered is not %d", cases[i].src, cases[i].dst, cases[i].answered);
		if (!cases[i].answered)
			continue;
		assert_string_equal(p.src, cases[i].dst);
		assert_string_equal(p.dst, cases[i].src);
		assert_int_equal(p.type, ipv6 ? 129 : 0);
		assert_int_equal(p.id, 42);
		site_expect_nothing(&site);
	}
	site_close(&site);
}

static void ttl_runs_out(void **unused)
{
	(void)unused;
	struct site site;
	struct test_packet p, quoted;
	site_open(&site, NULL, NULL);
	uint16_t port = site_open_session(&site, site_udp(HOST_A, 5000, SERVER, 53));
	struct test_packet out = site_udp(HOST_A, 5000, SERVER, 53);
	out.ttl = 1;
	uint64_t before = site_counter(&site, "drop.ttl_expired");
	site_send_lan(&site, out);
	site_expect_drop(&site, "drop.ttl_expired", before);
	assert_true(site_receive(&site, CAT_LEFT, &p));
	assert_string_equal(p.src, LAN);
	assert_string_equal(p.dst, HOST_A);
	assert_int_equal(p.type, 11);
	read_quoted(&p, &quoted);
	assert_string_equal(quoted.src, HOST_A);
	struct test_packet in = site_udp(SERVER, 53, PUBLIC, port);
	in.ttl = 1;
	site_send_wan(&site, in);
	assert_true(site_receive(&site, CAT_RIGHT, &p));
	assert_string_equal(p.dst, SERVER);
	assert_string_equal(p.src, WAN);
	assert_int_equal(p.type, 11);
	read_quoted(&p, &quoted);
	assert_string_equal(quoted.dst, PUBLIC);
	assert_int_equal(quoted.dport, port);
	site_close(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsound_errors_are_dropped), cmocka_unit_test(errors_from_outside),
		cmocka_unit_test(errors_from_the_lan),        cmocka_unit_test(errors_about_hairpins),
		cmocka_unit_test(our_addresses_answer_echo),  cmocka_unit_test(ttl_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
