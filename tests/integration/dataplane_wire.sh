#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Three null functions between two interfaces are a wire: whole packets, right checksums, tags as they were, nothing
# lost; and the interfaces are as before when it is gone. On one lane, and on two.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# Another run of this test may be under way.
export WIRE_NS=${WIRE_NS:-catena-dw$$}
NS=$WIRE_NS
add_wire() {
	local end address
	for end in box lan wan; do
		ip netns add "$NS-$end"
		at_exit ip netns del "$NS-$end"
		ip -n "$NS-$end" link set lo up
	done
	for end in lan:1 wan:2; do
		address=10.77.0.${end#*:}
		end=${end%:*}
		ip -n "$NS-box" link add "${end}0" type veth peer name eth0 netns "$NS-$end"
		ip -n "$NS-box" link set "${end}0" up
		ip -n "$NS-$end" link set eth0 up
		ip -n "$NS-$end" addr add "$address/24" dev eth0
		ip -n "$NS-$end" addr add "fd00:77::${address##*.}/64" dev eth0 nodad
	done
}

if [ "${1:-}" != inside ]; then
	add_wire
	before=$(ip netns exec "$NS-box" ethtool -k lan0)
	for lanes in 1 2; do
		[ "$lanes" -le "$(nproc)" ] || continue
		RIG_LANES=$lanes ip netns exec "$NS-box" "$RIG_RUN" "$DATAPLANE" "$NULL_FUNCTION" 3 \
			'{"driver": "veth", "device": "lan0"}' '{"driver": "veth", "device": "wan0"}' \
			"$BASH" "$0" inside >"$WORK/out.log" 2>&1 || fail "on $lanes lanes"
		grep '^ok:' "$WORK/out.log"
		counter() { awk -v name="$1" '$1 == "dataplane" && $2 == name {print $3}' "$WORK/out.log"; }
		[ "$(counter drop.oversize)" = 1 ] || fail "oversize: $(counter drop.oversize)"
		for name in no_path ring_full segmented link_down tx_full bad_descriptor; do
			[ -z "$(counter drop.$name)" ] || fail "drop.$name: $(counter drop.$name)"
		done
		[ "$(counter port.lan.rx_missed)$(counter violations)" = '' ] || fail "missed or violations"
		[ $(($(counter port.left.rx_packets) - $(counter port.right.tx_packets))) = 0 ] || fail "left to right"
		[ $(($(counter port.right.rx_packets) - $(counter port.left.tx_packets))) = 0 ] || fail "right to left"
		ok "$lanes lanes: every packet that came in went out, $(counter port.left.rx_packets) to the right"
	done
	after=$(ip netns exec "$NS-box" ethtool -k lan0)
	[ "$before" = "$after" ] || fail "features changed: $(diff <(echo "$before") <(echo "$after"))"
	ip -n "$NS-box" -d link show lan0 | grep -q xdp && fail "XDP program left behind"
	exit 0
fi

trap - EXIT
on_lan() { ip netns exec "$NS-lan" "$@"; }
on_wan() { ip netns exec "$NS-wan" "$@"; }

on_lan ping -q -c 100 -i 0.005 -W 2 10.77.0.2 | grep -q ' 100 received' || fail "ping"
on_lan ping -q -c 20 -i 0.005 -W 2 -M 'do' -s 1472 10.77.0.2 | grep -q ' 20 received' || fail "ping of 1500 bytes"
on_lan ping -q -c 20 -i 0.005 -W 2 fd00:77::2 | grep -q ' 20 received' || fail "ping, IPv6"
on_lan ping -q -c 5 -i 0.005 -W 2 -s 4000 10.77.0.2 | grep -q ' 5 received' || fail "ping in fragments"
ok "ping: small, full size, IPv6, fragments"

ip netns exec "$NS-wan" iperf3 -s >/dev/null 2>&1 &
server=$!
listening() { on_wan ss -Hltn "sport = 5201" | grep -q .; }
wait_until 5 listening
for options in "" "-R" "-6" "-P 4" "-u -b 50M -l 1400"; do
	address=10.77.0.2
	[ "$options" = -6 ] && address=fd00:77::2
	# shellcheck disable=SC2086 # options are words
	on_lan timeout 20 iperf3 -c $address -t 1 $options --json >"$WORK/iperf.json" ||
		fail "iperf3 $options: $(jq -r .error "$WORK/iperf.json")"
	rate=$(jq '.end | (.sum_received.bits_per_second // .sum.bits_per_second) / 1e6 | floor' "$WORK/iperf.json")
	[ "$rate" -gt 20 ] || fail "iperf3 $options: $rate Mbit/s"
	ok "iperf3 $options: $rate Mbit/s"
done
kill "$server"
wait "$server" 2>/dev/null

# Tags are taken out by the kernel on the way in, and must be there again on the way out.
cat >"$WORK/tagged.py" <<'PY'
import socket, struct, sys
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("eth0", 0))
macs = bytes.fromhex("ffffffffffff 020000000077")
for tags in (b"\x81\x00\x60\x64", b"\x88\xa8\x00\x0a\x81\x00\x00\x14"):
    sock.send(macs + tags + struct.pack("!H", 0x88b5) + b"catena" * 10)
PY
on_wan timeout 10 tcpdump -c 2 -e -n -i eth0 'ether src 02:00:00:00:00:77' >"$WORK/tags.log" 2>"$WORK/tcpdump.log" &
tcpdump=$!
wait_until 5 grep -q listening "$WORK/tcpdump.log"
on_lan python3 "$WORK/tagged.py"
wait $tcpdump
grep -q '802.1Q (0x8100), length 78: vlan 100, p 3' "$WORK/tags.log" || fail "one tag: $(cat "$WORK/tags.log")"
grep -q '802.1Q-QinQ (0x88a8), length 82: vlan 10, p 0, ethertype 802.1Q (0x8100), vlan 20' "$WORK/tags.log" ||
	fail "two tags: $(cat "$WORK/tags.log")"
ok "one tag and two arrive as they were sent"

# What fits no buffer is dropped by name.
for end in lan wan; do
	ip -n "$NS-$end" link set eth0 mtu 3000
	ip -n "$NS-box" link set "${end}0" mtu 3000
done
on_lan ping -q -c 1 -W 1 -M 'do' -s 2500 10.77.0.2 >/dev/null && fail "a packet larger than a buffer arrived"
for end in lan wan; do
	ip -n "$NS-$end" link set eth0 mtu 1500
	ip -n "$NS-box" link set "${end}0" mtu 1500
done
ok "too large: dropped"
rm -rf "$WORK"
