#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Ports with devices of DPDK's carry traffic through a container: a tap that Catena makes and takes away again, memif and
# vhost-user with DPDK's own testpmd as the peer, which hands everything on to a tap of a host, and capture files.
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

# service NAME DEVICE: a null function between that device and host a.
service() {
	cat >"$WORK/$1.yaml" <<-YAML
		version: 1
		service: $1
		ports: {left: {dev: "$2"}, right: {dev: "veth:$TAG-a"}}
		functions: {one: {kind: "null"}}
		path: [left, one, right]
		share_cores: true
	YAML
	catena up "$WORK/$1.yaml" || fail "up $1"
}

# peer HOST VDEV...: testpmd between the device and a tap in the namespace of HOST.
peer() {
	local host=$1
	shift
	XDG_RUNTIME_DIR=$WORK dpdk-testpmd --no-huge -m 256 --no-pci --no-telemetry --file-prefix "$TAG$host" -l 0,1 "$@" \
		--vdev "net_tap0,iface=$TAG-$host" -- --auto-start --stats-period=60 --total-num-mbufs=8192 \
		--no-mlockall </dev/null >"$WORK/testpmd-$host.log" 2>&1 &
	PEER=$!
	at_exit kill "$PEER"
	ip netns add "$TAG-$host" && at_exit ip netns del "$TAG-$host"
	wait_until 20 grep -q 'packet forwarding' "$WORK/testpmd-$host.log"
	ip link set "$TAG-$host" netns "$TAG-$host" || fail "testpmd made no tap"
	ip -n "$TAG-$host" addr add 10.78.0.1/24 dev "$TAG-$host"
	ip -n "$TAG-$host" link set "$TAG-$host" up
}

peer_end() {
	kill "$PEER"
	wait "$PEER" 2>/dev/null
}

if command -v dpdk-testpmd >/dev/null; then
	service memif "memif:$WORK/memif.sock,server"
	peer m --vdev "net_memif0,role=client,id=0,socket-abstract=no,socket=$WORK/memif.sock"
	wait_until 10 pings m 10.78.0.2
	pings a 10.78.0.1 || fail "ping to memif"
	ok "memif: pings both ways"
	peer_end
	# A peer that comes back is a new connection to the same port.
	ip netns del "$TAG-m"
	peer m --vdev "net_memif0,role=client,id=0,socket-abstract=no,socket=$WORK/memif.sock"
	wait_until 10 pings m 10.78.0.2
	ok "memif: a peer that came back"
	peer_end
	catena down memif || fail "down memif"
	[ ! -e "$WORK/memif.sock" ] || fail "memif left its socket"

	service vhost "vhost:$WORK/vhost.sock"
	peer v --vdev "net_virtio_user0,path=$WORK/vhost.sock,mrg_rxbuf=0,queues=1"
	wait_until 10 pings v 10.78.0.2
	pings a 10.78.0.1 || fail "ping to vhost-user"
	ok "vhost-user: pings both ways"
	peer_end
	catena down vhost || fail "down vhost"
	[ ! -e "$WORK/vhost.sock" ] || fail "vhost left its socket"
else
	echo "without memif and vhost-user: no dpdk-testpmd"
fi

# What one capture file holds comes out in the other, byte for byte and in order.
/usr/bin/python3 - "$WORK/in.pcap" <<'PY' || fail "scapy"
import sys
from scapy.all import Ether, IP, IPv6, Raw, UDP, wrpcap
packets = []
for i in range(200):
    layer = IP(src="10.0.0.1", dst="10.0.0.2") if i % 2 else IPv6(src="fd00::1", dst="fd00::2")
    packets.append(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / layer / UDP(sport=i, dport=9) / Raw(bytes([i]) * (i * 7)))
wrpcap(sys.argv[1], packets)
PY
cat >"$WORK/pcap.yaml" <<YAML
version: 1
service: pcap
ports: {left: {dev: "pcap:$WORK/in.pcap"}, right: {dev: "pcap:$WORK/none.pcap,$WORK/out.pcap"}}
functions: {one: {kind: "null"}}
path: [left, one, right]
share_cores: true
YAML
/usr/bin/python3 -c 'import sys; from scapy.all import wrpcap; wrpcap(sys.argv[1], [], linktype=1)' "$WORK/none.pcap" || fail "scapy"
catena up "$WORK/pcap.yaml" || fail "up pcap"
all_through() {
	[ "$(catena status pcap --json | jq '.hops[-1].right.packets')" = 200 ]
}
wait_until 10 all_through
catena down pcap || fail "down pcap"
/usr/bin/python3 - "$WORK/in.pcap" "$WORK/out.pcap" <<'PY' || fail "other packets came out"
import sys
from scapy.all import rdpcap
sent, received = ([bytes(p) for p in rdpcap(name)] for name in sys.argv[1:])
assert len(sent) == 200 and sent == received, (len(sent), len(received))
PY
ok "pcap: 200 packets, byte for byte"
