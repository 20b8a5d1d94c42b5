#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What dies is started again: a function, the dataplane, the manager. A changed file changes what differs.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

before=$(snapshot)
host_add a 198.18.7.1/24
host_add b 198.18.7.2/24
null_service heal a b >"$WORK/heal.yaml"
with_hosts=$(snapshot)
manager_start
catena up "$WORK/heal.yaml" || fail "up"
pings a 198.18.7.2 || fail "traffic"

restarted_once() {
	catena status heal --json | jq -e ".functions[] | select(.name == \"$1\") | .restarts == 1 and .state == \"running\""
}
all_running() {
	catena status heal --json | jq -e '.state == "running" and all(.functions[]; .state == "running")'
}
for name in one two three; do
	old=$(function_pid heal "$name")
	kill -9 "$old"
	wait_until 10 restarted_once "$name"
	[ "$(function_pid heal "$name")" != "$old" ] || fail "$name has the same process"
	pings a 198.18.7.2 || fail "no traffic after $name was killed"
done
ok "each function killed once: restarted, traffic passes"
catena events heal --json | jq -e -s '[.[] | select(.kind == "died")] | length == 3' >/dev/null || fail "events"

old=$(catena status heal --json | jq .dataplane.pid)
pids=$(catena status heal --json | jq -c '[.functions[].pid]')
kill -9 "$old"
taken_over() {
	catena events heal --json | jq -e -s '[.[] | select(.kind == "running" and .message[0:9] == "dataplane")] | length > 0'
}
wait_until 15 taken_over
[ "$(catena status heal --json | jq .dataplane.pid)" != "$old" ] || fail "the dataplane has the same process"
[ "$(catena status heal --json | jq -c '[.functions[].pid]')" = "$pids" ] || fail "functions did not outlive the dataplane"
pings a 198.18.7.2 || fail "no traffic after the dataplane was killed"
ok "dataplane killed: another took over, with the same functions"

# It ends in order: nothing is left on the host, and the next one starts what was up.
manager_stop
same_host "$with_hosts"
manager_start
wait_until 15 all_running
pings a 198.18.7.2 || fail "no traffic after the manager ended"
ok "manager ended and started: so did the service"

# Changes.
pids=$(catena status heal --json | jq -c '[.functions[].pid]')
catena up "$WORK/heal.yaml" | grep -q 'nothing to do' || fail "the same file again"
null_service heal a b 'poll: busy' >"$WORK/busy.yaml"
catena up "$WORK/busy.yaml" | grep -q 'made anew' || fail "the changed file"
[ "$(catena status heal --json | jq -c '[.functions[].pid]')" != "$pids" ] || fail "nothing was made anew"
pings a 198.18.7.2 || fail "no traffic after the change"
# A change that cannot be had costs nothing.
null_service heal a b 'lanes: 16' >"$WORK/much.yaml"
pids=$(catena status heal --json | jq -c '[.functions[].pid]')
catena up "$WORK/much.yaml" 2>/dev/null && fail "16 lanes"
[ "$(catena status heal --json | jq -c '[.functions[].pid]')" = "$pids" ] || fail "a refused change cost the running service"
pings a 198.18.7.2 || fail "no traffic after the refused change"
ok "changed files: what differs, and nothing when it cannot be had"

catena down heal || fail "down"
manager_stop
[ -z "$(rows)" ] || fail "rows left in the store: $(rows)"
host_remove a
host_remove b
same_host "$before"
ok "the host is as it was"
