#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Virtual routers: the router beside the real keepalived, IPv4 and IPv6. One of them is active, the other takes over when it
# falls silent and gives back when it returns; a host's traffic through the virtual address goes on.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

command -v keepalived >/dev/null || skip "needs keepalived"
# Its IPv4 checksums are with a pseudo-header. A bridge joins host, keepalived and router; beyond both is the same server.
SW=$TAG-sw HOST=$TAG-host KA=$TAG-ka RTR=$TAG-rtr SRV=$TAG-srv
CONFIG='{"left": {"addresses": ["10.0.0.1/24", "2001:db8:1::1/64"]}, "right": {"addresses": ["192.0.2.1/24", "2001:db8:2::1/64"]},
 "vrrp": [{"side": "left", "id": 7, "addresses": ["10.0.0.254"], "priority": 150, "interval_cs": 50, "accept": true,
   "pseudo_header": true},
  {"side": "left", "id": 7, "addresses": ["fe80::254", "2001:db8:1::254"], "priority": 150, "interval_cs": 50, "accept": true}]}'

on() {
	local n=$1
	shift
	ip netns exec "$n" "$@"
}
for n in "$SW" "$HOST" "$KA" "$RTR" "$SRV"; do
	ip netns add "$n"
	at_exit ip netns del "$n"
	ip -n "$n" link set lo up
done
for side in left right; do
	ip -n "$SW" link add $side type bridge
	ip -n "$SW" link set $side up
done
# plug NAMESPACE INTERFACE SIDE: a wire to the bridge of that side.
plug() {
	local end=${1##*-}-$2
	ip -n "$SW" link add "$end" type veth peer name "$2" netns "$1"
	ip -n "$SW" link set "$end" master "$3" up
	ip -n "$1" link set "$2" up
	on "$1" ethtool -K "$2" tx off >/dev/null 2>&1
}
plug "$HOST" eth0 left
plug "$KA" eth0 left
plug "$KA" eth1 right
plug "$RTR" left0 left
plug "$RTR" right0 right
plug "$SRV" eth0 right
for interface in left0 right0; do
	ip -n "$RTR" link set $interface arp off
	on "$RTR" sysctl -qw net.ipv6.conf.$interface.disable_ipv6=1
done
addresses() {
	local namespace=$1 interface=$2 address
	shift 2
	for address; do ip -n "$namespace" addr add "$address" dev "$interface"; done
}
addresses "$HOST" eth0 10.0.0.2/24
addresses "$KA" eth0 10.0.0.3/24
addresses "$KA" eth1 192.0.2.3/24
addresses "$SRV" eth0 192.0.2.2/24
ip -n "$HOST" addr add 2001:db8:1::2/64 dev eth0 nodad
ip -n "$KA" addr add 2001:db8:1::3/64 dev eth0 nodad
ip -n "$KA" addr add 2001:db8:2::3/64 dev eth1 nodad
ip -n "$SRV" addr add 2001:db8:2::2/64 dev eth0 nodad
ip -n "$HOST" route add default via 10.0.0.254
ip -n "$HOST" route add default via fe80::254 dev eth0
# Answers come back by the kernel beside keepalived, whoever is active.
ip -n "$SRV" route add 10.0.0.0/24 via 192.0.2.3
ip -n "$SRV" route add 2001:db8:1::/64 via 2001:db8:2::3
on "$KA" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

cat >"$WORK/keepalived.conf" <<E2
global_defs {
  vrrp_version 3
  vrrp_garp_master_delay 0
}
vrrp_instance v4 {
  interface eth0
  state BACKUP
  virtual_router_id 7
  priority 100
  advert_int 0.5
  version 3
  virtual_ipaddress {
    10.0.0.254/24
  }
  accept
}
vrrp_instance v6 {
  interface eth0
  state BACKUP
  virtual_router_id 7
  priority 100
  advert_int 0.5
  version 3
  virtual_ipaddress {
    fe80::254
    2001:db8:1::254/64
  }
  accept
}
E2
sed 's/priority 100/priority 200/' "$WORK/keepalived.conf" >"$WORK/strong.conf"
keepalived_start() {
	ip netns exec "$KA" keepalived --dont-fork --log-console --vrrp --use-file "$1" --pid "$WORK/ka.pid" \
		--vrrp_pid "$WORK/ka-vrrp.pid" >>"$WORK/keepalived.log" 2>&1 &
	KEEPALIVED=$!
}
keepalived_stop() {
	kill "$KEEPALIVED"
	wait "$KEEPALIVED"
}
at_exit keepalived_stop

RIG=''
rig_start() {
	mkfifo "$WORK/hold"
	# shellcheck disable=SC2016 # the inner shell expands
	RIG_KIND=router RIG_CONFIG=$CONFIG ip netns exec "$RTR" \
		"$BUILD/tests/integration/rig_run" "$BUILD/dataplane/catena-dataplane" "$BUILD/vnfs/router/catena-router" 1 \
		'{"driver": "veth", "device": "left0", "options": {}}' '{"driver": "veth", "device": "right0", "options": {}}' \
		sh -c 'echo running; read -r end <"$0"' "$WORK/hold" >"$WORK/rig.log" 2>&1 &
	RIG=$!
	exec 7<>"$WORK/hold"
	wait_until 20 grep -q running "$WORK/rig.log"
}
rig_stop() {
	[ -n "$RIG" ] || return 0
	echo end >&7
	wait "$RIG"
	RIG=''
	rm -f "$WORK/hold"
}
at_exit rig_stop

has_virtual() { [ "$(ip -n "$KA" -o addr show dev eth0 | grep -cE ' (10.0.0.254|fe80::254|2001:db8:1::254)/')" = 3 ]; }
has_none() { ! ip -n "$KA" -o addr show dev eth0 | grep -qE ' (10.0.0.254|fe80::254|2001:db8:1::254)/'; }
reaches() { on "$HOST" ping -q -c 1 -W 1 "$1" | grep -q ' 1 received'; }
# by_mac ADDRESS MAC: what the host knows.
by_mac() { ip -n "$HOST" neigh show "$1" dev eth0 | grep -q "lladdr $2"; }

keepalived_start "$WORK/keepalived.conf"
wait_until 30 has_virtual
wait_until 20 reaches 192.0.2.2
ok "keepalived alone is active"

rig_start
wait_until 30 has_none
wait_until 20 reaches 10.0.0.254
wait_until 20 reaches 2001:db8:1::254
wait_until 20 reaches 192.0.2.2
wait_until 20 reaches 2001:db8:2::2
by_mac 10.0.0.254 00:00:5e:00:01:07 || fail "the host has another MAC: $(ip -n "$HOST" neigh)"
by_mac fe80::254 00:00:5e:00:02:07 || fail "the host has another MAC: $(ip -n "$HOST" neigh)"
ok "the router has more priority and takes over, with the virtual MAC, IPv4 and IPv6"

rig_stop
wait_until 30 has_virtual
wait_until 20 reaches 192.0.2.2
wait_until 20 reaches 2001:db8:2::3
ok "the router falls silent: keepalived takes over"

keepalived_stop
keepalived_start "$WORK/strong.conf"
wait_until 30 has_virtual
rig_start
# As a backup it hears advertisements and sends none.
on "$HOST" ping -q -c 10 -i 0.3 -W 2 10.0.0.254 | grep -q ' 10 received' || fail "the virtual address does not answer"
has_virtual || fail "keepalived is not active any more"
by_mac 10.0.0.254 00:00:5e:00:01:07 && fail "the backup answers for the virtual address"
keepalived_stop # it says so (priority 0)
wait_until 20 by_mac 10.0.0.254 00:00:5e:00:01:07
wait_until 20 reaches 192.0.2.2
ok "keepalived with more priority stays active; when it gives up, the router takes over"
rig_stop
grep -E 'vrrp' "$WORK/rig.log"
