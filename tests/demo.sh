#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The branch office: vCPE, firewall and router in containers between a LAN and a WAN host, with real traffic.
# Ends by itself, says what it saw, and leaves the host as it was. DEMO_SECONDS: length of each iperf3 run (4).
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${DEMO_SECONDS:-4}
build=${BUILD:-build}

[ "$(id -u)" = 0 ] || {
	echo "the demo makes network namespaces and containers: run it as root" >&2
	exit 1
}

work=$(mktemp -d /tmp/catena-demo-XXXXXX)
chmod 711 "$work" # functions run as unprivileged users
# shellcheck source=tests/hosts/branch.sh
. tests/hosts/branch.sh

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
	bold='' green='' red='' plain=''
fi

step() {
	printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
}

# try NAME CMD...: runs it and keeps the last line of what it prints as its result.
try() {
	local name=$1 out verdict
	shift
	if out=$("$@" 2>&1); then verdict="${green}ok  "; else verdict="${red}FAIL"; fi
	printf '%s%s %-26s %s\n' "$verdict" "$plain" "$name" "$(tail -n 1 <<<"$out")" >>"$work/results"
}

# What the host has that we might leave behind.
snapshot() {
	grep -E '^HugePages_Total' /proc/meminfo
	ip -o link | sed 's/^[0-9]*: //; s/[ @:].*//' | sort
	ip netns list | sort
	awk '{print $5}' /proc/self/mountinfo | sort
	find /sys/fs/cgroup -type d -path '*catena*' 2>/dev/null | sort
	ps -eo comm= | awk '/^(catena|runc|dnsmasq|iperf3)/' | sort
}

stop_manager() {
	local pid
	pid=$(cat "$work/run/catenad.pid" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null
	timeout 30 tail --pid="$pid" -f /dev/null
}

finish() {
	trap - EXIT INT TERM
	catena down --all >/dev/null 2>&1
	stop_manager
	hosts_down
	rm -rf "$work"
}
trap 'finish; exit 130' INT TERM
trap finish EXIT

step "Installing into $build/stage"
rm -rf "$build/stage"
DESTDIR=$PWD/$build/stage meson install -C "$build" --no-rebuild --quiet || exit 1
prefix=$PWD/$build/stage$(meson introspect "$build" --buildoptions |
	python3 -c 'import json,sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
export PATH=$prefix/bin:$PATH CATENA_RUN_DIR=$work/run CATENA_STATE_DIR=$work/state

before=$(snapshot)

step "LAN and WAN hosts: network namespaces behind lan0 and wan0"
hosts_up catena-demo "$work/hosts" || exit 1
echo '<p>Hello from the WAN</p>' >"$work/hosts/www/index.html"
head -c 100000000 /dev/urandom >"$work/hosts/www/100M"
on_wan ip -br addr show eth0

step "The plan"
catena plan chains/examples/branch.yaml || exit 1

step "catena up chains/examples/branch.yaml"
# No manager runs yet: up starts one.
catena up chains/examples/branch.yaml || exit 1

download() {
	on_lan curl -sS --max-time 60 -o "$work/100M" -w '%{size_download} bytes at %{speed_download} B/s' http://www.example/100M &&
		cmp "$work/100M" "$work/hosts/www/100M" && echo ", intact"
}
iperf() {
	local server=$1
	shift
	on_lan timeout $((seconds + 20)) iperf3 -c "$server" -t "$seconds" --json "$@" |
		python3 -c 'import json,sys
end = json.load(sys.stdin)["end"]
s = end.get("sum_received") or end["sum"]
lost = ", %.2f %% lost" % s["lost_percent"] if "lost_percent" in s else ""
print("%.0f Mbit/s%s" % (s["bits_per_second"] / 1e6, lost))'
}
http() {
	on_lan curl -sS --max-time 10 http://www.example/ | grep -o 'Hello from the WAN'
}
pings() {
	on_lan ping -c 5 -i 0.2 -W 2 "$@" | grep -E 'packets transmitted|rtt' | tr '\n' ' ' && echo
}

traffic() {
	try "address by DHCP" hosts_dhcp
	hosts_ipv6
	try "ping to the WAN" pings 203.0.113.2
	try "ping to the WAN, IPv6" pings 2001:db8:ff::2
	try "HTTP by name, through NAT" http
	try "TCP download, 100 MB" download
	try "TCP upload" iperf 203.0.113.2
	try "TCP download, IPv6" iperf 2001:db8:ff::2 -R
	try "UDP, 50 Mbit/s" iperf 203.0.113.2 -u -b 50M
}

step "Traffic, and what the chain does meanwhile"
if [ -t 1 ]; then
	catena status branch --watch &
else
	# Into a file or a pipe: the same table now and then.
	while catena status branch; do sleep 3; done &
fi
watch=$!
traffic
# The counters settle: one more look, for the summary.
catena status branch --json >"$work/status.json"
kill "$watch" 2>/dev/null
wait "$watch" 2>/dev/null

step "Summary"
cat "$work/results"
echo
catena status branch

step "catena down branch"
catena down branch || exit 1
stop_manager
cp "$work/status.json" "$build/demo-status.json"
cp "$work/results" "$build/demo-results"
hosts_down
after=$(snapshot)
finish

if [ "$before" = "$after" ]; then
	echo "the host is as it was: huge pages, interfaces, namespaces, mounts, cgroups, processes"
else
	echo "${red}left behind:${plain}"
	diff <(echo "$before") <(echo "$after")
	exit 1
fi
if grep -q FAIL "$build/demo-results" 2>/dev/null; then
	echo "${red}some of the traffic failed${plain}: see above"
	exit 1
fi
echo "${green}everything worked${plain}"
