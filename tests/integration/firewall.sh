#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The firewall between two real TCP/IP stacks: what is let out comes back, what is not let in stays out, refusals are
# understood by the kernel that gets them, and nothing of a long transfer is taken for a forgery.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

NS=catena-fwt
add_hosts() {
	local end address
	for end in box lan wan; do
		ip netns add "$NS-$end"
		at_exit ip netns del "$NS-$end"
		ip -n "$NS-$end" link set lo up
	done
	for end in lan:1 wan:2; do
		address=10.78.0.${end#*:}
		end=${end%:*}
		ip -n "$NS-box" link add "${end}0" type veth peer name eth0 netns "$NS-$end"
		ip -n "$NS-box" link set "${end}0" up
		ip -n "$NS-$end" link set eth0 up
		ip -n "$NS-$end" addr add "$address/24" dev eth0
		ip -n "$NS-$end" addr add "fd00:78::${address##*.}/64" dev eth0 nodad
	done
}

if [ "${1:-}" != inside ]; then
	add_hosts
	RIG_KIND=firewall RIG_CONFIG='{"rules": [
		{"name": "out", "from": "left", "action": "accept"},
		{"name": "web", "from": "right", "protocol": "tcp", "destination_ports": 8080, "action": "accept"},
		{"name": "ident", "protocol": "tcp", "destination_ports": 113, "action": "reject", "log": true},
		{"name": "no-echo", "protocol": "udp", "destination_ports": 7, "action": "reject"}]}' \
		ip netns exec $NS-box "$RIG_RUN" "$DATAPLANE" "$FIREWALL" 1 \
		'{"driver": "veth", "device": "lan0"}' '{"driver": "veth", "device": "wan0"}' \
		"$BASH" "$0" inside >"$WORK/out.log" 2>&1 || fail "see out.log"
	grep '^ok:' "$WORK/out.log"
	counter() { awk -v name="$1" '$2 == name {print $3}' "$WORK/out.log"; }
	for name in drop.tcp_window drop.tcp_invalid drop.icmp_unrelated drop.table_full drop.malformed drop.neighbour; do
		[ -z "$(counter $name)" ] || fail "$name: $(counter $name)"
	done
	grep '"rule": "ident"' "$WORK/out.log" | sed 's/^[^{]*//' | jq -e -s 'length > 0 and all(.[]; .action == "rejected" and .destination_port == 113)' \
		>/dev/null || fail "the log of a rule: $(grep -c '"rule": "ident"' "$WORK/out.log") lines"
	for name in rule.out rule.web rule.ident rule.no-echo reject.sent passed.related passed.arp passed.neighbour \
		drop.default drop.fragment; do
		[ "$(counter $name)" -gt 0 ] || fail "$name: none"
	done
	ok "counters: $(counter connections.opened) connections, $(counter drop.default) packets kept out"
	exit 0
fi

trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$WORK"' EXIT
on_lan() { ip netns exec $NS-lan "$@"; }
on_wan() { ip netns exec $NS-wan "$@"; }

for address in 10.78.0.2 fd00:78::2; do
	on_lan ping -q -c 20 -i 0.01 -W 2 $address | grep -q ' 20 received' || fail "ping of $address"
done
for address in 10.78.0.1 fd00:78::1; do
	on_wan ping -q -c 2 -i 0.1 -W 1 $address >/dev/null && fail "ping of $address from outside"
done
for address in 10.78.0.2 fd00:78::2; do
	on_lan ping -q -c 5 -i 0.05 -W 2 -s 20000 $address | grep -q ' 5 received' || fail "ping of $address in fragments"
done
on_wan ping -q -c 1 -W 1 -s 4000 10.78.0.1 >/dev/null && fail "fragments of a ping from outside"
ok "pings go out and not in, also in fragments"

ip netns exec $NS-wan iperf3 -s >/dev/null 2>&1 &
server=$!
wait_until 5 bash -c "ip netns exec $NS-wan ss -Hltn 'sport = 5201' | grep -q ."
for options in "" "-R" "-6" "-6 -R" "-P 8" "-u -b 50M -l 1400" "-u -b 50M -l 1400 -R"; do
	address=10.78.0.2
	[[ $options = -6* ]] && address=fd00:78::2
	# shellcheck disable=SC2086 # options are words
	on_lan timeout 20 iperf3 -c $address -t 1 $options --json >"$WORK/iperf.json" ||
		fail "iperf3 $options: $(jq -r .error "$WORK/iperf.json")"
	rate=$(jq '.end | (.sum_received.bits_per_second // .sum.bits_per_second) / 1e6 | floor' "$WORK/iperf.json")
	[ "$rate" -gt 20 ] || fail "iperf3 $options: $rate Mbit/s"
	ok "iperf3 $options: $rate Mbit/s"
done
# What the firewall saw and the host did not, and the other way round, must not look like a forgery.
for end in lan wan; do
	"on_$end" nft -f - <<'NFT' || fail "nft"
table inet loss {
	chain in { type filter hook input priority 0; meta l4proto tcp numgen random mod 100 == 0 drop; }
	chain out { type filter hook output priority 0; meta l4proto tcp numgen random mod 100 == 0 drop; }
}
NFT
done
on_lan timeout 20 iperf3 -c 10.78.0.2 -t 1 -P 4 >/dev/null || fail "iperf3 with loss"
on_lan timeout 20 iperf3 -c 10.78.0.2 -t 1 -P 4 -R >/dev/null || fail "iperf3 -R with loss"
for end in lan wan; do
	"on_$end" nft delete table inet loss
done
ok "transfers with loss before and behind the firewall"
kill "$server"
wait "$server" 2>/dev/null

# 0: connected, 111: refused, 113: unreachable, 110: no answer within a second.
cat >"$WORK/connect.py" <<'PY'
import errno, socket, sys
kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
sock = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET, kind)
sock.settimeout(1)
try:
    sock.connect((sys.argv[2], int(sys.argv[3])))
    if kind == socket.SOCK_DGRAM:
        sock.send(b"x")
        sock.recv(1)
    print(0)
except socket.timeout:
    print(errno.ETIMEDOUT)
except OSError as e:
    print(e.errno)
PY
tries() { # HOST PROTOCOL ADDRESS PORT EXPECTED
	local found
	found=$("on_$1" python3 "$WORK/connect.py" "$2" "$3" "$4")
	[ "$found" = "$5" ] || fail "$2 from $1 to $3 port $4: $found, expected $5"
}
ip netns exec $NS-lan python3 -m http.server 8080 --bind :: >/dev/null 2>&1 &
web=$!
wait_until 5 bash -c "ip netns exec $NS-lan ss -Hltn 'sport = 8080' | grep -q ."
tries wan tcp 10.78.0.1 8080 0
tries wan tcp fd00:78::1 8080 0
tries wan tcp 10.78.0.1 8081 110
tries wan tcp 10.78.0.1 113 111
tries wan tcp fd00:78::1 113 111
tries wan udp 10.78.0.1 7 113
tries wan udp fd00:78::1 7 13
# Nobody listens: the host's own refusals come back.
tries lan tcp 10.78.0.2 81 111
tries lan udp 10.78.0.2 9 111
tries lan udp fd00:78::2 9 111
kill $web
wait $web 2>/dev/null
ok "connections: let in, kept out, refused by RST and by ICMP, refused by the host itself"
