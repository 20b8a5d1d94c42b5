// SPDX-License-Identifier: BSD-3-Clause
#include "gen_frame.h"

#include "gen_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define L3 14u
#define SPORT 0xfffeu // of flow 0: counts down
#define DEFAULT_DESTINATION_PORT 9u

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static int read_addresses(const struct cat_node *options, struct gen_options *o, struct cat_err *err)
{
	static const char *const mac_keys[] = {"source_mac", "destination_mac"}, *const keys[] = {"source",
												  "destination"};
	struct cat_mac *const macs[] = {&o->source_mac, &o->destination_mac};
	struct cat_addr *const addresses[] = {&o->source, &o->destination};
	for (unsigned i = 0; i < 2; i++) {
		const char *text = NULL;
		int r = cat_node_read_string(options, mac_keys[i], CAT_OPTIONAL, &text, err);
		if (r < 0)
			return r;
		if (text && cat_mac_parse(text, macs[i]) < 0)
			return cat_node_error(cat_node_get(options, mac_keys[i]), err,
					      "expected a MAC address, found \"%s\"", text);
		text = NULL;
		r = cat_node_read_string(options, keys[i], CAT_OPTIONAL, &text, err);
		if (r < 0)
			return r;
		if (text && cat_addr_parse(text, addresses[i]) < 0)
			return cat_node_error(cat_node_get(options, keys[i]), err,
					      "expected an IP address, found \"%s\"", text);
	}
	if (o->source.family != o->destination.family)
		return cat_node_error(options, err, "source and destination are not of one family");
	o->ipv6 = o->source.family == AF_INET6;
	return 0;
}

int gen_options_read(const struct cat_node *options, uint32_t size_max, struct gen_options *ret, struct cat_err *err)
{
	struct gen_options o = {
		.source_mac = {{2, 0, 0, 0, 1, 1}},
		.destination_mac = {{2, 0, 0, 0, 1, 2}},
		.source = cat_addr_from_ipv4(0x0a000000),      // 10.0.0.0
		.destination = cat_addr_from_ipv4(0xc6120001), // 198.18.0.1, RFC 2544
		.send = true,
	};
	int64_t timed = 1, size = GEN_SIZE_MIN + GEN_FCS, flows = 1, port = DEFAULT_DESTINATION_PORT, rate = 0,
		count = 0;
	int64_t window = 0, hosts = GEN_FLOWS_MAX, destinations = 1, step = 1;
	const char *template = "udp";
	if (size_max > GEN_SIZE_MAX)
		size_max = GEN_SIZE_MAX;
	int r = read_addresses(options, &o, err);
	if (r == 0)
		r = cat_node_read_string(options, "template", CAT_OPTIONAL, &template, err);
	if (r == 0 && strcmp(template, "udp") && strcmp(template, "tcp"))
		r = cat_node_error(cat_node_get(options, "template"), err, "expected udp or tcp, found \"%s\"",
				   template);
	o.tcp = r == 0 && !strcmp(template, "tcp");
	if (r == 0)
		r = cat_node_read_bool(options, "sequence", CAT_OPTIONAL, &o.sequence, err);
	// A smaller frame than holds every header, and the mark, is made as large as that.
	int64_t headers = L3 + (o.ipv6 ? 40 : 20) + (o.tcp ? 20 : 8);
	if (o.sequence)
		headers += (int64_t)sizeof(struct gen_mark) + (o.tcp || o.ipv6 ? GEN_BALANCE : 0);
	int64_t size_min = (headers > GEN_SIZE_MIN ? headers : GEN_SIZE_MIN) + GEN_FCS;
	if (r == 0)
		r = cat_node_read_int(options, "size", CAT_OPTIONAL, GEN_SIZE_MIN + GEN_FCS, size_max + GEN_FCS, &size,
				      err);
	size = size < size_min ? size_min : size;
	if (r == 0)
		r = cat_node_read_int(options, "flows", CAT_OPTIONAL, 1, GEN_FLOWS_MAX, &flows, err);
	if (r == 0)
		r = cat_node_read_int(options, "destination_port", CAT_OPTIONAL, 0, UINT16_MAX, &port, err);
	if (r == 0)
		r = cat_node_read_int(options, "rate", CAT_OPTIONAL, 0, 1000000000, &rate, err);
	if (r == 0)
		r = cat_node_read_int(options, "count", CAT_OPTIONAL, 0, INT64_MAX, &count, err);
	if (r == 0)
		r = cat_node_read_bool(options, "send", CAT_OPTIONAL, &o.send, err);
	if (r == 0)
		r = cat_node_read_int(options, "timed", CAT_OPTIONAL, 1, GEN_TIMED_MAX, &timed, err);
	if (r == 0)
		r = cat_node_read_bool(options, "reflect", CAT_OPTIONAL, &o.reflect, err);
	if (r == 0)
		r = cat_node_read_int(options, "hosts", CAT_OPTIONAL, 1, GEN_FLOWS_MAX, &hosts, err);
	if (r == 0)
		r = cat_node_read_int(options, "destinations", CAT_OPTIONAL, 1, GEN_FLOWS_MAX, &destinations, err);
	if (r == 0)
		r = cat_node_read_int(options, "window", CAT_OPTIONAL, 0, GEN_FLOWS_MAX, &window, err);
	if (r == 0)
		r = cat_node_read_int(options, "destination_step", CAT_OPTIONAL, 1, UINT32_MAX / 2, &step, err);
	if (r < 0)
		return r;
	if (timed & (timed - 1))
		return cat_node_error(cat_node_get(options, "timed"), err, "expected a power of two, found %lld",
				      (long long)timed);
	if ((hosts & (hosts - 1)) || (destinations & (destinations - 1)))
		return cat_node_error(options, err, "hosts and destinations are powers of two");
	// Hosts that no flow reaches are not there; the source port holds the rest of a flow's number.
	while (hosts > 1 && hosts / 2 >= flows)
		hosts /= 2;
	while (destinations > 1 && destinations / 2 >= flows)
		destinations /= 2;
	int64_t last = flows < hosts ? flows - 1 : hosts - 1;
	if (get32(o.source.byte + (o.ipv6 ? 12 : 0)) + last > UINT32_MAX)
		return cat_node_error(options, err,
				      "%lld hosts beginning at this source address run over its last 32 bits",
				      (long long)last + 1);
	if (get32(o.destination.byte + (o.ipv6 ? 12 : 0)) + (destinations - 1) * step > UINT32_MAX)
		return cat_node_error(options, err, "destinations in these steps run over the address's last 32 bits");
	if ((flows - 1) / hosts >= SPORT)
		return cat_node_error(options, err, "%lld flows need more than %lld hosts", (long long)flows,
				      (long long)hosts);
	o.window = (uint32_t)window;
	o.hosts = (uint32_t)hosts;
	o.destinations = (uint32_t)destinations;
	o.destination_step = (uint32_t)step;
	o.size = (uint32_t)size;
	o.flows = (uint32_t)flows;
	o.destination_port = (uint16_t)port;
	o.rate_pps = (uint64_t)rate;
	o.count = (uint64_t)count;
	o.timed = (uint32_t)timed;
	*ret = o;
	return 0;
}

static uint32_t sum16(const uint8_t *p, uint32_t size, uint32_t sum)
{
	for (uint32_t i = 0; i + 1 < size; i += 2)
		sum += get16(p + i);
	if (size & 1)
		sum += (uint32_t)p[size - 1] << 8;
	return sum;
}

static uint16_t finish_sum(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static uint32_t build_ip(const struct gen_options *o, uint32_t l3_size, uint8_t protocol, struct gen_frame *f)
{
	uint8_t *ip = f->data + L3;
	if (o->ipv6) {
		ip[0] = 0x60;
		gen_put16(ip + 4, l3_size - 40);
		ip[6] = protocol;
		ip[7] = 64;
		memcpy(ip + 8, o->source.byte, 16);
		memcpy(ip + 24, o->destination.byte, 16);
		f->source_at = L3 + 20;
		f->destination_at = L3 + 36;
		return 40;
	}
	ip[0] = 0x45;
	gen_put16(ip + 2, l3_size);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, o->source.byte, 4);
	memcpy(ip + 16, o->destination.byte, 4);
	f->l3_sum = finish_sum(sum16(ip, 20, 0));
	gen_put16(ip + 10, f->l3_sum);
	f->l3_sum_at = L3 + 10;
	f->source_at = L3 + 12;
	f->destination_at = L3 + 16;
	return 20;
}

void gen_frame_build(const struct gen_options *o, struct gen_frame *f)
{
	memset(f, 0, sizeof(*f));
	uint8_t protocol = o->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	uint32_t size = o->size - GEN_FCS, l3_size = size - L3;
	memcpy(f->data, o->destination_mac.byte, 6);
	memcpy(f->data + 6, o->source_mac.byte, 6);
	gen_put16(f->data + 12, o->ipv6 ? 0x86dd : 0x0800);
	uint32_t ip_header = build_ip(o, l3_size, protocol, f);
	uint8_t *ip = f->data + L3, *l4 = ip + ip_header;
	uint32_t l4_size = l3_size - ip_header;
	f->sport = SPORT;
	f->sport_at = L3 + ip_header;
	gen_put16(l4, f->sport);
	gen_put16(l4 + 2, o->destination_port);
	if (o->tcp) {
		l4[12] = 5 << 4;
		l4[13] = 0x10; // ACK
		gen_put16(l4 + 14, 0xffff);
	} else {
		gen_put16(l4 + 4, l4_size);
	}
	uint32_t addresses = sum16(o->ipv6 ? ip + 8 : ip + 12, o->ipv6 ? 32 : 8, 0);
	// Marks differ from frame to frame; UDP over IPv4 may go without a sum (RFC 768).
	uint16_t csum = finish_sum(sum16(l4, l4_size, addresses + protocol + l4_size));
	if (!o->sequence || o->tcp || o->ipv6) {
		f->l4_sum_at = L3 + ip_header + (o->tcp ? 16 : 6);
		gen_put16(f->data + f->l4_sum_at, !o->tcp && csum == 0 ? 0xffff : csum);
	}
	f->source = get32(f->data + f->source_at);
	f->destination = get32(f->data + f->destination_at);
	f->step = o->destination_step;
	f->host_mask = o->hosts - 1;
	f->host_bits = (uint32_t)__builtin_ctz(o->hosts);
	f->destination_mask = o->destinations - 1;
	// Added in one's complement: taken away from its complement.
	f->l3_sum = (uint16_t)~gen_subtract((uint16_t)~f->l3_sum, f->source, f->destination, 0);
	f->l4_sum = (uint16_t)~gen_subtract((uint16_t)~csum, f->source, f->destination, f->sport);
	f->protocol = protocol;
	memcpy(&f->dport, l4 + 2, sizeof(f->dport));
	f->ipv6 = o->ipv6;
	f->desc.len = (uint16_t)size;
	cat_parse(&f->desc, f->data);
}

uint32_t gen_frame_hash6(const struct gen_frame *f, const uint8_t *data)
{
	uint16_t sport;
	memcpy(&sport, data + f->sport_at, sizeof(sport));
	return cat_flow_hash6(data + L3 + 8, data + L3 + 24, sport, f->dport, f->protocol);
}
