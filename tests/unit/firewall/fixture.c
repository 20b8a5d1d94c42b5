// SPDX-License-Identifier: BSD-3-Clause
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_eal.h"

struct cat_lane_local *firewall_with(const char *config, const struct cat_lane_local_options *options)
{
	struct cat_err err = {0};
	assert_int_equal(cat_eal_init_for_tests(), 0);
	struct cat_lane_local *fw = cat_lane_local_create(&cat_firewall_ops, config, options, &err);
	if (!fw)
		fail_msg("%s", err.message);
	return fw;
}

struct cat_lane_local *firewall(const char *config)
{
	return firewall_with(config, NULL);
}

void reconfigure(struct cat_lane_local *fw, const char *config)
{
	struct cat_err err = {0};
	if (cat_lane_local_configure(fw, config, &err) < 0)
		fail_msg("%s", err.message);
}

void finish(struct cat_lane_local *fw)
{
	assert_int_equal(cat_lane_local_missing(fw), 0);
	cat_lane_local_destroy(fw);
}

static uint32_t drop_reasons(struct cat_lane_local *fw, const char **ret_name, uint64_t *ret_value)
{
	uint32_t n = 0;
	const char *const *lists[] = {cat_stat_names, cat_firewall_ops.counters};
	for (unsigned l = 0; l < CAT_ARRAY_LEN(lists); l++) {
		for (unsigned i = 0; l == 0 ? i < CAT_STAT_OWN : lists[l][i] != NULL; i++) {
			if (strncmp(lists[l][i], "drop.", 5) != 0)
				continue;
			ret_name[n] = lists[l][i];
			ret_value[n++] = cat_lane_local_counter(fw, lists[l][i]);
		}
	}
	return n;
}

const char *send_frame(struct cat_lane_local *fw, enum cat_side from, const uint8_t *frame, uint32_t length)
{
	const char *name[CAT_STATS_MAX];
	uint64_t before[CAT_STATS_MAX], after[CAT_STATS_MAX];
	uint8_t out[TEST_PACKET_MAX];
	const void *frames[1] = {frame};
	uint32_t n = drop_reasons(fw, name, before);
	if (cat_lane_local_push(fw, from, frames, &length, 1) < 0)
		return "not taken";
	drop_reasons(fw, name, after);
	const char *outcome = NULL;
	for (uint32_t i = 0; i < n; i++) {
		if (before[i] != after[i])
			outcome = outcome ? "several reasons" : name[i];
	}
	int size = cat_lane_local_pop(fw, from == LEFT ? RIGHT : LEFT, out, sizeof(out), NULL);
	if (outcome)
		return size < 0 ? outcome : "dropped and passed";
	if (size < 0)
		return "lost";
	// Ethernet padding may be cut off.
	return (uint32_t)size <= length && memcmp(out, frame, (uint32_t)size) == 0 ? "pass" : "changed";
}

const char *send_packet(struct cat_lane_local *fw, enum cat_side from, const struct test_packet *p)
{
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t length = test_packet_make(p, frame);
	return send_frame(fw, from, frame, length);
}

void expect(struct cat_lane_local *fw, enum cat_side from, const struct test_packet *p, const char *outcome)
{
	const char *found = send_packet(fw, from, p);
	if (strcmp(found, outcome) != 0)
		fail_msg("%s to %s: %s, expected %s", p->src, p->dst, found, outcome);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

uint32_t make_segment(const struct segment *s, uint8_t *ret_frame)
{
	struct test_packet p = {.protocol = 6, .tcp_flags = s->flags, .payload_size = s->size};
	bool left = s->from == LEFT;
	strcpy(p.src, left ? HOST : PEER);
	strcpy(p.dst, left ? PEER : HOST);
	p.sport = left ? 1000 : 80;
	p.dport = left ? 80 : 1000;
	if (s->scale)
		p.payload_size = (uint16_t)(p.payload_size + 4);
	uint32_t length = test_packet_make(&p, ret_frame);
	uint8_t *tcp = ret_frame + 34;
	put32(tcp + 4, s->seq);
	put32(tcp + 8, s->ack);
	tcp[14] = (uint8_t)(s->win >> 8);
	tcp[15] = (uint8_t)s->win;
	if (s->scale) {
		const uint8_t option[4] = {1, 3, 3, (uint8_t)(s->scale - 1)};
		tcp[12] = 6 << 4;
		memcpy(tcp + 20, option, 4);
	}
	return length;
}

const char *send_segment(struct cat_lane_local *fw, const struct segment *s)
{
	uint8_t frame[TEST_PACKET_MAX];
	uint32_t length = make_segment(s, frame);
	return send_frame(fw, s->from, frame, length);
}

uint32_t make_error(const uint8_t *frame, uint32_t length, uint32_t quoted, uint8_t type, uint8_t code,
		    const char *router, uint8_t *ret_frame)
{
	struct test_packet about, p = {.type = type, .code = code};
	uint32_t size;
	assert_true(test_packet_read(frame, length, &about));
	p.payload = test_packet_ip(frame, length, &size);
	p.payload_size = (uint16_t)(quoted < size ? quoted : size);
	p.protocol = strchr(router, ':') ? 58 : 1;
	snprintf(p.src, sizeof(p.src), "%s", router);
	snprintf(p.dst, sizeof(p.dst), "%s", about.src);
	return test_packet_make(&p, ret_frame);
}

const char *data_path(const char *name, char *text, size_t size)
{
	const char *data = getenv("CATENA_TEST_DATA");
	snprintf(text, size, "%s/%s", data ? data : SOURCE_ROOT "/../shared/data", name);
	return access(text, R_OK) == 0 ? text : NULL;
}

struct test_packet udp_packet(bool out, uint16_t sport)
{
	struct test_packet p = {.protocol = 17, .payload_size = 20};
	strcpy(p.src, out ? HOST : PEER);
	strcpy(p.dst, out ? PEER : HOST);
	p.sport = out ? sport : 53;
	p.dport = out ? 53 : sport;
	return p;
}

struct test_packet udp6_packet(bool out, uint16_t sport)
{
	struct test_packet p = udp_packet(out, sport);
	strcpy(p.src, out ? HOST6 : PEER6);
	strcpy(p.dst, out ? PEER6 : HOST6);
	return p;
}

struct test_packet icmp_packet(bool out, uint8_t type, uint16_t id)
{
	struct test_packet p = {.protocol = 1, .type = type, .id = id, .sequence = 1, .payload_size = 30};
	strcpy(p.src, out ? HOST : PEER);
	strcpy(p.dst, out ? PEER : HOST);
	return p;
}

struct test_packet icmp6_packet(bool out, uint8_t type, uint16_t id)
{
	struct test_packet p = icmp_packet(out, type, id);
	p.protocol = 58;
	strcpy(p.src, out ? HOST6 : PEER6);
	strcpy(p.dst, out ? PEER6 : HOST6);
	return p;
}

void advance_s(struct cat_lane_local *fw, uint32_t seconds)
{
	cat_lane_local_advance(fw, seconds * UINT64_C(1000000));
}
