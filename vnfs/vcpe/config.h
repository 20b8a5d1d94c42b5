// SPDX-License-Identifier: BSD-3-Clause
// The checked configuration of a vCPE. IPv4 addresses and ports are kept in network order, as packets carry them.
#ifndef VCPE_CONFIG_H
#define VCPE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_addr.h"
#include "cat_err.h"
#include "cat_neighbour.h"
#include "cat_tree.h"

#define VCPE_POOL_MAX 64u
#define VCPE_TIMEOUT_MAX_MS UINT64_C(604800000) // a week
#define VCPE_FORWARDS_MAX 256u                  // searched one by one, for new sessions only
#define VCPE_DNS_SERVERS_MAX 8u
#define VCPE_DHCP_HOSTS_MAX 4096u
#define VCPE_DNS_RECORDS_MAX 4096u
#define VCPE_NAME_MAX 253u // RFC 1035, section 2.3.4, as text
#define VCPE_LAN_LENGTH_MIN 16u
#define VCPE_LAN_LENGTH_MAX 30u
#define VCPE_SUBSCRIBERS_MAX (1u << (32 - VCPE_LAN_LENGTH_MIN))

enum vcpe_filtering {
	VCPE_FILTER_NONE,         // endpoint-independent
	VCPE_FILTER_ADDRESS,      // address-dependent
	VCPE_FILTER_ADDRESS_PORT, // address and port-dependent
	VCPE_FILTERINGS
};

// What a session waits for; the index of its timeout.
enum vcpe_timer { VCPE_TIMER_TCP, VCPE_TIMER_TCP_TRANSITORY, VCPE_TIMER_UDP, VCPE_TIMER_ICMP, VCPE_TIMERS };

struct vcpe_side_config {
	struct cat_l3_interface interface; // MAC, MTU and all addresses
	uint32_t address, mask;            // IPv4
	uint8_t length;
	uint32_t gateway; // 0: none
	bool ipv6;        // address6 is set
	struct cat_prefix address6;
	struct cat_addr gateway6; // family 0: none
};

struct vcpe_forward {
	uint8_t protocol;
	uint16_t port, to_port;
	uint32_t address, to;
};

struct vcpe_nat_config {
	uint32_t pool[VCPE_POOL_MAX];
	uint32_t pool_count;
	uint16_t port_first, port_last; // host order, of dynamic mappings
	enum vcpe_filtering filtering;
	bool hairpin;
	uint32_t quota;    // sessions of one LAN address
	uint32_t sessions; // in all; UINT32_MAX: as many as state memory holds
	uint64_t timeout_ms[VCPE_TIMERS];
	struct vcpe_forward *forward;
	uint32_t forward_count;
};

struct vcpe_host {
	struct cat_mac mac;
	struct cat_addr address;
	char *name; // NULL: none
};

struct vcpe_record {
	char *name;
	struct cat_addr address;
};

struct vcpe_service_config {
	bool dhcp, dns;
	struct cat_addr range_first, range_last;
	uint32_t lease_s;
	char *domain; // NULL: none
	struct vcpe_host *host;
	uint32_t host_count;
	struct cat_addr server[VCPE_DNS_SERVERS_MAX];
	uint32_t server_count;
	struct vcpe_record *record;
	uint32_t record_count;
};

struct vcpe_police_config {
	bool enabled;
	uint64_t cir_kbps, cbs_bytes, pir_kbps, pbs_bytes;
	int16_t dscp_green, dscp_yellow; // -1: not marked
};

struct vcpe_config {
	struct vcpe_side_config lan, wan;
	struct vcpe_nat_config nat;
	struct vcpe_service_config service;
	struct vcpe_police_config police;
	struct cat_l3_board *board;
};

// As config_create and config_destroy of cat_vnf_ops.
int vcpe_config_create(const struct cat_node *node, void **ret_config, struct cat_err *err);
void vcpe_config_destroy(void *config);

// Parts of the above, each in its own file. `node` is the whole configuration.
int vcpe_config_read_nat(const struct cat_node *node, struct vcpe_config *config, struct cat_err *err);
int vcpe_config_read_services(const struct cat_node *node, struct vcpe_config *config, struct cat_err *err);

// Refuses keys of a map that are not in the NULL-terminated list.
int vcpe_config_check_keys(const struct cat_node *map, const char *const *known, struct cat_err *err);
// Reads an IPv4 address (one that a host can have) in network order; family 6 likewise for the second.
int vcpe_config_read_ipv4(const struct cat_node *map, const char *key, bool required, uint32_t *ret,
			  struct cat_err *err);
int vcpe_config_parse_ipv4(const struct cat_node *node, uint32_t *ret, struct cat_err *err);
int vcpe_config_parse_addr(const struct cat_node *node, struct cat_addr *ret, struct cat_err *err);

static inline bool vcpe_in_lan(const struct vcpe_config *config, uint32_t address)
{
	return ((address ^ config->lan.address) & config->lan.mask) == 0;
}

static inline bool vcpe_in_pool(const struct vcpe_config *config, uint32_t address)
{
	for (uint32_t i = 0; i < config->nat.pool_count; i++)
		if (config->nat.pool[i] == address)
			return true;
	return false;
}

#endif
