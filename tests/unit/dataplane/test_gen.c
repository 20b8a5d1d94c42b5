// SPDX-License-Identifier: BSD-3-Clause
// The generator: its options and frames, and what its sink makes of packets that come back, or do not.
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "checksum.h"
#include "gen_answer.h"
#include "gen_check.h"
#include "gen_frame.h"
#include "port.h"

static struct cat_node *parse(const char *text)
{
	struct cat_err err = {0};
	struct cat_node *root = NULL;
	if (text && cat_tree_parse_yaml("test", text, strlen(text), &root, &err) < 0)
		fail_msg("%s", err.message);
	return root;
}

static void generator_options(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"{size: 63}",
		"{size: 1985}",
		"{flows: 0}",
		"{flows: 16777217}",
		"{template: icmp}",
		"{source_mac: '1:2'}",
		"{destination: 10.0.0}",
		"{source: '2001:db8::'}",
		"{rate: -1}",
		"{count: -1}",
		"{sequence: 1}",
		"{sequence: true, timed: 3}",
		"{timed: 131072}",
		"{hosts: 3}",
		"{hosts: 0}",
		"{destinations: 12}",
		"{destinations: 4, destination_step: 0}",
		"{destinations: 4, destination_step: 1000000000, flows: 4}",
		"{hosts: 64, flows: 16777216}",
		"{reflect: 1}",
		"{source: 255.255.0.0, flows: 65537}",
	};
	struct gen_options o = {.size = 1};
	for (size_t i = 0; i < CAT_ARRAY_LEN(refused); i++) {
		cat_autonode struct cat_node *options = parse(refused[i]);
		struct cat_err err = {0};
		if (gen_options_read(options, 1980, &o, &err) == 0 || !*err.message)
			fail_msg("%s was taken", refused[i]);
		assert_int_equal(o.size, 1);
	}
	struct cat_err err = {0};
	assert_int_equal(gen_options_read(NULL, 1980, &o, &err), 0);
	assert_int_equal(o.size, 64);
	assert_int_equal(o.flows, 1);
	cat_autonode struct cat_node *options =
		parse("{size: 1984, flows: 65536, source: 10.0.0.0, rate: 5, count: 6}");
	assert_int_equal(gen_options_read(options, 1980, &o, &err), 0);
	assert_int_equal(o.size, 1984);
	assert_int_equal(o.rate_pps + o.count, 11);
}

static void check_frame(const struct gen_frame *frame, uint8_t *data, uint32_t hash, bool tcp)
{
	struct cat_desc desc = {.len = frame->desc.len};
	cat_parse(&desc, data);
	assert_int_equal(desc.flags,
			 (frame->ipv6 ? CAT_DESC_IPV6 : CAT_DESC_IPV4) | (tcp ? CAT_DESC_TCP : CAT_DESC_UDP));
	assert_int_equal(desc.flags, frame->desc.flags);
	assert_int_equal(desc.len, frame->desc.len);
	assert_int_equal(desc.l4, frame->desc.l4);
	assert_int_equal(desc.hash, hash);
	uint32_t header = frame->ipv6 ? 40 : 20, l4_size = desc.len - 14 - header;
	if (!frame->ipv6)
		assert_int_equal(checksum_sum(data + 14, 20), 0xffff);
	// Pseudo-header and all: the sum over what is right is all ones.
	uint8_t sum[2048] = {0};
	memcpy(sum, data + 14 + (frame->ipv6 ? 8 : 12), frame->ipv6 ? 32 : 8);
	uint8_t *p = sum + (frame->ipv6 ? 32 : 8);
	gen_put16(p, tcp ? 6 : 17);
	gen_put16(p + 2, l4_size);
	memcpy(p + 4, data + 14 + header, l4_size);
	assert_int_equal(checksum_sum(sum, (uint32_t)(p + 4 - sum) + l4_size), 0xffff);
}

static void every_flow_has_right_checksums(void **state)
{
	(void)state;
	static const char *const templates[] = {
		"{flows: 16777216}",
		"{flows: 16777216, template: tcp, size: 65}",
		"{flows: 16777216, source: '2001:db8::', destination: '2001:db8:1::1', size: 129}",
		"{flows: 16777216, template: tcp, source: '2001:db8::', destination: '2001:db8:1::1'}",
		"{flows: 16777216, hosts: 1024, source: 10.0.255.255, destination: 1.0.0.1, destinations: 16384, "
		"destination_step: 65793}",
		"{flows: 16777216, hosts: 512, source: '2001:db8::', destination: '2001:db8:1::1', destinations: 4096}",
	};
	static const uint32_t flows[] = {0, 1, 2, 255, 65533, 65534, 65535, 65536, 65537, 131071, 0xffffff};
	for (size_t t = 0; t < CAT_ARRAY_LEN(templates); t++) {
		cat_autonode struct cat_node *options = parse(templates[t]);
		struct gen_options o;
		struct cat_err err = {0};
		assert_int_equal(gen_options_read(options, 1980, &o, &err), 0);
		static struct gen_frame frame;
		gen_frame_build(&o, &frame);
		uint32_t hash[CAT_ARRAY_LEN(flows)];
		for (size_t i = 0; i < CAT_ARRAY_LEN(flows); i++) {
			uint8_t data[sizeof(frame.data)];
			memcpy(data, frame.data, sizeof(data));
			hash[i] = gen_frame_set_flow(&frame, flows[i], data);
			check_frame(&frame, data, hash[i], o.tcp);
			for (size_t k = 0; k < i; k++)
				assert_int_not_equal(hash[i], hash[k]);
		}
	}
}

// A request for a neighbour, whole.
static const uint8_t who_has[42] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0, 7, 0x08, 0x06, // Ethernet
	0,    1,    0x08, 0,    6,    4,    0,  1,                         // a request
	2,    0,    0,    0,    0,    7,    10, 0, 0, 1,                   // who asks
	0,    0,    0,    0,    0,    0,    10, 0, 0, 9,                   // and for whom
};

static void answers_requests_for_neighbours(void **state)
{
	(void)state;
	static const struct cat_mac mac = {{2, 0, 0, 0, 1, 1}};
	uint8_t data[42];
	memcpy(data, who_has, sizeof(data));
	assert_true(gen_answer_arp(data, sizeof(data), &mac));
	static const uint8_t reply[42] = {
		2, 0, 0,    0, 0, 7, 2,  0, 0, 0, 1, 1, 0x08, 0x06, // Ethernet
		0, 1, 0x08, 0, 6, 4, 0,  2,                         // a reply
		2, 0, 0,    0, 1, 1, 10, 0, 0, 9,                   // by the one asked for
		2, 0, 0,    0, 0, 7, 10, 0, 0, 1,                   // to who asked
	};
	assert_memory_equal(data, reply, sizeof(data));
	// An answer, somebody looking for his own address, another protocol, too short.
	assert_false(gen_answer_arp(data, sizeof(data), &mac));
	static const struct {
		uint32_t at, length;
		uint8_t value;
	} not_answered[] = {{13, 42, 0x00}, {15, 42, 6}, {21, 42, 2}, {41, 42, 1}, {0, 41, 0xff}, {0, 0, 0xff}};
	for (size_t i = 0; i < CAT_ARRAY_LEN(not_answered); i++) {
		memcpy(data, who_has, sizeof(data));
		data[40] = not_answered[i].at == 41 ? 0 : data[40];
		data[not_answered[i].at] = not_answered[i].value;
		assert_false(gen_answer_arp(data, not_answered[i].length, &mac));
	}
	// A probe: the sender has no address yet.
	memcpy(data, who_has, sizeof(data));
	memset(data + 28, 0, 4);
	assert_false(gen_answer_arp(data, sizeof(data), &mac));
}

static void reflects_with_right_checksums(void **state)
{
	(void)state;
	static const char *const templates[] = {"{}", "{template: tcp, size: 65}",
						"{source: '2001:db8::', destination: '2001:db8:1::1', size: 129}"};
	for (size_t t = 0; t < CAT_ARRAY_LEN(templates); t++) {
		cat_autonode struct cat_node *options = parse(templates[t]);
		struct gen_options o;
		struct cat_err err = {0};
		assert_int_equal(gen_options_read(options, 1980, &o, &err), 0);
		static struct gen_frame frame;
		gen_frame_build(&o, &frame);
		uint8_t data[sizeof(frame.data)], before[sizeof(frame.data)];
		memcpy(data, frame.data, sizeof(data));
		uint32_t hash = gen_frame_set_flow(&frame, 0, data);
		memcpy(before, data, sizeof(data));
		assert_true(gen_answer_reflect(data, &frame.desc));
		check_frame(&frame, data, hash, o.tcp);
		assert_memory_equal(data, before + 6, 6);
		assert_memory_equal(data + frame.source_at, before + frame.destination_at, 4);
		assert_memory_equal(data + frame.sport_at, before + frame.sport_at + 2, 2);
		assert_true(gen_answer_reflect(data, &frame.desc));
		assert_memory_equal(data, before, frame.desc.len);
		// Offsets that a function made up.
		struct cat_desc desc = frame.desc;
		desc.l4 = (uint8_t)(desc.len - 7);
		assert_false(gen_answer_reflect(data, &desc));
		desc = frame.desc;
		desc.l3 = (uint8_t)(desc.len - (o.ipv6 ? 39 : 19));
		assert_false(gen_answer_reflect(data, &desc));
		desc.l3 = 13;
		assert_false(gen_answer_reflect(data, &desc));
		desc.flags = CAT_DESC_BAD;
		assert_false(gen_answer_reflect(data, &desc));
	}
}

#define BUFFERS 4096u
#define STRIDE 2112u
#define BURST 64u

// A lane with two generators, and nothing between them but the test.
struct bench {
	struct region region;
	struct free_stack free;
	struct cat_stats_lane stats;
	struct port_io io;
	struct port port[2];
};

static uint32_t pool_take(void *user, uint32_t *ret_index, uint32_t n)
{
	(void)user, (void)ret_index, (void)n;
	return 0;
}

static void open_bench(struct bench *b, const char *left, const char *right)
{
	memset(b, 0, sizeof(*b));
	b->region = (struct region){.base = aligned_alloc(64, (size_t)BUFFERS * STRIDE),
				    .buffers = BUFFERS,
				    .stride = STRIDE,
				    .headroom = 128};
	b->free = (struct free_stack){
		.capacity = 2 * BUFFERS, .index = calloc(2 * BUFFERS, sizeof(uint32_t)), .pool = {.take = pool_take}};
	assert_non_null(b->region.base);
	assert_non_null(b->free.index);
	for (uint32_t i = 0; i < BUFFERS; i++)
		free_stack_push(&b->free, i);
	b->io = (struct port_io){.free = &b->free, .region = &b->region, .stats = &b->stats, .now_ns = port_now_ns()};
	for (uint32_t i = 0; i < 2; i++) {
		cat_autonode struct cat_node *options = parse(i ? right : left);
		struct cat_err err = {0};
		b->port[i] = (struct port){
			.driver = &port_gen, .name = "p", .id = i, .region = &b->region, .lanes = 1, .burst = BURST};
		if (port_gen.open(&b->port[i], options, &err) < 0)
			fail_msg("%s", err.message);
	}
}

static void close_bench(struct bench *b)
{
	for (uint32_t i = 0; i < 2; i++)
		port_gen.close(&b->port[i]);
	free(b->region.base);
	free(b->free.index);
}

static uint32_t receive(struct bench *b, uint32_t port, struct cat_desc *desc, uint32_t max)
{
	return port_gen.receive(&b->port[port], 0, &b->io, desc, max);
}

static void transmit(struct bench *b, uint32_t port, const struct cat_desc *desc, uint32_t n)
{
	assert_int_equal(port_gen.transmit(&b->port[port], 0, &b->io, desc, n), n);
}

static void begin(struct bench *b, uint32_t id, uint64_t rate_pps, uint64_t count, uint64_t length_ns)
{
	struct cat_err err = {0};
	const struct port_trial sink = {.id = id, .length_ns = length_ns};
	const struct port_trial source = {id, rate_pps, count, length_ns};
	assert_int_equal(port_gen.trial_begin(&b->port[1], &sink, &err), 0);
	assert_int_equal(port_gen.trial_begin(&b->port[0], &source, &err), 0);
}

// Lanes answer when they next look at the port.
static struct port_account *account(struct bench *b, uint32_t port)
{
	static struct port_account a;
	struct cat_desc desc[1];
	assert_false(port_gen.trial_ready(&b->port[port]));
	receive(b, port, desc, 0);
	assert_true(port_gen.trial_ready(&b->port[port]));
	memset(&a, 0, sizeof(a));
	port_gen.trial_end(&b->port[port], &a);
	return &a;
}

#define SINK "{sequence: true, send: false}"

static void marks_leave_checksums_right(void **state)
{
	(void)state;
	static const char *const templates[] = {
		"{sequence: true, flows: 3}",
		"{sequence: true, flows: 1, size: 129}",
		"{sequence: true, flows: 3, template: tcp}",
		"{sequence: true, flows: 3, template: tcp, size: 131}",
		"{sequence: true, flows: 3, source: '2001:db8::', destination: '2001:db8:1::1'}",
		"{sequence: true, template: tcp, source: '2001:db8::', destination: '2001:db8:1::1', size: 101}",
	};
	for (size_t t = 0; t < CAT_ARRAY_LEN(templates); t++) {
		struct bench b;
		struct cat_desc desc[BURST];
		static struct gen_frame frame;
		open_bench(&b, templates[t], SINK);
		cat_autonode struct cat_node *node = parse(templates[t]);
		struct gen_options o;
		struct cat_err err = {0};
		assert_int_equal(gen_options_read(node, STRIDE, &o, &err), 0);
		gen_frame_build(&o, &frame);
		for (unsigned round = 0; round < 20; round++) {
			assert_int_equal(receive(&b, 0, desc, BURST), BURST);
			for (unsigned i = 0; i < BURST; i++) {
				uint8_t *data = region_buffer(&b.region, desc[i].buf) + desc[i].off;
				// Without a sum there is nothing to check but what the parser says.
				if (frame.l4_sum_at)
					check_frame(&frame, data, desc[i].hash, o.tcp);
			}
			transmit(&b, 1, desc, BURST);
		}
		close_bench(&b);
	}
}

static void swap(struct cat_desc *a, struct cat_desc *b)
{
	struct cat_desc t = *a;
	*a = *b;
	*b = t;
}

// A window is as many packets as are under way, also after some were dropped where the generator does not see it.
static void window_survives_losses(void **state)
{
	(void)state;
	struct bench b;
	struct cat_desc desc[BURST];
	open_bench(&b, "{sequence: true, window: 32}", SINK);
	for (unsigned round = 0; round < 10; round++) {
		assert_int_equal(receive(&b, 0, desc, BURST), 32);
		assert_int_equal(receive(&b, 0, desc + 32, BURST - 32), 0);
		transmit(&b, 0, desc + 31, 1);
		for (unsigned i = 0; i < 31; i++)
			free_stack_push(&b.free, desc[i].buf);
	}
	// Nothing is expected of packets that are behind.
	assert_int_equal(receive(&b, 0, desc, BURST), 32);
	transmit(&b, 0, desc, 16);
	assert_int_equal(receive(&b, 0, desc + 32, BURST - 32), 16);
	close_bench(&b);
}

// Nothing, everything, and each thing that can happen to a packet.
static void tells_what_became_of_packets(void **state)
{
	(void)state;
	struct bench b;
	struct cat_desc desc[BURST], more[BURST];
	open_bench(&b, "{sequence: true, flows: 7}", SINK);
	begin(&b, 1, 0, 3 * BURST, UINT64_C(1) << 40);
	assert_int_equal(receive(&b, 0, desc, BURST), BURST);
	transmit(&b, 1, desc, BURST);

	// The second burst: two change places, one is lost, one comes twice, one loses its mark.
	assert_int_equal(receive(&b, 0, desc, BURST), BURST);
	swap(&desc[10], &desc[20]);
	memset(region_buffer(&b.region, desc[30].buf) + desc[30].off, 0, desc[30].len);
	transmit(&b, 1, desc, 40);
	transmit(&b, 1, desc + 41, BURST - 41);
	transmit(&b, 1, desc + 5, 1);
	struct port_account *a = account(&b, 1);
	assert_int_equal(a->received, 2 * BURST - 2);
	assert_int_equal(a->duplicates, 1);
	assert_int_equal(a->foreign, 1);
	// The one that moved ahead makes all that it passed late.
	assert_int_equal(a->reordered, 10);
	assert_int_equal(a->latency.count, 2 * BURST - 2 + 1);
	assert_int_equal(a->sent, 0);

	// The lost one is only late. What one trial sent is foreign to the next.
	transmit(&b, 1, desc + 40, 1);
	assert_int_equal(receive(&b, 0, more, BURST), BURST);
	assert_int_equal(receive(&b, 0, desc, BURST), 0);
	begin(&b, 2, 0, 10, UINT64_C(1) << 40);
	assert_int_equal(receive(&b, 0, desc, BURST), 10);
	transmit(&b, 1, more, BURST);
	transmit(&b, 1, desc, 10);
	a = account(&b, 1);
	assert_int_equal(a->received, 10);
	assert_int_equal(a->foreign, BURST);
	assert_int_equal(a->reordered + a->duplicates, 0);
	assert_int_equal(account(&b, 0)->sent, 10);
	close_bench(&b);
}

// Windows wrap: a gap as long as the window leaves nothing behind that is taken for seen.
static void accounts_beyond_its_window(void **state)
{
	(void)state;
	static struct gen_check check;
	static uint8_t region[64];
	struct gen_mark mark = {.magic = GEN_MARK_MAGIC, .port = 3, .trial_due = UINT64_C(9) << 56};
	const struct cat_desc desc = {.len = 60};
	assert_int_equal(gen_check_init(&check, 2), 0);
	gen_check_begin(&check, 9);
	static const struct {
		uint32_t number;
		uint64_t received, duplicates, reordered, foreign;
	} steps[] = {
		{0, 1, 0, 0, 0},
		{0, 1, 1, 0, 0},
		{GEN_WINDOW + 5, 2, 1, 0, 0},
		{6, 3, 1, 1, 0},
		{6, 3, 2, 1, 0},
		{5, 3, 2, 1, 1},
		{3 * GEN_WINDOW + 5, 4, 2, 1, 1},
		{2 * GEN_WINDOW + 6, 5, 2, 2, 1},
		{2 * GEN_WINDOW + 5, 5, 2, 2, 2},
		{3 * GEN_WINDOW + 6, 6, 2, 2, 2},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(steps); i++) {
		mark.number = steps[i].number;
		memcpy(region + gen_mark_at(desc.len), &mark, sizeof(mark));
		gen_check_packets(&check, &desc, 1, region, 64, 1);
		if (check.received != steps[i].received || check.duplicates != steps[i].duplicates ||
		    check.reordered != steps[i].reordered || check.foreign != steps[i].foreign)
			fail_msg("step %zu: %llu received, %llu twice, %llu late, %llu foreign", i,
				 (unsigned long long)check.received, (unsigned long long)check.duplicates,
				 (unsigned long long)check.reordered, (unsigned long long)check.foreign);
	}
	// Ports and lanes that there are not, and frames without room for a mark.
	mark.port = CAT_PORTS_MAX;
	memcpy(region + gen_mark_at(desc.len), &mark, sizeof(mark));
	gen_check_packets(&check, &desc, 1, region, 64, 1);
	mark.port = 3;
	mark.lane = 2;
	memcpy(region + gen_mark_at(desc.len), &mark, sizeof(mark));
	gen_check_packets(&check, &desc, 1, region, 64, 1);
	gen_check_packets(&check, &(struct cat_desc){.len = 15}, 1, region, 64, 1);
	assert_int_equal(check.foreign, 5);
	gen_check_finish(&check);
}

// A rate is kept by the clock that the lane gives; packets carry when they were due, not when the lane came to it.
static void sends_by_the_clock(void **state)
{
	(void)state;
	struct bench b;
	struct cat_desc desc[BURST];
	open_bench(&b, "{sequence: true, flows: 1}", SINK);
	uint64_t start = b.io.now_ns;
	begin(&b, 1, 1000000, 1000, 100000);
	assert_int_equal(receive(&b, 0, desc, BURST), 0);
	b.io.now_ns = start + 10000;
	assert_int_equal(receive(&b, 0, desc, BURST), 10);
	for (unsigned i = 0; i < 10; i++) {
		struct gen_mark mark;
		memcpy(&mark, region_buffer(&b.region, desc[i].buf) + desc[i].off + gen_mark_at(desc[i].len),
		       sizeof(mark));
		assert_int_equal(mark.number, i);
		uint64_t due = mark.trial_due & GEN_DUE_MASK, expected = start + i * 1000;
		assert_true(due + 1 >= expected && due <= expected);
	}
	// Nothing after the end, were it due.
	b.io.now_ns = start + 99000;
	assert_int_equal(receive(&b, 0, desc, BURST), BURST);
	b.io.now_ns = start + 100000;
	assert_int_equal(receive(&b, 0, desc, BURST), 0);
	assert_int_equal(account(&b, 0)->sent, 10 + BURST);
	close_bench(&b);
}

static void keeps_latencies(void **state)
{
	(void)state;
	static struct cat_histogram h, other;
	assert_int_equal(cat_histogram_percentile(&h, 50), 0);
	uint32_t last = 0;
	for (uint64_t v = 0; v < CAT_HISTOGRAM_MAX; v += v / 64 + 1) {
		uint32_t index = cat_histogram_index(v);
		assert_true(index < CAT_HISTOGRAM_BUCKETS && (index == last || index == last + 1));
		uint64_t upper = cat_histogram_upper(index);
		assert_true(upper >= v && upper - v <= v / 32);
		last = index;
	}
	assert_int_equal(cat_histogram_index(UINT64_MAX), CAT_HISTOGRAM_BUCKETS - 1);
	assert_int_equal(cat_histogram_upper(CAT_HISTOGRAM_BUCKETS - 1), CAT_HISTOGRAM_MAX);
	for (uint64_t v = 1; v <= 1000; v++)
		cat_histogram_add(v <= 900 ? &h : &other, v * 1000);
	cat_histogram_merge(&h, &other);
	assert_int_equal(h.count, 1000);
	assert_int_equal(h.max_ns, 1000000);
	assert_in_range(cat_histogram_percentile(&h, 50), 500000, 500000 + 500000 / 32);
	assert_in_range(cat_histogram_percentile(&h, 99), 990000, 1000000);
	assert_int_equal(cat_histogram_percentile(&h, 100), 1000000);
	assert_in_range(cat_histogram_percentile(&h, 0), 1000, 1000 + 1000 / 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generator_options),
		cmocka_unit_test(every_flow_has_right_checksums),
		cmocka_unit_test(answers_requests_for_neighbours),
		cmocka_unit_test(reflects_with_right_checksums),
		cmocka_unit_test(marks_leave_checksums_right),
		cmocka_unit_test(tells_what_became_of_packets),
		cmocka_unit_test(window_survives_losses),
		cmocka_unit_test(accounts_beyond_its_window),
		cmocka_unit_test(sends_by_the_clock),
		cmocka_unit_test(keeps_latencies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
