// SPDX-License-Identifier: BSD-3-Clause
// What a configuration may say, and what dnsmasq is told of it.
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "config.h"
#include "dnsmasq.h"
#include "test.h"

#define LAN "\"lan\": {\"address\": \"192.168.1.1/24\"}"
#define WAN "\"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.1\"}"
#define BOTH LAN ", " WAN
#define POLICE(rest) BOTH ", \"policing\": {\"subscriber\": {" rest "}}"
#define NAT(rest) BOTH ", \"nat\": {\"pool\": [\"198.51.100.1\"], " rest "}"
#define FORWARD(rest) NAT("\"forward\": [" rest "]")
#define DHCP(rest) BOTH ", \"dhcp\": {\"range\": [\"192.168.1.100\", \"192.168.1.199\"]" rest "}"

static int create(const char *text, struct vcpe_config **ret, struct cat_err *err)
{
	cat_autonode struct cat_node *node = NULL;
	void *config = NULL;
	int r = cat_tree_parse_json("test", text, strlen(text), &node, err);
	if (r < 0)
		fail_msg("%s: %s", text, err->message);
	r = vcpe_config_create(node, &config, err);
	*ret = config;
	return r;
}

static void invalid(void **unused)
{
	(void)unused;
	static const struct {
		const char *text, *pointer, *message;
	} cases[] = {
		{"[]", "", "expected a map"},
		{"{}", "", "lan"},
		{"{" LAN "}", "", "wan"},
		{"{" BOTH ", \"nta\": {}}", "/nta", "unknown key \"nta\""},
		{"{\"lan\": {}, " WAN "}", "/lan", "\"address\" is missing"},
		{"{\"lan\": {\"address\": \"192.168.1.1\"}, " WAN "}", "/lan/address", "with prefix length"},
		{"{\"lan\": {\"address\": \"192.168.1.0/24\"}, " WAN "}", "/lan/address", "subnet's own"},
		{"{\"lan\": {\"address\": \"192.168.1.255/24\"}, " WAN "}", "/lan/address", "broadcast"},
		{"{\"lan\": {\"address\": \"10.0.0.1/8\"}, " WAN "}", "/lan/address", "expected 16 to 30"},
		{"{\"lan\": {\"address\": \"127.0.0.1/24\"}, " WAN "}", "/lan/address", "host can have"},
		{"{\"lan\": {\"address\": 7}, " WAN "}", "/lan/address", "expected an IPv4 address"},
		{"{\"lan\": {\"address\": \"192.168.1.1/24\", \"addres6\": 1}, " WAN "}", "/lan/addres6",
		 "unknown key"},
		{"{\"lan\": {\"address\": \"192.168.1.1/24\", \"mac\": \"01:00:00:00:00:01\"}, " WAN "}", "/lan/mac",
		 "one station"},
		{"{\"lan\": {\"address\": \"192.168.1.1/24\", \"mtu\": 100}, " WAN "}", "/lan/mtu", "576"},
		{"{\"lan\": {\"address\": \"192.168.1.1/24\", \"address6\": \"2001:db8:1::1/56\"}, " WAN "}",
		 "/lan/address6", "expected 64"},
		{"{\"lan\": {\"address\": \"192.168.1.1/24\", \"address6\": \"fe80::1/64\"}, " WAN "}", "/lan/address6",
		 "link-local"},
		{"{\"lan\": {\"address\": \"192.168.1.1/24\", \"address6\": \"ff02::1/64\"}, " WAN "}", "/lan/address6",
		 "IPv6"},
		{"{\"lan\": {\"address\": \"192.168.1.1/24\", \"address6\": \"2001:db8:1::1/64\"}, " WAN "}", "/wan",
		 "address6"},
		{"{" LAN ", \"wan\": {\"address\": \"10.0.0.2/30\"}}", "/wan", "gateway"},
		{"{" LAN ", \"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.5\"}}", "/wan/gateway",
		 "not a host of the WAN"},
		{"{" LAN ", \"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.3\"}}", "/wan/gateway",
		 "not a host of the WAN"},
		{"{" LAN ", \"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.2\"}}", "/wan/gateway",
		 "our own"},
		{"{" LAN ", \"wan\": {\"address\": \"192.168.1.2/30\", \"gateway\": \"192.168.1.1\"}}", "/wan/address",
		 "overlaps"},
		{"{" LAN
		 ", \"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.1\", \"gateway6\": \"2001:db8::1\"}}",
		 "/wan/gateway6", "address6"},
		{"{" LAN ", \"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.1\", \"address6\": "
		 "\"2001:db8::2/64\"}}",
		 "/wan", "gateway6"},
		{"{" LAN ", \"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.1\", \"address6\": "
		 "\"2001:db8::2/64\", "
		 "\"gateway6\": \"2001:db9::1\"}}",
		 "/wan/gateway6", "not in the WAN"},
		{"{" BOTH ", \"nat\": {\"pool\": []}}", "/nat/pool", "expected 1 to 64"},
		{"{" BOTH ", \"nat\": {\"pool\": [\"198.51.100.1\", \"198.51.100.1\"]}}", "/nat/pool/1", "twice"},
		{"{" BOTH ", \"nat\": {\"pool\": [\"192.168.1.9\"]}}", "/nat/pool/0", "LAN"},
		{"{" BOTH ", \"nat\": {\"pool\": [\"10.0.0.1\"]}}", "/nat/pool/0", "gateway"},
		{"{" BOTH ", \"nat\": {\"pool\": [\"2001:db8::1\"]}}", "/nat/pool/0", "IPv4"},
		{"{" NAT("\"ports\": \"5000\"") "}", "/nat/ports", "range"},
		{"{" NAT("\"ports\": \"6000-5000\"") "}", "/nat/ports", "range"},
		{"{" NAT("\"ports\": \"0-5000\"") "}", "/nat/ports", "range"},
		{"{" NAT("\"ports\": \"1-70000\"") "}", "/nat/ports", "range"},
		{"{" NAT("\"filtering\": \"none\"") "}", "/nat/filtering", "endpoint-independent"},
		{"{" NAT("\"quota\": 0") "}", "/nat/quota", "1 to"},
		{"{" NAT("\"hairpin\": 1") "}", "/nat/hairpin", "true"},
		{"{" NAT("\"timeouts\": {\"udp_s\": 30}") "}", "/nat/timeouts/udp_s", "120"},
		{"{" NAT("\"timeouts\": {\"tcp_established_s\": 3600}") "}", "/nat/timeouts/tcp_established_s", "7440"},
		{"{" NAT("\"timeouts\": {\"sctp_s\": 3600}") "}", "/nat/timeouts/sctp_s", "unknown"},
		{"{" FORWARD("7") "}", "/nat/forward/0", "a map"},
		{"{" FORWARD("{\"protocol\": \"tcp\", \"port\": 80}") "}", "/nat/forward/0", "to"},
		{"{" FORWARD("{\"protocol\": \"icmp\", \"port\": 80, \"to\": \"192.168.1.9\"}") "}",
		 "/nat/forward/0/protocol", "tcp"},
		{"{" FORWARD("{\"protocol\": \"tcp\", \"port\": 0, \"to\": \"192.168.1.9\"}") "}",
		 "/nat/forward/0/port", "1 to"},
		{"{" FORWARD("{\"protocol\": \"tcp\", \"port\": 80, \"to\": \"192.168.2.9\"}") "}", "/nat/forward/0/to",
		 "LAN"},
		{"{" FORWARD("{\"protocol\": \"tcp\", \"port\": 80, \"to\": \"192.168.1.1\"}") "}", "/nat/forward/0/to",
		 "LAN"},
		{"{" FORWARD("{\"protocol\": \"tcp\", \"port\": 80, \"to\": \"192.168.1.9\", \"address\": "
			     "\"198.51.100.2\"}") "}",
		 "/nat/forward/0/address", "pool"},
		{"{" FORWARD("{\"protocol\": \"tcp\", \"port\": 80, \"to\": \"192.168.1.9\"}, {\"protocol\": \"tcp\", "
			     "\"port\": 80, \"to\": "
			     "\"192.168.1.8\"}") "}",
		 "/nat/forward/1", "rule 0"},
		{"{" FORWARD("{\"protocol\": \"tcp\", \"port\": 80, \"to\": \"192.168.1.9\"}, {\"protocol\": \"tcp\", "
			     "\"port\": 81, \"to\": "
			     "\"192.168.1.9\", \"to_port\": 80}") "}",
		 "/nat/forward/1", "rule 0"},
		{"{" BOTH ", \"dhcp\": {}}", "/dhcp", "range"},
		{"{" BOTH ", \"dhcp\": {\"range\": [\"192.168.1.100\"]}}", "/dhcp/range", "two"},
		{"{" BOTH ", \"dhcp\": {\"range\": [\"192.168.1.100\", \"192.168.1.50\"]}}", "/dhcp/range", "above"},
		{"{" BOTH ", \"dhcp\": {\"range\": [\"192.168.1.100\", \"192.168.2.50\"]}}", "/dhcp/range/1", "LAN"},
		{"{" BOTH ", \"dhcp\": {\"range\": [\"192.168.1.1\", \"192.168.1.50\"]}}", "/dhcp/range", "gateway"},
		{"{" BOTH ", \"dhcp\": {\"range\": [\"192.168.1.100\", \"192.168.1.255\"]}}", "/dhcp/range",
		 "broadcast"},
		{"{" DHCP(", \"lease_s\": 10") "}", "/dhcp/lease_s", "120"},
		{"{" DHCP(", \"domain\": \"a b\"") "}", "/dhcp/domain", "host name"},
		{"{" DHCP(", \"domain\": \"a\\nuser=root\"") "}", "/dhcp/domain", "host name"},
		{"{" DHCP(", \"domain\": \"-a.b\"") "}", "/dhcp/domain", "host name"},
		{"{" DHCP(", \"domain\": \"a..b\"") "}", "/dhcp/domain", "host name"},
		{"{" DHCP(", \"hosts\": [{\"mac\": \"02:00:00:00:00:01\"}]") "}", "/dhcp/hosts/0", "address"},
		{"{" DHCP(", \"hosts\": [{\"mac\": \"x\", \"address\": \"192.168.1.7\"}]") "}", "/dhcp/hosts/0/mac",
		 "MAC"},
		{"{" DHCP(", \"hosts\": [{\"mac\": \"02:00:00:00:00:01\", \"address\": \"192.168.2.7\"}]") "}",
		 "/dhcp/hosts/0/address", "LAN"},
		{"{" DHCP(", \"hosts\": [{\"mac\": \"02:00:00:00:00:01\", \"address\": \"192.168.1.7\"}, {\"mac\": "
			  "\"02:00:00:00:00:01\", "
			  "\"address\": \"192.168.1.8\"}]") "}",
		 "/dhcp/hosts/1", "same MAC"},
		{"{" BOTH ", \"dns\": {\"servers\": [\"x\"]}}", "/dns/servers/0", "IP address"},
		{"{" BOTH ", \"dns\": {\"servers\": [\"192.168.1.1\"]}}", "/dns/servers/0", "own"},
		{"{" BOTH ", \"dns\": {\"records\": {\"a,b\": \"192.168.1.1\"}}}", "/dns/records/a,b", "host name"},
		{"{" BOTH ", \"dns\": {\"records\": {\"a\": \"b\"}}}", "/dns/records/a", "IP address"},
		{"{" POLICE("\"cir_kbps\": 1000") "}", "/policing/subscriber", "cbs_bytes"},
		{"{" POLICE("\"cir_kbps\": 1000, \"cbs_bytes\": 2000, \"pir_kbps\": 900, \"pbs_bytes\": 2000") "}",
		 "/policing/subscriber/pir_kbps", "at least cir_kbps"},
		{"{" POLICE("\"cir_kbps\": 1000, \"cbs_bytes\": 100, \"pir_kbps\": 2000, \"pbs_bytes\": 2000") "}",
		 "/policing/subscriber/cbs_bytes", "1500"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_err err = {0};
		struct vcpe_config *config = NULL;
		if (create(cases[i].text, &config, &err) == 0)
			fail_msg("%s was taken", cases[i].text);
		assert_null(config);
		size_t size = strlen(cases[i].pointer);
		if (strncmp(err.message, cases[i].pointer, size) != 0 || (size && err.message[size] != ':') ||
		    !strstr(err.message, cases[i].message))
			fail_msg("%s: found \"%s\", expected \"%s: ...%s...\"", cases[i].text, err.message,
				 cases[i].pointer, cases[i].message);
	}
	struct cat_err err = {0};
	void *config = NULL;
	assert_int_equal(vcpe_config_create(NULL, &config, &err), -EINVAL);
}

static void defaults(void **unused)
{
	(void)unused;
	struct cat_err err = {0};
	struct vcpe_config *c = NULL;
	if (create("{" BOTH "}", &c, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(c->nat.pool_count, 1);
	assert_int_equal(c->nat.pool[0], inet_addr("10.0.0.2"));
	assert_int_equal(c->nat.filtering, VCPE_FILTER_ADDRESS);
	assert_int_equal(c->nat.timeout_ms[VCPE_TIMER_TCP], 7440000);
	assert_int_equal(c->nat.timeout_ms[VCPE_TIMER_UDP], 300000);
	assert_int_equal(c->nat.port_first, 1024);
	assert_true(c->nat.hairpin);
	assert_false(c->police.enabled);
	assert_false(dnsmasq_wanted(c));
	assert_int_equal(c->lan.interface.mac.byte[0] & 3, 2);
	assert_memory_not_equal(&c->lan.interface.mac, &c->wan.interface.mac, 6);
	vcpe_config_destroy(c);
}

static void expect_line(const char *text, const char *line)
{
	size_t size = strlen(line);
	for (const char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, line, size) == 0 && (p[size] == '\n' || !p[size]))
			return;
	fail_msg("\"%s\" is missing in\n%s", line, text);
}

static void dnsmasq_is_told(void **unused)
{
	(void)unused;
	static const char text[] =
		"{\"lan\": {\"address\": \"192.168.1.1/24\", \"address6\": \"2001:db8:1::1/64\"}, "
		"\"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.1\", \"address6\": "
		"\"2001:db8:0:1::2/64\", "
		"\"gateway6\": \"fe80::1\"}, \"dhcp\": {\"range\": [\"192.168.1.100\", \"192.168.1.199\"], "
		"\"lease_s\": 600, "
		"\"domain\": \"branch.example\", \"hosts\": [{\"mac\": \"02:00:00:00:00:01\", \"address\": "
		"\"192.168.1.7\", "
		"\"name\": \"printer\"}]}, \"dns\": {\"servers\": [\"203.0.113.2\", \"2001:db8::53\"], "
		"\"records\": {\"nas.branch.example\": \"192.168.1.8\"}}}";
	struct cat_err err = {0};
	struct vcpe_config *c = NULL;
	if (create(text, &c, &err) < 0)
		fail_msg("%s", err.message);
	cat_autofree char *conf = dnsmasq_config(c, "/run/leases");
	static const char *const lines[] = {
		"no-resolv",
		"no-hosts",
		"user=",
		"interface=lan",
		"bind-interfaces",
		"domain=branch.example",
		"server=203.0.113.2",
		"server=2001:db8::53",
		"host-record=nas.branch.example,192.168.1.8",
		"dhcp-range=192.168.1.100,192.168.1.199,255.255.255.0,600s",
		"dhcp-host=02:00:00:00:00:01,192.168.1.7,printer",
		"dhcp-leasefile=/run/leases",
		"enable-ra",
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(lines); i++)
		expect_line(conf, lines[i]);
	vcpe_config_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invalid),
		cmocka_unit_test(defaults),
		cmocka_unit_test(dnsmasq_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
