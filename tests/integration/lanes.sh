#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# vCPE, firewall and router on two lanes: 512 flows are translated, and every answer meets the lane that has its session.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "needs two cores"
# What leaves on the right comes back with addresses and ports exchanged. A window, so that nothing is lost to full rings.
cat >"$WORK/lanes.yaml" <<'EOS'
version: 1
service: lanes
ports:
  left:
    dev: "gen:"
    gen: {flows: 512, hosts: 4, destinations: 128, source: 192.168.1.8, destination: 203.0.113.1, count: 40000, window: 64, rate: 20000}
  right: {dev: "gen:", gen: {reflect: true, source_mac: "02:00:00:00:02:01"}}
functions:
  cpe:
    kind: vcpe
    config:
      lan: {address: 192.168.1.1/24, mac: "02:00:00:00:01:02"}
      wan: {address: 10.0.0.2/30, gateway: 10.0.0.1}
      nat: {pool: [198.51.100.1]}
  fw:
    kind: firewall
    config: {default: drop, rules: [{name: out, from: left, action: accept}]}
  rtr:
    kind: router
    config:
      left: {addresses: [10.0.0.1/30]}
      right: {addresses: [192.0.2.1/24]}
      routes: [{prefix: 198.51.100.1/32, via: 10.0.0.2}, {prefix: 0.0.0.0/0, via: 192.0.2.9}]
path: [left, cpe, fw, rtr, right]
lanes: 2
share_cores: true
EOS
manager_start
catena up "$WORK/lanes.yaml" || fail "up"
of() { # JQ: what the status says
	catena status lanes --json | jq "$1"
}
all_sent() { [ "$(of '.hops[0].right.packets')" -ge 40000 ]; }
wait_until 60 all_sent || fail "the generator has sent $(of '.hops[0].right.packets')"
# Some of the first wait in vain for the neighbours to be found.
come_back() { [ "$(of '.hops[0].left.packets')" -ge 36000 ]; }
wait_until 30 come_back || fail "$(of '.hops[0].left.packets') of 40000 came back: $(of '[.hops[] | {name, drops}]' | jq -c .)"
[ "$(of '[.hops[] | select(.name == "cpe")][0].gauges.sessions')" = 512 ] || fail "sessions: $(of '.hops[1].gauges' | jq -c .)"
strangers=$(of '[.hops[] | .drops // {} | to_entries[] | select(.key | IN("no_supply", "no_neighbour") | not) | .value] | add // 0')
[ "$strangers" = 0 ] || fail "drops: $(of '[.hops[] | {name, drops}]' | jq -c .)"
ok "$(of '.hops[0].left.packets') of 40000 came back to 512 sessions on two lanes"
for name in cpe fw rtr; do
	pid=$(function_pid lanes "$name")
	busy=0
	for thread in "/proc/$pid/task"/*; do
		# Processor time in ns. A lane without packets looks around some ten times a second.
		if grep -q '^lane-' "$thread/comm" && [ "$(cut -d ' ' -f 1 "$thread/schedstat")" -gt 5000000 ]; then
			busy=$((busy + 1))
		fi
	done
	[ "$busy" = 2 ] || fail "$name worked on $busy lanes"
done
ok "every function worked on both lanes"
catena down lanes || fail "down"
