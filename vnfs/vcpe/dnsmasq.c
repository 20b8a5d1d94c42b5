// SPDX-License-Identifier: BSD-3-Clause
#include "dnsmasq.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

bool dnsmasq_wanted(const struct vcpe_config *config)
{
	return config->service.dhcp || config->service.dns || config->lan.ipv6;
}

static void print_dhcp(FILE *f, const struct vcpe_config *config, const char *lease_file)
{
	const struct vcpe_service_config *service = &config->service;
	char first[CAT_ADDR_TEXT_MAX], last[CAT_ADDR_TEXT_MAX], mask[CAT_ADDR_TEXT_MAX], mac[CAT_ADDR_TEXT_MAX];
	struct cat_addr netmask = cat_addr_from_ipv4(ntohl(config->lan.mask));
	if (!service->dhcp)
		return;
	// We are the only server of this LAN: unknown leases are refused at once instead of left to time out (RFC
	// 2131, 4.3.2).
	fprintf(f, "dhcp-authoritative\nno-ping\ndhcp-leasefile=%s\n", lease_file);
	fprintf(f, "dhcp-range=%s,%s,%s,%us\n", cat_addr_format(&service->range_first, first),
		cat_addr_format(&service->range_last, last), cat_addr_format(&netmask, mask), service->lease_s);
	if (config->lan.interface.mtu != 1500)
		fprintf(f, "dhcp-option=option:mtu,%u\n", config->lan.interface.mtu);
	for (uint32_t i = 0; i < service->host_count; i++) {
		const struct vcpe_host *host = &service->host[i];
		fprintf(f, "dhcp-host=%s,%s%s%s\n", cat_mac_format(&host->mac, mac),
			cat_addr_format(&host->address, first), host->name ? "," : "", host->name ? host->name : "");
	}
}

static void print_dns(FILE *f, const struct vcpe_config *config)
{
	const struct vcpe_service_config *service = &config->service;
	char text[CAT_ADDR_TEXT_MAX];
	if (!service->dns) {
		fputs("port=0\n", f);
		return;
	}
	// Names without a domain and private reverse lookups are nobody's business upstream (RFC 6303).
	fputs("domain-needed\nbogus-priv\ncache-size=1000\n", f);
	for (uint32_t i = 0; i < service->server_count; i++)
		fprintf(f, "server=%s\n", cat_addr_format(&service->server[i], text));
	for (uint32_t i = 0; i < service->record_count; i++)
		fprintf(f, "host-record=%s,%s\n", service->record[i].name,
			cat_addr_format(&service->record[i].address, text));
}

char *dnsmasq_config(const struct vcpe_config *config, const char *lease_file)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	if (!f)
		return NULL;
	// Nothing is read from /etc (there is none), and nobody is changed to: the process is root of a user namespace
	// of its own, which is nobody outside. Empty values mean "none" to dnsmasq.
	fputs("no-resolv\nno-hosts\nno-poll\npid-file=\nuser=\ngroup=\nlog-facility=-\n"
	      "interface=" DNSMASQ_INTERFACE "\nexcept-interface=lo\nbind-interfaces\n",
	      f);
	if (config->service.domain)
		fprintf(f, "domain=%s\nlocal=/%s/\nexpand-hosts\n", config->service.domain, config->service.domain);
	print_dns(f, config);
	print_dhcp(f, config, lease_file);
	if (config->lan.ipv6) {
		// RFC 4861 advertisements; addresses by SLAAC, DNS by RDNSS (RFC 8106) and stateless DHCPv6.
		fputs("enable-ra\ndhcp-range=::,constructor:" DNSMASQ_INTERFACE ",ra-stateless,64,1h\n", f);
		if (!config->service.dhcp)
			fprintf(f, "dhcp-leasefile=%s\n", lease_file);
		if (config->lan.interface.mtu != 1500)
			fprintf(f, "ra-param=" DNSMASQ_INTERFACE ",mtu:%u,0,0\n", config->lan.interface.mtu);
	}
	bool failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
