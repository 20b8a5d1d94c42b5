// SPDX-License-Identifier: BSD-3-Clause
// A vCPE in the library form with a LAN of hosts and a WAN gateway that it knows as neighbours.
#ifndef TEST_VCPE_SITE_H
#define TEST_VCPE_SITE_H

#include "test.h"

#include "cat_lane_local.h"
#include "cat_vcpe.h"
#include "packets.h"

#define LAN "192.168.1.1"
#define WAN "10.0.0.2"
#define GATEWAY "10.0.0.1"
#define PUBLIC "198.51.100.1"
#define HOST_A "192.168.1.10"
#define HOST_B "192.168.1.11"
#define SERVER "203.0.113.9"
#define LAN6 "2001:db8:1::1"
#define HOST6 "2001:db8:1::10"
#define SERVER6 "2001:db8:ff::9"
#define WAN6 "2001:db8:0:1::2"
#define GATEWAY6 "2001:db8:0:1::1"

extern const uint8_t site_lan_mac[6], site_wan_mac[6], site_gateway_mac[6], site_broadcast[6];
// What the container's kernel sends to.
extern const uint8_t site_virtual_mac[6];

struct site {
	struct cat_lane_local *local;
	uint64_t pushed, left; // packets that went in; those that came out, by pops of this file
};

// `nat` and `more` are put into the configuration: "\"quota\": 3", "\"dhcp\": {...}"; NULL: nothing.
char *site_config(const char *nat, const char *more); // the caller frees
void site_open(struct site *site, const char *nat, const char *more);
void site_open_with(struct site *site, const char *nat, const char *more, const struct cat_lane_local_options *options);
void site_close(struct site *site);
// Moves the clock; neighbours are then introduced anew.
void site_advance(struct site *site, uint64_t seconds);
void site_reconfigure(struct site *site, const char *nat, const char *more);

// The last byte of the address is the host's number; its MAC follows from it.
void site_host_mac(const char *address, uint8_t ret_mac[6]);
// From a LAN host to the gateway; from the WAN's gateway to us. MACs and, if 0, the TTL are filled in.
void site_send_lan(struct site *site, struct test_packet packet);
void site_send_wan(struct site *site, struct test_packet packet);
void site_send_frame(struct site *site, enum cat_side side, const void *frame, uint32_t length);
// The next IP packet (neighbour discovery aside) that left there, every checksum recomputed and right. False: none.
bool site_receive(struct site *site, enum cat_side side, struct test_packet *ret);
// Its bytes, until the next receive.
const uint8_t *site_frame(uint32_t *ret_length);
const struct cat_desc *site_desc(void);
void site_expect_nothing(struct site *site);
uint64_t site_counter(const struct site *site, const char *name);
// The counter went up by one since, and nothing left.
void site_expect_drop(struct site *site, const char *name, uint64_t before);

// A UDP or TCP packet in one line.
struct test_packet site_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport);
struct test_packet site_tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport, uint8_t flags);
struct test_packet site_echo(const char *src, const char *dst, uint8_t type, uint16_t id);
// Opens a session from the LAN and gives its public port (or identifier).
uint16_t site_open_session(struct site *site, struct test_packet packet);

#endif
