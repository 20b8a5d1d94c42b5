#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# From one core to two and back while packets pass: 10,000 flows through vCPE, firewall and router, and TCP connections between two hosts
# through another such chain. No packet is lost or out of its flow's order, no connection breaks. CYCLES: how often (8); RATE: packets a
# second that are asked for.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
LAN_PORT=catena-sc-l WAN_PORT=catena-sc-w
# shellcheck source=tests/hosts/branch.sh
. "$SOURCE/tests/hosts/branch.sh"

[ "$(nproc)" -ge 2 ] || skip "needs two cores"
cycles=${CYCLES:-8} rate=${RATE:-1000000}
socket=$CATENA_RUN_DIR/api.sock
at_exit hosts_down
hosts_up catena-sc "$WORK/hosts" || fail "hosts"
cat >"$WORK/flows.yaml" <<'EOS2'
version: 1
service: flows
ports:
  left:
    dev: "gen:"
    gen: {flows: 10000, hosts: 8, destinations: 128, source: 192.168.1.8, destination: 203.0.113.1, sequence: true, count: 1, window: 256}
  right: {dev: "gen:", gen: {reflect: true, source_mac: "02:00:00:00:02:01"}}
functions:
  cpe:
    kind: vcpe
    config:
      lan: {address: 192.168.1.1/24, mac: "02:00:00:00:01:02"}
      wan: {address: 10.0.0.2/30, gateway: 10.0.0.1}
      nat: {pool: [198.51.100.1]}
  fw:
    kind: firewall
    config: {default: drop, rules: [{name: out, from: left, action: accept}]}
  rtr:
    kind: router
    config:
      left: {addresses: [10.0.0.1/30]}
      right: {addresses: [192.0.2.1/24]}
      routes: [{prefix: 198.51.100.1/32, via: 10.0.0.2}, {prefix: 0.0.0.0/0, via: 192.0.2.9}]
path: [left, cpe, fw, rtr, right]
lanes: 1
scaling: {maximum: 2}
share_cores: true
EOS2
sed -e '/^lanes:/d' -e '/^share_cores:/d' -e "s/veth:lan0/veth:$LAN_PORT/; s/veth:wan0/veth:$WAN_PORT/" "$SOURCE/chains/examples/branch.yaml" >"$WORK/branch.yaml"
printf 'lanes: 1\nscaling: {maximum: 2}\nshare_cores: true\n' >>"$WORK/branch.yaml"
manager_start
catena up "$WORK/flows.yaml" || fail "up flows"
catena up "$WORK/branch.yaml" || fail "up branch"
hosts_dhcp || fail "DHCP"

# Connections that say something, wait for it to come back, and say the next, until they are told to end.
cat >"$WORK/talk.py" <<'PY'
import os, socket, sys, threading

mode, address, stop = sys.argv[1], sys.argv[2], sys.argv[3]

def echo(sock):
    with sock:
        while data := sock.recv(65536):
            sock.sendall(data)

def talk(sock, number, counts):
    with sock:
        while not os.path.exists(stop):
            word = f"{number}:{counts[number]};".encode() * 40
            sock.sendall(word)
            heard = b""
            while len(heard) < len(word):
                data = sock.recv(len(word) - len(heard))
                assert data, f"connection {number} was closed"
                heard += data
            assert heard == word, f"connection {number}: other bytes"
            counts[number] += 1

if mode == "serve":
    server = socket.create_server((address, 7000), backlog=128)
    print("ready", flush=True)
    while True:
        threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()
socks = [socket.create_connection((address, 7000), timeout=60) for _ in range(50)]
counts, broken = [0] * len(socks), []

def guarded(sock, number):
    try:
        talk(sock, number, counts)
    except Exception as problem:
        broken.append(f"{number}: {problem!r}")

threads = [threading.Thread(target=guarded, args=(s, i)) for i, s in enumerate(socks)]
for t in threads:
    t.start()
print("ready", flush=True)
for t in threads:
    t.join()
print(f"{len(socks)} connections, {len(broken)} broken, {sum(counts)} words and answers, the slowest {min(counts)}")
print(broken[:3], file=sys.stderr)
sys.exit(bool(broken) or min(counts) == 0)
PY
ip netns exec catena-sc-wan python3 "$WORK/talk.py" serve 203.0.113.2 "$WORK/stop" >"$WORK/server.out" 2>"$WORK/server.log" &
at_exit kill $!
wait_until 20 grep -q ready "$WORK/server.out"
on_lan timeout 240 python3 "$WORK/talk.py" talk 203.0.113.2 "$WORK/stop" >"$WORK/client.out" 2>"$WORK/client.log" &
client=$!
wait_until 60 grep -q ready "$WORK/client.out"

# trial MS RATE FILE: until FILE has the answer
trial() {
	curl -sS --max-time 280 --unix-socket "$socket" -o "$3.part" --data-binary \
		"{\"length_ms\": $1, \"settle_ms\": 2000, \"ports\": [{\"port\": \"left\", \"rate\": $2, \"count\": 4000000000}]}" \
		"http://catena/catena/v1/services/flows/measure" && mv "$3.part" "$3"
}
# Neighbours are found and sessions made, before anything counts.
trial 1000 20000 "$WORK/first.json"
[ "$(jq '[.ports[] | select(.port == "left") | .received] | add' "$WORK/first.json")" -gt 0 ] || fail "nothing came back: $(cat "$WORK/first.json")"
sessions() { catena status flows --json | jq '[.hops[] | select(.name == "cpe")][0].gauges.sessions'; }
cores() { catena status "$1" --json | jq -c '[.lanes[].cpu] | unique | length'; }
pids() { for f in cpe fw rtr; do function_pid flows "$f"; done | xargs; }
before=$(pids)
under_way() { [ "$(sessions)" -ge 9000 ]; }
trial $((2500 * cycles)) "$rate" "$WORK/trial.json" &
measuring=$!
wait_until 60 under_way
done_cycles=0
while [ "$done_cycles" -lt "$cycles" ] && [ ! -e "$WORK/trial.json" ]; do
	for to in 2 1; do
		for service in flows branch; do
			catena scale "$service" "$to" >/dev/null || fail "scale $service $to"
			[ "$(cores "$service")" = "$to" ] || fail "$service runs on $(cores "$service") cores, expected $to"
		done
	done
	done_cycles=$((done_cycles + 1))
done
[ ! -e "$WORK/trial.json" ] || echo "the trial ended after $done_cycles of $cycles times there and back"
[ "$done_cycles" -ge 1 ] || fail "not once there and back within the trial"
wait "$measuring"
touch "$WORK/stop"
wait "$client" || fail "connections: $(cat "$WORK/client.out" "$WORK/client.log")"
ok "$done_cycles times there and back: $(tail -1 "$WORK/client.out")"
left() { jq -r ".ports[] | select(.port == \"left\") | $1" "$WORK/trial.json"; }
seen="$(left '"\(.sent) sent, \(.sent - .received) lost, \(.duplicates) twice, \(.reordered) reordered"')"
[ "$(left '.sent > 0 and .received == .sent and .duplicates == 0 and .reordered == 0')" = true ] ||
	fail "$seen: $(catena status flows --json | jq -c '[.hops[] | {name, drops}]')"
ok "$seen in $(sessions) flows; the longest way took $(left '.latency.max_ns / 1000 | floor') us"
[ "$(pids)" = "$before" ] || fail "functions were replaced: $before, $(pids)"
moved=$(catena status flows --json | jq -r '[.steps[] | select(.step == "scale") | .ms] | last')
ok "the same processes; the last move took $moved ms"
# What does not fit is refused, and changes nothing.
catena scale flows 3 >/dev/null 2>&1 && fail "three cores of two"
[ "$(cores flows)" = 1 ] || fail "changed by what was refused"
ok "beyond the maximum is refused"
catena down flows || fail "down"
catena down branch || fail "down"
