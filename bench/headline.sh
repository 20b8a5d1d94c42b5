#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What containers cost: three null functions in three containers on one core, 64-byte frames made and swallowed in the dataplane,
# against the same functions in one process on the same core, in turns. One process twice: the bare functions called one after the other,
# and with the checks, statistics and burst commits that a worker does for each. Prints medians and writes
# BUILD/bench/headline.json. RUNS (5), SECONDS_EACH (2).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../tests/integration/lib.sh"

runs=${RUNS:-5} length=${SECONDS_EACH:-2}
service=$WORK/passthrough.yaml
# One flow, as the other side has.
sed 's/flows: 1024/flows: 1/' "$SOURCE/chains/examples/passthrough.yaml" >"$service"
manager_start
cpu=$(catena plan --json "$service" | jq '.lanes[0].cpu')
burst=$(catena plan --json "$service" | jq '.burst')

containers() {
	catena up "$service" >/dev/null || fail "up"
	# Packets that left the chain, and the clock, before and after.
	python3 - "$length" <<'PY'
import json, subprocess, sys, time

def sample():
    status = json.loads(subprocess.check_output(["catena", "status", "passthrough", "--json"]))
    return time.monotonic(), status["hops"][-1]["right"]["packets"]

sample()
time.sleep(0.5)
(t0, p0) = sample()
time.sleep(float(sys.argv[1]))
(t1, p1) = sample()
print(f"{(p1 - p0) / (t1 - t0) / 1e6:.2f}")
PY
	catena down passthrough >/dev/null || fail "down"
}
fused() {
	"$BUILD/bench/fused" --cpu "$cpu" --functions 3 --burst "$burst" --seconds "$length" --rounds 1 "$@" | jq .mpps
}

echo "core $cpu, bursts of $burst, $runs runs of $length s each, in turns"
containers='' bare='' checked=''
for ((run = 1; run <= runs; run++)); do
	a=$(containers) b=$(fused) c=$(fused --rings)
	echo "run $run: containers $a Mpps, one process $b Mpps, one process with checks and commits $c Mpps"
	containers+="$a " bare+="$b " checked+="$c "
done
mkdir -p "$BUILD/bench"
python3 - "$containers" "$bare" "$checked" "$BUILD/bench/headline.json" <<'PY'
import json, statistics, sys

a, b, c = ([float(x) for x in words.split()] for words in sys.argv[1:4])
def entry(values):
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3),
            "runs": len(values)}
result = {"null3_mpps": entry(a), "fused3_mpps": entry(b), "fused3_checked_mpps": entry(c),
          "null3_over_fused": entry([x / y for x, y in zip(a, b)]),
          "null3_over_fused_checked": entry([x / y for x, y in zip(a, c)])}
json.dump(result, open(sys.argv[4], "w"), indent=2)
for name, e in result.items():
    print(f"{name:26} median {e['median']:7.2f}   from {e['min']:.2f} to {e['max']:.2f}")
PY
