#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The API on its socket: who may use it, what it refuses, that nothing it gets takes it down, and followers.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

before=$(snapshot)
cat >"$WORK/api.yaml" <<-'YAML'
	version: 1
	service: api
	ports:
	  left: {dev: "gen:", gen: {rate: 1000}}
	  right: {dev: "null:"}
	functions:
	  one: {kind: "null"}
	path: [left, one, right]
YAML
manager_start
socket=$CATENA_RUN_DIR/api.sock
sockets() {
	find "/proc/$MANAGER/fd" -lname 'socket:*' | wc -l
}
at_start=$(sockets) # at most one connection more than the manager's own

# status EXPECTED PATH [CURL OPTIONS]: the HTTP status of a request.
status() {
	local expected=$1 path=$2 found
	shift 2
	found=$(curl -sS --max-time 20 --unix-socket "$socket" --path-as-is -o "$WORK/body" -w '%{http_code}' "$@" "http://catena$path")
	[ "$found" = "$expected" ] || fail "$path $*: status $found, expected $expected: $(cat "$WORK/body")"
}
status 200 /catena/v1/version
status 200 /catena/v1/services
status 404 /
status 404 /catena/v1/services/none
status 400 /catena/v1/services/..
status 404 /catena/v1/services/%2e%2e%2fetc
status 400 "/catena/v1/services/$(printf 'a%.0s' {1..3000})"
status 405 /catena/v1/services -X POST
status 405 /catena/v1/version -X DELETE
status 404 /catena/v1/services/none -X DELETE
status 400 '/catena/v1/events?limit=-1'
status 400 '/catena/v1/events?limit=many'
status 422 /catena/v1/services/api -X PUT --data-binary ''
status 422 /catena/v1/services/api -X PUT --data-binary '{"a":'
status 422 /catena/v1/services/api -X PUT --data-binary @/bin/true
status 422 /catena/v1/services/other -X PUT --data-binary "@$WORK/api.yaml"
status 200 /catena/v1/validate -X POST --data-binary "@$WORK/api.yaml"
status 200 /catena/v1/plan -X POST --data-binary "@$WORK/api.yaml"
ok "paths, names, methods, bodies"

# Too large, said before or found out while it comes.
head -c 34000000 /dev/zero >"$WORK/large"
status 413 /catena/v1/validate -X POST --data-binary "@$WORK/large" -H Expect:
curl -sS --max-time 20 --unix-socket "$socket" -o /dev/null -X POST -H 'Transfer-Encoding: chunked' --data-binary "@$WORK/large" \
	http://catena/catena/v1/validate 2>/dev/null && fail "an endless body is taken"
head -c 100000 /dev/urandom | timeout 5 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.stdin.buffer.read()); s.recv(100)' "$socket" >/dev/null 2>&1
# Silent connections take places, but only for a while.
timeout 30 python3 -c '
import socket, sys
many = []
for _ in range(100):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20)
    try: s.connect(sys.argv[1])
    except OSError: break
    many.append(s)
many[0].sendall(b"PUT /catena/v1/services/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
assert many[0].recv(100) == b"", "a silent connection was answered"' "$socket" || fail "silent connections"
status 200 /catena/v1/version
ok "large, endless, broken and silent requests"

# Others than root cannot even connect; with the socket's mode out of the way they are refused by their credentials.
setpriv --reuid 65534 --regid 65534 --clear-groups curl -sS --unix-socket "$socket" http://catena/catena/v1/version \
	>/dev/null 2>&1 && fail "anybody can connect"
chmod 666 "$socket"
setpriv --reuid 65534 --regid 65534 --clear-groups curl -sS --unix-socket "$socket" http://catena/catena/v1/version |
	grep -q '"status":403' || fail "anybody is served"
chmod 600 "$socket"
ok "nobody but root"

# An operation that is not waited for.
status 202 '/catena/v1/services/api?wait=false' -X PUT --data-binary "@$WORK/api.yaml"
wait_until 10 is_running api
status 200 /catena/v1/services/api/status
status 404 '/catena/v1/services/api/logs?function=none'
status 200 /catena/v1/services/api -X PUT --data-binary "@$WORK/api.yaml"
jq -e .changes.unchanged "$WORK/body" >/dev/null || fail "not unchanged: $(cat "$WORK/body")"

# Followers get what comes, end with the service, and leave nothing when they go.
catena logs api -f >"$WORK/logs" &
logs=$!
catena events api -f --json >"$WORK/events" &
events=$!
catena logs api -f >/dev/null &
gone=$!
wait_until 5 grep -q running "$WORK/logs"
kill "$gone"
kill -9 "$(function_pid api one)"
wait_until 5 grep -q 'has the packets after' "$WORK/logs"
wait_until 5 grep -q '"died"' "$WORK/events"
status 200 /catena/v1/services/api -X DELETE
wait "$logs" || fail "following the log did not end with the service"
wait_until 5 grep -q '"stopped"' "$WORK/events"
kill "$events"
ok "followers"
no_connections() {
	[ "$(sockets)" -le "$at_start" ]
}
wait_until 5 no_connections
manager_stop
same_host "$before"
ok "the host is as it was"
