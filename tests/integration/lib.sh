# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Prologue of the integration tests: `. "$(dirname "$0")/lib.sh"`. Gives a staged install, a run and a state directory
# of the test's own, clean-up however the test ends, and a comparison of the host before and after.
#
#   manager_start [OPTIONS]     a catenad of this test (its log: $WORK/catenad.log); manager_stop
#   catena ...                  talks to it (by CATENA_RUN_DIR)
#   wait_until SECONDS CMD...   until CMD succeeds; else the test fails
#   ok MESSAGE / fail MESSAGE   a line that says what was seen / ends the test
#   at_exit CMD...              runs when the test ends, last one first
#   snapshot                    what the host has; compare with same_host "$before"
#   skip MESSAGE                exit code 77
set -u

[ "$(id -u)" = 0 ] || {
	echo "skipped: needs root"
	exit 77
}

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${CATENA_BUILD:-$SOURCE/build}
NAME=$(basename "$0" .sh | tr -c 'a-z0-9\n' '-')
WORK=$(mktemp -d "/tmp/catena-$NAME-XXXXXX")
chmod 711 "$WORK" # functions run as unprivileged users
AT_EXIT=()
MANAGER=''

skip() {
	echo "skipped: $*"
	exit 77
}
ok() {
	echo "ok: $*"
}
fail() {
	echo "FAILED: $*" >&2
	exit 1
}
at_exit() {
	AT_EXIT=("$(printf '%q ' "$@")" "${AT_EXIT[@]}")
}

clean_up() {
	local code=$? line
	trap - EXIT INT TERM
	if [ "$code" != 0 ] && [ "$code" != 77 ]; then
		for log in "$WORK"/*.log; do
			[ -s "$log" ] || continue
			echo "--- $(basename "$log"), the last 60 lines"
			tail -n 60 "$log"
		done >&2
	fi
	for line in "${AT_EXIT[@]}"; do
		eval "$line"
	done >/dev/null 2>&1
	manager_stop
	rm -rf "$WORK"
	exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# The installed layout below the build directory, made anew where something changed.
stage() {
	local root=$BUILD/stage
	(
		flock 9
		DESTDIR=$root meson install -C "$BUILD" --no-rebuild --only-changed --quiet
	) 9>"$BUILD/stage.lock" >"$WORK/stage.log" 2>&1 || fail "staged install"
	PREFIX=$root$(meson introspect "$BUILD" --buildoptions |
		python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
	PATH=$PREFIX/bin:$PATH
}

wait_until() {
	local seconds=$1 end
	shift
	end=$((SECONDS + seconds))
	while ! "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "not within $seconds s: $*"
		read -rt 0.05 <> <(:) || :
	done
}

# shellcheck disable=SC2120 # most tests need no options
manager_start() {
	catenad --foreground "$@" >>"$WORK/catenad.log" 2>&1 &
	MANAGER=$!
	wait_until 10 catena version
}

manager_stop() {
	[ -n "$MANAGER" ] || return 0
	kill "$MANAGER" 2>/dev/null
	wait "$MANAGER" 2>/dev/null
	MANAGER=''
}

# One line each for everything that a service could leave behind.
snapshot() {
	grep -E '^HugePages_(Total|Rsvd)' /proc/meminfo
	ip -o link | sed 's/^[0-9]*: //; s/[ @:].*//' | sort
	ip netns list | sort
	awk '{print $5}' /proc/self/mountinfo | sort
	find /sys/fs/cgroup -type d -path "*catena*" 2>/dev/null | sort
	# Processes and what they hold in memory files, by name.
	pgrep -a '^(catena|runc|dnsmasq)' | cut -d' ' -f2 | sort
	find /proc/[0-9]*/fd -lname '/memfd:*' -printf '%l\n' 2>/dev/null | grep -E 'catena|region|ring|stats|state' | sort | uniq -c
	find /run/catena /var/lib/catena -mindepth 1 2>/dev/null | sort
}

# same_host BEFORE: fails with the difference.
same_host() {
	local after
	after=$(snapshot)
	[ "$1" = "$after" ] && return 0
	diff <(echo "$1") <(echo "$after") >&2
	fail "the host is not as it was"
}

stage
export CATENA_RUN_DIR=$WORK/run CATENA_STATE_DIR=$WORK/state
