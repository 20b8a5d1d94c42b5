#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ETSI SOL003: the HTTP contract, the life cycle of VNFs over real services, notifications, and both APIs' one truth.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export CATENA_TEST_DATA=${CATENA_TEST_DATA:-$SOURCE/../shared/data}
# Debian's jsonschema is for Debian's Python.
python=python3
"$python" -c 'import jsonschema' 2>/dev/null || python=/usr/bin/python3
{ "$python" -c 'import jsonschema' 2>/dev/null && [ -d "$CATENA_TEST_DATA/sol003" ]; } || echo "without ETSI's schemas: nothing is validated"

before=$(snapshot)
manager_start
"$python" "$SOURCE/tests/integration/sol003_lcm.py" || exit 1
cat >"$WORK/watched.yaml" <<-'YAML'
	version: 1
	service: watched
	ports:
	  left: {dev: "gen:", gen: {rate: 1000}}
	  right: {dev: "null:"}
	functions:
	  fn: {kind: "null"}
	  other: {kind: "null"}
	path: [left, fn, other, right]
YAML
catena up "$WORK/watched.yaml" >/dev/null || fail "up"
"$python" "$SOURCE/tests/integration/sol003_watch.py" watched || exit 1
catena down watched >/dev/null || fail "down"
curl -sS --unix-socket "$CATENA_RUN_DIR/api.sock" -H 'Version: 2.0.0' http://catena/vnflcm/v2/vnf_instances | grep -qx '\[\]' ||
	fail "an instance outlives its service"
ok "memory of catenad: $(awk '/VmRSS/ {print $2}' "/proc/$MANAGER/status") KiB"
manager_stop
same_host "$before"
ok "the host is as it was"
