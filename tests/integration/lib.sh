# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Prologue of the integration tests: `. "$(dirname "$0")/lib.sh"`. Gives a staged install, a run and a state directory
# of the test's own, clean-up however the test ends, and a comparison of the host before and after.
#
#   manager_start [OPTIONS]     a catenad of this test (its log: $WORK/catenad.log), which takes its services along when
#                               it ends; manager_stop
#   manager_kill                kill -9: services run on
#   catena ...                  talks to it (by CATENA_RUN_DIR)
#   wait_until SECONDS CMD...   until CMD succeeds; else the test fails
#   ok MESSAGE / fail MESSAGE   a line that says what was seen / ends the test
#   at_exit CMD...              runs when the test ends, last one first
#   snapshot                    what the host has; compare with same_host "$before"
#   host_add NAME ADDRESS       a network namespace $TAG-NAME whose eth0 with that address is the other end of $TAG-NAME
#   in_host NAME CMD...         runs there
#   null_service NAME A B [LINE]  prints the service file of three null functions between $TAG-A and $TAG-B
#   pings NAME ADDRESS          two hosts reach each other
#   state_of SERVICE            running, waiting, ... or nothing
#   function_pid SERVICE NAME   of a function's container
#   rows                        all rows of the store but events (of a manager that has ended)
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
	trap - EXIT INT TERM HUP
	# Whoever read what we say may be gone; cleaning up goes on.
	trap '' PIPE
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
	# What runs without a manager ends with one.
	if [ -z "$MANAGER" ] && [ -n "${PREFIX:-}" ] && [ -n "$(our_processes)" ]; then
		catenad --foreground --down-on-exit >>"$WORK/catenad.log" 2>&1 &
		MANAGER=$!
		for _ in $(seq 100); do
			catena version >/dev/null 2>&1 && break
			read -rt 0.1 <> <(:) || :
		done
	fi
	manager_stop
	rm -rf "$WORK"
	exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP PIPE

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
	catenad --foreground --down-on-exit "$@" >>"$WORK/catenad.log" 2>&1 &
	MANAGER=$!
	wait_until 10 catena version
}

manager_kill() {
	kill -9 "$MANAGER"
	wait "$MANAGER" 2>/dev/null
	MANAGER=''
}

manager_stop() {
	[ -n "$MANAGER" ] || return 0
	kill "$MANAGER" 2>/dev/null
	wait "$MANAGER" 2>/dev/null
	MANAGER=''
}

# The prefix of this test's container ids and cgroups, as catenad makes it of its run directory (FNV-1a).
catena_prefix() {
	local hash=2166136261 path=$CATENA_RUN_DIR i code
	for ((i = 0; i < ${#path}; i++)); do
		printf -v code %d "'${path:i:1}"
		hash=$((((hash ^ code) * 16777619) & 0xffffffff))
	done
	printf 'catena-%08x' "$hash"
}

# The processes of this test's manager: by program or by cgroup.
our_processes() {
	local process prefix
	prefix=$(catena_prefix)
	for process in /proc/[0-9]*; do
		# What is only waiting to be reaped by init is not ours any more.
		grep -Eqs '^[0-9]+ \(.*\) Z 1 ' "$process/stat" && continue
		case $(readlink "$process/exe") in
		"$PREFIX"/*) echo "${process#/proc/}" && continue ;;
		esac
		grep -qs "/$prefix/" "$process/cgroup" && echo "${process#/proc/}"
	done
}

# One line each for everything that a service could leave behind. With CATENA_SHARED_HOST set, only what is this test's own:
# for a machine on which others make and remove things meanwhile.
snapshot() {
	if [ -n "${CATENA_SHARED_HOST:-}" ]; then
		ip -o link | sed 's/^[0-9]*: //; s/[ @:].*//' | grep "^$TAG" | sort
		ip netns list | grep "^$TAG" | sort
		awk '{print $5}' /proc/self/mountinfo | grep "$WORK" | sort
		find /sys/fs/cgroup -type d -path "*$(catena_prefix)*" 2>/dev/null | sort
		for process in $(our_processes); do
			tr '\0' ' ' <"/proc/$process/cmdline"
			find "/proc/$process/fd" -lname '/memfd:*' -printf '%l\n' | sort | uniq -c
		done
		return 0
	fi
	grep -E '^HugePages_(Total|Rsvd)' /proc/meminfo
	# What a test before this one had goes a moment after its namespaces did.
	ip -o link | sed 's/^[0-9]*: //; s/[ @:].*//' | awk -v ours="$TAG-" '!/^ct[0-9]+-/ || index($0, ours) == 1' | sort
	ip netns list | sort
	awk '{print $5}' /proc/self/mountinfo | sort
	find /sys/fs/cgroup -type d -path "*catena*" 2>/dev/null | sort
	# Processes and what they hold in memory files, by name.
	ps -e -o stat=,ppid=,comm= | awk '!($1 ~ /^Z/ && $2 == 1) && $3 ~ /^(catena|runc|dnsmasq)/ {print $3}' | sort
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

host_add() {
	local namespace=$TAG-$1
	ip netns add "$namespace"
	at_exit ip netns del "$namespace"
	ip link add "$namespace" type veth peer name eth0 netns "$namespace"
	ip link set "$namespace" up
	ip -n "$namespace" link set lo up
	ip -n "$namespace" link set eth0 up
	ip -n "$namespace" addr add "$2" dev eth0
}

host_remove() {
	ip netns del "$TAG-$1"
	# The other end goes with the namespace, but not at once.
	wait_until 5 test ! -e "/sys/class/net/$TAG-$1"
}

in_host() {
	local namespace=$TAG-$1
	shift
	ip netns exec "$namespace" "$@"
}

null_service() {
	cat <<-YAML
		version: 1
		service: $1
		ports:
		  left: {dev: "veth:$TAG-$2"}
		  right: {dev: "veth:$TAG-$3"}
		functions:
		  one: {kind: "null"}
		  two: {kind: "null"}
		  three: {kind: "null"}
		path: [left, one, two, three, right]
		${4:-}
	YAML
}

pings() {
	in_host "$1" ping -q -c 3 -i 0.05 -W 2 "$2" | grep -q ' 3 received'
}

state_of() {
	catena status "$1" --json 2>/dev/null | jq -r .state
}
is_running() {
	[ "$(state_of "$1")" = running ]
}

function_pid() {
	catena status "$1" --json | jq ".functions[] | select(.name == \"$2\") | .pid"
}

rows() {
	python3 - "$CATENA_STATE_DIR/catena.db" <<-'PY'
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		for table in ("services", "reservations", "uid_ranges", "host_changes"):
		    for row in db.execute("SELECT * FROM " + table):
		        print(table, row)
	PY
}

# Of this test's interfaces and namespaces: short enough for an interface's name, and nobody else's.
TAG=ct$$
# Containers' users must be able to come through.
chmod 755 "$WORK"
stage
export CATENA_RUN_DIR=$WORK/run CATENA_STATE_DIR=$WORK/state
