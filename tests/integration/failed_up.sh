#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every way in which `up` can fail leaves nothing, says why, and the next `up` works.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

before=$(snapshot)
host_add a 198.18.7.1/24
host_add b 198.18.7.2/24
null_service good a b >"$WORK/good.yaml"
with_hosts=$(snapshot)

# fails CODE PATTERN COMMAND...: it ends with that exit code, and its last line matches.
fails() {
	local code=$1 pattern=$2 found
	shift 2
	"$@" >"$WORK/out" 2>&1
	found=$?
	[ "$found" = "$code" ] || fail "$*: exit code $found, expected $code: $(cat "$WORK/out")"
	tail -n 1 "$WORK/out" | grep -Eq "$pattern" || fail "$*: $(tail -n 1 "$WORK/out"), expected $pattern"
	ok "$(tail -n 1 "$WORK/out")"
}
nothing_left() {
	manager_stop
	[ -z "$(rows)" ] || fail "rows left in the store: $(rows)"
	same_host "$with_hosts"
}

fails 4 'no manager serves' catena status
fails 4 'no manager serves' catena up --no-start "$WORK/good.yaml"

# The file.
manager_start
sed 's/null"}/nul"}/; s/^path/pathx/' "$WORK/good.yaml" >"$WORK/bad.yaml"
fails 3 'problems?$' catena up "$WORK/bad.yaml"
curl -sS --unix-socket "$CATENA_RUN_DIR/api.sock" -X PUT --data-binary "@$WORK/bad.yaml" -o "$WORK/problem" -w '%{http_code}\n' \
	http://catena/catena/v1/services/good | grep -q 422 || fail "the API takes a broken file"
[ "$(jq '.problems | length' "$WORK/problem")" -ge 2 ] || fail "problems: $(cat "$WORK/problem")"
ok "the API tells every problem"
sed "s/$TAG-b/nothing0/" "$WORK/good.yaml" >"$WORK/device.yaml"
fails 1 'nothing0' catena up "$WORK/device.yaml"
null_service good a b 'lanes: 16' >"$WORK/lanes.yaml"
fails 1 'core|lane' catena up "$WORK/lanes.yaml"
fails 5 'no service' catena down good
fails 5 'no service' catena status good
nothing_left

# The host.
manager_start --runtime /nonexistent/runc
fails 1 'nonexistent/runc' catena up "$WORK/good.yaml"
nothing_left
manager_start --runtime /bin/false
fails 1 'function' catena up "$WORK/good.yaml"
nothing_left
mkdir -p "$WORK/noimages/blobs/sha256"
echo '{"imageLayoutVersion": "1.0.0"}' >"$WORK/noimages/oci-layout"
echo '{"schemaVersion": 2, "manifests": []}' >"$WORK/noimages/index.json"
manager_start --images "$WORK/noimages"
fails 1 'null' catena up "$WORK/good.yaml"
nothing_left
manager_start --dataplane /bin/false
fails 1 'dataplane .*ended with code 1' catena up "$WORK/good.yaml"
nothing_left
manager_start --dataplane /nonexistent/dataplane
fails 1 'nonexistent/dataplane' catena up "$WORK/good.yaml"
nothing_left

# In the middle: taken down, and the manager ended, while it starts.
manager_start
for wait in 0.0 0.05 0.1 0.2 0.3; do
	catena up "$WORK/good.yaml" >"$WORK/out" 2>&1 &
	up=$!
	read -rt "$wait" <> <(:) || :
	catena down good >/dev/null 2>&1
	wait "$up"
	catena down good >/dev/null 2>&1
	[ "$(catena status --json | jq '.services | length')" = 0 ] || fail "still there: $(catena status)"
done
ok "down in the middle of up"
nothing_left
for wait in 0.05 0.1 0.2; do
	manager_start
	catena up "$WORK/good.yaml" >"$WORK/out" 2>&1 &
	up=$!
	read -rt "$wait" <> <(:) || :
	kill -9 "$MANAGER"
	wait "$MANAGER" "$up" 2>/dev/null
	manager_start
	catena down --all >/dev/null 2>&1
	nothing_left
done
ok "manager killed in the middle of up"

manager_start
catena up "$WORK/good.yaml" || fail "the good one"
pings a 198.18.7.2 || fail "traffic"
catena down good || fail "down"
nothing_left
host_remove a
host_remove b
same_host "$before"
ok "the host is as it was"
