// SPDX-License-Identifier: BSD-3-Clause
// Packets for tests: made from a description with all checksums, and read back into one.
#ifndef TEST_PACKETS_H
#define TEST_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEST_PACKET_MAX 2000u

enum test_packet_tcp {
	TEST_PACKET_FIN = 1,
	TEST_PACKET_SYN = 2,
	TEST_PACKET_RST = 4,
	TEST_PACKET_PSH = 8,
	TEST_PACKET_ACK = 16
};

// Addresses as text, the family follows from them; numbers in host order. What is 0 gets a plain value, where a plain
// value is named.
struct test_packet {
	uint8_t to_mac[6], from_mac[6];
	char src[46], dst[46];
	uint8_t protocol;      // 6, 17, 1, 58, or another: then only payload
	uint16_t sport, dport; // TCP, UDP
	uint8_t tcp_flags;     // packet_tcp
	uint16_t mss;          // TCP option; 0: none
	uint8_t type, code;    // ICMP, ICMPv6
	uint16_t id, sequence; // ICMP, ICMPv6: the second word
	uint8_t ttl;           // 0: 64
	uint8_t tos;
	uint16_t fragment; // IPv4: flags and offset as in the header (0x4000: DF)
	uint8_t options;   // IPv4: words of NOP options
	bool no_csum;      // UDP: checksum 0
	uint16_t vlan;     // 0: untagged
	const void *payload;
	uint16_t payload_size; // with payload NULL: so many bytes of a pattern
};

// The frame; at most TEST_PACKET_MAX bytes are written. Returns its length.
uint32_t test_packet_make(const struct test_packet *p, uint8_t *ret_frame);
// Reads a frame that test_packet_make could have made: payload points into it. False: it could not.
bool test_packet_read(const uint8_t *frame, uint32_t length, struct test_packet *ret);
// Every checksum of the frame (IPv4 header, TCP, UDP unless 0, ICMP, ICMPv6) agrees with a full computation.
bool test_packet_csums_ok(const uint8_t *frame, uint32_t length);
// The IP packet of a frame (without Ethernet) and its size, for an ICMP error to quote.
const uint8_t *test_packet_ip(const uint8_t *frame, uint32_t length, uint32_t *ret_size);

// ARP (RFC 826). operation 1: request, 2: reply.
uint32_t test_packet_make_arp(const uint8_t to_mac[6], const uint8_t from_mac[6], uint16_t operation,
			      const char *sender, const uint8_t target_mac[6], const char *target, uint8_t *ret_frame);
// True if the frame is ARP; addresses are four bytes of the frame.
bool test_packet_read_arp(const uint8_t *frame, uint32_t length, uint16_t *ret_operation, char ret_sender[46],
			  char ret_target[46]);

#endif
