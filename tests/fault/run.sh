#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# run.sh BUILD [FUNCTION-KILLS [DATAPLANE-KILLS]]: all scenarios; what they found goes to BUILD/fault/summary.json.
set -u
build=$(cd "$1" && pwd) || exit 2
functions=${2:-1000}
dataplane=${3:-100}
mkdir -p "$build/fault"
lines=$build/fault/scenarios.jsonl
: >"$lines"
export DATAPLANE=$build/dataplane/catena-dataplane NULL_FUNCTION=$build/vnfs/null/catena-null
bad=0

"$build/tests/fault/fault" functions "$functions" | tee -a "$lines"
[ "${PIPESTATUS[0]}" = 0 ] || bad=1
"$build/tests/fault/fault" dataplane "$dataplane" | tee -a "$lines"
[ "${PIPESTATUS[0]}" = 0 ] || bad=1

# Every instruction of the commit path and of the recovery.
"$build/tests/unit/sdk/test_sdk_burst_steps" >"$build/fault/steps.log" 2>&1
step_code=$?
[ "$step_code" = 0 ] || bad=1
python3 - "$build/fault/steps.log" "$step_code" <<'PY' | tee -a "$lines"
import json, re, sys
text = open(sys.argv[1]).read()
points = {what: int(n) for what, n in re.findall(r"^(commit path|recovery): (\d+) instructions", text, re.M)}
print(json.dumps({"scenario": "instructions", "runs": sum(points.values()), "points": points,
                  "violations": 0 if sys.argv[2] == "0" else None}))
PY
jq -s '{scenarios: .}' "$lines" >"$build/fault/summary.json" || bad=1
echo "$build/fault/summary.json"
exit "$bad"
