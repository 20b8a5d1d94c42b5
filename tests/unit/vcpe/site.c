// SPDX-License-Identifier: BSD-3-Clause
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_parse.h"

const uint8_t site_lan_mac[6] = {2, 0, 0, 0, 1, 1};
const uint8_t site_wan_mac[6] = {2, 0, 0, 0, 2, 1};
const uint8_t site_gateway_mac[6] = {2, 0, 0, 0, 2, 0xfe};
const uint8_t site_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
const uint8_t site_virtual_mac[6] = {0x02, 0xca, 0x7e, 0x4a, 0x00, 0x01};

// Of the packet that was received last.
static uint8_t last_frame[4096];
static uint32_t last_length;
static struct cat_desc last_desc;

char *site_config(const char *nat, const char *more)
{
	char *text = NULL;
	if (asprintf(&text,
		     "{\"lan\": {\"address\": \"" LAN "/24\", \"address6\": \"" LAN6
		     "/64\", \"mac\": \"02:00:00:00:01:01\"},"
		     "\"wan\": {\"address\": \"" WAN "/30\", \"gateway\": \"" GATEWAY "\", \"address6\": \"" WAN6
		     "/64\", "
		     "\"gateway6\": \"" GATEWAY6 "\", \"mac\": \"02:00:00:00:02:01\"},"
		     "\"nat\": {\"pool\": [\"" PUBLIC "\"]%s%s}%s%s}",
		     nat ? ", " : "", nat ? nat : "", more ? ", " : "", more ? more : "") < 0)
		abort();
	return text;
}

void site_host_mac(const char *address, uint8_t ret_mac[6])
{
	const char *dot = strrchr(address, strchr(address, ':') ? ':' : '.');
	static const uint8_t mac[5] = {2, 0, 0, 0, 1};
	memcpy(ret_mac, mac, 5);
	ret_mac[5] = (uint8_t)strtoul(dot + 1, NULL, strchr(address, ':') ? 16 : 10);
}

static void introduce(struct site *site)
{
	static const char *const hosts[] = {HOST_A, HOST_B};
	static const uint8_t zero[6];
	uint8_t mac[6], frame[64];
	for (size_t i = 0; i < CAT_ARRAY_LEN(hosts); i++) {
		site_host_mac(hosts[i], mac);
		uint32_t length = test_packet_make_arp(site_broadcast, mac, 1, hosts[i], zero, LAN, frame);
		site_send_frame(site, CAT_LEFT, frame, length);
	}
	uint32_t length = test_packet_make_arp(site_broadcast, site_gateway_mac, 1, GATEWAY, zero, WAN, frame);
	site_send_frame(site, CAT_RIGHT, frame, length);
}

// Neighbour solicitation with its source link-layer address (RFC 4861, section 4.3), so that the sender is known.
static void introduce6(struct site *site, enum cat_side side, const char *src, const char *dst, const uint8_t mac[6],
		       const uint8_t to_mac[6])
{
	uint8_t body[24] = {0}, frame[TEST_PACKET_MAX];
	struct test_packet target = {.src = "::", .protocol = 59};
	strcpy(target.dst, dst);
	uint8_t scratch[128];
	test_packet_make(&target, scratch);
	memcpy(body, scratch + 14 + 24, 16);
	body[16] = 1;
	body[17] = 1;
	memcpy(body + 18, mac, 6);
	struct test_packet p = {.protocol = 58, .type = 135, .ttl = 255, .payload = body, .payload_size = sizeof(body)};
	strcpy(p.src, src);
	strcpy(p.dst, dst);
	memcpy(p.from_mac, mac, 6);
	memcpy(p.to_mac, to_mac, 6);
	site_send_frame(site, side, frame, test_packet_make(&p, frame));
}

static void introduce_all(struct site *site)
{
	uint8_t mac[6];
	introduce(site);
	site_host_mac(HOST6, mac);
	introduce6(site, CAT_LEFT, HOST6, LAN6, mac, site_lan_mac);
	introduce6(site, CAT_RIGHT, GATEWAY6, WAN6, site_gateway_mac, site_wan_mac);
	struct test_packet p;
	while (site_receive(site, CAT_LEFT, &p) || site_receive(site, CAT_RIGHT, &p))
		;
}

void site_open_with(struct site *site, const char *nat, const char *more, const struct cat_lane_local_options *options)
{
	struct cat_err err = {0};
	cat_autofree char *config = site_config(nat, more);
	*site = (struct site){0};
	site->local = cat_lane_local_create(&cat_vcpe_ops, config, options, &err);
	if (!site->local)
		fail_msg("%s", err.message);
	introduce_all(site);
}

void site_advance(struct site *site, uint64_t seconds)
{
	cat_lane_local_advance(site->local, seconds * 1000000);
	introduce_all(site);
}

void site_open(struct site *site, const char *nat, const char *more)
{
	site_open_with(site, nat, more, NULL);
}

void site_close(struct site *site)
{
	struct test_packet p;
	while (site_receive(site, CAT_LEFT, &p) || site_receive(site, CAT_RIGHT, &p))
		;
	assert_int_equal(cat_lane_local_missing(site->local), 0);
	cat_lane_local_destroy(site->local);
}

void site_reconfigure(struct site *site, const char *nat, const char *more)
{
	struct cat_err err = {0};
	cat_autofree char *config = site_config(nat, more);
	if (cat_lane_local_configure(site->local, config, &err) < 0)
		fail_msg("%s", err.message);
}

void site_send_frame(struct site *site, enum cat_side side, const void *frame, uint32_t length)
{
	assert_int_equal(cat_lane_local_push(site->local, side, &frame, &length, 1), 0);
	site->pushed++;
}

void site_send_lan(struct site *site, struct test_packet packet)
{
	static const uint8_t zero[6];
	uint8_t frame[TEST_PACKET_MAX];
	if (memcmp(packet.from_mac, zero, 6) == 0)
		site_host_mac(packet.src, packet.from_mac);
	if (memcmp(packet.to_mac, zero, 6) == 0)
		memcpy(packet.to_mac, site_lan_mac, 6);
	site_send_frame(site, CAT_LEFT, frame, test_packet_make(&packet, frame));
}

void site_send_wan(struct site *site, struct test_packet packet)
{
	static const uint8_t zero[6];
	uint8_t frame[TEST_PACKET_MAX];
	if (memcmp(packet.from_mac, zero, 6) == 0)
		memcpy(packet.from_mac, site_gateway_mac, 6);
	if (memcmp(packet.to_mac, zero, 6) == 0)
		memcpy(packet.to_mac, site_wan_mac, 6);
	site_send_frame(site, CAT_RIGHT, frame, test_packet_make(&packet, frame));
}

bool site_receive(struct site *site, enum cat_side side, struct test_packet *ret)
{
	for (;;) {
		int length = cat_lane_local_pop(site->local, side, last_frame, sizeof(last_frame), &last_desc);
		if (length < 0)
			return false;
		last_length = (uint32_t)length;
		site->left++;
		if (!test_packet_read(last_frame, last_length, ret))
			continue;
		if (ret->protocol == 58 && ret->type >= 133 && ret->type <= 137)
			continue;
		if (!test_packet_csums_ok(last_frame, last_length))
			fail_msg("wrong checksum: %s -> %s protocol %u", ret->src, ret->dst, ret->protocol);
		// The neighbour must find what the descriptor says.
		struct cat_desc parsed = {.len = (uint16_t)last_length};
		cat_parse(&parsed, last_frame);
		if (last_desc.flags) {
			assert_int_equal(last_desc.flags, parsed.flags);
			assert_int_equal(last_desc.l3, parsed.l3);
			assert_int_equal(last_desc.l4, parsed.l4);
			assert_int_equal(last_desc.hash, parsed.hash);
		}
		return true;
	}
}

const uint8_t *site_frame(uint32_t *ret_length)
{
	*ret_length = last_length;
	return last_frame;
}

const struct cat_desc *site_desc(void)
{
	return &last_desc;
}

void site_expect_nothing(struct site *site)
{
	struct test_packet p;
	for (int side = 0; side < CAT_SIDES; side++)
		if (site_receive(site, (enum cat_side)side, &p))
			fail_msg("%s -> %s protocol %u left on side %d", p.src, p.dst, p.protocol, side);
}

uint64_t site_counter(const struct site *site, const char *name)
{
	uint64_t v = cat_lane_local_counter(site->local, name);
	if (v == UINT64_MAX)
		fail_msg("there is no counter %s", name);
	return v;
}

void site_expect_drop(struct site *site, const char *name, uint64_t before)
{
	if (site_counter(site, name) != before + 1)
		fail_msg("%s is %llu, was %llu", name, (unsigned long long)site_counter(site, name),
			 (unsigned long long)before);
}

struct test_packet site_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	struct test_packet p = {.protocol = 17, .sport = sport, .dport = dport, .payload_size = 33};
	strcpy(p.src, src);
	strcpy(p.dst, dst);
	return p;
}

struct test_packet site_tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport, uint8_t flags)
{
	struct test_packet p = site_udp(src, sport, dst, dport);
	p.protocol = 6;
	p.tcp_flags = flags;
	p.payload_size = flags & TEST_PACKET_SYN ? 0 : 101;
	return p;
}

struct test_packet site_echo(const char *src, const char *dst, uint8_t type, uint16_t id)
{
	struct test_packet p = site_udp(src, 0, dst, 0);
	p.protocol = strchr(src, ':') ? 58 : 1;
	p.type = type;
	p.id = id;
	p.sequence = 1;
	return p;
}

uint16_t site_open_session(struct site *site, struct test_packet packet)
{
	struct test_packet out;
	site_send_lan(site, packet);
	if (!site_receive(site, CAT_RIGHT, &out))
		fail_msg("%s -> %s protocol %u did not leave", packet.src, packet.dst, packet.protocol);
	return packet.protocol == 1 ? out.id : out.sport;
}
