// SPDX-License-Identifier: BSD-3-Clause
#include "log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "firewall.h"

static void read_ports(struct fw_log_record *record, const struct cat_desc *desc, const uint8_t *data)
{
	record->ports = desc->flags & (CAT_DESC_TCP | CAT_DESC_UDP);
	record->icmp = desc->flags & CAT_DESC_ICMP;
	if (record->ports) {
		record->source_port = fw_get16(data + desc->l4);
		record->destination_port = fw_get16(data + desc->l4 + 2);
	} else if (record->icmp) {
		record->source_port = data[desc->l4];
		record->destination_port = data[desc->l4 + 1];
	}
}

void fw_log_packet(struct fw_log *log, struct cat_lane *lane, const struct fw_rule *rule, enum fw_log_action action,
		   const struct fw_packet *packet, const struct cat_desc *desc, enum cat_side side)
{
	const struct fw_config *config = lane->config;
	uint32_t put = atomic_load_explicit(&log->put, memory_order_relaxed);
	if (put - atomic_load_explicit(&log->taken, memory_order_acquire) >= FW_LOG_RECORDS ||
	    !fw_bucket_take(&log->bucket, config->log_rate, lane->now_us)) {
		cat_stats_add(lane->stats, FW_LOG_SUPPRESSED, 1);
		return;
	}
	const uint8_t *data = cat_data(lane, desc), *ip = data + desc->l3;
	bool ipv4 = desc->flags & CAT_DESC_IPV4;
	struct fw_log_record *record = &log->record[put % FW_LOG_RECORDS];
	*record = (struct fw_log_record){
		.time_us = lane->now_us,
		.action = (uint8_t)action,
		.side = (uint8_t)side,
		.family = ipv4 ? FW_IPV4 : FW_IPV6,
		.protocol = ipv4                          ? ip[9]
			    : desc->flags & CAT_DESC_ICMP ? IPPROTO_ICMPV6
							  : packet->key.protocol,
		.length = desc->len,
	};
	memcpy(record->source, ip + (ipv4 ? 12 : 8), ipv4 ? 4 : 16);
	memcpy(record->destination, ip + (ipv4 ? 16 : 24), ipv4 ? 4 : 16);
	if (rule)
		memcpy(record->rule, rule->name, sizeof(record->rule));
	read_ports(record, desc, data);
	cat_stats_add(lane->stats, FW_LOG_LINES, 1);
	atomic_store_explicit(&log->put, put + 1, memory_order_release);
}

bool fw_log_take(struct fw_log *log, struct fw_log_record *ret_record)
{
	uint32_t taken = atomic_load_explicit(&log->taken, memory_order_relaxed);
	if (taken == atomic_load_explicit(&log->put, memory_order_acquire))
		return false;
	*ret_record = log->record[taken % FW_LOG_RECORDS];
	atomic_store_explicit(&log->taken, taken + 1, memory_order_release);
	return true;
}

uint32_t fw_log_format(const struct fw_log_record *record, uint64_t unix_us, char line[FW_LOG_LINE_MAX])
{
	static const char *const actions[] = {"accepted", "dropped", "rejected", "limited", "spoofed"};
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], when[32], ports[64] = "", rule[64] = "";
	int family = record->family == FW_IPV4 ? AF_INET : AF_INET6;
	inet_ntop(family, record->source, source, sizeof(source));
	inet_ntop(family, record->destination, destination, sizeof(destination));
	time_t seconds = (time_t)(unix_us / 1000000);
	struct tm t;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &t));
	// A rule's name holds nothing that JSON would have to escape.
	if (record->rule[0])
		snprintf(rule, sizeof(rule), ", \"rule\": \"%s\"", record->rule);
	if (record->ports || record->icmp)
		snprintf(ports, sizeof(ports),
			 record->ports ? ", \"source_port\": %u, \"destination_port\": %u"
				       : ", \"icmp_type\": %u, \"icmp_code\": %u",
			 record->source_port, record->destination_port);
	return (uint32_t)snprintf(line, FW_LOG_LINE_MAX,
				  "{\"time\": \"%s.%06uZ\", \"event\": \"packet\", \"action\": \"%s\"%s, \"from\": "
				  "\"%s\", \"protocol\": %u, "
				  "\"source\": \"%s\", \"destination\": \"%s\"%s, \"bytes\": %u}\n",
				  when, (unsigned)(unix_us % 1000000), actions[record->action], rule,
				  record->side == CAT_LEFT ? "left" : "right", record->protocol, source, destination,
				  ports, record->length);
}
