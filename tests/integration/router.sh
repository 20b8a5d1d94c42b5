#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The router alone, without a container, between two real hosts and with a third address that never answers: ARP and
# discovery against the kernel's, ping, traceroute, path MTU, fragments, TCP, ICMP errors as ping sees them.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

RTR=catena-router-rtr LEFT=catena-router-left RIGHT=catena-router-right
CONFIG='{"left": {"addresses": ["10.0.0.1/24", "2001:db8:1::1/64"]},
 "right": {"addresses": ["192.0.2.1/24", "2001:db8:2::1/64"], "mtu": 1400},
 "routes": [{"prefix": "198.51.100.0/24", "via": "192.0.2.2"}, {"prefix": "2001:db8:100::/48", "via": "2001:db8:2::2"},
  {"prefix": "203.0.113.0/24", "unreachable": true}]}'

hosts_down() {
	[ -z "$RIG" ] || { echo end >&7 && wait "$RIG"; }
	kill "$HTTP"
	for n in $LEFT $RIGHT $RTR; do ip netns del "$n"; done
}
on() {
	local n=$1
	shift
	ip netns exec "$n" "$@"
}

for n in $LEFT $RIGHT $RTR; do
	ip netns add "$n"
	ip -n "$n" link set lo up
done
RIG='' HTTP=''
at_exit hosts_down
for side in left right; do
	ip link add ${side}0 netns $RTR type veth peer name eth0 netns catena-router-$side
	ip -n $RTR link set ${side}0 arp off up
	# The rig's kernel is no party on these wires.
	on $RTR sysctl -qw net.ipv6.conf.${side}0.disable_ipv6=1
	ip -n catena-router-$side link set eth0 up
	# Checksums are finished by the hosts: the wire is a wire.
	on catena-router-$side ethtool -K eth0 tx off >/dev/null 2>&1
done
ip -n $LEFT addr add 10.0.0.2/24 dev eth0
ip -n $LEFT addr add 2001:db8:1::2/64 dev eth0 nodad
ip -n $LEFT route add default via 10.0.0.1
ip -n $LEFT route add default via 2001:db8:1::1
ip -n $RIGHT addr add 192.0.2.2/24 dev eth0
ip -n $RIGHT addr add 2001:db8:2::2/64 dev eth0 nodad
ip -n $RIGHT addr add 198.51.100.7/32 dev lo
ip -n $RIGHT addr add 2001:db8:100::7/128 dev lo nodad
ip -n $RIGHT route add default via 192.0.2.1
ip -n $RIGHT route add default via 2001:db8:2::1
head -c 20000000 /dev/urandom >"$WORK/file"
ip netns exec $RIGHT python3 -m http.server --bind :: --directory "$WORK" 80 >"$WORK/http.log" 2>&1 &
HTTP=$!

mkfifo "$WORK/hold"
# shellcheck disable=SC2016 # the inner shell expands
RIG_KIND=router RIG_CONFIG=$CONFIG ip netns exec $RTR \
	"$BUILD/tests/integration/rig_run" "$BUILD/dataplane/catena-dataplane" "$BUILD/vnfs/router/catena-router" 1 \
	'{"driver": "veth", "device": "left0", "options": {}}' '{"driver": "veth", "device": "right0", "options": {}}' \
	sh -c 'echo running; read -r end <"$0"' "$WORK/hold" >"$WORK/rig.log" 2>&1 &
RIG=$!
exec 7<>"$WORK/hold"
wait_until 20 grep -q running "$WORK/rig.log"

# The very first packet waits for the neighbour and is not lost.
on $LEFT ping -q -c 1 -W 3 192.0.2.2 | grep -q ' 1 received' || fail "the first ping"
on $LEFT ping -q -c 1 -W 3 2001:db8:2::2 | grep -q ' 1 received' || fail "the first ping, IPv6"
on $RIGHT ping -q -c 5 -i 0.2 -W 2 10.0.0.2 | grep -q ' 5 received' || fail "ping from the right"
for to in 198.51.100.7 2001:db8:100::7 10.0.0.1 192.0.2.1 2001:db8:1::1 2001:db8:2::1; do
	on $LEFT ping -q -c 2 -i 0.2 -W 2 $to | grep -q ' 2 received' || fail "ping $to"
done
on $LEFT ip neigh show 10.0.0.1 | grep -qE 'REACHABLE|DELAY|STALE' || fail "the kernel's ARP entry"
link_local=$(on $LEFT ip -6 neigh show dev eth0 | awk '/^fe80/ {print $1; exit}')
ok "ping, IPv4 and IPv6, neighbours, routes and the router itself${link_local:+ ($link_local)}"

on $LEFT ping -c 1 -t 1 -W 2 192.0.2.2 | grep -q 'From 10.0.0.1 .*Time to live exceeded' || fail "TTL 1"
on $LEFT ping -c 1 -t 2 -W 2 192.0.2.2 | grep -q ' 1 received' || fail "TTL 2"
on $LEFT ping -6 -c 1 -t 1 -W 2 2001:db8:2::2 | grep -q 'From 2001:db8:1::1 .*Time exceeded: Hop limit' || fail "hop limit 1"
on $LEFT ping -c 1 -W 2 8.8.8.8 | grep -q 'From 10.0.0.1 .*Destination Net Unreachable' || fail "no route"
on $LEFT ping -c 1 -W 2 2001:db8:9::9 | grep -q 'From 2001:db8:1::1 .*Destination unreachable: No route' || fail "no route, IPv6"
on $LEFT ping -c 1 -W 2 203.0.113.9 | grep -q 'From 10.0.0.1 .*Destination Host Unreachable' || fail "unreachable"
on $LEFT ping -c 1 -W 5 192.0.2.99 | grep -q 'From 10.0.0.1 .*Destination Host Unreachable' || fail "silent host"
on $LEFT ping -c 1 -W 5 2001:db8:2::99 | grep -q 'From 2001:db8:1::1 .*Address unreachable' || fail "silent host, IPv6"
for to in 10.0.0.1 2001:db8:1::1; do
	on $LEFT python3 - $to <<'E2' || fail "port unreachable of $to"
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 9))
s.settimeout(3)
s.send(b"x")
try:
    s.recv(10)
except ConnectionRefusedError:
    sys.exit(0)
sys.exit(1)
E2
done
ok "ICMP errors: TTL, no route, unreachable, silent hosts, ports"

on $LEFT ping -c 1 -W 2 -M 'do' -s 1400 192.0.2.2 | grep -q 'Frag.* needed.*mtu = 1400' || fail "fragmentation needed"
ip -n $LEFT route flush cache
on $LEFT ping -q -c 3 -i 0.2 -W 2 -M dont -s 1400 198.51.100.7 | grep -q ' 3 received' || fail "fragments"
on $LEFT ping -c 3 -i 0.2 -W 2 -s 1400 2001:db8:2::2 >"$WORK/big" || true
grep -qE 'Packet too big: mtu=1400|bytes from' "$WORK/big" || fail "packet too big"
on $LEFT ip route get 2001:db8:2::2 | grep -q 'mtu 1400' || fail "the kernel did not learn the path's MTU"
ok "path MTU: fragmentation needed, fragments, packet too big"

for url in http://192.0.2.2/file 'http://[2001:db8:2::2]/file'; do
	on $LEFT curl -sS --max-time 60 -o "$WORK/got" "$url" || fail "$url"
	cmp "$WORK/file" "$WORK/got" || fail "$url: not what was sent"
done
ok "20 MB by TCP, IPv4 and IPv6, over the narrow link"

echo end >&7
wait "$RIG" || fail "the rig ended with $?"
RIG=''
grep -E 'drop\.|neighbour|icmp|routed|fragment' "$WORK/rig.log"
