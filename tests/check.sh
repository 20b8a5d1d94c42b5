#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Everything that must hold: builds with warnings as errors, every suite, the unit and fuzz suites again under the
# address and undefined behaviour sanitizers. The last line counts: "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.." || exit 1
infra/packages.sh || exit 1

passed=0 failed=0 skipped=0

# Compiles in its own folder; a build that fails ends the run.
build() {
	local dir=$1
	shift
	[ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >"$dir.log" 2>&1 || {
		cat "$dir.log"
		exit 1
	}
	rm -f "$dir.log"
	meson compile -C "$dir" >"$dir/compile.log" 2>&1 || {
		grep -E 'error|warning|FAILED|undefined' "$dir/compile.log" | head -40
		echo "$dir does not build: see $dir/compile.log"
		exit 1
	}
}

# Runs suites and adds up what meson recorded of them.
run() {
	local dir=$1 name=$2
	shift 2
	echo "== $name"
	meson test -C "$dir" --no-rebuild --print-errorlogs --logbase "check-$name" "$@"
	local count
	count=$(python3 - "$dir/meson-logs/check-$name.json" <<'PY'
import json, sys
results = [json.loads(line)["result"] for line in open(sys.argv[1])]
good = sum(r in ("OK", "EXPECTEDFAIL") for r in results)
skip = sum(r == "SKIP" for r in results)
print(good, len(results) - good - skip, skip)
PY
	) || count="0 1 0"
	read -r good bad skip <<<"$count"
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

begin=$SECONDS
build build --werror
run build unit --suite unit
run build fuzz --suite fuzz
run build integration --suite integration
# Warnings are the first build's business: with sanitizers compiled in, gcc sees some that are none.
build build-sanitize -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
# A leak in a test is a failure like any other; undefined behaviour must not pass with a message only.
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
run build-sanitize sanitize-unit --suite unit --timeout-multiplier 4
run build-sanitize sanitize-fuzz --suite fuzz --timeout-multiplier 4

echo
echo "took $((SECONDS - begin)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
