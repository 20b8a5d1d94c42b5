#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One gigabyte by TCP in each direction through vCPE, firewall and router arrives as it was sent. BYTES: another size.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/hosts/branch.sh
. "$SOURCE/tests/hosts/branch.sh"

bytes=${BYTES:-1000000000}
at_exit hosts_down
hosts_up catena-tr "$WORK/hosts" || fail "hosts"
manager_start
catena up "$SOURCE/chains/examples/branch.yaml" || fail "up"
hosts_dhcp || fail "DHCP"

# Every block differs, so that a lost, doubled or exchanged one shows in the checksum.
cat >"$WORK/transfer.py" <<'PY'
import hashlib, random, socket, sys, time

mode, address, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
block = random.Random(7).randbytes(1 << 20)

def send(sock):
    digest, left, n = hashlib.sha256(), size, 0
    while left:
        data = (n.to_bytes(8, "big") + block[8:])[:left]
        sock.sendall(data)
        digest.update(data)
        left -= len(data)
        n += 1
    sock.shutdown(socket.SHUT_WR)
    return digest.hexdigest()

def receive(sock):
    digest, total = hashlib.sha256(), 0
    while data := sock.recv(1 << 20):
        digest.update(data)
        total += len(data)
    return digest.hexdigest(), total

if mode == "serve":
    server = socket.create_server((address, 7000))
    print("ready", flush=True)
    up, _ = server.accept()
    with up:
        digest, total = receive(up)
        up.sendall(f"{digest} {total}".encode())
    down, _ = server.accept()
    with down:
        print(send(down), flush=True)
else:
    begin = time.monotonic()
    with socket.create_connection((address, 7000), timeout=60) as sock:
        mine = send(sock)
        theirs = sock.recv(200).decode()
    assert theirs == f"{mine} {size}", f"upload: sent {mine} {size}, arrived {theirs}"
    print(f"upload: {size} bytes intact, {size * 8e-6 / (time.monotonic() - begin):.0f} Mbit/s")
    begin = time.monotonic()
    with socket.create_connection((address, 7000), timeout=60) as sock:
        digest, total = receive(sock)
    print(f"download: {total} bytes, {size * 8e-6 / (time.monotonic() - begin):.0f} Mbit/s")
    print(digest)
    assert total == size
PY
ip netns exec catena-tr-wan python3 "$WORK/transfer.py" serve 203.0.113.2 "$bytes" >"$WORK/server.out" 2>"$WORK/server.log" &
server=$!
at_exit kill "$server"
wait_until 10 grep -q ready "$WORK/server.out"
on_lan timeout 240 python3 "$WORK/transfer.py" fetch 203.0.113.2 "$bytes" >"$WORK/client.out" 2>"$WORK/client.log" ||
	fail "transfer: $(tail -1 "$WORK/client.log")"
wait "$server" || fail "server"
[ "$(tail -1 "$WORK/client.out")" = "$(tail -1 "$WORK/server.out")" ] || fail "the download's checksum differs"
ok "$(head -1 "$WORK/client.out")"
ok "$(sed -n 2p "$WORK/client.out"), checksums equal"
catena down branch || fail "down"
