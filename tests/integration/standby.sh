#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A function with a warm standby, one that hangs, one that may be restarted so often and no more, and new images under
# traffic, good ones and bad ones. KILLS: how often the active one is killed (3).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

kills=${KILLS:-3}
before=$(snapshot)
host_add a 198.18.7.1/24
host_add b 198.18.7.2/24

# The installed images under other tags: "next" is as good as "null"; "bad" is another program.
cp -a "$PREFIX/share/catena/images" "$WORK/layout"
python3 - "$WORK/layout/index.json" <<-'PY'
	import json, sys
	with open(sys.argv[1]) as f:
	    index = json.load(f)
	name = "org.opencontainers.image.ref.name"
	for tag, source in (("next", "null"), ("bad", "router")):
	    entry = next(m for m in index["manifests"] if m["annotations"][name] == source)
	    index["manifests"].append({**entry, "annotations": {**entry["annotations"], name: tag}})
	with open(sys.argv[1], "w") as f:
	    json.dump(index, f)
PY
service() {
	null_service stand a b | sed "s/two: {kind: \"null\"}/two: {kind: \"null\"$1}/"
}
service ', standby: warm, hang_ms: 200' >"$WORK/stand.yaml"
manager_start --images "$WORK/layout"
catena up "$WORK/stand.yaml" || fail "up"

two() {
	catena status stand --json | jq -e ".functions[] | select(.name == \"two\") | $1"
}
stands_by() {
	two '.standby.state == "standby" and .state == "running"'
}
wait_until 10 stands_by
pings a 198.18.7.2 || fail "traffic"

for ((n = 0; n < kills; n++)); do
	active=$(two .pid)
	standby=$(two .standby.pid)
	kill -9 "$active"
	taken() {
		two ".pid == $standby and .state == \"running\""
	}
	wait_until 10 taken
	pings a 198.18.7.2 || fail "no traffic after kill $n"
	wait_until 10 stands_by
done
ok "killed $kills times: the standby took over: $(catena events stand --json | jq -rs '[.[] | select(.function == "two" and .kind == "running") | .message] | join("; ")')"

# The standby dies: nobody notices.
active=$(two .pid)
standby=$(two .standby.pid)
kill -9 "$standby"
another() {
	two ".standby.state == \"standby\" and .standby.pid != $standby"
}
wait_until 10 another
[ "$(two .pid)" = "$active" ] || fail "the active one was replaced with the standby"
ok "standby killed: another one"

# The manager knows which is which after a restart.
standby=$(two .standby.pid)
manager_kill
manager_start --images "$WORK/layout"
wait_until 10 stands_by
[ "$(two .pid) $(two .standby.pid)" = "$active $standby" ] || fail "other processes after the manager was killed"
ok "manager killed: active and standby are the same"

# The dataplane dies: the active one goes on with another dataplane, the standby, which waited before it, does not come first.
dataplane=$(catena status stand --json | jq .dataplane.pid)
kill -9 "$dataplane"
other_dataplane() {
	catena status stand --json | jq -e ".state == \"running\" and .dataplane.pid != $dataplane"
}
wait_until 15 other_dataplane
wait_until 10 pings a 198.18.7.2
wait_until 10 stands_by
[ "$(two .pid)" = "$active" ] || fail "the dataplane took the standby for the active one"
standby=$(two .standby.pid)
ok "dataplane killed: the active one is the same"

# A process that stands still, with packets.
kill -STOP "$active"
in_host a ping -q -c 50 -i 0.02 -W 1 198.18.7.2 >/dev/null 2>&1 &
ping=$!
replaced() {
	two ".pid == $standby and .state == \"running\""
}
wait_until 15 replaced
wait "$ping"
catena events stand --json | jq -e -s 'any(.[]; .kind == "hang" and .function == "two")' >/dev/null || fail "no event of the hang"
pings a 198.18.7.2 || fail "no traffic after the hang"
wait_until 10 stands_by
ok "hang found: $(catena events stand --json | jq -rs '[.[] | select(.kind == "hang")][0].message')"

# Another image under traffic: one process after the other, and no packet is lost.
old=$(catena status stand --json | jq -c '[.dataplane.pid, (.functions[] | select(.name != "two") | .pid)]')
ip netns exec "$TAG-a" ping -q -c 500 -i 0.01 -W 10 198.18.7.2 >"$WORK/ping.out" 2>&1 &
ping=$!
active=$(two .pid)
catena upgrade stand/two --image next || fail "upgrade"
[ "$(two .pid)" != "$active" ] || fail "the upgrade changed nothing"
[ "$(two .image)" = '"next"' ] || fail "image: $(two .image)"
wait_until 10 stands_by
new=$(two .pid)
catena upgrade stand/two --image bad 2>"$WORK/err" && fail "an image that cannot run was taken"
grep -q 'function two' "$WORK/err" || fail "bad image: $(cat "$WORK/err")"
catena upgrade stand/two --image none-such 2>"$WORK/err" && fail "an image that is not there was taken"
wait_until 10 stands_by
[ "$(two .image)" = '"next"' ] || fail "after bad images: $(two .image)"
wait "$ping"
sent=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$WORK/ping.out")
received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$WORK/ping.out")
[ "$sent" = 500 ] && [ "$sent" = "$received" ] || fail "lost by upgrades: $(cat "$WORK/ping.out")"
[ "$(catena status stand --json | jq -c '[.dataplane.pid, (.functions[] | select(.name != "two") | .pid)]')" = "$old" ] || fail "an upgrade touched others"
ok "upgraded, and refused two bad images (process $new, then $(two .pid)): $received of $sent packets"

# So often, and no more.
service ', restart: {limit: 2, window_ms: 3600000, backoff_ms: 1}' >"$WORK/limit.yaml"
catena up "$WORK/limit.yaml" >/dev/null || fail "the limit"
running() {
	two '.state == "running"'
}
gone() {
	two '.state == "down"'
}
for n in 1 2; do
	kill -9 "$(two .pid)"
	wait_until 10 test "$(two .restarts)" != ''
	wait_until 10 running
done
for n in 1 2 3 4 5; do
	gone >/dev/null && break
	pid=$(two .pid)
	[ "$pid" = 0 ] || kill -9 "$pid"
	settled() {
		gone || two ".state == \"running\" and .pid != $pid"
	}
	wait_until 10 settled
done
gone >/dev/null || fail "restarted for ever"
catena events stand --json | jq -e -s 'any(.[]; .kind == "given-up")' >/dev/null || fail "no event of giving up"
ok "given up after the limit"

catena down stand || fail "down"
manager_stop
[ -z "$(rows)" ] || fail "rows left in the store: $(rows)"
host_remove a
host_remove b
same_host "$before"
ok "the host is as it was"
