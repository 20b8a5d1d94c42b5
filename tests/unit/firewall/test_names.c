// SPDX-License-Identifier: BSD-3-Clause
// Rules that call groups, services and zones by name; sources on the wrong side; rules with a limit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_eal.h"
#include "fixture.h"

static struct test_packet udp(const char *src, const char *dst, uint16_t dport)
{
	struct test_packet p = {.protocol = 17, .sport = 4000, .dport = dport, .payload_size = 8};
	snprintf(p.src, sizeof(p.src), "%s", src);
	snprintf(p.dst, sizeof(p.dst), "%s", dst);
	return p;
}

static void names_stand_for_what_they_hold(void **state)
{
	(void)state;
	static const char config[] =
		"{\"addresses\": {\"servers\": [\"10.1.0.0/16\", \"2001:db8:1::/48\"], \"old\": [\"servers\", "
		"\"10.9.0.0/16\"]},"
		" \"services\": {\"dns\": [{\"protocol\": \"udp\", \"destination_ports\": 53}, {\"protocol\": \"tcp\","
		" \"destination_ports\": 53}], \"time\": {\"protocol\": \"udp\", \"destination_ports\": 123}},"
		" \"zones\": {\"inside\": {\"side\": \"left\", \"prefixes\": \"old\"}, \"outside\": {\"side\": "
		"\"right\"},"
		" \"partner\": {\"side\": \"right\", \"prefixes\": [\"198.51.100.0/24\"]}},"
		" \"rules\": ["
		"{\"name\": \"to-partner\", \"action\": \"accept\", \"from_zone\": \"inside\", \"to_zone\": "
		"\"partner\"},"
		"{\"name\": \"ask\", \"action\": \"accept\", \"from_zone\": \"inside\", \"service\": [\"dns\", "
		"\"time\"],"
		" \"source\": \"10.1.0.0/16\"},"
		"{\"name\": \"in\", \"action\": \"accept\", \"from_zone\": \"outside\", \"to_zone\": \"inside\","
		" \"destination\": [\"10.1.5.0/24\", \"172.16.0.0/12\"], \"service\": \"dns\"}]}";
	static const struct {
		enum cat_side from;
		const char *src, *dst;
		uint16_t port;
		const char *outcome;
	} cases[] = {
		{LEFT, "10.1.0.1", "198.51.100.1", 9, "pass"},
		{LEFT, "10.9.0.1", "198.51.100.1", 9, "pass"},
		{LEFT, "10.2.0.1", "198.51.100.1", 9, "drop.default"},
		{RIGHT, "10.1.0.1", "198.51.100.1", 9, "drop.default"},
		{LEFT, "10.1.0.1", "203.0.113.1", 53, "pass"},
		{LEFT, "10.1.0.1", "203.0.113.1", 123, "pass"},
		{LEFT, "10.1.0.1", "203.0.113.1", 124, "drop.default"},
		// The zone holds it, the rule's own source does not.
		{LEFT, "10.9.0.1", "203.0.113.1", 53, "drop.default"},
		{LEFT, "2001:db8:1::5", "2001:db8:9::1", 53, "drop.default"},
		{RIGHT, "203.0.113.1", "10.1.5.9", 53, "pass"},
		{RIGHT, "203.0.113.1", "10.1.6.9", 53, "drop.default"},
		// The rule's own destination, but not in the zone.
		{RIGHT, "203.0.113.1", "172.16.0.1", 53, "drop.default"},
	};
	struct cat_lane_local *fw = firewall(config);
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct test_packet p = udp(cases[i].src, cases[i].dst, cases[i].port);
		const char *outcome = send_packet(fw, cases[i].from, &p);
		if (strcmp(outcome, cases[i].outcome) != 0)
			fail_msg("case %u: %s, expected %s", i, outcome, cases[i].outcome);
	}
	assert_int_equal(cat_lane_local_counter(fw, "rule.in"), 1);
	finish(fw);
}

static void sources_stay_on_their_side(void **state)
{
	(void)state;
	static const char config[] =
		"{\"default\": \"accept\", \"rules\": [{\"name\": \"all\", \"action\": \"accept\"}],"
		" \"anti_spoofing\": {\"left\": [\"10.1.0.0/16\", \"2001:db8:1::/48\"], \"right\": \"192.0.2.7\"}}";
	static const struct {
		enum cat_side from;
		const char *src, *dst, *outcome;
	} cases[] = {
		{LEFT, "10.1.2.3", "203.0.113.1", "pass"},
		{LEFT, "10.2.2.3", "203.0.113.1", "drop.spoofed"},
		{LEFT, "11.0.0.0", "203.0.113.1", "drop.spoofed"},
		{LEFT, "255.255.255.255", "203.0.113.1", "drop.spoofed"},
		{RIGHT, "10.1.2.3", "203.0.113.1", "drop.spoofed"},
		{RIGHT, "192.0.2.7", "10.1.2.3", "pass"},
		{RIGHT, "192.0.2.8", "10.1.2.3", "drop.spoofed"},
		{LEFT, "192.0.2.7", "203.0.113.1", "drop.spoofed"},
		{LEFT, "2001:db8:1::9", "2001:db8:2::9", "pass"},
		{LEFT, "2001:db8:3::9", "2001:db8:2::9", "drop.spoofed"},
		{RIGHT, "2001:db8:1::9", "2001:db8:2::9", "drop.spoofed"},
		// The list of the right names no IPv6, so that nothing is said about it.
		{RIGHT, "2001:db8:3::9", "2001:db8:2::9", "pass"},
		// A host that has no address yet, and addresses of the link.
		{LEFT, "0.0.0.0", "255.255.255.255", "pass"},
		{LEFT, "fe80::9", "ff02::1:2", "pass"},
	};
	struct cat_lane_local *fw = firewall(config);
	for (unsigned i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct test_packet p = udp(cases[i].src, cases[i].dst, (uint16_t)(1000 + i));
		const char *outcome = send_packet(fw, cases[i].from, &p);
		if (strcmp(outcome, cases[i].outcome) != 0)
			fail_msg("case %u: %s, expected %s", i, outcome, cases[i].outcome);
	}
	// It counts for no rule.
	assert_int_equal(cat_lane_local_counter(fw, "rule.all"), 6);
	finish(fw);
}

// Random lists against a plain look at each prefix, with addresses around their edges.
static void agrees_with_a_linear_search(void **state)
{
	(void)state;
	unsigned seed = 4;
	for (unsigned round = 0; round < 30; round++) {
		struct {
			uint32_t address, length;
		} prefix[12];
		char config[1024];
		unsigned count = 1 + round % CAT_ARRAY_LEN(prefix);
		int used =
			snprintf(config, sizeof(config), "{\"default\": \"accept\", \"anti_spoofing\": {\"left\": [");
		for (unsigned i = 0; i < count; i++) {
			prefix[i].length = round == 0 ? 0 : 1 + (uint32_t)rand_r(&seed) % 32;
			uint32_t mask = prefix[i].length ? UINT32_MAX << (32 - prefix[i].length) : 0;
			prefix[i].address = ((uint32_t)rand_r(&seed) << 8 ^ (uint32_t)rand_r(&seed)) & mask;
			uint32_t a = prefix[i].address;
			used += snprintf(config + used, sizeof(config) - (size_t)used, "%s\"%u.%u.%u.%u/%u\"",
					 i ? ", " : "", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255,
					 prefix[i].length);
		}
		snprintf(config + used, sizeof(config) - (size_t)used, "]}}");
		struct cat_lane_local *fw = firewall(config);
		for (unsigned n = 0; n < 200; n++) {
			unsigned at = (uint32_t)rand_r(&seed) % count;
			uint32_t size = prefix[at].length ? UINT32_C(1) << (32 - prefix[at].length) : 0;
			uint32_t edges[] = {prefix[at].address, prefix[at].address - 1, prefix[at].address + size - 1,
					    prefix[at].address + size, (uint32_t)rand_r(&seed) << 4};
			uint32_t source = edges[n % CAT_ARRAY_LEN(edges)];
			bool inside = source == 0;
			for (unsigned i = 0; i < count; i++) {
				uint32_t mask = prefix[i].length ? UINT32_MAX << (32 - prefix[i].length) : 0;
				inside |= (source & mask) == prefix[i].address;
			}
			char text[20];
			snprintf(text, sizeof(text), "%u.%u.%u.%u", source >> 24, source >> 16 & 255, source >> 8 & 255,
				 source & 255);
			struct test_packet p = udp(text, "203.0.113.1", (uint16_t)n);
			expect(fw, LEFT, &p, inside ? "pass" : "drop.spoofed");
		}
		finish(fw);
	}
}

static void limits_what_a_rule_accepts(void **state)
{
	(void)state;
	struct cat_lane_local *fw =
		firewall("{\"rules\": [{\"name\": \"few\", \"action\": \"accept\", \"protocol\": \"udp\", "
			 "\"destination_ports\": 53, \"limit\": 5}, {\"name\": \"other\", \"action\": \"accept\", "
			 "\"protocol\": \"udp\", \"destination_ports\": 54, \"limit\": 2}]}");
	for (unsigned second = 0; second < 3; second++) {
		for (uint16_t i = 0; i < 9; i++) {
			struct test_packet p = udp(HOST, PEER, 53);
			p.sport = (uint16_t)(second * 100 + i + 1);
			expect(fw, LEFT, &p, i < 5 ? "pass" : "drop.rule_limit");
			// Open connections are not limited.
			p.sport = (uint16_t)(second * 100 + 1);
			expect(fw, LEFT, &p, "pass");
		}
		struct test_packet other = udp(HOST, PEER, 54);
		other.sport = (uint16_t)(second + 1);
		expect(fw, LEFT, &other, "pass");
		cat_lane_local_advance(fw, 1000001);
	}
	finish(fw);
}

static int start(void **state)
{
	(void)state;
	return cat_eal_init_for_tests();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_stand_for_what_they_hold),
		cmocka_unit_test(sources_stay_on_their_side),
		cmocka_unit_test(agrees_with_a_linear_search),
		cmocka_unit_test(limits_what_a_rule_accepts),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
