// SPDX-License-Identifier: BSD-3-Clause
// ICMP (RFC 792, RFC 1812 section 4.3) and ICMPv6 (RFC 4443) of an IP endpoint: echo replies and errors.
#ifndef CAT_ICMP_H
#define CAT_ICMP_H

#include "cat_neighbour.h"

// What went wrong with a packet; the family gives type and code.
enum cat_icmp_error {
	CAT_ICMP_TIME_EXCEEDED,        // 11/0; 3/0
	CAT_ICMP_NO_ROUTE,             // 3/0 net unreachable; 1/0
	CAT_ICMP_HOST_UNREACHABLE,     // 3/1; 1/3 address unreachable
	CAT_ICMP_PROTOCOL_UNREACHABLE, // 3/2; parameter problem 4/1, argument: offset of the next header field
	CAT_ICMP_PORT_UNREACHABLE,     // 3/3; 1/4
	CAT_ICMP_PROHIBITED,           // 3/13; 1/1
	CAT_ICMP_REJECT,               // 3/1; 1/6 reject route to destination
	CAT_ICMP_TOO_BIG,              // 3/4 fragmentation needed (RFC 1191); 2/0. argument: MTU of the next hop
	CAT_ICMP_ERRORS
};

// Sends an error about `desc` (IPV4 or IPV6 set), which came from that side and which the caller still owns, unless RFC
// 1812 section 4.3.2.7 or RFC 4443 section 2.4(e) forbid it (errors about errors, multicast, broadcast, later
// fragments, senders that are no single host) or the rate limit does. Quotes as much as fits 576 bytes (IPv4) or 1280
// (IPv6). The packet must be as it came (TTL not yet stepped). Call it before the packet is emitted or dropped.
void cat_icmp_error(struct cat_l3 *l3, const struct cat_desc *desc, enum cat_side from, enum cat_icmp_error error,
		    uint32_t argument);

// The packet is for one of our addresses. Echo requests are answered in their own buffer, everything else is dropped
// and, where the RFCs say so, answered with protocol or port unreachable. The packet is done with afterwards. Returns
// nothing: what happened is counted (icmp.echo, drop.fragment, drop.bad_checksum, drop_reason). drop_reason: counter
// for packets that nobody here wants.
void cat_icmp_local(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from, uint32_t drop_reason);

// The packet is an ICMP or ICMPv6 echo request, whole and no fragment.
bool cat_icmp_is_echo_request(const struct cat_lane *lane, const struct cat_desc *desc);
// Answers it in place and emits the answer, or drops it if its checksum is wrong. The packet is done with afterwards.
void cat_icmp_echo_reply(struct cat_l3 *l3, struct cat_desc *desc, enum cat_side from);

#endif
