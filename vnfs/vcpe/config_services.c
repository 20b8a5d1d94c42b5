// SPDX-License-Identifier: BSD-3-Clause
// The "dhcp" and "dns" parts of the configuration. Names end up in a configuration file of dnsmasq: nothing but
// host names passes.
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "config.h"

#define LEASE_S_MIN 120
#define LEASE_S_MAX 31536000
#define LEASE_S_DEFAULT 3600

// RFC 1123, section 2.1: labels of letters, digits and hyphens, at most 63 each.
static bool is_host_name(const char *name)
{
	size_t label = 0, size = strlen(name);
	if (size == 0 || size > VCPE_NAME_MAX)
		return false;
	for (size_t i = 0; i < size; i++) {
		char c = name[i];
		if (c == '.') {
			if (label == 0 || name[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)c) && (c != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0 && name[size - 1] != '-';
}

static int read_name(const struct cat_node *map, const char *key, bool required, char **ret_name, struct cat_err *err)
{
	const char *text = NULL;
	int r = cat_node_read_string(map, key, required, &text, err);
	if (r < 0 || !text)
		return r;
	if (!is_host_name(text))
		return cat_node_error(cat_node_get(map, key), err, "found \"%s\", expected a host name", text);
	*ret_name = strdup(text);
	return *ret_name ? 0 : cat_err_set(err, -ENOMEM, "no memory for a name");
}

static int read_range(const struct cat_node *dhcp, struct vcpe_config *config, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = cat_node_read_list(dhcp, "range", CAT_REQUIRED, &list, err);
	if (r < 0)
		return r;
	if (list->count != 2)
		return cat_node_error(list, err, "found %zu addresses, expected two: first and last", list->count);
	uint32_t bound[2];
	for (unsigned i = 0; i < 2; i++) {
		const struct cat_node *item = cat_node_at(list, i);
		if ((r = vcpe_config_parse_ipv4(item, &bound[i], err)) < 0)
			return r;
		if (!vcpe_in_lan(config, bound[i]))
			return cat_node_error(item, err, "%s is not in the LAN's subnet", item->string);
	}
	uint32_t first = ntohl(bound[0]), last = ntohl(bound[1]);
	uint32_t own = ntohl(config->lan.address), host = ~ntohl(config->lan.mask);
	if (first > last)
		return cat_node_error(list, err, "the first address is above the last");
	if ((first & host) == 0 || (last & host) == host)
		return cat_node_error(list, err, "the range takes in the subnet's own or its broadcast address");
	if (own >= first && own <= last)
		return cat_node_error(list, err, "the range takes in the gateway's own address");
	config->service.range_first = cat_addr_from_ipv4(first);
	config->service.range_last = cat_addr_from_ipv4(last);
	return 0;
}

static int read_host(const struct cat_node *item, const struct vcpe_config *config, struct vcpe_host *host,
		     struct cat_err *err)
{
	static const char *const keys[] = {"mac", "address", "name", NULL};
	const char *mac = NULL;
	char found[80];
	if (item->type != CAT_MAP)
		return cat_node_error(item, err, "found %s, expected a map",
				      cat_node_describe(item, found, sizeof(found)));
	uint32_t address = 0;
	int r = vcpe_config_check_keys(item, keys, err);
	if (r < 0 || (r = cat_node_read_string(item, "mac", CAT_REQUIRED, &mac, err)) < 0 ||
	    (r = vcpe_config_read_ipv4(item, "address", CAT_REQUIRED, &address, err)) < 0)
		return r;
	if (cat_mac_parse(mac, &host->mac) != 0 || (host->mac.byte[0] & 1))
		return cat_node_error(cat_node_get(item, "mac"), err, "found \"%s\", expected a unicast MAC", mac);
	if (!vcpe_in_lan(config, address) || address == config->lan.address)
		return cat_node_error(cat_node_get(item, "address"), err, "is not a host of the LAN's subnet");
	host->address = cat_addr_from_ipv4(ntohl(address));
	return read_name(item, "name", CAT_OPTIONAL, &host->name, err);
}

static int read_hosts(const struct cat_node *dhcp, struct vcpe_config *config, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = cat_node_read_list(dhcp, "hosts", CAT_OPTIONAL, &list, err);
	if (r < 0 || !list)
		return r;
	struct vcpe_service_config *service = &config->service;
	if (list->count > VCPE_DHCP_HOSTS_MAX)
		return cat_node_error(list, err, "found %zu hosts, expected at most %u", list->count,
				      VCPE_DHCP_HOSTS_MAX);
	service->host = calloc(list->count ? list->count : 1, sizeof(*service->host));
	if (!service->host)
		return cat_err_set(err, -ENOMEM, "no memory for the hosts");
	for (const struct cat_node *item = list->first; item; item = item->next) {
		struct vcpe_host *host = &service->host[service->host_count++];
		if ((r = read_host(item, config, host, err)) < 0)
			return r;
		for (uint32_t i = 0; i + 1 < service->host_count; i++) {
			if (memcmp(&service->host[i].mac, &host->mac, sizeof(host->mac)) == 0)
				return cat_node_error(item, err, "host %u has the same MAC", i);
			if (cat_addr_equal(&service->host[i].address, &host->address))
				return cat_node_error(item, err, "host %u has the same address", i);
		}
	}
	return 0;
}

static int read_dhcp(const struct cat_node *node, struct vcpe_config *config, struct cat_err *err)
{
	static const char *const keys[] = {"range", "lease_s", "domain", "hosts", NULL};
	const struct cat_node *dhcp = NULL;
	int64_t lease = LEASE_S_DEFAULT;
	int r = cat_node_read_map(node, "dhcp", CAT_OPTIONAL, &dhcp, err);
	if (r < 0 || !dhcp)
		return r;
	if ((r = vcpe_config_check_keys(dhcp, keys, err)) < 0 || (r = read_range(dhcp, config, err)) < 0 ||
	    (r = cat_node_read_int(dhcp, "lease_s", CAT_OPTIONAL, LEASE_S_MIN, LEASE_S_MAX, &lease, err)) < 0 ||
	    (r = read_name(dhcp, "domain", CAT_OPTIONAL, &config->service.domain, err)) < 0 ||
	    (r = read_hosts(dhcp, config, err)) < 0)
		return r;
	config->service.lease_s = (uint32_t)lease;
	config->service.dhcp = true;
	return 0;
}

static int read_servers(const struct cat_node *dns, struct vcpe_config *config, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	int r = cat_node_read_list(dns, "servers", CAT_OPTIONAL, &list, err);
	if (r < 0 || !list)
		return r;
	struct vcpe_service_config *service = &config->service;
	if (list->count > VCPE_DNS_SERVERS_MAX)
		return cat_node_error(list, err, "found %zu servers, expected at most %u", list->count,
				      VCPE_DNS_SERVERS_MAX);
	struct cat_addr own = cat_addr_from_ipv4(ntohl(config->lan.address));
	for (const struct cat_node *item = list->first; item; item = item->next) {
		struct cat_addr *server = &service->server[service->server_count++];
		if ((r = vcpe_config_parse_addr(item, server, err)) < 0)
			return r;
		if (cat_addr_equal(server, &config->lan.address6.addr) || cat_addr_equal(server, &own))
			return cat_node_error(item, err, "%s is the gateway's own address", item->string);
	}
	return 0;
}

static int read_records(const struct cat_node *dns, struct vcpe_config *config, struct cat_err *err)
{
	const struct cat_node *map = NULL;
	int r = cat_node_read_map(dns, "records", CAT_OPTIONAL, &map, err);
	if (r < 0 || !map)
		return r;
	struct vcpe_service_config *service = &config->service;
	if (map->count > VCPE_DNS_RECORDS_MAX)
		return cat_node_error(map, err, "found %zu records, expected at most %u", map->count,
				      VCPE_DNS_RECORDS_MAX);
	service->record = calloc(map->count ? map->count : 1, sizeof(*service->record));
	if (!service->record)
		return cat_err_set(err, -ENOMEM, "no memory for the records");
	for (const struct cat_node *item = map->first; item; item = item->next) {
		if (!is_host_name(item->key))
			return cat_node_error(item, err, "found \"%s\", expected a host name", item->key);
		struct vcpe_record *record = &service->record[service->record_count];
		if ((r = vcpe_config_parse_addr(item, &record->address, err)) < 0)
			return r;
		record->name = strdup(item->key);
		if (!record->name)
			return cat_err_set(err, -ENOMEM, "no memory for a record");
		service->record_count++;
	}
	return 0;
}

int vcpe_config_read_services(const struct cat_node *node, struct vcpe_config *config, struct cat_err *err)
{
	static const char *const keys[] = {"servers", "records", NULL};
	const struct cat_node *dns = NULL;
	int r = read_dhcp(node, config, err);
	if (r < 0 || (r = cat_node_read_map(node, "dns", CAT_OPTIONAL, &dns, err)) < 0 || !dns)
		return r;
	if ((r = vcpe_config_check_keys(dns, keys, err)) < 0 || (r = read_servers(dns, config, err)) < 0 ||
	    (r = read_records(dns, config, err)) < 0)
		return r;
	config->service.dns = true;
	return 0;
}
