// SPDX-License-Identifier: BSD-3-Clause
// IPv6: routed between the LAN's prefix and the WAN, without translation (RFC 7084; source addresses by RFC 2827).
#include <arpa/inet.h>

#include "lane.h"

#define IPV6_SOURCE 8u
#define IPV6_DESTINATION 24u
#define IPV6_HOP_LIMIT 7u
#define PORT_DNS 53u
#define PORT_DHCPV6_SERVER 547u
#define ICMPV6_ECHO_REQUEST 128u
#define ICMPV6_ROUTER_SOLICITATION 133u
#define PORT_UNPRIVILEGED 1024u

static struct cat_addr address_at(const uint8_t *l3, unsigned at)
{
	struct cat_addr addr = {.family = AF_INET6};
	memcpy(addr.byte, l3 + at, 16);
	return addr;
}

static bool is_link_local(const uint8_t *address)
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static bool in_prefix(const struct vcpe_side_config *side, const uint8_t *address)
{
	struct cat_addr addr = {.family = AF_INET6};
	memcpy(addr.byte, address, 16);
	return cat_prefix_contains(&side->address6, &addr);
}

// A source that a packet may have: not a group, not unspecified, not loopback (RFC 4291, section 2.5).
static bool is_host(const uint8_t *address)
{
	static const uint8_t zero[15];
	return address[0] != 0xff && (memcmp(address, zero, 15) != 0 || address[15] > 1);
}

static bool has_port(const struct packet *p, uint16_t flags, bool source, uint16_t port)
{
	return (p->desc->flags & flags) && desc_has_transport(p->desc) &&
	       ntohs(load16(packet_l4(p) + (source ? 0 : 2))) == port;
}

static bool is_icmp(const struct packet *p, uint8_t type)
{
	return (p->desc->flags & CAT_DESC_ICMP) && desc_has_transport(p->desc) && packet_l4(p)[0] == type;
}

// To one of our own addresses, or to a group.
static void to_gateway(struct packet *p, bool group)
{
	bool lan = p->from == CAT_LEFT, service = p->config->service.dns || p->config->service.dhcp;
	if (lan && (is_icmp(p, ICMPV6_ROUTER_SOLICITATION) ||
		    (service && has_port(p, CAT_DESC_UDP, false, PORT_DHCPV6_SERVER)) ||
		    (!group && p->config->service.dns && has_port(p, CAT_DESC_UDP | CAT_DESC_TCP, false, PORT_DNS)))) {
		packet_punt(p);
		return;
	}
	if (cat_l3_control(p->v->l3, p->desc, p->from))
		return;
	if (is_icmp(p, ICMPV6_ECHO_REQUEST)) {
		hop_echo(p);
		return;
	}
	if (!group && (p->desc->flags & CAT_DESC_UDP))
		hop_refuse(p, CAT_ICMP_PORT_UNREACHABLE, 0, VCPE_DROP_NO_SERVICE);
	else
		packet_drop(p, VCPE_DROP_NO_SERVICE);
}

// False: dropped, and the sender told.
static bool may_go_on(struct packet *p, uint16_t mtu)
{
	const uint8_t *l3 = packet_l3(p);
	if (l3[IPV6_HOP_LIMIT] <= 1) {
		hop_refuse(p, CAT_ICMP_TIME_EXCEEDED, 0, VCPE_DROP_TTL);
		return false;
	}
	if (packet_size(p) > mtu) {
		hop_refuse(p, CAT_ICMP_TOO_BIG, mtu, VCPE_DROP_TOO_BIG);
		return false;
	}
	return true;
}

static void clamp(struct packet *p)
{
	if (!(p->desc->flags & CAT_DESC_TCP) || !desc_has_transport(p->desc))
		return;
	uint8_t *l4 = packet_l4(p);
	if ((l4[13] & NAT_TCP_SYN) && vcpe_clamp_mss(l4, p->desc->len - p->desc->l4, p->config->wan.interface.mtu, 40))
		packet_count(p, VCPE_MSS_CLAMPED);
}

void vcpe_ipv6_from_lan(struct packet *p)
{
	const struct vcpe_config *config = p->config;
	uint8_t *l3 = packet_l3(p);
	const uint8_t *source = l3 + IPV6_SOURCE, *destination = l3 + IPV6_DESTINATION;
	if (!config->lan.ipv6) {
		packet_drop(p, VCPE_DROP_NO_ROUTE);
		return;
	}
	struct cat_addr to = address_at(l3, IPV6_DESTINATION);
	bool group = destination[0] == 0xff;
	if (!p->own &&
	    (group || cat_l3_is_own(&config->lan.interface, &to) || cat_l3_is_own(&config->wan.interface, &to))) {
		to_gateway(p, group);
		return;
	}
	if (!in_prefix(&config->lan, source) || (!p->own && memcmp(source, config->lan.address6.addr.byte, 16) == 0)) {
		packet_drop(p, VCPE_DROP_SPOOFED);
		return;
	}
	if (hop_is_group(p) || is_link_local(destination) || !is_host(destination)) {
		packet_drop(p, VCPE_DROP_BAD_ADDRESS);
		return;
	}
	if (!may_go_on(p, config->wan.interface.mtu))
		return;
	if (in_prefix(&config->lan, destination)) {
		l3[IPV6_HOP_LIMIT]--;
		hop_send6(p, CAT_LEFT, destination);
		return;
	}
	if (p->v->police.enabled && !p->own &&
	    !vcpe_police(p, police_meters6(&p->v->police, source, p->lane->now_us / 1000), POLICE_UP)) {
		packet_drop(p, VCPE_DROP_POLICED);
		return;
	}
	clamp(p);
	l3[IPV6_HOP_LIMIT]--;
	bool on_link = in_prefix(&config->wan, destination);
	hop_send6(p, CAT_RIGHT, on_link ? destination : config->wan.gateway6.byte);
}

// What upstream servers answer to the container's dnsmasq, whose queries leave from the LAN address.
static bool is_dns_answer(const struct packet *p)
{
	const struct vcpe_service_config *service = &p->config->service;
	if (!service->dns || !has_port(p, CAT_DESC_UDP | CAT_DESC_TCP, true, PORT_DNS) ||
	    ntohs(load16(packet_l4(p) + 2)) < PORT_UNPRIVILEGED)
		return false;
	struct cat_addr source = address_at(packet_l3(p), IPV6_SOURCE);
	for (uint32_t i = 0; i < service->server_count; i++)
		if (cat_addr_equal(&service->server[i], &source))
			return true;
	return false;
}

void vcpe_ipv6_from_wan(struct packet *p)
{
	const struct vcpe_config *config = p->config;
	uint8_t *l3 = packet_l3(p);
	const uint8_t *source = l3 + IPV6_SOURCE, *destination = l3 + IPV6_DESTINATION;
	struct cat_addr to = address_at(l3, IPV6_DESTINATION);
	if (!config->wan.ipv6) {
		packet_drop(p, VCPE_DROP_NO_ROUTE);
		return;
	}
	bool group = destination[0] == 0xff;
	if (group || cat_l3_is_own(&config->wan.interface, &to)) {
		to_gateway(p, group);
		return;
	}
	if (!config->lan.ipv6 || !in_prefix(&config->lan, destination)) {
		packet_drop(p, VCPE_DROP_NOT_FOR_US);
		return;
	}
	if (!is_host(source) || is_link_local(source) || in_prefix(&config->lan, source)) {
		packet_drop(p, VCPE_DROP_SPOOFED);
		return;
	}
	if (cat_l3_is_own(&config->lan.interface, &to)) {
		if (is_dns_answer(p)) {
			hop_address_to_kernel(p);
			packet_punt(p);
		} else {
			to_gateway(p, false);
		}
		return;
	}
	if (hop_is_group(p)) {
		packet_drop(p, VCPE_DROP_BAD_ADDRESS);
		return;
	}
	if (!may_go_on(p, config->lan.interface.mtu))
		return;
	if (p->v->police.enabled &&
	    !vcpe_police(p, police_meters6(&p->v->police, destination, p->lane->now_us / 1000), POLICE_DOWN)) {
		packet_drop(p, VCPE_DROP_POLICED);
		return;
	}
	clamp(p);
	l3[IPV6_HOP_LIMIT]--;
	hop_send6(p, CAT_LEFT, destination);
}
