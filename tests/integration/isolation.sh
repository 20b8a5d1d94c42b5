#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A hostile VNF (vnfs/rogue) in one service tries to break out, and to reach the memory of another service that runs beside it.
# Then what the real VNFs hold is read from the host's side: capabilities, user ids, root, system call filter.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

jq_status() {
	catena status "$1" --json | jq -r "$2"
}

manager_start
cat >"$WORK/victim.yaml" <<'YAML'
version: 1
service: victim
ports: {left: {dev: "gen:"}, right: {dev: "null:"}}
functions: {a: {kind: "null"}}
path: [left, a, right]
share_cores: true
YAML
catena up "$WORK/victim.yaml" || fail "up victim"
victim=$(jq_status victim '.functions[0].pid')
dataplane=$(jq_status victim '.dataplane.pid')
if [ ! -d "/proc/$victim" ] || [ ! -d "/proc/$dataplane" ]; then fail "no process ids in the status"; fi

# Everything of the victim that has a name on the host.
targets=$(
	for pid in "$victim" "$dataplane" "$MANAGER"; do
		find "/proc/$pid/fd" -lname '/memfd:*' -printf '%p\n' | head -8
		echo "/proc/$pid/mem"
	done
	find "$CATENA_RUN_DIR" -name '*.sock'
	find "$CATENA_STATE_DIR" -maxdepth 1 -type f
)
[ "$(grep -c /fd/ <<<"$targets")" -ge 3 ] || fail "found no memory of the victim to aim at"

{
	cat <<'YAML'
version: 1
service: attacker
ports: {left: {dev: "gen:"}, right: {dev: "null:"}}
functions:
  r:
    kind: rogue
    config:
      open:
YAML
	# shellcheck disable=SC2086 # one word a path
	printf '        - "%s"\n' $targets
	cat <<'YAML'
path: [left, r, right]
share_cores: true
YAML
} >"$WORK/attacker.yaml"
catena up "$WORK/attacker.yaml" || fail "up attacker"
wait_until 20 sh -c 'catena logs attacker/r | grep -q "attempts done"'
catena logs attacker/r >"$WORK/attempts.log"
grep -q 'attempt ' "$WORK/attempts.log" || fail "the rogue said nothing"
grep 'SUCCEEDED' "$WORK/attempts.log" && fail "an attempt succeeded"
tried=$(grep -c 'attempt .*: refused' "$WORK/attempts.log")
[ "$tried" -ge $((24 + $(wc -l <<<"$targets"))) ] || fail "only $tried attempts were made"
ok "$tried attempts, all refused"
for seen in 'CapEff:.0000000000000000' 'CapBnd:.0000000000000000' 'NoNewPrivs:.1' 'Seccomp:.2' 'visible processes: 1$'; do
	grep -qP "$seen" "$WORK/attempts.log" || fail "the rogue's own view lacks $seen"
done
ok "the rogue sees: no capability, no new privileges, a filter, one process"

before=$(jq_status victim '.hops[-1].right.packets')
wait_until 10 sh -c "[ \$(catena status victim --json | jq '.hops[-1].right.packets') -gt $before ]"
ok "the victim forwards all the while"
catena down --all || fail "down"

# The real VNFs from the host's side.
ip link add iso0 type veth peer name iso1 && at_exit ip link del iso0
ip link add iso2 type veth peer name iso3 && at_exit ip link del iso2
for i in iso0 iso1 iso2 iso3; do ip link set "$i" up; done
sed 's/veth:lan0/veth:iso0/; s/veth:wan0/veth:iso2/' "$SOURCE/chains/examples/branch.yaml" >"$WORK/branch.yaml"
catena up "$WORK/branch.yaml" || fail "up branch"
while read -r name pid; do
	status=/proc/$pid/status
	# vCPE: NET_BIND_SERVICE (10), NET_ADMIN (12), NET_RAW (13) within its own namespaces; the others: none.
	allowed=0
	[ "$name" != cpe ] || allowed=$((1 << 10 | 1 << 12 | 1 << 13))
	effective=$((16#$(awk '/^CapEff/ {print $2}' "$status")))
	[ $((effective & ~allowed)) = 0 ] || fail "$name holds capabilities $(awk '/^CapEff/ {print $2}' "$status")"
	[ "$(awk '/^Seccomp:/ {print $2}' "$status")" = 2 ] || fail "$name has no system call filter"
	[ "$(awk '/^NoNewPrivs/ {print $2}' "$status")" = 1 ] || fail "$name may gain privileges"
	[ "$(awk '/^Uid/ {print $2}' "$status")" -ge 65536 ] || fail "$name runs as a host user"
	read -r inside outside _ <"/proc/$pid/uid_map"
	if [ "$inside" != 0 ] || [ "$outside" -lt 65536 ]; then fail "$name: uid $inside is $outside on the host"; fi
	awk '$5 == "/" {print $6}' "/proc/$pid/mountinfo" | grep -q '^ro' || fail "$name can write its root"
	for namespace in user pid mnt net ipc uts cgroup; do
		[ "$(readlink "/proc/$pid/ns/$namespace")" != "$(readlink "/proc/self/ns/$namespace")" ] ||
			fail "$name shares the host's $namespace namespace"
	done
	ok "$name: CapEff $(awk '/^CapEff/ {print $2}' "$status"), root is host uid $outside, read-only root, 7 namespaces of its own"
done < <(jq_status branch '.functions[] | "\(.name) \(.pid)"')
catena down branch || fail "down branch"
