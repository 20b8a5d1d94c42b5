#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A port with a device of DPDK's carries traffic through a container: a tap that Catena makes and takes away again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

TAG=pt-$$
host_add a 10.78.0.2/24
manager_start
cat >"$WORK/tap.yaml" <<YAML
version: 1
service: tap
ports: {left: {dev: "tap:$TAG-t"}, right: {dev: "veth:$TAG-a"}}
functions: {one: {kind: "null"}}
path: [left, one, right]
share_cores: true
YAML
catena up "$WORK/tap.yaml" || fail "up tap"
ip netns add "$TAG-b" && at_exit ip netns del "$TAG-b"
ip link set "$TAG-t" netns "$TAG-b" || fail "no tap"
ip -n "$TAG-b" addr add 10.78.0.1/24 dev "$TAG-t"
ip -n "$TAG-b" link set "$TAG-t" up
pings b 10.78.0.2 || fail "ping from the tap"
pings a 10.78.0.1 || fail "ping to the tap"
ok "tap: pings both ways"
catena down tap || fail "down tap"
ip -n "$TAG-b" link show "$TAG-t" >/dev/null 2>&1 && fail "the tap is still there"
ok "tap: gone"
