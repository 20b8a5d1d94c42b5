#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every step of every SOL003 operation fails, and kills the manager: operations end, and nothing is left over.
# With KILLS=COUNT instead: that many managers are killed at random moments.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export CATENA_TEST_DATA=${CATENA_TEST_DATA:-$SOURCE/../shared/data}
before=$(snapshot)
python3 "$SOURCE/tests/integration/sol003_faults.py" "$WORK" ${KILLS:+"$KILLS"} || exit 1
[ "$(rows | grep -c .)" = 0 ] || fail "rows are left: $(rows)"
same_host "$before"
ok "the host is as it was"
