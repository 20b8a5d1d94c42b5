#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The router with the real FRR in its container, and another real FRR as its neighbour: the BGP session comes up through
# the function, routes are learnt and forwarded by, withdrawn ones are not; killed -9 it forwards on by what it knew, and
# what was withdrawn meanwhile goes.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ -x /usr/lib/frr/bgpd ] || skip "needs FRR (package frr)"
NS=$TAG-wan PEER=$WORK/peer

host_add lan 10.0.0.2/24
host_add wan 192.0.2.2/24
in_host lan ip route add default via 10.0.0.1
for address in 198.51.100.7/32 203.0.113.7/32 172.16.0.1/32 2001:db8:100::7/128; do
	in_host wan ip addr add "$address" dev lo
done
in_host lan ip addr add 2001:db8:1::2/64 dev eth0 nodad
in_host lan ip route add default via 2001:db8:1::1
in_host wan ip addr add 2001:db8:2::2/64 dev eth0 nodad

# Answers find their way whatever the neighbour knows at the moment: what is lost is lost by the function.
in_host wan ip route add 10.0.0.2/32 via 192.0.2.1
# The neighbour, as another user has it: nothing of this project.
mkdir -p "$PEER"
cat >"$PEER/zebra.conf" <<'E2'
frr defaults traditional
E2
cat >"$PEER/bgpd.conf" <<'E2'
frr defaults traditional
router bgp 65002
 bgp router-id 192.0.2.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 bgp graceful-restart
 neighbor 192.0.2.1 remote-as 65001
 neighbor 192.0.2.1 timers 1 3
 neighbor 192.0.2.1 timers connect 1
 neighbor 2001:db8:2::1 remote-as 65001
 neighbor 2001:db8:2::1 timers connect 1
 address-family ipv4 unicast
  network 198.51.100.0/24
  network 203.0.113.0/24
  network 172.16.0.0/12
  neighbor 192.0.2.1 activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:100::/48
  neighbor 2001:db8:2::1 activate
 exit-address-family
E2
chown -R frr:frr "$PEER"
for daemon in zebra bgpd; do
	ip netns exec "$NS" /usr/lib/frr/$daemon -u frr -g frr -P 0 --vty_socket "$PEER" -z "$PEER/zserv.api" \
		-i "$PEER/$daemon.pid" -f "$PEER/$daemon.conf" --log stdout >"$WORK/peer-$daemon.log" 2>&1 &
	at_exit kill $!
	[ $daemon = bgpd ] || wait_until 10 test -S "$PEER/zserv.api"
done
peer() {
	local arguments=() line
	for line in "$@"; do arguments+=(-c "$line"); done
	vtysh --vty_socket "$PEER" "${arguments[@]}"
}

# service IMPORT: what the router takes from its neighbour.
service() {
	cat <<-YAML
		version: 1
		service: edge
		ports:
		  lan: {dev: "veth:$TAG-lan"}
		  wan: {dev: "veth:$TAG-wan"}
		functions:
		  rtr:
		    kind: router-frr
		    config:
		      left: {addresses: [10.0.0.1/24, 2001:db8:1::1/64]}
		      right: {addresses: [192.0.2.1/24, 2001:db8:2::1/64]}
		      routes:
		        - {prefix: 192.168.0.0/16, unreachable: true}
		      restart_s: 15
		      bgp:
		        as: 65001
		        redistribute: [connected, static]
		        neighbours:
		          - {address: 192.0.2.2, as: 65002, hold_s: 9, import: $1, export: all}
		          - {address: "2001:db8:2::2", as: 65002, hold_s: 9, import: all, export: [2001:db8:1::/64]}
		path: [lan, rtr, wan]
		lanes: 1
	YAML
}
service '[198.51.100.0/24, {prefix: 203.0.0.0/8, max_length: 24}]' >"$WORK/edge.yaml"
service all >"$WORK/all.yaml"

manager_start
catena up "$WORK/edge.yaml" >/dev/null || fail "up: $(catena logs edge | tail -n 20)"
at_exit sh -c "catena logs edge >$WORK/edge.log 2>&1"

has_route() { in_host wan ip route show proto bgp | grep -q "^$1 "; }
reaches() { in_host lan ping -q -c 1 -W 1 "$1" | grep -q ' 1 received'; }
unreachable() { in_host lan ping -c 1 -W 1 "$1" | grep -q 'From 10.0.0.1 .*Destination Net Unreachable'; }
wait_until 60 has_route 10.0.0.0/24
wait_until 20 has_route 192.168.0.0/16
wait_until 20 reaches 198.51.100.7
wait_until 20 reaches 203.0.113.7
wait_until 20 reaches 2001:db8:100::7
unreachable 172.16.0.1 || fail "a route came through that is not in the import list"
in_host wan ip -6 route show proto bgp | grep -q '^2001:db8:1::/64 ' || fail "the IPv6 route is not at the neighbour"
ok "BGP through the function: routes both ways, forwarded by; an import list keeps others out"

peer 'configure terminal' 'router bgp 65002' 'address-family ipv4 unicast' 'no network 203.0.113.0/24'
wait_until 20 unreachable 203.0.113.7
wait_until 5 reaches 198.51.100.7
ok "a withdrawn route is gone"

# losses COMMAND...: pings 198.51.100.7 twenty times a second until COMMAND has ended, and prints how many were lost.
losses() {
	local ping
	ip netns exec "$TAG-lan" ping -q -i 0.05 198.51.100.7 >"$WORK/pings" &
	ping=$!
	"$@" || fail "$*"
	kill -INT $ping
	wait $ping
	awk '/packets transmitted/ {print $1 - $4}' "$WORK/pings"
}

change() {
	catena up "$WORK/all.yaml" >/dev/null && wait_until 60 reaches 172.16.0.1
}
pid=$(function_pid edge rtr)
lost=$(losses change) || exit 1
[ "$(function_pid edge rtr)" = "$pid" ] || fail "the change took another process"
[ "$lost" -le 10 ] || fail "$lost packets lost by a change of the import list"
ok "another import list, taken while traffic runs: $lost packets lost"

# The daemons alone: routes stay where they are.
daemon() { pgrep -P "$(function_pid edge rtr)" -x "$1"; }
other_daemon() { [ -n "$(daemon "$1")" ] && [ "$(daemon "$1")" != "$2" ]; }
session_is_up() { peer 'show bgp ipv4 unicast summary json' | jq -e '.peers["192.0.2.1"] | .state == "Established" and .peerUptimeMsec < 60000'; }
session_number() { peer 'show bgp ipv4 unicast summary json' | jq '.peers["192.0.2.1"].connectionsEstablished'; }
newer_session() { [ "$(session_number)" -gt "$1" ] && session_is_up; }
kill_daemon() {
	local old
	old=$(daemon "$1")
	kill -9 "$old"
	wait_until 20 other_daemon "$1" "$old"
}
kill_bgpd() {
	local old
	old=$(session_number)
	kill_daemon bgpd
	wait_until 40 newer_session "$old"
}
lost=$(losses kill_bgpd) || exit 1
[ "$lost" -le 10 ] || fail "$lost packets lost by the death of bgpd"
ok "bgpd killed -9: the session is back, $lost packets lost"
lost=$(losses kill_daemon zebra) || exit 1
[ "$lost" -le 10 ] || fail "$lost packets lost by the death of zebra"
ok "zebra killed -9: $lost packets lost"

# The function, and with it the container, its kernel's routes and all daemons. Meanwhile a route is withdrawn.
kill_function() {
	local old session
	old=$(function_pid edge rtr)
	session=$(session_number)
	kill -9 "$old"
	peer 'configure terminal' 'router bgp 65002' 'address-family ipv4 unicast' 'no network 172.16.0.0/12'
	wait_until 20 is_other_function "$old"
	wait_until 5 reaches 198.51.100.7
	wait_until 40 newer_session "$session"
	wait_until 60 unreachable 172.16.0.1
}
is_other_function() { [ "$(function_pid edge rtr)" != "$1" ] && is_running edge; }
lost=$(losses kill_function) || exit 1
# It is away for a fraction of a second on an idle machine.
[ "$lost" -le 200 ] || fail "$lost packets lost by the death of the function"
for address in 198.51.100.7 2001:db8:100::7; do
	wait_until 20 reaches $address
done
wait_until 20 has_route 10.0.0.0/24
ok "the function killed -9: forwards on ($lost packets lost), the session is back, what was withdrawn meanwhile is gone"

catena exec edge/rtr -- vtysh -c 'show bgp ipv4 unicast summary' 2>/dev/null | grep -q 'local AS number 65001' || fail "vtysh in the container"
catena down edge >/dev/null || fail "down"
manager_stop
