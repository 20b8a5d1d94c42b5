// SPDX-License-Identifier: BSD-3-Clause
// Whatever comes in: no crash, and every packet leaves, is dropped with a reason, or is taken in.
#include <stdlib.h>
#include <string.h>

#include "captures.h"
#include "site.h"

#define SERVICES                                                                                                       \
	"\"dhcp\": {\"range\": [\"192.168.1.100\", \"192.168.1.199\"]}, \"dns\": {\"servers\": [\"" SERVER "\"]}, "    \
	"\"policing\": {\"subscriber\": {\"cir_kbps\": 100000, \"cbs_bytes\": 100000, \"pir_kbps\": 100000, "          \
	"\"pbs_bytes\": 100000}}"

static uint64_t gone(const struct site *site)
{
	static const char *const names[] = {
		"consumed",
		"drop.malformed",
		"drop.fragment",
		"drop.fragment_overlap",
		"drop.punt_full",
		"drop.no_neighbour",
		"drop.bad_checksum",
		"drop.bad_neighbour",
		"drop.vlan",
		"drop.not_for_us",
		"drop.bad_address",
		"drop.spoofed",
		"drop.ttl_expired",
		"drop.too_big",
		"drop.no_route",
		"drop.no_service",
		"drop.policed",
		"drop.nat_no_session",
		"drop.nat_filtered",
		"drop.nat_quota",
		"drop.nat_ports_exhausted",
		"drop.nat_table_full",
		"drop.nat_protocol",
		"drop.nat_hairpin",
	};
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sum += site_counter(site, names[i]);
	return sum;
}

// The last UDP or TCP packet that went to the WAN, for ICMP errors to quote.
static uint8_t sent[256];
static uint16_t sent_size;

static void remember(enum cat_side side, const uint8_t *frame, uint32_t length)
{
	if (side != CAT_RIGHT || length < 42 || frame[12] != 8 || frame[13] != 0 || (frame[23] != 6 && frame[23] != 17))
		return;
	sent_size = (uint16_t)(length - 14 < sizeof(sent) ? length - 14 : sizeof(sent));
	memcpy(sent, frame + 14, sent_size);
}

static uint64_t drain(struct site *site)
{
	uint8_t frame[4096];
	unsigned channel;
	uint64_t left = 0;
	for (int side = 0; side < CAT_SIDES; side++)
		for (int n; (n = cat_lane_local_pop(site->local, (enum cat_side)side, frame, sizeof(frame), NULL)) >= 0;
		     left++)
			remember((enum cat_side)side, frame, (uint32_t)n);
	while (cat_lane_local_pop_punt(site->local, &channel, frame, sizeof(frame)) >= 0)
		;
	return left;
}

// Pushes one frame and checks that it is accounted for.
static void push(struct site *site, enum cat_side side, const uint8_t *frame, uint32_t length)
{
	uint64_t before = gone(site), own = site_counter(site, "supply_used");
	site_send_frame(site, side, frame, length);
	uint64_t left = drain(site), made = site_counter(site, "supply_used") - own;
	uint64_t dropped = gone(site) - before;
	if (left - made + dropped != 1)
		fail_msg("%u bytes on side %d: %llu left, %llu of them our own, %llu dropped", length, side,
			 (unsigned long long)left, (unsigned long long)made, (unsigned long long)dropped);
}

// As it is, and as if it were for us.
static void both_ways(struct site *site, const uint8_t *frame, uint32_t length)
{
	uint8_t copy[1980];
	if (length > sizeof(copy))
		length = sizeof(copy);
	memcpy(copy, frame, length);
	for (int side = 0; side < CAT_SIDES; side++) {
		push(site, (enum cat_side)side, copy, length);
		if (length < 34)
			continue;
		memcpy(copy, side == CAT_LEFT ? site_lan_mac : site_wan_mac, 6);
		push(site, (enum cat_side)side, copy, length);
	}
}

static void on_capture(void *user, const uint8_t *frame, uint32_t length)
{
	both_ways(user, frame, length);
	cat_lane_local_advance(((struct site *)user)->local, 1000);
	drain(user);
}

static void captures(void **unused)
{
	(void)unused;
	struct site site;
	site_open(&site, NULL, SERVICES);
	int packets = captures_each(on_capture, &site);
	if (packets < 0)
		print_message("skipped: there are no captures\n");
	else
		assert_true(packets > 0);
	site_close(&site);
}

static uint16_t csum16(const uint8_t *p, uint32_t size)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < size; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

// Packets that are nearly right: a good one with some bytes changed, and its header checksum mended most times, so that
// it gets far.
static void mutations(void **unused)
{
	(void)unused;
	static const char *const ends4[] = {HOST_A, HOST_B, SERVER, PUBLIC, WAN, LAN, "255.255.255.255", "224.0.0.5"};
	static const char *const ends6[] = {HOST6, SERVER6, LAN6, WAN6, "ff02::1", "fe80::1"};
	static const uint8_t protocols[] = {6, 17, 1, 58, 47, 0};
	struct site site;
	site_open(&site, "\"filtering\": \"endpoint-independent\", \"quota\": 50, \"ports\": \"2000-2100\"", SERVICES);
	srandom(12345);
	for (unsigned i = 0; i < 150000; i++) {
		uint8_t frame[TEST_PACKET_MAX], quoted[200];
		bool ipv6 = random() % 4 == 0, wan = random() % 2;
		struct test_packet p = {.protocol = protocols[random() % 6], .tcp_flags = (uint8_t)random()};
		strcpy(p.src, ipv6 ? ends6[random() % 6] : ends4[random() % 8]);
		strcpy(p.dst, ipv6 ? ends6[random() % 6] : ends4[random() % 8]);
		if (!ipv6 && random() % 8) {
			strcpy(p.src, wan ? SERVER : ends4[random() % 2]);
			if (random() % 4)
				strcpy(p.dst, wan ? PUBLIC : ends4[2 + random() % 2]);
		}
		p.sport = (uint16_t)(random() % 3 ? 2000 + random() % 120 : 53);
		p.dport = (uint16_t)(random() % 3 ? 2000 + random() % 120 : 67);
		p.type = (uint8_t)(random() % 2 ? random() % 20 : 128 + random() % 10);
		p.id = p.sport;
		p.mss = random() % 2 ? (uint16_t)random() : 0;
		p.ttl = (uint8_t)(1 + random() % 4);
		p.options = (uint8_t)(random() % 10 ? 0 : random() % 11);
		p.payload_size = (uint16_t)(random() % 180);
		if (random() % 2) {
			struct test_packet inner = p;
			uint32_t size;
			strcpy(inner.src, p.dst);
			strcpy(inner.dst, p.src);
			uint32_t length = test_packet_make(&inner, frame);
			const uint8_t *ip = test_packet_ip(frame, length, &size);
			p.payload_size = (uint16_t)(size < sizeof(quoted) ? size : sizeof(quoted));
			memcpy(quoted, ip, p.payload_size);
			p.payload = quoted;
		}
		if (wan && !ipv6 && sent_size && random() % 4 == 0) {
			p.protocol = 1;
			p.type = 3;
			p.payload = sent;
			p.payload_size = (uint16_t)(28 + random() % (sent_size - 27));
			strcpy(p.dst, PUBLIC);
		}
		memcpy(p.to_mac, wan ? site_wan_mac : site_lan_mac, 6);
		site_host_mac(HOST_A, p.from_mac);
		uint32_t length = test_packet_make(&p, frame);
		for (long k = random() % 2 ? random() % 4 : 0; k > 0; k--)
			frame[12 + random() % (length - 12)] = (uint8_t)random();
		if (random() % 8 == 0)
			length = 14 + (uint32_t)random() % (length - 13);
		uint32_t header = (frame[14] & 15u) * 4;
		if (!ipv6 && random() % 8 && header >= 20 && header + 14 <= length) {
			frame[24] = frame[25] = 0;
			uint16_t csum = csum16(frame + 14, header);
			frame[24] = (uint8_t)(csum >> 8);
			frame[25] = (uint8_t)csum;
		}
		push(&site, wan ? CAT_RIGHT : CAT_LEFT, frame, length);
		if (random() % 50 == 0)
			cat_lane_local_inject(site.local, 0, frame, length);
		drain(&site);
		if (random() % 100 == 0)
			site_advance(&site, (uint64_t)random() % 30);
	}
	assert_true(site_counter(&site, "nat.created") > 100);
	assert_true(site_counter(&site, "nat.icmp_errors") > 10);
	cat_lane_local_advance(site.local, UINT64_C(8000000000));
	cat_lane_local_advance(site.local, 100000);
	drain(&site);
	assert_int_equal(site_counter(&site, "gauge.sessions"), 0);
	assert_int_equal(site_counter(&site, "gauge.mappings"), 0);
	assert_int_equal(site_counter(&site, "gauge.subscribers"), 0);
	site_close(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures),
		cmocka_unit_test(mutations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
