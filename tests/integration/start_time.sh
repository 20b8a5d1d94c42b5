#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# How large the images are, that the base layer is there once, and how long it takes from `up` to the first forwarded packet. The time is
# printed; only its deadline against hanging fails.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/hosts/branch.sh
. "$SOURCE/tests/hosts/branch.sh"

images=$PREFIX/share/catena/images
bases=''
for kind in vcpe firewall router null; do
	digest=$(jq -r ".manifests[] | select(.annotations.\"org.opencontainers.image.ref.name\" == \"$kind\") | .digest" "$images/index.json")
	manifest=$images/blobs/sha256/${digest#sha256:}
	[ -f "$manifest" ] || fail "no image $kind"
	bytes=0
	for layer in $(jq -r '.layers[].digest' "$manifest"); do
		blob=$images/blobs/sha256/${layer#sha256:}
		bytes=$((bytes + $({ gzip -dc "$blob" 2>/dev/null || cat "$blob"; } | wc -c)))
	done
	[ "$bytes" -lt 30000000 ] || fail "image $kind: $bytes bytes unpacked"
	ok "image $kind: $((bytes / 1000)) kB unpacked"
	bases+="$(jq -r '.layers[0].digest' "$manifest")"$'\n'
done
[ "$(sort -u <<<"$bases" | grep -c sha256)" = 1 ] || fail "more than one base layer"
ok "one base layer for all"

at_exit hosts_down
LAN_PORT=st-lan WAN_PORT=st-wan
hosts_up catena-st "$WORK/hosts" || fail "hosts"
sed "s/veth:lan0/veth:$LAN_PORT/; s/veth:wan0/veth:$WAN_PORT/" "$SOURCE/chains/examples/branch.yaml" >"$WORK/branch.yaml"
# An address without DHCP, and a ping every 10 ms from before `up` on: its first answer is the first forwarded packet.
ip -n catena-st-lan addr add 192.168.1.10/24 dev eth0
ip -n catena-st-lan route add default via 192.168.1.1
# The host asks for the gateway's MAC every 10 ms, and not every second as it would: that wait is not ours.
on_lan sysctl -qw net.ipv4.neigh.eth0.retrans_time_ms=10 net.ipv4.neigh.eth0.mcast_solicit=1000
manager_start --log-level debug
for run in 1 2 3; do
	on_lan ip neigh flush dev eth0
	on_lan timeout 20 ping -n -D -i 0.01 203.0.113.2 >"$WORK/ping.out" 2>/dev/null &
	ping=$!
	begin=$(date +%s.%N)
	catena up "$WORK/branch.yaml" >"$WORK/up.log" || fail "up"
	wait_until 10 grep -aq 'bytes from' "$WORK/ping.out"
	kill "$ping"
	wait "$ping" 2>/dev/null
	first=$(grep -a -m 1 -oP '^\[\K[0-9.]+(?=\] .*bytes from)' "$WORK/ping.out")
	ok "run $run: $(awk "BEGIN {printf \"%.0f\", ($first - $begin) * 1000}") ms from up to the first answered ping"
	catena down branch >/dev/null || fail "down"
done
