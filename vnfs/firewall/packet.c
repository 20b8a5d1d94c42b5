// SPDX-License-Identifier: BSD-3-Clause
#include "packet.h"

#include <netinet/in.h>
#include <string.h>

#include "cat_parse.h"

#define ETHERNET_BYTES 14u
#define ARP_TYPE 0x0806
#define ARP_BYTES 28u // for Ethernet and IPv4
#define IPV4_BYTES 20u
#define IPV6_BYTES 40u
#define ICMP_BYTES 8u
#define QUOTED_L4_BYTES 8u // RFC 792

#define IPV4_OPTION_LOOSE_ROUTE 131
#define IPV4_OPTION_STRICT_ROUTE 137

#define MLD_QUERY 130
#define MLD_DONE 132
#define ND_FIRST 133 // router solicitation
#define ND_LAST 137  // redirect
#define MLD_REPORT2 143
#define ECHO6_REQUEST 128
#define ECHO6_REPLY 129

static inline uint16_t raw16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t raw32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static void refuse(struct fw_packet *packet, uint16_t reason)
{
	packet->kind = FW_REFUSE;
	packet->counter = reason;
}

static void pass(struct fw_packet *packet, uint16_t counter)
{
	packet->kind = FW_PASS;
	packet->counter = counter;
}

static void set_protocol(struct fw_packet *packet, enum fw_family family, uint8_t protocol, enum cat_side side)
{
	struct fw_key *key = &packet->key;
	key->protocol = protocol;
	key->family = (uint8_t)family;
	key->side = packet->from_high ? (uint8_t)!side : (uint8_t)side;
	key->query = 0;
}

// `side`: where the packet entered.
static inline void set_key4(struct fw_packet *packet, const uint8_t *ip, uint8_t protocol, uint16_t sport,
			    uint16_t dport, enum cat_side side)
{
	struct fw_key *key = &packet->key;
	uint32_t src = raw32(ip + 12), dst = raw32(ip + 16);
	bool swap = src > dst || (src == dst && sport > dport);
	uint32_t low[4] = {swap ? dst : src, 0, 0, 0}, high[4] = {swap ? src : dst, 0, 0, 0};
	memcpy(key->low, low, 16);
	memcpy(key->high, high, 16);
	key->low_port = swap ? dport : sport;
	key->high_port = swap ? sport : dport;
	packet->from_high = swap;
	set_protocol(packet, FW_IPV4, protocol, side);
}

static inline void set_key6(struct fw_packet *packet, const uint8_t *ip, uint8_t protocol, uint16_t sport,
			    uint16_t dport, enum cat_side side)
{
	struct fw_key *key = &packet->key;
	const uint8_t *src = ip + 8, *dst = ip + 24;
	int order = memcmp(src, dst, 16);
	bool swap = order > 0 || (order == 0 && sport > dport);
	memcpy(key->low, swap ? dst : src, 16);
	memcpy(key->high, swap ? src : dst, 16);
	key->low_port = swap ? dport : sport;
	key->high_port = swap ? sport : dport;
	packet->from_high = swap;
	set_protocol(packet, FW_IPV6, protocol, side);
}

static void set_key(struct fw_packet *packet, const uint8_t *ip, enum fw_family family, uint8_t protocol,
		    uint16_t sport, uint16_t dport, enum cat_side side)
{
	(family == FW_IPV6 ? set_key6 : set_key4)(packet, ip, protocol, sport, dport, side);
}

// What a type asks or answers: echo, time stamp, information or address mask. 0: neither.
static uint8_t query_of(enum fw_family family, uint8_t type, bool *ret_answer)
{
	if (family == FW_IPV6) {
		*ret_answer = type == ECHO6_REPLY;
		return type == ECHO6_REQUEST || type == ECHO6_REPLY;
	}
	*ret_answer = type == 0 || type == 14 || type == 16 || type == 18;
	if (type == 0 || type == 8)
		return 1;
	return type >= 13 && type <= 18 ? (uint8_t)((type - 13) / 2 + 2) : 0;
}

static bool is_error(enum fw_family family, uint8_t type)
{
	if (family == FW_IPV6)
		return type >= 1 && type <= 4;
	return (type >= 3 && type <= 5) || type == 11 || type == 12;
}

static void set_query_key(struct fw_packet *packet, const uint8_t *ip, enum fw_family family, const uint8_t *icmp,
			  uint8_t query, bool answer, enum cat_side side)
{
	uint16_t identifier = raw16(icmp + 4);
	set_key(packet, ip, family, family == FW_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, identifier, identifier, side);
	bool asked_by_high = packet->from_high != answer;
	packet->key.query = (uint8_t)(query << 1 | asked_by_high);
}

// Steps over extension headers. False: too many, cut off, or not the first fragment.
static bool skip_extensions(const uint8_t *ip, uint32_t left, uint8_t *protocol, uint32_t *at)
{
	for (unsigned i = 0; *protocol == IPPROTO_HOPOPTS || *protocol == IPPROTO_ROUTING ||
			     *protocol == IPPROTO_DSTOPTS || *protocol == IPPROTO_FRAGMENT;
	     i++) {
		if (i == CAT_PARSE_EXTENSIONS_MAX || left < *at + 8)
			return false;
		if (*protocol == IPPROTO_FRAGMENT && fw_get16(ip + *at + 2) & 0xfff8)
			return false;
		uint32_t size = *protocol == IPPROTO_FRAGMENT ? 8 : (ip[*at + 1] + 1u) * 8;
		*protocol = ip[*at];
		*at += size;
	}
	return true;
}

// Where the transport of a quoted packet begins. False: it cannot be found.
static bool find_quoted(const uint8_t *ip, uint32_t left, enum fw_family family, uint8_t *ret_protocol,
			uint32_t *ret_at)
{
	if (family == FW_IPV6) {
		if (left < IPV6_BYTES || ip[0] >> 4 != 6)
			return false;
		*ret_protocol = ip[6];
		*ret_at = IPV6_BYTES;
		return skip_extensions(ip, left, ret_protocol, ret_at);
	}
	if (left < IPV4_BYTES || ip[0] >> 4 != 4 || fw_get16(ip + 6) & 0x1fff)
		return false;
	*ret_protocol = ip[9];
	*ret_at = (ip[0] & 15u) * 4;
	return *ret_at >= IPV4_BYTES;
}

// The key of the packet that an error quotes, cut off where it may be. It went the other way, so that it entered on the
// other side. False: too little is quoted, or it has no connection.
static bool read_quoted(const uint8_t *ip, uint32_t left, enum fw_family family, enum cat_side side,
			struct fw_packet *packet)
{
	uint8_t protocol;
	uint32_t at;
	uint16_t sport = 0, dport = 0;
	if (!find_quoted(ip, left, family, &protocol, &at))
		return false;
	side = side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT;
	bool icmp = protocol == (family == FW_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	bool ports = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
	if ((icmp || ports) && left < at + QUOTED_L4_BYTES)
		return false;
	const uint8_t *l4 = ip + at;
	if (icmp) {
		bool answer;
		uint8_t query = query_of(family, l4[0], &answer);
		if (!query)
			return false;
		sport = dport = raw16(l4 + 4);
		set_query_key(packet, ip, family, l4, query, answer, side);
	} else {
		if (ports) {
			sport = raw16(l4);
			dport = raw16(l4 + 2);
			packet->quoted_seq = fw_get32(l4 + 4);
		}
		set_key(packet, ip, family, protocol, sport, dport, side);
	}
	packet->hash = family == FW_IPV6 ? cat_flow_hash6(ip + 8, ip + 24, sport, dport, protocol)
					 : cat_flow_hash4(raw32(ip + 12), raw32(ip + 16), sport, dport, protocol);
	return true;
}

static void read_error(const struct cat_desc *desc, const uint8_t *ip, const uint8_t *icmp, enum fw_family family,
		       enum cat_side side, struct fw_packet *packet)
{
	const uint8_t *quoted = icmp + ICMP_BYTES;
	uint32_t left = desc->len - desc->l4 - ICMP_BYTES;
	packet->kind = FW_ERROR;
	packet->counter = 0;
	// An error goes to whom sent what it quotes.
	bool to_sender = family == FW_IPV6 ? left >= IPV6_BYTES && memcmp(ip + 24, quoted + 8, 16) == 0
					   : left >= IPV4_BYTES && memcmp(ip + 16, quoted + 12, 4) == 0;
	if (!to_sender || !read_quoted(quoted, left, family, side, packet)) {
		// Nothing can be found by it; a rule may still let it pass.
		packet->counter = FW_DROP_ICMP_UNRELATED;
	}
}

// Neighbour discovery stays on its link, which the hop limit proves (RFC 4861, section 11.2); multicast listener
// discovery comes from a link-local or unspecified address with hop limit 1 (RFC 3810, section 5; RFC 3590).
static bool read_link_local(const struct fw_config *config, const uint8_t *ip, uint8_t type, struct fw_packet *packet)
{
	static const uint8_t unspecified[16];
	bool discovery = type >= ND_FIRST && type <= ND_LAST;
	bool listener = (type >= MLD_QUERY && type <= MLD_DONE) || type == MLD_REPORT2;
	if (!discovery && !listener)
		return false;
	bool link_local = (ip[8] == 0xfe && (ip[9] & 0xc0) == 0x80) || memcmp(ip + 8, unspecified, 16) == 0;
	bool sound = discovery ? ip[7] == 255 : ip[7] == 1 && link_local;
	if (sound && config->neighbour_discovery)
		pass(packet, FW_PASSED_NEIGHBOUR);
	else
		refuse(packet, FW_DROP_NEIGHBOUR);
	return true;
}

static void read_icmp(const struct fw_config *config, const struct cat_desc *desc, const uint8_t *data,
		      enum fw_family family, enum cat_side side, struct fw_packet *packet)
{
	const uint8_t *ip = data + desc->l3, *icmp = data + desc->l4;
	bool answer;
	uint8_t query = query_of(family, icmp[0], &answer);
	if (query) {
		packet->kind = answer ? FW_ANSWER : FW_QUERY;
		set_query_key(packet, ip, family, icmp, query, answer, side);
	} else if (is_error(family, icmp[0])) {
		read_error(desc, ip, icmp, family, side, packet);
	} else if (family == FW_IPV4 || !read_link_local(config, ip, icmp[0], packet)) {
		packet->kind = FW_UNTRACKED;
	}
}

// The sender says by which way the packet is to go (RFC 7126, sections 4.3 and 4.4).
static bool has_source_route4(const uint8_t *ip)
{
	uint32_t size = (ip[0] & 15u) * 4;
	for (uint32_t at = IPV4_BYTES; at < size && ip[at] != 0;) {
		if (ip[at] == 1) {
			at++;
			continue;
		}
		if (ip[at] == IPV4_OPTION_LOOSE_ROUTE || ip[at] == IPV4_OPTION_STRICT_ROUTE)
			return true;
		if (at + 1 >= size || ip[at + 1] < 2)
			return false;
		at += ip[at + 1];
	}
	return false;
}

// A routing header of type 0 (RFC 5095). `end` is the offset of the transport, whose way was checked by the parser.
static bool has_source_route6(const uint8_t *ip, uint32_t end, uint8_t *ret_protocol)
{
	uint32_t at = IPV6_BYTES;
	uint8_t protocol = ip[6];
	bool found = false;
	while (at + 8 <= end) {
		uint32_t size = protocol == IPPROTO_FRAGMENT ? 8
				: protocol == IPPROTO_AH     ? (ip[at + 1] + 2u) * 4
							     : (ip[at + 1] + 1u) * 8;
		found |= protocol == IPPROTO_ROUTING && ip[at + 2] == 0 && ip[at + 3] != 0;
		protocol = ip[at];
		at += size;
	}
	*ret_protocol = protocol;
	return found;
}

static void read_other(const struct fw_config *config, const struct cat_desc *desc, const uint8_t *data,
		       struct fw_packet *packet)
{
	// l3 lies behind the type; but the descriptor is a neighbour's word.
	if (desc->l3 < ETHERNET_BYTES) {
		refuse(packet, CAT_DROP_MALFORMED);
		return;
	}
	bool arp = fw_get16(data + desc->l3 - 2) == ARP_TYPE;
	if (arp && desc->len - desc->l3 < (int)ARP_BYTES)
		refuse(packet, CAT_DROP_MALFORMED);
	else if (arp && config->arp)
		pass(packet, FW_PASSED_ARP);
	else if (!arp && config->non_ip)
		pass(packet, FW_PASSED_NON_IP);
	else
		refuse(packet, FW_DROP_NON_IP);
}

// Everything that is not an unfragmented IP packet with a transport, or asks for a closer look.
static bool read_unusual(const struct fw_config *config, const struct cat_desc *desc, const uint8_t *data,
			 struct fw_packet *packet, uint8_t *ret_protocol)
{
	const uint8_t *ip = data + desc->l3;
	if (desc->flags & CAT_DESC_BAD) {
		refuse(packet, CAT_DROP_MALFORMED);
		return true;
	}
	if (desc->flags & CAT_DESC_OTHER) {
		read_other(config, desc, data, packet);
		return true;
	}
	if (desc->flags & CAT_DESC_FRAG) {
		packet->kind = FW_FRAGMENT;
		if (!config->fragments)
			refuse(packet, CAT_DROP_FRAGMENT);
		return true;
	}
	// What the neighbour says of the packet may disagree with the packet.
	uint32_t header = desc->flags & CAT_DESC_IPV4 ? (ip[0] & 15u) * 4 : IPV6_BYTES;
	if (header < IPV4_BYTES || desc->l4 < desc->l3 + header) {
		refuse(packet, CAT_DROP_MALFORMED);
		return true;
	}
	bool routed;
	if (desc->flags & CAT_DESC_IPV4) {
		*ret_protocol = ip[9];
		routed = has_source_route4(ip);
	} else {
		routed = has_source_route6(ip, (uint32_t)(desc->l4 - desc->l3), ret_protocol);
	}
	if (routed)
		refuse(packet, FW_DROP_SOURCE_ROUTE);
	return routed;
}

static inline bool is_usual(const struct cat_desc *desc)
{
	uint32_t expected = desc->flags & CAT_DESC_IPV4 ? IPV4_BYTES : IPV6_BYTES;
	return !(desc->flags & (CAT_DESC_BAD | CAT_DESC_OTHER | CAT_DESC_FRAG)) && desc->l4 == desc->l3 + expected;
}

void fw_packet_read(const struct fw_config *config, const struct cat_desc *desc, const uint8_t *data,
		    enum cat_side side, struct fw_packet *packet)
{
	const uint8_t *ip = data + desc->l3;
	enum fw_family family = desc->flags & CAT_DESC_IPV4 ? FW_IPV4 : FW_IPV6;
	uint8_t protocol = 0;
	packet->hash = desc->hash;
	if (__builtin_expect(is_usual(desc), 1))
		protocol = family == FW_IPV4 ? ip[9] : ip[6];
	else if (read_unusual(config, desc, data, packet, &protocol))
		return;
	if (desc->flags & CAT_DESC_ICMP) {
		read_icmp(config, desc, data, family, side, packet);
		return;
	}
	uint16_t sport = 0, dport = 0;
	packet->kind = FW_OTHER;
	if (desc->flags & (CAT_DESC_TCP | CAT_DESC_UDP)) {
		packet->kind = desc->flags & CAT_DESC_TCP ? FW_TCP : FW_UDP;
		protocol = desc->flags & CAT_DESC_TCP ? IPPROTO_TCP : IPPROTO_UDP;
		sport = raw16(data + desc->l4);
		dport = raw16(data + desc->l4 + 2);
	}
	set_key(packet, ip, family, protocol, sport, dport, side);
}

void fw_packet_read_first(const struct fw_config *config, const struct cat_desc *desc, const uint8_t *data,
			  enum cat_side side, struct fw_packet *packet)
{
	struct cat_desc whole = *desc;
	const uint8_t *ip = data + desc->l3;
	whole.flags &= (uint16_t)~CAT_DESC_FRAG;
	fw_packet_read(config, &whole, data, side, packet);
	// Discovery must not come in pieces (RFC 6980, section 5).
	if (packet->kind == FW_PASS)
		refuse(packet, FW_DROP_NEIGHBOUR);
	if (packet->kind >= FW_ERROR)
		return;
	// Whole packets of the connection bring a hash with their ports, or, for queries, the identifier twice.
	uint16_t sport = 0, dport = 0;
	if (packet->kind == FW_TCP || packet->kind == FW_UDP) {
		sport = raw16(data + desc->l4);
		dport = raw16(data + desc->l4 + 2);
	} else if (packet->kind != FW_OTHER) {
		sport = dport = raw16(data + desc->l4 + 4);
	}
	packet->hash = packet->key.family == FW_IPV6
			       ? cat_flow_hash6(ip + 8, ip + 24, sport, dport, packet->key.protocol)
			       : cat_flow_hash4(raw32(ip + 12), raw32(ip + 16), sport, dport, packet->key.protocol);
}

static void input_ports(const struct cat_desc *desc, const uint8_t *data, uint16_t *ret_source,
			uint16_t *ret_destination)
{
	*ret_source = *ret_destination = 0;
	if (desc->flags & (CAT_DESC_TCP | CAT_DESC_UDP)) {
		*ret_source = raw16(data + desc->l4);
		*ret_destination = raw16(data + desc->l4 + 2);
	} else if (desc->flags & CAT_DESC_ICMP) {
		*ret_source = htons(data[desc->l4]);
	}
}

void fw_packet_input4(const struct cat_desc *desc, const uint8_t *data, struct fw_acl_input4 *ret_input)
{
	const uint8_t *ip = data + desc->l3;
	*ret_input = (struct fw_acl_input4){.protocol = ip[9], .source = raw32(ip + 12), .destination = raw32(ip + 16)};
	input_ports(desc, data, &ret_input->source_port, &ret_input->destination_port);
}

void fw_packet_input6(const struct cat_desc *desc, const uint8_t *data, const struct fw_packet *packet,
		      struct fw_acl_input6 *ret_input)
{
	const uint8_t *ip = data + desc->l3;
	// Behind extension headers only the key knows the protocol.
	ret_input->protocol = desc->flags & CAT_DESC_ICMP ? IPPROTO_ICMPV6 : packet->key.protocol;
	memset(ret_input->zero, 0, sizeof(ret_input->zero));
	memcpy(ret_input->source, ip + 8, 16);
	memcpy(ret_input->destination, ip + 24, 16);
	input_ports(desc, data, &ret_input->source_port, &ret_input->destination_port);
}

// The type of the query that a key names; the opposite of query_of.
static uint8_t type_of(const struct fw_key *key)
{
	static const uint8_t types[] = {0, 8, 13, 15, 17};
	uint8_t query = key->query >> 1;
	if (key->family == FW_IPV6)
		return ECHO6_REQUEST;
	return query < sizeof(types) ? types[query] : 0;
}

void fw_key_input(const struct fw_key *key, bool from_high, union fw_acl_input *ret_input)
{
	const uint8_t *source = from_high ? key->high : key->low, *destination = from_high ? key->low : key->high;
	uint16_t source_port = from_high ? key->high_port : key->low_port;
	uint16_t destination_port = from_high ? key->low_port : key->high_port;
	if (key->query) {
		source_port = htons(type_of(key));
		destination_port = 0;
	}
	if (key->family == FW_IPV4) {
		ret_input->ipv4 = (struct fw_acl_input4){.protocol = key->protocol,
							 .source = raw32(source),
							 .destination = raw32(destination),
							 .source_port = source_port,
							 .destination_port = destination_port};
		return;
	}
	ret_input->ipv6 = (struct fw_acl_input6){
		.protocol = key->protocol, .source_port = source_port, .destination_port = destination_port};
	memcpy(ret_input->ipv6.source, source, 16);
	memcpy(ret_input->ipv6.destination, destination, 16);
}
