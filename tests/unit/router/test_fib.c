// SPDX-License-Identifier: BSD-3-Clause
// Longest prefix match against a plain binary trie, on random prefixes and on a real table (CATENA_TEST_DATA/rib, else
// ../shared/data/rib, if it is there).
#include "test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "fib.h"

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

// The reference: a node per bit.
struct trie {
	uint32_t child[2];
	uint32_t value;
};
#define NO_VALUE UINT32_MAX

struct reference {
	struct trie *node;
	uint32_t count, room;
};

static void reference_init(struct reference *r)
{
	*r = (struct reference){.room = 1u << 16};
	r->node = malloc(r->room * sizeof(*r->node));
	assert_non_null(r->node);
	r->node[r->count++] = (struct trie){.value = NO_VALUE};
}

static unsigned bit(const uint8_t *addr, unsigned i)
{
	return addr[i / 8] >> (7 - i % 8) & 1;
}

static void reference_add(struct reference *r, const struct fib_route *route)
{
	uint32_t at = 0;
	for (unsigned i = 0; i < route->length; i++) {
		unsigned b = bit(route->addr, i);
		if (!r->node[at].child[b]) {
			if (r->count == r->room) {
				r->room *= 2;
				r->node = realloc(r->node, r->room * sizeof(*r->node));
				assert_non_null(r->node);
			}
			r->node[r->count] = (struct trie){.value = NO_VALUE};
			r->node[at].child[b] = r->count++;
		}
		at = r->node[at].child[b];
	}
	r->node[at].value = route->value;
}

static uint16_t reference_find(const struct reference *r, const uint8_t *addr, unsigned bits)
{
	uint32_t at = 0, best = r->node[0].value;
	for (unsigned i = 0; i < bits; i++) {
		at = r->node[at].child[bit(addr, i)];
		if (!at)
			break;
		if (r->node[at].value != NO_VALUE)
			best = r->node[at].value;
	}
	return best == NO_VALUE ? FIB_NONE : (uint16_t)best;
}

static void mask(struct fib_route *route)
{
	for (unsigned i = 0; i < 16; i++) {
		int keep = (int)route->length - (int)i * 8;
		if (keep <= 0)
			route->addr[i] = 0;
		else if (keep < 8)
			route->addr[i] &= (uint8_t)(0xff << (8 - keep));
	}
}

static size_t drop_duplicates(struct fib_route *routes, size_t count)
{
	fib_sort(routes, count);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (!kept || routes[kept - 1].length != routes[i].length ||
		    memcmp(routes[kept - 1].addr, routes[i].addr, 16) != 0)
			routes[kept++] = routes[i];
	return kept;
}

// Looks up `lookups` addresses, half of them within a route's prefix.
static void compare(const struct fib_route *routes, size_t count, unsigned bits, size_t lookups)
{
	struct reference reference;
	struct fib *fib = NULL;
	struct cat_err err = {0};
	reference_init(&reference);
	for (size_t i = 0; i < count; i++)
		reference_add(&reference, &routes[i]);
	assert_int_equal(fib_create(routes, count, &fib, &err), 0);
	uint8_t addr[256][16];
	const uint8_t *pointer[256];
	uint32_t word[256];
	uint16_t value[256];
	for (size_t done = 0; done < lookups; done += 256) {
		for (unsigned i = 0; i < 256; i++) {
			uint64_t random[2] = {next_random(), next_random()};
			memcpy(addr[i], random, 16);
			if (count && i % 2) {
				const struct fib_route *r = &routes[next_random() % count];
				for (unsigned b = 0; b < r->length; b++) {
					uint8_t one = (uint8_t)(0x80 >> b % 8);
					addr[i][b / 8] = (uint8_t)((addr[i][b / 8] & ~one) | (r->addr[b / 8] & one));
				}
			}
			pointer[i] = addr[i];
			uint32_t w;
			memcpy(&w, addr[i], 4);
			word[i] = ntohl(w);
		}
		uint32_t n = done % 512 ? 256 : 255;
		if (bits == 32)
			fib_lookup4(fib, word, value, n);
		else
			fib_lookup6(fib, pointer, value, n);
		for (unsigned i = 0; i < n; i++)
			if (value[i] != reference_find(&reference, addr[i], bits))
				fail_msg("lookup %zu: %u, expected %u", done + i, value[i],
					 reference_find(&reference, addr[i], bits));
	}
	fib_destroy(fib);
	free(reference.node);
}

static void random_tables(unsigned bits)
{
	static const struct {
		size_t count;
		unsigned shortest, spread;
	} cases[] = {{0, 0, 1},     {1, 0, 1},      {2, 0, 33},    {50, 0, 33},
		     {1000, 0, 33}, {1000, 16, 17}, {5000, 8, 25}, {60000, 0, 33}};
	for (size_t c = 0; c < CAT_ARRAY_LEN(cases); c++) {
		cat_autofree struct fib_route *routes = calloc(cases[c].count + 1, sizeof(*routes));
		assert_non_null(routes);
		for (size_t i = 0; i < cases[c].count; i++) {
			uint64_t random[2] = {next_random(), next_random()};
			memcpy(routes[i].addr, random, 16);
			// Prefixes nest: most of them lie in a few parts of the space.
			if (i % 4)
				memset(routes[i].addr, 0x20 + (int)(i % 3), bits == 32 ? 1 : 4);
			unsigned length = cases[c].shortest + (unsigned)(next_random() % cases[c].spread);
			routes[i].length = (uint8_t)(bits == 32         ? length
						     : length * 4 > 128 ? 128
									: length * 4 - (length ? i % 3 : 0));
			routes[i].value = (uint16_t)(next_random() % FIB_VALUE_MAX);
			if (bits == 32)
				memset(routes[i].addr + 4, 0, 12);
			mask(&routes[i]);
		}
		size_t count = drop_duplicates(routes, cases[c].count);
		compare(routes, count, bits, 50000);
	}
}

static void random_tables4(void **state)
{
	(void)state;
	random_tables(32);
}

static void random_tables6(void **state)
{
	(void)state;
	random_tables(128);
}

static void a_real_table(void **state)
{
	(void)state;
	const char *data = getenv("CATENA_TEST_DATA");
	char command[512], line[256];
	snprintf(command, sizeof(command), "gzip -dc %s/rib/rib-2010.tsv.gz 2>/dev/null",
		 data ? data : SOURCE_ROOT "/../shared/data");
	FILE *f = popen(command, "r");
	cat_autofree struct fib_route *routes = calloc(400000, sizeof(*routes));
	assert_non_null(f);
	assert_non_null(routes);
	size_t count = 0;
	while (count < 400000 && fgets(line, sizeof(line), f)) {
		char text[64];
		unsigned length, value;
		if (sscanf(line, "%63[0-9.]/%u %u", text, &length, &value) == 3 &&
		    inet_pton(AF_INET, text, routes[count].addr) == 1) {
			routes[count].length = (uint8_t)length;
			routes[count++].value = (uint16_t)(value % FIB_VALUE_MAX);
		}
	}
	pclose(f);
	if (!count) {
		free(cat_steal(routes)); // skip() does not come back
		print_message("no table in %s\n", command);
		skip();
	}
	count = drop_duplicates(routes, count);
	struct fib *fib = NULL;
	assert_int_equal(fib_create(routes, count, &fib, NULL), 0);
	print_message("%zu routes, %zu bytes\n", count, fib_bytes(fib));
	assert_true(fib_bytes(fib) < 8u << 20);
	fib_destroy(fib);
	compare(routes, count, 32, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_tables4),
		cmocka_unit_test(random_tables6),
		cmocka_unit_test(a_real_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
