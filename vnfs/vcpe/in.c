// SPDX-License-Identifier: BSD-3-Clause
// IPv4 from the WAN: to a public address, and by session, rule or mapping to a host of the LAN.
#include <arpa/inet.h>

#include "lane.h"

static void deliver(struct packet *p, uint32_t host)
{
	if (host == p->config->lan.address) {
		if (p->pieces) {
			packet_drop(p, CAT_DROP_FRAGMENT);
			return;
		}
		// An answer to what the container's own daemons asked.
		hop_address_to_kernel(p);
		packet_punt(p);
		return;
	}
	p->translated = true;
	hop_send4(p, CAT_LEFT, host);
}

static bool pass_police(struct packet *p, uint32_t host)
{
	if (!p->v->police.enabled || host == p->config->lan.address ||
	    vcpe_police(p, police_meters4(&p->v->police, host), POLICE_DOWN))
		return true;
	packet_drop(p, VCPE_DROP_POLICED);
	return false;
}

void vcpe_send_in(struct packet *p, uint32_t index)
{
	struct nat *nat = &p->v->nat;
	struct nat_session *session = nat_session(nat, index);
	const struct nat_key *inner = nat_session_key(nat, index);
	uint8_t *l3 = packet_l3(p), *l4 = packet_l4(p);
	if (!pass_police(p, inner->near))
		return;
	if (p->desc->flags & CAT_DESC_TCP) {
		nat_track_tcp(session, l4[13], false);
		if ((l4[13] & NAT_TCP_SYN) &&
		    vcpe_clamp_mss(l4, p->desc->len - p->desc->l4, p->config->wan.interface.mtu, 20))
			packet_count(p, VCPE_MSS_CLAMPED);
	}
	nat_touch(nat, p->config, index, session, p->lane->now_us / 1000);
	rewrite_packet(l3, l4, IPV4_DESTINATION, inner->near, inner->near_port, (uint16_t)~session->address_delta,
		       (uint16_t)~session->port_delta, 1);
	p->desc->hash = session->inner_hash;
	deliver(p, inner->near);
}

// UDP from a remote endpoint that the host has not talked to, where the filter or a rule lets it pass: strangers make
// no state. The host's answer does.
static void pass_stranger(struct packet *p, const struct nat_key *outer)
{
	struct nat_key inner = *outer;
	enum nat_result result = nat_admit(&p->v->nat, p->config, outer, &inner.near, &inner.near_port);
	if (result != NAT_OK) {
		vcpe_refuse(p, result);
		return;
	}
	if (!pass_police(p, inner.near))
		return;
	rewrite_packet(packet_l3(p), packet_l4(p), IPV4_DESTINATION, inner.near, inner.near_port,
		       rewrite_delta32(outer->near, inner.near), rewrite_delta16(outer->near_port, inner.near_port), 1);
	p->desc->hash = nat_hash(&inner);
	deliver(p, inner.near);
}

static void error_from_wan(struct packet *p)
{
	static const uint32_t reason[] = {
		[ICMP_MALFORMED] = CAT_DROP_MALFORMED,
		[ICMP_BAD_CHECKSUM] = VCPE_DROP_BAD_CHECKSUM,
		[ICMP_NO_SESSION] = VCPE_DROP_NAT_NO_SESSION,
	};
	uint8_t *l3 = packet_l3(p);
	enum icmp_result result =
		icmp_error_in(&p->v->nat, l3, packet_l4(p), (uint32_t)p->desc->len - p->desc->l4, &p->desc->hash);
	if (result != ICMP_TRANSLATED) {
		packet_drop(p, reason[result]);
		return;
	}
	packet_count(p, VCPE_NAT_ICMP_ERRORS);
	l3[8]--;
	rewrite_csum(l3 + 10, REWRITE_TTL_DELTA);
	deliver(p, load32(l3 + IPV4_DESTINATION));
}

static void through_nat(struct packet *p)
{
	struct nat_key key;
	if (!vcpe_key(p->lane, p->desc, false, &key)) {
		if ((p->desc->flags & CAT_DESC_ICMP) && icmp_is_error(packet_l4(p)[0]))
			error_from_wan(p);
		else
			packet_drop(p, VCPE_DROP_NAT_PROTOCOL);
		return;
	}
	uint32_t index = nat_find_outer(&p->v->nat, &key);
	enum nat_result result = index != CAT_FLOW_NONE ? NAT_OK : NAT_NO_SESSION;
	if (result != NAT_OK && key.protocol == IPPROTO_UDP) {
		pass_stranger(p, &key);
		return;
	}
	if (result != NAT_OK && key.protocol == IPPROTO_TCP) {
		bool opens = (packet_l4(p)[13] & (NAT_TCP_SYN | NAT_TCP_ACK)) == NAT_TCP_SYN;
		result = nat_open_in(&p->v->nat, p->config, &key, opens, p->lane->now_us / 1000, &index);
	}
	if (result == NAT_OK)
		vcpe_send_in(p, index);
	else
		vcpe_refuse(p, result);
}

static uint32_t check(const struct packet *p, uint32_t source, uint32_t destination)
{
	const struct vcpe_config *config = p->config;
	if (!ipv4_csum_ok(packet_l3(p)))
		return VCPE_DROP_BAD_CHECKSUM;
	// Nobody outside has our addresses or the LAN's (RFC 2827).
	if (!vcpe_is_host_address(source) || vcpe_in_lan(config, source) || source == config->wan.address ||
	    vcpe_in_pool(config, source))
		return VCPE_DROP_SPOOFED;
	if (hop_is_group(p))
		return VCPE_DROP_BAD_ADDRESS;
	if (destination != config->wan.address && !vcpe_in_pool(config, destination))
		return VCPE_DROP_NOT_FOR_US;
	return 0;
}

static void forward(struct packet *p)
{
	uint8_t *l3 = packet_l3(p);
	uint32_t destination = load32(l3 + IPV4_DESTINATION);
	bool echo = (p->desc->flags & CAT_DESC_ICMP) && desc_has_transport(p->desc) && packet_l4(p)[0] == 8;
	if (echo && destination == p->config->wan.address) {
		if (p->pieces)
			packet_drop(p, CAT_DROP_FRAGMENT);
		else
			hop_echo(p);
		return;
	}
	// A pool address is no host: it is there for what the LAN asked for.
	if (echo || !vcpe_in_pool(p->config, destination)) {
		packet_drop(p, VCPE_DROP_NO_SERVICE);
		return;
	}
	if (l3[8] <= 1) {
		hop_refuse(p, CAT_ICMP_TIME_EXCEEDED, 0, VCPE_DROP_TTL);
		return;
	}
	if (packet_size(p) > p->config->lan.interface.mtu) {
		hop_refuse(p, CAT_ICMP_TOO_BIG, p->config->lan.interface.mtu, VCPE_DROP_TOO_BIG);
		return;
	}
	through_nat(p);
}

void vcpe_ipv4_from_wan(struct packet *p)
{
	const uint8_t *l3 = packet_l3(p);
	uint32_t reason = check(p, load32(l3 + IPV4_SOURCE), load32(l3 + IPV4_DESTINATION));
	if (reason)
		packet_drop(p, reason);
	else if (p->desc->flags & CAT_DESC_FRAG)
		vcpe_fragment(p, forward);
	else
		forward(p);
}
