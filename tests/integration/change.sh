#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A changed configuration is taken while the service runs: same processes, no packet lost; one that the function refuses
# leaves the old one in force; other memory replaces the container alone.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

before=$(snapshot)
host_add a 198.18.7.1/24
host_add b 198.18.7.2/24

# file RULES [KEYS OF FW]
file() {
	cat <<-YAML
		version: 1
		service: change
		ports:
		  left: {dev: "veth:$TAG-a"}
		  right: {dev: "veth:$TAG-b"}
		functions:
		  one: {kind: "null"}
		  fw: {kind: firewall, ${2:-} config: {default: drop, rules: [$1]}}
		path: [left, one, fw, right]
	YAML
}
file '{name: all, action: accept}' >"$WORK/open.yaml"
file '{name: tcp, protocol: tcp, action: accept}' >"$WORK/closed.yaml"
file '{name: all, action: accept}' 'memory: 300M,' >"$WORK/memory.yaml"
pids() {
	catena status change --json | jq -c '[.dataplane.pid, .functions[].pid]'
}

manager_start
catena up "$WORK/open.yaml" || fail "up"
pings a 198.18.7.2 || fail "open: no traffic"
first=$(pids)

catena up "$WORK/closed.yaml" >"$WORK/out" || fail "closing"
grep -q 'changed while it ran: configured fw' "$WORK/out" || fail "closing: $(cat "$WORK/out")"
[ "$(pids)" = "$first" ] || fail "processes changed"
in_host a ping -q -c 2 -i 0.1 -W 1 198.18.7.2 >/dev/null && fail "closed: still open"
catena status change --json | jq -e '.hops[] | select(.name == "fw") | .drops | length > 0' >/dev/null || fail "no drop counted"
ok "closed while it ran: $(catena status change --json | jq -c '.hops[] | select(.name == "fw") | .drops')"

catena up "$WORK/open.yaml" || fail "opening"
in_host a ping -q -c 200 -i 0.01 -W 2 198.18.7.2 >"$WORK/ping.out" &
ping=$!
for n in 1 2 3 4 5; do
	file "{name: all, action: accept}, {name: more$n, protocol: tcp, action: drop}" >"$WORK/more.yaml"
	catena up "$WORK/more.yaml" >/dev/null || fail "change $n"
done
wait "$ping"
grep -q ' 200 received' "$WORK/ping.out" || fail "lost while configured: $(grep received "$WORK/ping.out")"
[ "$(pids)" = "$first" ] || fail "processes changed"
ok "five changes under traffic: $(grep received "$WORK/ping.out")"

# What only the function itself finds wrong.
file '{name: same, action: accept}, {name: same, action: drop}' >"$WORK/refused.yaml"
catena up "$WORK/refused.yaml" 2>"$WORK/err" && fail "a refused configuration was taken"
grep -q 'function fw: config.*/rules/1' "$WORK/err" || fail "refused: $(cat "$WORK/err")"
[ "$(pids)" = "$first" ] || fail "processes changed"
pings a 198.18.7.2 || fail "a refused configuration is in force"
catena up "$WORK/more.yaml" | grep -q 'nothing to do' || fail "the refused file was kept"
ok "refused: $(cat "$WORK/err")"
catena down change >/dev/null || fail "down"
catena up "$WORK/refused.yaml" 2>"$WORK/err" && fail "up with a refused configuration"
grep -q 'function fw: config.*/rules/1' "$WORK/err" || fail "refused: $(cat "$WORK/err")"
[ "$(our_processes | while read -r pid; do grep -zqsx "$CATENA_RUN_DIR" "/proc/$pid/cmdline" || echo "$pid"; done)" = "$MANAGER" ] || fail "processes left: $(our_processes | xargs ps -o pid,ppid,stat,comm)"
catena up "$WORK/more.yaml" >/dev/null || fail "up again"

# The stored file is the one in force: it survives the manager.
kill -9 "$MANAGER"
wait "$MANAGER" 2>/dev/null
manager_start
wait_until 15 is_running change
catena up "$WORK/more.yaml" | grep -q 'nothing to do' || fail "the changed file was not kept"
ok "the changed file is kept"

# Other limits replace the container alone.
second=$(pids)
catena up "$WORK/memory.yaml" >"$WORK/out" || fail "memory"
grep -q 'replaced fw' "$WORK/out" || fail "memory: $(cat "$WORK/out")"
is_running change || fail "fw is not back when up says so"
[ "$(pids | jq -c '.[0:2]')" = "$(echo "$second" | jq -c '.[0:2]')" ] || fail "more than fw was replaced"
[ "$(pids | jq .[2])" != "$(echo "$second" | jq .[2])" ] || fail "fw was not replaced"
pings a 198.18.7.2 || fail "no traffic after fw was replaced"
ok "fw alone replaced"

# A file that needs everything anew and then does not run: the one before comes back.
file "{name: same, action: accept}, {name: same, action: drop}" >"$WORK/broken.yaml"
echo "poll: busy" >>"$WORK/broken.yaml"
catena up "$WORK/broken.yaml" 2>"$WORK/err" && fail "a file that cannot run was taken"
grep -q "the version before runs again" "$WORK/err" || fail "broken: $(cat "$WORK/err")"
is_running change || fail "the version before does not run"
pings a 198.18.7.2 || fail "no traffic with the version before"
catena up "$WORK/memory.yaml" | grep -q "nothing to do" || fail "another version runs"
ok "$(cat "$WORK/err")"

catena down change || fail "down"
manager_stop
host_remove a
host_remove b
same_host "$before"
ok "the host is as it was"
