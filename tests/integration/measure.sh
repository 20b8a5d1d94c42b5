#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Trials through containers: every packet comes back once and in order, latencies are kept, unsent packets are seen, and what makes
# no sense is refused.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

manager_start
socket=$CATENA_RUN_DIR/api.sock
cat >"$WORK/m.yaml" <<-'YAML'
	version: 1
	service: m
	ports:
	  left: {dev: "gen:", gen: {rate: 1000, count: 1, sequence: true, flows: 100}}
	  right: {dev: "gen:", gen: {sequence: true, count: 1, template: tcp, source: 10.9.0.0}}
	  plain: {dev: "gen:", gen: {count: 1}}
	  sink: {dev: "null:"}
	functions: {one: {kind: "null"}, two: {kind: "null"}, three: {kind: "null"}}
	paths:
	  a: {hops: [left, one, two, right]}
	  b: {hops: [plain, three, sink]}
	share_cores: true
YAML
# trial EXPECTED-STATUS BODY: answer in $WORK/body
trial() {
	local found
	found=$(curl -sS --max-time 30 --unix-socket "$socket" -o "$WORK/body" -w '%{http_code}' --data-binary "$2" \
		"http://catena/catena/v1/services/m/measure")
	[ "$found" = "$1" ] || fail "$2: status $found, expected $1: $(cat "$WORK/body")"
}
says() {
	grep -q -- "$1" "$WORK/body" || fail "expected \"$1\", found $(cat "$WORK/body")"
}
trial 404 '{}'
catena up "$WORK/m.yaml" || fail "up"
trial 422 'nothing'
trial 422 '[]'
trial 409 '{}'
says length_ms
trial 409 '{"length_ms": 100}'
says "1 to 16"
trial 409 '{"length_ms": 100, "ports": [{"port": "sink"}]}'
says "no generator"
trial 409 '{"length_ms": 100, "ports": [{"port": "nobody"}]}'
says "no generator"
trial 409 '{"length_ms": 100, "ports": [{"port": "plain", "count": 1}]}'
says "sequence numbers"
trial 409 '{"length_ms": 0, "ports": [{"port": "left"}]}'
trial 409 '{"length_ms": 100, "ports": [{"port": "left", "rate": -1}]}'
ok "trials that make no sense are refused"

# of PORT FILTER: from the answer.
of() {
	jq -r ".ports[] | select(.port == \"$1\") | $2" "$WORK/body"
}
for run in 1 2 3; do
	trial 200 '{"length_ms": 300, "settle_ms": 300, "ports": [{"port": "left", "rate": 100000, "count": 20000},
		{"port": "right", "rate": 50000, "count": 10000}]}'
	for port in left:20000:10000 right:10000:20000; do
		IFS=: read -r name sent received <<<"$port"
		[ "$(of "$name" '"\(.sent) \(.received) \(.duplicates) \(.reordered) \(.foreign) \(.latency.count)"')" = \
			"$sent $received 0 0 0 $received" ] || fail "run $run, $name: $(of "$name" 'del(.latency.buckets)')"
		[ "$(of "$name" '.latency.max_ns')" -gt 0 ] || fail "no latency"
		[ "$(of "$name" '[.latency.buckets | _nwise(2) | .[1]] | add')" = "$received" ] || fail "histogram"
	done
done
ok "three trials, both directions at once: every packet once, in order, timed"
trial 200 '{"length_ms": 50, "ports": [{"port": "left", "rate": 1000, "count": 100000}, {"port": "right"}]}'
[ "$(of left .sent)" -lt 60 ] || fail "sent $(of left .sent) in 50 ms at 1000 a second"
[ "$(of right .received)" = "$(of left .sent)" ] || fail "not all came"
ok "what was not sent in time stays unsent"

# The service ends under a trial. Asking whether one is under way may be in its way for a moment.
long_trial() {
	local i
	for ((i = 0; i < 100; i++)); do
		curl -sS --max-time 60 --unix-socket "$socket" -o "$WORK/late" --data-binary \
			'{"length_ms": 30000, "ports": [{"port": "left"}]}' "http://catena/catena/v1/services/m/measure"
		grep -q 'under way' "$WORK/late" || return
	done
}
busy() {
	curl -sS --max-time 10 --unix-socket "$socket" --data-binary '{}' \
		"http://catena/catena/v1/services/m/measure" | grep -q 'under way'
}
long_trial &
long=$!
wait_until 10 busy
catena down m || fail "down"
wait "$long"
grep -q 'ended before the trial' "$WORK/late" || fail "the trial of a service that ended: $(cat "$WORK/late")"
ok "a service that ends answers its trial"
