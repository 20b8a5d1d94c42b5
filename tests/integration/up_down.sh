#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Up and down, again and again, with traffic in between: nothing is left, neither on the host nor in the manager. CYCLES: how often (100).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

cycles=${CYCLES:-100}
before=$(snapshot)
host_add a 198.18.7.1/24
host_add b 198.18.7.2/24
null_service cycle a b >"$WORK/cycle.yaml"
manager_start

held() {
	find "/proc/$MANAGER/fd" -mindepth 1 | wc -l
}
cycle() {
	catena up "$WORK/cycle.yaml" >"$WORK/up.out" 2>&1 || fail "up: $(cat "$WORK/up.out")"
	catena down cycle >/dev/null || fail "down"
}

catena up "$WORK/cycle.yaml" || fail "up"
pings a 198.18.7.2 || fail "no traffic through the chain"
ok "traffic passes: $(catena status cycle --json | jq -c '[.hops[].right.packets]')"
# The host must not answer for the functions.
arp_ignore=/proc/sys/net/ipv4/conf/$TAG-a/arp_ignore
[ "$(cat "$arp_ignore")" = 8 ] || fail "the host answers ARP on the service's port"
catena down cycle || fail "down"
[ "$(cat "$arp_ignore")" = 0 ] || fail "arp_ignore was not put back"
with_hosts=$(snapshot)
cycle
descriptors=$(held)
slowest=0
for ((n = 0; n < cycles; n++)); do
	cycle
	ms=$(sed -n 's/.* \([0-9]*\) ms.*/\1/p' "$WORK/up.out")
	[ "$ms" -le "$slowest" ] || slowest=$ms
done
ok "$cycles cycles, slowest start $slowest ms"
# Connections of clients that just ended are closed a moment later.
holds_no_more() {
	[ "$(held)" -le "$descriptors" ]
}
wait_until 5 holds_no_more
same_host "$with_hosts"
manager_stop
[ -z "$(rows)" ] || fail "rows left in the store: $(rows)"
[ -z "$(find "$CATENA_RUN_DIR" -mindepth 1 -not -name .runtime)" ] || fail "left: $(find "$CATENA_RUN_DIR" -mindepth 1)"
ok "nothing left: descriptors, rows, run directory"
host_remove a
host_remove b
same_host "$before"
ok "the host is as it was"
