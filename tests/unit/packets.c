// SPDX-License-Identifier: BSD-3-Clause
#include "packets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

// Deliberately not the code under test: bytes in big-endian order, summed one by one.
static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo_sum(const uint8_t *ip, uint8_t protocol, uint32_t size)
{
	uint32_t sum = ip[0] >> 4 == 4 ? sum_bytes(0, ip + 12, 8) : sum_bytes(0, ip + 8, 32);
	return sum + protocol + size;
}

static uint16_t transport_csum(const uint8_t *ip, const uint8_t *l4, uint32_t size, uint8_t protocol)
{
	uint32_t sum = protocol == 1 ? 0 : pseudo_sum(ip, protocol, size);
	return (uint16_t)~sum_bytes(sum, l4, size);
}

static int csum_at(uint8_t protocol)
{
	switch (protocol) {
	case 6:
		return 16;
	case 17:
		return 6;
	case 1:
	case 58:
		return 2;
	default:
		return -1;
	}
}

static uint32_t put_payload(const struct test_packet *p, uint8_t *at)
{
	for (uint32_t i = 0; i < p->payload_size; i++)
		at[i] = p->payload ? ((const uint8_t *)p->payload)[i] : (uint8_t)(i * 7 + 3);
	return p->payload_size;
}

static uint32_t put_transport(const struct test_packet *p, uint8_t *l4)
{
	uint32_t header = 0;
	if (p->protocol == 6) {
		header = p->mss ? 24 : 20;
		memset(l4, 0, header);
		put16(l4 + 4, 0x1234);
		put16(l4 + 8, 0x4321);
		l4[12] = (uint8_t)(header / 4 << 4);
		l4[13] = p->tcp_flags;
		put16(l4 + 14, 8192);
		if (p->mss) {
			l4[20] = 2;
			l4[21] = 4;
			put16(l4 + 22, p->mss);
		}
	} else if (p->protocol == 17) {
		header = 8;
		memset(l4, 0, header);
		put16(l4 + 4, header + p->payload_size);
	} else if (p->protocol == 1 || p->protocol == 58) {
		header = 8;
		memset(l4, 0, header);
		l4[0] = p->type;
		l4[1] = p->code;
		put16(l4 + 4, p->id);
		put16(l4 + 6, p->sequence);
	}
	if (p->protocol == 6 || p->protocol == 17) {
		put16(l4, p->sport);
		put16(l4 + 2, p->dport);
	}
	return header + put_payload(p, l4 + header);
}

static uint32_t put_ip(const struct test_packet *p, uint8_t *ip)
{
	bool ipv6 = strchr(p->src, ':') != NULL;
	uint32_t header = ipv6 ? 40 : 20 + p->options * 4u;
	memset(ip, ipv6 ? 0 : 1, header);
	uint32_t size = put_transport(p, ip + header);
	uint8_t ttl = p->ttl ? p->ttl : 64;
	if (ipv6) {
		ip[0] = (uint8_t)(0x60 | p->tos >> 4);
		ip[1] = (uint8_t)(p->tos << 4);
		put16(ip + 4, size);
		ip[6] = p->protocol;
		ip[7] = ttl;
		inet_pton(AF_INET6, p->src, ip + 8);
		inet_pton(AF_INET6, p->dst, ip + 24);
	} else {
		ip[0] = (uint8_t)(0x40 | header / 4);
		ip[1] = p->tos;
		put16(ip + 2, header + size);
		put16(ip + 4, 0x0707);
		put16(ip + 6, p->fragment);
		ip[8] = ttl;
		ip[9] = p->protocol;
		put16(ip + 10, 0);
		inet_pton(AF_INET, p->src, ip + 12);
		inet_pton(AF_INET, p->dst, ip + 16);
		put16(ip + 10, (uint16_t)~sum_bytes(0, ip, header));
	}
	int at = csum_at(p->protocol);
	if (at >= 0 && !(p->protocol == 17 && p->no_csum)) {
		uint16_t csum = transport_csum(ip, ip + header, size, p->protocol);
		put16(ip + header + at, csum == 0 && p->protocol == 17 ? 0xffff : csum);
	}
	return header + size;
}

uint32_t test_packet_make(const struct test_packet *p, uint8_t *ret_frame)
{
	uint8_t *at = ret_frame;
	memcpy(at, p->to_mac, 6);
	memcpy(at + 6, p->from_mac, 6);
	at += 12;
	if (p->vlan) {
		put16(at, 0x8100);
		put16(at + 2, p->vlan);
		at += 4;
	}
	put16(at, strchr(p->src, ':') ? 0x86dd : 0x0800);
	at += 2;
	at += put_ip(p, at);
	return (uint32_t)(at - ret_frame);
}

static bool read_transport(const uint8_t *l4, uint32_t size, struct test_packet *ret)
{
	uint32_t header = 0;
	if (ret->protocol == 6) {
		header = size >= 20 ? (l4[12] >> 4) * 4u : 20;
		if (header < 20 || header > size)
			return false;
		ret->tcp_flags = l4[13];
		ret->mss = header >= 24 && l4[20] == 2 ? get16(l4 + 22) : 0;
	} else if (ret->protocol == 17 || ret->protocol == 1 || ret->protocol == 58) {
		header = 8;
		if (size < header)
			return false;
	}
	if (ret->protocol == 6 || ret->protocol == 17) {
		ret->sport = get16(l4);
		ret->dport = get16(l4 + 2);
		ret->no_csum = ret->protocol == 17 && get16(l4 + 6) == 0;
	} else if (header) {
		ret->type = l4[0];
		ret->code = l4[1];
		ret->id = get16(l4 + 4);
		ret->sequence = get16(l4 + 6);
	}
	ret->payload = l4 + header;
	ret->payload_size = (uint16_t)(size - header);
	return true;
}

static bool read_ip(const uint8_t *ip, uint32_t size, struct test_packet *ret)
{
	uint32_t header, total;
	if (size >= 20 && ip[0] >> 4 == 4) {
		header = (ip[0] & 15u) * 4;
		total = get16(ip + 2);
		if (header < 20 || total < header || total > size)
			return false;
		ret->tos = ip[1];
		ret->fragment = get16(ip + 6);
		ret->ttl = ip[8];
		ret->protocol = ip[9];
		ret->options = (uint8_t)(header / 4 - 5);
		inet_ntop(AF_INET, ip + 12, ret->src, sizeof(ret->src));
		inet_ntop(AF_INET, ip + 16, ret->dst, sizeof(ret->dst));
		if (ret->fragment & 0x1fff)
			return true;
	} else if (size >= 40 && ip[0] >> 4 == 6) {
		header = 40;
		total = 40u + get16(ip + 4);
		if (total > size)
			return false;
		ret->tos = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
		ret->protocol = ip[6];
		ret->ttl = ip[7];
		inet_ntop(AF_INET6, ip + 8, ret->src, sizeof(ret->src));
		inet_ntop(AF_INET6, ip + 24, ret->dst, sizeof(ret->dst));
	} else {
		return false;
	}
	return read_transport(ip + header, total - header, ret);
}

const uint8_t *test_packet_ip(const uint8_t *frame, uint32_t length, uint32_t *ret_size)
{
	uint32_t at = 12;
	if (length >= 18 && get16(frame + at) == 0x8100)
		at += 4;
	*ret_size = length > at + 2 ? length - at - 2 : 0;
	return frame + at + 2;
}

bool test_packet_read(const uint8_t *frame, uint32_t length, struct test_packet *ret)
{
	*ret = (struct test_packet){0};
	if (length < 14)
		return false;
	memcpy(ret->to_mac, frame, 6);
	memcpy(ret->from_mac, frame + 6, 6);
	if (get16(frame + 12) == 0x8100)
		ret->vlan = get16(frame + 14) & 0xfff;
	uint32_t size;
	const uint8_t *ip = test_packet_ip(frame, length, &size);
	uint16_t type = get16(ip - 2);
	return (type == 0x0800 || type == 0x86dd) && read_ip(ip, size, ret);
}

bool test_packet_csums_ok(const uint8_t *frame, uint32_t length)
{
	struct test_packet p;
	uint32_t size;
	if (!test_packet_read(frame, length, &p))
		return false;
	const uint8_t *ip = test_packet_ip(frame, length, &size);
	bool ipv4 = ip[0] >> 4 == 4;
	uint32_t header = ipv4 ? (ip[0] & 15u) * 4 : 40;
	uint32_t total = ipv4 ? get16(ip + 2) : 40u + get16(ip + 4);
	if (ipv4 && sum_bytes(0, ip, header) != 0xffff)
		return false;
	int at = csum_at(p.protocol);
	if (at < 0 || (ipv4 && (p.fragment & 0x3fff)))
		return true;
	if (p.protocol == 17 && get16(ip + header + 6) == 0)
		return ipv4;
	// A right packet sums up to minus zero; a transmitted 0xffff and 0 in TCP and ICMP are told apart.
	uint32_t sum = p.protocol == 1 ? 0 : pseudo_sum(ip, p.protocol, total - header);
	return sum_bytes(sum, ip + header, total - header) == 0xffff &&
	       !(p.protocol == 6 && get16(ip + header + at) == 0xffff);
}

uint32_t test_packet_make_arp(const uint8_t to_mac[6], const uint8_t from_mac[6], uint16_t operation,
			      const char *sender, const uint8_t target_mac[6], const char *target, uint8_t *ret_frame)
{
	static const uint8_t fixed[8] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4};
	memcpy(ret_frame, to_mac, 6);
	memcpy(ret_frame + 6, from_mac, 6);
	memcpy(ret_frame + 12, fixed, sizeof(fixed));
	put16(ret_frame + 20, operation);
	memcpy(ret_frame + 22, from_mac, 6);
	inet_pton(AF_INET, sender, ret_frame + 28);
	memcpy(ret_frame + 32, target_mac, 6);
	inet_pton(AF_INET, target, ret_frame + 38);
	return 42;
}

bool test_packet_read_arp(const uint8_t *frame, uint32_t length, uint16_t *ret_operation, char ret_sender[46],
			  char ret_target[46])
{
	if (length < 42 || get16(frame + 12) != 0x0806)
		return false;
	*ret_operation = get16(frame + 20);
	inet_ntop(AF_INET, frame + 28, ret_sender, 46);
	inet_ntop(AF_INET, frame + 38, ret_target, 46);
	return true;
}
