#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two services at once: each with its own cores, ids and memory; ending one loses no packet of the other.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "needs two cores"
before=$(snapshot)
host_add a1 198.18.7.1/24
host_add b1 198.18.7.2/24
host_add a2 198.18.7.1/24
host_add b2 198.18.7.2/24
null_service first a1 b1 >"$WORK/first.yaml"
null_service second a2 b2 >"$WORK/second.yaml"
# More than the host has.
null_service third a1 b1 "lanes: 16" >"$WORK/third.yaml"
manager_start
catena up "$WORK/first.yaml" || fail "first"
catena up "$WORK/second.yaml" || fail "second"
pings a1 198.18.7.2 || fail "traffic of the first"
pings a2 198.18.7.2 || fail "traffic of the second"
catena host --json >"$WORK/host.json"
[ "$(jq '[.reservations[].cpus[]] | length == (unique | length)' "$WORK/host.json")" = true ] || fail "they share a core"
ok "cores: $(jq -c '[.reservations[] | {(.owner): .cpus}]' "$WORK/host.json")"
catena up "$WORK/third.yaml" 2>"$WORK/third.err" && fail "a third one came up"
ok "a third is refused: $(tail -n 1 "$WORK/third.err")"

uid_of() {
	awk '/^Uid:/ {print $2}' "/proc/$(function_pid "$1" one)/status"
}
first=$(uid_of first) second=$(uid_of second)
if [ "$first" -lt 65536 ] || [ "$second" -lt 65536 ] || [ "$((first / 65536))" = "$((second / 65536))" ]; then
	fail "user ids $first and $second"
fi
ok "users on the host: $first and $second"

# From inside a function of the first, nothing of the second is there to be opened.
pid=$(function_pid first one)
seen=$(nsenter -t "$pid" -p -m -U --preserve-credentials sh -c 'ls /proc' 2>/dev/null | grep -c '^[0-9]')
[ "${seen:-0}" -le 3 ] || fail "a function sees $seen processes"
for memory in "/proc/$(function_pid second one)/fd"/*; do
	case $(readlink "$memory") in
	/memfd:*) setpriv --reuid "$first" --regid "$first" --clear-groups cat "$memory" >/dev/null 2>&1 &&
		fail "the first's user can open $(readlink "$memory") of the second" ;;
	esac
done
ok "the second's region cannot be opened by the first's user"

in_host a1 ping -q -c 400 -i 0.01 -W 2 198.18.7.2 >"$WORK/ping.out" &
ping=$!
for _ in 1 2 3; do
	catena down second || fail "down"
	catena up "$WORK/second.yaml" || fail "second again"
done
catena down second || fail "down"
wait "$ping"
grep -q ' 400 received' "$WORK/ping.out" || fail "packets of the first are lost: $(grep received "$WORK/ping.out")"
ok "while the second went and came: $(grep received "$WORK/ping.out")"
catena down --all || fail "down --all"
manager_stop
for host in a1 b1 a2 b2; do
	host_remove "$host"
done
same_host "$before"
ok "the host is as it was"
