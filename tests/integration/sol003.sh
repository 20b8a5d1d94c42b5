#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ETSI SOL003: the HTTP contract, the life cycle of VNFs over real services, notifications, and both APIs' one truth.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export CATENA_TEST_DATA=${CATENA_TEST_DATA:-$SOURCE/../shared/data}
# Debian's jsonschema is for Debian's Python.
python=python3
"$python" -c 'import jsonschema' 2>/dev/null || python=/usr/bin/python3
"$python" -c 'import jsonschema' 2>/dev/null && [ -d "$CATENA_TEST_DATA/sol003" ] || echo "without ETSI's schemas: nothing is validated"

before=$(snapshot)
manager_start
"$python" "$SOURCE/tests/integration/sol003_lcm.py" || exit 1
ok "memory of catenad: $(awk '/VmRSS/ {print $2}' "/proc/$MANAGER/status") KiB"
manager_stop
same_host "$before"
ok "the host is as it was"
