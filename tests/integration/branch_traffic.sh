#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The branch office with real tools, IPv4 and IPv6: DHCP, DNS, ping, HTTP by name, iperf3 both ways, traceroute-like
# errors, what the firewall must refuse, and every hop's counters afterwards.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/hosts/branch.sh
. "$SOURCE/tests/hosts/branch.sh"

before=$(snapshot)
at_exit hosts_down
hosts_up catena-bt "$WORK/hosts" || fail "hosts"
echo 'Hello from the WAN' >"$WORK/hosts/www/index.html"
manager_start
catena up "$SOURCE/chains/examples/branch.yaml" || fail "up"

hosts_dhcp || fail "no address by DHCP"
ok "DHCP: $(ip -n catena-bt-lan -br -4 addr show eth0)"
hosts_ipv6

on_lan ping -q -c 5 -i 0.2 -W 2 203.0.113.2 | grep -q ' 5 received' || fail "ping, IPv4"
ok "ping through NAT, not even the first one lost"
on_lan ping -q -c 5 -i 0.2 -W 2 2001:db8:ff::2 | grep -q ' 5 received' || fail "ping, IPv6"
ok "ping, IPv6"
on_lan ping -q -c 2 -i 0.2 -W 2 192.168.1.1 | grep -q ' 2 received' || fail "ping to the gateway"
on_lan ping -q -c 3 -i 0.2 -W 2 -s 1400 203.0.113.2 | grep -q ' 3 received' || fail "large ping"
on_lan ping -q -c 3 -i 0.2 -W 2 -s 5000 203.0.113.2 | grep -q ' 3 received' || fail "ping in fragments"
ok "gateway answers; large pings pass, and such in fragments"

on_lan curl -sS --max-time 10 http://www.example/ | grep -q 'Hello from the WAN' || fail "HTTP by name"
ok "HTTP by name: DNS by the vCPE, TCP through NAT"
on_lan curl -sS --max-time 10 'http://[2001:db8:ff::2]/' | grep -q 'Hello from the WAN' || fail "HTTP, IPv6"
ok "HTTP, IPv6"

rate() {
	python3 -c 'import json, sys
end = json.load(sys.stdin)["end"]
print(round((end.get("sum_received") or end["sum"])["bits_per_second"] / 1e6))'
}
for options in "-c 203.0.113.2" "-c 203.0.113.2 -R" "-6 -c 2001:db8:ff::2" "-6 -c 2001:db8:ff::2 -R" \
	"-c 203.0.113.2 -u -b 20M" "-c 203.0.113.2 -P 4"; do
	# shellcheck disable=SC2086 # options are words
	mbps=$(on_lan timeout 20 iperf3 $options -t 2 --json | rate) || fail "iperf3 $options"
	[ "$mbps" -ge 10 ] || fail "iperf3 $options: $mbps Mbit/s"
	ok "iperf3 $options: $mbps Mbit/s"
done

# TTL 1 dies at the vCPE, 2 at the router: both must say so, to the LAN host's own address.
on_lan ping -c 1 -t 1 -W 2 203.0.113.2 | grep -q 'From 192.168.1.1 .*Time to live exceeded' || fail "TTL 1"
on_lan ping -c 1 -t 2 -W 2 203.0.113.2 | grep -q 'From 10.0.0.1 .*Time to live exceeded' || fail "TTL 2"
ok "time exceeded from vCPE and router, the latter through NAT and firewall"
on_lan ping -c 1 -W 2 203.0.113.99 >/dev/null && fail "a host that is not there answered"
ok "no answer for a host that is not there"

# From outside nothing comes in: not to the LAN's own addresses, nor to the pool without a session.
on_wan ping -c 1 -W 1 198.51.100.1 >/dev/null && fail "the pool address answered an unsolicited ping"
on_wan curl -sS --max-time 2 http://198.51.100.1/ >/dev/null 2>&1 && fail "a connection from outside came in"
on_wan curl -sS --max-time 2 'http://[2001:db8:1::10]/' 2>&1 | grep -q 'refused' && fail "IPv6 from outside came in"
ok "the firewall keeps unsolicited traffic out"

catena status branch --json >"$WORK/status.json" || fail "status"
python3 "$SOURCE/tests/integration/every_hop.py" "$WORK/status.json" || fail "counters"

catena down branch || fail "down"
manager_stop
hosts_down
rm -rf "${WORK:?}/run" "${WORK:?}/state"
same_host "$before"
ok "the host is as it was"
