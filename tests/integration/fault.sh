#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fault.sh [SCENARIO...]: everything dies under load, in real containers (tests/fault/containers.py). A short run unless the environment
# says otherwise; `make fault` makes the long one.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/hosts/branch.sh
. "$SOURCE/tests/hosts/branch.sh"
before=$(snapshot)
at_exit hosts_down
LAN_PORT=$TAG-lan WAN_PORT=$TAG-wan
hosts_up "$TAG" "$WORK/hosts" || fail "hosts"
export LAN_PORT WAN_PORT FAULT_HOSTS=$TAG FAULT_IMAGES=$PREFIX/share/catena/images
PYTHONDONTWRITEBYTECODE=1 python3 "$SOURCE/tests/fault/containers.py" "$WORK" "$@" || fail "a scenario did not pass"
hosts_down
[ "$before" = "$(snapshot)" ] || wait_until 10 same_host "$before"
