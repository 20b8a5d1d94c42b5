#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# OSPFv2, OSPFv3 and BFD of the router's FRR with another FRR: adjacencies come up through the function, routes are learnt both
# ways and forwarded by, and a neighbour that falls silent is noticed by BFD long before OSPF would.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ -x /usr/lib/frr/ospfd ] || skip "needs FRR (package frr)"
NS=$TAG-wan PEER=$WORK/peer

host_add lan 10.0.0.2/24
host_add wan 192.0.2.2/24
in_host lan ip route add default via 10.0.0.1
in_host lan ip addr add 2001:db8:1::2/64 dev eth0 nodad
in_host lan ip route add default via 2001:db8:1::1
in_host wan ip addr add 198.51.100.7/32 dev lo
in_host wan ip addr add 2001:db8:100::7/128 dev lo nodad
in_host wan sysctl -qw net.ipv6.conf.all.forwarding=1

mkdir -p "$PEER"
: >"$PEER/zebra.conf"
printf 'bfd\n profile fast\n  receive-interval 200\n  transmit-interval 200\n exit\nexit\n' >"$PEER/bfdd.conf"
cat >"$PEER/ospfd.conf" <<'E2'
interface eth0
 ip ospf area 0
 ip ospf network point-to-point
 ip ospf bfd
 ip ospf bfd profile fast
exit
interface lo
 ip ospf area 0
exit
router ospf
 ospf router-id 192.0.2.2
exit
E2
cat >"$PEER/ospf6d.conf" <<'E2'
interface eth0
 ipv6 ospf6 area 0
 ipv6 ospf6 network point-to-point
exit
interface lo
 ipv6 ospf6 area 0
exit
router ospf6
 ospf6 router-id 192.0.2.2
exit
E2
chown -R frr:frr "$PEER"
for daemon in zebra bfdd ospfd ospf6d; do
	more=()
	[ $daemon != bfdd ] || more=(--bfdctl "$PEER/bfdd.sock")
	ip netns exec "$NS" /usr/lib/frr/$daemon -u frr -g frr -P 0 --vty_socket "$PEER" -z "$PEER/zserv.api" \
		-i "$PEER/$daemon.pid" -f "$PEER/$daemon.conf" --log stdout "${more[@]}" >"$WORK/peer-$daemon.log" 2>&1 &
	at_exit kill $!
	[ $daemon != zebra ] || wait_until 10 test -S "$PEER/zserv.api"
done

cat >"$WORK/inner.yaml" <<-YAML
	version: 1
	service: inner
	ports:
	  lan: {dev: "veth:$TAG-lan"}
	  wan: {dev: "veth:$TAG-wan"}
	functions:
	  rtr:
	    kind: router-frr
	    config:
	      left: {addresses: [10.0.0.1/24, 2001:db8:1::1/64]}
	      right: {addresses: [192.0.2.1/24, 2001:db8:2::1/64]}
	      restart_s: 3
	      ospf:
	        left: {passive: true}
	        right: {bfd: true, point_to_point: true}
	      bfd: {interval_ms: 200}
	path: [lan, rtr, wan]
	lanes: 1
YAML
manager_start
catena up "$WORK/inner.yaml" >/dev/null || fail "up: $(catena logs inner | tail -n 20)"
at_exit sh -c "catena logs inner >$WORK/inner.log 2>&1"

knows() { in_host wan ip "$1" route show proto ospf | grep -q "^$2 "; }
reaches() { in_host lan ping -q -c 1 -W 1 "$1" | grep -q ' 1 received'; }
bfd_is_up() { catena exec inner/rtr -- vtysh -c 'show bfd peers json' 2>/dev/null | jq -e 'any(.[]; .status == "up")'; }
wait_until 90 knows -4 10.0.0.0/24
wait_until 60 reaches 198.51.100.7
ok "OSPFv2: routes both ways, forwarded by"
wait_until 90 knows -6 2001:db8:1::/64
wait_until 60 reaches 2001:db8:100::7
ok "OSPFv3: routes both ways, forwarded by"
wait_until 60 bfd_is_up
ok "BFD is up"

# The neighbour falls silent. OSPF alone would notice after its dead interval, 40 s; then the route is really gone, because the
# daemon that said it lives.
gone() { in_host lan ping -c 1 -W 1 198.51.100.7 | grep -q 'From 10.0.0.1 .*Destination Net Unreachable'; }
start=$SECONDS
in_host wan ip link set eth0 down
wait_until 35 gone
ok "a silent neighbour's route is gone after $((SECONDS - start)) s"
catena down inner >/dev/null || fail "down"
manager_stop
