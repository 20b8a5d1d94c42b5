#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# run.sh BUILD: all scenarios; what they found goes to BUILD/fault/summary.json, progress to standard error, what the processes say to
# BUILD/fault/*.log. Counts by the environment: those here, and those of tests/fault/containers.py.
set -u
build=$(cd "$1" && pwd) || exit 2
tests=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/fault"
lines=$build/fault/scenarios.jsonl
: >"$lines"
export DATAPLANE=$build/dataplane/catena-dataplane NULL_FUNCTION=$build/vnfs/null/catena-null CATENA_BUILD=$build
export FAULT_KILLS=${FAULT_KILLS:-1000} FAULT_DATAPLANES=${FAULT_DATAPLANES:-100} FAULT_MANAGERS=${FAULT_MANAGERS:-100}
export FAULT_STREAM_S=${FAULT_STREAM_S:-240} FAULT_ROGUE_S=${FAULT_ROGUE_S:-600}
bad=0

# scenario NAME COMMAND...: its lines are kept and shown.
scenario() {
	echo "$1 ..." >&2
	"${@:2}" 2> >(tee "$build/fault/$1.log" | grep -E '^(  |FAILED)' >&2) | tee -a "$lines"
	[ "${PIPESTATUS[0]}" = 0 ] || bad=1
}

# The same without containers, where a run is short.
scenario rig-functions "$build/tests/fault/fault" functions "${FAULT_RIG_KILLS:-100}"
scenario rig-dataplane "$build/tests/fault/fault" dataplane "${FAULT_RIG_DATAPLANES:-20}"

# Every instruction of the commit path and of the recovery.
# shellcheck disable=SC2317 # called by name
instructions() {
	local code
	"$build/tests/unit/sdk/test_sdk_burst_steps" >"$build/fault/steps.log" 2>&1
	code=$?
	python3 - "$build/fault/steps.log" "$code" <<-'PY'
		import json, re, sys
		text = open(sys.argv[1]).read()
		points = {what: int(n) for what, n in re.findall(r"^(commit path|recovery): (\d+) instructions", text, re.M)}
		print(json.dumps({"scenario": "instructions", "runs": sum(points.values()), "points": points,
		                  "violations": 0 if sys.argv[2] == "0" else None, "passed": sys.argv[2] == "0"}))
	PY
	return "$code"
}
scenario instructions instructions
scenario containers "$tests/../integration/fault.sh"
jq -s '{scenarios: .}' "$lines" >"$build/fault/summary.json" || bad=1
echo "$build/fault/summary.json"
exit "$bad"
