// SPDX-License-Identifier: BSD-3-Clause
#include "config.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

#define MTU_MIN_IPV6 1280
#define KBPS_MAX 400000000
#define BURST_BYTES_MIN 1500
#define BURST_BYTES_MAX INT64_C(4294967295)

int vcpe_config_check_keys(const struct cat_node *map, const char *const *known, struct cat_err *err)
{
	if (!map)
		return 0;
	for (const struct cat_node *child = map->first; child; child = child->next) {
		const char *const *name = known;
		while (*name && strcmp(*name, child->key) != 0)
			name++;
		if (!*name)
			return cat_node_error(child, err, "unknown key \"%s\"", child->key);
	}
	return 0;
}

int vcpe_config_parse_addr(const struct cat_node *node, struct cat_addr *ret, struct cat_err *err)
{
	char found[80];
	if (node->type != CAT_STRING || cat_addr_parse(node->string, ret) != 0)
		return cat_node_error(node, err, "found %s, expected an IP address",
				      cat_node_describe(node, found, sizeof(found)));
	return 0;
}

int vcpe_config_parse_ipv4(const struct cat_node *node, uint32_t *ret, struct cat_err *err)
{
	struct cat_addr addr;
	char found[80];
	if (node->type != CAT_STRING || cat_addr_parse(node->string, &addr) != 0 || addr.family != AF_INET)
		return cat_node_error(node, err, "found %s, expected an IPv4 address",
				      cat_node_describe(node, found, sizeof(found)));
	uint32_t host = cat_addr_ipv4(&addr);
	// 0.0.0.0/8, loopback, multicast and above are no host's (RFC 6890).
	if (host >> 24 == 0 || host >> 24 == 127 || host >> 28 >= 14)
		return cat_node_error(node, err, "%s is not an address that a host can have", node->string);
	*ret = htonl(host);
	return 0;
}

int vcpe_config_read_ipv4(const struct cat_node *map, const char *key, bool required, uint32_t *ret,
			  struct cat_err *err)
{
	const struct cat_node *node = cat_node_get(map, key);
	if (!node)
		return required ? cat_node_error(map, err, "\"%s\" is missing", key) : 0;
	return vcpe_config_parse_ipv4(node, ret, err);
}

static bool is_edge_address(uint32_t address, uint32_t mask)
{
	uint32_t host = ~ntohl(mask);
	return host > 1 && ((ntohl(address) & host) == 0 || (ntohl(address) & host) == host);
}

static int read_address4(const struct cat_node *map, unsigned min, unsigned max, struct vcpe_side_config *side,
			 struct cat_err *err)
{
	const struct cat_node *node = cat_node_get(map, "address");
	char found[80];
	if (!node)
		return cat_node_error(map, err, "\"address\" is missing: expected one like 192.168.1.1/24");
	struct cat_prefix prefix;
	if (node->type != CAT_STRING || !strchr(node->string, '/') || cat_prefix_parse(node->string, &prefix) != 0 ||
	    prefix.addr.family != AF_INET)
		return cat_node_error(node, err, "found %s, expected an IPv4 address with prefix length",
				      cat_node_describe(node, found, sizeof(found)));
	if (prefix.length < min || prefix.length > max)
		return cat_node_error(node, err, "found prefix length %u, expected %u to %u", prefix.length, min, max);
	uint32_t host = cat_addr_ipv4(&prefix.addr);
	if (host >> 24 == 0 || host >> 24 == 127 || host >> 28 >= 14)
		return cat_node_error(node, err, "%s is not an address that a host can have", node->string);
	side->address = htonl(host);
	side->length = prefix.length;
	side->mask = htonl(UINT32_MAX << (32 - prefix.length));
	if (is_edge_address(side->address, side->mask))
		return cat_node_error(node, err, "%s is the subnet's own or its broadcast address", node->string);
	return 0;
}

static bool is_global_unicast6(const struct cat_addr *addr)
{
	static const uint8_t zero[16];
	return addr->family == AF_INET6 && addr->byte[0] != 0xff && memcmp(addr->byte, zero, 15) != 0;
}

static int read_address6(const struct cat_node *map, struct vcpe_side_config *side, struct cat_err *err)
{
	const struct cat_node *node = cat_node_get(map, "address6");
	char found[80];
	if (!node)
		return 0;
	if (node->type != CAT_STRING || !strchr(node->string, '/') ||
	    cat_prefix_parse(node->string, &side->address6) != 0 || !is_global_unicast6(&side->address6.addr))
		return cat_node_error(node, err, "found %s, expected an IPv6 address with prefix length",
				      cat_node_describe(node, found, sizeof(found)));
	if (side->address6.addr.byte[0] == 0xfe && (side->address6.addr.byte[1] & 0xc0) == 0x80)
		return cat_node_error(node, err, "link-local addresses are made by themselves");
	side->ipv6 = true;
	return 0;
}

// MAC, MTU, and the addresses as the neighbours are told them.
static int read_interface(const struct cat_node *map, enum cat_side which, struct vcpe_side_config *side,
			  struct cat_err *err)
{
	const char *text = NULL;
	struct cat_mac mac;
	static const struct cat_mac zero;
	int64_t mtu = CAT_L3_MTU_DEFAULT;
	int r = cat_node_read_string(map, "mac", CAT_OPTIONAL, &text, err);
	if (r < 0 || (r = cat_node_read_int(map, "mtu", CAT_OPTIONAL, side->ipv6 ? MTU_MIN_IPV6 : CAT_L3_MTU_MIN,
					    CAT_L3_MTU_MAX, &mtu, err)) < 0)
		return r;
	if (text && (cat_mac_parse(text, &mac) != 0 || (mac.byte[0] & 1) || memcmp(&mac, &zero, sizeof(mac)) == 0))
		return cat_node_error(cat_node_get(map, "mac"), err,
				      "found \"%s\", expected the MAC of one station, like 02:00:00:00:00:01", text);
	cat_l3_interface_init(&side->interface, which, text ? &mac : NULL, cat_node_get(map, "address")->string);
	side->interface.mtu = (uint16_t)mtu;
	struct cat_err fault = {0};
	struct cat_prefix address = {.addr = cat_addr_from_ipv4(ntohl(side->address)), .length = side->length};
	if (cat_l3_interface_add(&side->interface, &address, &fault) < 0)
		return cat_node_error(cat_node_get(map, "address"), err, "%s", fault.message);
	if (side->ipv6 && (cat_l3_interface_add(&side->interface, &side->address6, &fault) < 0 ||
			   cat_l3_interface_finish(&side->interface, &fault) < 0))
		return cat_node_error(cat_node_get(map, "address6"), err, "%s", fault.message);
	return 0;
}

static int read_lan(const struct cat_node *root, struct vcpe_config *config, struct cat_err *err)
{
	static const char *const keys[] = {"address", "address6", "mac", "mtu", NULL};
	const struct cat_node *map = NULL;
	int r = cat_node_read_map(root, "lan", CAT_REQUIRED, &map, err);
	if (r < 0 || (r = vcpe_config_check_keys(map, keys, err)) < 0 ||
	    (r = read_address4(map, VCPE_LAN_LENGTH_MIN, VCPE_LAN_LENGTH_MAX, &config->lan, err)) < 0 ||
	    (r = read_address6(map, &config->lan, err)) < 0)
		return r;
	// RFC 4862 hosts make their addresses of 64 bits of prefix; longer ones would only work with DHCPv6.
	if (config->lan.ipv6 && config->lan.address6.length != 64)
		return cat_node_error(cat_node_get(map, "address6"), err, "found prefix length %u, expected 64",
				      config->lan.address6.length);
	return read_interface(map, CAT_LEFT, &config->lan, err);
}

static int read_wan_gateways(const struct cat_node *map, struct vcpe_config *config, struct cat_err *err)
{
	struct vcpe_side_config *wan = &config->wan;
	int r = vcpe_config_read_ipv4(map, "gateway", CAT_REQUIRED, &wan->gateway, err);
	if (r < 0)
		return r;
	const struct cat_node *gateway = cat_node_get(map, "gateway");
	if (((wan->gateway ^ wan->address) & wan->mask) != 0 || is_edge_address(wan->gateway, wan->mask))
		return cat_node_error(gateway, err, "%s is not a host of the WAN's subnet", gateway->string);
	if (wan->gateway == wan->address)
		return cat_node_error(gateway, err, "%s is our own address", gateway->string);
	gateway = cat_node_get(map, "gateway6");
	if (gateway) {
		if ((r = vcpe_config_parse_addr(gateway, &wan->gateway6, err)) < 0)
			return r;
		bool link_local = wan->gateway6.byte[0] == 0xfe && (wan->gateway6.byte[1] & 0xc0) == 0x80;
		if (!is_global_unicast6(&wan->gateway6))
			return cat_node_error(gateway, err, "found \"%s\", expected an IPv6 address", gateway->string);
		if (!wan->ipv6)
			return cat_node_error(gateway, err, "needs \"address6\" beside it");
		if (!link_local && !cat_prefix_contains(&wan->address6, &wan->gateway6))
			return cat_node_error(gateway, err, "%s is not in the WAN's IPv6 prefix", gateway->string);
		if (cat_addr_equal(&wan->gateway6, &wan->address6.addr))
			return cat_node_error(gateway, err, "%s is our own address", gateway->string);
	}
	if (wan->ipv6 && !gateway)
		return cat_node_error(map, err, "\"gateway6\" is missing beside \"address6\"");
	return 0;
}

static int read_wan(const struct cat_node *root, struct vcpe_config *config, struct cat_err *err)
{
	static const char *const keys[] = {"address", "gateway", "address6", "gateway6", "mac", "mtu", NULL};
	const struct cat_node *map = NULL;
	int r = cat_node_read_map(root, "wan", CAT_REQUIRED, &map, err);
	if (r < 0 || (r = vcpe_config_check_keys(map, keys, err)) < 0 ||
	    (r = read_address4(map, 8, 31, &config->wan, err)) < 0 || (r = read_address6(map, &config->wan, err)) < 0 ||
	    (r = read_wan_gateways(map, config, err)) < 0 ||
	    (r = read_interface(map, CAT_RIGHT, &config->wan, err)) < 0)
		return r;
	uint32_t mask = config->lan.mask & config->wan.mask;
	if (((config->lan.address ^ config->wan.address) & mask) == 0)
		return cat_node_error(cat_node_get(map, "address"), err, "the WAN's subnet overlaps the LAN's");
	if (config->lan.ipv6 && !config->wan.ipv6)
		return cat_node_error(map, err, "\"address6\" is missing: the LAN has one");
	if (config->lan.ipv6) {
		struct cat_prefix lan = config->lan.address6, wan = config->wan.address6;
		if (cat_prefix_contains(&lan, &wan.addr) || cat_prefix_contains(&wan, &lan.addr))
			return cat_node_error(cat_node_get(map, "address6"), err,
					      "the WAN's IPv6 prefix overlaps the LAN's");
	}
	return 0;
}

static int read_police(const struct cat_node *root, struct vcpe_config *config, struct cat_err *err)
{
	static const char *const outer[] = {"subscriber", NULL};
	static const char *const keys[] = {"cir_kbps",   "cbs_bytes",   "pir_kbps", "pbs_bytes",
					   "dscp_green", "dscp_yellow", NULL};
	const struct cat_node *map = NULL, *sub = NULL;
	struct vcpe_police_config *police = &config->police;
	police->dscp_green = police->dscp_yellow = -1;
	int r = cat_node_read_map(root, "policing", CAT_OPTIONAL, &map, err);
	if (r < 0 || !map)
		return r;
	if ((r = vcpe_config_check_keys(map, outer, err)) < 0 ||
	    (r = cat_node_read_map(map, "subscriber", CAT_OPTIONAL, &sub, err)) < 0 || !sub)
		return r;
	int64_t cir = 0, cbs = 0, pir = 0, pbs = 0, green = -1, yellow = -1;
	if ((r = vcpe_config_check_keys(sub, keys, err)) < 0 ||
	    (r = cat_node_read_int(sub, "cir_kbps", CAT_REQUIRED, 1, KBPS_MAX, &cir, err)) < 0 ||
	    (r = cat_node_read_int(sub, "cbs_bytes", CAT_REQUIRED, BURST_BYTES_MIN, BURST_BYTES_MAX, &cbs, err)) < 0 ||
	    (r = cat_node_read_int(sub, "pir_kbps", CAT_REQUIRED, 1, KBPS_MAX, &pir, err)) < 0 ||
	    (r = cat_node_read_int(sub, "pbs_bytes", CAT_REQUIRED, BURST_BYTES_MIN, BURST_BYTES_MAX, &pbs, err)) < 0 ||
	    (r = cat_node_read_int(sub, "dscp_green", CAT_OPTIONAL, 0, 63, &green, err)) < 0 ||
	    (r = cat_node_read_int(sub, "dscp_yellow", CAT_OPTIONAL, 0, 63, &yellow, err)) < 0)
		return r;
	// RFC 2698, section 2: the PIR must be equal to or greater than the CIR.
	if (pir < cir)
		return cat_node_error(cat_node_get(sub, "pir_kbps"), err,
				      "found %lld, expected at least cir_kbps (%lld)", (long long)pir, (long long)cir);
	*police = (struct vcpe_police_config){
		.enabled = true,
		.cir_kbps = (uint64_t)cir,
		.cbs_bytes = (uint64_t)cbs,
		.pir_kbps = (uint64_t)pir,
		.pbs_bytes = (uint64_t)pbs,
		.dscp_green = (int16_t)green,
		.dscp_yellow = (int16_t)yellow,
	};
	return 0;
}

int vcpe_config_create(const struct cat_node *node, void **ret_config, struct cat_err *err)
{
	static const char *const keys[] = {"lan", "wan", "nat", "dhcp", "dns", "policing", NULL};
	if (!node)
		return cat_err_set(err, -EINVAL, "/: found nothing, expected a map with \"lan\" and \"wan\"");
	if (node->type != CAT_MAP) {
		char found[80];
		return cat_node_error(node, err, "found %s, expected a map with \"lan\" and \"wan\"",
				      cat_node_describe(node, found, sizeof(found)));
	}
	struct vcpe_config *config = calloc(1, sizeof(*config));
	if (!config)
		return cat_err_set(err, -ENOMEM, "no memory for the configuration");
	int r = vcpe_config_check_keys(node, keys, err);
	if (r < 0 || (r = read_lan(node, config, err)) < 0 || (r = read_wan(node, config, err)) < 0 ||
	    (r = vcpe_config_read_nat(node, config, err)) < 0 ||
	    (r = vcpe_config_read_services(node, config, err)) < 0 || (r = read_police(node, config, err)) < 0) {
		vcpe_config_destroy(config);
		return r;
	}
	config->board = cat_l3_board_create();
	if (!config->board) {
		vcpe_config_destroy(config);
		return cat_err_set(err, -ENOMEM, "no memory for the configuration");
	}
	*ret_config = config;
	return 0;
}

void vcpe_config_destroy(void *object)
{
	struct vcpe_config *config = object;
	if (!config)
		return;
	struct vcpe_service_config *service = &config->service;
	for (uint32_t i = 0; i < service->host_count; i++)
		free(service->host[i].name);
	for (uint32_t i = 0; i < service->record_count; i++)
		free(service->record[i].name);
	free(service->host);
	free(service->record);
	free(service->domain);
	free(config->nat.forward);
	cat_l3_board_destroy(config->board);
	free(config);
}
