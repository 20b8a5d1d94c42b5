# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The two hosts around the branch office's chain, as network namespaces: a LAN host behind lan0 that knows nothing but
# DHCP, and a WAN host behind wan0 with DNS, HTTP and iperf3. Sourced by the demo and by integration tests.
#
#   hosts_up NAME DIR     makes NAME-lan and NAME-wan; servers keep their files in DIR
#   hosts_dhcp            the LAN host asks for its address (after the chain runs)
#   on_lan CMD..., on_wan CMD...
#   hosts_down            ends the servers, removes both namespaces and with them lan0 and wan0

HOSTS_NAME=''
HOSTS_DIR=''
HOSTS_PIDS=()
: "${LAN_PORT:=lan0}" "${WAN_PORT:=wan0}"

on_lan() {
	# shellcheck disable=SC2016 # the inner shell expands
	# The namespace's own resolver, without a trace in the host's /etc.
	ip netns exec "$HOSTS_NAME-lan" sh -c \
		'[ ! -e "$0/resolv.conf" ] || mount --bind "$0/resolv.conf" /etc/resolv.conf; exec "$@"' "$HOSTS_DIR" "$@"
}

on_wan() {
	ip netns exec "$HOSTS_NAME-wan" "$@"
}

# host_make SUFFIX PORT: a namespace whose eth0 is the other end of PORT.
host_make() {
	ip netns add "$HOSTS_NAME-$1"
	ip link add "$2" type veth peer name eth0 netns "$HOSTS_NAME-$1"
	ip link set "$2" up
	ip -n "$HOSTS_NAME-$1" link set lo up
	ip -n "$HOSTS_NAME-$1" link set eth0 up
}

# wait_port NAMESPACE PORT: until something listens there, at most 5 s.
wait_port() {
	local n
	for ((n = 0; n < 250; n++)); do
		[ -z "$(ip netns exec "$1" ss -Htuln "sport = :$2")" ] || return 0
		read -rt 0.02 <> <(:) || :
	done
	echo "nothing listens on port $2 in $1" >&2
	return 1
}

hosts_up() {
	HOSTS_NAME=$1 HOSTS_DIR=$2
	local interface
	for interface in "$LAN_PORT" "$WAN_PORT"; do
		if [ -e "/sys/class/net/$interface" ]; then
			echo "interface $interface is there already: remove it (ip link del $interface), or set LAN_PORT and WAN_PORT" >&2
			return 1
		fi
	done
	mkdir -p "$HOSTS_DIR/www"
	host_make lan "$LAN_PORT"
	host_make wan "$WAN_PORT"
	on_wan sysctl -qw net.ipv6.conf.eth0.accept_dad=0
	ip -n "$HOSTS_NAME-wan" addr add 203.0.113.2/24 dev eth0
	ip -n "$HOSTS_NAME-wan" addr add 2001:db8:ff::2/64 dev eth0 nodad
	ip -n "$HOSTS_NAME-wan" route add default via 203.0.113.1
	ip -n "$HOSTS_NAME-wan" route add default via 2001:db8:ff::1

	# Simple commands, so that $! is the server itself and not a shell around it.
	ip netns exec "$HOSTS_NAME-wan" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= \
		--user=root --listen-address=203.0.113.2 --bind-interfaces --address=/www.example/203.0.113.2 \
		>"$HOSTS_DIR/dns.log" 2>&1 &
	HOSTS_PIDS+=($!)
	ip netns exec "$HOSTS_NAME-wan" python3 -m http.server --bind :: --directory "$HOSTS_DIR/www" 80 \
		>"$HOSTS_DIR/http.log" 2>&1 &
	HOSTS_PIDS+=($!)
	ip netns exec "$HOSTS_NAME-wan" iperf3 -s >"$HOSTS_DIR/iperf.log" 2>&1 &
	HOSTS_PIDS+=($!)
	wait_port "$HOSTS_NAME-wan" 53 && wait_port "$HOSTS_NAME-wan" 80 && wait_port "$HOSTS_NAME-wan" 5201
}

hosts_dhcp() {
	cat >"$HOSTS_DIR/dhcp" <<-'SCRIPT'
		#!/bin/sh
		[ "$1" = bound ] || exit 0
		ip addr add "$ip/$mask" dev "$interface"
		ip route add default via "$router"
		printf 'nameserver %s\n' $dns >"$HOSTS_DIR/resolv.conf"
		echo "$ip/$mask, router $router, DNS $dns"
	SCRIPT
	chmod +x "$HOSTS_DIR/dhcp"
	on_lan env HOSTS_DIR="$HOSTS_DIR" udhcpc -i eth0 -f -n -q -t 10 -T 1 -s "$HOSTS_DIR/dhcp" 2>/dev/null
}

# A fixed IPv6 address, for what need not wait for a router advertisement.
hosts_ipv6() {
	ip -n "$HOSTS_NAME-lan" addr add 2001:db8:1::10/64 dev eth0 nodad
	ip -n "$HOSTS_NAME-lan" route replace default via 2001:db8:1::1
}

hosts_down() {
	local pid
	for pid in "${HOSTS_PIDS[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	HOSTS_PIDS=()
	[ -n "$HOSTS_NAME" ] || return 0
	ip netns del "$HOSTS_NAME-lan" 2>/dev/null
	ip netns del "$HOSTS_NAME-wan" 2>/dev/null
	ip link del "$LAN_PORT" 2>/dev/null
	ip link del "$WAN_PORT" 2>/dev/null
	return 0
}
