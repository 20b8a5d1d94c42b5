#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The vCPE alone, without a container, between a LAN host and a WAN host: DHCP, DNS and router advertisements by the real
# dnsmasq on the tap, NAT and IPv6 with real tools.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

CPE=catena-vcpe-cpe LAN=catena-vcpe-lan WAN=catena-vcpe-wan
CONFIG='{"lan": {"address": "192.168.1.1/24", "address6": "2001:db8:1::1/64"},
 "wan": {"address": "203.0.113.1/24", "gateway": "203.0.113.2", "address6": "2001:db8:ff::1/64", "gateway6": "2001:db8:ff::2"},
 "nat": {"pool": ["203.0.113.7"], "forward": [{"protocol": "tcp", "port": 8080, "to": "192.168.1.150", "to_port": 80}]},
 "dhcp": {"range": ["192.168.1.150", "192.168.1.150"], "domain": "branch.example"},
 "dns": {"servers": ["203.0.113.2"], "records": {"nas.branch.example": "192.168.1.9"}}}'

hosts_down() {
	[ -z "$RIG" ] || { echo end >&7 && wait "$RIG"; }
	kill "$DNS" "$HTTP"
	for n in $LAN $WAN $CPE; do ip netns del "$n"; done
}
on() {
	local n=$1
	shift
	ip netns exec "$n" "$@"
}

for n in $LAN $WAN $CPE; do
	ip netns add "$n"
	ip -n "$n" link set lo up
done
RIG='' DNS='' HTTP=''
at_exit hosts_down
for side in lan wan; do
	ip link add ${side}0 netns $CPE type veth peer name eth0 netns catena-vcpe-$side
	ip -n $CPE link set ${side}0 arp off up
	# The rig's kernel is no party on these wires.
	on $CPE sysctl -qw net.ipv6.conf.${side}0.disable_ipv6=1
	ip -n catena-vcpe-$side link set eth0 up
done
ip -n $WAN addr add 203.0.113.2/24 dev eth0
ip -n $WAN addr add 2001:db8:ff::2/64 dev eth0 nodad
ip -n $WAN route add 2001:db8:1::/64 via 2001:db8:ff::1
mkdir "$WORK/www"
echo 'Hello from the WAN' >"$WORK/www/index.html"
ip netns exec $WAN dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root \
	--listen-address=203.0.113.2 --bind-interfaces --address=/www.example/203.0.113.2 >"$WORK/dns.log" 2>&1 &
DNS=$! # simple commands, so that this is the server itself
ip netns exec $WAN python3 -m http.server --bind :: --directory "$WORK/www" 80 >"$WORK/http.log" 2>&1 &
HTTP=$!

mkfifo "$WORK/hold"
# dnsmasq's files go to /run, which is a tmpfs in a container.
# shellcheck disable=SC2016 # the inner shell expands
RIG_KIND=vcpe RIG_CONFIG=$CONFIG ip netns exec $CPE unshare --mount sh -c 'mount -t tmpfs tmpfs /run; exec "$@"' sh \
	"$BUILD/tests/integration/rig_run" "$BUILD/dataplane/catena-dataplane" "$BUILD/vnfs/vcpe/catena-vcpe" 1 \
	'{"driver": "veth", "device": "lan0", "options": {}}' '{"driver": "veth", "device": "wan0", "options": {}}' \
	sh -c 'echo running; read -r end <"$0"' "$WORK/hold" >"$WORK/rig.log" 2>&1 &
RIG=$!
exec 7<>"$WORK/hold"
wait_until 20 grep -q running "$WORK/rig.log"

cat >"$WORK/lease" <<'E2'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "$router"
echo "$ip $router $dns $domain $lease"
E2
chmod +x "$WORK/lease"
lease=$(on $LAN udhcpc -i eth0 -f -n -q -t 20 -T 1 -s "$WORK/lease" 2>"$WORK/udhcpc.log") || fail "no address by DHCP"
[ "$lease" = '192.168.1.150 192.168.1.1 192.168.1.1 branch.example 3600' ] || fail "lease: $lease"
ok "DHCP: $lease"

ask() {
	on $LAN python3 - "$@" <<'E2'
import random, socket, struct, sys
name, kind, server, tcp = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "tcp"
query = struct.pack("!6H", random.randrange(65536), 0x100, 1, 0, 0, 0)
query += b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0" + struct.pack("!2H", kind, 1)
s = socket.create_connection((server, 53), 5) if tcp else socket.socket(
    socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
if tcp:
    s.sendall(struct.pack("!H", len(query)) + query)
    answer = s.recv(4096)[2:]
else:
    s.sendto(query, (server, 53))
    answer = s.recv(4096)
count = struct.unpack("!H", answer[6:8])[0]
print(socket.inet_ntoa(answer[-4:]) if count else "none")
E2
}
[ "$(ask nas.branch.example 1 192.168.1.1 udp)" = 192.168.1.9 ] || fail "own record"
[ "$(ask www.example 1 192.168.1.1 udp)" = 203.0.113.2 ] || fail "name from upstream"
[ "$(ask www.example 1 192.168.1.1 tcp)" = 203.0.113.2 ] || fail "name by TCP"
ok "DNS: own records, upstream through the NAT, by TCP"

on $LAN ping -q -c 5 -i 0.2 -W 2 203.0.113.2 | grep -q ' 5 received' || fail "ping through NAT"
on $LAN ping -q -c 5 -i 0.2 -W 2 -s 8000 203.0.113.2 | grep -q ' 5 received' || fail "ping in fragments through NAT"
on $LAN ping -q -c 2 -i 0.2 -W 2 192.168.1.1 | grep -q ' 2 received' || fail "ping to the gateway"
on $WAN ping -q -c 2 -i 0.2 -W 2 203.0.113.1 | grep -q ' 2 received' || fail "ping to the WAN address"
on $WAN ping -q -c 1 -W 1 203.0.113.7 >/dev/null && fail "the pool address answered"
on $LAN curl -sS --max-time 10 http://203.0.113.2/ | grep -q 'Hello from the WAN' || fail "HTTP"
grep -q '203.0.113.7.* "GET / ' "$WORK/http.log" || fail "the server did not see the public address"
ok "ping, also in fragments, and HTTP through the NAT, seen as 203.0.113.7, which answers ARP"
on $LAN ping -c 1 -t 1 -W 2 203.0.113.2 | grep -q 'From 192.168.1.1 .*Time to live exceeded' || fail "TTL 1"
on $LAN python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("203.0.113.2", 9)); s.settimeout(3)
s.send(b"x")
try: s.recv(10)
except ConnectionRefusedError: exit(0)
exit(1)' || fail "port unreachable did not come back"
ok "ICMP errors: our own, and the server's through the NAT"

ip netns exec $LAN python3 -m http.server --bind :: --directory "$WORK/www" 80 >"$WORK/http-lan.log" 2>&1 &
LANHTTP=$!
at_exit kill $LANHTTP
# shellcheck disable=SC2016 # the inner shell expands
wait_until 5 on $LAN sh -c '[ -n "$(ss -Htln sport = :80)" ]'
on $WAN curl -sS --max-time 10 http://203.0.113.7:8080/ | grep -q Hello || fail "forwarded port"
on $LAN curl -sS --max-time 10 http://203.0.113.7:8080/ | grep -q Hello || fail "hairpin"
ok "port forwarding, from outside and by hairpin"

wait_until 20 on $LAN sh -c 'ip -6 addr show dev eth0 scope global -tentative | grep -q 2001:db8:1: && ip -6 route | grep -q "^default.*proto ra"'
on $LAN ping -q -c 5 -i 0.2 -W 2 2001:db8:ff::2 | grep -q ' 5 received' || fail "ping, IPv6"
on $LAN curl -sS --max-time 10 'http://[2001:db8:ff::2]/' | grep -q Hello || fail "HTTP, IPv6"
[ "$(ask www.example 1 2001:db8:1::1 udp)" = 203.0.113.2 ] || fail "DNS, IPv6"
ok "IPv6: address by router advertisement, ping, HTTP, DNS"

echo end >&7
wait "$RIG" || fail "the rig ended with $?"
RIG=''
grep -E 'drop\.|nat\.|punted' "$WORK/rig.log"
