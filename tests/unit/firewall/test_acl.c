// SPDX-License-Identifier: BSD-3-Clause
// The compiled rules against a search from the first rule to the last: with random rules, and with real sets of rules
// in ClassBench's format where there are any (CATENA_TEST_DATA/acl).
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_eal.h"
#include "config.h"
#include "fixture.h"

#define RULES_MAX 5000u
#define BURST 256u

// A rule in numbers, for both families: IPv4 in the first word.
struct rule {
	uint8_t sides, family;
	bool any_protocol;
	uint8_t protocol;
	uint32_t source[4], destination[4];
	uint8_t source_length, destination_length;
	uint16_t source_low, source_high, destination_low, destination_high;
};

struct header {
	uint8_t side, family, protocol;
	uint32_t source[4], destination[4];
	uint16_t source_port, destination_port;
};

static bool within(const uint32_t *address, const uint32_t *prefix, uint8_t length)
{
	for (unsigned bit = 0; bit < length; bit++) {
		uint32_t mask = UINT32_C(1) << (31 - bit % 32);
		if ((address[bit / 32] ^ prefix[bit / 32]) & mask)
			return false;
	}
	return true;
}

static bool matches(const struct rule *r, const struct header *h)
{
	bool has_ports = h->protocol == 6 || h->protocol == 17;
	return r->sides >> h->side & 1 && r->family == h->family && (r->any_protocol || r->protocol == h->protocol) &&
	       within(h->source, r->source, r->source_length) &&
	       within(h->destination, r->destination, r->destination_length) &&
	       (!has_ports ||
		(h->source_port >= r->source_low && h->source_port <= r->source_high &&
		 h->destination_port >= r->destination_low && h->destination_port <= r->destination_high));
}

static uint32_t search(const struct rule *rule, uint32_t count, const struct header *h)
{
	for (uint32_t i = 0; i < count; i++) {
		if (matches(&rule[i], h))
			return i + 1;
	}
	return FW_ACL_NONE;
}

static void add_address(struct cat_node *map, const char *key, uint8_t family, const uint32_t *address, uint8_t length)
{
	char text[INET6_ADDRSTRLEN];
	uint32_t network[4];
	for (unsigned i = 0; i < 4; i++) {
		uint32_t left = length > 32 * i ? length - 32 * i : 0;
		network[i] = htonl(left == 0 ? 0 : left >= 32 ? address[i] : address[i] & ~(UINT32_MAX >> left));
	}
	inet_ntop(family == FW_IPV6 ? AF_INET6 : AF_INET, network, text, sizeof(text));
	assert_non_null(cat_node_add_format(map, key, "%s/%u", text, length));
}

// The rules as an operator would write them.
static struct fw_config *compile(const struct rule *rule, uint32_t count)
{
	static const char *const sides[] = {"", "left", "right", "any"};
	cat_autonode struct cat_node *root = cat_node_new_map();
	struct cat_node *rules = cat_node_add_list(root, "rules");
	for (uint32_t i = 0; i < count; i++) {
		const struct rule *r = &rule[i];
		struct cat_node *map = cat_node_add_map(rules, NULL);
		cat_node_add_format(map, "name", "r%u", i);
		cat_node_add_string(map, "action", "accept");
		cat_node_add_string(map, "from", sides[r->sides]);
		add_address(map, "source", r->family, r->source, r->source_length);
		add_address(map, "destination", r->family, r->destination, r->destination_length);
		if (r->any_protocol)
			continue;
		cat_node_add_int(map, "protocol", r->protocol);
		if (r->protocol == 6 || r->protocol == 17) {
			cat_node_add_format(map, "source_ports", "%u-%u", r->source_low, r->source_high);
			cat_node_add_format(map, "destination_ports", "%u-%u", r->destination_low, r->destination_high);
		}
	}
	void *config;
	struct cat_err err = {0};
	if (cat_firewall_ops.config_create(root, &config, &err) < 0)
		fail_msg("%s", err.message);
	return config;
}

static void classify(const struct fw_config *config, const struct header *h, uint32_t count, uint32_t *ret_result)
{
	struct fw_acl_input4 input4[BURST];
	struct fw_acl_input6 input6[BURST];
	const uint8_t *input[BURST];
	for (uint32_t i = 0; i < count; i++) {
		input4[i] = (struct fw_acl_input4){h[i].protocol,           {0},
						   htonl(h[i].source[0]),   htonl(h[i].destination[0]),
						   htons(h[i].source_port), htons(h[i].destination_port)};
		input6[i] = (struct fw_acl_input6){
			h[i].protocol, {0}, {0}, {0}, htons(h[i].source_port), htons(h[i].destination_port)};
		for (unsigned w = 0; w < 4; w++) {
			uint32_t s = htonl(h[i].source[w]), d = htonl(h[i].destination[w]);
			memcpy(input6[i].source + 4 * w, &s, 4);
			memcpy(input6[i].destination + 4 * w, &d, 4);
		}
		input[i] = h->family == FW_IPV6 ? (const uint8_t *)&input6[i] : (const uint8_t *)&input4[i];
	}
	fw_acl_classify(&config->acl, (enum cat_side)h->side, (enum fw_family)h->family, input, count, ret_result);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)rand() % n;
}

// Few values, so that rules and packets meet.
static void random_address(uint32_t *address)
{
	for (unsigned i = 0; i < 4; i++)
		address[i] = (0x0a000000u | below(4)) << below(3);
}

static struct rule random_rule(void)
{
	static const uint8_t protocols[] = {6, 6, 17, 17, 1, 58, 47, 0, 255};
	struct rule r = {
		.sides = (uint8_t)(1 + below(3)),
		.family = (uint8_t)below(2),
		.any_protocol = below(4) == 0,
		.protocol = protocols[below(CAT_ARRAY_LEN(protocols))],
		.source_high = UINT16_MAX,
		.destination_high = UINT16_MAX,
	};
	random_address(r.source);
	random_address(r.destination);
	uint32_t bits = r.family == FW_IPV6 ? 129 : 33;
	r.source_length = (uint8_t)(below(3) ? below(bits) : 0);
	r.destination_length = (uint8_t)(below(3) ? below(bits) : 0);
	if (!r.any_protocol && (r.protocol == 6 || r.protocol == 17)) {
		r.source_low = (uint16_t)(below(2) ? below(8) : 0);
		r.source_high = (uint16_t)(r.source_low + (below(2) ? below(8) : below(65000)));
		r.destination_low = (uint16_t)below(8);
		r.destination_high = (uint16_t)(r.destination_low + below(8));
	}
	return r;
}

static struct header random_header(uint8_t side, uint8_t family)
{
	static const uint8_t protocols[] = {6, 17, 1, 58, 47, 0, 255, 9};
	struct header h = {.side = side, .family = family, .protocol = protocols[below(CAT_ARRAY_LEN(protocols))]};
	random_address(h.source);
	random_address(h.destination);
	if (h.protocol == 6 || h.protocol == 17) {
		h.source_port = (uint16_t)(below(4) ? below(16) : below(65536));
		h.destination_port = (uint16_t)(below(4) ? below(16) : below(65536));
	}
	return h;
}

static void agrees_on_random_rules(void **state)
{
	(void)state;
	srand(1);
	uint32_t hits = 0, asked = 0;
	for (unsigned round = 0; round < 40; round++) {
		struct rule rule[200];
		uint32_t count = 1 + below(CAT_ARRAY_LEN(rule));
		for (uint32_t i = 0; i < count; i++)
			rule[i] = random_rule();
		struct fw_config *config = compile(rule, count);
		for (unsigned burst = 0; burst < 16; burst++) {
			struct header h[BURST];
			uint32_t result[BURST];
			for (uint32_t i = 0; i < BURST; i++)
				h[i] = random_header(burst & 1, burst >> 1 & 1);
			classify(config, h, BURST, result);
			for (uint32_t i = 0; i < BURST; i++) {
				assert_int_equal(result[i], search(rule, count, &h[i]));
				hits += result[i] != FW_ACL_NONE;
				asked++;
			}
		}
		cat_firewall_ops.config_destroy(config);
	}
	// The test would be worth nothing if hardly anything matched, or everything.
	assert_in_range(hits, asked / 5, asked - asked / 5);
}

static FILE *open_maybe_compressed(const char *path)
{
	char command[700];
	size_t length = strlen(path);
	if (length < 3 || strcmp(path + length - 3, ".gz") != 0)
		return fopen(path, "r");
	snprintf(command, sizeof(command), "gzip -dc '%s'", path);
	return popen(command, "r");
}

static uint32_t read_rules(FILE *f, struct rule *rule)
{
	unsigned s[4], d[4], length[2], port[4], protocol, mask;
	uint32_t n = 0;
	while (n < RULES_MAX && fscanf(f, " @%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x %*s", &s[0], &s[1],
				       &s[2], &s[3], &length[0], &d[0], &d[1], &d[2], &d[3], &length[1], &port[0],
				       &port[1], &port[2], &port[3], &protocol, &mask) == 16) {
		rule[n++] = (struct rule){
			.sides = 3,
			.any_protocol = mask == 0,
			.protocol = (uint8_t)protocol,
			.source = {s[0] << 24 | s[1] << 16 | s[2] << 8 | s[3]},
			.destination = {d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3]},
			.source_length = (uint8_t)length[0],
			.destination_length = (uint8_t)length[1],
			.source_low = (uint16_t)port[0],
			.source_high = (uint16_t)port[1],
			.destination_low = (uint16_t)port[2],
			.destination_high = (uint16_t)port[3],
		};
	}
	return n;
}

static void check_headers(const struct fw_config *config, const struct rule *rule, uint32_t count, struct header *h,
			  uint32_t headers)
{
	uint32_t result[BURST];
	for (uint32_t at = 0; at < headers; at += BURST) {
		uint32_t n = headers - at < BURST ? headers - at : BURST;
		// A burst comes from one side.
		for (uint32_t i = 0; i < n; i++)
			h[at + i].side = at / BURST % 2;
		classify(config, h + at, n, result);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(result[i], search(rule, count, &h[at + i]));
	}
}

static uint32_t read_trace(FILE *f, struct header *h, uint32_t *ret_rule, uint32_t max)
{
	uint32_t n = 0, source, destination;
	unsigned port[2], protocol;
	while (n < max && fscanf(f, "%u %u %u %u %u %*s %u", &source, &destination, &port[0], &port[1], &protocol,
				 &ret_rule[n]) == 6) {
		h[n] = (struct header){.protocol = (uint8_t)protocol, .source = {source}, .destination = {destination}};
		if (protocol == 6 || protocol == 17) {
			h[n].source_port = (uint16_t)port[0];
			h[n].destination_port = (uint16_t)port[1];
		}
		n++;
	}
	return n;
}

#define TRACE_MAX 10000u

static void agrees_on_rule_set(const char *name, uint32_t expected, const char *trace)
{
	char path[600];
	if (!data_path(name, path, sizeof(path)))
		skip();
	cat_autofree struct rule *rule = calloc(RULES_MAX, sizeof(*rule));
	cat_autofree struct header *h = calloc(TRACE_MAX, sizeof(*h));
	cat_autofree uint32_t *origin = calloc(TRACE_MAX, sizeof(*origin));
	FILE *f = open_maybe_compressed(path);
	uint32_t count = read_rules(f, rule);
	strlen(name) > 3 && strcmp(name + strlen(name) - 3, ".gz") == 0 ? pclose(f) : fclose(f);
	assert_int_equal(count, expected);
	struct fw_config *config = compile(rule, count);
	uint32_t headers = 0;
	if (trace) {
		assert_non_null(data_path(trace, path, sizeof(path)));
		f = open_maybe_compressed(path);
		headers = read_trace(f, h, origin, TRACE_MAX);
		pclose(f);
		assert_true(headers > 8000);
	} else {
		// Headers at the corners of the rules.
		for (; headers < TRACE_MAX; headers++) {
			const struct rule *r = &rule[below(count)];
			h[headers] = (struct header){.protocol = r->any_protocol ? 6 : r->protocol,
						     .source = {r->source[0] ^ below(2)},
						     .destination = {r->destination[0] ^ below(2)},
						     .source_port = below(2) ? r->source_low : r->source_high,
						     .destination_port = (uint16_t)(r->destination_high + below(2))};
		}
	}
	check_headers(config, rule, count, h, headers);
	cat_firewall_ops.config_destroy(config);
}

static void agrees_on_865_rules(void **state)
{
	(void)state;
	agrees_on_rule_set("acl/acl1_1k.rules", 865, "acl/acl1_1k.trace.gz");
}

static void agrees_on_4654_rules(void **state)
{
	(void)state;
	agrees_on_rule_set("acl/acl1_10k.rules.gz", 4654, NULL);
}

static int start(void **state)
{
	(void)state;
	return cat_eal_init_for_tests();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_on_random_rules),
		cmocka_unit_test(agrees_on_865_rules),
		cmocka_unit_test(agrees_on_4654_rules),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
