#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A firewall in its container with 10,000 rules: it starts, its last rule decides, and new rules of the same number are taken while
# it runs, within its memory.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

host_add a 198.18.9.1/24
host_add b 198.18.9.2/24
# rules LAST: a service file whose rules match nothing here but the last one, LAST.
rules() {
	python3 - "$TAG" "$1" <<'PY'
import json, random, sys
tag, last = sys.argv[1:]
random.seed(3)
def prefix(low, high):
    length = random.randint(low, high)
    address = (random.getrandbits(30) | 1 << 30) & (0xffffffff << (32 - length) & 0xffffffff)
    return ".".join(str(address >> s & 255) for s in (24, 16, 8, 0)) + f"/{length}"
rules = [{"name": f"r{i}", "action": random.choice(["accept", "drop"]), "protocol": random.choice(["tcp", "udp"]),
          "source": prefix(8, 28), "destination": prefix(16, 32),
          "source_ports": random.choice(["0-65535", "1024-65535", random.randint(1, 65535)]),
          "destination_ports": random.choice([80, "1024-65535", random.randint(1, 65535),
                                              f"{random.randint(1, 1000)}-{random.randint(1001, 60000)}"])}
         for i in range(9999)] + [json.loads(last)]
print(json.dumps({"version": 1, "service": "rules",
                  "ports": {"a": {"dev": f"veth:{tag}-a"}, "b": {"dev": f"veth:{tag}-b"}},
                  "functions": {"fw": {"kind": "firewall", "config": {"on_change": "judge", "rules": rules}}},
                  "path": ["a", "fw", "b"], "lanes": 1}))
PY
}
rules '{"name": "last", "action": "accept", "from": "left"}' >"$WORK/open.yaml"
rules '{"name": "last", "action": "reject", "from": "left"}' >"$WORK/closed.yaml"
manager_start
catena up "$WORK/open.yaml" >/dev/null || fail "up: $(catena logs rules | tail -n 5)"
pings a 198.18.9.2 || fail "the last of 10,000 rules does not let a ping out"
ok "10,000 rules, and the last one decides"
pid=$(function_pid rules fw)
for file in closed open closed; do
	catena up "$WORK/$file.yaml" >/dev/null || fail "$file: $(catena logs rules | tail -n 5)"
	if [ "$file" = open ]; then
		pings a 198.18.9.2 || fail "no ping with the rule that accepts"
	else
		in_host a ping -q -c 1 -W 1 198.18.9.2 >/dev/null && fail "a ping with the rule that rejects"
	fi
done
[ "$(function_pid rules fw)" = "$pid" ] || fail "the firewall did not live through the change of its rules"
ok "10,000 other rules taken three times while it runs, by the same process"
catena down rules >/dev/null || fail "down"
