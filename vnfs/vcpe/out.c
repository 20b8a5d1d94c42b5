// SPDX-License-Identifier: BSD-3-Clause
// IPv4 from the LAN: to the gateway itself, to the WAN through the NAT, or back to the LAN (hairpin).
#include <arpa/inet.h>

#include "lane.h"

#define PORT_DNS 53u
#define PORT_DHCP_SERVER 67u

static uint16_t destination_port(const struct packet *p)
{
	return ntohs(load16(packet_l4(p) + 2));
}

// To one of our own addresses.
static void to_gateway(struct packet *p, uint32_t destination)
{
	const struct cat_desc *desc = p->desc;
	bool lan = destination == p->config->lan.address;
	bool own = lan || destination == p->config->wan.address;
	if (own && desc_has_transport(desc) && (desc->flags & CAT_DESC_ICMP) && packet_l4(p)[0] == 8) {
		hop_echo(p);
		return;
	}
	if (lan && p->config->service.dns && desc_has_transport(desc) &&
	    (desc->flags & (CAT_DESC_TCP | CAT_DESC_UDP)) && destination_port(p) == PORT_DNS) {
		packet_punt(p);
		return;
	}
	// RFC 1122, 3.2.2.1: nobody listens there.
	if (desc->flags & CAT_DESC_UDP)
		hop_refuse(p, CAT_ICMP_PORT_UNREACHABLE, 0, VCPE_DROP_NO_SERVICE);
	else
		packet_drop(p, VCPE_DROP_NO_SERVICE);
}

static bool is_dhcp(const struct packet *p, uint32_t destination)
{
	return (p->desc->flags & CAT_DESC_UDP) && desc_has_transport(p->desc) &&
	       destination_port(p) == PORT_DHCP_SERVER &&
	       (destination == INADDR_BROADCAST || destination == p->config->lan.address ||
		destination == (p->config->lan.address | ~p->config->lan.mask));
}

static bool is_lan_host(const struct vcpe_config *config, uint32_t address)
{
	uint32_t host = ~config->lan.mask;
	return vcpe_in_lan(config, address) && address != config->lan.address && (address & host) != 0 &&
	       (address & host) != host;
}

// One hop less; the error goes back if there is none left. False: dropped.
static bool spend_hop(struct packet *p)
{
	if (packet_l3(p)[8] > 1)
		return true;
	hop_refuse(p, CAT_ICMP_TIME_EXCEEDED, 0, VCPE_DROP_TTL);
	return false;
}

static bool fits(struct packet *p, uint16_t mtu)
{
	if (packet_size(p) <= mtu)
		return true;
	// Packets are not cut up here; without DF too the sender learns the size (RFC 1191, section 4).
	hop_refuse(p, CAT_ICMP_TOO_BIG, mtu, VCPE_DROP_TOO_BIG);
	return false;
}

static void drop_hop(uint8_t *l3)
{
	l3[8]--;
	rewrite_csum(l3 + 10, REWRITE_TTL_DELTA);
}

static uint32_t next_hop(const struct vcpe_config *config, uint32_t destination)
{
	return ((destination ^ config->wan.address) & config->wan.mask) == 0 ? destination : config->wan.gateway;
}

static void error_from_lan(struct packet *p)
{
	static const uint32_t reason[] = {
		[ICMP_MALFORMED] = CAT_DROP_MALFORMED,
		[ICMP_BAD_CHECKSUM] = VCPE_DROP_BAD_CHECKSUM,
		[ICMP_NO_SESSION] = VCPE_DROP_NAT_NO_SESSION,
	};
	uint8_t *l3 = packet_l3(p), *l4 = packet_l4(p);
	uint32_t size = (uint32_t)p->desc->len - p->desc->l4;
	enum icmp_result result = icmp_error_out(&p->v->nat, l3, l4, size, &p->desc->hash);
	uint32_t destination = load32(l3 + IPV4_DESTINATION);
	p->translated = true;
	if (result == ICMP_TRANSLATED && vcpe_in_pool(p->config, destination)) {
		// RFC 5508, REQ-6: about a hairpinned packet.
		result = icmp_error_in(&p->v->nat, l3, l4, size, &p->desc->hash);
		if (result == ICMP_TRANSLATED) {
			packet_count(p, VCPE_NAT_ICMP_ERRORS);
			drop_hop(l3);
			hop_send4(p, CAT_LEFT, load32(l3 + IPV4_DESTINATION));
			return;
		}
	}
	if (result != ICMP_TRANSLATED) {
		packet_drop(p, reason[result]);
		return;
	}
	packet_count(p, VCPE_NAT_ICMP_ERRORS);
	drop_hop(l3);
	hop_send4(p, CAT_RIGHT, next_hop(p->config, destination));
}

// To a public address of ours: out and in again (RFC 4787, REQ-9).
static void hairpin(struct packet *p, uint32_t index)
{
	struct nat *nat = &p->v->nat;
	uint8_t *l3 = packet_l3(p), *l4 = packet_l4(p);
	const struct nat_key *inner = nat_session_key(nat, index);
	struct nat_session *session = nat_session(nat, index);
	uint64_t now_ms = p->lane->now_us / 1000;
	bool opens = inner->protocol != IPPROTO_TCP || (l4[13] & (NAT_TCP_SYN | NAT_TCP_ACK)) == NAT_TCP_SYN;
	struct nat_key outer = {
		.near = inner->far,
		.far = session->address,
		.near_port = inner->far_port,
		.far_port = session->port,
		.protocol = inner->protocol,
	};
	uint32_t other;
	enum nat_result result =
		p->config->nat.hairpin ? nat_open_in(nat, p->config, &outer, opens, now_ms, &other) : NAT_FILTERED;
	if (result != NAT_OK) {
		packet_drop(p, p->config->nat.hairpin && result != NAT_FILTERED ? VCPE_DROP_NAT_NO_SESSION
										: VCPE_DROP_NAT_HAIRPIN);
		return;
	}
	struct nat_session *target = nat_session(nat, other);
	const struct nat_key *host = nat_session_key(nat, other);
	if (inner->protocol == IPPROTO_TCP) {
		nat_track_tcp(session, l4[13], true);
		nat_track_tcp(target, l4[13], false);
	}
	nat_touch(nat, p->config, index, session, now_ms);
	nat_touch(nat, p->config, other, target, now_ms);
	rewrite_packet(l3, l4, IPV4_SOURCE, session->address, session->port, session->address_delta,
		       session->port_delta, 1);
	rewrite_packet(l3, l4, IPV4_DESTINATION, host->near, host->near_port, (uint16_t)~target->address_delta,
		       (uint16_t)~target->port_delta, 0);
	p->desc->hash = target->inner_hash;
	packet_count(p, VCPE_NAT_HAIRPINNED);
	hop_send4(p, CAT_LEFT, host->near);
}

void vcpe_send_out(struct packet *p, uint32_t index)
{
	p->translated = true;
	struct nat *nat = &p->v->nat;
	struct nat_session *session = nat_session(nat, index);
	if (session->flags & NAT_SESSION_HAIRPIN) {
		hairpin(p, index);
		return;
	}
	uint8_t *l3 = packet_l3(p), *l4 = packet_l4(p);
	if (p->desc->flags & CAT_DESC_TCP) {
		nat_track_tcp(session, l4[13], true);
		if ((l4[13] & NAT_TCP_SYN) &&
		    vcpe_clamp_mss(l4, p->desc->len - p->desc->l4, p->config->wan.interface.mtu, 20))
			packet_count(p, VCPE_MSS_CLAMPED);
	}
	nat_touch(nat, p->config, index, session, p->lane->now_us / 1000);
	rewrite_packet(l3, l4, IPV4_SOURCE, session->address, session->port, session->address_delta,
		       session->port_delta, 1);
	p->desc->hash = session->outer_hash;
	hop_send4(p, CAT_RIGHT, next_hop(p->config, load32(l3 + IPV4_DESTINATION)));
}

static void through_nat(struct packet *p)
{
	struct nat_key key;
	if (!vcpe_key(p->lane, p->desc, true, &key)) {
		if ((p->desc->flags & CAT_DESC_ICMP) && icmp_is_error(packet_l4(p)[0]))
			error_from_lan(p);
		else
			packet_drop(p, VCPE_DROP_NAT_PROTOCOL);
		return;
	}
	bool opens = key.protocol != IPPROTO_TCP || (packet_l4(p)[13] & (NAT_TCP_SYN | NAT_TCP_ACK)) == NAT_TCP_SYN;
	uint32_t index;
	enum nat_result result = nat_open_out(&p->v->nat, p->config, &key, opens, p->lane->now_us / 1000, &index);
	if (result == NAT_OK)
		vcpe_send_out(p, index);
	else
		vcpe_refuse(p, result);
}

// Sound, ours to forward, and with an address that may send? False: dropped or punted.
static bool check(struct packet *p, uint32_t source, uint32_t destination)
{
	const uint8_t *l3 = packet_l3(p);
	if (!ipv4_csum_ok(l3)) {
		packet_drop(p, VCPE_DROP_BAD_CHECKSUM);
		return false;
	}
	if (p->own)
		return true;
	if (is_dhcp(p, destination)) {
		if (p->config->service.dhcp)
			packet_punt(p);
		else
			packet_drop(p, VCPE_DROP_NO_SERVICE);
		return false;
	}
	if (!is_lan_host(p->config, source)) {
		packet_drop(p, VCPE_DROP_SPOOFED);
		return false;
	}
	return true;
}

static bool is_broadcast_of(const struct vcpe_side_config *side, uint32_t address)
{
	uint32_t host = ~side->mask;
	return ((address ^ side->address) & side->mask) == 0 && side->length < 31 &&
	       ((address & host) == host || (address & host) == 0);
}

static void forward(struct packet *p)
{
	const struct vcpe_config *config = p->config;
	uint8_t *l3 = packet_l3(p);
	uint32_t source = load32(l3 + IPV4_SOURCE), destination = load32(l3 + IPV4_DESTINATION);
	if (hop_is_group(p) || !vcpe_is_host_address(destination) || is_broadcast_of(&config->lan, destination) ||
	    is_broadcast_of(&config->wan, destination)) {
		packet_drop(p, VCPE_DROP_BAD_ADDRESS);
		return;
	}
	bool echo = (p->desc->flags & CAT_DESC_ICMP) && desc_has_transport(p->desc) && packet_l4(p)[0] == 8;
	bool public = vcpe_in_pool(config, destination);
	if (destination == config->lan.address || (destination == config->wan.address && !public) || (public && echo)) {
		// Nothing is put together here.
		if (p->pieces)
			packet_drop(p, CAT_DROP_FRAGMENT);
		else
			to_gateway(p, destination);
		return;
	}
	if (!spend_hop(p))
		return;
	if (vcpe_in_lan(config, destination)) {
		drop_hop(l3);
		hop_send4(p, CAT_LEFT, destination);
		return;
	}
	if (!fits(p, config->wan.interface.mtu))
		return;
	if (p->v->police.enabled && !p->own && !vcpe_police(p, police_meters4(&p->v->police, source), POLICE_UP)) {
		packet_drop(p, VCPE_DROP_POLICED);
		return;
	}
	through_nat(p);
}

void vcpe_ipv4_from_lan(struct packet *p)
{
	const uint8_t *l3 = packet_l3(p);
	if (!check(p, load32(l3 + IPV4_SOURCE), load32(l3 + IPV4_DESTINATION)))
		return;
	if (p->desc->flags & CAT_DESC_FRAG)
		vcpe_fragment(p, forward);
	else
		forward(p);
}
