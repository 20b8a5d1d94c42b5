// SPDX-License-Identifier: BSD-3-Clause
// What ports make of their options; the generator's frames; checksums that the kernel left undone.
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "checksum.h"
#include "ethdev_args.h"
#include "gen_answer.h"
#include "gen_frame.h"

static struct cat_node *parse(const char *text)
{
	struct cat_err err = {0};
	struct cat_node *root = NULL;
	if (text && cat_tree_parse_yaml("test", text, strlen(text), &root, &err) < 0)
		fail_msg("%s", err.message);
	return root;
}

static void devices(void **state)
{
	(void)state;
	static const struct {
		enum ethdev_kind kind;
		const char *device, *options, *name, *text; // text NULL: refused
	} cases[] = {
		{ETHDEV_TAP, "", NULL, NULL, NULL},
		{ETHDEV_TAP, "t0,remote=eth0", NULL, NULL, NULL},
		{ETHDEV_TAP, "t 0", NULL, NULL, NULL},
		{ETHDEV_TAP, "t0", "{mtu: 10}", NULL, NULL},
		{ETHDEV_MEMIF, "/run/a.sock", "{server: 1}", NULL, NULL},
		{ETHDEV_VHOST, "/run/a.sock,tso=1", NULL, NULL, NULL},
		{ETHDEV_PCAP, "/in=.pcap", NULL, NULL, NULL},
		{ETHDEV_PCAP, "/in.pcap", "{tx: '/o,ut.pcap'}", NULL, NULL},
		{ETHDEV_PCAP, "/in.pcap", "{tx: ''}", NULL, NULL},
		{ETHDEV_TAP, "t0", NULL, "net_tap3", "iface=t0"},
		{ETHDEV_MEMIF, "/run/a.sock", NULL, "net_memif3",
		 "socket=/run/a.sock,socket-abstract=no,role=client,zero-copy=no"},
		{ETHDEV_MEMIF, "/run/a.sock", "{server: true}", "net_memif3",
		 "socket=/run/a.sock,socket-abstract=no,role=server,zero-copy=no"},
		{ETHDEV_VHOST, "/run/b.sock", "{client: true}", "net_vhost3", "iface=/run/b.sock,client=1,tso=0"},
		{ETHDEV_PCAP, "/in.pcap", NULL, "net_pcap3", "rx_pcap=/in.pcap"},
		{ETHDEV_PCAP, "/in.pcap", "{tx: /out.pcap}", "net_pcap3", "rx_pcap=/in.pcap,tx_pcap=/out.pcap"},
		{ETHDEV_PCI, "0000:01:00.0", "{mtu: 1400}", "0000:01:00.0", ""},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autonode struct cat_node *options = parse(cases[i].options);
		struct ethdev_args args;
		struct cat_err err = {0};
		int r = ethdev_args_make(cases[i].kind, cases[i].device, 3, options, &args, &err);
		if (!cases[i].text) {
			if (r == 0 || !*err.message)
				fail_msg("case %zu was taken", i);
			continue;
		}
		if (r < 0)
			fail_msg("case %zu: %s", i, err.message);
		assert_string_equal(args.name, cases[i].name);
		assert_string_equal(args.text, cases[i].text);
		assert_string_equal(args.bus, cases[i].kind == ETHDEV_PCI ? "pci" : "vdev");
	}
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
		"{sequence: true, template: tcp}",
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

static void checksums_are_finished(void **state)
{
	(void)state;
	// RFC 1071, section 3: the sum of 00 01 f2 03 f4 f5 f6 f7 is ddf2.
	uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x00};
	assert_int_equal(ntohs(checksum_sum(data, 8)), 0xddf2);
	assert_int_equal(ntohs(checksum_sum(data, 9)), 0xddf2);
	assert_int_equal(ntohs(checksum_sum(data, 1)), 0);
	assert_int_equal(ntohs(checksum_sum(data + 2, 1)), 0xf200);

	static const struct {
		uint32_t start, offset;
	} outside[] = {{9, 0}, {8, 0}, {0, 8}, {5, 3}, {UINT32_MAX, 2}, {0, UINT32_MAX}};
	for (size_t i = 0; i < CAT_ARRAY_LEN(outside); i++)
		assert_false(checksum_finish(data, sizeof(data), outside[i].start, outside[i].offset));

	// The field holds what the sender knew of: a pseudo-header's sum. Afterwards the whole sums up to all ones.
	uint8_t packet[21];
	for (unsigned i = 0; i < sizeof(packet); i++)
		packet[i] = (uint8_t)(i * 37);
	uint8_t pseudo[2] = {0x12, 0x34}, all[2 + sizeof(packet)];
	memcpy(packet + 8 + 6, pseudo, 2);
	assert_true(checksum_finish(packet, sizeof(packet), 8, 6));
	memcpy(all, pseudo, 2);
	memcpy(all + 2, packet + 8, sizeof(packet) - 8);
	assert_int_equal(checksum_sum(all, 2 + sizeof(packet) - 8), 0xffff);
	// A result of 0 is written as all ones.
	uint8_t zero[4] = {0xff, 0xff, 0, 0};
	assert_true(checksum_finish(zero, 4, 0, 2));
	assert_int_equal(zero[2] << 8 | zero[3], 0xffff);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices),
		cmocka_unit_test(generator_options),
		cmocka_unit_test(every_flow_has_right_checksums),
		cmocka_unit_test(checksums_are_finished),
		cmocka_unit_test(answers_requests_for_neighbours),
		cmocka_unit_test(reflects_with_right_checksums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
