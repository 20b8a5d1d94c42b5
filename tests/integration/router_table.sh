#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A full table (323,487 prefixes of a real one) by BGP from BIRD: how long it takes until all of it forwards, that the table
# answers as the kernel's does, that all of it forwards after a kill -9, and that nothing of it is left when the neighbour has gone.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

command -v bird >/dev/null || skip "needs BIRD (package bird2)"
DATA=${CATENA_TEST_DATA:-$SOURCE/../shared/data}/rib/rib-2010.tsv.gz
[ -r "$DATA" ] || skip "needs $DATA"
TIME=${ROUTER_TABLE_TIME:-120} # seconds for the table to arrive; on an idle machine it is a few

host_add lan 10.0.0.2/24
host_add wan 192.0.2.2/24
in_host lan ip route add default via 10.0.0.1
in_host wan ip route add 10.0.0.2/32 via 192.0.2.1
mkdir "$WORK/bird"
zcat "$DATA" | awk '{print "  route " $1 " blackhole;"}' >"$WORK/bird/routes"
COUNT=$(wc -l <"$WORK/bird/routes")
cat >"$WORK/bird/bird.conf" <<E2
log "$WORK/bird.log" all;
router id 192.0.2.2;
protocol device {}
protocol static table4 {
  ipv4;
  include "$WORK/bird/routes";
}
protocol bgp edge {
  local 192.0.2.2 as 65002;
  neighbor 192.0.2.1 as 65001;
  hold time 9;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  graceful restart on;
  ipv4 { import all; export all; next hop self; };
}
E2
ip netns exec "$TAG-wan" bird -f -c "$WORK/bird/bird.conf" -s "$WORK/bird/ctl" -P "$WORK/bird/pid" >"$WORK/bird.out.log" 2>&1 &
BIRD=$!
at_exit kill $BIRD
wait_until 30 birdc -s "$WORK/bird/ctl" show status

cat >"$WORK/edge.yaml" <<-YAML
	version: 1
	service: edge
	ports:
	  lan: {dev: "veth:$TAG-lan"}
	  wan: {dev: "veth:$TAG-wan"}
	functions:
	  rtr:
	    kind: router-frr
	    config:
	      left: {addresses: [10.0.0.1/24]}
	      right: {addresses: [192.0.2.1/24]}
	      restart_s: 60
	      bgp:
	        as: 65001
	        redistribute: [connected]
	        neighbours:
	          - {address: 192.0.2.2, as: 65002, hold_s: 9, import: all, export: [10.0.0.0/24]}
	path: [lan, rtr, wan]
	lanes: 1
YAML
manager_start
catena up "$WORK/edge.yaml" >/dev/null || fail "up: $(catena logs edge | tail -n 20)"
at_exit sh -c "catena logs edge >$WORK/edge.log 2>&1"

counter() { catena status edge --json | jq -r ".functions[0].counters[\"$1\"] // 0"; }
learnt() { [ "$(counter gauge.routes_learnt)" = "$1" ]; }
session_is_up() { birdc -s "$WORK/bird/ctl" show protocols edge | grep -q Established; }
wait_until 60 session_is_up
start=$(date +%s%N)
wait_until "$TIME" learnt "$COUNT"
ok "$COUNT routes by BGP after $((($(date +%s%N) - start) / 1000000)) ms"

nsenter -t "$(function_pid edge rtr)" -n "$BUILD/tests/integration/fib_kernel" left right "$COUNT" 1000000 >"$WORK/compare" ||
	fail "the table is not the kernel's: $(cat "$WORK/compare")"
ok "$(tail -n 1 "$WORK/compare")"

old=$(function_pid edge rtr)
is_other_function() { [ "$(function_pid edge rtr)" != "$old" ] && is_running edge; }
kill -9 "$old"
wait_until 30 is_other_function
# All of it is stale at first, before any daemon has said a word, and in the end nothing is.
wait_until 30 learnt "$COUNT"
in_host lan ping -q -c 1 -W 5 192.0.2.2 | grep -q ' 1 received' || fail "no traffic after the kill"
ok "killed -9: the successor forwards by $COUNT routes at once ($(counter gauge.routes_stale) of the time before)"
said_again() { [ "$(counter gauge.routes_stale)" = 0 ] && learnt "$COUNT"; }
wait_until "$TIME" said_again
ok "all of them said again by the neighbour"

birdc -s "$WORK/bird/ctl" disable edge >/dev/null
wait_until "$TIME" learnt 0
ok "the neighbour takes leave: none is left"
catena down edge >/dev/null || fail "down"
manager_stop
