#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A service grows by itself under load and shrinks after it; no packet is lost.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "needs two cores"
cat >"$WORK/auto.yaml" <<'EOS2'
version: 1
service: auto
ports:
  left: {dev: "gen:", gen: {flows: 1000, sequence: true, count: 1}}
  right: {dev: "gen:", gen: {sequence: true, count: 1, source: 10.9.0.0}}
functions:
  fw: {kind: firewall, config: {default: drop, rules: [{name: out, from: left, action: accept}]}}
path: [left, fw, right]
scaling: {maximum: 2, automatic: true, grow_percent: 20, shrink_percent: 10, hold_s: 3}
share_cores: true
EOS2
manager_start
catena up "$WORK/auto.yaml" || fail "up"
cores() { catena status auto --json | jq '[.lanes[].cpu] | unique | length'; }
happened() { catena events auto | grep -c " $1 "; }
[ "$(cores)" = 1 ] || fail "begins on $(cores) cores"
# As fast as it goes, until it has grown; how long that takes is the machine's affair.
for ((trial = 1; trial <= 10 && $(happened grow) == 0; trial++)); do
	curl -sS --max-time 60 --unix-socket "$CATENA_RUN_DIR/api.sock" -o "$WORK/trial.json" --data-binary \
		'{"length_ms": 6000, "settle_ms": 1000, "ports": [{"port": "left", "rate": 0, "count": 4000000000}, {"port": "right"}]}' \
		"http://catena/catena/v1/services/auto/measure" || fail "trial"
	of() { jq "[.ports[] | select(.port == \"$1\")][0].$2" "$WORK/trial.json"; }
	[ "$(of left sent)" -gt 0 ] || fail "nothing was sent: $(cat "$WORK/trial.json")"
	[ "$(of left sent) 0 0" = "$(of right received) $(of right duplicates) $(of right reordered)" ] ||
		fail "sent $(of left sent), $(jq -c '.ports[1] | del(.latency)' "$WORK/trial.json")"
done
[ "$(happened grow)" -gt 0 ] || fail "did not grow: $(catena events auto)"
ok "grew under load; $(of right received) packets, none lost, none reordered"
shrunk() { [ "$(happened shrink)" -gt 0 ] && [ "$(cores)" = 1 ]; }
wait_until 60 shrunk
ok "shrank after it: grew $(happened grow) times, shrank $(happened shrink) times"
catena down auto || fail "down"
