#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# `catena bench` measures containers: a result of the form that is promised, and nothing left on the host. How fast is not asked.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

before=$(snapshot)
export CATENA_BUILD=$BUILD
cat >"$WORK/small.yaml" <<-'YAML'
	scenario: small
	title: Two functions
	measure: fused
	figure: small
	chain: ["null", "null"]
	traffic: {flows: 16}
	service: {ring: 512}
YAML
cat >"$WORK/late.yaml" <<-'YAML'
	scenario: late
	title: Latency of two functions
	measure: latency
	chain: ["null", "null"]
	traffic: {flows: 16, timed: 1}
	modes: [low]
	percents: [1]
	trial_s: 0.05
	trials: 1
	width: 0.5
	search_s: 20
YAML
catena bench run "$WORK/small.yaml" --runs 2 --seconds 0.3 --quiet --output "$WORK/results" || fail "bench run small"
[ "$(jq '.figures.small_over_fused | .median > 0 and .runs == 2' "$WORK/results/small.json")" = true ] || fail "no ratio"
ok "containers and one process"
# A search may find a machine too busy for any rate; then it says so, and that is all that it may do.
catena bench run "$WORK/late.yaml" --runs 1 --seconds 0.2 --json --quiet >"$WORK/late.json" 2>"$WORK/late.err" ||
	grep -q 'lose packets\|no result after' "$WORK/late.err" || fail "bench run late: $(cat "$WORK/late.err")"
[ ! -s "$WORK/late.json" ] || [ "$(jq '.latencies[0].count > 0' "$WORK/late.json")" = true ] || fail "nothing was timed"
ok "latency"
catena bench run search --csv --quiet | grep -q '^search,ndr_error,,ratio,0\.00' || fail "the search errs"
ok "search"
# Interrupted in the middle.
catena bench run "$WORK/small.yaml" --runs 100 --seconds 1 --quiet >/dev/null 2>&1 &
bench=$!
is_up() {
	CATENA_RUN_DIR=$WORK/run catena status bench
}
wait_until 20 is_up
kill -TERM "$bench"
wait "$bench"
[ $? = 143 ] || fail "an interrupted run ended otherwise"
same_host "$before"
ok "nothing left, after an interruption either"
