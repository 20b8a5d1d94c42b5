#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The manager comes and goes, and services do not notice: killed, ended, upgraded, with its keeper killed, with functions
# that die while nobody watches. KILLS: how often it is killed (10).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

kills=${KILLS:-10}
before=$(snapshot)
host_add a 198.18.7.1/24
host_add b 198.18.7.2/24
null_service keep a b >"$WORK/keep.yaml"
manager_start
catena up "$WORK/keep.yaml" || fail "up"
pings a 198.18.7.2 || fail "traffic"

pids() {
	catena status keep --json | jq -c '[.dataplane.pid, .functions[].pid]'
}
all_running() {
	catena status keep --json | jq -e '.state == "running" and all(.functions[]; .state == "running")'
}
keeper() {
	local process
	for process in $(our_processes); do
		grep -zqsx "$CATENA_RUN_DIR" "/proc/$process/cmdline" && echo "$process"
	done
}

# Traffic all the while: nothing may be lost.
ip netns exec "$TAG-a" ping -q -c 1000 -i 0.01 -W 10 198.18.7.2 >"$WORK/ping.out" 2>&1 &
ping=$!
old=$(pids)
since=$(catena status keep --json | jq .since_ms)
for ((n = 0; n < kills; n++)); do
	manager_kill
	manager_start
	wait_until 10 all_running
	[ "$(pids)" = "$old" ] || fail "kill $n: other processes: $(pids), before: $old"
done
[ "$(catena status keep --json | jq .since_ms)" = "$since" ] || fail "forgot since when it runs"
ok "manager killed $kills times: the same processes"

# Ended in order, services left running.
manager_kill
catenad --foreground >>"$WORK/catenad.log" 2>&1 &
MANAGER=$!
wait_until 10 all_running
manager_stop
[ -n "$(our_processes)" ] || fail "SIGTERM took the service down"
manager_start
wait_until 10 all_running
[ "$(pids)" = "$old" ] || fail "SIGTERM: other processes"
ok "manager ended by SIGTERM: the same processes"

# The keeper dies: another one is given everything.
one=$(keeper)
[ "$(wc -w <<<"$one")" = 1 ] || fail "keepers: $one"
kill -9 "$one"
another() {
	[ -n "$(keeper)" ] && [ "$(keeper)" != "$one" ]
}
wait_until 5 another
holds_all() {
	[ "$(find "/proc/$(keeper)/fd" -lname '/memfd:*' | wc -l)" = "$(find "/proc/$MANAGER/fd" -lname '/memfd:*' | wc -l)" ]
}
wait_until 5 holds_all
manager_kill
manager_start
wait_until 10 all_running
[ "$(pids)" = "$old" ] || fail "keeper killed, then the manager: other processes"
ok "keeper killed: another one holds everything"

wait "$ping"
sent=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$WORK/ping.out")
received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$WORK/ping.out")
[ "$sent" = 1000 ] && [ "$sent" = "$received" ] || fail "traffic: $(cat "$WORK/ping.out")"
ok "no packet of $sent was lost"

# Logs go on, and what was written before is still there.
lines=$(catena logs keep | wc -l)
[ "$lines" -gt 0 ] || fail "no log"

# A function dies while nobody watches.
victim=$(function_pid keep two)
manager_kill
kill -9 "$victim"
manager_start
wait_until 15 all_running
[ "$(function_pid keep two)" != "$victim" ] || fail "two has the same process"
[ "$(function_pid keep one)" = "$(jq '.[1]' <<<"$old")" ] || fail "one was restarted too"
pings a 198.18.7.2 || fail "no traffic after a function died without a manager"
ok "function killed while no manager ran: only that one is started again"

# The dataplane dies while nobody watches: the functions keep their processes.
kill_dataplane=$(catena status keep --json | jq .dataplane.pid)
functions=$(catena status keep --json | jq -c '[.functions[].pid]')
manager_kill
kill -9 "$kill_dataplane"
manager_start
wait_until 15 all_running
wait_until 10 pings a 198.18.7.2
[ "$(catena status keep --json | jq -c '[.functions[].pid]')" = "$functions" ] || fail "functions were restarted with the dataplane"
ok "dataplane killed while no manager ran: another one, the same functions"

# In the middle of anything that changes.
null_service keep a b 'poll: busy' >"$WORK/busy.yaml"
for wait in 0.01 0.05 0.1 0.3; do
	file=$WORK/busy.yaml
	[ "$wait" = 0.05 ] && file=$WORK/keep.yaml
	catena up --no-start "$file" >"$WORK/out" 2>&1 &
	up=$!
	read -rt "$wait" <> <(:) || :
	manager_kill
	wait "$up"
	manager_start
	wait_until 20 all_running
	pings a 198.18.7.2 || fail "no traffic after a kill in the middle of a change"
	kill -9 "$(function_pid keep one)"
	read -rt "$wait" <> <(:) || :
	manager_kill
	manager_start
	wait_until 20 all_running
	pings a 198.18.7.2 || fail "no traffic after a kill in the middle of a restart"
done
ok "manager killed in the middle of changes and restarts"
catena down keep >"$WORK/out" 2>&1 &
down=$!
read -rt 0.01 <> <(:) || :
manager_kill
wait "$down"
manager_start
catena down keep >/dev/null 2>&1
[ "$(catena status --json | jq '.services | length')" = 0 ] || fail "down that was interrupted: $(catena status)"
ok "manager killed in the middle of down: it is down"

manager_stop
[ -z "$(rows)" ] || fail "rows left in the store: $(rows)"
[ -z "$(our_processes)" ] || fail "processes left: $(our_processes | xargs ps -o pid,args)"
host_remove a
host_remove b
same_host "$before"
ok "the host is as it was"
