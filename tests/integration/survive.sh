#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP connections through NAT and firewall outlive the processes of all three functions: one that is idle, one that is
# used after every kill, and a transfer under way. So do the leases of the DHCP server.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/hosts/branch.sh
. "$SOURCE/tests/hosts/branch.sh"

at_exit hosts_down
LAN_PORT=sv-lan WAN_PORT=sv-wan
hosts_up catena-sv "$WORK/hosts" || fail "hosts"
sed "s/veth:lan0/veth:$LAN_PORT/; s/veth:wan0/veth:$WAN_PORT/" "$SOURCE/chains/examples/branch.yaml" >"$WORK/branch.yaml"
manager_start
catena up "$WORK/branch.yaml" || fail "up"
hosts_dhcp || fail "no address by DHCP"
# The server answers first, writes its file then, and the vCPE keeps what it reads there.
lan_address=$(ip -n catena-sv-lan -j -4 addr show eth0 | jq -r '.[0].addr_info[0].local')
lease_of() {
	cat "/proc/$(function_pid branch cpe)/root/run/dnsmasq.leases"
}
lease_kept() {
	lease_of | grep -qF " $lan_address " && [ "$(catena logs branch | grep -oP 'leases: \K[0-9]+(?= bytes are kept)' | tail -n 1)" = "$(lease_of | wc -c)" ]
}
wait_until 20 lease_kept

# Two servers: one says again what it is told, the other takes a transfer and answers with its sum.
cat >"$WORK/server.py" <<'PY'
import hashlib, socketserver, threading
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
class Sum(socketserver.StreamRequestHandler):
    def handle(self):
        sum, size = hashlib.sha256(), 0
        while data := self.request.recv(1 << 16):
            sum.update(data)
            size += len(data)
        self.wfile.write(f"{sum.hexdigest()} {size}\n".encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True
threading.Thread(target=Server(("203.0.113.2", 7001), Echo).serve_forever, daemon=True).start()
Server(("203.0.113.2", 7002), Sum).serve_forever()
PY
ip netns exec catena-sv-wan python3 "$WORK/server.py" >"$WORK/server.log" 2>&1 &
server=$!
at_exit kill "$server"
for port in 7001 7002; do
	wait_port catena-sv-wan $port || fail "servers"
done

# Reads commands: what to say on which connection. An error or 60 s without an answer end it.
cat >"$WORK/client.py" <<'PY'
import hashlib, socket, sys, threading
connection = {}
for name in "idle", "busy":
    connection[name] = socket.create_connection(("203.0.113.2", 7001), 30)
    connection[name].settimeout(60)
stop = threading.Event()
def transfer():
    s = socket.create_connection(("203.0.113.2", 7002), 30)
    s.settimeout(60)
    sum, size, n = hashlib.sha256(), 0, 0
    try:
        while not stop.wait(0.002):
            data = n.to_bytes(4, "big") * 512
            n += 1
            s.sendall(data)
            sum.update(data)
            size += len(data)
        s.shutdown(socket.SHUT_WR)
        answer = s.makefile().readline().split()
        print("transfer", "whole" if answer == [sum.hexdigest(), str(size)] else f"differs: {answer}", size, flush=True)
    except OSError as e:
        print("transfer", e, flush=True)
thread = threading.Thread(target=transfer)
thread.start()
for line in sys.stdin:
    if line == "end\n":
        break
    name, word = line.split()
    try:
        s = connection[name]
        s.sendall(word.encode() + b"\n")
        got = b""
        while not got.endswith(b"\n"):
            part = s.recv(100)
            if not part:
                raise OSError("closed")
            got += part
        print(name, got.decode().strip(), flush=True)
    except OSError as e:
        print(name, e, flush=True)
stop.set()
thread.join()
PY
mkfifo "$WORK/commands"
exec 8<>"$WORK/commands"
# shellcheck disable=SC2016 # the inner shell expands
on_lan sh -c 'exec python3 "$0" <"$1"' "$WORK/client.py" "$WORK/commands" >"$WORK/client.out" 2>"$WORK/client.log" &
client=$!
at_exit kill "$client"
# said CONNECTION WORD: it comes back on the connection that was opened at first.
said() {
	echo "$1 $2" >&8
	wait_until 70 grep -qx "$1 $2" "$WORK/client.out"
}
said idle before
said busy before

restarts_of() {
	catena status branch --json | jq -e ".functions[] | select(.name == \"$1\") | .restarts >= $2 and .state == \"running\""
}
lease=$(lease_of)
[ -n "$lease" ] || fail "no lease in the server's file"
for round in 1 2; do
	for name in cpe fw rtr; do
		kill -9 "$(function_pid branch $name)"
		wait_until 20 restarts_of $name "$round"
		said busy "$name-$round"
	done
	ok "round $round: vCPE, firewall and router killed, the connection goes on"
done
said idle after
ok "the idle connection goes on"
[ "$(lease_of)" = "$lease" ] || fail "leases: $(lease_of), before: $lease"
ok "the lease is known to the third DHCP server: $lease"
echo end >&8
wait_until 90 grep -q '^transfer' "$WORK/client.out"
grep -q '^transfer whole' "$WORK/client.out" || fail "$(grep '^transfer' "$WORK/client.out")"
ok "$(grep '^transfer' "$WORK/client.out" | awk '{print "a transfer of", $3, "bytes arrived whole"}')"
catena down branch >/dev/null || fail "down"
