#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Lost links and removed devices of a running service are told as events, once each; a link that is down when the service
# starts too; and so are those that a manager finds that takes over.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

host_add a 10.79.0.1/24
host_add b 10.79.0.2/24
manager_start
null_service links a b 'share_cores: true' >"$WORK/links.yaml"

# events KIND: how many there are of it.
events() {
	catena events links --json | grep -c "\"$1\""
}
has() {
	[ "$(events "$1")" -ge "$2" ]
}

ip -n "$TAG-b" link set eth0 down
catena up "$WORK/links.yaml" || fail "up"
wait_until 30 has link-down 1
ok "a link that is down at the start is told"

ip -n "$TAG-a" link set eth0 down
wait_until 30 has link-down 2
ip -n "$TAG-a" link set eth0 up
wait_until 30 has link 1
[ "$(events link-up)" = 0 ] || fail "one link is down still"
ip -n "$TAG-b" link set eth0 up
wait_until 30 has link-up 1
wait_until 20 pings a 10.79.0.2
ok "links are told as lost and as back, and packets pass again"

manager_kill
ip -n "$TAG-a" link set eth0 down
manager_start
wait_until 30 has link-down 3
ok "a link that was lost while no manager ran is told by the next one"
ip -n "$TAG-a" link set eth0 up
wait_until 30 has link-up 2

host_remove b
wait_until 30 has device-removed 1
is_running links || fail "the service ended with the interface"
catena down links || fail "down"
[ "$(events device-removed)" = 1 ] || fail "told more than once"
ok "a removed interface is told once, and the service can be taken down"
