// SPDX-License-Identifier: BSD-3-Clause
// What ports make of their options; checksums that the kernel left undone.
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "checksum.h"
#include "ethdev_args.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices),
		cmocka_unit_test(checksums_are_finished),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
