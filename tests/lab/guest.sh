#!/usr/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Process 1 of the lab's guest: brings the machine up as far as the checks need it, makes them, and switches it off. Every check is
# a line of /run/lab/results: "ok NAME: what was seen", "FAIL ..." or "skip ...". The last line is "end".
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
build=$(sed 's/.*lab_build=\([^ ]*\).*/\1/' /proc/cmdline)
prefix=$(dirname "$(dirname "$(find "$build/stage" -name catenad -path '*/bin/*' | head -1)")")
PATH=$prefix/bin:$PATH

mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mkdir -p /dev/pts /dev/shm /run/lab /lib/modules
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 out /run/lab
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose modules /lib/modules
# One hierarchy, as Debian has it. What processes are in the root of cannot give controllers to others; we are the only one.
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
exec </dev/null >/run/lab/guest.log 2>&1
for module in e1000e veth tun vfio-pci af_packet; do
	modprobe "$module" || echo "no module $module"
done
ip link set lo up

results=/run/lab/results
: >"$results"
ok() {
	echo "ok $*" | tee -a "$results"
}
bad() {
	echo "FAIL $*" | tee -a "$results"
}
skip() {
	echo "skip $*" | tee -a "$results"
}
# within SECONDS COMMAND...: tried until it succeeds.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}
finish() {
	cp /tmp/lab/*.log /run/lab/ 2>/dev/null
	dmesg >/run/lab/dmesg 2>&1
	echo end >>"$results"
	sync
	while :; do
		echo o >/proc/sysrq-trigger
		sleep 1
	done
}
trap finish EXIT

mkdir -p /tmp/lab
chmod 755 /tmp/lab
export CATENA_RUN_DIR=/tmp/lab/run CATENA_STATE_DIR=/tmp/lab/state
manager_start() {
	catenad --foreground --log-level debug >>/tmp/lab/catenad.log 2>&1 &
	manager=$!
	within 60 catena version || within 5 test -S "$CATENA_RUN_DIR/api.sock" || bad "manager: it does not serve: $(tail -3 /tmp/lab/catenad.log)"
}
status() {
	catena status "$1" --json
}
bdf_of() {
	local link
	link=$(grep -l "$1" /sys/class/net/*/address | head -1)
	basename "$(readlink -f "$(dirname "$link")/device")"
}
interface_of() {
	basename "$(dirname "$(grep -l "$1" /sys/class/net/*/address | head -1)")"
}
driver_of() {
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}
# What `down` must leave as it was.
host_state() {
	cat /sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages
	find /sys/fs/cgroup -mindepth 1 -type d | sort
	awk '{print $2}' /proc/mounts | sort
	ip -o link | awk -F': ' '{print $2}' | sed 's/@.*//' | sort
	for bdf in "$near" "$far"; do
		echo "$bdf $(driver_of "$bdf") $(cat "/sys/bus/pci/devices/$bdf/driver_override")"
	done
	pgrep -a "^(catena|runc)"
}

# null_chain NAME DEVICE: three null functions between that device and the host behind a veth.
null_chain() {
	cat <<-YAML
		version: 1
		service: $1
		numa: strict
		ports:
		  left: {dev: "$2"}
		  right: {dev: "veth:behind0"}
		functions:
		  one: {kind: "null"}
		  two: {kind: "null"}
		  three: {kind: "null"}
		path: [left, one, two, three, right]
	YAML
}
pids_of() {
	status "$1" | jq -r '.dataplane.pid, .functions[].pid'
}

# memory_check CHECK SERVICE: its shared memory is where the NIC is.
memory_check() {
	local pid elsewhere pages
	elsewhere=$(for pid in $(pids_of "$2"); do grep -E 'memfd:' "/proc/$pid/numa_maps" | grep -E ' N0=[1-9]'; done)
	pages=$(for pid in $(pids_of "$2"); do grep -E 'memfd:' "/proc/$pid/numa_maps" | grep -oE ' N1=[0-9]+' | cut -d= -f2; done | awk '{n += $1} END {print n + 0}')
	if [ -z "$elsewhere" ] && [ "$pages" -gt 0 ]; then
		ok "$1: all pages of the region, rings and state are on node 1: $pages mapped pages"
	else
		bad "$1: $pages pages on node 1, and on node 0: $(head -3 <<<"$elsewhere" | tr '\n' ';')"
	fi
}

# threads_check CHECK SERVICE: all that carry packets are bound to the planned processor, which is on node 1.
threads_check() {
	local planned wrong='' count=0 pid task on node
	planned=$(status "$2" | jq -r '.lanes[].cpu' | sort -n | paste -sd,)
	for pid in $(pids_of "$2"); do
		for task in /proc/"$pid"/task/*; do
			grep -q '^lane' "$task/comm" || continue
			count=$((count + 1))
			on=$(awk '/Cpus_allowed_list/ {print $2}' "$task/status")
			[ "$on" = "$planned" ] || wrong+="$pid on $on "
		done
	done
	node=$(basename "$(ls -d "/sys/devices/system/cpu/cpu${planned%%,*}"/node*)")
	if [ -z "$wrong" ] && [ "$count" -ge 1 ] && [ "$node" = node1 ]; then
		ok "$1: every worker ($count threads) on processor $planned of $node and no other"
	else
		bad "$1: planned $planned ($node), $count workers, found ${wrong:-that}"
	fi
}

# The machine.
uname -r
near=$(bdf_of 02:00:00:00:0b:01)
far=$(bdf_of 02:00:00:00:0b:00)
near_node=$(cat "/sys/bus/pci/devices/$near/numa_node")
group=$(readlink "/sys/bus/pci/devices/$near/iommu_group")
nodes=$(catena host --json | jq '.nodes | length')
if [ "$nodes" = 2 ] && [ "$near_node" = 1 ] && [ -n "$group" ]; then
	ok "machine: $nodes nodes, Linux $(uname -r), NIC $near on node $near_node in IOMMU group $(basename "$group")"
else
	bad "machine: $nodes nodes, NIC $near on node $near_node, IOMMU group ${group:-none}"
fi
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
	ok "cgroup: v2 alone"
else
	bad "cgroup: $(stat -fc %T /sys/fs/cgroup)"
fi

# A host on the far NIC's wire, and one behind a veth.
ip netns add far
ip link set "$(interface_of 02:00:00:00:0b:00)" netns far name wire
ip -n far addr add 10.9.0.1/24 dev wire
ip -n far link set wire up
ip netns add behind
ip link add behind0 type veth peer name eth0 netns behind
ip -n behind addr add 10.9.0.2/24 dev eth0
ip -n behind link set eth0 up
ip link set behind0 up
nic=$(interface_of 02:00:00:00:0b:01)
ip link set "$nic" down

null_chain wire "pci:$near" >/tmp/lab/wire.yaml
null_chain plain "veth:$nic" >/tmp/lab/plain.yaml
ping_through() {
	ip netns exec far ping -n -q -c "$1" -i 0.1 -W 5 10.9.0.2
}

before=$(host_state)
manager_start

# The map of the host against what sysfs says.
catena host >/run/lab/host.txt 2>&1
catena host --json >/run/lab/host.json 2>&1
siblings=$(jq -c '[.cpus[] | [.id, .sibling]]' /run/lab/host.json)
nics=$(jq -c '[.nics[] | select(.bdf != "") | {(.bdf): .node}] | add' /run/lab/host.json)
if [ "$siblings" = '[[0,0],[1,0],[2,2],[3,2]]' ] && [ "$(jq -c '[.cpus[].node]' /run/lab/host.json)" = '[0,0,1,1]' ] &&
	[ "$(jq --arg bdf "$near" '.[$bdf]' <<<"$nics")" = 1 ] && [ "$(jq --arg bdf "$far" '.[$bdf]' <<<"$nics")" = 0 ]; then
	ok "catena host: first threads of cores $siblings, nodes of NICs $nics"
else
	bad "catena host: first threads of cores $siblings, nodes of NICs $nics"
fi

# The NIC with its kernel driver first: a service on cgroup v2 alone.
ip link set "$nic" up
if catena up /tmp/lab/plain.yaml >/tmp/lab/plain.log 2>&1 && within 30 ping_through 1; then
	group=$(cut -d: -f1,3 "/proc/$(status plain | jq '.functions[0].pid')/cgroup")
	ok "kernel driver: three containers between $(driver_of "$near") and veth, a function's cgroup $group"
	memory_check "kernel driver, memory" plain
	threads_check "kernel driver, threads" plain
else
	bad "kernel driver: $(tail -3 /tmp/lab/plain.log | tr '\n' ' ')"
fi
# What one service holds is not given to another.
if catena up /tmp/lab/wire.yaml >/tmp/lab/used.log 2>&1; then
	bad "device in use: taken from another service"
else
	ok "device in use: $(tail -1 /tmp/lab/used.log)"
fi
catena down --all >>/tmp/lab/plain.log 2>&1 || bad "kernel driver: down: $(tail -1 /tmp/lab/plain.log)"
ip link set "$nic" down
catena plan /tmp/lab/wire.yaml >/run/lab/plan.txt 2>&1
begin=$SECONDS
if catena up /tmp/lab/wire.yaml >/tmp/lab/up.log 2>&1; then
	ok "up: $near by $(driver_of "$near"), $((SECONDS - begin)) s"
else
	bad "up: $(tail -3 /tmp/lab/up.log | tr '\n' ' ')"
	exit
fi

within 30 ping_through 1
if seen=$(ping_through 20) && grep -q ' 0% packet loss' <<<"$seen"; then
	ok "forwarding: through $near, the IOMMU and three containers: $(grep received <<<"$seen"), $(grep rtt <<<"$seen")"
else
	bad "forwarding: ${seen##*statistics ---}"
fi

memory_check memory wire
threads_check threads wire

# The manager dies in the middle, and the next one goes on.
pids=$(pids_of wire)
kill -9 "$manager"
wait "$manager" 2>/dev/null
dead=$(ping_through 5 | grep -c ' 0% packet loss')
manager_start
within 30 sh -c 'catena status wire --json | jq -e ".state == \"running\""'
now=$(pids_of wire)
if [ "$dead" = 1 ] && [ "$now" = "$pids" ] && ping_through 5 | grep -q ' 0% packet loss'; then
	ok "kill -9 of catenad: traffic went on, the next one took over the same processes"
else
	bad "kill -9 of catenad: pings without it: $dead, processes $(echo "$pids" | paste -sd' ') then $(echo "$now" | paste -sd' ')"
fi
catena down wire >/tmp/lab/down.log 2>&1 || bad "down: $(cat /tmp/lab/down.log)"

# A wrong node is refused, or said.
{ cat /tmp/lab/wire.yaml; echo 'lanes: [0]'; } >/tmp/lab/remote.yaml
if catena plan /tmp/lab/remote.yaml >/run/lab/remote.txt 2>&1; then
	bad "numa: strict: a lane on node 0 for a NIC on node 1 was planned"
else
	ok "numa: strict: $(head -1 /run/lab/remote.txt)"
fi

# What this kernel's scheduler makes of a lane. Slow, because instructions are emulated: only the ratio says something.
cat >/tmp/lab/rate.yaml <<YAML
version: 1
service: rate
ports:
  left: {dev: "gen:", gen: {size: 64}}
  right: {dev: "gen:", gen: {send: false}}
functions: {one: {kind: "null"}, two: {kind: "null"}, three: {kind: "null"}}
path: [left, one, two, three, right]
YAML
if catena up /tmp/lab/rate.yaml >/tmp/lab/rate.log 2>&1; then
	packets() {
		status rate | jq '.hops[-1].right.packets // .hops[-2].right.packets'
	}
	sleep 2
	first=$(packets)
	at=$(date +%s%N)
	sleep 5
	rate=$(awk -v n="$(($(packets) - first))" -v ns="$(($(date +%s%N) - at))" 'BEGIN {printf "%.3f", n * 1000 / ns}')
	one=$("$build/bench/fused" --functions 3 --seconds 3 --rounds 1 2>/dev/null | jq .mpps)
	if [ "$rate" != 0.000 ]; then
		ok "scheduler: three containers on one lane $rate Mpps, the same in one process ${one:-?} Mpps"
	else
		bad "scheduler: nothing came through"
	fi
	catena down rate >>/tmp/lab/rate.log 2>&1
else
	bad "scheduler: $(tail -2 /tmp/lab/rate.log | tr '\n' ' ')"
fi

kill -TERM "$manager"
wait "$manager" 2>/dev/null
after=$(host_state)
if [ "$after" = "$before" ]; then
	ok "restored: driver $(driver_of "$near"), huge pages, cgroups, mounts, interfaces, processes"
else
	bad "restored: $(diff <(echo "$before") <(echo "$after") | grep '^[<>]' | head -5 | tr '\n' ' ')"
fi
