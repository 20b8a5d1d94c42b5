// SPDX-License-Identifier: BSD-3-Clause
// The NAT's tables by themselves: limits, ports, lanes, timers, takeover.
#include "test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cat_parse.h"
#include "nat.h"

#define STATE_BYTES (1u << 20)
#define NOW UINT64_C(1000000)

struct bench {
	struct vcpe_config config;
	struct nat nat;
	void *state;
	size_t bytes;
};

static uint32_t ip(const char *text)
{
	return inet_addr(text);
}

static void setup_sized(struct bench *b, size_t bytes, uint32_t lane, uint32_t lanes)
{
	struct cat_err err = {0};
	memset(b, 0, sizeof(*b));
	b->config.lan.address = ip("192.168.1.1");
	b->config.lan.mask = htonl(0xffffff00);
	b->config.wan.address = ip("10.0.0.2");
	b->config.wan.mask = htonl(0xfffffffc);
	struct vcpe_nat_config *n = &b->config.nat;
	n->pool[0] = ip("198.51.100.1");
	n->pool_count = 1;
	n->port_first = 1024;
	n->port_last = 65535;
	n->filtering = VCPE_FILTER_ADDRESS;
	n->hairpin = true;
	n->quota = 1000;
	n->sessions = UINT32_MAX;
	n->timeout_ms[VCPE_TIMER_TCP] = 7440000;
	n->timeout_ms[VCPE_TIMER_TCP_TRANSITORY] = 240000;
	n->timeout_ms[VCPE_TIMER_UDP] = 300000;
	n->timeout_ms[VCPE_TIMER_ICMP] = 60000;
	b->bytes = bytes;
	b->state = aligned_alloc(64, bytes);
	assert_non_null(b->state);
	memset(b->state, 0, bytes);
	assert_int_equal(nat_init(&b->nat, &b->config, b->state, bytes, lane, lanes, 0, &err), 0);
}

static void setup(struct bench *b)
{
	setup_sized(b, STATE_BYTES, 0, 1);
}

static void teardown(struct bench *b)
{
	nat_finish(&b->nat);
	free(b->state);
}

static struct nat_key key_of(uint8_t protocol, const char *near, uint16_t near_port, const char *far, uint16_t far_port)
{
	return (struct nat_key){
		.near = ip(near),
		.far = ip(far),
		.near_port = htons(near_port),
		.far_port = htons(far_port),
		.protocol = protocol,
	};
}

static uint32_t open_out(struct bench *b, const struct nat_key *key)
{
	uint32_t index = CAT_FLOW_NONE;
	assert_int_equal(nat_open_out(&b->nat, &b->config, key, true, NOW, &index), NAT_OK);
	return index;
}

static void state_too_small_is_refused(void **unused)
{
	(void)unused;
	struct cat_err err = {0};
	struct vcpe_config config = {.nat = {.pool_count = 1}};
	struct nat nat;
	void *state = aligned_alloc(64, 1024);
	memset(state, 0, 1024);
	assert_int_equal(nat_init(&nat, &config, state, 1024, 0, 1, 0, &err), -ENOSPC);
	assert_non_null(strstr(err.message, "1024 bytes of state"));
	free(state);
}

static void mapping_is_endpoint_independent(void **unused)
{
	(void)unused;
	struct bench b;
	setup(&b);
	static const char *const far[] = {"203.0.113.9", "203.0.113.10", "8.8.8.8"};
	uint16_t port = 0;
	for (unsigned i = 0; i < 3; i++) {
		for (uint16_t p = 53; p < 60; p++) {
			struct nat_key key = key_of(17, "192.168.1.7", 5000, far[i], p);
			struct nat_session *s = nat_session(&b.nat, open_out(&b, &key));
			if (!port)
				port = s->port;
			assert_int_equal(s->port, port);
			assert_int_equal(s->address, b.config.nat.pool[0]);
		}
	}
	assert_int_equal(cat_flow_count(b.nat.mapping), 1);
	assert_int_equal(cat_flow_count(b.nat.permit), 3);
	assert_int_equal(b.nat.subscribers, 1);
	teardown(&b);
}

// RFC 4787 REQ-4, REQ-3a: parity always while there are ports of it, well-known for well-known.
static void parity_and_range_are_kept(void **unused)
{
	(void)unused;
	struct bench b;
	setup(&b);
	for (uint16_t port = 1; port < 900; port++) {
		struct nat_key key = key_of(17, "192.168.1.7", port, "203.0.113.9", 53);
		struct nat_session *s = nat_session(&b.nat, open_out(&b, &key));
		assert_int_equal(ntohs(s->port) & 1, port & 1);
		assert_in_range(ntohs(s->port), 1, 1023);
	}
	struct nat_key key = key_of(17, "192.168.1.8", 40000, "203.0.113.9", 53);
	assert_in_range(ntohs(nat_session(&b.nat, open_out(&b, &key))->port), 1024, 65535);
	teardown(&b);
}

static void ports_run_out(void **unused)
{
	(void)unused;
	struct bench b;
	setup(&b);
	b.config.nat.port_first = 5001;
	b.config.nat.port_last = 5200;
	uint8_t seen[65536] = {0};
	uint32_t index;
	for (uint16_t i = 0; i < 200; i++) {
		struct nat_key key = key_of(6, "192.168.1.7", (uint16_t)(2000 + 2 * i), "203.0.113.9", 80);
		uint16_t port = ntohs(nat_session(&b.nat, open_out(&b, &key))->port);
		assert_in_range(port, 5001, 5200);
		assert_int_equal(seen[port]++, 0);
		// Odd ports are given to even ones only when no even one is left.
		assert_int_equal(port & 1, i >= 100);
	}
	struct nat_key key = key_of(6, "192.168.1.7", 1999, "203.0.113.9", 80);
	assert_int_equal(nat_open_out(&b.nat, &b.config, &key, true, NOW, &index), NAT_PORTS);
	// Other protocols have ports of their own.
	key.protocol = 17;
	open_out(&b, &key);
	nat_expire(&b.nat, NOW + 500000, UINT32_MAX);
	assert_int_equal(cat_flow_count(b.nat.inner), 0);
	assert_int_equal(cat_flow_count(b.nat.outer), 0);
	assert_int_equal(cat_flow_count(b.nat.mapping), 0);
	assert_int_equal(cat_flow_count(b.nat.endpoint), 0);
	assert_int_equal(cat_flow_count(b.nat.permit), 0);
	assert_int_equal(b.nat.subscribers, 0);
	key.protocol = 6;
	open_out(&b, &key);
	teardown(&b);
}

static void quota_holds(void **unused)
{
	(void)unused;
	struct bench b;
	setup(&b);
	b.config.nat.quota = 10;
	uint32_t index;
	for (uint16_t i = 0; i < 10; i++) {
		struct nat_key key = key_of(6, "192.168.1.7", 4000, "203.0.113.9", (uint16_t)(80 + i));
		open_out(&b, &key);
	}
	struct nat_key key = key_of(6, "192.168.1.7", 4000, "203.0.113.9", 99);
	assert_int_equal(nat_open_out(&b.nat, &b.config, &key, true, NOW, &index), NAT_QUOTA);
	key.near = ip("192.168.1.8");
	open_out(&b, &key);
	teardown(&b);
}

static void outside_takes_half_of_the_quota(void **unused)
{
	(void)unused;
	struct bench b;
	setup(&b);
	struct vcpe_forward rule = {.protocol = 6,
				    .port = htons(80),
				    .to_port = htons(80),
				    .address = b.config.nat.pool[0],
				    .to = ip("192.168.1.7")};
	b.config.nat.quota = 10;
	b.config.nat.forward = &rule;
	b.config.nat.forward_count = 1;
	nat_reconcile(&b.nat, &b.config);
	uint32_t index;
	for (uint16_t i = 0; i < 7; i++) {
		struct nat_key outer = key_of(6, "198.51.100.1", 80, "203.0.113.9", (uint16_t)(1000 + i));
		assert_int_equal(nat_open_in(&b.nat, &b.config, &outer, true, NOW, &index), i < 5 ? NAT_OK : NAT_QUOTA);
	}
	for (uint16_t i = 0; i < 5; i++) {
		struct nat_key key = key_of(6, "192.168.1.7", 4000, "203.0.113.9", (uint16_t)(80 + i));
		open_out(&b, &key);
	}
	teardown(&b);
}

static void table_full_is_survived(void **unused)
{
	(void)unused;
	struct bench b;
	setup_sized(&b, 1u << 16, 0, 1);
	b.config.nat.quota = UINT32_MAX;
	uint32_t made = 0, index;
	enum nat_result result = NAT_OK;
	for (uint32_t i = 0; i < 100000 && result == NAT_OK; i++) {
		struct nat_key key = key_of(17, "192.168.1.7", (uint16_t)(1024 + i % 50000), "203.0.113.9", 53);
		result = nat_open_out(&b.nat, &b.config, &key, true, NOW, &index);
		made += result == NAT_OK;
	}
	assert_int_equal(result, NAT_TABLE);
	assert_int_equal(made, cat_flow_count(b.nat.inner));
	assert_int_equal(cat_flow_count(b.nat.outer), made);
	assert_int_equal(cat_flow_count(b.nat.mapping), cat_flow_count(b.nat.endpoint));
	nat_expire(&b.nat, NOW + 300001 + 1000, UINT32_MAX);
	assert_int_equal(cat_flow_count(b.nat.mapping), 0);
	teardown(&b);
}

static void only_syn_opens_tcp(void **unused)
{
	(void)unused;
	struct bench b;
	setup(&b);
	struct nat_key key = key_of(6, "192.168.1.7", 4000, "203.0.113.9", 80);
	uint32_t index;
	assert_int_equal(nat_open_out(&b.nat, &b.config, &key, false, NOW, &index), NAT_NO_SESSION);
	assert_int_equal(cat_flow_count(b.nat.mapping), 0);
	teardown(&b);
}

// RFC 4787 REQ-8 for the three kinds of filtering.
static void filtering(void **unused)
{
	(void)unused;
	static const struct {
		enum vcpe_filtering filtering;
		const char *from;
		uint16_t port;
		enum nat_result expected;
	} cases[] = {
		{VCPE_FILTER_NONE, "203.0.113.77", 1, NAT_OK},
		{VCPE_FILTER_NONE, "203.0.113.9", 54, NAT_OK},
		{VCPE_FILTER_ADDRESS, "203.0.113.9", 54, NAT_OK},
		{VCPE_FILTER_ADDRESS, "203.0.113.77", 53, NAT_FILTERED},
		{VCPE_FILTER_ADDRESS_PORT, "203.0.113.9", 54, NAT_FILTERED},
		{VCPE_FILTER_ADDRESS_PORT, "203.0.113.77", 53, NAT_FILTERED},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench b;
		setup(&b);
		b.config.nat.filtering = cases[i].filtering;
		nat_reconcile(&b.nat, &b.config);
		struct nat_key key = key_of(17, "192.168.1.7", 5000, "203.0.113.9", 53);
		struct nat_session *s = nat_session(&b.nat, open_out(&b, &key));
		struct nat_key outer = key_of(17, "198.51.100.1", ntohs(s->port), cases[i].from, cases[i].port);
		uint32_t address = 0;
		uint16_t port = 0;
		assert_int_equal(nat_admit(&b.nat, &b.config, &outer, &address, &port), cases[i].expected);
		if (cases[i].expected == NAT_OK) {
			assert_int_equal(address, ip("192.168.1.7"));
			assert_int_equal(ntohs(port), 5000);
		}
		// Nothing is mapped there.
		outer.near_port = (uint16_t)~s->port;
		assert_int_equal(nat_admit(&b.nat, &b.config, &outer, &address, &port), NAT_NO_SESSION);
		teardown(&b);
	}
}

// RFC 4787 REQ-2, "paired".
static void pooling_is_paired(void **unused)
{
	(void)unused;
	struct bench b;
	setup(&b);
	for (unsigned i = 0; i < 8; i++)
		b.config.nat.pool[i] = htonl(ntohl(ip("198.51.100.1")) + i);
	b.config.nat.pool_count = 8;
	nat_reconcile(&b.nat, &b.config);
	uint32_t seen[8] = {0};
	for (unsigned host = 2; host < 200; host++) {
		uint32_t address = 0;
		for (uint16_t port = 0; port < 4; port++) {
			struct nat_key key = key_of(17, "192.168.1.7", (uint16_t)(5000 + port), "203.0.113.9", 53);
			key.near = htonl(ntohl(ip("192.168.1.0")) + host);
			uint32_t got = nat_session(&b.nat, open_out(&b, &key))->address;
			assert_true(!address || address == got);
			address = got;
		}
		seen[ntohl(address) - ntohl(ip("198.51.100.1"))]++;
	}
	for (unsigned i = 0; i < 8; i++)
		assert_true(seen[i] > 5);
	teardown(&b);
}

static void ports_lead_back_to_the_lane(void **unused)
{
	(void)unused;
	uint8_t owner[65536];
	memset(owner, 0xff, sizeof(owner));
	for (uint32_t lane = 0; lane < 4; lane++) {
		struct bench b;
		setup_sized(&b, STATE_BYTES, lane, 4);
		for (uint16_t i = 0; i < 200; i++) {
			struct nat_key key = key_of(i % 3 ? 17 : 1, "192.168.1.7", (uint16_t)(5000 + i / 4),
						    "203.0.113.9", (uint16_t)(1 + i % 4));
			if (key.protocol == 1)
				key.far_port = key.near_port;
			uint32_t index = open_out(&b, &key);
			const struct nat_session *s = nat_session(&b.nat, index);
			struct nat_key outer = nat_outer_key(s, &key);
			assert_int_equal(s->outer_hash, nat_hash(&outer));
			assert_int_equal(cat_lane_of(s->outer_hash, 4), lane);
			if (key.protocol == 17) {
				assert_true(owner[ntohs(s->port)] == 0xff || owner[ntohs(s->port)] == lane);
				owner[ntohs(s->port)] = (uint8_t)lane;
			}
			assert_int_equal(nat_find_outer(&b.nat, &outer), index);
		}
		teardown(&b);
	}
}

// With several lanes a hairpinned flow is met again as the other LAN host sends it.
static void hairpins_lead_back_to_the_lane(void **unused)
{
	(void)unused;
	for (uint32_t lane = 0; lane < 4; lane++) {
		struct bench b;
		setup_sized(&b, STATE_BYTES, lane, 4);
		struct vcpe_forward rule = {.protocol = 6,
					    .port = htons(8080),
					    .to_port = htons(80),
					    .address = b.config.nat.pool[0],
					    .to = ip("192.168.1.7")};
		b.config.nat.forward = &rule;
		b.config.nat.forward_count = 1;
		nat_reconcile(&b.nat, &b.config);
		for (uint16_t i = 0; i < 50; i++) {
			struct nat_key key = key_of(6, "192.168.1.8", (uint16_t)(5000 + i), "198.51.100.1", 8080);
			const struct nat_session *s = nat_session(&b.nat, open_out(&b, &key));
			struct nat_key answer = {.near = rule.to,
						 .far = s->address,
						 .near_port = rule.to_port,
						 .far_port = s->port,
						 .protocol = 6};
			assert_int_equal(cat_lane_of(nat_hash(&answer), 4), lane);
		}
		teardown(&b);
	}
}

static void tcp_states(void **unused)
{
	(void)unused;
	enum { SYN = NAT_TCP_SYN, ACK = NAT_TCP_ACK, FIN = NAT_TCP_FIN, RST = NAT_TCP_RESET };
	static const struct {
		const char *name;
		struct {
			uint8_t flags;
			bool out;
		} packet[8];
		unsigned count;
		enum vcpe_timer timer;
	} cases[] = {
		{"half open", {{SYN, true}}, 1, VCPE_TIMER_TCP_TRANSITORY},
		{"answered", {{SYN, true}, {SYN | ACK, false}}, 2, VCPE_TIMER_TCP_TRANSITORY},
		{"established", {{SYN, true}, {SYN | ACK, false}, {ACK, true}}, 3, VCPE_TIMER_TCP},
		{"opened from outside", {{SYN, false}, {SYN | ACK, true}, {ACK, false}}, 3, VCPE_TIMER_TCP},
		{"simultaneous open",
		 {{SYN, true}, {SYN, false}, {SYN | ACK, true}, {SYN | ACK, false}, {ACK, true}},
		 5,
		 VCPE_TIMER_TCP},
		{"half closed", {{SYN, true}, {SYN | ACK, false}, {ACK, true}, {FIN | ACK, true}}, 4, VCPE_TIMER_TCP},
		{"closed",
		 {{SYN, true}, {SYN | ACK, false}, {ACK, true}, {FIN | ACK, true}, {FIN | ACK, false}, {ACK, true}},
		 6,
		 VCPE_TIMER_TCP_TRANSITORY},
		{"reset", {{SYN, true}, {SYN | ACK, false}, {ACK, true}, {RST, false}}, 4, VCPE_TIMER_TCP_TRANSITORY},
		{"forged reset",
		 {{SYN, true}, {SYN | ACK, false}, {ACK, true}, {RST, false}, {ACK, true}},
		 5,
		 VCPE_TIMER_TCP},
		{"ports used again",
		 {{SYN, true}, {SYN | ACK, false}, {ACK, true}, {FIN, true}, {FIN, false}, {SYN, true}},
		 6,
		 VCPE_TIMER_TCP_TRANSITORY},
		{"no handshake", {{ACK, true}, {ACK, false}}, 2, VCPE_TIMER_TCP_TRANSITORY},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nat_session s = {.timer = VCPE_TIMER_TCP_TRANSITORY};
		for (unsigned k = 0; k < cases[i].count; k++)
			nat_track_tcp(&s, cases[i].packet[k].flags, cases[i].packet[k].out);
		if (s.timer != cases[i].timer)
			fail_msg("%s: timer %u", cases[i].name, s.timer);
	}
}

static void takeover_keeps_sessions(void **unused)
{
	(void)unused;
	struct bench b;
	struct cat_err err = {0};
	setup(&b);
	b.config.nat.port_first = 5000;
	b.config.nat.port_last = 5099;
	struct nat_key keys[50];
	uint16_t ports[50];
	for (unsigned i = 0; i < 50; i++) {
		keys[i] = key_of(i % 2 ? 17 : 6, "192.168.1.7", (uint16_t)(3000 + i / 2), "203.0.113.9",
				 (uint16_t)(80 + i % 5));
		ports[i] = nat_session(&b.nat, open_out(&b, &keys[i]))->port;
	}
	uint32_t mappings = cat_flow_count(b.nat.mapping);
	nat_finish(&b.nat);
	assert_int_equal(nat_init(&b.nat, &b.config, b.state, b.bytes, 0, 1, 0, &err), 0);
	assert_int_equal(cat_flow_count(b.nat.inner), 50);
	assert_int_equal(cat_flow_count(b.nat.mapping), mappings);
	assert_int_equal(nat_subscriber_of(&b.nat, keys[0].near)->sessions, 50);
	for (unsigned i = 0; i < 50; i++) {
		uint32_t index = nat_find_inner(&b.nat, &keys[i]);
		assert_int_not_equal(index, CAT_FLOW_NONE);
		assert_int_equal(nat_session(&b.nat, index)->port, ports[i]);
		struct nat_key outer = nat_outer_key(nat_session(&b.nat, index), &keys[i]);
		assert_int_equal(nat_find_outer(&b.nat, &outer), index);
	}
	// Ports of before are not given to anybody else: of 100, 25 are taken.
	for (uint16_t i = 0; i < 76; i++) {
		struct nat_key key = key_of(17, "192.168.1.8", (uint16_t)(1024 + i), "203.0.113.9", 53);
		uint32_t index;
		assert_int_equal(nat_open_out(&b.nat, &b.config, &key, true, NOW, &index), i < 75 ? NAT_OK : NAT_PORTS);
	}
	nat_expire(&b.nat, NOW + 1000000, UINT32_MAX);
	assert_int_equal(cat_flow_count(b.nat.endpoint), 0);
	teardown(&b);
}

// A predecessor that died in the middle of making or ending a session.
static void takeover_repairs(void **unused)
{
	(void)unused;
	for (unsigned fault = 0; fault < 7; fault++) {
		struct bench b;
		struct cat_err err = {0};
		setup(&b);
		struct nat_key key = key_of(17, "192.168.1.7", 3000, "203.0.113.9", 53);
		struct nat_key other = key_of(17, "192.168.1.8", 3001, "203.0.113.9", 53);
		uint32_t index = open_out(&b, &key);
		open_out(&b, &other);
		struct nat_session *s = nat_session(&b.nat, index);
		bool lost = false;
		switch (fault) {
		case 0: // in `inner`, its value not yet written
			memset(s, 0, sizeof(*s));
			lost = true;
			break;
		case 1: // no longer in `outer`
			cat_flow_remove(b.nat.outer, s->outer);
			break;
		case 2: // no longer in `inner`
			cat_flow_remove(b.nat.inner, index);
			lost = true;
			break;
		case 3: // the public endpoint is not there yet
			cat_flow_remove(b.nat.endpoint,
					((struct nat_mapping *)cat_flow_value(b.nat.mapping, s->mapping))->endpoint);
			break;
		case 4: // the mapping is gone
			cat_flow_remove(b.nat.mapping, s->mapping);
			lost = true;
			break;
		case 5: // counts are wrong
			((struct nat_mapping *)cat_flow_value(b.nat.mapping, s->mapping))->sessions = 77;
			break;
		default: // it points nowhere
			s->mapping = UINT32_MAX - 1;
			lost = true;
			break;
		}
		nat_finish(&b.nat);
		assert_int_equal(nat_init(&b.nat, &b.config, b.state, b.bytes, 0, 1, 0, &err), 0);
		assert_int_equal(nat_find_inner(&b.nat, &key) == CAT_FLOW_NONE, lost);
		assert_int_not_equal(nat_find_inner(&b.nat, &other), CAT_FLOW_NONE);
		uint32_t left = lost ? 1 : 2;
		assert_int_equal(cat_flow_count(b.nat.inner), left);
		assert_int_equal(cat_flow_count(b.nat.outer), left);
		assert_int_equal(cat_flow_count(b.nat.mapping), left);
		assert_int_equal(cat_flow_count(b.nat.endpoint), left);
		assert_int_equal(cat_flow_count(b.nat.permit), left);
		nat_expire(&b.nat, NOW + 1000000, UINT32_MAX);
		assert_int_equal(cat_flow_count(b.nat.endpoint), 0);
		teardown(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_too_small_is_refused),
		cmocka_unit_test(table_full_is_survived),
		cmocka_unit_test(ports_run_out),
		cmocka_unit_test(quota_holds),
		cmocka_unit_test(outside_takes_half_of_the_quota),
		cmocka_unit_test(only_syn_opens_tcp),
		cmocka_unit_test(mapping_is_endpoint_independent),
		cmocka_unit_test(parity_and_range_are_kept),
		cmocka_unit_test(filtering),
		cmocka_unit_test(pooling_is_paired),
		cmocka_unit_test(ports_lead_back_to_the_lane),
		cmocka_unit_test(hairpins_lead_back_to_the_lane),
		cmocka_unit_test(tcp_states),
		cmocka_unit_test(takeover_keeps_sessions),
		cmocka_unit_test(takeover_repairs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
