// SPDX-License-Identifier: BSD-3-Clause
// Frames that the container's kernel sends by the tap.
//
// The kernel sees one neighbour only, a made-up one: whatever it asks for (ARP, neighbour solicitation) has the virtual
// MAC. What it sends there is routed like a packet from the LAN, with real neighbours and the NAT; what it
// sends to another MAC (a DHCP offer to a host without an address, an advertisement to a group) goes to the LAN as it
// is.
#include <arpa/inet.h>

#include "lane.h"

#define ETHERNET_HEADER 14u
#define ARP_SIZE 28u
#define ICMPV6_ADVERTISEMENT_SIZE 32u
#define ICMPV6_SOLICITATION 135u
#define ICMPV6_ADVERTISEMENT 136u
#define TYPE_ARP 0x0806u

const struct cat_mac vcpe_virtual_mac = {{0x02, 0xca, 0x7e, 0x4a, 0x00, 0x01}};
const struct cat_addr vcpe_virtual_gateway4 = {.family = AF_INET, .byte = {169, 254, 0, 1}};
const struct cat_addr vcpe_virtual_gateway6 = {.family = AF_INET6,
					       .byte = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xca, 0x7e, 0, 1}};

static uint8_t *put_ethernet(uint8_t *frame, const struct cat_mac *to, uint16_t type)
{
	memcpy(frame, to->byte, 6);
	memcpy(frame + 6, vcpe_virtual_mac.byte, 6);
	store16(frame + 12, htons(type));
	return frame + ETHERNET_HEADER;
}

// The reply is made in a supply buffer, copied to the tap, and the buffer not taken.
static void answer_arp(struct cat_lane *lane, const struct vcpe_config *config, const uint8_t *request)
{
	struct cat_desc desc;
	uint32_t sender = load32(request + 14), target = load32(request + 24);
	// Probes for its own address are not ours to answer (RFC 5227).
	if (load16(request + 6) != htons(1) || sender == 0 || target == config->lan.address ||
	    !cat_supply_peek(lane, &desc))
		return;
	uint8_t *frame = cat_data(lane, &desc);
	uint8_t *arp = put_ethernet(frame, &config->lan.interface.mac, TYPE_ARP);
	memcpy(arp, request, 6);
	store16(arp + 6, htons(2));
	memcpy(arp + 8, vcpe_virtual_mac.byte, 6);
	store32(arp + 14, target);
	memcpy(arp + 18, request + 8, 6);
	store32(arp + 24, sender);
	desc.len = ETHERNET_HEADER + ARP_SIZE;
	cat_punt_copy(lane, &desc, VCPE_CHANNEL);
}

// A neighbour advertisement (RFC 4861, section 4.4) with the target link-layer address option.
static void answer_solicitation(struct cat_lane *lane, const struct vcpe_config *config, const uint8_t *ipv6)
{
	static const uint8_t unspecified[16];
	const uint8_t *target = ipv6 + 40 + 8;
	struct cat_addr addr = {.family = AF_INET6};
	struct cat_desc desc;
	memcpy(addr.byte, target, 16);
	if (memcmp(ipv6 + 8, unspecified, 16) == 0 || cat_l3_is_own(&config->lan.interface, &addr) ||
	    !cat_supply_peek(lane, &desc))
		return;
	uint8_t *frame = cat_data(lane, &desc);
	uint8_t *l3 = put_ethernet(frame, &config->lan.interface.mac, 0x86dd), *l4 = l3 + 40;
	memset(l3, 0, 40 + ICMPV6_ADVERTISEMENT_SIZE);
	l3[0] = 0x60;
	store16(l3 + 4, htons(ICMPV6_ADVERTISEMENT_SIZE));
	l3[6] = IPPROTO_ICMPV6;
	l3[7] = 255;
	memcpy(l3 + 8, target, 16);
	memcpy(l3 + 24, ipv6 + 8, 16);
	l4[0] = ICMPV6_ADVERTISEMENT;
	l4[4] = 0xe0; // router, solicited, override
	memcpy(l4 + 8, target, 16);
	l4[24] = 2; // target link-layer address, in units of 8 bytes
	l4[25] = 1;
	memcpy(l4 + 26, vcpe_virtual_mac.byte, 6);
	store16(l4 + 2, cat_csum_l4_ipv6(l3, l4, ICMPV6_ADVERTISEMENT_SIZE, IPPROTO_ICMPV6));
	desc.len = ETHERNET_HEADER + 40 + ICMPV6_ADVERTISEMENT_SIZE;
	cat_punt_copy(lane, &desc, VCPE_CHANNEL);
}

static bool is_solicitation(const struct cat_desc *desc, const uint8_t *frame)
{
	return (desc->flags & CAT_DESC_IPV6) && (desc->flags & CAT_DESC_ICMP) && desc->l4 == desc->l3 + 40 &&
	       desc->len >= desc->l4 + 24u && frame[desc->l4] == ICMPV6_SOLICITATION;
}

void vcpe_inject(struct cat_lane *lane, unsigned channel, const uint8_t *frame, uint32_t length)
{
	const struct vcpe_config *config = lane->config;
	struct cat_desc desc;
	if (channel != VCPE_CHANNEL || length < ETHERNET_HEADER)
		return;
	cat_stats_add(lane->stats, VCPE_INJECTED, 1);
	if (load16(frame + 12) == htons(TYPE_ARP)) {
		if (length >= ETHERNET_HEADER + ARP_SIZE)
			answer_arp(lane, config, frame + ETHERNET_HEADER);
		return;
	}
	struct cat_desc parsed = {.len = (uint16_t)length};
	if (length > UINT16_MAX)
		return;
	cat_parse(&parsed, frame);
	if (!(parsed.flags & (CAT_DESC_IPV4 | CAT_DESC_IPV6)) || (parsed.flags & (CAT_DESC_BAD | CAT_DESC_VLAN)))
		return;
	if (is_solicitation(&parsed, frame)) {
		answer_solicitation(lane, config, frame + parsed.l3);
		return;
	}
	if (parsed.len > lane->stride - CAT_HEADROOM || !cat_supply_peek(lane, &desc))
		return;
	parsed.buf = desc.buf;
	parsed.off = desc.off;
	memcpy(cat_data(lane, &desc), frame, parsed.len);
	if (memcmp(frame, vcpe_virtual_mac.byte, 6) != 0) {
		cat_emit_supply(lane, &parsed, CAT_LEFT);
		return;
	}
	struct packet p = {
		.lane = lane, .v = lane->priv, .config = config, .desc = &parsed, .from = CAT_LEFT, .own = true};
	if (parsed.flags & CAT_DESC_IPV4)
		vcpe_ipv4_from_lan(&p);
	else
		vcpe_ipv6_from_lan(&p);
}
