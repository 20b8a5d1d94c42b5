// SPDX-License-Identifier: BSD-3-Clause
#include "reject.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "cat_csum.h"
#include "packet.h"
#include "tcp.h"

#define L3_MIN 14u
#define L3_MAX 22u // two VLAN tags
#define IPV4_BYTES 20u
#define IPV6_BYTES 40u
#define TCP_BYTES 20u
#define ICMP_BYTES 8u
#define HOP_LIMIT 64
#define FIN FW_TCP_FLAG_FIN
#define SYN FW_TCP_FLAG_SYN
#define RST FW_TCP_FLAG_RST
#define ACK FW_TCP_FLAG_ACK

#define QUOTE4_MAX 576u  // of the whole ICMP packet, RFC 1812, section 4.3.2.3
#define QUOTE6_MAX 1280u // RFC 4443, section 2.4 (c)

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static bool is_answerable4(const uint8_t *ip)
{
	uint8_t src = ip[12], dst = ip[16];
	// 0/8, 127/8, and from 224/4 upwards.
	return src != 0 && src != 127 && src < 224 && dst != 0 && dst < 224;
}

static bool is_answerable6(const uint8_t *ip)
{
	static const uint8_t unspecified[16];
	return ip[8] != 0xff && ip[24] != 0xff && memcmp(ip + 8, unspecified, 16) != 0;
}

// The answer goes back by the addresses of the packet, VLAN tags and all.
static void put_ethernet(const uint8_t *data, uint32_t l3, uint8_t *answer)
{
	memcpy(answer, data + 6, 6);
	memcpy(answer + 6, data, 6);
	memcpy(answer + 12, data + 12, l3 - 12);
}

static void put_ipv4(const uint8_t *ip, uint8_t protocol, uint32_t payload, uint8_t *answer)
{
	memset(answer, 0, IPV4_BYTES);
	answer[0] = 0x45;
	put16(answer + 2, IPV4_BYTES + payload);
	answer[6] = 0x40; // don't fragment: the identification may then be 0 (RFC 6864, section 4.1)
	answer[8] = HOP_LIMIT;
	answer[9] = protocol;
	memcpy(answer + 12, ip + 16, 4);
	memcpy(answer + 16, ip + 12, 4);
	uint16_t sum = cat_csum(answer, IPV4_BYTES);
	memcpy(answer + 10, &sum, 2);
}

static void put_ipv6(const uint8_t *ip, uint8_t protocol, uint32_t payload, uint8_t *answer)
{
	put32(answer, 0x60000000);
	put16(answer + 4, payload);
	answer[6] = protocol;
	answer[7] = HOP_LIMIT;
	memcpy(answer + 8, ip + 24, 16);
	memcpy(answer + 24, ip + 8, 16);
}

static void put_checksum(const uint8_t *answer_ip, bool ipv6, uint8_t *l4, uint32_t size, uint32_t at, uint8_t protocol)
{
	uint16_t sum = ipv6 ? cat_csum_l4_ipv6(answer_ip, l4, size, protocol)
			    : cat_csum_l4_ipv4(answer_ip, l4, size, protocol);
	memcpy(l4 + at, &sum, 2);
}

// RFC 9293, section 3.5.2, group 1.
static uint32_t make_reset(const struct cat_desc *desc, const uint8_t *data, bool ipv6, uint8_t *answer)
{
	const uint8_t *tcp = data + desc->l4, *ip = data + desc->l3;
	uint32_t header = ipv6 ? IPV6_BYTES : IPV4_BYTES, length = desc->len - desc->l4, offset = (tcp[12] >> 4) * 4u;
	if (tcp[13] & RST || offset > length)
		return 0;
	uint8_t *out_ip = answer + desc->l3, *out = out_ip + header;
	(ipv6 ? put_ipv6 : put_ipv4)(ip, IPPROTO_TCP, TCP_BYTES, out_ip);
	memset(out, 0, TCP_BYTES);
	memcpy(out, tcp + 2, 2);
	memcpy(out + 2, tcp, 2);
	out[12] = TCP_BYTES / 4 << 4;
	if (tcp[13] & ACK) {
		memcpy(out + 4, tcp + 8, 4);
		out[13] = RST;
	} else {
		uint32_t end = fw_get32(tcp + 4) + length - offset + !!(tcp[13] & SYN) + !!(tcp[13] & FIN);
		put32(out + 8, end);
		out[13] = RST | ACK;
	}
	put_checksum(out_ip, ipv6, out, TCP_BYTES, 16, IPPROTO_TCP);
	return desc->l3 + header + TCP_BYTES;
}

static uint32_t make_icmp4(const struct cat_desc *desc, const uint8_t *data, uint8_t *answer)
{
	const uint8_t *ip = data + desc->l3;
	uint32_t quoted = desc->len - desc->l3, most = QUOTE4_MAX - IPV4_BYTES - ICMP_BYTES;
	quoted = quoted < most ? quoted : most;
	uint8_t *out_ip = answer + desc->l3, *out = out_ip + IPV4_BYTES;
	put_ipv4(ip, IPPROTO_ICMP, ICMP_BYTES + quoted, out_ip);
	memset(out, 0, ICMP_BYTES);
	out[0] = 3;  // destination unreachable
	out[1] = 13; // communication administratively prohibited, RFC 1812, section 5.2.7.1
	memcpy(out + ICMP_BYTES, ip, quoted);
	uint16_t sum = cat_csum(out, ICMP_BYTES + quoted);
	memcpy(out + 2, &sum, 2);
	return desc->l3 + IPV4_BYTES + ICMP_BYTES + quoted;
}

static uint32_t make_icmp6(const struct cat_desc *desc, const uint8_t *data, uint8_t *answer)
{
	const uint8_t *ip = data + desc->l3;
	uint32_t quoted = desc->len - desc->l3, most = QUOTE6_MAX - IPV6_BYTES - ICMP_BYTES;
	quoted = quoted < most ? quoted : most;
	uint8_t *out_ip = answer + desc->l3, *out = out_ip + IPV6_BYTES;
	put_ipv6(ip, IPPROTO_ICMPV6, ICMP_BYTES + quoted, out_ip);
	memset(out, 0, ICMP_BYTES);
	out[0] = 1; // destination unreachable
	out[1] = 1; // administratively prohibited, RFC 4443, section 3.1
	memcpy(out + ICMP_BYTES, ip, quoted);
	put_checksum(out_ip, true, out, ICMP_BYTES + quoted, 2, IPPROTO_ICMPV6);
	return desc->l3 + IPV6_BYTES + ICMP_BYTES + quoted;
}

// An ICMP error, or another message that is not a query, is never answered with an error.
static bool is_icmp_query(const struct cat_desc *desc, const uint8_t *data, bool ipv6)
{
	uint8_t type = data[desc->l4];
	if (ipv6)
		return type >= 128;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

uint32_t fw_reject_make(const struct cat_desc *desc, const uint8_t *data, uint8_t *answer)
{
	const uint8_t *ip = data + desc->l3;
	bool ipv6 = desc->flags & CAT_DESC_IPV6;
	// Group addresses of the link (bit 0) are not answered either.
	if (desc->l3 < L3_MIN || desc->l3 > L3_MAX || data[0] & 1 || data[6] & 1 ||
	    !(ipv6 ? is_answerable6 : is_answerable4)(ip))
		return 0;
	if (desc->flags & CAT_DESC_ICMP && !is_icmp_query(desc, data, ipv6))
		return 0;
	put_ethernet(data, desc->l3, answer);
	if (desc->flags & CAT_DESC_TCP)
		return make_reset(desc, data, ipv6, answer);
	return (ipv6 ? make_icmp6 : make_icmp4)(desc, data, answer);
}
